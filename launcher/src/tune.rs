//! x
use crate::cli::Global;
/// x
pub fn run(_global: &Global) -> Result<(), String> {
    Err(String::new())
}
