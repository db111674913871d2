//! Decides what each rank is bound to, from the options and the machine, and draws the
//! picture that `--report-bindings` prints.
//!
//! Without options, ranks are bound to their shares of the cores ([`crate::share`]), as long
//! as there is a core for each rank. A job marks one core of each rank's share with an
//! abstract socket name, which vanishes with the job. Other jobs leave marked cores alone:
//! two jobs started side by side would otherwise share the first cores and leave the rest
//! idle. The other cores of a share are room for threads, and a later job may use them too.

use crate::cli;
use crate::cli::{BindTo, JobOptions, MapBy, Mapping, MemBind, Object, RankBy, RankPlace};
use crate::hosts;
use crate::placement::{self, Placement};
use crate::procfs;
use crate::share;
use crate::topology::{self, Machine, Pu};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use wireup::layout::PLACE_LEVELS;
use wireup::report::ranges;

/// What the ranks of a job are bound to.
#[derive(Debug)]
pub struct Binding {
    /// For each rank its processors. Empty if it is not bound.
    pub placement: Placement,
    /// The machine, if it had to be read.
    machine: Option<Machine>,
    /// Why no rank is bound, if so.
    reason: &'static str,
    /// The marks on this job's cores.
    _marks: Vec<UnixDatagram>,
}

/// What the machine offers to a job. Needed before the number of ranks is known.
#[derive(Debug)]
pub struct Resources {
    /// The processors that mpirun may use.
    allowed: Vec<u32>,
    /// How many of them the CPU quota of the control group allows to run at once.
    pub processors: u32,
    /// The options have narrowed the processors down, so that no rank may run elsewhere.
    narrowed: bool,
    /// Hardware threads count as cores.
    threads: bool,
    /// The lines of the rankfile, if there is one.
    rankfile: Option<Vec<RankPlace>>,
    /// The machine, read when it is first needed.
    machine: Option<Machine>,
    /// Ranks of the job's other hosts that share these processors.
    crowd: u32,
}

/// The ranks of a job on several hosts that run on one machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Crowd {
    /// Those of hosts before this one.
    pub before: u32,
    /// Those of this host.
    pub own: u32,
    /// All.
    pub all: u32,
    /// Whether all these hosts have the same processors.
    pub divides: bool,
}

impl Resources {
    /// Reads the processors that the options leave; reading the whole machine takes longer and
    /// is put off. A rankfile is read, too.
    ///
    /// # Errors
    /// A processor that the options name may not be used, or the rankfile has no meaning.
    pub fn read(global: &JobOptions) -> Result<Resources, String> {
        let quota = std::thread::available_parallelism().map_or(1, usize::from);
        let mut allowed = topology::allowed();
        if let Some(set) = &global.cpu_set {
            if let Some(other) = set.0.iter().find(|os| !allowed.contains(os)) {
                return Err(format!(
                    "--cpu-set: processor {other} may not be used here; these may: {}",
                    ranges(allowed.iter().copied())
                ));
            }
            allowed.retain(|os| set.0.contains(os));
        }
        let map = global.mapping();
        let rankfile = match map.as_ref().map(|map| &map.by) {
            Some(MapBy::Rankfile(path)) => Some(read_rankfile(path)?),
            _ => None,
        };
        let processors = quota.min(allowed.len()).max(1);
        Ok(Resources {
            allowed,
            processors: u32::try_from(processors).unwrap_or(u32::MAX),
            narrowed: global.cpu_set.is_some(),
            threads: map.is_some_and(|map| map.threads),
            rankfile,
            machine: None,
            crowd: 0,
        })
    }

