//! Reports of `mpirun`, as tests compare them: without what changes from run to run.

/// The ends of sources' names, with the colon before the line.
const ENDINGS: [&str; 3] = [".c:", ".h:", ".rs:"];

/// Takes what is in the brackets that begin so out of a line, where it is of the kind that
/// changes from run to run.
fn without(
    mut line: String,
    opening: &str,
    closing: &str,
    varies: impl Fn(&str) -> bool,
) -> String {
    let mut from = 0;
    while let Some(at) = line[from..].find(opening).map(|at| at + from) {
        let inside = at + opening.len();
        let Some(len) = line[inside..].find(closing) else {
            break;
        };
        if varies(&line[inside..inside + len]) {
            line.replace_range(at..inside + len + closing.len(), "");
        }
        from = (at + 1).min(line.len());
    }
    line
}

/// Takes the process id out of «(world rank 3, pid 55)».
fn without_pid(mut line: String) -> String {
    if let Some(at) = line.find(", pid ")
        && let Some(len) = line[at..].find(')')
    {
        line.replace_range(at..at + len, "");
    }
    line
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_time(text: &str) -> bool {
    let text = text.trim_start_matches("up to ").trim_start_matches("for ");
    text.strip_suffix(" s")
        .is_some_and(|number| number.parse::<f64>().is_ok())
}

/// A line without what changes from run to run. `source`: the program's lines, or none. The line of the
/// source in which a rank is said to wait must have the call that it is said to wait in.
///
/// # Errors
/// It has not.
pub fn masked(line: &str, source: &[&str]) -> Result<String, String> {
    let line = without(line.to_owned(), " (pid ", ")", is_number);
    let line = without_pid(line);
    let line = line.replace(" (core dumped)", "");
    let mut line = without(line, " (", ")", is_time);
    let mut from = 0;
    let place = |text: &str| {
        let found = ENDINGS
            .iter()
            .filter_map(|end| Some((text.find(end)?, end.len())));
        found.min()
    };
    while let Some((at, len)) = place(&line[from..]) {
        let (at, digits) = (at + from, at + from + len);
        let end = line[digits..].find(|c: char| !c.is_ascii_digit());
        let end = end.map_or(line.len(), |len| digits + len);
        let number: usize = line[digits..end].parse().unwrap_or(0);
        let start = line[..at].rfind(" at ").ok_or("no \"at\" before a line")?;
        let call = line.split_once(" in MPI_").map(|(_, rest)| rest);
        let call = call.and_then(|rest| {
            rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
        });
        let call = call.filter(|_| line.contains(" waits in ") || line.contains(" wait in "));
        let is_unknown = source.is_empty();
        let there = source.iter().skip(number.saturating_sub(1)).take(4);
        if let Some(call) = call
            && !is_unknown
            && !there
                .clone()
                .any(|text| text.contains(&format!("MPI_{call}")))
        {
            return Err(format!("line {number} has no MPI_{call}: {line}"));
        }
        line.replace_range(start..end, " at LINE");
        from = start + 1;
    }
    let context = |text: &str| is_number(text.trim_start_matches("context "));
    if let Some(at) = line.find("(context ") {
        let end = line[at..].find(')').map_or(line.len(), |len| at + len);
        if context(&line[at + 1..end]) {
            line.replace_range(at..end, "(context N");
        }
    }
    let line = line.replace("    at LINE", " at LINE");
    Ok(line.trim_end().to_owned())
}

/// Whether `text` is `pattern`, in which `*` stands for anything.
#[must_use]
pub fn fits(text: &str, pattern: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return text == pattern;
    };
    let Some(text) = text.strip_prefix(head) else {
        return false;
    };
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    ends.into_iter().any(|at| fits(&text[at..], rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_from_run_to_run_is_masked() {
        let source = ["", "    MPI_Recv(buffer);"];
        let line = "  rank 1 of \"odd\" (world rank 3, pid 55) waits in MPI_Recv for rank 2 (1.4 s)    at x.c:2";
        assert_eq!(
            masked(line, &source).unwrap(),
            "  rank 1 of \"odd\" (world rank 3) waits in MPI_Recv for rank 2 at LINE"
        );
        assert!(masked("rank 0 waits in MPI_Recv    at x.c:1", &["", ""]).is_err());
        assert_eq!(
            masked(
                "rank 0 (pid 7) in f (context 12), store at a.c:3, main at b.c:44",
                &source
            )
            .unwrap(),
            "rank 0 in f (context N), store at LINE, main at LINE"
        );
        assert!(fits("ranks 0-1: a; b", "ranks *: a*") && !fits("ab", "a*c"));
    }
}
