//! Forged environments: ranks, and programs without `mpirun`, that find
//! variables and descriptors which nobody who meant well has given them.
//!
//! The names and a true segment are taken from a job, not from the sources: what
//! passes from `mpirun` to a rank is its own affair, and may change. Such a
//! program runs as if all that were not there, or is refused in words. It does
//! not crash or hang, and what its descriptors lead to stays as it was.

use super::run::{End, How, Run};
use super::{Case, Rng, clean_command, described, passed, signal_name};
use crate::{program, tool};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

/// What a rank of a true job found.
#[derive(Debug)]
struct Captive {
    /// Its variables that have to do with the job.
    variables: Vec<(OsString, OsString)>,
    /// Its files in memory.
    files: Vec<InMemory>,
}

/// Such a program is over in a tenth of a second on a quiet machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A file in memory of the true job's.
#[derive(Debug)]
struct InMemory {
    /// The descriptor's number.
    number: RawFd,
    /// What was in it.
    bytes: Vec<u8>,
    /// Its device and inode.
    identity: String,
}

/// Of a file in memory, so much is copied: the beginning tells what it is.
const COPIED: u64 = 1 << 20;

fn captive() -> &'static Captive {
    static CAPTIVE: OnceLock<Captive> = OnceLock::new();
    CAPTIVE.get_or_init(|| {
        let folder = crate::scratch("storm-captive");
        let mut command = clean_command(tool("mpirun"), &folder);
        command.args(["-n", "2", "sh", "-c", "echo up; exec sleep 60"]);
        let mut run = Run::start(command, LIMIT).expect("mpirun can be started");
        while !run.printed() && !run.is_over() {
            std::thread::sleep(Duration::from_millis(2));
        }
        let ranks = run.processes();
        let rank = ranks.iter().find(|p| p.rank == Some(1));
        let rank = rank.expect("a rank runs as long as it was told to");
        let captive = taken(rank.pid);
        for process in &ranks {
            let _ = run.signal(process.pid, libc::SIGKILL);
        }
        let _ = run.finish();
        let _ = std::fs::remove_dir_all(folder);
        captive
    })
}

fn taken(pid: i32) -> Captive {
    let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let of_job = ["LARIAT_", "PMI", "OMPI_", "MPI_"];
    let variables = environ
        .split(|b| *b == 0)
        .filter_map(|line| {
            let at = line.iter().position(|b| *b == b'=')?;
            let (name, value) = (&line[..at], &line[at + 1..]);
            let ours = of_job.iter().any(|p| name.starts_with(p.as_bytes()));
            ours.then(|| {
                (
                    OsStr::from_bytes(name).into(),
                    OsStr::from_bytes(value).into(),
                )
            })
        })
        .collect();
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd"));
    let mut files = Vec::new();
    for entry in entries.into_iter().flatten().flatten() {
        let path = entry.path();
        let number = entry.file_name().to_str().and_then(|n| n.parse().ok());
        let link = std::fs::read_link(&path).unwrap_or_default();
        if let Some(number) = number
            && link.to_string_lossy().starts_with("/memfd:")
            && let Ok(file) = File::open(&path)
        {
            let mut bytes = Vec::new();
            let identity = identity(&file);
            let _ = file.take(COPIED).read_to_end(&mut bytes);
            files.push(InMemory {
                number,
                bytes,
                identity,
            });
        }
    }
    Captive { variables, files }
}

/// A file's device and inode, as the variables of a rank name them.
fn identity(file: &File) -> String {
    let meta = file.metadata();
    meta.map_or_else(
        |_| "?".to_owned(),
        |meta| format!("{}:{}", meta.dev(), meta.ino()),
    )
}

/// Something that a descriptor leads to.
#[derive(Debug)]
struct Forged {
    what: &'static str,
    number: RawFd,
    fd: OwnedFd,
    /// What is in it, if it is nobody's business to change that.
    holds: Option<Vec<u8>>,
    /// Its name, if it has one.
    path: Option<PathBuf>,
}

/// How the program is started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Start {
    /// By itself.
    Alone,
    /// By `mpirun`, whose own environment is forged.
    Mpirun,
    /// By a script below `mpirun`, which forges that of some ranks.
    Below,
}

