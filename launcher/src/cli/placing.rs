//! The languages of `--bind-to`, `--map-by`, `--rank-by`, `--membind` and rankfiles. Pure.

use super::words::{is_short_for, numbers};
use std::path::PathBuf;

/// An object of the machine that ranks are mapped by or bound to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Object {
    /// A hardware thread.
    Hwthread,
    /// A core with all its hardware threads.
    Core,
    /// The cores that share a level-1 cache: as a rule one.
    L1cache,
    /// The cores that share a level-2 cache.
    L2cache,
    /// The cores that share a level-3 cache.
    L3cache,
    /// A NUMA node.
    Numa,
    /// A processor package (socket).
    Package,
}

/// What a rank is bound to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BindTo {
    /// Nothing: it may run wherever mpirun may.
    Nothing,
    /// So many objects of this kind. The number is 1 without a suffix as in `core:2`.
    To(Object, u32),
    /// Rank i to one processor, in turn by the kernel's numbers.
    Each,
    /// Rank i to the i-th of these sets of processors, in turn (the kernel's numbers).
    Sets(Vec<Vec<u32>>),
}

/// How ranks are laid out over the machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MapBy {
    /// Only a qualifier was given.
    Unsaid,
    /// One after the other, core by core.
    Slot,
    /// In turn over the hosts; on each, core by core.
    Node,
    /// In turn over the objects of this kind.
    Object(Object),
    /// So many ranks on each object of this kind.
    PerResource(u32, Object),
    /// So many ranks on the machine, core by core.
    PerMachine(u32),
    /// Rank i on the i-th of these processors (the kernel's numbers).
    List(Vec<u32>),
    /// As this file says.
    Rankfile(PathBuf),
}

/// `--map-by` with its qualifiers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mapping {
    /// How ranks are laid out.
    pub by: MapBy,
    /// Cores for each rank (`PE=n`), by default 1.
    pub cores: u32,
    /// Hardware threads count as cores (`HWTCPUS`).
    pub threads: bool,
    /// There may be no more ranks than processors (`NOOVERSUBSCRIBE`).
    pub no_oversubscribe: bool,
    /// Nothing is started (`DONOTLAUNCH`).
    pub no_launch: bool,
}

impl Mapping {
    /// A layout without qualifiers.
    pub fn by(by: MapBy) -> Mapping {
        Mapping {
            by,
            cores: 1,
            threads: false,
            no_oversubscribe: false,
            no_launch: false,
        }
    }
}

/// In which order ranks are numbered that are laid out over objects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RankBy {
    /// In the order in which they were laid out.
    Slot,
    /// In turn over the hosts.
    Node,
    /// All of an object before those of the next one.
    Fill,
    /// One of each object, then the next one of each.
    Span,
}

/// Where a rank's memory is taken from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MemBind {
    /// The NUMA node of the core that first touches it: the kernel's own way.
    FirstTouch,
    /// Only these NUMA nodes.
    Bind(Vec<u32>),
    /// These NUMA nodes in turn, page by page.
    Interleave(Vec<u32>),
}

/// A line of a rankfile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RankPlace {
    /// The rank.
    pub rank: u32,
    /// The host's name.
    pub host: String,
    /// The package, and in it the cores; without a package the machine's cores. Logical
    /// numbers. Without cores: all.
    pub cores: Vec<(Option<u32>, Option<Vec<u32>>)>,
}

fn object(word: &str) -> Option<Object> {
    // Data, instruction and unified caches of one level belong to the same cores.
    let cache = |level: char| {
        let rest = word.strip_prefix('l')?.strip_prefix(level)?;
        ["", "cache", "dcache", "icache", "ucache"]
            .contains(&rest)
            .then_some(())
    };
    Some(match word {
        "hwthread" | "thread" | "hwt" | "pu" => Object::Hwthread,
        "core" | "cpu" => Object::Core,
        "numa" | "numanode" => Object::Numa,
        "package" | "socket" => Object::Package,
        _ if cache('1').is_some() => Object::L1cache,
        _ if cache('2').is_some() => Object::L2cache,
        _ if cache('3').is_some() => Object::L3cache,
        _ if word.len() >= 3 && "package".starts_with(word) => Object::Package,
        _ if word.len() >= 3 && "hwthread".starts_with(word) => Object::Hwthread,
        _ => return None,
    })
}

