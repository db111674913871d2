//! The command line: what both common launchers take, as one set of options.
//!
//! [`parse`] gives the job's [`Global`] options and one [`Local`] set per
//! program of a colon-separated command line.

mod normalise;
mod words;

use clap::{Args, CommandFactory, FromArgMatches, Parser};
use std::ffi::OsString;
use std::path::PathBuf;

pub use words::{Bind, Map, MapBy, Object, Stdin, numbers};
#[cfg(test)]
pub use words::{bind, map};

/// Starts the ranks of an MPI job on this machine.
///
/// Options end at the program's name. Several programs are separated by a
/// colon: mpirun -n 1 a : -n 3 b. Long options may be written with one dash.
/// Without -n there is one rank per core that may be used.
#[derive(Parser, Debug)]
#[command(
    name = "mpirun",
    disable_version_flag = true,
    override_usage = "mpirun [-n RANKS] [OPTIONS] PROGRAM [ARGUMENTS…] [: [-n RANKS] PROGRAM …]"
)]
pub struct Options {
    /// What holds for the whole job.
    #[command(flatten)]
    pub global: Global,
    /// What holds for one of its programs.
    #[command(flatten)]
    pub local: Local,
}

/// Options of the whole job; given before the first colon.
#[derive(Args, Debug, Default, PartialEq, Clone)]
pub struct Global {
    /// Bind each rank to one object: hwthread core l3cache numa package socket board none [default: its share of the free cores, while there is one for each]
    #[arg(long, value_name = "OBJECT", help_heading = "Placement", value_parser = words::bind)]
    pub bind_to: Option<Bind>,
    /// Lay ranks out by: slot core hwthread l3cache numa package node OBJECT:PE=N ppr:N:OBJECT pe-list=P,P-P
    #[arg(long, value_name = "HOW", help_heading = "Placement", value_parser = words::map)]
    pub map_by: Option<Map>,
    /// Show the machine and where each rank runs
    #[arg(long, help_heading = "Placement")]
    pub report_bindings: bool,
    /// As --report-bindings, if WHAT is bind
    #[arg(long, value_name = "WHAT", help_heading = "Placement", value_parser = ["bind", "bindings", "map"])]
    pub display: Option<String>,
    /// Ranks per machine: with one machine, as -n
    #[arg(short = 'N', long, aliases = ["ppn", "npernode"], value_name = "RANKS", help_heading = "Placement", value_parser = words::count)]
    pub perhost: Option<u32>,
    /// Accepted: more ranks than cores are always allowed
    #[arg(long, help_heading = "Placement")]
    pub oversubscribe: bool,
    /// Only names of this machine, each with :RANKS if wanted
    #[arg(short = 'H', long, aliases = ["hosts"], value_name = "NAMES", help_heading = "Placement")]
    pub host: Option<String>,
    /// A file of such names, one a line
    #[arg(short = 'f', long, aliases = ["machinefile", "machine-file", "default-hostfile"], value_name = "FILE", help_heading = "Placement")]
    pub hostfile: Option<PathBuf>,

