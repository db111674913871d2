//! Whether so many ranks can run here at all. Checked before anything is created, against
//! each limit that could otherwise stop the job half way. [`fits`] is pure.

use crate::cgroup::Cgroups;
use crate::cli::{JobOptions, StdinReader};
use crate::procfs;
use nix::sys::resource::{Resource, getrlimit};
use std::fs::read_to_string;

/// Memory that even the smallest process takes: its kernel stack, page tables
/// and a few pages of its own.
const SMALLEST_PROCESS: u64 = 64 << 10;

/// Descriptors of mpirun's that do not depend on the number of ranks: segment, heap file,
/// lifeline, events, and those that are open for a moment while a rank is started.
const OWN_DESCRIPTORS: u64 = 22;

/// Something of which a job takes a part, and which is limited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ResourceKind {
    Processes,
    Descriptors,
    Bytes,
}

/// A limit of this system.
#[derive(Clone, PartialEq, Eq, Debug)]
struct SystemLimit {
    kind: ResourceKind,
    /// The most that there may be.
    limit: u64,
    /// How much is in use.
    used: u64,
    /// Where the limit comes from.
    source: String,
}

/// How much a job takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Demand {
    kind: ResourceKind,
    /// For each rank.
    each: u64,
    /// For the job as a whole.
    fixed: u64,
}

/// Descriptors that mpirun needs for a job of `ranks` ranks.
pub fn descriptors(global: &JobOptions, ranks: u64) -> u64 {
    let pipes = ranks.saturating_mul(per_rank(global));
    pipes.saturating_add(OWN_DESCRIPTORS + marks())
}

/// Descriptors of the sockets that mark the cores of ranks.
fn marks() -> u64 {
    std::thread::available_parallelism().map_or(1, |n| n.get() as u64)
}

/// Descriptors for each rank: two pipes, a third one if all ranks read standard input, and
/// files if output goes to files.
fn per_rank(global: &JobOptions) -> u64 {
    let spec = global.output();
    let copies = u64::from(global.stdin == Some(StdinReader::All));
    let files =
        u64::from(global.outfile_pattern.is_some()) + u64::from(global.errfile_pattern.is_some());
    let both = match spec.dir.is_some() || spec.file.is_some() {
        true => 2,
        false => files,
    };
    2 + copies + both
}

/// Checks that no limit stands against a job with these numbers of ranks, one for each of its
/// programs. Returns their sum.
///
/// # Errors
/// A limit is too low. The text names it, and says how many ranks there is room for.
pub fn check(global: &JobOptions, programs: &[u32], cgroups: &Cgroups) -> Result<u32, String> {
    let ranks: u64 = programs.iter().copied().map(u64::from).sum();
    let demands = [
        Demand {
            kind: ResourceKind::Processes,
            each: 1,
            // the guard, the forwarding thread, and the thread that copies input
            fixed: 2 + u64::from(global.stdin == Some(StdinReader::All)),
        },
        Demand {
            kind: ResourceKind::Descriptors,
            each: per_rank(global),
            fixed: OWN_DESCRIPTORS + marks(),
        },
        Demand {
            kind: ResourceKind::Bytes,
            each: SMALLEST_PROCESS + wireup::segment::BYTES_PER_RANK,
            fixed: 0,
        },
    ];
    let affordable = fits(programs, &demands, &limits(ranks, cgroups));
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
    affordable.and(countable)
}

/// Checks these demands against these limits. The error is the first demand that does not fit.
fn fits(programs: &[u32], demands: &[Demand], limits: &[SystemLimit]) -> Result<(), String> {
    let ranks: u64 = programs.iter().copied().map(u64::from).sum();
    for system in limits {
        let Some(demand) = demands.iter().find(|d| d.kind == system.kind) else {
            continue;
        };
        let wanted = demand.each.saturating_mul(ranks);
        let wanted = wanted.saturating_add(demand.fixed);
        let left = system.limit.saturating_sub(system.used);
        if wanted <= left {
            continue;
        }
        let most = left.saturating_sub(demand.fixed) / demand.each;
        let (wanted, limit, used) = match system.kind {
            ResourceKind::Processes => (
                format!("{wanted} processes and threads"),
                system.limit.to_string(),
                system.used.to_string(),
            ),
            ResourceKind::Descriptors => (
                format!("{wanted} open files in mpirun"),
                system.limit.to_string(),
                system.used.to_string(),
            ),
            ResourceKind::Bytes => (
                format!("at least {} of memory", bytes(wanted)),
                bytes(system.limit),
                bytes(system.used),
            ),
        };
        let used = match system.used {
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
            system.source
        ));
    }
    Ok(())
}