/// One case.
pub fn run(seed: u64, folder: &Path) -> Case {
    let mut rng = Rng::new("environments", seed);
    let start = *rng.one_of(&[Start::Alone, Start::Alone, Start::Mpirun, Start::Below]);
    let ranks = usize::try_from(rng.from_to(1, 3)).expect("few");
    let mut files = Vec::new();
    let mut variables = Vec::new();
    forge(&mut rng, folder, &mut variables, &mut files);
    let mut command = match start {
        Start::Alone => clean_command(program("storm"), folder),
        Start::Mpirun | Start::Below => {
            let mut command = clean_command(tool("mpirun"), folder);
            command.args(["--timeout", "30", "-n"]);
            command.arg(ranks.to_string());
            command
        }
    };
    if start == Start::Below {
        // descriptors by their names in /proc, since mpirun's ranks inherit few
        below(&mut rng, &mut command, &variables, &files);
    } else {
        command.envs(variables.iter().map(|(n, v)| (n, v)));
        inherit(&mut command, &files);
    }
    if start != Start::Alone {
        command.arg(program("storm"));
    }
    command.args(["all", "1"]);
    let run = match Run::start(command, LIMIT) {
        Ok(run) => run,
        Err(why) => return super::broken(&why.to_string()),
    };
    let end = run.finish();
    let ranks = match start {
        Start::Alone => 1,
        Start::Mpirun | Start::Below => ranks,
    };
    let mut faults = end.faults();
    faults.extend(end.words_of_a_bug());
    faults.extend(end.control_characters());
    let class = judge(&end, start, ranks, &mut faults);
    faults.extend(files.iter().filter_map(changed));
    let mut story: Vec<String> = vec![format!("{start:?}, {ranks} ranks")];
    story.extend(variables.iter().map(|(n, v)| format!("{n:?}={v:?}")));
    story.extend(
        files
            .iter()
            .map(|f| format!("descriptor {}: {}", f.number, f.what)),
    );
    Case {
        class,
        faults,
        story: format!("{}{end}", described(&story)),
    }
}

type Variables = Vec<(OsString, OsString)>;

/// Makes up an environment: that of a true rank with changes, or a few variables
/// of this and other launchers.
fn forge(rng: &mut Rng, folder: &Path, variables: &mut Variables, files: &mut Vec<Forged>) {
    let captive = captive();
    if rng.one_in(2) {
        // as a true one, with other files behind its descriptors
        for (name, value) in &captive.variables {
            if !rng.one_in(8) {
                put(variables, name.clone(), value.clone());
            }
        }
        let known = rng.one_in(2);
        for true_one in &captive.files {
            let forged = file(rng, folder, true_one.number, &true_one.bytes);
            // variables that name the true one may name the forged one
            if known
                && let Some(forged) = &forged
                && let Ok(copy) = forged.fd.try_clone()
            {
                let new = identity(&File::from(copy));
                for (_, value) in variables.iter_mut() {
                    let text = value.to_string_lossy();
                    *value = text.replace(&true_one.identity, &new).into();
                }
            }
            files.extend(forged);
        }
    }
    for _ in 0..rng.of_any_size(5) {
        let (name, true_value) = match rng.below(3) {
            0 => (OsString::from(*rng.one_of(&FOREIGN)), OsString::from("4")),
            1 => {
                let (name, value) = *rng.one_of(&HARMLESS);
                (name.into(), value.into())
            }
            _ if captive.variables.is_empty() => continue,
            _ => rng.one_of(&captive.variables).clone(),
        };
        let harmless =
            name.as_bytes().starts_with(b"LD_") || name.as_bytes().starts_with(b"MALLOC");
        let value = match harmless {
            true => true_value,
            false => value(rng, &true_value),
        };
        put(variables, name, value);
    }
    for _ in 0..rng.below(3) {
        let number = RawFd::try_from(rng.of_any_size(250)).expect("small").max(3);
        let bytes = rng.bytes(5000);
        files.extend(file(rng, folder, number, &bytes));
        let descriptors: Vec<_> = captive
            .variables
            .iter()
            .filter(|(_, v)| {
                v.to_str()
                    .and_then(|v| v.parse().ok())
                    .is_some_and(|n: i32| n > 2)
            })
            .collect();
        if !descriptors.is_empty() && rng.one_in(2) {
            let name = rng.one_of(&descriptors).0.clone();
            put(variables, name, number.to_string().into());
        }
    }
    files.sort_by_key(|f| f.number);
    files.dedup_by_key(|f| f.number);
}

fn put(variables: &mut Variables, name: OsString, value: OsString) {
    variables.retain(|(n, _)| *n != name);
    variables.push((name, value));
}

/// What other launchers, and batch systems, leave.
const FOREIGN: [&str; 24] = [
    "OMPI_COMM_WORLD_SIZE",
    "OMPI_COMM_WORLD_RANK",
    "OMPI_COMM_WORLD_LOCAL_RANK",
    "OMPI_MCA_btl",
    "PMI_SIZE",
    "PMI_RANK",
    "PMI_FD",
    "PMI_PORT",
    "PMI_SPAWNED",
    "PMIX_RANK",
    "PMIX_SIZE",
    "PMIX_NAMESPACE",
    "PMIX_SERVER_URI41",
    "SLURM_NTASKS",
    "SLURM_STEP_NUM_TASKS",
    "SLURM_PROCID",
    "SLURM_LOCALID",
    "SLURM_JOB_ID",
    "MPI_LOCALRANKID",
    "MPI_LOCALNRANKS",
    "MV2_COMM_WORLD_SIZE",
    "PALS_SIZE",
    "FLUX_JOB_SIZE",
    "LARIAT_NO_SUCH_THING",
];

