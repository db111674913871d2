//! The small languages inside option values: `--output`, `--display`, `--stdin`, lists and
//! numbers. Pure. Those of placement are in [`super::placing`].

use std::path::{Path, PathBuf};

/// Who reads mpirun's standard input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StdinReader {
    /// One rank, by number.
    Rank(u32),
    /// Every rank gets a copy.
    All,
    /// Nobody.
    Nobody,
}

/// `--output`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OutputOptions {
    /// Rank and stream before each line.
    pub tag: bool,
    /// The time before each line.
    pub timestamp: bool,
    /// Standard error goes to standard output.
    pub merge: bool,
    /// Pass bytes on as they come, not by whole lines.
    pub raw: bool,
    /// Output that goes to files does not go to mpirun's own output.
    pub nocopy: bool,
    /// An XML element for each line.
    pub xml: bool,
    /// `DIR/rank.N/stdout` and `stderr`.
    pub dir: Option<String>,
    /// `FILE.N.out` and `FILE.N.err`.
    pub file: Option<String>,
}

/// A number of ranks.
pub fn count(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(n) if n > 0 && i32::try_from(n).is_ok() => Ok(n),
        _ => Err(format!("wanted a number of ranks, from 1 to {}", i32::MAX)),
    }
}

/// A number of rounds of `--tune`.
pub fn rounds(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(n) if (1..=1000).contains(&n) => Ok(n),
        _ => Err("wanted a number from 1 to 1000".to_owned()),
    }
}

/// The name of an output file.
pub fn pattern(text: &str) -> Result<String, String> {
    match text {
        "" => Err("wanted the name of a file, with %r for the rank".to_owned()),
        name => Ok(name.to_owned()),
    }
}

/// A time in seconds.
pub fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(s) if s.is_finite() && s > 0.0 => Ok(s),
        _ => Err("wanted a number of seconds above 0".to_owned()),
    }
}

/// Seconds between two tables or pictures.
pub fn interval(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("wanted seconds from 0.1 to 86400".to_owned()),
    }
}

/// The form of a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReportForm {
    /// JSON.
    Json,
    /// JUnit's XML.
    Junit,
}

/// `--report`: the form of the report, and a file or folder to write to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReportFile {
    /// The form.
    pub form: ReportForm,
    /// The file, or the folder.
    pub path: PathBuf,
    /// Whether it is a folder.
    pub is_folder: bool,
}

/// `--report`.
pub fn report(text: &str) -> Result<ReportFile, String> {
    const FORMS: &str = "it is json:FILE or junit:FILE";
    let (form, name) = match text.split_once(':') {
        Some(("json", name)) => (ReportForm::Json, name),
        Some(("junit", name)) => (ReportForm::Junit, name),
        Some((form, _)) => return Err(format!("the form {form} is not known; {FORMS}")),
        None => return Err(format!("{text} names no form; {FORMS}")),
    };
    if name.is_empty() {
        return Err("wanted the name of a file".to_owned());
    }
    let path = PathBuf::from(name);
    Ok(ReportFile {
        form,
        is_folder: name.ends_with('/') || path.is_dir(),
        path,
    })
}

/// `--profile`, `--trace`: a file to write.
pub fn file(text: &str) -> Result<PathBuf, String> {
    match Path::new(text) {
        path if text.is_empty() || path.is_dir() || text.ends_with('/') => {
            Err("wanted the name of a file".to_owned())
        }
        path => Ok(path.to_path_buf()),
    }
}

/// `--set`: a setting's name in lowercase, and its value, which is checked here.
pub fn setting(text: &str) -> Result<(String, String), String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err("wanted NAME=VALUE".to_owned());
    };
    let (name, value) = (name.trim().to_lowercase(), value.trim());
    wireup::settings::Settings::default()
        .set(&name, value)
        .map_err(|wanted| format!("wanted {wanted}"))?;
    Ok((name, value.to_owned()))
}

/// Ranks that are listed; none: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RankList(pub Vec<u32>);

/// `--gdb`, `--xterm`.
pub fn ranks(text: &str) -> Result<RankList, String> {
    match text {
        "" | "all" => Ok(RankList::default()),
        _ => numbers(text)
            .map(RankList)
            .ok_or_else(|| "wanted ranks, such as 0,2,4-7".to_owned()),
    }
}

/// `--stdin`.
pub fn stdin(text: &str) -> Result<StdinReader, String> {
    match text {
        "all" => Ok(StdinReader::All),
        "none" => Ok(StdinReader::Nobody),
        _ => text
            .parse()
            .map(StdinReader::Rank)
            .map_err(|_| "wanted a rank, all or none".to_owned()),
    }
}

/// The numbers of a list such as `0,2,4-7`, in the order in which they are written.
pub fn numbers(list: &str) -> Option<Vec<u32>> {
    let mut out = Vec::new();
    for part in list.trim().split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (from.trim().parse::<u32>().ok()?, to.trim().parse().ok()?);
        if from > to || to - from > 1 << 20 {
            return None;
        }
        out.extend(from..=to);
    }
    Some(out)
}

