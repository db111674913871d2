//! The words that command lines and settings are made of: good ones, odd ones
//! that may be taken or refused, and bad ones that must be refused.
//!
//! Numbers of ranks are at most eight or beyond what any machine could start;
//! names of files lie below the case's own folder, or are ones that cannot be
//! written. Any word may end up as any option's value, so this holds for all.

use super::Rng;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// An option: its spellings, whether it may stand behind a colon, and values.
#[derive(Debug)]
pub struct Opt {
    /// All its names, without dashes.
    pub names: &'static [&'static str],
    /// How many values it takes.
    pub values: usize,
    /// It belongs to one program, and may stand behind a colon too.
    pub local: bool,
    /// Values with which a small job runs; those of a pair are joined by a space.
    pub good: &'static [&'static str],
    /// Values with which it may run or not.
    pub odd: &'static [&'static str],
    /// Values that must be refused.
    pub bad: &'static [&'static str],
}

const fn flag(names: &'static [&'static str]) -> Opt {
    Opt {
        names,
        values: 0,
        local: false,
        good: &[],
        odd: &[],
        bad: &[],
    }
}

const fn valued(
    names: &'static [&'static str],
    good: &'static [&'static str],
    odd: &'static [&'static str],
    bad: &'static [&'static str],
) -> Opt {
    Opt {
        names,
        values: 1,
        local: false,
        good,
        odd,
        bad,
    }
}

const fn local(mut opt: Opt, values: usize) -> Opt {
    opt.values = values;
    opt.local = true;
    opt
}

const COUNTS: &[&str] = &["1", "2", "3", "8"];
const ODD_COUNTS: &[&str] = &["+2", "02", "00000000000000000000003", "\u{664}"];
const BAD_COUNTS: &[&str] = &[
    "0",
    "-1",
    "-3",
    "1.5",
    "2x",
    "x",
    "",
    " ",
    "1e1",
    "0x2",
    "1,2",
    "4294967295",
    "4294967296",
    "2147483647",
    "1000000000",
    "18446744073709551616",
    "99999999999999999999999999",
];

