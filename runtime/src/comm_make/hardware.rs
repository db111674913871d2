//! Where in the machine this process may run: for `MPI_Comm_split_type` and
//! `MPI_Get_hw_resource_info`, read from sysfs when asked.
//!
//! An instance of a resource is known by the lowest number among its processors
//! (Linux's, hwloc's P#), which all processes of the machine agree on, and by the node.

use crate::object::group;
use std::collections::BTreeSet;
use std::path::Path;

/// The types of resource, the largest first, as hwloc names them.
pub(crate) const TYPES: [&str; 8] = [
    "Machine", "Package", "NUMANode", "L3Cache", "L2Cache", "L1Cache", "Core", "PU",
];

/// What tells the instances of one node from those of the next: more than there are
/// processors in a machine.
const PER_NODE: u32 = 1 << 16;

/// Processors by number.
type Set = BTreeSet<u32>;

/// The processors of a Linux list, such as `0-3,8`.
fn list(text: &str) -> Set {
    let mut set = Set::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.trim().parse::<u32>(), last.trim().parse::<u32>()) {
            set.extend(first..=last);
        }
    }
    set
}

fn read(path: impl AsRef<Path>) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// The processors that the calling thread may run on.
fn allowed() -> Set {
    let status = read("/proc/thread-self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    line.map(list).unwrap_or_default()
}

/// The processors of the instance of `kind` that `processor` belongs to.
fn instance(kind: &str, processor: u32) -> Option<Set> {
    let cpu = format!("/sys/devices/system/cpu/cpu{processor}");
    match kind {
        "Machine" => read("/sys/devices/system/cpu/present").map(|text| list(&text)),
        "Package" => read(format!("{cpu}/topology/package_cpus_list"))
            .or_else(|| read(format!("{cpu}/topology/core_siblings_list")))
            .map(|text| list(&text)),
        "Core" => read(format!("{cpu}/topology/core_cpus_list"))
            .or_else(|| read(format!("{cpu}/topology/thread_siblings_list")))
            .map(|text| list(&text)),
        "PU" => Some(Set::from([processor])),
        "NUMANode" => node(processor),
        _ => cache(&cpu, kind),
    }
}

fn node(processor: u32) -> Option<Set> {
    let nodes = std::fs::read_dir("/sys/devices/system/node").ok()?;
    let lists = nodes
        .flatten()
        .filter_map(|node| read(node.path().join("cpulist")));
    let mut sets = lists.map(|text| list(&text));
    sets.find(|set| set.contains(&processor))
}

fn cache(cpu: &str, kind: &str) -> Option<Set> {
    let level = kind.strip_prefix('L')?.strip_suffix("Cache")?;
    let caches = std::fs::read_dir(format!("{cpu}/cache")).ok()?;
    let of_level = caches.flatten().map(|cache| cache.path()).find(|cache| {
        let is = |file: &str| read(cache.join(file)).unwrap_or_default();
        is("level").trim() == level && is("type").trim() != "Instruction"
    })?;
    read(of_level.join("shared_cpu_list")).map(|text| list(&text))
}

/// For each of [`TYPES`], the instance that this process cannot leave; `None`
/// where it can, or the machine does not say.
pub(crate) fn restricted() -> [Option<u32>; TYPES.len()] {
    let allowed = allowed();
    let (_, node) = group::nodes();
    TYPES.map(|kind| {
        let within = instance(kind, *allowed.first()?)?;
        let number = allowed
            .is_subset(&within)
            .then(|| within.first().copied())??;
        node.checked_mul(PER_NODE)?.checked_add(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        assert_eq!(list("0-2,8\n"), Set::from([0, 1, 2, 8]));
        assert_eq!(list(""), Set::new());
        assert_eq!(list("x,3"), Set::from([3]));
    }

    #[test]
    fn larger_resources_contain_smaller_ones() {
        if let (Some(package), Some(core)) = (instance("Package", 0), instance("Core", 0)) {
            assert!(core.is_subset(&package) && core.contains(&0));
        }
    }
}
