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

mod file;

use crate::cli::Global;
pub use file::{Found, find, read};
use std::fmt::Write as _;
use std::path::PathBuf;
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
    /// Each with what was made of it: it was read, it is not there, or why it
    /// counts as none.
    pub files: Vec<(PathBuf, String)>,
    /// Those that are there and count as none, in words.
    pub passed_over: Vec<String>,
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
            let _ = writeln!(text, "{}: {there}", path.display());
        }
        text
    }
}

/// Gathers the settings of the job that `global` asks for.
///
/// # Errors
/// A value that cannot be used: where it stands, and what would be right; a file
/// that is no ordinary one.
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
            let made = match find(&path)? {
                Found::Text(bytes) => {
                    let lines = read(&path, &bytes)?.into_iter().rev();
                    lines.for_each(|g| add(&mut gathered.given, g));
                    "read".to_owned()
                }
                Found::Absent => "is not there".to_owned(),
                Found::Unreadable(why) => {
                    let text =
                        format!("the settings file {} counts as none: {why}", path.display());
                    gathered.passed_over.push(text);
                    format!("counts as none: {why}")
                }
            };
            gathered.files.push((path, made));
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
        ("check", global.check),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_words_on_the_command_line_the_last_counts() {
        let global = Global {
            set: vec![("arm".into(), "cma".into()), ("arm".into(), "copy".into())],
            no_shared_heap: true,
            verbose: true,
            check: true,
            no_settings_files: true,
            ..Global::default()
        };
        let first = |name: &str| command_line(&global).into_iter().find(|s| s.0 == name);
        assert_eq!(first("arm").unwrap().1, "copy");
        assert_eq!(first("heap").unwrap().1, "0");
        assert_eq!(first("verbose").unwrap().1, "1");
        assert_eq!(first("check").unwrap().1, "1");
    }
}