/// What may stand in an environment and changes nothing.
const HARMLESS: [(&str, &str); 6] = [
    ("LD_BIND_NOW", "1"),
    ("LD_LIBRARY_PATH", "/no/such/folder::."),
    ("LD_PRELOAD", ""),
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_PERTURB_", "85"),
    ("LD_ORIGIN_PATH", "/"),
];

/// A value in the place of the true one.
fn value(rng: &mut Rng, true_value: &OsStr) -> OsString {
    let numbers = [
        "",
        "0",
        "1",
        "2",
        "3",
        "7",
        "-1",
        "200",
        "201",
        "1023",
        "99999",
        "2147483647",
        "4294967295",
        "4294967296",
        "-2147483648",
        "18446744073709551616",
        "0x10",
        "1 ",
        " 1",
        "+1",
        "1.0",
        "one",
        "1,2",
        "\u{664}",
    ];
    let mut bytes = match rng.below(6) {
        0 => true_value.as_bytes().to_vec(),
        1 => {
            let mut bytes = true_value.as_bytes().to_vec();
            let more: &[u8] = rng.one_of::<&[u8]>(&[&b"0"[..], b"x", b"\x1b[31m", b"\xff", b" "]);
            bytes.extend_from_slice(more);
            bytes
        }
        2 => {
            let len = rng.len(40);
            rng.bytes(len)
        }
        3 if rng.one_in(3) => vec![b'1'; rng.len(20_000)],
        _ => rng.one_of(&numbers).as_bytes().to_vec(),
    };
    bytes.retain(|b| *b != 0);
    OsString::from_vec(bytes)
}

/// Something to stand behind a descriptor, after the fashion of these bytes.
fn file(rng: &mut Rng, folder: &Path, number: RawFd, bytes: &[u8]) -> Option<Forged> {
    let mut content = bytes.to_vec();
    let mutation = match rng.below(4) {
        0 => {
            content.truncate(rng.index(content.len() + 1));
            "cut short"
        }
        1 => {
            for _ in 0..rng.of_any_size(64) {
                let whole = if rng.one_in(2) {
                    content.len()
                } else {
                    content.len().min(256)
                };
                if whole > 0 {
                    let at = rng.index(whole);
                    content[at] = rng.number().to_le_bytes()[0];
                }
            }
            "changed"
        }
        2 => {
            let len = content.len().min(100_000);
            content = rng.bytes(len);
            "of noise"
        }
        _ => "whole",
    };
    // a number may be drawn twice, but only one of the two files is inherited
    let path = folder.join(format!("file-{number}-{:08x}", rng.below(1 << 32)));
    let regular = |content: &[u8]| {
        std::fs::write(&path, content).ok()?;
        let options = File::options().read(true).write(true).open(&path).ok()?;
        Some(OwnedFd::from(options))
    };
    let (what, fd, holds, path) = match rng.below(8) {
        0..3 => {
            let fd = regular(&content)?;
            let what = match mutation {
                "cut short" => "a file, cut short",
                "changed" => "a file, changed",
                "of noise" => "a file of noise",
                _ => "a file with what a true one holds",
            };
            (what, fd, Some(content), Some(path))
        }
        3..6 => {
            let sealed = rng.one_in(2);
            let fd = memory(&content, sealed)?;
            let foreign = mutation == "of noise";
            let what = match (mutation, sealed) {
                ("cut short", _) => "a file in memory, cut short",
                ("changed", _) => "a file in memory, changed",
                ("of noise", _) => "a file in memory, of noise",
                (_, true) => "a file in memory with what a true one holds, sealed",
                (_, false) => "a file in memory with what a true one holds, not sealed",
            };
            (what, fd, foreign.then_some(content), None)
        }
        6 => {
            let (reader, writer) = std::io::pipe().ok()?;
            let fd: OwnedFd = if rng.one_in(2) {
                reader.into()
            } else {
                writer.into()
            };
            ("a pipe without another end", fd, None, None)
        }
        _ => {
            let name = *rng.one_of(&["/dev/null", "/dev/zero", "/", "/proc/self/status"]);
            (
                "a device or a folder",
                File::open(name).ok()?.into(),
                None,
                None,
            )
        }
    };
    Some(Forged {
        what,
        number,
        fd,
        holds,
        path,
    })
}