/// The number of ranks in words, and what it is the sum of.
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

/// The limit of processes that leaves least room now, in words: the likely reason why the
/// kernel refuses another one.
pub fn nearest_process_limit(cgroups: &Cgroups) -> Option<String> {
    let limits = limits(u64::MAX, cgroups).into_iter();
    let limits = limits.filter(|l| l.kind == ResourceKind::Processes);
    let nearest = limits.min_by_key(|r| r.limit.saturating_sub(r.used))?;
    Some(format!(
        "{} allows {} processes and threads, of which {} are in use",
        nearest.source, nearest.limit, nearest.used
    ))
}

/// A number of bytes in words.
pub fn bytes(n: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.iter().find(|(shift, _)| n >> shift >= 10);
    unit.map_or_else(
        || format!("{n} bytes"),
        |(shift, name)| format!("{} {name}", n >> shift),
    )
}

/// All limits that hold here for a job of `ranks` ranks. One that cannot be read is left out.
fn limits(ranks: u64, cgroups: &Cgroups) -> Vec<SystemLimit> {
    let mut limits = Vec::new();
    let threads = threads_of_machine();
    let processes = |limit: u64, used: u64, source: String| SystemLimit {
        kind: ResourceKind::Processes,
        limit,
        used,
        source,
    };
    // Number 0 is never given to a process.
    if let Some(limit) = number("/proc/sys/kernel/pid_max") {
        let source = "kernel.pid_max".to_owned();
        limits.push(processes(limit.saturating_sub(1), threads, source));
    }
    if let Some(limit) = number("/proc/sys/kernel/threads-max") {
        limits.push(processes(limit, threads, "kernel.threads-max".to_owned()));
    }
    for limit in cgroups.processes() {
        let source = limit.source.display().to_string();
        limits.push(processes(limit.max, limit.used, source));
    }
    if let Some((limit, used)) = own_processes(ranks, threads) {
        let source = "ulimit -u (RLIMIT_NPROC)".to_owned();
        limits.push(processes(limit, used, source));
    }
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        limits.push(SystemLimit {
            kind: ResourceKind::Descriptors,
            limit: hard, // mpirun raises its soft limit
            used: open_descriptors(),
            source: "ulimit -n (RLIMIT_NOFILE)".to_owned(),
        });
    }
    let info = read_to_string("/proc/meminfo").unwrap_or_default();
    let field = |name: &str| {
        let value = procfs::field(&info, name)?;
        let kib: u64 = value.split_whitespace().next()?.parse().ok()?;
        Some(kib << 10)
    };
    let swap = field("SwapFree").unwrap_or(0);
    if let (Some(left), Some(all)) = (field("MemAvailable"), field("MemTotal")) {
        limits.push(SystemLimit {
            kind: ResourceKind::Bytes,
            limit: all + swap,
            used: all.saturating_sub(left),
            source: "this machine (/proc/meminfo)".to_owned(),
        });
    }
    for limit in cgroups.memory(swap) {
        limits.push(SystemLimit {
            kind: ResourceKind::Bytes,
            limit: limit.max,
            used: limit.used,
            source: limit.source.display().to_string(),
        });
    }
    limits
}

/// The number of threads on the machine, from its load average (`… 2/345 …`).
fn threads_of_machine() -> u64 {
    let text = read_to_string("/proc/loadavg").unwrap_or_default();
    let field = text.split_whitespace().nth(3);
    field
        .and_then(|f| f.split_once('/')?.1.parse().ok())
        .unwrap_or(0)
}

