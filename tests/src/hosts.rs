//! Hosts for tests: namespaces that are joined by a bridge (`tests/hosts/hosts`).

use crate::{Job, has_libfabric, skipped, workspace};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Hosts that are up.
#[derive(Debug)]
pub struct Hosts {
    /// What they are called: this, a dash, and the number from 1 on.
    pub name: String,
    net: String,
}

impl Hosts {
    /// `None`, and a word: they, or libfabric, cannot be had here.
    #[must_use]
    pub fn up(count: u32) -> Option<Hosts> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("t{}-{next}", std::process::id());
        if !has_libfabric() {
            skipped("there is no libfabric.so.1");
            return None;
        }
        let made = script(&["up", &name, &count.to_string()]);
        if !made.status.success() {
            skipped(&String::from_utf8_lossy(&made.stderr));
            return None;
        }
        let net = String::from_utf8_lossy(&made.stdout).trim().to_owned();
        Some(Hosts { name, net })
    }

    /// The address of a host, from 1 on.
    #[must_use]
    pub fn address(&self, host: u32) -> String {
        format!("10.77.{}.{host}", self.net)
    }

    /// `--host` for these counts of ranks, by host.
    #[must_use]
    pub fn list(&self, slots: &[u32]) -> String {
        let hosts = (1..).zip(slots);
        let all = hosts.map(|(host, slots)| format!("{}:{slots}", self.address(host)));
        all.collect::<Vec<_>>().join(",")
    }

    /// What `--launch` is given.
    #[must_use]
    pub fn launch(&self) -> String {
        let script = workspace().join("tests/hosts/hosts");
        format!("{} in {} {{host}}", script.display(), self.name)
    }

    /// `job` with so many ranks on each host.
    pub fn with(&self, job: Job, slots: &[u32]) -> Job {
        let (list, launch) = (self.list(slots), self.launch());
        let job = job.ranks(slots.iter().sum());
        job.options(["-H", &list, "--launch", &launch])
    }

    /// A program of the tests with so many ranks on each host.
    pub fn job(&self, program: &str, slots: &[u32]) -> Job {
        self.with(Job::of(program), slots)
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        let _ = script(&["down", &self.name]);
    }
}

fn script(words: &[&str]) -> std::process::Output {
    let mut command = Command::new(workspace().join("tests/hosts/hosts"));
    command.args(words).output().expect("the script can be run")
}
