//! The command line: what both common launchers take, as one set of options.
//!
//! ```text
//! normalise  the spellings of other launchers, brought into ours
//! dialects   options that other launchers have, and what they do here
//! options    the options that clap reads
//! words      the small languages inside option values
//! placing    those of placement
//! ```
//!
//! Colons divide a command line into programs. [`parse`] returns the [`JobOptions`], and
//! [`ProgramOptions`] for each program.

mod dialects;
mod normalise;
mod options;
mod placing;
mod words;

use clap::{CommandFactory, FromArgMatches};
pub use normalise::nearest;
use options::CommandLine;
pub use options::{JobOptions, Manager, OnDeadlock, ProgramOptions, RustTests, SignalList};
pub use placing::{BindTo, MapBy, Mapping, MemBind, Object, RankBy, RankPlace, rankfile};
#[cfg(test)]
pub use placing::{bind, map};
use std::ffi::OsString;
pub use words::{ReportFile, ReportForm};
pub use words::{StdinReader, Universe, interval, joined, numbers, universe};

/// What the command line asks for.
#[derive(Debug)]
pub enum Request {
    /// Run these programs.
    Run(Box<JobOptions>, Vec<ProgramOptions>),
    /// Print the settings and end.
    Settings(Box<JobOptions>),
    /// Measure the machine and end.
    Tune(Box<JobOptions>),
    /// Print this text and end.
    Text(String),
}

/// Reads the command line, without mpirun's own name.
///
/// # Errors
/// A sentence that names what cannot be used, and what would be right.
pub fn parse(args: &[OsString]) -> Result<Request, String> {
    let parts = normalise::split_programs(args)?;
    let (mut global, mut locals) = match parse_parts(&parts)? {
        Request::Run(global, locals) => (global, locals),
        other => return Ok(other),
    };
    if global.version {
        return Ok(Request::Text(format!(
            "mpirun (Lariat) {}\n",
            env!("CARGO_PKG_VERSION")
        )));
    }
    if global.show_settings {
        return Ok(Request::Settings(global));
    }
    if global.tune {
        if let Some(program) = locals.iter().find_map(|l| l.program.first()) {
            return Err(format!(
                "--tune runs a program of its own: {} cannot be run as well",
                program.display()
            ));
        }
        return Ok(Request::Tune(global));
    }
    let tune_options = [
        ("--tune-output", global.tune_output.is_some()),
        ("--tune-rounds", global.tune_rounds.is_some()),
    ];
    if let Some((option, _)) = tune_options.iter().find(|(_, given)| *given) {
        return Err(format!("{option} belongs to --tune: give --tune as well"));
    }
    if let Some(file) = &global.app {
        if locals.iter().any(|l| !l.program.is_empty()) {
            return Err(format!(
                "--app {} names the programs: the command line cannot name one as well",
                file.display()
            ));
        }
        let text = std::fs::read_to_string(file)
            .map_err(|why| format!("--app {}: {why}", file.display()))?;
        let lines =
            normalise::split_file(&text).map_err(|why| format!("{}: {why}", file.display()))?;
        let parts: Vec<Vec<OsString>> = lines
            .iter()
            .map(|line| normalise::split_programs(line))
            .collect::<Result<Vec<_>, _>>()?
            .concat();
        let Request::Run(inner, programs) = parse_parts(&parts)? else {
            return Err(format!("{} asks for help", file.display()));
        };
        let notes = inner.notes.clone();
        global.notes.extend(notes);
        let plain = JobOptions {
            notes: inner.notes.clone(),
            ..JobOptions::default()
        };
        if *inner != plain {
            return Err(format!(
                "{}: options of the whole job belong on the command line; \
                 a line may have -n, -x, -env, -envlist, -envall, -envnone, -path, -wdir and -initial-errhandler",
                file.display()
            ));
        }
        locals = programs;
    }
    let pairs = [
        ("--append-env", &global.append_env),
        ("--prepend-env", &global.prepend_env),
    ];
    for (option, list) in pairs {
        let names = list.chunks_exact(2).map(|pair| pair[0].to_string_lossy());
        if let Some(wrong) = names.into_iter().find(|name| joined(name).is_none()) {
            return Err(format!(
                "{option} {wrong}: wanted a variable and the separator in brackets, such as PATH[:]"
            ));
        }
    }
    if locals.is_empty() || locals.iter().any(|l| l.program.is_empty()) {
        return Err("no program to run is given; see --help".to_owned());
    }
    Ok(Request::Run(global, locals))
}

/// The options, as clap knows them.
pub fn command() -> clap::Command {
    let mut command = CommandLine::command();
    command.build(); // adds --help
    command
}

