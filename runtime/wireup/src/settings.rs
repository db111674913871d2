//! The settings a user may give, by `mpirun --set name=value`, by an environment
//! variable `LARIAT_<NAME>`, or by a file that `mpirun` reads. Every rank reads
//! them from its environment at start, so that they hold for programs started
//! either way. All thresholds, with their defaults, stand here.
//!
//! A value that cannot be used is an error that names it and what would be
//! right; a setting never falls back silently.

use crate::algorithms::Rules;
use crate::profile;
use std::fmt;

/// How messages move that are too large for the rings. A forced arm takes the memory that
/// it reaches; other messages go by [`Arm::Copy`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Arm {
    /// Chosen for each message: [`Arm::Shared`] or [`Arm::Driver`] where they reach its
    /// memory, else [`Arm::Copy`] or [`Arm::Cma`], whichever was faster of late.
    #[default]
    Auto,
    /// Loads and stores through attachments of the kernel driver.
    Driver,
    /// Loads and stores through mappings of the job's heap file.
    Shared,
    /// Two copies through fragments in the job segment, made by both sides at a time.
    Copy,
    /// Copies by the kernel, which either side may ask for (`process_vm_readv`,
    /// `process_vm_writev`).
    Cma,
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Arm::Auto => "auto",
            Arm::Driver => "driver",
            Arm::Shared => "shared",
            Arm::Copy => "copy",
            Arm::Cma => "cma",
        })
    }
}

/// What ranks learn of their own messages while they run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Learn {
    /// Whether large messages go by CMA or in pieces, by how long each takes.
    pub arm: bool,
    /// How much of a cooperative copy is the receiver's.
    pub split: bool,
    /// Which messages the program rewrites before it sends them again.
    pub source: bool,
    /// Which blocking receives tell their sender at once where the message goes.
    pub rtr: bool,
}

impl Learn {
    /// The names of what is learnt.
    pub const NAMES: [&str; 4] = ["arm", "split", "source", "rtr"];

    /// The same for all of it.
    #[must_use]
    pub fn everything(on: bool) -> Learn {
        Learn {
            arm: on,
            split: on,
            source: on,
            rtr: on,
        }
    }

    fn parse(text: &str) -> Option<Learn> {
        let mut learn = Learn::everything(false);
        match text {
            "all" => return Some(Learn::everything(true)),
            "none" => return Some(learn),
            _ => {}
        }
        for name in text.split(',') {
            match name.trim() {
                "arm" => learn.arm = true,
                "split" => learn.split = true,
                "source" => learn.source = true,
                "rtr" => learn.rtr = true,
                _ => return None,
            }
        }
        Some(learn)
    }
}

impl fmt::Display for Learn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = [self.arm, self.split, self.source, self.rtr];
        match on {
            [true, true, true, true] => f.write_str("all"),
            [false, false, false, false] => f.write_str("none"),
            _ => {
                let named = Learn::NAMES.into_iter().zip(on);
                let names: Vec<_> = named.filter(|(_, on)| *on).map(|(name, _)| name).collect();
                f.write_str(&names.join(","))
            }
        }
    }
}

