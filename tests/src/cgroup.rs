//! A control group of a test's own, where the machine lets tests have one: root,
//! and a writable hierarchy of version 1 or 2 with the controller.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A group, removed when it is dropped.
#[derive(Debug)]
pub struct Cgroup {
    dir: PathBuf,
    /// Of version 2.
    unified: bool,
}

impl Cgroup {
    /// A new group with this controller, `pids` or `memory`; `None`: there is none
    /// to be had here.
    #[must_use]
    pub fn new(controller: &str) -> Option<Cgroup> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("lariat-test-{}-{n}", std::process::id());
        let root = Path::new("/sys/fs/cgroup");
        let make = |parent: &Path, unified, file: &str| {
            let dir = parent.join(&name);
            fs::create_dir(&dir).ok()?;
            let group = Cgroup { dir, unified };
            group.dir.join(file).exists().then_some(group)
        };
        let old = if controller == "pids" {
            "pids.max"
        } else {
            "memory.limit_in_bytes"
        };
        let new = format!("{controller}.max");
        if root.join("cgroup.controllers").exists() {
            let _ = fs::write(
                root.join("cgroup.subtree_control"),
                format!("+{controller}"),
            );
            return make(root, true, &new);
        }
        make(&root.join(controller), false, old)
    }

    /// The most that it allows, of processes or of bytes.
    ///
    /// # Panics
    /// If the kernel does not take it.
    #[must_use]
    pub fn limit(self, most: u64) -> Cgroup {
        let old = self.dir.join("memory.limit_in_bytes");
        let names = ["pids.max", "memory.max"].map(|n| self.dir.join(n));
        let file = names.into_iter().find(|f| f.exists()).unwrap_or(old);
        let set = fs::write(&file, most.to_string());
        set.unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        let swap = match self.unified {
            true => ("memory.swap.max", 0),
            false => ("memory.memsw.limit_in_bytes", most),
        };
        let _ = fs::write(self.dir.join(swap.0), swap.1.to_string()); // there may be no swap
        self
    }

    /// Words to put before a command that is to run in the group.
    #[must_use]
    pub fn before(&self) -> Vec<String> {
        let procs = self.dir.join("cgroup.procs");
        let script = format!("echo $$ >{} && exec \"$@\"", procs.display());
        ["sh", "-c", &script, "sh"].map(str::to_owned).to_vec()
    }

    /// Its folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for _ in 0..100 {
            if fs::remove_dir(&self.dir).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20)); // its last process is still ending
        }
    }
}
