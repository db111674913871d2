//! Slurm's lists: of nodes (`a[01-03,7],login`) and of numbers for each of them (`2(x3),1`).
//! Pure.

/// The most nodes of a list: more are a slip.
const MOST: usize = 1 << 20;

/// The names in a list of nodes, in order. None: it is no such list.
pub fn names(list: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for word in outside_of_brackets(list.trim())? {
        let mut all = expanded(word)?;
        names.append(&mut all);
        if names.len() > MOST {
            return None;
        }
    }
    Some(names)
}

/// The parts between commas that are not in brackets.
fn outside_of_brackets(list: &str) -> Option<Vec<&str>> {
    let (mut depth, mut begin, mut parts) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&list[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
        if !(0..=1).contains(&depth) {
            return None;
        }
    }
    parts.push(&list[begin..]);
    (depth == 0 && parts.iter().all(|part| !part.is_empty())).then_some(parts)
}

/// The names that one word with any number of brackets stands for.
fn expanded(word: &str) -> Option<Vec<String>> {
    let Some((before, rest)) = word.split_once('[') else {
        return Some(vec![word.to_owned()]);
    };
    let (inside, behind) = rest.split_once(']')?;
    let behind = expanded(behind)?;
    let mut names = Vec::new();
    for range in inside.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let number = |text: &str| text.parse::<u64>().ok();
        let (from, to) = (number(first)?, number(last)?);
        if to < from || to - from >= MOST as u64 {
            return None;
        }
        for n in from..=to {
            let width = first.len();
            names.extend(behind.iter().map(|end| format!("{before}{n:0width$}{end}")));
        }
        if names.len() > MOST {
            return None;
        }
    }
    Some(names)
}

/// The numbers in a list, one for each node. None: it is no such list.
pub fn numbers(list: &str) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    for word in list.trim().split(',') {
        let (number, times) = match word.split_once("(x") {
            Some((number, times)) => (number, times.strip_suffix(')')?.parse().ok()?),
            None => (word, 1_usize),
        };
        if times > MOST {
            return None;
        }
        let number: u32 = number.parse().ok()?;
        numbers.extend(std::iter::repeat_n(number, times));
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_nodes() {
        let all = |list: &str| names(list).unwrap_or_default().join(" ");
        assert_eq!(all("a"), "a");
        assert_eq!(all("a,b.example"), "a b.example");
        assert_eq!(all("n[08-11]"), "n08 n09 n10 n11");
        assert_eq!(all("n[1,3-4]x,login"), "n1x n3x n4x login");
        assert_eq!(all("r[1-2]n[0-1]"), "r1n0 r1n1 r2n0 r2n1");
        for wrong in ["", "a,,b", "a[1", "a]1", "a[x]", "a[3-1]", "a[[1]]", "a[]"] {
            assert_eq!(names(wrong), None, "{wrong}");
        }
        assert_eq!(names("a[0-99999999999]"), None);
    }

    #[test]
    fn lists_of_numbers() {
        assert_eq!(numbers("4"), Some(vec![4]));
        assert_eq!(numbers("2(x3),1"), Some(vec![2, 2, 2, 1]));
        for wrong in ["", "x", "2(x", "2(xy)", "2(x9999999999)"] {
            assert_eq!(numbers(wrong), None, "{wrong}");
        }
    }
}