/// Why an object that Hydra knows is none here.
fn not_here(word: &str) -> Option<String> {
    let first = word.split(':').next().unwrap_or_default();
    let device = ["pci", "gpu", "ib", "en", "eth", "hfi", "hsn"];
    let is_device = |name: &str| {
        let rest = first.strip_prefix(name);
        rest.is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
    };
    if device.iter().any(|name| is_device(name)) {
        return Some(format!(
            "ranks are not bound to devices; bind them to the NUMA node beside the device: numa, or \
             user:P+P,… for processors (/sys/bus/pci/devices/…/local_cpulist has those beside {first})"
        ));
    }
    let cache = first
        .strip_prefix('l')
        .filter(|rest| rest.starts_with(['4', '5']));
    cache.map(|_| "only caches of the levels 1 to 3 are known; use numa or package".to_owned())
}

/// `--bind-to`: an object, with `:N` for several, `rr`, `user:P+P,P`, or `none`.
pub fn bind(text: &str) -> Result<BindTo, String> {
    const SYNTAX: &str = "wanted one of hwthread core l1cache l2cache l3cache numa package socket board none, \
        core:2 for two cores, or user:0+2,1 for processors";
    let lower = text.to_lowercase();
    if let Some(list) = lower.strip_prefix("user:") {
        let set = |one: &str| one.split('+').map(|p| p.trim().parse().ok()).collect();
        let sets: Option<Vec<Vec<u32>>> = list.split(',').map(set).collect();
        return sets.map(BindTo::Sets).ok_or_else(|| SYNTAX.to_owned());
    }
    let (word, qualifiers) = lower.split_once(':').unwrap_or((&lower, ""));
    let mut count = 1;
    for qualifier in qualifiers.split(':').filter(|q| !q.is_empty()) {
        let is = |full, least| is_short_for(qualifier, full, least);
        if !(is("overload-allowed", 1) || is("no-overload", 4) || is("if-supported", 2)) {
            let n = qualifier.parse::<u32>().ok().filter(|n| *n > 0);
            count = match (n, not_here(&lower)) {
                (Some(n), _) => n,
                (None, Some(why)) => return Err(why),
                (None, None) => return Err(SYNTAX.to_owned()),
            };
        }
    }
    match word {
        "none" | "board" | "node" | "machine" => Ok(BindTo::Nothing),
        "rr" => Ok(BindTo::Each),
        "" if !qualifiers.is_empty() => Ok(BindTo::To(Object::Core, count)),
        _ => object(word)
            .map(|o| BindTo::To(o, count))
            .ok_or_else(|| not_here(word).unwrap_or_else(|| SYNTAX.to_owned())),
    }
}

/// `--map-by`.
pub fn map(text: &str) -> Result<Mapping, String> {
    const SYNTAX: &str = "wanted slot, core, hwthread, l1cache, l2cache, l3cache, numa, package, socket or node, \
        each with :PE=N if wanted, or ppr:N:OBJECT, pe-list=P,P-P, or rankfile:file=FILE";
    let mut words = text.split(':');
    let first = words.next().unwrap_or_default().to_lowercase();
    let mut mapping = Mapping::by(MapBy::Unsaid);
    let mut file = None;
    let mut is_rankfile = false;
    if let Some(list) = first.strip_prefix("pe-list=") {
        mapping.by = MapBy::List(numbers(list).ok_or(SYNTAX)?);
    } else if first == "ppr" {
        let n = words.next().and_then(|n| n.parse::<u32>().ok());
        let n = n.filter(|n| *n > 0).ok_or(SYNTAX)?;
        mapping.by = match words.next().unwrap_or_default().to_lowercase().as_str() {
            "node" | "board" | "machine" => MapBy::PerMachine(n),
            word => MapBy::PerResource(n, object(word).ok_or(SYNTAX)?),
        };
    } else {
        mapping.by = match first.as_str() {
            "" if text.len() > 1 => MapBy::Unsaid,
            "slot" => MapBy::Slot,
            "node" | "board" | "machine" => MapBy::Node,
            "rankfile" => {
                is_rankfile = true;
                MapBy::Unsaid
            }
            "seq" => {
                return Err(
                    "ranks go to hosts in the order of a list: --host a,b,a, and --map-by node for turns"
                        .to_owned(),
                );
            }
            word => MapBy::Object(
                object(word).ok_or_else(|| not_here(word).unwrap_or_else(|| SYNTAX.to_owned()))?,
            ),
        };
    }
    for word in words {
        let is = |full: &str, least| is_short_for(word, full, least);
        let (name, value) = word.split_once('=').unwrap_or(("", word));
        if is("oversubscribe", 2)
            || is("overload-allowed", 4)
            || is("span", 1)
            || is("ordered", 2)
            || is("inherit", 1)
            || is("noinherit", 3)
            || is("donotresolve", 6)
        {
            // Ranks may always be more than cores, and a layout counts for its own job.
        } else if is("nooversubscribe", 3) {
            mapping.no_oversubscribe = true;
        } else if is("hwtcpus", 1) {
            mapping.threads = true;
        } else if is("corecpus", 1) {
            mapping.threads = false;
        } else if is("donotlaunch", 6) {
            mapping.no_launch = true;
        } else if is("nolocal", 3) {
            return Err("name the other hosts by --host: ranks run on those alone".to_owned());
        } else if name.eq_ignore_ascii_case("file") && is_rankfile && !value.is_empty() {
            file = Some(PathBuf::from(value));
        } else {
            let known = name.is_empty() || name.eq_ignore_ascii_case("pe");
            let n = value.parse::<u32>().ok().filter(|n| *n > 0 && known);
            mapping.cores = n.ok_or(SYNTAX)?;
        }
    }
    if is_rankfile {
        let file = file.ok_or("wanted rankfile:file=FILE")?;
        mapping.by = MapBy::Rankfile(file);
    }
    Ok(mapping)
}

