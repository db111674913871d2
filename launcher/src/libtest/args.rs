//! The arguments of a test program. Pure.

use std::ffi::OsString;
use std::io::IsTerminal;

/// In which form the user wants to read of tests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Form {
    /// A line for each test.
    #[default]
    Pretty,
    /// A character for each test.
    Terse,
    /// A line of JSON for each event.
    Json,
}

/// How tests are told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Words {
    pub form: Form,
    /// With colours.
    pub coloured: bool,
}

/// A program's arguments, with those that say how tests are told replaced.
#[derive(Debug, PartialEq, Eq)]
pub struct Replaced {
    pub args: Vec<OsString>,
    pub words: Words,
    /// They say how many tests run at once.
    pub says_threads: bool,
}

/// Options of libtest that have a value.
const WITH_VALUE: [&str; 5] = [
    "--logfile",
    "--test-threads",
    "--skip",
    "--shuffle-seed",
    "-Z",
];

/// Whether a program is to list its tests or its options, and to run nothing.
pub fn lists(args: &[OsString]) -> bool {
    let mut before = None;
    let options = args.iter().take_while(|word| *word != "--");
    options.into_iter().any(|word| {
        let is_value = before
            .replace(word)
            .is_some_and(|before: &OsString| WITH_VALUE.iter().any(|option| before == option));
        !is_value
            && ["--list", "--help", "-h"]
                .iter()
                .any(|option| word == option)
    })
}

impl Replaced {
    /// # Errors
    /// The form that is wanted is one that mpirun cannot tell tests in.
    pub fn of(args: &[OsString]) -> Result<Replaced, String> {
        let mut words = Words::default();
        let mut colour = "auto".to_owned();
        let mut kept = vec!["-Zunstable-options".into(), "--format=json".into()];
        let mut says_threads = false;
        let mut rest = args.iter();
        while let Some(word) = rest.next() {
            let text = word.to_str().unwrap_or_default();
            let mut value_of = |option: &str| match text.strip_prefix(option) {
                Some("") => rest
                    .next()
                    .map(|value| value.to_string_lossy().into_owned()),
                Some(with) => with.strip_prefix('=').map(str::to_owned),
                None => None,
            };
            if let Some(form) = value_of("--format") {
                words.form = match form.as_str() {
                    "pretty" => Form::Pretty,
                    "terse" => Form::Terse,
                    "json" => Form::Json,
                    "junit" => {
                        return Err(
                            "--format=junit: the tests of all ranks in one file are written by mpirun --report=junit:FILE".to_owned(),
                        );
                    }
                    _ => {
                        return Err(format!(
                            "--format={form}: wanted pretty, terse or json (mpirun tells tests once; --rust-tests=each prints what every rank prints)"
                        ));
                    }
                };
            } else if let Some(wanted) = value_of("--color") {
                colour = wanted;
            } else if matches!(text, "-q" | "--quiet") {
                words.form = Form::Terse;
            } else if text == "-Z" {
                rest.next(); // the only one that there is; libtest takes it once
            } else if text.starts_with("-Z") {
                // likewise
            } else if text == "--" {
                kept.push(word.clone());
                kept.extend(rest.by_ref().cloned());
            } else {
                says_threads |= text.starts_with("--test-threads");
                kept.push(word.clone());
                if WITH_VALUE.contains(&text) {
                    kept.extend(rest.next().cloned());
                }
            }
        }
        words.coloured = match colour.as_str() {
            "always" => true,
            "auto" => std::io::stdout().is_terminal(),
            _ => false,
        };
        Ok(Replaced {
            args: kept,
            words,
            says_threads,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Result<(Vec<String>, Form, bool), String> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let own = Replaced::of(&words)?;
        let args = own.args[2..].iter();
        let args = args.map(|word| word.to_string_lossy().into_owned());
        Ok((args.collect(), own.words.form, own.says_threads))
    }

    #[test]
    fn what_says_how_tests_are_told_is_taken_out() {
        let told = of(&[
            "a",
            "--format",
            "json",
            "--color=never",
            "--skip",
            "-q",
            "b",
        ]);
        let kept = ["a", "--skip", "-q", "b"].map(str::to_owned).to_vec();
        assert_eq!(told, Ok((kept, Form::Json, false)));
        let told = of(&["-q", "--test-threads=3", "--", "-q", "--format"]);
        let kept = ["--test-threads=3", "--", "-q", "--format"].map(str::to_owned);
        assert_eq!(told, Ok((kept.to_vec(), Form::Terse, true)));
        assert!(
            of(&["--format=junit"])
                .unwrap_err()
                .contains("--report=junit:FILE")
        );
        assert!(
            of(&["--format=xml"])
                .unwrap_err()
                .contains("pretty, terse or json")
        );
    }

    #[test]
    fn lists_are_known() {
        let lists = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            super::lists(&words)
        };
        assert!(lists(&["--list", "--format", "terse"]));
        assert!(lists(&["-h"]));
        assert!(!lists(&["--skip", "--list"]));
        assert!(!lists(&["list", "--", "--list"]));
    }
}