/// The user's limit of processes, and how many the user has. None if the kernel does not
/// enforce the limit for this user. The processes are counted only if that could matter.
fn own_processes(ranks: u64, threads: u64) -> Option<(u64, u64)> {
    let (limit, _) = getrlimit(Resource::RLIMIT_NPROC).ok()?;
    if limit == libc::RLIM_INFINITY || is_exempt() {
        return None;
    }
    if ranks.saturating_add(threads).saturating_add(8) <= limit {
        return Some((limit, 0)); // there is room even if all threads are this user's
    }
    let own = nix::unistd::getuid().as_raw();
    let mut used = 0;
    for pid in procfs::pids() {
        let status = procfs::file(pid, "status").unwrap_or_default();
        let status = String::from_utf8_lossy(&status);
        let field = |name: &str| {
            let value = procfs::field(&status, name)?;
            value.split_whitespace().next()?.parse::<u64>().ok()
        };
        if field("Uid") == Some(u64::from(own)) {
            used += field("Threads").unwrap_or(1);
        }
    }
    Some((limit, used))
}

/// Whether the kernel does not enforce RLIMIT_NPROC for this process: in the first user
/// namespace, for the real user root, and with CAP_SYS_ADMIN or CAP_SYS_RESOURCE.
fn is_exempt() -> bool {
    let map = read_to_string("/proc/self/uid_map").unwrap_or_default();
    if map.split_whitespace().collect::<Vec<_>>() != ["0", "0", "4294967295"] {
        return false;
    }
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let effective = procfs::field(&status, "CapEff");
    let effective = effective.and_then(|c| u64::from_str_radix(c, 16).ok());
    const ADMIN_OR_RESOURCE: u64 = 1 << 21 | 1 << 24;
    nix::unistd::getuid().is_root() || effective.is_some_and(|c| c & ADMIN_OR_RESOURCE != 0)
}

/// The number of descriptors that mpirun has open.
fn open_descriptors() -> u64 {
    let open = std::fs::read_dir("/proc/self/fd").map(Iterator::count);
    // One of them is the folder that is being read.
    open.map_or(3, |n| u64::try_from(n).unwrap_or(u64::MAX))
        .saturating_sub(1)
}

fn number(file: &str) -> Option<u64> {
    read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(kind: ResourceKind, limit: u64, used: u64) -> SystemLimit {
        let source = "the box".to_owned();
        SystemLimit {
            kind,
            limit,
            used,
            source,
        }
    }

    fn demand(kind: ResourceKind, each: u64, fixed: u64) -> Demand {
        Demand { kind, each, fixed }
    }

    #[test]
    fn the_last_that_fits_fits() {
        let demands = [demand(ResourceKind::Processes, 1, 2)];
        let limits = [limit(ResourceKind::Processes, 100, 40)];
        assert_eq!(fits(&[58], &demands, &limits), Ok(()));
        let said = fits(&[59], &demands, &limits).unwrap_err();
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
            fits(&[20, 39], &demands, &limits)
                .unwrap_err()
                .contains("59 ranks (20 + 39)")
        );
    }

    #[test]
    fn no_number_is_too_large_to_be_compared() {
        let most = [u32::MAX; 100];
        for kind in [
            ResourceKind::Processes,
            ResourceKind::Descriptors,
            ResourceKind::Bytes,
        ] {
            let demands = [demand(kind, 1 << 40, u64::MAX)];
            assert!(fits(&most, &demands, &[limit(kind, 10, 20)]).is_err());
            let limits = [limit(kind, u64::MAX, 0)];
            assert_eq!(fits(&most, &demands, &limits), Ok(()), "no limit is none");
        }
        let said = check(&JobOptions::default(), &[2_147_483_647; 2], &Cgroups::own()).unwrap_err();
        assert!(
            said.contains("4294967294 ranks (2147483647 + 2147483647)"),
            "{said}"
        );
        assert_eq!(
            check(&JobOptions::default(), &[1, 1], &Cgroups::own()),
            Ok(2)
        );
    }

    #[test]
    fn every_demand_is_compared_with_its_own_limit() {
        let demands = [
            demand(ResourceKind::Descriptors, 3, 32),
            demand(ResourceKind::Bytes, 1 << 16, 0),
        ];
        let limits = [
            limit(ResourceKind::Bytes, 64 << 20, 0),
            limit(ResourceKind::Descriptors, 335, 3),
        ];
        assert_eq!(fits(&[100], &demands, &limits), Ok(()));
        let said = fits(&[101], &demands, &limits).unwrap_err();
        assert!(said.contains("335 open files"), "{said}");
        let said = fits(&[1025], &demands, &limits).unwrap_err();
        assert!(
            said.contains("64 MiB") && said.contains("1024 ranks"),
            "{said}"
        );
    }
}