/// `--rank-by`. Objects are taken as Open MPI 4 took them: ranks go round over them.
pub fn rank_by(text: &str) -> Result<RankBy, String> {
    let lower = text.to_lowercase();
    let (word, qualifier) = lower.split_once(':').unwrap_or((&lower, ""));
    Ok(match (word, qualifier) {
        ("slot", "") => RankBy::Slot,
        ("node" | "board" | "machine", "") => RankBy::Node,
        ("fill", "") => RankBy::Fill,
        ("span", "") => RankBy::Span,
        (word, "fill") if object(word).is_some() => RankBy::Fill,
        (word, "" | "span") if object(word).is_some() => RankBy::Span,
        _ => return Err("wanted slot, node, fill or span".to_owned()),
    })
}

/// `--membind`.
pub fn membind(text: &str) -> Result<MemBind, String> {
    const SYNTAX: &str =
        "wanted firsttouch, bind:N,N or interleave:N,N with the numbers of NUMA nodes";
    let lower = text.to_lowercase();
    let (word, list) = lower.split_once(':').unwrap_or((&lower, ""));
    let nodes = || numbers(list).ok_or_else(|| SYNTAX.to_owned());
    match word {
        "none" | "firsttouch" if list.is_empty() => Ok(MemBind::FirstTouch),
        "bind" => nodes().map(MemBind::Bind),
        "interleave" => nodes().map(MemBind::Interleave),
        "nexttouch" => Err(format!("Linux moves no memory at the next touch; {SYNTAX}")),
        _ => Err(SYNTAX.to_owned()),
    }
}

/// The lines of a rankfile: `rank N=HOST slot=LIST`, where LIST is `0,2-3` for cores, or
/// `1:0-2` for cores of a package. The result is in the order of ranks.
///
/// # Errors
/// The first line that cannot be used.
pub fn rankfile(text: &str) -> Result<Vec<RankPlace>, String> {
    let mut places: Vec<RankPlace> = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let place = rank_place(line).ok_or_else(|| {
            format!("line {number}: {line:?}: wanted rank N=HOST slot=CORES, such as rank 0=localhost slot=0,2-3 or slot=1:0-2")
        })?;
        if places.iter().any(|known| known.rank == place.rank) {
            return Err(format!("line {number}: rank {} is there twice", place.rank));
        }
        places.push(place);
    }
    places.sort_by_key(|place| place.rank);
    let gap = (0..).zip(&places).find(|(rank, place)| *rank != place.rank);
    match gap {
        Some((rank, _)) => Err(format!("there is no line for rank {rank}")),
        None if places.is_empty() => Err("there is no line in it".to_owned()),
        None => Ok(places),
    }
}

