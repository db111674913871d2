//! Whether so many ranks can run here at all: asked before anything is made, of
//! every limit that would else stop the job half way. [`fits`] is pure.

use crate::cgroup::Cgroups;
use crate::cli::{Global, Stdin};
use nix::sys::resource::{Resource, getrlimit};
use std::fs::read_to_string;

/// Memory that even the smallest process takes: its kernel stack, page tables
/// and a few pages of its own.
const SMALLEST_PROCESS: u64 = 64 << 10;

/// Descriptors of mpirun's that do not depend on the number of ranks, those for
/// a moment while a rank is started included: segment, heap file, lifeline, events.
const OWN_DESCRIPTORS: u64 = 22;

/// What a job takes of something that is limited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unit {
    Processes,
    Descriptors,
    Bytes,
}

/// A limit.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Room {
    unit: Unit,
    /// What may be there in all.
    limit: u64,
    /// What is in use by now.
    used: u64,
    /// Where the limit comes from.
    source: String,
}

/// What a job takes: so much for each rank, and so much besides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Need {
    unit: Unit,
    each: u64,
    besides: u64,
}

/// Descriptors that mpirun needs for a job of `ranks` ranks: pipes and files.
pub fn descriptors(global: &Global, ranks: u64) -> u64 {
    let pipes = ranks.saturating_mul(per_rank(global));
    pipes.saturating_add(OWN_DESCRIPTORS + marks())
}

/// Descriptors that mark the processors which ranks are bound to.
fn marks() -> u64 {
    std::thread::available_parallelism().map_or(1, |n| n.get() as u64)
}

/// Two pipes; one more where all ranks read standard input; two files where
/// output goes to files.
fn per_rank(global: &Global) -> u64 {
    let spec = global.output.clone().unwrap_or_default();
    let copies = u64::from(global.stdin == Some(Stdin::All));
    let files =
        u64::from(global.outfile_pattern.is_some()) + u64::from(global.errfile_pattern.is_some());
    let both = match spec.dir.is_some() || spec.file.is_some() {
        true => 2,
        false => files,
    };
    2 + copies + both
}

/// Whether a job with these numbers of ranks, one for each of its programs, can
/// run here as far as limits tell.
///
/// # Errors
/// The number, the limit that it goes beyond, and where that limit comes from.
pub fn check(global: &Global, programs: &[u32], cgroups: &Cgroups) -> Result<u32, String> {
    let ranks: u64 = programs.iter().copied().map(u64::from).sum();
    let needs = [
        Need {
            unit: Unit::Processes,
            each: 1,
            // the guard, the thread that writes output, and the one that copies input
            besides: 2 + u64::from(global.stdin == Some(Stdin::All)),
        },
        Need {
            unit: Unit::Descriptors,
            each: per_rank(global),
            besides: OWN_DESCRIPTORS + marks(),
        },
        Need {
            unit: Unit::Bytes,
            each: SMALLEST_PROCESS + wireup::segment::BYTES_PER_RANK,
            besides: 0,
        },
    ];
    let cheap = fits(programs, &needs, &rooms(ranks, cgroups));
    let ranks = u32::try_from(ranks)
        .ok()
        .filter(|n| i32::try_from(*n).is_ok());
    let countable = ranks.ok_or_else(|| {
        format!(
            "{} are too many: ranks are numbered up to {}",
            shown(programs),
            i32::MAX
        )
    });
    cheap.and(countable)
}

/// The first need that does not fit.
fn fits(programs: &[u32], needs: &[Need], rooms: &[Room]) -> Result<(), String> {
    let ranks: u64 = programs.iter().copied().map(u64::from).sum();
    for room in rooms {
        let Some(need) = needs.iter().find(|n| n.unit == room.unit) else {
            continue;
        };
        let wanted = need.each.saturating_mul(ranks).saturating_add(need.besides);
        let left = room.limit.saturating_sub(room.used);
        if wanted <= left {
            continue;
        }
        let most = left.saturating_sub(need.besides) / need.each;
        let (wanted, limit, used) = match room.unit {
            Unit::Processes => (
                format!("{wanted} processes and threads"),
                room.limit.to_string(),
                room.used.to_string(),
            ),
            Unit::Descriptors => (
                format!("{wanted} open files of mpirun's"),
                room.limit.to_string(),
                room.used.to_string(),
            ),
            Unit::Bytes => (
                format!("{} of memory at the least", bytes(wanted)),
                bytes(room.limit),
                bytes(room.used),
            ),
        };
        let used = match room.used {
            0 => String::new(),
            _ => format!(", of which {used} are in use"),
        };
        let room_for = match most {
            0 => "there is no room for a single rank".to_owned(),
            1 => "there is room for 1 rank".to_owned(),
            n => format!("there is room for {n} ranks"),
        };
        return Err(format!(
            "{} cannot run here: they take {wanted}, and {} allows {limit}{used}; {room_for}",
            shown(programs),
            room.source
        ));
    }
    Ok(())
}

