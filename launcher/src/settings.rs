//! The settings of a job, from everywhere they can be given:
//!
//! 1. the command line (`--set`, and options that stand for a setting),
//! 2. the environment (`LARIAT_NAME`),
//! 3. the user's file, `$XDG_CONFIG_HOME/lariat/settings` (`~/.config/…`),
//! 4. the system's file, `etc/lariat/settings` beside the `bin` of mpirun,
//! 5. what is built in.
//!
//! The first that names a setting wins. Ranks are told by their environment, so
//! that they read no files.

use crate::cli::Global;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use wireup::settings::{NAMES, Settings, variable};

/// Where a value comes from.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum Source {
    /// The command line.
    CommandLine,
    /// A variable of mpirun's environment.
    Environment(String),
    /// A line of a file, counted from 1.
    File(PathBuf, usize),
}

/// A setting that was given.
#[derive(Debug, PartialEq, Eq, Clone)]
pub struct Given {
    /// Its lowercase name.
    pub name: &'static str,
    /// Its value as it was written.
    pub value: String,
    /// Where.
    pub source: Source,
}

/// All settings that were given, each once, and the files that were looked for.
#[derive(Debug, Default)]
pub struct Gathered {
    /// In the order of [`NAMES`].
    pub given: Vec<Given>,
    /// Each with whether it was there.
    pub files: Vec<(PathBuf, bool)>,
}

impl Gathered {
    /// Who gave this setting, if anyone did.
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.given
            .iter()
            .find(|g| g.name == name)
            .map(|g| &g.source)
    }

    /// A table of all settings: value and source.
    pub fn table(&self) -> String {
        let mut settings = Settings::default();
        for given in &self.given {
            let set = settings.set(given.name, &given.value);
            set.expect("what was gathered was tried");
        }
        let mut text = format!("{:<18}{:<10}from\n", "setting", "value");
        for (name, _) in NAMES {
            let value = settings.shown(name).unwrap_or_default();
            let source = match self.source(name) {
                None => "built in".to_owned(),
                Some(Source::CommandLine) => "the command line".to_owned(),
                Some(Source::Environment(variable)) => format!("{variable} in the environment"),
                Some(Source::File(path, line)) => format!("{}, line {line}", path.display()),
            };
            let _ = writeln!(text, "{name:<18}{value:<10}{source}");
        }
        for (path, there) in &self.files {
            let there = if *there { "read" } else { "is not there" };
            let _ = writeln!(text, "{}: {there}", path.display());
        }
        text
    }
}

/// Gathers the settings of the job that `global` asks for.
///
/// # Errors
/// A value that cannot be used: where it stands, and what would be right; a file
/// that is there and cannot be read.
pub fn gather(global: &Global) -> Result<Gathered, String> {
    let mut gathered = Gathered::default();
    for (name, value) in command_line(global) {
        let source = Source::CommandLine;
        let name = known(&name).expect("the command line was checked");
        add(
            &mut gathered.given,
            Given {
                name,
                value,
                source,
            },
        );
    }
    let get = |name: &str| std::env::var_os(name).map(|v| v.to_string_lossy().into_owned());
    Settings::read(get).map_err(|why| why.to_string())?;
    for (name, _) in NAMES {
        let variable = variable(name);
        if let Some(value) = get(&variable) {
            let source = Source::Environment(variable);
            add(
                &mut gathered.given,
                Given {
                    name,
                    value,
                    source,
                },
            );
        }
    }
    if !global.no_settings_files {
        for path in files() {
            let text = match std::fs::read_to_string(&path) {
                Ok(text) => Some(text),
                Err(why)
                    if matches!(why.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
                {
                    None
                }
                Err(why) => return Err(format!("{}: {why}", path.display())),
            };
            let lines = read(&path, text.as_deref().unwrap_or_default())?;
            lines
                .into_iter()
                .rev()
                .for_each(|g| add(&mut gathered.given, g));
            gathered.files.push((path, text.is_some()));
        }
    }
    let place = |g: &Given| NAMES.iter().position(|(name, _)| *name == g.name);
    gathered.given.sort_by_key(place);
    Ok(gathered)
}

/// Adds a setting unless one of the same name is there already.
fn add(given: &mut Vec<Given>, new: Given) {
    if given.iter().all(|g| g.name != new.name) {
        given.push(new);
    }
}

/// The settings of the command line, the last word first.
fn command_line(global: &Global) -> Vec<(String, String)> {
    let mut list: Vec<(String, String)> = global.set.iter().rev().cloned().collect();
    let on = |name: &str| (name.to_owned(), "1".to_owned());
    let flags = [
        ("verbose", global.verbose),
        ("heap", global.shared_heap),
        ("report_regions", global.report_regions),
        ("report_arms", global.report_arms),
    ];
    let flags = flags.iter().filter(|f| f.1).map(|f| on(f.0));
    list.splice(0..0, flags);
    if global.no_shared_heap {
        list.insert(0, ("heap".to_owned(), "0".to_owned()));
    }
    list
}

fn known(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    NAMES.iter().map(|n| n.0).find(|n| *n == name)
}

/// The user's file.
pub fn user_file() -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let config = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(config.join("lariat/settings"))
}

