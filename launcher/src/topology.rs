//! The machine, read once from hwloc into plain data.
//!
//! Only what placement needs is read: the core, level-3 cache, NUMA node and package of each
//! processor. The crate `hwloc2` has two gaps. Its list of object types lacks dies, so that
//! objects are found by the depth of their type and never asked for their type. And it does
//! not reach NUMA nodes, which lie at a virtual depth, so that a processor's node is taken
//! from its node set.

use crate::cli::{self, Object};
use crate::procfs;
use hwloc2::{ObjectType, Topology, TopologyObject};
use std::collections::BTreeSet;

/// A processor (a hardware thread, hwloc's PU) and what it is part of. `os` and `numa` are the
/// kernel's numbers, the others hwloc's logical numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pu {
    /// The kernel's number (hwloc's P#).
    pub os: u32,
    /// Its core.
    pub core: u32,
    /// Its level-1 cache; 0 if hwloc sees none.
    pub l1: u32,
    /// Its level-2 cache; 0 if hwloc sees none.
    pub l2: u32,
    /// Its level-3 cache; 0 if hwloc sees none.
    pub l3: u32,
    /// Its NUMA node (the first, where it has several kinds of memory).
    pub numa: u32,
    /// Its package.
    pub package: u32,
}

impl Pu {
    /// The number of the object of this kind that the processor is part of.
    pub fn part_of(&self, object: Object) -> u32 {
        match object {
            Object::Hwthread => self.os,
            Object::Core => self.core,
            Object::L1cache => self.l1,
            Object::L2cache => self.l2,
            Object::L3cache => self.l3,
            Object::Numa => self.numa,
            Object::Package => self.package,
        }
    }
}

/// The processors that this job may use, in hwloc's order: neighbours lie side by side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Machine {
    /// The processors, in hwloc's order.
    pub pus: Vec<Pu>,
    /// Whether hwloc sees caches of the levels 1, 2 and 3.
    pub caches: [bool; 3],
}

impl Machine {
    /// Whether hwloc sees level-3 caches.
    pub fn has_l3(&self) -> bool {
        self.caches[2]
    }

    /// How many objects of this kind there are.
    pub fn count(&self, object: Object) -> usize {
        let numbers = self.pus.iter().map(|p| p.part_of(object));
        numbers.collect::<BTreeSet<_>>().len()
    }

    /// Reads the machine. Processors that are not in `allowed` are left out.
    pub fn read(allowed: &[u32]) -> Machine {
        let allowed: BTreeSet<u32> = allowed.iter().copied().collect();
        let mut machine = Topology::new().map_or(
            Machine {
                pus: Vec::new(),
                caches: [false; 3],
            },
            |topology| from_hwloc(&topology),
        );
        machine.pus.retain(|p| allowed.contains(&p.os));
        if machine.pus.is_empty() {
            // hwloc knows nothing of this machine: processors without a structure.
            machine.pus = allowed.iter().map(|os| lone(*os)).collect();
        }
        machine
    }
}

/// A processor of which only its number is known.
fn lone(os: u32) -> Pu {
    Pu {
        os,
        core: os,
        l1: 0,
        l2: 0,
        l3: 0,
        numa: 0,
        package: 0,
    }
}

fn from_hwloc(topology: &Topology) -> Machine {
    let depth = |kind: ObjectType| topology.depth_for_type(&kind).ok();
    let core = depth(ObjectType::Core);
    let kinds = [
        ObjectType::L1Cache,
        ObjectType::L2Cache,
        ObjectType::L3Cache,
    ];
    let caches = kinds.map(depth);
    let package = depth(ObjectType::Package);
    let Some(pu) = depth(ObjectType::PU) else {
        return Machine {
            pus: Vec::new(),
            caches: [false; 3],
        };
    };
    let pus = topology.objects_at_depth(pu).into_iter().map(|object| {
        let number = |depth: Option<u32>| Some(above(object, depth?)?.logical_index());
        let node = object.nodeset().map_or(-1, |nodes| nodes.first());
        Pu {
            os: object.os_index(),
            core: number(core).unwrap_or(object.logical_index()),
            l1: number(caches[0]).unwrap_or(0),
            l2: number(caches[1]).unwrap_or(0),
            l3: number(caches[2]).unwrap_or(0),
            numa: u32::try_from(node).unwrap_or(0),
            package: number(package).unwrap_or(0),
        }
    });
    Machine {
        pus: pus.collect(),
        caches: caches.map(|depth| depth.is_some()),
    }
}

/// The object at `depth` that `object` is part of.
fn above(object: &TopologyObject, depth: u32) -> Option<&TopologyObject> {
    let mut at = Some(object);
    while let Some(object) = at {
        if object.depth() == depth {
            return Some(object);
        }
        at = object.parent();
    }
    None
}

/// The processors that mpirun itself may run on: its affinity mask, which the cpuset of its
/// control group has narrowed already.
pub fn allowed() -> Vec<u32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let list = procfs::field(&status, "Cpus_allowed_list").and_then(cli::numbers);
    list.unwrap_or_else(|| {
        let set = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0));
        let Ok(set) = set else { return vec![0] };
        let all = 0..nix::sched::CpuSet::count();
        let here = all.filter(|n| set.is_set(*n).unwrap_or(false));
        here.filter_map(|n| u32::try_from(n).ok()).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::{Machine, allowed};
    use crate::cli::Object;

    #[test]
    fn this_machine_is_read() {
        let allowed = allowed();
        let machine = Machine::read(&allowed);
        assert_eq!(machine.count(Object::Hwthread), allowed.len());
        assert!(machine.count(Object::Core) >= machine.count(Object::Package));
        let one = Machine::read(&allowed[..1]);
        assert_eq!(one.pus.len(), 1);
        assert_eq!(one.pus[0].os, allowed[0]);
    }
}