/// The number of ranks, and what it is the sum of.
fn shown(programs: &[u32]) -> String {
    let sum: u64 = programs.iter().copied().map(u64::from).sum();
    let ranks = if sum == 1 { "rank" } else { "ranks" };
    if programs.len() < 2 {
        return format!("{sum} {ranks}");
    }
    let parts: Vec<String> = programs.iter().take(8).map(u32::to_string).collect();
    let more = if programs.len() > 8 { " + …" } else { "" };
    format!("{sum} {ranks} ({}{more})", parts.join(" + "))
}

/// The limit of processes that is nearest by now, in words: why the kernel makes
/// no more of them.
pub fn nearest_of_processes(cgroups: &Cgroups) -> Option<String> {
    let rooms = rooms(u64::MAX, cgroups).into_iter();
    let rooms = rooms.filter(|r| r.unit == Unit::Processes);
    let nearest = rooms.min_by_key(|r| r.limit.saturating_sub(r.used))?;
    Some(format!(
        "{} allows {} processes and threads, of which {} are in use",
        nearest.source, nearest.limit, nearest.used
    ))
}

/// A number of bytes for the reader.
pub fn bytes(n: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.iter().find(|(shift, _)| n >> shift >= 10);
    unit.map_or_else(
        || format!("{n} bytes"),
        |(shift, name)| format!("{} {name}", n >> shift),
    )
}

/// All limits that hold here for a job of `ranks` ranks. What is not known is no
/// limit.
fn rooms(ranks: u64, cgroups: &Cgroups) -> Vec<Room> {
    let mut rooms = Vec::new();
    let threads = threads_of_machine();
    let processes = |limit: u64, used: u64, source: String| Room {
        unit: Unit::Processes,
        limit,
        used,
        source,
    };
    // process 0 is never given away
    if let Some(limit) = number("/proc/sys/kernel/pid_max") {
        let source = "kernel.pid_max".to_owned();
        rooms.push(processes(limit.saturating_sub(1), threads, source));
    }
    if let Some(limit) = number("/proc/sys/kernel/threads-max") {
        rooms.push(processes(limit, threads, "kernel.threads-max".to_owned()));
    }
    for limit in cgroups.processes() {
        let source = limit.source.display().to_string();
        rooms.push(processes(limit.max, limit.used, source));
    }
    if let Some((limit, used)) = own_processes(ranks, threads) {
        let source = "ulimit -u (RLIMIT_NPROC)".to_owned();
        rooms.push(processes(limit, used, source));
    }
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        rooms.push(Room {
            unit: Unit::Descriptors,
            limit: hard, // mpirun raises its own
            used: open_descriptors(),
            source: "ulimit -n (RLIMIT_NOFILE)".to_owned(),
        });
    }
    let info = read_to_string("/proc/meminfo").unwrap_or_default();
    let field = |name: &str| {
        let line = info.lines().find_map(|l| l.strip_prefix(name))?;
        let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kib << 10)
    };
    let swap = field("SwapFree:").unwrap_or(0);
    if let (Some(left), Some(all)) = (field("MemAvailable:"), field("MemTotal:")) {
        rooms.push(Room {
            unit: Unit::Bytes,
            limit: all + swap,
            used: all.saturating_sub(left),
            source: "this machine (/proc/meminfo)".to_owned(),
        });
    }
    for limit in cgroups.memory(swap) {
        rooms.push(Room {
            unit: Unit::Bytes,
            limit: limit.max,
            used: limit.used,
            source: limit.source.display().to_string(),
        });
    }
    rooms
}

/// All threads of the machine, as its load average tells (`… 2/345 …`).
fn threads_of_machine() -> u64 {
    let text = read_to_string("/proc/loadavg").unwrap_or_default();
    let field = text.split_whitespace().nth(3);
    field
        .and_then(|f| f.split_once('/')?.1.parse().ok())
        .unwrap_or(0)
}