/// All settings, with their defaults.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Which arm moves large messages (`LARIAT_ARM`: auto, driver, shared, copy,
    /// cma). Memory that a forced arm does not reach goes by `copy`.
    pub arm: Arm,
    /// Whether ranks make their memory of pages that peers can map
    /// (`LARIAT_HEAP`: 0 or 1).
    pub heap: bool,
    /// Bytes of the smallest allocation that is made of such pages
    /// (`LARIAT_HEAP_MIN`).
    pub heap_min: u64,
    /// Whether private memory of a window becomes shared in place while the window has it
    /// (`LARIAT_WINDOW_MOVE`: 0 or 1).
    pub window_move: bool,
    /// Bytes of the smallest message that is copied straight out of the
    /// sender's memory, where it is mapped (`LARIAT_DIRECT_MIN`).
    pub direct_min: u64,
    /// Bytes of the smallest message that sender and receiver copy together
    /// (`LARIAT_COOP_MIN`).
    pub coop_min: u64,
    /// Bytes that one side takes at a time of such a message by loads and stores
    /// (`LARIAT_COOP_CHUNK`).
    pub coop_chunk: u64,
    /// What ranks learn of their own messages (`LARIAT_LEARN`: all, none, or a list of
    /// arm, split, source, rtr).
    pub learn: Learn,
    /// Which algorithms collectives take (`LARIAT_COLLECTIVES`: auto, or rules; see
    /// [`crate::algorithms`]).
    pub collectives: Rules,
    /// Bytes of the smallest copy that goes around the caches
    /// (`LARIAT_NT_MIN`).
    pub nt_min: u64,
    /// Largest message in bytes that is sent before the receiver is known to
    /// want it (`LARIAT_EAGER_LIMIT`).
    pub eager_limit: u64,
    /// Cells of a ring, a power of two; a quarter of them in a job of more than 16 ranks
    /// (`LARIAT_RING_CELLS`).
    pub ring_cells: u32,
    /// Bytes of unexpected messages a rank keeps before peers must wait
    /// (`LARIAT_UNEXPECTED_LIMIT`).
    pub unexpected_limit: u64,
    /// Print what was chosen and why at start (`LARIAT_VERBOSE`: 0 or 1).
    pub verbose: bool,
    /// Check arguments more thoroughly than is free (`LARIAT_CHECK`: 0 or 1).
    pub check: bool,
    /// Print each rank's regions and how peers reach them (`LARIAT_REPORT_REGIONS`: 0 or 1).
    pub report_regions: bool,
    /// Try every arm between all pairs at start and print what came of it
    /// (`LARIAT_REPORT_ARMS`: 0 or 1).
    pub report_arms: bool,
    /// Print how messages of each size went, and why (`LARIAT_REPORT_PROTOCOLS`: 0 or 1).
    pub report_protocols: bool,
    /// Record calls, messages and waits, for the launcher to tell of at the end
    /// (`LARIAT_PROFILE`: 0 or 1).
    pub profile: bool,
    /// Entries of a trace that each rank keeps, the newest ones (`LARIAT_TRACE_EVENTS`);
    /// 0: none.
    pub trace_events: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            arm: Arm::Auto,
            heap: true,
            heap_min: 8 << 10,
            window_move: false,
            direct_min: (4 << 10) + 1, // what fits no cell
            coop_min: 32 << 10,
            coop_chunk: 1 << 10,
            learn: Learn::everything(true),
            collectives: Rules::default(),
            nt_min: 16 << 20,
            eager_limit: 64 << 10,
            ring_cells: 256,
            unexpected_limit: 64 << 20,
            verbose: false,
            check: false,
            report_regions: false,
            report_arms: false,
            report_protocols: false,
            profile: false,
            trace_events: 0,
        }
    }
}

/// A setting that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettingError {
    /// The variable's name.
    pub name: String,
    /// The value given.
    pub value: String,
    /// What would be right.
    pub wanted: &'static str,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={:?}: wanted {}", self.name, self.value, self.wanted)
    }
}

impl std::error::Error for SettingError {}

/// The prefix of every setting's environment variable.
pub const PREFIX: &str = "LARIAT_";

/// The environment variable of a setting.
#[must_use]
pub fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.to_uppercase())
}

/// The settings whose best values depend on the machine: those that
/// `mpirun --tune` measures and writes.
pub const MEASURED: [&str; 6] = [
    "arm",
    "eager_limit",
    "direct_min",
    "coop_min",
    "coop_chunk",
    "nt_min",
];

/// Setting names, lowercase, each with what it means: for `--help` and docs.
pub const NAMES: [(&str, &str); 20] = [
    (
        "arm",
        "how large messages move: auto, driver, shared, copy or cma",
    ),
    (
        "heap",
        "whether ranks' memory is made of pages that peers can map: 0 or 1",
    ),
    (
        "heap_min",
        "bytes of the smallest allocation made of such pages (k, m, g allowed)",
    ),
    (
        "window_move",
        "whether a window's private memory becomes shared in place: 0 or 1",
    ),
    (
        "direct_min",
        "bytes of the smallest message copied straight between two ranks (k, m, g allowed)",
    ),
    (
        "coop_min",
        "bytes of the smallest message that both sides copy (k, m, g allowed)",
    ),
    (
        "coop_chunk",
        "bytes that one side takes at a time of it (k, m, g allowed)",
    ),
    (
        "learn",
        "what ranks learn of their messages: all, none, or a list of arm, split, source, rtr",
    ),
    (
        "collectives",
        "which algorithms collectives take: auto, or rules such as bcast:3:1m=chain, by commas",
    ),
    (
        "nt_min",
        "bytes of the smallest copy that goes around the caches (k, m, g allowed)",
    ),
    (
        "eager_limit",
        "bytes sent before the receiver wants them (k, m, g allowed)",
    ),
    (
        "ring_cells",
        "cells of a ring, a power of two from 1 to 65536",
    ),
    (
        "unexpected_limit",
        "bytes of unexpected messages kept before peers wait (k, m, g allowed)",
    ),
    ("verbose", "print at start what was chosen and why: 0 or 1"),
    (
        "check",
        "check arguments more thoroughly than is free: 0 or 1",
    ),
    (
        "report_regions",
        "print each rank's regions and how peers reach them: 0 or 1",
    ),
    (
        "report_arms",
        "try every arm between all pairs at start and print it: 0 or 1",
    ),
    (
        "report_protocols",
        "print at the end how messages of each size went, and why: 0 or 1",
    ),
    (
        "profile",
        "record calls, messages and waits, as mpirun --profile: 0 or 1",
    ),
    (
        "trace_events",
        "entries that each rank keeps for mpirun --trace (k, m allowed), 0 for none",
    ),
];

