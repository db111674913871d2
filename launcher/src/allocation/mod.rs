//! How many ranks the allocation of a batch system is for, where the command line does not
//! say. Pure: the caller hands in the environment.
//!
//! ```text
//! slurm   Slurm's variables; nodelist: its lists
//! lists   PBS, LSF and Grid Engine, which list hosts
//! ```

mod lists;
mod nodelist;
mod slurm;

use crate::cli::Manager;
use crate::hosts::Host;

/// What a batch system has allocated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allocation {
    /// The batch system's name.
    pub system: &'static str,
    /// The ranks that it is for.
    pub ranks: u32,
}

/// The allocation that mpirun runs in: of this batch system, or of any. `get` returns a
/// variable's value.
///
/// # Errors
/// A value has no meaning, or the allocation has other hosts. The text says what would be
/// right.
pub fn find(
    of: Option<Manager>,
    get: impl Fn(&str) -> Option<String>,
) -> Result<Option<Allocation>, String> {
    let get = |name: &str| get(name).filter(|text| !text.trim().is_empty());
    type Ask<'a> = (
        Manager,
        &'static str,
        &'a dyn Fn() -> Result<Option<u32>, String>,
    );
    let systems: [Ask; 4] = [
        (Manager::Slurm, "Slurm", &|| slurm::ranks(get)),
        (Manager::Pbs, "PBS", &|| lists::pbs(get)),
        (Manager::Lsf, "LSF", &|| lists::lsf(get)),
        (Manager::Sge, "Grid Engine", &|| lists::sge(get)),
    ];
    for (manager, system, ask) in systems {
        if of.is_none_or(|wanted| wanted == manager)
            && let Some(ranks) = ask()?
        {
            return Ok(Some(Allocation { system, ranks }));
        }
    }
    Ok(None)
}

/// The hosts of the allocation that mpirun runs in, as far as the batch system can start
/// agents on them.
///
/// # Errors
/// A value has no meaning. The text says what would be right.
pub fn hosts(
    of: Option<Manager>,
    get: impl Fn(&str) -> Option<String>,
) -> Result<Option<Vec<Host>>, String> {
    match of {
        None | Some(Manager::Slurm) => slurm::hosts(get),
        Some(_) => Ok(None),
    }
}

/// The processors that the allocation has on a host: None if it does not have the host; else
/// how many, if that is known.
pub fn processors(
    of: Option<Manager>,
    host: &str,
    get: impl Fn(&str) -> Option<String>,
) -> Option<Option<u32>> {
    let all = match of {
        None | Some(Manager::Slurm) => slurm::processors(get),
        Some(_) => Vec::new(),
    };
    all.into_iter().find(|one| one.0 == host).map(|one| one.1)
}

/// A number of ranks in a variable.
fn number(name: &str, text: &str) -> Result<u32, String> {
    match text.trim().parse::<u32>() {
        Ok(n) if n > 0 && i32::try_from(n).is_ok() => Ok(n),
        _ => Err(format!(
            "{name}={text:?}: wanted a number from 1 to {}; -n RANKS overrides it",
            i32::MAX
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_system_can_be_asked_alone() {
        let get = |name: &str| match name {
            "SLURM_NTASKS" => Some("3".to_owned()),
            "LSB_DJOB_NUMPROC" => Some("5".to_owned()),
            _ => None,
        };
        let ranks = |of| {
            find(of, get)
                .unwrap()
                .map(|found| (found.system, found.ranks))
        };
        assert_eq!(ranks(None), Some(("Slurm", 3)));
        assert_eq!(ranks(Some(Manager::Lsf)), Some(("LSF", 5)));
        assert_eq!(
            (ranks(Some(Manager::User)), ranks(Some(Manager::Pbs))),
            (None, None)
        );
    }
}