    /// Shares the processors with other hosts of the job that are this machine, too
    /// (containers): by cores, if there is one for each rank of all of them and the options do
    /// not say which; else nobody is bound, and ranks learn that they share.
    pub fn share_with(&mut self, crowd: Crowd, global: &JobOptions) {
        let others = crowd.all.saturating_sub(crowd.own);
        let by = global.mapping().map(|map| map.by);
        let listed = matches!(by, Some(MapBy::List(_) | MapBy::Rankfile(_)));
        if others == 0 || listed {
            return;
        }
        let machine = self.machine();
        let mut cores: Vec<u32> = machine.pus.iter().map(|pu| pu.core).collect();
        cores.dedup();
        let places = cores.len().min(self.processors as usize);
        if !crowd.divides || crowd.all as usize > places {
            self.crowd = others;
            return;
        }
        let share = |ranks: u32| cores.len() * ranks as usize / crowd.all as usize;
        let own = &cores[share(crowd.before)..share(crowd.before + crowd.own)];
        let machine = self.machine();
        let kept = machine.pus.iter().filter(|pu| own.contains(&pu.core));
        let kept: Vec<u32> = kept.map(|pu| pu.os).collect();
        let part = u64::from(self.processors) * u64::from(crowd.own) / u64::from(crowd.all);
        let part = u32::try_from(part.min(kept.len() as u64)).unwrap_or(1);
        self.processors = part.max(1);
        self.allowed = kept;
        self.machine = None;
        self.narrowed = true;
    }

    /// Ranks of other hosts that share these processors.
    pub fn crowd(&self) -> u32 {
        self.crowd
    }

    fn machine(&mut self) -> &Machine {
        let allowed = &self.allowed;
        self.machine.get_or_insert_with(|| Machine::read(allowed))
    }

    /// How many ranks a layout is for, if it says so.
    pub fn ranks_of_layout(&mut self, map: Option<&Mapping>) -> Option<u32> {
        if let Some(lines) = &self.rankfile {
            return u32::try_from(lines.len()).ok();
        }
        placement::ranks_of(self.machine(), map?)
    }

    /// How many processors, cores and packages a job may use, for people.
    pub fn summary(&mut self) -> String {
        let machine = self.machine();
        let count = |object, name: &str| {
            let n = machine.count(object);
            format!("{n} {name}{}", if n == 1 { "" } else { "s" })
        };
        let cores = count(Object::Core, "core");
        format!("{cores}, {}", count(Object::Hwthread, "hardware thread"))
    }

    /// The number of cores that a job may use.
    pub fn cores(&mut self) -> u32 {
        let (processors, threads) = (self.processors, self.threads);
        let kind = if threads {
            Object::Hwthread
        } else {
            Object::Core
        };
        let cores = self.machine().count(kind);
        let cores = u32::try_from(cores).unwrap_or(u32::MAX);
        cores.min(processors).max(1)
    }

    /// Binds the ranks of a job of `ranks` ranks.
    ///
    /// # Errors
    /// The machine does not have what the options ask for.
    pub fn bind(mut self, global: &JobOptions, ranks: u32) -> Result<Binding, String> {
        let narrowed = self.narrowed;
        let machine = narrowed.then(|| self.machine().clone());
        let mut binding = self.bind_ranks(global, ranks)?;
        if let Some(machine) = machine {
            let free = binding.placement.iter_mut().filter(|pus| pus.is_empty());
            free.for_each(|pus| pus.clone_from(&machine.pus));
        }
        Ok(binding)
    }