/// A file in memory.
fn memory(content: &[u8], sealed: bool) -> Option<OwnedFd> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: the name is NUL-terminated.
    let raw = unsafe { libc::memfd_create(c"lariat-job".as_ptr(), flags) };
    if raw < 0 {
        return None;
    }
    // SAFETY: the descriptor was just made and is nobody else's.
    let mut file = unsafe { File::from_raw_fd(raw) };
    file.write_all(content).ok()?;
    if sealed {
        // SAFETY: fcntl with an integer argument on an own descriptor.
        unsafe { libc::fcntl(raw, libc::F_ADD_SEALS, libc::F_SEAL_SHRINK) };
    }
    Some(file.into())
}

/// Has a command inherit the files under their numbers.
fn inherit(command: &mut Command, files: &[Forged]) {
    // Copies with high numbers first, so that none is overwritten before its turn.
    let plan: Vec<(RawFd, RawFd)> = files
        .iter()
        .filter_map(|file| {
            // SAFETY: fcntl with an integer argument on an own descriptor.
            let high = unsafe { libc::fcntl(file.fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 600) };
            (high >= 0).then_some((high, file.number))
        })
        .collect();
    let owned: Vec<OwnedFd> = plan
        .iter()
        // SAFETY: each was just made by F_DUPFD_CLOEXEC and is nobody else's.
        .map(|(high, _)| unsafe { OwnedFd::from_raw_fd(*high) })
        .collect();
    // SAFETY: only system calls between fork and exec.
    unsafe {
        command.pre_exec(move || {
            let _ = &owned; // they live as long as the command
            for (high, number) in &plan {
                libc::dup2(*high, *number);
            }
            Ok(())
        });
    }
}

/// A script that forges the environment of all ranks or of one, which opens the
/// files that have names under their numbers.
fn below(rng: &mut Rng, command: &mut Command, variables: &Variables, files: &[Forged]) {
    let mut script = String::new();
    if rng.one_in(2) {
        script.push_str("[ \"$OMPI_COMM_WORLD_RANK\" = 0 ] || exec \"$0\" \"$@\"\n");
    }
    for file in files {
        if let Some(path) = &file.path {
            let path = path.display();
            script.push_str(&format!("exec {}<>'{path}'\n", file.number));
        }
    }
    script.push_str("exec env");
    for (name, value) in variables {
        let mut word = name.as_bytes().to_vec();
        word.push(b'=');
        word.extend_from_slice(value.as_bytes());
        script.push_str(" \"$(printf '");
        for byte in word {
            script.push_str(&format!("\\{byte:03o}"));
        }
        script.push_str("')\"");
    }
    script.push_str(" \"$0\" \"$@\"\n");
    command.args(["bash", "-c", &script]);
}

/// What has become of a file that nobody was to change.
fn changed(file: &Forged) -> Option<String> {
    let held = file.holds.as_ref()?;
    let found = match &file.path {
        Some(path) => std::fs::read(path).unwrap_or_default(),
        None => {
            let mut copy = File::from(file.fd.try_clone().ok()?);
            let mut bytes = Vec::new();
            copy.seek(SeekFrom::Start(0)).ok()?;
            copy.read_to_end(&mut bytes).ok()?;
            bytes
        }
    };
    if found == *held {
        return None;
    }
    let (was, is) = (held.len(), found.len());
    let at = held.iter().zip(&found).position(|(a, b)| a != b);
    Some(format!(
        "descriptor {}, {}, was changed: {was} bytes were there, {is} are; the first that differs: {at:?}",
        file.number, file.what
    ))
}

fn judge(end: &End, start: Start, ranks: usize, faults: &mut Vec<String>) -> String {
    let came = passed(&end.stdout());
    let what = match end.how {
        How::Exit(0) => {
            if came != ranks {
                faults.push(format!("exit code 0, but {came} of {ranks} ranks passed"));
            }
            "ran"
        }
        How::Exit(124) if start != Start::Alone => {
            faults.push("hung until the timeout".to_owned());
            "hung until the timeout"
        }
        How::Exit(code) => {
            if end.stderr().trim().is_empty() {
                faults.push(format!("exit code {code} without a word"));
            }
            if end.stderr().contains(" killed by ") {
                faults.push(format!("a rank crashed, exit code {code}"));
            }
            "refused"
        }
        How::Signal(signal) => {
            faults.push(format!("died of {}", signal_name(signal)));
            "crashed"
        }
        How::Hung | How::Greedy(_) => "hung",
    };
    let where_ = match start {
        Start::Alone => "without mpirun",
        Start::Mpirun => "mpirun's own",
        Start::Below => "below mpirun",
    };
    format!("{where_}: {what}")
}