impl Settings {
    /// Reads every setting through `get` (by the variable's full name).
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Settings, SettingError> {
        let mut settings = Settings::default();
        for (name, _) in NAMES {
            let variable = variable(name);
            if let Some(value) = get(&variable) {
                settings.set(name, &value).map_err(|wanted| SettingError {
                    name: variable,
                    value,
                    wanted,
                })?;
            }
        }
        Ok(settings)
    }

    /// The value of one setting, as [`Settings::set`] would take it; `None`: there
    /// is no such setting.
    #[must_use]
    pub fn shown(&self, name: &str) -> Option<String> {
        let flag = |on: bool| if on { "1" } else { "0" }.to_owned();
        Some(match name {
            "arm" => self.arm.to_string(),
            "heap" => flag(self.heap),
            "heap_min" => short(self.heap_min),
            "window_move" => flag(self.window_move),
            "direct_min" => short(self.direct_min),
            "coop_min" => short(self.coop_min),
            "coop_chunk" => short(self.coop_chunk),
            "learn" => self.learn.to_string(),
            "collectives" => self.collectives.to_string(),
            "nt_min" => short(self.nt_min),
            "eager_limit" => short(self.eager_limit),
            "ring_cells" => self.ring_cells.to_string(),
            "unexpected_limit" => short(self.unexpected_limit),
            "verbose" => flag(self.verbose),
            "check" => flag(self.check),
            "report_regions" => flag(self.report_regions),
            "report_arms" => flag(self.report_arms),
            "report_protocols" => flag(self.report_protocols),
            "profile" => flag(self.profile),
            "trace_events" => short(self.trace_events),
            _ => return None,
        })
    }

    /// Sets one setting by its lowercase name.
    ///
    /// # Errors
    /// What would have been right.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        let value = value.trim();
        match name {
            "arm" => {
                self.arm = match value {
                    "auto" => Arm::Auto,
                    "copy" => Arm::Copy,
                    "cma" => Arm::Cma,
                    "driver" => Arm::Driver,
                    "shared" => Arm::Shared,
                    _ => return Err("auto, driver, shared, copy or cma"),
                }
            }
            "heap" => self.heap = flag(value)?,
            "heap_min" => self.heap_min = bytes(value)?,
            "window_move" => self.window_move = flag(value)?,
            "direct_min" => self.direct_min = bytes(value)?,
            "coop_min" => self.coop_min = bytes(value)?,
            "coop_chunk" => {
                let chunk = bytes(value).ok().filter(|n| (1024..=1 << 30).contains(n));
                self.coop_chunk = chunk.ok_or("bytes from 1k to 1g, with k, m or g if wanted")?;
            }
            "learn" => {
                const WANTED: &str = "all, none, or a list of arm, split, source and rtr";
                self.learn = Learn::parse(value).ok_or(WANTED)?;
            }
            "collectives" => self.collectives = Rules::parse(value).ok_or(Rules::WANTED)?,
            "nt_min" => self.nt_min = bytes(value)?,
            "eager_limit" => self.eager_limit = bytes(value)?,
            "ring_cells" => {
                let cells = value.parse::<u32>().ok();
                let good = cells.filter(|n| n.is_power_of_two() && *n <= 65536);
                self.ring_cells = good.ok_or("a power of two from 1 to 65536")?;
            }
            "unexpected_limit" => self.unexpected_limit = bytes(value)?,
            "verbose" => self.verbose = flag(value)?,
            "check" => self.check = flag(value)?,
            "report_regions" => self.report_regions = flag(value)?,
            "report_arms" => self.report_arms = flag(value)?,
            "report_protocols" => self.report_protocols = flag(value)?,
            "profile" => self.profile = flag(value)?,
            "trace_events" => {
                let events = bytes(value).ok().filter(|n| *n <= profile::MOST_EVENTS);
                self.trace_events = events.ok_or("a number of events up to 16m")?;
            }
            _ => return Err("a setting that mpirun --help lists"),
        }
        Ok(())
    }
}

