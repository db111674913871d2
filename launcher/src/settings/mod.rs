//! The settings of a job, from all places where they can be given:
//!
//! 1. the command line (`--set`, and options that stand for a setting),
//! 2. the environment (`LARIAT_NAME`),
//! 3. the user's file, `$XDG_CONFIG_HOME/lariat/settings` (`~/.config/…`),
//! 4. the system's file, `etc/lariat/settings` beside the `bin` of mpirun,
//! 5. what is built in.
//!
//! The first place that names a setting wins. Ranks get the result through their
//! environment, so that they read no files.

mod file;
mod source;

use crate::cli::JobOptions;
use crate::tree;
pub use file::{FileContent, find, read};
use source::canonical_name;
pub use source::{Setting, SettingSource};
use std::fmt::Write as _;
use std::path::PathBuf;
use wireup::settings::{NAMES, Settings, variable};

/// The settings that are given for a job, and the files that were looked for.
#[derive(Debug, Default)]
pub struct JobSettings {
    /// Each setting that is given anywhere, once, in the order of [`NAMES`].
    pub given: Vec<Setting>,
    /// Each settings file, with a word about it: it was read, it is not there, or it is ignored
    /// and why.
    files: Vec<(PathBuf, String)>,
    /// A sentence for each file that is there and is ignored.
    pub passed_over: Vec<String>,
}

impl JobSettings {
    /// Where this setting is given, if it is.
    fn source(&self, name: &str) -> Option<&SettingSource> {
        let given = self.given.iter().find(|setting| setting.name == name);
        given.map(|setting| &setting.source)
    }

    /// A table of all settings: value and source.
    pub fn table(&self) -> String {
        let mut settings = Settings::default();
        for given in &self.given {
            let set = settings.set(given.name, &given.value);
            set.expect("values were checked when they were gathered");
        }
        let mut text = format!("{:<18}{:<10}from\n", "setting", "value");
        for (name, _) in NAMES {
            let value = settings.shown(name).unwrap_or_default();
            let source = match self.source(name) {
                None => "built in".to_owned(),
                Some(SettingSource::CommandLine) => "the command line".to_owned(),
                Some(SettingSource::Environment(variable)) => {
                    format!("{variable} in the environment")
                }
                Some(SettingSource::File(path, line)) => format!("{}, line {line}", path.display()),
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
/// A value that cannot be used: where it stands, and what would be right. A settings file
/// that is no ordinary file.
pub fn gather(global: &JobOptions) -> Result<JobSettings, String> {
    let mut gathered = JobSettings::default();
    let mut add = |setting: Setting| {
        if gathered.given.iter().all(|s| s.name != setting.name) {
            gathered.given.push(setting);
        }
    };
    for (name, value) in command_line(global) {
        add(Setting {
            name: canonical_name(&name).expect("the command line was checked"),
            value,
            source: SettingSource::CommandLine,
        });
    }
    let get = |name: &str| std::env::var_os(name).map(|v| v.to_string_lossy().into_owned());
    Settings::read(get).map_err(|why| why.to_string())?;
    for (name, _) in NAMES {
        let variable = variable(name);
        if let Some(value) = get(&variable) {
            let source = SettingSource::Environment(variable);
            add(Setting {
                name,
                value,
                source,
            });
        }
    }
    let paths = match global.no_settings_files {
        true => Vec::new(),
        false => files(),
    };
    for path in paths {
        let result = match find(&path)? {
            FileContent::Text(bytes) => {
                // Of two lines with one name the last one counts.
                read(&path, &bytes)?.into_iter().rev().for_each(&mut add);
                "read".to_owned()
            }
            FileContent::Absent => "is not there".to_owned(),
            FileContent::Unreadable(why) => {
                let shown = path.display();
                let text = format!("the settings file {shown} is ignored: {why}");
                gathered.passed_over.push(text);
                format!("is ignored: {why}")
            }
        };
        gathered.files.push((path, result));
    }
    let place = |s: &Setting| NAMES.iter().position(|(name, _)| *name == s.name);
    gathered.given.sort_by_key(place);
    Ok(gathered)
}

/// The settings of the command line, those that win first.
fn command_line(global: &JobOptions) -> Vec<(String, String)> {
    let mut list: Vec<(String, String)> = global.set.iter().rev().cloned().collect();
    let on = |name: &str| (name.to_owned(), "1".to_owned());
    let flags = [
        ("verbose", global.verbose),
        ("check", global.check),
        ("heap", global.shared_heap),
        ("report_regions", global.report_regions),
        ("report_arms", global.report_arms),
        ("report_protocols", global.report_protocols),
        ("profile", global.profile.is_some()),
    ];
    let flags = flags.iter().filter(|f| f.1).map(|f| on(f.0));
    list.splice(0..0, flags);
    // Behind what the command line says of it.
    if global.trace.is_some() {
        let default = ("trace_events".to_owned(), TRACE_EVENTS.to_owned());
        list.push(default);
    }
    if global.no_shared_heap {
        list.insert(0, ("heap".to_owned(), "0".to_owned()));
    }
    list
}

/// Entries of a trace that each rank keeps, where `--trace` is given alone.
const TRACE_EVENTS: &str = "32k";

/// The user's settings file. None if no variable says where it would be.
pub fn user_file() -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let config = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(config.join("lariat/settings"))
}

/// The settings files, the one that wins first.
pub fn files() -> Vec<PathBuf> {
    [user_file(), system_file()].into_iter().flatten().collect()
}

/// The settings file of the installed tree that mpirun lies in.
fn system_file() -> Option<PathBuf> {
    tree::path("etc/lariat/settings").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_words_on_the_command_line_the_last_counts() {
        let global = JobOptions {
            set: vec![("arm".into(), "cma".into()), ("arm".into(), "copy".into())],
            no_shared_heap: true,
            verbose: true,
            check: true,
            no_settings_files: true,
            ..JobOptions::default()
        };
        let first = |name: &str| command_line(&global).into_iter().find(|s| s.0 == name);
        assert_eq!(first("arm").unwrap().1, "copy");
        assert_eq!(first("heap").unwrap().1, "0");
        assert_eq!(first("verbose").unwrap().1, "1");
        assert_eq!(first("check").unwrap().1, "1");
    }
}