    #[arg(
        short = 'l',
        long,
        help_heading = "Output",
        help = "Put the rank before each line: [3]"
    )]
    pub prepend_rank: bool,
    #[arg(
        long,
        help_heading = "Output",
        help = "Put rank and stream before each line: [1,3]<stdout>:"
    )]
    pub tag_output: bool,
    /// Put the time before each line
    #[arg(long, help_heading = "Output")]
    pub timestamp_output: bool,
    /// A list of: tag, timestamp, merge, raw, nocopy, dir=DIR, file=FILE
    #[arg(long, value_name = "LIST", help_heading = "Output", value_parser = words::output)]
    pub output: Option<words::Output>,
    /// Write standard output to files: %r in the name is the rank
    #[arg(long, value_name = "NAME", help_heading = "Output", value_parser = words::pattern)]
    pub outfile_pattern: Option<String>,
    /// Write standard error to files: %r in the name is the rank
    #[arg(long, value_name = "NAME", help_heading = "Output", value_parser = words::pattern)]
    pub errfile_pattern: Option<String>,
    /// Which rank reads standard input: a rank, all or none
    #[arg(short = 's', long, value_name = "RANK", help_heading = "Output", value_parser = words::stdin)]
    pub stdin: Option<Stdin>,

    /// Pass variable NAME with VALUE to all programs
    #[arg(long, num_args = 2, value_names = ["NAME", "VALUE"], action = clap::ArgAction::Append, help_heading = "Environment")]
    pub genv: Vec<OsString>,
    /// Pass these variables to all programs
    #[arg(long, value_name = "NAMES", help_heading = "Environment")]
    pub genvlist: Option<String>,
    /// Pass all variables (as is done anyway)
    #[arg(long, help_heading = "Environment")]
    pub genvall: bool,
    /// Pass only the variables that are named
    #[arg(long, help_heading = "Environment")]
    pub genvnone: bool,
    /// Give a setting of the library; see below for their names
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Environment", value_parser = words::setting)]
    pub set: Vec<(String, String)>,
    /// Read no settings files
    #[arg(long, help_heading = "Environment")]
    pub no_settings_files: bool,
    /// Print every setting, its value and where it comes from, and end
    #[arg(long, help_heading = "Environment")]
    pub show_settings: bool,

    /// Make the programs' memory of pages that peers can map, or say why that cannot be
    #[arg(long, help_heading = "Memory", conflicts_with = "no_shared_heap")]
    pub shared_heap: bool,
    /// Leave the programs' memory as it is
    #[arg(long, help_heading = "Memory")]
    pub no_shared_heap: bool,
    /// Print the memory regions of each rank and how its peers reach them
    #[arg(long, help_heading = "Memory")]
    pub report_regions: bool,
    /// Try every arm between all pairs of ranks and print what came of it
    #[arg(long, help_heading = "Memory")]
    pub report_arms: bool,

    /// Measure this machine, write the thresholds that suit it best, and end
    #[arg(long, help_heading = "Tuning")]
    pub tune: bool,
    /// Write them to FILE [default: the user's settings file]
    #[arg(long, value_name = "FILE", help_heading = "Tuning")]
    pub tune_output: Option<PathBuf>,
    /// Measure and write though other programs are busy
    #[arg(long, help_heading = "Tuning", requires = "tune")]
    pub tune_force: bool,
    /// Measure so many times; the medians count [default: 7]
    #[arg(long, value_name = "N", help_heading = "Tuning", value_parser = words::rounds)]
    pub tune_rounds: Option<u32>,

    /// End the job after so many seconds, with code 124 and a report of who waits for whom
    #[arg(long, value_name = "SECONDS", help_heading = "Ending", value_parser = words::seconds)]
    pub timeout: Option<f64>,
    /// Accepted: a timeout always reports
    #[arg(long, help_heading = "Ending")]
    pub report_state_on_timeout: bool,
    /// Say at the end how large the job segment became
    #[arg(long, help_heading = "Ending")]
    pub report_segment: bool,

    /// Read the programs from a file, one a line
    #[arg(long, aliases = ["configfile"], value_name = "FILE")]
    pub app: Option<PathBuf>,
    /// Run programs of another MPI all the same, each rank on its own
    #[arg(long)]
    pub allow_other_mpi: bool,
    /// Accepted: root is always allowed
    #[arg(long)]
    pub allow_run_as_root: bool,
    /// Check more than is free: types of messages; kind, root, operator and all lengths of collectives
    #[arg(long)]
    pub check: bool,
    /// Let ranks say at start what was chosen and why
    #[arg(short = 'v', long)]
    pub verbose: bool,
    /// Print the version
    #[arg(short = 'V', long)]
    pub version: bool,
}

/// Options of one program; may differ between colons.
#[derive(Args, Debug, Clone, PartialEq)]
pub struct Local {
    /// Number of ranks
    #[arg(short = 'n', long = "np", short_aliases = ['c'], aliases = ["n-ranks"], value_name = "RANKS", value_parser = words::count)]
    pub ranks: Option<u32>,
    /// Start in this directory
    #[arg(long, aliases = ["wd"], value_name = "DIR", help_heading = "Environment")]
    pub wdir: Option<PathBuf>,
    /// Pass a variable: VAR, VAR=VALUE or PREFIX*
    #[arg(
        short = 'x',
        long = "export",
        value_name = "VAR[=VALUE]",
        help_heading = "Environment"
    )]
    pub export: Vec<OsString>,
    /// Pass variable NAME with VALUE to this program
    #[arg(long, num_args = 2, value_names = ["NAME", "VALUE"], action = clap::ArgAction::Append, help_heading = "Environment")]
    pub env: Vec<OsString>,
    /// Pass these variables to this program
    #[arg(long, value_name = "NAMES", help_heading = "Environment")]
    pub envlist: Option<String>,
    /// The program and its arguments
    #[arg(
        value_name = "PROGRAM",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub program: Vec<OsString>,
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Asked {
    /// Run these programs.
    Run(Box<Global>, Vec<Local>),
    /// Print the settings.
    Settings(Box<Global>),
    /// Measure the machine.
    Tune(Box<Global>),
    /// Print this text and end.
    Text(String),
}