/// The files that are read, the nearest first.
pub fn files() -> Vec<PathBuf> {
    [user_file(), system_file()].into_iter().flatten().collect()
}

/// The file of the tree that mpirun lies in.
fn system_file() -> Option<PathBuf> {
    let exe = std::env::current_exe().ok()?;
    Some(exe.parent()?.parent()?.join("etc/lariat/settings"))
}

/// The settings in the text of a file: lines `NAME = VALUE`; what follows a `#`
/// is a comment. Of two lines with one name the last one counts.
///
/// # Errors
/// The first line that cannot be used.
pub fn read(path: &Path, text: &str) -> Result<Vec<Given>, String> {
    let mut given = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let place = format!("{}, line {number}", path.display());
        let Some((name, value)) = line.split_once('=') else {
            return Err(format!("{place}: {line:?}: wanted NAME = VALUE"));
        };
        let (name, value) = (name.trim(), value.trim());
        let Some(known) = known(name) else {
            return Err(format!(
                "{place}: there is no setting {name:?}: wanted one that mpirun --help lists"
            ));
        };
        Settings::default()
            .set(known, value)
            .map_err(|wanted| format!("{place}: {known} = {value:?}: wanted {wanted}"))?;
        given.push(Given {
            name: known,
            value: value.to_owned(),
            source: Source::File(path.to_owned(), number),
        });
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Result<Vec<Given>, String> {
        read(Path::new("/etc/s"), text)
    }

    #[test]
    fn lines_and_comments() {
        let given = lines("# mine\n\n arm = cma # for now\nEAGER_LIMIT=4k\narm=copy\n").unwrap();
        let short: Vec<_> = given.iter().map(|g| (g.name, g.value.as_str())).collect();
        assert_eq!(
            short,
            [("arm", "cma"), ("eager_limit", "4k"), ("arm", "copy")]
        );
        assert_eq!(given[1].source, Source::File("/etc/s".into(), 4));
    }

    #[test]
    fn a_bad_line_is_named_with_what_would_be_right() {
        for (text, words) in [
            ("\narm = wing", ["/etc/s, line 2", "\"wing\"", "cma"]),
            ("leg = 1", ["line 1", "\"leg\"", "--help"]),
            (
                "# x\n#\neager_limit 4k",
                ["line 3", "eager_limit 4k", "NAME = VALUE"],
            ),
            ("ring_cells =", ["line 1", "\"\"", "power of two"]),
        ] {
            let said = lines(text).unwrap_err();
            assert!(words.iter().all(|w| said.contains(w)), "{text}: {said}");
        }
    }

    #[test]
    fn of_several_words_on_the_command_line_the_last_counts() {
        let global = Global {
            set: vec![("arm".into(), "cma".into()), ("arm".into(), "copy".into())],
            no_shared_heap: true,
            verbose: true,
            no_settings_files: true,
            ..Global::default()
        };
        let first = |name: &str| command_line(&global).into_iter().find(|s| s.0 == name);
        assert_eq!(first("arm").unwrap().1, "copy");
        assert_eq!(first("heap").unwrap().1, "0");
        assert_eq!(first("verbose").unwrap().1, "1");
    }
}
