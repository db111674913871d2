//! Text in columns.

use std::time::Duration;

/// Lines whose cells stand below each other. `right` says which columns are aligned to the
/// right; the last column is as wide as it is.
pub fn align<L: AsRef<[String]>>(lines: &[L], right: &[bool]) -> String {
    let lines = lines.iter().map(AsRef::as_ref);
    let widest = |at: usize| lines.clone().map(|line| width(&line[at])).max();
    let widths: Vec<usize> = (0..right.len()).map(|at| widest(at).unwrap_or(0)).collect();
    let mut out = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).zip(right);
        let cells: Vec<String> = cells
            .map(|((cell, width), right)| {
                let fill = " ".repeat(width - self::width(cell));
                match right {
                    true => format!("{fill}{cell}"),
                    false => format!("{cell}{fill}"),
                }
            })
            .collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}

/// Characters of a text, each of which takes one column: what is shown has no others.
fn width(text: &str) -> usize {
    text.chars().count()
}

/// How many hosts, in words.
pub fn hosts(count: usize) -> String {
    match count {
        1 => "1 host".to_owned(),
        _ => format!("{count} hosts"),
    }
}

/// A time: «3.2 s», «1:05», «2:01:05».
pub fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, _) => format!("{:.1} s", (time.as_secs_f64() * 10.0).floor() / 10.0),
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// A part of a whole in percent; nothing of nothing is «-».
pub fn percent(part: f64, whole: f64) -> String {
    if whole <= 0.0 {
        return "-".to_owned();
    }
    format!("{:.0}%", 100.0 * part / whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_below_each_other() {
        let lines = [["a", "bb", "c"], ["dd", "e", ""]].map(|line| line.map(str::to_owned));
        assert_eq!(align(&lines, &[true, false, false]), " a  bb  c\ndd  e\n");
        let wide = [["é→"], ["x"]].map(|line| line.map(str::to_owned));
        assert_eq!(align(&wide, &[true]), "é→\n x\n");
    }

    #[test]
    fn times_and_parts() {
        assert_eq!(time(Duration::from_millis(3290)), "3.2 s");
        assert_eq!(time(Duration::from_millis(59_999)), "59.9 s");
        assert_eq!(time(Duration::from_secs(65)), "1:05");
        assert_eq!(time(Duration::from_secs(7265)), "2:01:05");
        assert_eq!(percent(1.0, 3.0), "33%");
        assert_eq!(percent(0.0, 0.0), "-");
    }
}
