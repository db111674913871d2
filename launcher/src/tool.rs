//! Programs that ranks run in: a debugger or a checker in front of the job's own program.

use crate::cli::JobOptions;
use crate::program;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// In a word of a tool's command: the rank's number.
const RANK: &str = "{rank}";

/// What stands in front of the program at some ranks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tool {
    /// The command's words; empty: nothing.
    words: Vec<String>,
    /// The ranks; None: all.
    ranks: Option<Vec<u32>>,
}

impl Tool {
    /// What the options ask for.
    ///
    /// # Errors
    /// The command is empty, or cannot be found.
    pub fn of(global: &JobOptions) -> Result<Tool, String> {
        if let Some(options) = &global.valgrind {
            let words = ["valgrind"].into_iter().chain(options.split_whitespace());
            return Tool::found(words.map(str::to_owned).collect(), None, "--valgrind");
        }
        if let Some(command) = &global.debugger {
            let words = command.split_whitespace().map(str::to_owned);
            return Tool::found(words.collect(), None, "--debugger");
        }
        if let Some(ranks) = &global.xterm {
            if std::env::var_os("DISPLAY").is_none() {
                return Err(
                    "--xterm: DISPLAY is not set, so that there can be no windows".to_owned(),
                );
            }
            let ranks = (!ranks.0.is_empty()).then(|| ranks.0.clone());
            let words = format!("xterm -T rank-{RANK} -e");
            let words = words.split_whitespace().map(str::to_owned);
            return Tool::found(words.collect(), ranks, "--xterm");
        }
        let Some(ranks) = &global.gdb else {
            return Ok(Tool::default());
        };
        let ranks = (!ranks.0.is_empty()).then(|| ranks.0.clone());
        let has_windows = std::env::var_os("DISPLAY").is_some() && find("xterm").is_some();
        let window = format!("xterm -T rank-{RANK} -e gdb -ex run --args");
        // Without windows several debuggers cannot be told apart: they tell what has happened.
        let batch = "gdb -q -batch -ex run -ex bt --args";
        let words = if has_windows { window.as_str() } else { batch };
        let words = words.split_whitespace().map(str::to_owned);
        find("gdb").ok_or("--gdb: gdb is not installed (Debian: apt install gdb)")?;
        Tool::found(words.collect(), ranks, "--gdb")
    }

    fn found(words: Vec<String>, ranks: Option<Vec<u32>>, option: &str) -> Result<Tool, String> {
        let first = words
            .first()
            .ok_or_else(|| format!("{option}: the command is empty; e.g. {option} 'gdb --args'"))?;
        if find(first).is_none() {
            return Err(format!("{option}: there is no program {first}"));
        }
        Ok(Tool { words, ranks })
    }

    /// The command in front of the program of `rank`, if there is one.
    pub fn command(&self, rank: u32) -> Option<Vec<OsString>> {
        let is_meant = self
            .ranks
            .as_ref()
            .is_none_or(|ranks| ranks.contains(&rank));
        let number = rank.to_string();
        let words = self
            .words
            .iter()
            .map(|word| word.replace(RANK, &number).into());
        (is_meant && !self.words.is_empty()).then(|| words.collect())
    }

    /// Whether it watches over memory itself, so that the shared heap would be in its way.
    pub fn is_checker(&self) -> bool {
        let first = self.words.first();
        first.is_some_and(|first| OsStr::new(first) == "valgrind" || first.ends_with("/valgrind"))
    }

    /// The first rank that is asked for and that a job of `size` ranks does not have.
    pub fn missing(&self, size: u32) -> Option<u32> {
        let mut ranks = self.ranks.iter().flatten();
        ranks.find(|rank| **rank >= size).copied()
    }
}

fn find(name: &str) -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    program::resolve(OsStr::new(name), &here, &path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(change: fn(&mut JobOptions)) -> JobOptions {
        let mut options = JobOptions::default();
        change(&mut options);
        options
    }

    #[test]
    fn words_stand_before_the_program() {
        let tool = Tool::of(&options(|o| {
            o.debugger = Some("env RANK={rank} sh".to_owned())
        }));
        let tool = tool.unwrap();
        let words = ["env", "RANK=3", "sh"].map(OsString::from);
        assert_eq!(tool.command(3), Some(words.to_vec()));
        assert!(!tool.is_checker());
        assert_eq!(Tool::default().command(0), None);
    }

    #[test]
    fn only_ranks_that_are_meant() {
        let tool = Tool {
            words: vec!["gdb".to_owned()],
            ranks: Some(vec![1, 4]),
        };
        assert!(tool.command(1).is_some() && tool.command(0).is_none());
        assert_eq!((tool.missing(4), tool.missing(5)), (Some(4), None));
    }

    #[test]
    fn what_is_not_there_is_named() {
        let why = Tool::of(&options(|o| {
            o.debugger = Some("no-such-tool -x".to_owned())
        }));
        assert_eq!(
            why,
            Err("--debugger: there is no program no-such-tool".to_owned())
        );
        let why = Tool::of(&options(|o| o.debugger = Some("  ".to_owned())));
        assert!(why.unwrap_err().contains("the command is empty"));
    }
}