    fn bind_ranks(mut self, global: &JobOptions, ranks: u32) -> Result<Binding, String> {
        let map = global.mapping();
        let report = is_reported(global);
        let slot = Mapping::by(MapBy::Slot);
        let no_options = global.bind_to.is_none() && map.is_none();
        let by = map.as_ref().map(|map| &map.by);
        let listed = matches!(by, Some(MapBy::List(_) | MapBy::Rankfile(_)));
        let none = |machine: Option<Machine>, reason| Binding {
            placement: vec![Vec::new(); ranks as usize],
            machine,
            reason,
            _marks: Vec::new(),
        };
        let wanted = match &global.bind_to {
            Some(bind) => bind.clone(),
            None if ranks.saturating_add(self.crowd) > self.processors && !listed => {
                BindTo::Nothing
            }
            None => BindTo::To(Object::Core, 1), // without options: to a share of the cores
        };
        if wanted == BindTo::Nothing && map.is_none() {
            if report {
                self.machine();
            }
            let reason = match &global.bind_to {
                Some(_) => "as requested",
                None if self.crowd > 0 => "oversubscribed: hosts of this job share the processors",
                None => "oversubscribed: more ranks than processors",
            };
            return Ok(none(self.machine, reason));
        }
        let map = map.unwrap_or(slot);
        let processors = self.processors;
        let rankfile = self.rankfile.take();
        let machine = self.machine();
        if no_options {
            return Ok(match share_out(machine, processors, ranks) {
                Err(reason) => none(self.machine, reason),
                Ok((placement, marks)) => Binding {
                    placement,
                    machine: self.machine,
                    reason: "",
                    _marks: marks,
                },
            });
        }
        let numbering = global.rank_by.unwrap_or(RankBy::Slot);
        let placement = match rankfile {
            Some(lines) => placement::by_rankfile(machine, ranks, &lines, map.threads)
                .map_err(|why| format!("rankfile: {why}"))?,
            None => placement::place(machine, ranks, (&map, numbering), &wanted)?,
        };
        let cores: BTreeSet<u32> = placement.iter().flatten().map(|p| p.core).collect();
        let marks = cores.into_iter().filter_map(|c| mark(machine, c)).collect();
        Ok(Binding {
            placement,
            machine: self.machine,
            reason: "as requested",
            _marks: marks,
        })
    }
}

/// Whether the command line asks for the picture.
pub fn is_reported(global: &JobOptions) -> bool {
    global.report_bindings || global.display.iter().any(|display| display.places)
}

/// Reads a rankfile of a job on this host.
fn read_rankfile(path: &Path) -> Result<Vec<RankPlace>, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|why| format!("rankfile {shown}: {why}"))?;
    let lines = cli::rankfile(&text).map_err(|why| format!("rankfile {shown}: {why}"))?;
    let is_here = |line: &&RankPlace| line.host == "+n0" || hosts::is_this_machine(&line.host);
    match lines.iter().find(|line| !is_here(line)) {
        Some(line) => Err(format!(
            "rankfile {shown}: host {} of rank {} is not this machine, and a rankfile is for the ranks of one",
            line.host, line.rank
        )),
        None => Ok(lines),
    }
}

/// How often to share the cores out again if another job, started at the same moment, has
/// marked one of them first.
const ATTEMPTS: u32 = 16;

/// Shares out the cores that no other job has marked, and marks one of each share.
///
/// # Errors
/// Why no rank is bound.
fn share_out(
    machine: &Machine,
    processors: u32,
    ranks: u32,
) -> Result<(Placement, Vec<UnixDatagram>), &'static str> {
    if machine.count(Object::Core) < ranks as usize {
        return Err("more ranks than cores");
    }
    for _ in 0..ATTEMPTS {
        let taken = marked(machine);
        let mut free = machine.clone();
        free.pus.retain(|p| !taken.contains(&p.core));
        share::limit(&mut free, processors, ranks);
        let Some(shares) = share::out(&free, ranks) else {
            break;
        };
        let claim = |pus: &Vec<Pu>| pus.iter().find_map(|p| mark(machine, p.core));
        let marks: Option<Vec<UnixDatagram>> = shares.iter().map(claim).collect();
        if let Some(marks) = marks {
            return Ok((shares, marks));
        }
    }
    Err("other jobs leave too few cores")
}

/// The socket name that marks a core.
fn mark_of(machine: &Machine, core: u32) -> Option<SocketAddr> {
    let first = machine.pus.iter().find(|p| p.core == core)?.os;
    SocketAddr::from_abstract_name(format!("lariat-rank-on-processor-{first}")).ok()
}

/// Marks a core as used by a job, unless another job has.
fn mark(machine: &Machine, core: u32) -> Option<UnixDatagram> {
    UnixDatagram::bind_addr(&mark_of(machine, core)?).ok()
}

/// The cores that jobs have marked.
fn marked(machine: &Machine) -> BTreeSet<u32> {
    let Ok(probe) = UnixDatagram::unbound() else {
        return BTreeSet::new();
    };
    let cores: BTreeSet<u32> = machine.pus.iter().map(|p| p.core).collect();
    let is_marked = |core: &u32| {
        // Connecting a datagram socket succeeds if the name exists, and disturbs nobody.
        mark_of(machine, *core).is_some_and(|name| probe.connect_addr(&name).is_ok())
    };
    cores.into_iter().filter(is_marked).collect()
}

