//! Values of the settings that are measured.

use wireup::settings::{MEASURED, Settings};

/// A value of each measured setting, by the setting's name.
#[derive(Clone, Debug)]
pub struct Values(Vec<(&'static str, String)>);

impl Values {
    /// The built-in values.
    pub fn built_in() -> Values {
        let defaults = Settings::default();
        let value = |name| defaults.shown(name).unwrap_or_default();
        Values(MEASURED.iter().map(|name| (*name, value(name))).collect())
    }

    /// Puts another value in the place of a setting's.
    pub fn set(&mut self, name: &str, value: &str) {
        for (_, old) in self.0.iter_mut().filter(|v| v.0 == name) {
            value.clone_into(old);
        }
    }

    /// Each setting's name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }
}