/// The user's limit of processes, and how many there are; `None`: the kernel does
/// not hold this user to one. They are counted only where it could matter.
fn own_processes(ranks: u64, threads: u64) -> Option<(u64, u64)> {
    let (limit, _) = getrlimit(Resource::RLIMIT_NPROC).ok()?;
    if limit == libc::RLIM_INFINITY || is_exempt() {
        return None;
    }
    if ranks.saturating_add(threads).saturating_add(8) <= limit {
        return Some((limit, 0)); // there is room even if all of them were this user's
    }
    let own = nix::unistd::getuid().as_raw();
    let mut used = 0;
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        // not `self`, which is one of them once more
        let name = entry.file_name();
        if name.to_str().is_none_or(|n| n.parse::<u32>().is_err()) {
            continue;
        }
        let status = read_to_string(entry.path().join("status")).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|l| l.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        if field("Uid:") == Some(u64::from(own)) {
            used += field("Threads:").unwrap_or(1);
        }
    }
    Some((limit, used))
}

/// Whether the kernel lets this process have more processes than RLIMIT_NPROC
/// says: the real root user, and who has CAP_SYS_ADMIN or CAP_SYS_RESOURCE, in
/// the first user namespace.
fn is_exempt() -> bool {
    let map = read_to_string("/proc/self/uid_map").unwrap_or_default();
    if map.split_whitespace().collect::<Vec<_>>() != ["0", "0", "4294967295"] {
        return false;
    }
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|l| l.strip_prefix("CapEff:"));
    let effective = effective.and_then(|c| u64::from_str_radix(c.trim(), 16).ok());
    let mighty = 1 << 21 | 1 << 24;
    nix::unistd::getuid().is_root() || effective.is_some_and(|c| c & mighty != 0)
}

/// Descriptors that mpirun has open now.
fn open_descriptors() -> u64 {
    let open = std::fs::read_dir("/proc/self/fd").map(Iterator::count);
    // one of them is the folder itself
    open.map_or(3, |n| u64::try_from(n).unwrap_or(u64::MAX))
        .saturating_sub(1)
}

fn number(file: &str) -> Option<u64> {
    read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(unit: Unit, limit: u64, used: u64) -> Room {
        let source = "the box".to_owned();
        Room {
            unit,
            limit,
            used,
            source,
        }
    }

    fn need(unit: Unit, each: u64, besides: u64) -> Need {
        Need {
            unit,
            each,
            besides,
        }
    }

    #[test]
    fn the_last_that_fits_fits() {
        let needs = [need(Unit::Processes, 1, 2)];
        let rooms = [room(Unit::Processes, 100, 40)];
        assert_eq!(fits(&[58], &needs, &rooms), Ok(()));
        let said = fits(&[59], &needs, &rooms).unwrap_err();
        for word in [
            "59 ranks",
            "61 processes",
            "the box",
            "100",
            "40 are in use",
            "58 ranks",
        ] {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert!(
            fits(&[20, 39], &needs, &rooms)
                .unwrap_err()
                .contains("59 ranks (20 + 39)")
        );
    }

    #[test]
    fn no_number_is_too_large_to_be_compared() {
        let most = [u32::MAX; 100];
        for unit in [Unit::Processes, Unit::Descriptors, Unit::Bytes] {
            let needs = [need(unit, 1 << 40, u64::MAX)];
            assert!(fits(&most, &needs, &[room(unit, 10, 20)]).is_err());
            let rooms = [room(unit, u64::MAX, 0)];
            assert_eq!(fits(&most, &needs, &rooms), Ok(()), "no limit is none");
        }
        let said = check(&Global::default(), &[2_147_483_647; 2], &Cgroups::own()).unwrap_err();
        assert!(
            said.contains("4294967294 ranks (2147483647 + 2147483647)"),
            "{said}"
        );
        assert_eq!(check(&Global::default(), &[1, 1], &Cgroups::own()), Ok(2));
    }

    #[test]
    fn every_need_is_put_to_its_own_limit() {
        let needs = [
            need(Unit::Descriptors, 3, 32),
            need(Unit::Bytes, 1 << 16, 0),
        ];
        let rooms = [
            room(Unit::Bytes, 64 << 20, 0),
            room(Unit::Descriptors, 335, 3),
        ];
        assert_eq!(fits(&[100], &needs, &rooms), Ok(()));
        let said = fits(&[101], &needs, &rooms).unwrap_err();
        assert!(said.contains("335 open files"), "{said}");
        let said = fits(&[1025], &needs, &rooms).unwrap_err();
        assert!(
            said.contains("64 MiB") && said.contains("1024 ranks"),
            "{said}"
        );
    }
}