/// Reads the options of each program.
fn parse_parts(parts: &[Vec<OsString>]) -> Result<Request, String> {
    let mut command = CommandLine::command().after_help(settings_help());
    command.build(); // adds --help
    let mut global: Option<JobOptions> = None;
    let mut locals = Vec::with_capacity(parts.len());
    let mut notes = Vec::new();
    for part in parts {
        let normalise::Normalised { args, notes: said } = normalise::normalise(part, &command)?;
        notes.extend(said);
        let name = OsString::from("mpirun");
        let matches = command.try_get_matches_from_mut(std::iter::once(name).chain(args));
        let matches = match matches {
            Ok(matches) => matches,
            Err(why) if !why.use_stderr() => return Ok(Request::Text(why.render().to_string())),
            Err(why) => return Err(sentence(&why)),
        };
        let options = CommandLine::from_arg_matches(&matches).map_err(|why| sentence(&why))?;
        if global.is_some() && options.global != JobOptions::default() {
            return Err(
                "behind a colon only -n, -x, -env, -envlist, -envall, -envnone, -path, -wdir and -initial-errhandler can be given; \
                 options of the whole job belong before the first program"
                    .to_owned(),
            );
        }
        global.get_or_insert(options.global);
        locals.push(options.local);
    }
    let mut global = global.unwrap_or_default();
    global.notes = notes;
    Ok(Request::Run(Box::new(global), locals))
}

/// An error of clap's as one line, without its usage text.
fn sentence(why: &clap::Error) -> String {
    let text = why.render().to_string();
    let lines: Vec<&str> = text
        .lines()
        .map(|l| l.trim().trim_start_matches("error: "))
        .take_while(|l| !l.starts_with("Usage:") && !l.starts_with("For more information"))
        .filter(|l| !l.is_empty())
        .collect();
    lines.join("; ")
}

/// The part of `--help` that lists the settings.
fn settings_help() -> String {
    let mut text = String::from(
        "Settings (--set NAME=VALUE, LARIAT_NAME in the environment, or a line NAME = VALUE\n\
         in ~/.config/lariat/settings or PREFIX/etc/lariat/settings; the first of these that\n\
         gives a setting wins):\n",
    );
    for (name, what) in wireup::settings::NAMES {
        text.push_str(&format!("  {name:<18} {what}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Result<(JobOptions, Vec<ProgramOptions>), String> {
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        match parse(&args)? {
            Request::Run(global, locals) => Ok((*global, locals)),
            Request::Text(text) => Err(text),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn programs_and_their_options_come_apart() {
        let (global, locals) = run("-n 2 -l a -l 1 : -np 3 -wdir /tmp b").unwrap();
        assert!(global.prepend_rank);
        assert_eq!(locals.len(), 2);
        assert_eq!(locals[0].ranks, Some(2));
        assert_eq!(locals[0].program, ["a", "-l", "1"]);
        assert_eq!(locals[1].ranks, Some(3));
        assert_eq!(
            locals[1].wdir.as_deref(),
            Some(std::path::Path::new("/tmp"))
        );
    }

    #[test]
    fn the_view_takes_no_program_for_its_interval() {
        let (global, locals) = run("--top 2 x").unwrap();
        assert_eq!((global.top, locals[0].program.len()), (Some(1.0), 2));
        assert_eq!(run("-top=0.5 -n 2 x").unwrap().0.top, Some(0.5));
        assert_eq!(run("x --top").unwrap().0.top, None);
    }

    #[test]
    fn environment_in_both_spellings() {
        let (global, locals) = run("-genv A 1 -genv B 2 -x C=3 -x D* -env E 5 prog").unwrap();
        assert_eq!(global.genv, ["A", "1", "B", "2"]);
        assert_eq!(locals[0].export, ["C=3", "D*"]);
        assert_eq!(locals[0].env, ["E", "5"]);
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (line, word) in [
            ("-n 0 x", "0"),
            ("-n -3 x", "-3"),
            ("-n many x", "many"),
            ("--timeout soon x", "soon"),
            ("--top=0 x", "from 0.1"),
            ("--bind-to chair x", "chair"),
            ("--map-by ppr:0:core x", "ppr:0:core"),
            ("--output wood x", "wood"),
            ("--set arm=leg x", "leg"),
            ("--set leg=1 x", "leg"),
            ("--shared-heap --no-shared-heap x", "--no-shared-heap"),
            ("--tune x", "x"),
            ("--tune-output /tmp/x x", "--tune"),
            ("--tune-rounds 3 x", "--tune-rounds"),
            ("--tune --tune-rounds 0", "0"),
            ("--outfile-pattern= x", "--outfile-pattern"),
            ("", "no program"),
            ("-n 2", "no program"),
            ("a : -l b", "behind a colon"),
            ("-initial-errhandler none x", "mpi_errors_return"),
        ] {
            let said = run(line).unwrap_err();
            assert!(said.contains(word), "{line}: {said}");
            assert!(!said.contains('\n'), "{said}");
        }
    }
}