/// What `mpirun --help` lists, and the spellings of the common launchers.
pub const OPTIONS: &[Opt] = &[
    local(
        valued(&["n", "np", "c", "n-ranks"], COUNTS, ODD_COUNTS, BAD_COUNTS),
        1,
    ),
    valued(
        &["N", "perhost", "ppn", "npernode"],
        &[],
        &["1", "2", "8", "+1", "2147483647", "4294967295"],
        &["0", "-1", "1.5", "2x", "x", "", "1e1", "4294967296"],
    ),
    valued(
        &["bind-to"],
        &["core", "none", "package", "numa", "socket", "hwthread"],
        &["l3cache", "board", "core:1", "core:2", "CORE", "core:"],
        &["chair", "core:0", "core:x", "", "core:-1", "core core", ":"],
    ),
    valued(
        &["map-by"],
        &["slot", "core", "node", "hwthread", "numa"],
        &[
            "l3cache",
            "core:PE=1",
            "ppr:8:node",
            "pe-list=0",
            "ppr:2:core",
            "SLOT",
        ],
        &[
            "chair",
            "ppr:0:core",
            "ppr:x:core",
            "ppr:",
            "ppr:1:chair",
            "core:PE=0",
            "core:PE=-1",
            "core:PE=99999999999",
            "pe-list=",
            "pe-list=x",
            "pe-list=3-1",
            "pe-list=4000000000",
            "pe-list=0-4294967295",
            "",
            ":",
        ],
    ),
    flag(&["report-bindings"]),
    valued(
        &["display"],
        &["bind", "map", "bindings"],
        &[],
        &["chair", "", "BIND"],
    ),
    flag(&["oversubscribe"]),
    valued(
        &["H", "host", "hosts"],
        &["localhost:8", "127.0.0.1:8"],
        &[
            "localhost",
            "localhost:1",
            "localhost,localhost",
            "[::1]:8",
            "",
        ],
        &[
            "no.such.host.example:0",
            "localhost:0",
            "localhost:x",
            "localhost,other.example:two",
            "localhost:-1",
        ],
    ),
    valued(
        &[
            "f",
            "hostfile",
            "machinefile",
            "machine-file",
            "default-hostfile",
        ],
        &["hosts"],
        &["mutated", "/dev/null", "empty"],
        &["missing", ".", "/no/such/file", ""],
    ),
    flag(&["l", "prepend-rank"]),
    flag(&["tag-output"]),
    flag(&["timestamp-output"]),
    valued(
        &["output"],
        &["tag", "timestamp", "tag,timestamp", "dir=out", "file=out"],
        &[
            "raw",
            "merge",
            "nocopy",
            "tag,tag",
            "tag:raw",
            "dir=o/p/q",
            "file=\u{e4}\u{1f600}",
        ],
        &[
            "wood", "dir=", "file=", "", ",", "tag,,raw", "tag,wood", "=x", "dir",
        ],
    ),
    valued(
        &["outfile-pattern"],
        &["o.%r"],
        &["plain", "%", "%%", "%r%r", "%q", "\u{e4}.%r", "/dev/null"],
        &["", ".", "/no/such/folder/o", "missing/o.%r"],
    ),
    valued(
        &["errfile-pattern"],
        &["e.%r"],
        &["plain", "%", "%%r", "/dev/null"],
        &["", ".", "/no/such/folder/e"],
    ),
    valued(
        &["s", "stdin"],
        &["0", "all", "none"],
        &["1", "7", "ALL"],
        &["-1", "x", "", "4294967296", "0,1"],
    ),
    valued_pair(&["genv"]),
    valued(
        &["genvlist"],
        &["HOME,PATH"],
        &["", ",", "=", "NO_SUCH"],
        &[],
    ),
    flag(&["genvall"]),
    flag(&["genvnone"]),
    valued(
        &["set"],
        &[
            "arm=copy",
            "eager_limit=1k",
            "ring_cells=4",
            "check=1",
            "heap=0",
            "verbose=0",
            "coop_chunk=1m",
        ],
        &[
            "ARM=copy",
            "nt_min=0",
            "heap_min = 8k",
            "eager_limit= 64",
            "unexpected_limit=1",
            "direct_min=18446744073709551615",
        ],
        &[
            "arm=leg",
            "leg=1",
            "ring_cells=3",
            "ring_cells=131072",
            "ring_cells=0",
            "ring_cells=-1",
            "arm",
            "=",
            "arm=",
            "eager_limit=-1",
            "eager_limit=1q",
            "eager_limit=99999999999g",
            "eager_limit=1.5k",
            "eager_limit=k",
            "heap=2",
            "verbose=yes",
            "coop_chunk=1",
            "coop_chunk=2g",
            "",
        ],
    ),
    flag(&["no-settings-files"]),
    valued(
        &["wdir", "wd"],
        &["."],
        &["home", "/"],
        &["/no/such/folder", "hosts", ""],
    )
    .of_one_program(),
    valued(
        &["initial-errhandler"],
        &["mpi_errors_return", "mpi_errors_abort"],
        &["MPI_ERRORS_ARE_FATAL", " mpi_errors_return"],
        &["errors_return", "mpi_errors", "0", ""],
    )
    .of_one_program(),
    local(
        valued(
            &["x", "export"],
            &["HOME", "XX=1", "XX="],
            &["NO_SUCH", "X*", "=1", "*", "LARIAT*", ""],
            &[],
        ),
        1,
    ),
    local(valued_pair(&["env"]), 2),
    local(valued(&["envlist"], &["HOME"], &["", ",", "A=B"], &[]), 1),
    flag(&["no-shared-heap"]),
    flag(&["check"]),
    flag(&["report-regions"]),
    flag(&["report-arms"]),
    flag(&["report-protocols"]),
    valued(
        &["timeout"],
        &["60", "1e3", "120.5"],
        &[
            "1e300",
            "0.000001",
            "99999999999999999999",
            "inf",
            "nan",
            "+70",
            "infinity",
        ],
        &["0", "-1", "soon", "", "1h", "60s", "0x10"],
    ),
    flag(&["report-state-on-timeout"]),
    flag(&["report-segment"]),
    flag(&["allow-run-as-root"]),
    flag(&["v", "verbose"]),
    valued(&["tune-rounds"], &[], &[], &["7", "0", "x"]),
    valued(&["tune-output"], &[], &[], &["tuned"]),
];

const fn valued_pair(names: &'static [&'static str]) -> Opt {
    let mut opt = valued(
        names,
        &["XX 1", "XX -1"],
        &[" ", "= 1", "A=B 2", "XX ", " x"],
        &[],
    );
    opt.values = 2;
    opt
}

impl Opt {
    const fn of_one_program(mut self) -> Opt {
        self.local = true;
        self
    }

    /// The option with its values, spelled in one of the ways that are allowed.
    pub fn spelled(&self, rng: &mut Rng, values: &[OsString]) -> Vec<OsString> {
        let name = *rng.one_of(self.names);
        let dashes = match name.len() {
            1 => "-",
            _ => *rng.one_of(&["-", "--"]),
        };
        let mut first = OsString::from(format!("{dashes}{name}"));
        if self.values == 1 && name.len() > 1 && rng.one_in(3) {
            first.push("=");
            first.push(&values[0]);
            return vec![first];
        }
        let mut words = vec![first];
        words.extend(values.iter().cloned());
        words
    }

    /// A value as written in the table, as the words that it is.
    pub fn words(&self, value: &str) -> Vec<OsString> {
        match self.values {
            0 => Vec::new(),
            1 => vec![value.into()],
            _ => {
                let (name, value) = value.split_once(' ').unwrap_or((value, ""));
                vec![name.into(), value.into()]
            }
        }
    }
}