/// A number of bytes, with k, m or g behind it where that says it exactly.
#[must_use]
pub fn short(bytes: u64) -> String {
    let units = [(30, "g"), (20, "m"), (10, "k")];
    let unit = units
        .iter()
        .find(|(shift, _)| bytes != 0 && bytes.trailing_zeros() >= *shift);
    unit.map_or_else(
        || bytes.to_string(),
        |(shift, letter)| format!("{}{letter}", bytes >> shift),
    )
}

fn flag(value: &str) -> Result<bool, &'static str> {
    match value {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err("0 or 1"),
    }
}

/// Reads a number of bytes, with k, m or g behind it if wanted.
pub(crate) fn bytes(value: &str) -> Result<u64, &'static str> {
    const WANTED: &str = "a number of bytes, with k, m or g behind it if wanted";
    let lower = value.to_ascii_lowercase();
    let (digits, shift) = match lower.as_bytes().last() {
        Some(b'k') => (&lower[..lower.len() - 1], 10),
        Some(b'm') => (&lower[..lower.len() - 1], 20),
        Some(b'g') => (&lower[..lower.len() - 1], 30),
        _ => (&lower[..], 0),
    };
    let n = digits.parse::<u64>().map_err(|_| WANTED)?;
    n.checked_mul(1 << shift).ok_or(WANTED)
}

#[cfg(test)]
mod tests {
    use super::{Arm, MEASURED, NAMES, Settings, short};

    #[test]
    fn what_is_shown_can_be_set() {
        let defaults = Settings::default();
        for (name, _) in NAMES {
            let shown = defaults.shown(name).unwrap();
            let mut again = Settings::default();
            again.set(name, &shown).unwrap();
            assert_eq!(again, defaults, "{name} = {shown}");
        }
        assert_eq!(defaults.shown("leg"), None);
        assert!(MEASURED.iter().all(|n| defaults.shown(n).is_some()));
        assert_eq!(short(3 << 19), "1536k");
        assert_eq!([short(0), short(1000)], ["0", "1000"]);
    }

    #[test]
    fn the_table_in_the_docs_is_true() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/tuning.md");
        let text = std::fs::read_to_string(path).unwrap();
        for (name, _) in NAMES {
            let mark = if MEASURED.contains(&name) { " •" } else { "" };
            let head = format!("| `{name}`{mark} |");
            let row = text.lines().find(|line| line.starts_with(&head));
            let row = row.unwrap_or_else(|| panic!("no row \"{head}\" in docs/tuning.md"));
            let default = row
                .split('|')
                .nth(3)
                .map(|cell| cell.replace(['`', ' '], ""));
            assert_eq!(
                default,
                Settings::default().shown(name),
                "default of {name}"
            );
        }
    }

    #[test]
    fn values_are_read_and_units_understood() {
        let get = |name: &str| match name {
            "LARIAT_ARM" => Some("cma".to_owned()),
            "LARIAT_EAGER_LIMIT" => Some("4k".to_owned()),
            _ => None,
        };
        let settings = Settings::read(get).unwrap();
        assert_eq!(settings.arm, Arm::Cma);
        assert_eq!(settings.eager_limit, 4096);
        assert_eq!(settings.ring_cells, Settings::default().ring_cells);
    }

    #[test]
    fn a_bad_value_is_named() {
        let get = |name: &str| (name == "LARIAT_RING_CELLS").then(|| "48".to_owned());
        let said = Settings::read(get).unwrap_err().to_string();
        assert!(
            said.contains("LARIAT_RING_CELLS")
                && said.contains("48")
                && said.contains("power of two")
        );
        assert!(Settings::default().set("verbose", "yes").is_err());
        assert!(Settings::default().set("verbose", " 1\t").is_ok());
        assert!(Settings::default().set("eager_limit", "1x").is_err());
        assert!(
            Settings::default()
                .set("eager_limit", "99999999999g")
                .is_err()
        );
    }
}
