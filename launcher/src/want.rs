//! Whether the kernel has killed a process of the job for want of memory, which
//! the process's end alone does not tell.

use crate::capacity::bytes;
use crate::cgroup::{Cgroups, Kills};

/// Looks at the kernel's count of such kills.
#[derive(Debug)]
pub struct Watch {
    cgroups: Cgroups,
    /// What it was when the job began.
    before: Option<Kills>,
}

impl Watch {
    /// From now on.
    pub fn new(cgroups: Cgroups) -> Watch {
        Watch {
            before: cgroups.oom_kills(),
            cgroups,
        }
    }

    /// Where the kernel has killed for want of memory since: a clause that follows
    /// «killed by SIGKILL».
    pub fn clause(&self) -> Option<String> {
        let before = self.before.as_ref()?;
        let now = self
            .cgroups
            .oom_kills()
            .filter(|n| n.count > before.count)?;
        let Some(group) = now.group else {
            return Some(
                "the kernel has killed for want of memory meanwhile, \
                 and this machine has too little for the job"
                    .to_owned(),
            );
        };
        let limits = self.cgroups.memory(0);
        let least = limits.iter().min_by_key(|l| l.max);
        let least = least.map_or(String::new(), |l| {
            format!(" ({} allows {})", l.source.display(), bytes(l.max))
        });
        Some(format!(
            "the kernel has killed for want of memory in the control group {}{least}",
            group.display()
        ))
    }
}