/// Variables that are settings, and values of all kinds for them.
pub const VARIABLES: &[(&str, &[&str], &[&str])] = &[
    (
        "LARIAT_ARM",
        &["copy", "cma", "auto", "shared"],
        &["leg", "", "COPY", "copy,cma"],
    ),
    (
        "LARIAT_EAGER_LIMIT",
        &["64", "1k", "1M", "0"],
        &["x", "", "-1", "1kk", "99999999999g", "0x10"],
    ),
    (
        "LARIAT_RING_CELLS",
        &["1", "64", "256"],
        &["3", "0", "131072", "", "1k", "-4"],
    ),
    ("LARIAT_COOP_CHUNK", &["1k", "1m"], &["1", "0", "9g", "k"]),
    ("LARIAT_HEAP", &["0", "1"], &["2", "yes", "", "-0"]),
    ("LARIAT_HEAP_MIN", &["1", "8k", "1g"], &["x", "-1", "8 k"]),
    ("LARIAT_CHECK", &["0", "1"], &["on", "", "10"]),
    ("LARIAT_VERBOSE", &["0", "1"], &["on", "2"]),
    ("LARIAT_UNEXPECTED_LIMIT", &["0", "64m"], &["all", "-1"]),
    ("LARIAT_REPORT_ARMS", &["0", "1"], &["x", "2"]),
    ("LARIAT_NT_MIN", &["0", "16m"], &["x"]),
    (
        "MPIEXEC_TIMEOUT",
        &["60", "100", "0", "-1"],
        &["soon", "1x"],
    ),
];

/// A word of any kind: one of the table's, or a mutation, or noise.
pub fn any_word(rng: &mut Rng) -> OsString {
    let option = rng.one_of(OPTIONS);
    let all = [option.good, option.odd, option.bad].concat();
    let text = if all.is_empty() {
        "x"
    } else {
        *rng.one_of(&all)
    };
    let mut bytes = match rng.below(6) {
        0 => noise(rng),
        1 => mutated(rng, text.as_bytes()),
        _ => text.as_bytes().to_vec(),
    };
    bytes.retain(|b| *b != 0); // no argument and no variable can hold it
    tame(bytes)
}

/// A word that names no file outside of the folder and no number of ranks that
/// could be started in earnest.
fn tame(mut bytes: Vec<u8>) -> OsString {
    let known = ["/dev/null", "/no/such/file", "/no/such/folder", "/"];
    if !known.iter().any(|name| name.as_bytes() == bytes) {
        for byte in &mut bytes {
            if matches!(*byte, b'/' | b'~') {
                *byte = b'.';
            }
        }
        for at in 1..bytes.len() {
            if bytes[at - 1] == b'.' && bytes[at] == b'.' {
                bytes[at] = b'_';
            }
        }
    }
    // digits: at most one of them, or so many that the number is absurd
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes[at..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        let significant = bytes[at..at + digits]
            .iter()
            .skip_while(|b| **b == b'0')
            .count();
        if (2..10).contains(&significant)
            || (significant == 1 && digits > 0 && bytes[at + digits - 1] == b'9')
        {
            for byte in &mut bytes[at..at + digits - 1] {
                *byte = b'0';
            }
            bytes[at + digits - 1] = b'7';
        }
        at += digits.max(1);
    }
    OsString::from_vec(bytes)
}

/// Bytes that nobody would write.
fn noise(rng: &mut Rng) -> Vec<u8> {
    let len = rng.len(64);
    match rng.below(8) {
        0 => Vec::new(),
        1 => rng.bytes(len),
        2 => vec![b'a'; rng.len(100_000)],
        3 => "\u{1f600}\u{202e}\u{0}\u{fffd}\u{85}\u{200b}"
            .as_bytes()
            .to_vec(),
        4 => b"\x1b[2J\x1b]0;title\x07\r\n\x08\x7f".to_vec(),
        5 => b"\xff\xfe\xc3\x28".to_vec(),
        6 => b"%s%n%d{}${HOME}$(true)`true`;'\"\\".to_vec(),
        _ => b"-".repeat(len),
    }
}

/// The bytes with a few changes.
pub fn mutated(rng: &mut Rng, of: &[u8]) -> Vec<u8> {
    let mut bytes = of.to_vec();
    for _ in 0..rng.of_any_size(4) {
        let at = rng.index(bytes.len() + 1);
        match rng.below(5) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 => bytes.truncate(at),
            3 => bytes.extend_from_within(at..),
            _ => bytes.insert(at, *rng.one_of(b"\n\r\t =:#\\\"'-0k\xff\x1b")),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::tame;

    #[test]
    fn words_are_tame() {
        for (word, tamed) in [
            ("16", "07"),
            ("1000", "0007"),
            ("ppr:20:core", "ppr:07:core"),
            ("9", "7"),
            ("8", "8"),
            ("2147483647", "2147483647"),
            ("/etc/passwd", ".etc.passwd"),
            ("../x", "._.x"),
            ("/dev/null", "/dev/null"),
        ] {
            assert_eq!(tame(word.into()), tamed, "{word}");
        }
    }
}
