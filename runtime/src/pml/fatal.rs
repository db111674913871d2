//! How messaging ends the job where it cannot go on.

use std::sync::OnceLock;

/// Ends the job and says why.
pub type Die = fn(&str) -> !;

static DIE: OnceLock<Die> = OnceLock::new();

/// Sets what [`die`] does. Called once, at start.
pub(super) fn on_death(die: Die) {
    let _ = DIE.set(die); // the first start's holds
}

/// Ends the job because messaging cannot go on.
#[cold]
pub(super) fn die(text: &str) -> ! {
    match DIE.get() {
        Some(die) => die(text),
        None => panic!("{text}"),
    }
}
