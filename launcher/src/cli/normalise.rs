//! Rewrites the spellings of both common launchers for clap. Long options with a single dash
//! get the second one. The program's name, at which mpirun's own options end, gets a `--`
//! before it. The error for an unknown option names the nearest known one.

use super::dialects::{self, Translation};
use clap::Command;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};

/// An option of mpirun.
struct OptionSpec {
    /// Its long name.
    long: String,
    /// How many values it takes as separate arguments.
    values: usize,
}

/// A command line for clap.
#[derive(Debug, Default)]
pub struct Normalised {
    /// Its words.
    pub args: Vec<OsString>,
    /// What there is to say of options that do nothing here.
    pub notes: Vec<String>,
}

/// Rewrites `args` (without the program's own name) for clap.
///
/// # Errors
/// A sentence that names the option that is unknown or lacks its value.
pub fn normalise(args: &[OsString], command: &Command) -> Result<Normalised, String> {
    let known = table(command);
    let mut out = Normalised::default();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let Some(text) = arg.to_str().filter(|t| t.len() > 1 && t.starts_with('-')) else {
            out.args.push(OsString::from("--"));
            out.args.push(arg.clone());
            out.args.extend(rest.cloned());
            return Ok(out);
        };
        if text == "--" {
            out.args.push(arg.clone());
            out.args.extend(rest.cloned());
            return Ok(out);
        }
        let bare = text.trim_start_matches('-');
        let (name, inline) = match bare.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (bare, None),
        };
        let missing = || format!("option {text} needs a value; see --help");
        let dashed = name.replace('_', "-"); // Hydra takes both
        let option = known.get(name).or_else(|| known.get(&dashed));
        if let Some(option) = option {
            match inline {
                Some(value) => {
                    let word = format!("--{}={value}", option.long);
                    out.args.push(OsString::from(word));
                }
                None => {
                    out.args.push(OsString::from(format!("--{}", option.long)));
                    for _ in 0..option.values {
                        let value = rest.next().ok_or_else(missing)?;
                        let spaced = option.long == "set";
                        out.args
                            .push(match spaced.then(|| spaced_setting(value, &mut rest)) {
                                Some(whole) => whole,
                                None => value.clone(),
                            });
                    }
                }
            }
            continue;
        }
        let count = dialects::values(&dashed).ok_or_else(|| unknown(text, &dashed, &known))?;
        let mut values: Vec<String> = inline.map(str::to_owned).into_iter().collect();
        if count == 0 && !values.is_empty() {
            return Err(format!("option {text} takes no value"));
        }
        while values.len() < count {
            let value = rest.next().ok_or_else(missing)?;
            values.push(value.to_string_lossy().into_owned());
        }
        let shown = match inline {
            Some(_) => text.to_owned(),
            None => [&[text.to_owned()][..], &values].concat().join(" "),
        };
        match dialects::translate(&dashed, &values) {
            Some(Translation::Words(words)) => {
                out.args.extend(words.into_iter().map(OsString::from));
            }
            Some(Translation::Holds) => {}
            Some(Translation::Nothing(why)) => {
                out.notes.push(format!("{shown} does nothing here: {why}"));
            }
            Some(Translation::Refused(hint)) => {
                return Err(format!("{shown} is not possible here: {hint}"));
            }
            None => return Err(unknown(text, &dashed, &known)),
        }
    }
    Ok(out)
}

/// Joins a setting that was written with spaces, as in a settings file, and came as several
/// arguments: `NAME = VALUE`, `NAME =VALUE` or `NAME= VALUE`.
fn spaced_setting(first: &OsString, rest: &mut std::slice::Iter<OsString>) -> OsString {
    let has = |text: &OsStr, end: bool| match end {
        true => text.as_encoded_bytes().ends_with(b"="),
        false => text.as_encoded_bytes().starts_with(b"="),
    };
    let mut whole = first.clone();
    let name_only = !first.as_encoded_bytes().contains(&b'=');
    if name_only && rest.as_slice().first().is_some_and(|next| has(next, false)) {
        whole.extend(rest.next().cloned());
    }
    if has(&whole, true) {
        whole.extend(rest.next().cloned());
    }
    whole
}

/// The options by each of their names.
fn table(command: &Command) -> HashMap<String, OptionSpec> {
    let mut known = HashMap::new();
    for arg in command.get_arguments().filter(|a| !a.is_positional()) {
        let Some(long) = arg.get_long() else { continue };
        let values = match arg.get_action().takes_values() {
            true => arg.get_num_args().map_or(1, |n| n.min_values()),
            false => 0,
        };
        let mut names: Vec<String> = vec![long.to_owned()];
        names.extend(arg.get_short().map(String::from));
        names.extend(
            arg.get_all_aliases()
                .into_iter()
                .flatten()
                .map(str::to_owned),
        );
        for short in arg.get_all_short_aliases().into_iter().flatten() {
            names.push(short.to_string());
        }
        for name in names {
            let long = long.to_owned();
            known.insert(name, OptionSpec { long, values });
        }
    }
    known
}

/// The error for an unknown option, with a hint.
fn unknown(text: &str, name: &str, known: &HashMap<String, OptionSpec>) -> String {
    let mut all: Vec<&str> = dialects::names().collect();
    all.extend(known.keys().map(String::as_str));
    match nearest(name, all.into_iter()) {
        Some(k) => {
            let dashes = if k.len() == 1 { "-" } else { "--" };
            format!("unknown option {text}: did you mean {dashes}{k}? --help lists all options")
        }
        None => format!("unknown option {text}; --help lists all options"),
    }
}

