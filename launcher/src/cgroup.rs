//! The control groups that mpirun is in, of both versions: how many processes and how much
//! memory they allow, and how many processes the kernel has killed in them for want of
//! memory.
//!
//! The limits of all groups above a group hold for it too, so that all levels that can be
//! seen from here are read.

use std::path::{Path, PathBuf};

/// How much of something a group allows, and how much of it is in use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupLimit {
    /// The most that the group may have.
    pub max: u64,
    /// How much is in use. Memory that the kernel can reclaim at once does not count.
    pub used: u64,
    /// The file in which the limit stands.
    pub source: PathBuf,
}

/// The groups that mpirun and its ranks are in, the innermost first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cgroups {
    /// In the hierarchy of version 2.
    unified: Vec<PathBuf>,
    /// In the hierarchy of version 1's controller `pids`.
    pids: Vec<PathBuf>,
    /// In the hierarchy of version 1's controller `memory`.
    memory: Vec<PathBuf>,
}

impl Cgroups {
    /// The groups of this process. None if /proc does not show them.
    pub fn own() -> Cgroups {
        let text = |name| std::fs::read_to_string(name).unwrap_or_default();
        Cgroups::of(&text("/proc/self/cgroup"), &text("/proc/self/mountinfo"))
    }

    /// The groups from the contents of /proc/PID/cgroup and /proc/PID/mountinfo.
    fn of(groups: &str, mounts: &str) -> Cgroups {
        let mut found = Cgroups::default();
        for line in groups.lines() {
            let mut fields = line.splitn(3, ':');
            let (Some(_), Some(controllers), Some(path)) =
                (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            let has = |name: &str| controllers.split(',').any(|c| c == name);
            if controllers.is_empty() {
                found.unified = levels(mounts, None, path);
            } else if has("pids") {
                found.pids = levels(mounts, Some("pids"), path);
            } else if has("memory") {
                found.memory = levels(mounts, Some("memory"), path);
            }
        }
        found
    }

    /// The limits of processes and threads.
    pub fn processes(&self) -> Vec<GroupLimit> {
        let all = self.unified.iter().chain(&self.pids);
        let limit = |dir: &PathBuf| {
            let source = dir.join("pids.max");
            Some(GroupLimit {
                max: number(&source)?,
                used: number(&dir.join("pids.current"))?,
                source,
            })
        };
        all.filter_map(limit).collect()
    }

    /// The limits of memory in bytes. Each includes the swap space that the group may use, of
    /// which `swap` bytes are free on this machine.
    pub fn memory(&self, swap: u64) -> Vec<GroupLimit> {
        let more =
            |max: u64, out: Option<u64>| max.saturating_add(out.map_or(swap, |o| o.min(swap)));
        let new = self.unified.iter().filter_map(|dir| {
            let stat = std::fs::read_to_string(dir.join("memory.stat")).unwrap_or_default();
            let reclaimable = ["inactive_file", "active_file", "slab_reclaimable"];
            let reclaimable: u64 = reclaimable
                .iter()
                .filter_map(|name| entry(&stat, name))
                .sum();
            let source = dir.join("memory.max");
            let used = number(&dir.join("memory.swap.current")).unwrap_or(0);
            let out = number(&dir.join("memory.swap.max")).map(|m| m.saturating_sub(used));
            Some(GroupLimit {
                max: more(number(&source)?, out),
                used: number(&dir.join("memory.current"))?.saturating_sub(reclaimable),
                source,
            })
        });
        let old = self.memory.iter().filter_map(|dir| {
            let stat = std::fs::read_to_string(dir.join("memory.stat")).unwrap_or_default();
            let reclaimable = ["total_inactive_file", "total_active_file"];
            let reclaimable: u64 = reclaimable
                .iter()
                .filter_map(|name| entry(&stat, name))
                .sum();
            let source = dir.join("memory.limit_in_bytes");
            let max = number(&source)?;
            let both = number(&dir.join("memory.memsw.limit_in_bytes"));
            Some(GroupLimit {
                max: more(max, both.map(|b| b.saturating_sub(max))),
                used: number(&dir.join("memory.usage_in_bytes"))?.saturating_sub(reclaimable),
                source,
            })
        });
        new.chain(old).collect()
    }

    /// How many processes the kernel has killed so far for want of memory. The innermost group
    /// that counts them is asked (a group of version 2 also counts those of the groups below
    /// it), else the whole machine.
    pub fn oom_kills(&self) -> Option<OomKills> {
        let new = self.unified.iter().map(|dir| dir.join("memory.events"));
        let old = self.memory.iter().map(|dir| dir.join("memory.oom_control"));
        let groups = new.chain(old).find_map(|file| {
            let text = std::fs::read_to_string(&file).ok()?;
            Some(OomKills {
                count: entry(&text, "oom_kill")?,
                group: file.parent().map(Path::to_path_buf),
            })
        });
        groups.or_else(|| {
            let text = std::fs::read_to_string("/proc/vmstat").ok()?;
            Some(OomKills {
                count: entry(&text, "oom_kill")?,
                group: None,
            })
        })
    }
}

/// A count of processes that the kernel has killed for want of memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OomKills {
    /// How many so far.
    pub count: u64,
    /// The group that they were in. None: anywhere on the machine.
    pub group: Option<PathBuf>,
}

