//! One setting that is given, and where.

use std::path::PathBuf;
use wireup::settings::NAMES;

/// Where a setting is given.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum SettingSource {
    /// On the command line.
    CommandLine,
    /// In this variable of mpirun's environment.
    Environment(String),
    /// In a file, on this line, counted from 1.
    File(PathBuf, usize),
}

/// A setting that is given.
#[derive(Debug, PartialEq, Eq, Clone)]
pub struct Setting {
    /// Its name, as in [`NAMES`].
    pub name: &'static str,
    /// Its value, as it was written.
    pub value: String,
    /// Where it is given.
    pub source: SettingSource,
}

/// The name of a setting as in [`NAMES`], whatever case it was written in.
pub fn canonical_name(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    NAMES.iter().map(|n| n.0).find(|n| *n == name)
}
