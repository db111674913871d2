//! What the launcher hands to a rank in the environment, read and checked as a whole.
//!
//! The launcher writes the variables ([`crate::env`]), but wrappers, scripts and users
//! may change them on the way. A variable that cannot be right is an error that names it
//! and its value; the process never becomes a job of one by mistake.

use crate::descriptor::{Identity, Source};
use crate::env::{APPNUM, FILES, HEAP_FILE, LAUNCHER, LIFELINE, RANK, SEGMENT, SIZE};
use std::str::FromStr;

/// What the launcher has handed to this process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handover {
    /// The rank that this process, or one that it starts, is to be.
    pub rank: u32,
    /// The ranks of the job.
    pub size: u32,
    /// The program's index in the command line; `None` if the launcher did not say.
    pub appnum: Option<u32>,
    /// The launcher's process id.
    pub launcher: u32,
    /// Where the job segment is.
    pub segment: Source,
    /// Where the lifeline's read end is.
    pub lifeline: Source,
    /// Where the heap file is, if there is one.
    pub heap: Option<Source>,
}

impl Handover {
    /// Reads the environment through `get`. `None` if our launcher did not start this
    /// process.
    ///
    /// # Errors
    /// The variable that cannot be used, its value, and what would be right.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Option<Handover>, String> {
        if get(SEGMENT).is_none() {
            let rest = [RANK, SIZE, FILES, LAUNCHER, LIFELINE, HEAP_FILE, APPNUM];
            return match rest.iter().find_map(|name| Some((name, get(name)?))) {
                None => Ok(None),
                Some((name, value)) => Err(format!(
                    "{name}={value:?} is in the environment but {SEGMENT} is not: mpirun sets \
                     both; was one of them removed?"
                )),
            };
        }
        let launcher = number(&get, LAUNCHER, 1_u32, "mpirun's process id")?;
        if i32::try_from(launcher).is_err() {
            return Err(unusable(
                LAUNCHER,
                &launcher.to_string(),
                "mpirun's process id",
            ));
        }
        let size = number(&get, SIZE, 1_u32, "the number of ranks")?;
        let rank = number(&get, RANK, 0_u32, "a rank's number")?;
        if rank >= size {
            let wanted = format!("below {SIZE}, which is {size}");
            return Err(unusable(RANK, &rank.to_string(), &wanted));
        }
        let appnum = match get(APPNUM) {
            None => None,
            Some(_) => Some(number(&get, APPNUM, 0_u32, "a program's number")?),
        };
        let (files, text) = files(&get)?;
        let source = |name, file| {
            let number = number(&get, name, 0, "the number of a descriptor")?;
            Ok::<Source, String>(Source {
                number,
                launcher,
                file,
            })
        };
        let heap = match (get(HEAP_FILE), files.get(2)) {
            (None, None) => None,
            (Some(_), Some(file)) => Some(source(HEAP_FILE, *file)?),
            (Some(heap), None) => {
                return Err(format!(
                    "{HEAP_FILE}={heap:?} is in the environment but {FILES}={text:?} tells of two \
                     files only: was one of them changed after mpirun set it?"
                ));
            }
            // Somebody took the variable away, and so the heap: as well as none.
            (None, Some(_)) => None,
        };
        Ok(Some(Handover {
            rank,
            size,
            appnum,
            launcher,
            segment: source(SEGMENT, files[0])?,
            lifeline: source(LIFELINE, files[1])?,
            heap,
        }))
    }
}

/// The two or three files in [`FILES`], and the variable's value.
fn files(get: &impl Fn(&str) -> Option<String>) -> Result<(Vec<Identity>, String), String> {
    let text = get(FILES).unwrap_or_default();
    let read: Result<Vec<Identity>, ()> = text.split(',').map(Identity::from_str).collect();
    match read {
        Ok(files) if matches!(files.len(), 2 | 3) => Ok((files, text)),
        _ => Err(unusable(
            FILES,
            &text,
            "the device:inode of two or three files, with commas between",
        )),
    }
}

fn number<T: FromStr + PartialOrd>(
    get: &impl Fn(&str) -> Option<String>,
    name: &str,
    least: T,
    wanted: &str,
) -> Result<T, String> {
    let Some(text) = get(name) else {
        return Err(format!(
            "{name} is not in the environment, though {SEGMENT} is: mpirun sets both; was it \
             removed?"
        ));
    };
    match text.parse::<T>() {
        Ok(n) if n >= least => Ok(n),
        _ => Err(unusable(name, &text, wanted)),
    }
}

fn unusable(name: &str, value: &str, wanted: &str) -> String {
    format!(
        "{name}={value:?} in the environment: wanted {wanted}; was it changed after mpirun set it?"
    )
}

/// The value of [`FILES`] for these files.
#[must_use]
pub fn files_text(files: &[Identity]) -> String {
    let words: Vec<String> = files.iter().map(Identity::to_string).collect();
    words.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 8] = [
        (SEGMENT, "900"),
        (RANK, "1"),
        (SIZE, "2"),
        (APPNUM, "0"),
        (LAUNCHER, "77"),
        (LIFELINE, "901"),
        (HEAP_FILE, "902"),
        (FILES, "1:10,14:11,1:12"),
    ];

    fn with(change: &str, value: Option<&str>) -> Result<Option<Handover>, String> {
        Handover::read(|name| match name == change {
            true => value.map(str::to_owned),
            false => GOOD.iter().find(|v| v.0 == name).map(|v| v.1.to_owned()),
        })
    }

    #[test]
    fn what_the_launcher_wrote_is_read() {
        let found = with("", None).unwrap().unwrap();
        assert_eq!((found.rank, found.size, found.appnum), (1, 2, Some(0)));
        assert_eq!(found.segment.number, 900);
        assert_eq!(found.heap.unwrap().file.to_string(), "1:12");
        let files = [found.segment.file, found.lifeline.file];
        assert_eq!(files_text(&files), "1:10,14:11");
        assert_eq!(Handover::read(|_| None), Ok(None));
        assert_eq!(with(HEAP_FILE, None).unwrap().unwrap().heap, None);
    }

    #[test]
    fn every_variable_is_checked_and_named() {
        let rubbish = [
            "",
            "x",
            "-1",
            "99999999999",
            "1.5",
            "0x10",
            "\u{fffd}",
            " 1",
        ];
        for (name, _) in GOOD {
            for value in rubbish {
                let said = with(name, Some(value)).unwrap_err();
                let shown = format!("{name}={value:?}");
                assert!(said.contains(&shown), "{shown}: {said}");
            }
        }
        for name in [SEGMENT, RANK, SIZE, LAUNCHER, LIFELINE, FILES] {
            let said = with(name, None).unwrap_err();
            assert!(said.contains(name), "{said}");
        }
        for (name, value) in [
            (RANK, "2"),
            (SIZE, "0"),
            (SIZE, "1"),
            (LAUNCHER, "0"),
            (LAUNCHER, "4294967295"),
            (FILES, "1:10"),
            (FILES, "1:10,14:11"),
            (FILES, "1:10,14:11,1:12,1:13"),
            (FILES, "1:10,14:x,1:12"),
        ] {
            assert!(with(name, Some(value)).is_err(), "{name}={value}");
        }
    }
}