/// `--membind` as the kernel wants it: a policy, and the bit mask of NUMA nodes.
///
/// # Errors
/// There is no such node, or none of its memory may be used here.
pub fn memory_policy(
    how: Option<&MemBind>,
) -> Result<Option<(libc::c_int, Vec<libc::c_ulong>)>, String> {
    let (policy, nodes) = match how {
        None | Some(MemBind::FirstTouch) => return Ok(None),
        Some(MemBind::Bind(nodes)) => (libc::MPOL_BIND, nodes),
        Some(MemBind::Interleave(nodes)) => (libc::MPOL_INTERLEAVE, nodes),
    };
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let allowed = procfs::field(&status, "Mems_allowed_list").and_then(cli::numbers);
    let allowed = allowed.unwrap_or_else(|| vec![0]);
    if let Some(other) = nodes.iter().find(|node| !allowed.contains(node)) {
        return Err(format!(
            "--membind: NUMA node {other} is none whose memory may be used here; these are: {}",
            ranges(allowed.iter().copied())
        ));
    }
    Ok(Some((policy, bits(nodes.iter().copied()))))
}

/// The bit mask of these processors, as the kernel wants it.
pub fn mask(pus: &[Pu]) -> Vec<libc::c_ulong> {
    bits(pus.iter().map(|pu| pu.os))
}

fn bits(numbers: impl Iterator<Item = u32>) -> Vec<libc::c_ulong> {
    let bits = libc::c_ulong::BITS;
    let mut mask = Vec::new();
    for number in numbers {
        let word = (number / bits) as usize;
        if mask.len() <= word {
            mask.resize(word + 1, 0);
        }
        mask[word] |= 1 << (number % bits);
    }
    mask
}

/// The processor that stands for a rank's binding in its record: the first one of its core.
/// None if the rank may run on several cores.
pub fn processor(pus: &[Pu]) -> Option<u32> {
    let first = pus.first()?;
    let alone = pus.iter().all(|p| p.core == first.core);
    alone.then_some(first.os)
}

/// Where a rank is bound, for its record: at each level the object that contains all of the
/// rank's processors, or `u32::MAX` if there is none.
pub fn common_objects(pus: &[Pu]) -> [u32; PLACE_LEVELS] {
    let levels = [Object::Package, Object::Numa, Object::L3cache, Object::Core];
    levels.map(|level| {
        let first = pus.first().map(|p| p.part_of(level));
        let one = first.filter(|n| pus.iter().all(|p| p.part_of(level) == *n));
        one.unwrap_or(u32::MAX)
    })
}