/// The word that `name` is probably meant to be.
pub fn nearest<'a>(name: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = words
        .map(|word| (strsim::levenshtein(word, name), word))
        .min();
    let near = near.filter(|(distance, word)| *distance <= 1 + word.len() / 4);
    near.map(|(_, word)| word)
}

/// Splits a command line at its bare colons.
///
/// # Errors
/// A colon with no program on one of its sides.
pub fn split_programs(args: &[OsString]) -> Result<Vec<Vec<OsString>>, String> {
    let parts: Vec<Vec<OsString>> = args
        .split(|a| a == OsStr::new(":"))
        .map(<[OsString]>::to_vec)
        .collect();
    if parts.len() > 1 && parts.iter().any(Vec::is_empty) {
        return Err("a colon stands between two programs: one side of it is empty".to_owned());
    }
    Ok(parts)
}

/// Splits the text of an `--app` file into one argument list for each line. Words are quoted
/// as in a shell ('…', "…", \\x). Empty lines and comments (`# …`) are skipped.
///
/// # Errors
/// A quote is not closed. The text shows the line.
pub fn split_file(text: &str) -> Result<Vec<Vec<OsString>>, String> {
    let joined = text.replace("\\\n", " ");
    let mut lines = Vec::new();
    for line in joined.lines() {
        let words = split_words(line)
            .ok_or_else(|| format!("a quote is not closed in the line {line:?}"))?;
        if !words.is_empty() {
            lines.push(words.into_iter().map(OsString::from).collect());
        }
    }
    Ok(lines)
}

/// The words of a line. None if a quote is not closed.
fn split_words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\r' => words.extend(word.take()),
            '#' if word.is_none() => break,
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => word.push(chars.next()?),
                        c => word.push(c),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::options::CommandLine;
    use clap::CommandFactory;

    fn normal(line: &str) -> Result<String, String> {
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let out = normalise(&args, &CommandLine::command())?;
        Ok(out
            .args
            .iter()
            .map(|a| a.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" "))
    }

    #[test]
    fn both_spellings_come_out_alike() {
        assert_eq!(normal("-np 4 prog -np 3").unwrap(), "--np 4 -- prog -np 3");
        assert_eq!(normal("--np 4 prog").unwrap(), "--np 4 -- prog");
        assert_eq!(normal("-c 4 prog").unwrap(), "--np 4 -- prog");
        assert_eq!(
            normal("-bind-to core -l ./a : x").unwrap(),
            "--bind-to core --prepend-rank -- ./a : x"
        );
        assert_eq!(
            normal("-genv A -1 prog").unwrap(),
            "--genv A -1 -- prog",
            "values may begin with a dash"
        );
        for words in ["a = 1", "a =1", "a= 1", "a=1"] {
            let line = format!("--set {words} -n 2 prog");
            assert_eq!(normal(&line).unwrap(), "--set a=1 --np 2 -- prog");
        }
        assert_eq!(normal("--set a prog").unwrap(), "--set a -- prog");
    }

    #[test]
    fn unknown_options_are_named_with_a_hint() {
        let said = normal("--nolocal prog").unwrap_err();
        assert!(
            said.contains("--nolocal") && said.contains("--host"),
            "{said}"
        );
        let said = normal("--bind-too core prog").unwrap_err();
        assert!(said.contains("--bind-to"), "{said}");
        assert!(normal("-n").unwrap_err().contains("-n"));
        assert!(normal("--mca a").unwrap_err().contains("needs a value"));
        assert!(normal("--bycore=3 x").unwrap_err().contains("no value"));
    }

    #[test]
    fn options_of_other_launchers_are_translated_or_told_of() {
        assert_eq!(
            normal("-bynode -rf x -merge_stderr_to_stdout prog -rf y").unwrap(),
            "--map-by=node --map-by=rankfile:file=x --output=merge -- prog -rf y"
        );
        let args = ["--mca", "btl", "self", "--quiet", "x"].map(OsString::from);
        let out = normalise(&args, &CommandLine::command()).unwrap();
        assert_eq!(out.args, ["--", "x"]);
        assert_eq!(out.notes.len(), 1);
        assert!(out.notes[0].starts_with("--mca btl self does nothing here"));
    }

    #[test]
    fn no_name_is_there_twice() {
        let known = table(&CommandLine::command());
        let twice: Vec<_> = dialects::names()
            .filter(|name| known.contains_key(*name))
            .collect();
        assert!(twice.is_empty(), "{twice:?}");
    }

    #[test]
    fn files_are_split_as_a_shell_would() {
        let lines = split_file("# two\n-n 2 'a b' \"c\\\"d\" e\\ f\n\n x # y\n").unwrap();
        assert_eq!(lines[0], ["-n", "2", "a b", "c\"d", "e f"]);
        assert_eq!(lines[1], ["x"]);
        assert!(split_file("'open").is_err());
    }

    #[test]
    fn colons_split_programs() {
        let args: Vec<OsString> = ["a", ":", "-n", "2", "b"].map(OsString::from).to_vec();
        assert_eq!(split_programs(&args).unwrap().len(), 2);
        assert!(split_programs(&args[..2]).is_err());
    }
}