/// The folders of a group and of the groups above it, in the hierarchy of a controller of
/// version 1, or without a controller in that of version 2.
fn levels(mounts: &str, controller: Option<&str>, path: &str) -> Vec<PathBuf> {
    let mount = mounts.lines().find_map(|line| {
        let (mount, system) = line.split_once(" - ")?;
        let mut system = system.split(' ');
        let (kind, options) = (system.next()?, system.nth(1)?);
        let right = match controller {
            None => kind == "cgroup2",
            Some(name) => kind == "cgroup" && options.split(',').any(|o| o == name),
        };
        let mut mount = mount.split(' ').skip(3);
        let (root, point) = (mount.next()?, mount.next()?);
        right.then(|| (unescaped(root), PathBuf::from(unescaped(point))))
    });
    let Some((root, point)) = mount else {
        return Vec::new();
    };
    // Only a part of the hierarchy may be mounted (a container's). The path is then relative
    // to this part, or lies outside of it.
    let below = Path::new(path).strip_prefix(&root);
    let below = below.unwrap_or(Path::new(""));
    let outside = below
        .components()
        .any(|c| matches!(c, std::path::Component::ParentDir));
    let innermost = match outside {
        true => point.clone(),
        false => point.join(below),
    };
    let levels = innermost.ancestors().take_while(|l| l.starts_with(&point));
    levels.map(Path::to_path_buf).collect()
}

/// A field of mountinfo with its escapes replaced: a space stands there as `\040`.
fn unescaped(field: &str) -> String {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let octal = behind.get(..3).filter(|_| *first == b'\\');
        let octal = octal.and_then(|d| std::str::from_utf8(d).ok());
        match octal.and_then(|d| u8::from_str_radix(d, 8).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = &behind[3..];
            }
            None => {
                out.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The number in a file. None also if the file says `max`.
fn number(file: &Path) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// The number behind a name, in text of lines `name number`.
fn entry(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|l| l.split_once(' '));
    lines.find(|l| l.0 == name)?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:7 - cgroup cgroup rw,memory
39 31 0:36 /box /sys/fs/cgroup/my\\040pids rw - cgroup cgroup rw,pids
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
";

    fn paths(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn all_levels_of_both_versions_are_found() {
        let groups = "8:pids:/box/a b/c\n4:hugetlb,memory:/job\n0::/\n9:name=systemd:/x\n";
        let found = Cgroups::of(groups, MOUNTS);
        let memory = ["/sys/fs/cgroup/memory/job", "/sys/fs/cgroup/memory"];
        assert_eq!(found.memory, paths(&memory));
        let pids = "/sys/fs/cgroup/my pids";
        let (inner, middle) = (format!("{pids}/a b/c"), format!("{pids}/a b"));
        assert_eq!(found.pids, paths(&[&inner, &middle, pids]));
        assert_eq!(found.unified, paths(&["/sys/fs/cgroup/unified"]));
    }

    #[test]
    fn a_group_outside_of_what_is_mounted_is_the_mounts_own() {
        let found = Cgroups::of("8:pids:/../other\n0::/../../up\n", MOUNTS);
        assert_eq!(found.pids, paths(&["/sys/fs/cgroup/my pids"]));
        assert_eq!(found.unified, paths(&["/sys/fs/cgroup/unified"]));
        assert_eq!(Cgroups::of("nonsense\n1:\n", ""), Cgroups::default());
    }

    #[test]
    fn limits_are_read_with_what_is_in_use() {
        let dir = std::env::temp_dir().join(format!("lariat-cgroup-{}", std::process::id()));
        let (new, old) = (dir.join("new"), dir.join("old"));
        for (file, text) in [
            ("new/pids.max", "max\n"),
            ("new/pids.current", "7\n"),
            ("new/a/pids.max", "12\n"),
            ("new/a/pids.current", "5\n"),
            ("new/a/memory.max", "1000\n"),
            ("new/a/memory.current", "600\n"),
            (
                "new/a/memory.stat",
                "anon 400\nactive_file 150\nslab_reclaimable 50\n",
            ),
            ("new/a/memory.events", "low 0\noom 2\noom_kill 1\n"),
            ("old/memory.limit_in_bytes", "9223372036854771712\n"),
            ("old/memory.usage_in_bytes", "100\n"),
            (
                "old/memory.oom_control",
                "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
            ),
        ] {
            let path = dir.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let groups = Cgroups {
            unified: vec![new.join("a"), new],
            pids: Vec::new(),
            memory: vec![old.clone()],
        };
        let (processes, memory, kills) = (groups.processes(), groups.memory(0), groups.oom_kills());
        let only_old = Cgroups {
            memory: vec![old.clone()],
            ..Cgroups::default()
        };
        let old_kills = only_old.oom_kills();
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(processes.len(), 1, "max is no limit: {processes:?}");
        assert_eq!((processes[0].max, processes[0].used), (12, 5));
        let memory: Vec<_> = memory.iter().map(|l| (l.max, l.used)).collect();
        assert_eq!(memory, [(1000, 400), (9_223_372_036_854_771_712, 100)]);
        assert_eq!(kills.unwrap().count, 1);
        let old_kills = old_kills.unwrap();
        assert_eq!((old_kills.count, old_kills.group), (3, Some(old)));
    }
}