fn rank_place(line: &str) -> Option<RankPlace> {
    let rest = line.strip_prefix("rank")?.trim_start();
    let (rank, rest) = rest.split_once('=')?;
    let (host, rest) = rest.trim_start().split_once(char::is_whitespace)?;
    let list = rest.trim_start().strip_prefix("slot")?.trim_start();
    let list = list.strip_prefix('=')?.trim();
    let mut cores = Vec::new();
    // In 0:1,1:2-3 a colon begins a new package, in 0,2-3 there is none.
    for part in list.split(',') {
        let (package, part) = match part.split_once(':') {
            Some((package, part)) => (Some(package.trim().parse().ok()?), part),
            None => (cores.last().and_then(|(package, _)| *package), part),
        };
        let some = match part.trim() {
            "*" => None,
            part => Some(numbers(part)?),
        };
        cores.push((package, some));
    }
    Some(RankPlace {
        rank: rank.trim().parse().ok()?,
        host: host.to_owned(),
        cores,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_in_all_spellings() {
        let plain = Mapping::by;
        assert_eq!(map("slot"), Ok(plain(MapBy::Slot)));
        assert_eq!(map("Socket"), Ok(plain(MapBy::Object(Object::Package))));
        let two = Mapping {
            cores: 2,
            ..plain(MapBy::Object(Object::Numa))
        };
        assert_eq!(map("numa:PE=2"), Ok(two.clone()));
        assert_eq!(map("numa:2"), Ok(two));
        assert_eq!(
            map("ppr:2:l3cache:oversubscribe"),
            Ok(plain(MapBy::PerResource(2, Object::L3cache)))
        );
        assert_eq!(
            map("pe-list=0,4-6"),
            Ok(plain(MapBy::List(vec![0, 4, 5, 6])))
        );
        assert_eq!(
            map("RANKFILE:file=/tmp/Mine"),
            Ok(plain(MapBy::Rankfile("/tmp/Mine".into())))
        );
        let hwt = map(":HWTCPUS:nooversub").unwrap();
        assert!(hwt.threads && hwt.no_oversubscribe && hwt.by == MapBy::Unsaid);
        for wrong in [
            "pe-list=6-4",
            "chair",
            "core:PE=0",
            "core:wood",
            "rankfile",
            "",
            ":",
            "slot:file=x",
            "seq",
            "core:nolocal",
            "l5cache",
            "gpu0",
        ] {
            assert!(map(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn binds_in_all_spellings() {
        assert_eq!(bind("core:2"), Ok(BindTo::To(Object::Core, 2)));
        assert_eq!(
            bind("core:overload-allowed"),
            Ok(BindTo::To(Object::Core, 1))
        );
        assert_eq!(bind("L2dcache:3"), Ok(BindTo::To(Object::L2cache, 3)));
        assert_eq!(bind("rr"), Ok(BindTo::Each));
        let sets = vec![vec![0, 2], vec![1, 4], vec![3]];
        assert_eq!(bind("user:0+2,1+4,3"), Ok(BindTo::Sets(sets)));
        assert_eq!(bind("none"), Ok(BindTo::Nothing));
        for wrong in ["core:0", "l9cache", "user:", "user:0+x", "core:wood"] {
            assert!(bind(wrong).is_err(), "{wrong}");
        }
        for device in ["gpu:2", "ib0", "pci:0000:01:00.0", "hsn", "eth1"] {
            assert!(bind(device).unwrap_err().contains("devices"), "{device}");
        }
        assert!(bind("l4cache").unwrap_err().contains("levels 1 to 3"));
    }

    #[test]
    fn orders_and_memory() {
        assert_eq!(rank_by("SPAN"), Ok(RankBy::Span));
        assert_eq!(rank_by("socket:fill"), Ok(RankBy::Fill));
        assert!(rank_by("chair").is_err());
        assert_eq!(
            membind("interleave:0,2-3"),
            Ok(MemBind::Interleave(vec![0, 2, 3]))
        );
        assert!(membind("bind:").is_err() && membind("nexttouch").is_err());
    }

    #[test]
    fn rankfiles() {
        let text = "# two\nrank 1=b slot=1:0-1,3\n\nrank 0 = +n0 slot = 2,4-5 # first\n";
        let places = rankfile(text).unwrap();
        assert_eq!((places[0].rank, places[0].host.as_str()), (0, "+n0"));
        assert_eq!(
            places[0].cores,
            [(None, Some(vec![2])), (None, Some(vec![4, 5]))]
        );
        assert_eq!(
            places[1].cores,
            [(Some(1), Some(vec![0, 1])), (Some(1), Some(vec![3]))]
        );
        for (wrong, word) in [
            ("", "no line"),
            ("rank 1=a slot=0", "rank 0"),
            ("rank 0=a slot=0\nrank 0=a slot=1", "twice"),
            ("rank 0=a\n", "line 1"),
            ("rank 0=a slot=x", "line 1"),
        ] {
            let said = rankfile(wrong).unwrap_err();
            assert!(said.contains(word), "{wrong}: {said}");
        }
    }
}