impl Binding {
    /// A picture of the machine with the ranks on it. `in_job`: by rank here, the rank in a job
    /// on several hosts.
    pub fn picture(&self, in_job: Option<&[u32]>) -> String {
        let number = |rank: usize| match in_job {
            Some(ranks) => ranks.get(rank).copied().unwrap_or(u32::MAX),
            None => u32::try_from(rank).unwrap_or(u32::MAX),
        };
        let Some(machine) = &self.machine else {
            return String::new();
        };
        let mut out = String::new();
        let kinds = [
            (Object::Package, "package"),
            (Object::Numa, "NUMA node"),
            (Object::L3cache, "L3 cache"),
            (Object::Core, "core"),
            (Object::Hwthread, "hardware thread"),
        ];
        let shown = kinds
            .iter()
            .filter(|(o, _)| *o != Object::L3cache || machine.has_l3());
        let counts: Vec<String> = shown
            .map(|(object, name)| {
                let n = machine.count(*object);
                format!("{n} {name}{}", if n == 1 { "" } else { "s" })
            })
            .collect();
        let _ = writeln!(out, "this job may use {}", counts.join(", "));
        let mut last = None;
        let mut cores: Vec<&Pu> = Vec::new();
        for pu in &machine.pus {
            if cores.last().is_none_or(|c| c.core != pu.core) {
                cores.push(pu);
            }
        }
        for first in cores {
            let around = (first.package, first.numa, first.l3);
            if last.replace(around) != Some(around) {
                let l3 = match machine.has_l3() {
                    true => format!(", L3 cache {}", first.l3),
                    false => String::new(),
                };
                let (package, numa) = (first.package, first.numa);
                let _ = writeln!(out, "  package {package}, NUMA node {numa}{l3}");
            }
            let own = machine.pus.iter().filter(|p| p.core == first.core);
            let threads: Vec<String> = own.clone().map(|p| format!("P{}", p.os)).collect();
            let here = |pus: &[Pu]| pus.iter().any(|p| p.core == first.core);
            let ranks = self.placement.iter().enumerate();
            let ranks: Vec<String> = ranks
                .filter(|(_, pus)| here(pus))
                .map(|(rank, pus)| {
                    let all = own.clone().all(|p| pus.contains(p));
                    let some = own.clone().filter(|p| pus.contains(p));
                    let on: Vec<String> = some.map(|p| format!("P{}", p.os)).collect();
                    let rank = number(rank);
                    match all {
                        true => format!("rank {rank}"),
                        false => format!("rank {rank} on {}", on.join(" ")),
                    }
                })
                .collect();
            let line = format!(
                "    core {:<4} {:<10} {}",
                first.core,
                threads.join(" "),
                ranks.join(", ")
            );
            let _ = writeln!(out, "{}", line.trim_end());
        }
        let free = self.placement.iter().enumerate();
        let free = free.filter(|(_, pus)| pus.is_empty());
        let free = ranges(free.map(|(rank, _)| number(rank)));
        if !free.is_empty() {
            let _ = writeln!(out, "  not bound ({}): rank {free}", self.reason);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::tests::machine;

    #[test]
    fn masks_reach_past_a_word() {
        let pu = |os| Pu {
            os,
            core: os,
            l1: os,
            l2: os,
            l3: 0,
            numa: 0,
            package: 0,
        };
        assert_eq!(mask(&[pu(0), pu(65)]), [1, 2]);
        assert!(mask(&[]).is_empty());
        assert_eq!(processor(&[pu(3)]), Some(3));
        assert_eq!(processor(&[pu(3), pu(4)]), None);
    }

    #[test]
    fn objects_that_contain_all_processors() {
        let machine = machine(2, 2, 2, 2);
        let core = |n| -> Vec<Pu> {
            let own = machine.pus.iter().filter(|p| p.core == n);
            own.copied().collect()
        };
        const ANY: u32 = u32::MAX;
        assert_eq!(common_objects(&core(5)), [1, 2, 2, 5]);
        assert_eq!(common_objects(&[core(4), core(5)].concat()), [1, 2, 2, ANY]);
        assert_eq!(
            common_objects(&[core(1), core(2)].concat()),
            [0, ANY, ANY, ANY]
        );
        assert_eq!(common_objects(&machine.pus), [ANY; 4]);
        assert_eq!(common_objects(&[]), [ANY; 4]);
    }

    #[test]
    fn the_picture_shows_machine_and_ranks() {
        let machine = machine(2, 1, 2, 2);
        let map = crate::cli::map("package").unwrap();
        let placement = placement::place(
            &machine,
            2,
            (&map, RankBy::Slot),
            &BindTo::To(Object::Core, 1),
        )
        .unwrap();
        let binding = Binding {
            placement,
            machine: Some(machine),
            reason: "",
            _marks: Vec::new(),
        };
        let other = binding.picture(Some(&[4, 6, 8, 9]));
        assert!(other.contains("core 2    P2 P6      rank 6\n"), "{other}");
        let picture = binding.picture(None);
        assert!(
            picture.contains("2 packages") && picture.contains("4 cores"),
            "{picture}"
        );
        assert!(
            picture.contains("core 0    P0 P4      rank 0\n"),
            "{picture}"
        );
        assert!(
            picture.contains("core 2    P2 P6      rank 1\n"),
            "{picture}"
        );
        assert!(picture.contains("core 1    P1 P5\n"), "{picture}");
    }
}