/// Reads the command line (without mpirun's own name).
///
/// # Errors
/// A sentence that names what cannot be used and what would be right.
pub fn parse(args: &[OsString]) -> Result<Asked, String> {
    let parts = normalise::split_programs(args)?;
    let (global, mut locals) = match parse_parts(&parts)? {
        Asked::Run(global, locals) => (global, locals),
        other => return Ok(other),
    };
    if global.version {
        return Ok(Asked::Text(format!(
            "mpirun (Lariat) {}\n",
            env!("CARGO_PKG_VERSION")
        )));
    }
    if global.show_settings {
        return Ok(Asked::Settings(global));
    }
    if global.tune {
        if let Some(program) = locals.iter().find_map(|l| l.program.first()) {
            return Err(format!(
                "--tune runs a program of its own: {} cannot be run as well",
                program.display()
            ));
        }
        return Ok(Asked::Tune(global));
    }
    let of_tune = [
        ("--tune-output", global.tune_output.is_some()),
        ("--tune-rounds", global.tune_rounds.is_some()),
    ];
    if let Some((option, _)) = of_tune.iter().find(|(_, given)| *given) {
        return Err(format!(
            "{option} says how --tune goes: give --tune as well"
        ));
    }
    if let Some(file) = &global.app {
        if locals.iter().any(|l| !l.program.is_empty()) {
            return Err(format!(
                "--app {} names the programs: none can stand on the command line as well",
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
        let Asked::Run(inner, programs) = parse_parts(&parts)? else {
            return Err(format!("{} asks for help", file.display()));
        };
        if *inner != Global::default() {
            return Err(format!(
                "{}: options of the whole job belong on the command line; \
                 a line may have -n, -x, -env, -envlist and -wdir",
                file.display()
            ));
        }
        locals = programs;
    }
    if locals.is_empty() || locals.iter().any(|l| l.program.is_empty()) {
        return Err("no program to run is given; --help shows how".to_owned());
    }
    Ok(Asked::Run(global, locals))
}

fn parse_parts(parts: &[Vec<OsString>]) -> Result<Asked, String> {
    let mut command = Options::command().after_help(settings_help());
    command.build(); // adds --help
    let mut global: Option<Global> = None;
    let mut locals = Vec::with_capacity(parts.len());
    for part in parts {
        let args = normalise::normalise(part, &command)?;
        let name = OsString::from("mpirun");
        let matches = command.try_get_matches_from_mut(std::iter::once(name).chain(args));
        let matches = match matches {
            Ok(matches) => matches,
            Err(why) if !why.use_stderr() => return Ok(Asked::Text(why.render().to_string())),
            Err(why) => return Err(sentence(&why)),
        };
        let options = Options::from_arg_matches(&matches).map_err(|why| sentence(&why))?;
        if global.is_some() && options.global != Global::default() {
            return Err(
                "behind a colon only -n, -x, -env, -envlist and -wdir can be given; \
                 options of the whole job belong before the first program"
                    .to_owned(),
            );
        }
        global.get_or_insert(options.global);
        locals.push(options.local);
    }
    Ok(Asked::Run(Box::new(global.unwrap_or_default()), locals))
}

/// clap's error without its usage lines.
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

fn settings_help() -> String {
    let mut text = String::from(
        "Settings (--set NAME=VALUE, LARIAT_NAME in the environment, or a line NAME = VALUE\n\
         in ~/.config/lariat/settings or PREFIX/etc/lariat/settings; the first that names one wins):\n",
    );
    for (name, what) in wireup::settings::NAMES {
        text.push_str(&format!("  {name:<18} {what}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Result<(Global, Vec<Local>), String> {
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        match parse(&args)? {
            Asked::Run(global, locals) => Ok((*global, locals)),
            Asked::Text(text) => Err(text),
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
        ] {
            let said = run(line).unwrap_err();
            assert!(said.contains(word), "{line}: {said}");
            assert!(!said.contains('\n'), "{said}");
        }
    }
}