/// `--output`: words separated by commas, or by colons as Open MPI writes qualifiers. Words
/// may be cut short, as long as they are one word's only.
pub fn output(text: &str) -> Result<OutputOptions, String> {
    let mut out = OutputOptions::default();
    for word in text.split([',', ':']).filter(|word| !word.is_empty()) {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        let is = |full: &str, least: usize| is_short_for(name, full, least);
        match value {
            None if is("tag", 3) || is("tag-detailed", 5) || is("tag-fullname", 5) => {
                out.tag = true;
            }
            None if is("timestamp", 2) => out.timestamp = true,
            None if is("merge-stderr-to-stdout", 1) => out.merge = true,
            None if is("raw", 1) => out.raw = true,
            None if is("xml", 1) => out.xml = true,
            None if is("nocopy", 3) => out.nocopy = true,
            None if is("copy", 1) || is("nojobid", 3) => {}
            Some(dir) if is("directory", 3) && !dir.is_empty() => out.dir = Some(dir.to_owned()),
            Some(file) if is("filename", 4) && !file.is_empty() => out.file = Some(file.to_owned()),
            _ => {
                return Err(format!(
                    "{word} is none of tag, timestamp, merge, raw, xml, nocopy, dir=DIR, file=FILE"
                ));
            }
        }
    }
    match out == OutputOptions::default() && text.split([',', ':']).all(str::is_empty) {
        true => Err(
            "wanted some of tag, timestamp, merge, raw, xml, nocopy, dir=DIR, file=FILE".to_owned(),
        ),
        false => Ok(out),
    }
}

/// What `--display` shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Display {
    /// The machine, and where ranks run on it.
    pub places: bool,
    /// Hosts and what they offer, and where the number of ranks comes from.
    pub allocation: bool,
}

/// `--display`: words separated by commas, which may be cut short; a qualifier behind a colon.
pub fn display(text: &str) -> Result<Display, String> {
    const SYNTAX: &str = "wanted some of allocation, bind, map, map-devel, topo, cpus";
    let (list, qualifiers) = text.split_once(':').unwrap_or((text, ""));
    let parsable = |q: &str| is_short_for(q, "parseable", 4) || is_short_for(q, "parsable", 4);
    if !qualifiers.split(':').all(|q| q.is_empty() || parsable(q)) {
        return Err(SYNTAX.to_owned());
    }
    let mut shown = Display::default();
    for word in list.split(',') {
        let name = word.split_once('=').map_or(word, |(name, _)| name);
        let is = |full: &str, least: usize| is_short_for(name, full, least);
        if is("allocation", 1) || is("alloc-devel", 6) {
            shown.allocation = true;
        } else if is("bindings", 1)
            || is("map", 3)
            || is("map-devel", 5)
            || is("topology", 1)
            || is("cpus", 1)
        {
            shown.places = true;
        } else {
            return Err(SYNTAX.to_owned());
        }
    }
    Ok(shown)
}

/// Whether `word` is `full`, or its beginning with at least so many letters. Capitals count
/// as small letters.
pub fn is_short_for(word: &str, full: &str, least: usize) -> bool {
    let word = word.to_ascii_lowercase();
    word.len() >= least && full.starts_with(&word)
}

/// `--cpu-set`.
pub fn processors(text: &str) -> Result<RankList, String> {
    numbers(text)
        .map(RankList)
        .ok_or_else(|| "wanted processors, such as 0,2,4-7".to_owned())
}

/// `--stream-buffering`.
pub fn buffering(text: &str) -> Result<u8, String> {
    match text {
        "0" => Ok(0),
        "1" => Ok(1),
        "2" => Ok(2),
        _ => Err("wanted 0 (unbuffered), 1 (by lines) or 2 (in blocks)".to_owned()),
    }
}

/// `-usize`: how many processes can usefully run. None: as many as there are ranks.
pub fn universe(text: &str) -> Result<Universe, String> {
    match text.to_ascii_lowercase().as_str() {
        "system" => Ok(Universe::System),
        "infinite" => Ok(Universe::Size(i32::MAX.unsigned_abs())),
        n => match n.parse::<u32>() {
            Ok(n) if i32::try_from(n).is_ok() => Ok(Universe::Size(n)),
            _ => Err(format!(
                "wanted a number up to {}, SYSTEM or INFINITE",
                i32::MAX
            )),
        },
    }
}

/// What `MPI_UNIVERSE_SIZE` is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Universe {
    /// The cores of the machine.
    System,
    /// This number.
    Size(u32),
}

/// `--append-env`, `--prepend-env`: a variable's name, with the separator in brackets.
pub fn joined(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once('[')?;
    let separator = rest.strip_suffix(']')?;
    (!name.is_empty() && separator.chars().count() == 1).then_some((name, separator))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_words() {
        let out = output("tag,timestamp,dir=x:nocopy").unwrap();
        assert!(out.tag && out.timestamp && out.nocopy);
        assert_eq!(out.dir.as_deref(), Some("x"));
        assert!(output("dir=").is_err() && output("").is_err() && output("ta").is_err());
        assert!(output("MERGE").unwrap().merge && output("tag-d,x").unwrap().xml);
        assert_eq!(output("file=a:NOCOPY").unwrap().file.as_deref(), Some("a"));
    }

    #[test]
    fn displays() {
        let shown = display("ALLOC,topo=a;b:parseable").unwrap();
        assert!(shown.allocation && shown.places);
        assert!(display("wood").is_err() && display("map:wood").is_err());
        assert_eq!(joined("A_B[:]"), Some(("A_B", ":")));
        assert_eq!(
            (joined("A"), joined("[:]"), joined("A[]")),
            (None, None, None)
        );
    }
}
