//! Whether the kernel's out-of-memory killer has ended a process of the job. The process's
//! exit status only says SIGKILL.

use crate::capacity::bytes;
use crate::cgroup::{Cgroups, OomKills};

/// Watches the kernel's count of processes that it has killed for want of memory.
#[derive(Debug)]
pub struct OomWatch {
    cgroups: Cgroups,
    /// The count when the job began.
    before: Option<OomKills>,
}

impl OomWatch {
    /// Counts from now on.
    pub fn new(cgroups: Cgroups) -> OomWatch {
        OomWatch {
            before: cgroups.oom_kills(),
            cgroups,
        }
    }

    /// A clause to follow «killed by SIGKILL», if the kernel has killed for want of memory
    /// since the job began.
    pub fn clause(&self) -> Option<String> {
        let before = self.before.as_ref()?;
        let now = self
            .cgroups
            .oom_kills()
            .filter(|n| n.count > before.count)?;
        let Some(group) = now.group else {
            return Some(
                "the kernel has killed processes for want of memory meanwhile: \
                 this machine has too little for the job"
                    .to_owned(),
            );
        };
        let limits = self.cgroups.memory(0);
        let least = limits.iter().min_by_key(|l| l.max);
        let least = least.map_or(String::new(), |l| {
            format!(" ({} allows {})", l.source.display(), bytes(l.max))
        });
        Some(format!(
            "the kernel has killed processes for want of memory in the control group {}{least}",
            group.display()
        ))
    }
}
