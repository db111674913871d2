//! The options of mpirun, as clap reads them. Their doc comments are the text of `--help`.

use super::placing::{self, BindTo, MapBy, Mapping, MemBind, RankBy};
use super::words::{self, RankList, StdinReader, Universe};
use clap::{Args, Parser};
use nix::sys::signal::Signal;
use std::ffi::OsString;
use std::path::PathBuf;

/// Starts the ranks of an MPI job, on this machine or on several hosts.
///
/// Options end at the program's name. Several programs are separated by
/// colons: mpirun -n 1 a : -n 3 b. Long options may be written with one dash.
/// Without -n there is one rank for each core that may be used.
#[derive(Parser, Debug)]
#[command(
    name = "mpirun",
    disable_version_flag = true,
    override_usage = "mpirun [-n RANKS] [OPTIONS] PROGRAM [ARGUMENTS…] [: [-n RANKS] PROGRAM …]"
)]
pub struct CommandLine {
    /// Options of the whole job.
    #[command(flatten)]
    pub global: JobOptions,
    /// Options of one program.
    #[command(flatten)]
    pub local: ProgramOptions,
}

/// Options of the whole job, given before the first colon.
#[derive(Args, Debug, Default, PartialEq, Clone)]
pub struct JobOptions {
    /// Bind each rank to one object: hwthread core l1cache l2cache l3cache numa package socket board none, OBJECT:N for several, or user:P+P,P for processors [default: its share of the free cores, while there is one for each]
    #[arg(long, aliases = ["binding", "bindto"], value_name = "OBJECT", help_heading = "Placement", value_parser = placing::bind, overrides_with = "bind_to")]
    pub bind_to: Option<BindTo>,
    /// Lay ranks out over: slot core hwthread l1cache l2cache l3cache numa package node OBJECT:PE=N ppr:N:OBJECT pe-list=P,P-P rankfile:file=FILE
    #[arg(long, value_name = "HOW", help_heading = "Placement", value_parser = placing::map, overrides_with = "map_by")]
    pub map_by: Option<Mapping>,
    /// Number ranks that are laid out over objects: slot (as they were laid out) node fill span
    #[arg(long, value_name = "HOW", help_heading = "Placement", value_parser = placing::rank_by)]
    pub rank_by: Option<RankBy>,
    /// Cores for each rank
    #[arg(long, aliases = ["cpus-per-proc"], value_name = "N", help_heading = "Placement", value_parser = words::count)]
    pub cpus_per_rank: Option<u32>,
    /// Use these processors only, by the kernel's numbers (0,2,4-7)
    #[arg(long, aliases = ["cpu-list", "slot-list"], value_name = "LIST", help_heading = "Placement", value_parser = words::processors)]
    pub cpu_set: Option<RankList>,
    /// Count hardware threads as cores
    #[arg(long, help_heading = "Placement")]
    pub use_hwthread_cpus: bool,
    /// Take memory from: firsttouch (the core's own NUMA node) bind:N,N interleave:N,N
    #[arg(long, value_name = "HOW", help_heading = "Placement", value_parser = placing::membind)]
    pub membind: Option<MemBind>,
    /// Show the machine and where each rank runs
    #[arg(long, help_heading = "Placement")]
    pub report_bindings: bool,
    /// Show some of: allocation bind map topo
    #[arg(long, value_name = "LIST", help_heading = "Placement", value_parser = words::display)]
    pub display: Vec<words::Display>,
    /// Do everything but start the ranks: to see where they would run
    #[arg(long, help_heading = "Placement")]
    pub do_not_launch: bool,
    /// Ranks on each host; on one host, this is the same as -n
    #[arg(short = 'N', long, aliases = ["ppn", "npernode"], value_name = "RANKS", help_heading = "Placement", value_parser = words::count)]
    pub perhost: Option<u32>,
    /// Accepted and ignored: a job may always have more ranks than processors
    #[arg(long, help_heading = "Placement")]
    pub oversubscribe: bool,
    /// Refuse a job of more ranks than processors
    #[arg(long, help_heading = "Placement", conflicts_with = "oversubscribe")]
    pub nooversubscribe: bool,
    /// Ask this batch system alone how many ranks there are: slurm pbs lsf sge, or user for none
    #[arg(long, value_name = "NAME", help_heading = "Placement", value_parser = Manager::parse)]
    pub rmk: Option<Manager>,
    /// Hosts to run on, separated by commas, each with :RANKS if wanted
    #[arg(short = 'H', long, aliases = ["hosts"], value_name = "NAMES", help_heading = "Placement")]
    pub host: Option<String>,
    /// A file with such hosts, one on each line
    #[arg(short = 'f', long, aliases = ["machinefile", "machine-file", "default-hostfile"], value_name = "FILE", help_heading = "Placement")]
    pub hostfile: Option<PathBuf>,
    /// Start the agent on each host by this command, in which {host} is its name [default: ssh]
    #[arg(long, value_name = "CMD", help_heading = "Placement")]
    pub launch: Option<String>,
    /// The installed tree whose mpirun other hosts use [default: the same path as here]
    #[arg(long, value_name = "DIR", help_heading = "Placement")]
    pub prefix: Option<PathBuf>,
    /// The interface, by name or address, by which the hosts reach each other
    #[arg(long, value_name = "NAME", help_heading = "Placement")]
    pub interface: Option<String>,

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
    /// A list of: tag, timestamp, merge, raw, xml, nocopy, dir=DIR, file=FILE
    #[arg(long, value_name = "LIST", help_heading = "Output", value_parser = words::output)]
    pub output: Vec<words::OutputOptions>,
    /// Put this before each line: %r is the rank, %h the host, %t the time in seconds
    #[arg(long, value_name = "TEXT", help_heading = "Output")]
    pub prepend_pattern: Option<String>,
    /// How ranks hold back what they print by C's streams: 0 not at all, 1 by lines, 2 in blocks
    #[arg(long, value_name = "HOW", help_heading = "Output", value_parser = words::buffering)]
    pub stream_buffering: Option<u8>,
    /// Give ranks terminals to print to, so that they print by lines, and in colours
    #[arg(long, help_heading = "Output")]
    pub pty: bool,
    /// Print mpirun's process id to standard output (-), standard error (+), or a file
    #[arg(long, value_name = "WHERE", help_heading = "Output")]
    pub report_pid: Option<OsString>,
    /// Write standard output to files: %r in the name is the rank
    #[arg(long, value_name = "NAME", help_heading = "Output", value_parser = words::pattern)]
    pub outfile_pattern: Option<String>,
    /// Write standard error to files: %r in the name is the rank
    #[arg(long, value_name = "NAME", help_heading = "Output", value_parser = words::pattern)]
    pub errfile_pattern: Option<String>,
    /// Which rank reads standard input: a rank, all or none
    #[arg(short = 's', long, value_name = "RANK", help_heading = "Output", value_parser = words::stdin)]
    pub stdin: Option<StdinReader>,

    /// Set variable NAME to VALUE for all programs
    #[arg(long, num_args = 2, value_names = ["NAME", "VALUE"], action = clap::ArgAction::Append, help_heading = "Environment")]
    pub genv: Vec<OsString>,
    /// Pass these variables, separated by commas, to all programs
    #[arg(long, value_name = "NAMES", help_heading = "Environment")]
    pub genvlist: Option<String>,
    /// Pass all variables, as is the default
    #[arg(long, help_heading = "Environment", overrides_with = "genvnone")]
    pub genvall: bool,
    /// Pass only the variables that are named
    #[arg(long, help_heading = "Environment")]
    pub genvnone: bool,
    /// Pass all variables but NAME, or but those that begin with PREFIX*
    #[arg(long, value_name = "NAME", help_heading = "Environment")]
    pub unset_env: Vec<OsString>,
    /// Append VALUE to the variable NAME, with the separator C (in brackets) between them
    #[arg(long, aliases = ["append-envar"], num_args = 2, value_names = ["NAME[C]", "VALUE"], action = clap::ArgAction::Append, help_heading = "Environment")]
    pub append_env: Vec<OsString>,
    /// Put VALUE before what the variable NAME has, with the separator C (in brackets) between them
    #[arg(long, aliases = ["prepend-envar"], num_args = 2, value_names = ["NAME[C]", "VALUE"], action = clap::ArgAction::Append, help_heading = "Environment")]
    pub prepend_env: Vec<OsString>,
    /// Give a setting of the library; the names are listed below
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Environment", value_parser = words::setting)]
    pub set: Vec<(String, String)>,
    /// Read no settings files
    #[arg(long, help_heading = "Environment")]
    pub no_settings_files: bool,
    /// Print every setting with its value and its source, and end
    #[arg(long, help_heading = "Environment")]
    pub show_settings: bool,

    /// Give every program the shared heap, which peers can map, or fail and say why
    #[arg(long, help_heading = "Memory", conflicts_with = "no_shared_heap")]
    pub shared_heap: bool,
    /// Give no program the shared heap
    #[arg(long, help_heading = "Memory")]
    pub no_shared_heap: bool,
    /// Print the memory regions of each rank and how its peers reach them
    #[arg(long, help_heading = "Memory")]
    pub report_regions: bool,
    /// Try every arm between all pairs of ranks and print the results
    #[arg(long, help_heading = "Memory")]
    pub report_arms: bool,
    /// Print at the end how messages of each size went, and what was learnt of them
    #[arg(long, help_heading = "Memory")]
    pub report_protocols: bool,

    /// Measure this machine, write the thresholds that suit it best to a settings file, and end
    #[arg(long, help_heading = "Tuning")]
    pub tune: bool,
    /// Write the thresholds to FILE [default: the user's settings file]
    #[arg(long, value_name = "FILE", help_heading = "Tuning")]
    pub tune_output: Option<PathBuf>,
    /// Measure and write even if other programs are busy
    #[arg(long, help_heading = "Tuning", requires = "tune")]
    pub tune_force: bool,
    /// Measure N times and take the medians [default: 7]
    #[arg(long, value_name = "N", help_heading = "Tuning", value_parser = words::rounds)]
    pub tune_rounds: Option<u32>,

    /// End the job after this time, with exit code 124 and a report of who waits for whom
    #[arg(long, value_name = "SECONDS", help_heading = "Ending", value_parser = words::seconds)]
    pub timeout: Option<f64>,
    /// Let the other ranks go on when one fails; the exit code is that of the first failure
    #[arg(long, aliases = ["enable-recovery"], help_heading = "Ending")]
    pub disable_auto_cleanup: bool,
    /// Print at the end how each rank ended
    #[arg(long, aliases = ["exitinfo"], help_heading = "Ending")]
    pub print_all_exitcodes: bool,
    /// Pass these signals on to the ranks as well (USR1,WINCH,…), or none
    #[arg(long, value_name = "LIST", help_heading = "Ending", value_parser = signal_list)]
    pub forward_signals: Option<SignalList>,
    /// When ranks can never go on: say who waits for whom and leave the job as it is (report), or end it with exit code 35 (end), or say nothing (off) [default: report; for Rust tests end]
    #[arg(long, value_name = "WHAT", value_enum, help_heading = "Ending")]
    pub on_deadlock: Option<OnDeadlock>,
    /// Run these ranks (0,2,4-7; without a value all) in gdb: in windows where xterm can open them, else up to the first crash, whose backtrace is printed
    #[arg(long, value_name = "RANKS", num_args = 0..=1, require_equals = true, default_missing_value = "", help_heading = "Debugging", value_parser = words::ranks)]
    pub gdb: Option<RankList>,
    /// Run these ranks (0,2,4-7 or all) in a window each
    #[arg(long, value_name = "RANKS", help_heading = "Debugging", value_parser = words::ranks, conflicts_with_all = ["gdb", "debugger", "valgrind"])]
    pub xterm: Option<RankList>,
    /// Run each rank as CMD PROGRAM ARGUMENTS; in CMD, {rank} is the rank's number
    #[arg(
        long,
        value_name = "CMD",
        help_heading = "Debugging",
        conflicts_with = "gdb"
    )]
    pub debugger: Option<String>,
    /// Run each rank in valgrind, with these options, without the shared heap
    #[arg(long, value_name = "OPTIONS", num_args = 0..=1, require_equals = true, default_missing_value = "", help_heading = "Debugging", conflicts_with_all = ["gdb", "debugger"])]
    pub valgrind: Option<String>,
    /// Show a live view of who waits for whom, or if there is no terminal, a table every N seconds; what the job prints comes after it
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "1", help_heading = "Output", value_parser = words::interval)]
    pub top: Option<f64>,
    /// At the end, however it comes, write to FILE how the job ended and what was told of it: as JSON (docs/debugging.md describes it), or by junit:FILE as JUnit's XML, with each test of Rust test programs; may be given for both; a folder gets a file of the program's name
    #[arg(long, value_name = "json:FILE", require_equals = true, help_heading = "Ending", value_parser = words::report)]
    pub report: Vec<words::ReportFile>,
    /// Tell each test of Rust test programs once, with what all ranks say of it (once), or print what every rank prints (each) [default: once, where a program is one]
    #[arg(long, value_name = "HOW", value_enum, help_heading = "Output")]
    pub rust_tests: Option<RustTests>,
    /// Accepted and ignored: a timeout always reports
    #[arg(long, help_heading = "Ending")]
    pub report_state_on_timeout: bool,
    /// Print at the end how much memory the job segment holds
    #[arg(long, help_heading = "Ending")]
    pub report_segment: bool,

    /// Record calls, messages and waits; at the end say what they cost, and write a page with all figures [default: lariat-profile.html]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "lariat-profile.html", help_heading = "Seeing", value_parser = words::file)]
    pub profile: Option<PathBuf>,
    /// Write a trace of all calls and of the messages that they send, for Perfetto or Chrome
    #[arg(long, value_name = "FILE", require_equals = true, help_heading = "Seeing", value_parser = words::file)]
    pub trace: Option<PathBuf>,

    /// What MPI_UNIVERSE_SIZE is: a number, SYSTEM (the cores) or INFINITE [default: the ranks]
    #[arg(long, value_name = "N", value_parser = words::universe)]
    pub usize: Option<Universe>,
    /// Ask for support of these kinds of memory (MPI 5.0, section 11.4.3)
    #[arg(long, value_name = "LIST")]
    pub memory_alloc_kinds: Option<String>,
    /// Read the programs from a file, one on each line
    #[arg(long, aliases = ["configfile"], value_name = "FILE")]
    pub app: Option<PathBuf>,
    /// Run programs that are built for another MPI; each rank runs on its own
    #[arg(long)]
    pub allow_other_mpi: bool,
    /// Accepted and ignored: root is always allowed
    #[arg(long)]
    pub allow_run_as_root: bool,
    /// Check what costs time to check: types of messages; root, operator and all lengths of collectives; buffers in use; what is left at MPI_Finalize
    #[arg(long)]
    pub check: bool,
    /// Let mpirun and the ranks say at the start what was chosen and why
    #[arg(short = 'v', long)]
    pub verbose: bool,
    /// Print the version
    #[arg(short = 'V', long)]
    pub version: bool,
    /// What there is to say of other launchers' options that do nothing here.
    #[arg(skip)]
    pub notes: Vec<String>,
}

impl JobOptions {
    /// All that `--output` says, however often it was given.
    pub fn output(&self) -> words::OutputOptions {
        let mut all = words::OutputOptions::default();
        for one in &self.output {
            all.tag |= one.tag;
            all.timestamp |= one.timestamp;
            all.merge |= one.merge;
            all.raw |= one.raw;
            all.xml |= one.xml;
            all.nocopy |= one.nocopy;
            all.dir = one.dir.clone().or(all.dir);
            all.file = one.file.clone().or(all.file);
        }
        all
    }

    /// What is done when ranks can never go on.
    pub fn on_deadlock(&self) -> OnDeadlock {
        self.on_deadlock.unwrap_or_default()
    }

    /// How ranks are laid out, if the options say so.
    pub fn mapping(&self) -> Option<Mapping> {
        let given = self.map_by.clone();
        let mut map = given.unwrap_or_else(|| Mapping::by(MapBy::Unsaid));
        map.cores = map.cores.max(self.cpus_per_rank.unwrap_or(1));
        map.threads |= self.use_hwthread_cpus;
        if map.by == MapBy::Unsaid {
            if map.cores == 1 && !map.threads {
                return None;
            }
            map.by = MapBy::Slot;
        }
        Some(map)
    }

    /// Whether a job of more ranks than processors is refused.
    pub fn no_oversubscribe(&self) -> bool {
        self.nooversubscribe || self.map_by.as_ref().is_some_and(|map| map.no_oversubscribe)
    }

    /// Whether nothing is started.
    pub fn no_launch(&self) -> bool {
        self.do_not_launch || self.map_by.as_ref().is_some_and(|map| map.no_launch)
    }
}

/// A batch system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manager {
    /// None is asked.
    User,
    /// Slurm.
    Slurm,
    /// PBS, Torque.
    Pbs,
    /// LSF.
    Lsf,
    /// Grid Engine.
    Sge,
}

impl Manager {
    fn parse(text: &str) -> Result<Manager, String> {
        Ok(match text {
            "user" | "none" => Manager::User,
            "slurm" => Manager::Slurm,
            "pbs" => Manager::Pbs,
            "lsf" => Manager::Lsf,
            "sge" => Manager::Sge,
            _ => return Err("wanted slurm, pbs, lsf or sge, or user for none of them".to_owned()),
        })
    }
}

/// Signals to pass on to ranks, besides those that are passed on anyway. None: none at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalList(pub Option<Vec<Signal>>);

fn signal_list(text: &str) -> Result<SignalList, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(SignalList(None));
    }
    let one = |word: &str| {
        let upper = word.trim().to_uppercase();
        let named = format!("SIG{}", upper.strip_prefix("SIG").unwrap_or(&upper));
        let number = upper.parse::<i32>().ok();
        let signal = number.map_or_else(|| named.parse().ok(), |n| Signal::try_from(n).ok());
        let own = [Signal::SIGKILL, Signal::SIGSTOP, Signal::SIGCHLD];
        signal.filter(|signal| !own.contains(signal)).ok_or_else(|| {
            format!("{word} is no signal that can be passed on; wanted names such as USR1,WINCH, or none")
        })
    };
    let list: Result<Vec<Signal>, String> = text.split(',').map(one).collect();
    list.map(|list| SignalList(Some(list)))
}

/// What is done when ranks can never go on.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnDeadlock {
    /// Say so, and leave the job as it is.
    #[default]
    Report,
    /// Say so, and end the job.
    End,
    /// Say nothing.
    Off,
}

impl OnDeadlock {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            OnDeadlock::Report => "report",
            OnDeadlock::End => "end",
            OnDeadlock::Off => "off",
        }
    }

    /// What this name stands for.
    pub fn of(name: &str) -> Option<OnDeadlock> {
        let all = [OnDeadlock::Report, OnDeadlock::End, OnDeadlock::Off];
        all.into_iter().find(|one| one.name() == name)
    }
}

/// How the tests of Rust test programs are told.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum RustTests {
    /// Once, with what all ranks say of each.
    Once,
    /// As every rank prints it.
    Each,
}

/// Options of one program.
#[derive(Args, Debug, Clone, Default, PartialEq)]
pub struct ProgramOptions {
    /// Number of ranks
    #[arg(short = 'n', long = "np", short_aliases = ['c'], aliases = ["n-ranks"], value_name = "RANKS", value_parser = words::count)]
    pub ranks: Option<u32>,
    /// Start in this directory
    #[arg(long, aliases = ["wd"], value_name = "DIR", help_heading = "Environment")]
    pub wdir: Option<PathBuf>,
    /// Pass or set a variable: VAR, VAR=VALUE or PREFIX*
    #[arg(
        short = 'x',
        long = "export",
        value_name = "VAR[=VALUE]",
        help_heading = "Environment"
    )]
    pub export: Vec<OsString>,
    /// Set variable NAME to VALUE for this program
    #[arg(long, num_args = 2, value_names = ["NAME", "VALUE"], action = clap::ArgAction::Append, help_heading = "Environment")]
    pub env: Vec<OsString>,
    /// Pass these variables, separated by commas, to this program
    #[arg(long, value_name = "NAMES", help_heading = "Environment")]
    pub envlist: Option<String>,
    /// Pass all variables to this program, whatever -genvnone says
    #[arg(long, help_heading = "Environment", overrides_with = "envnone")]
    pub envall: bool,
    /// Pass only the variables that are named to this program
    #[arg(long, help_heading = "Environment")]
    pub envnone: bool,
    /// Look for the program in these folders, divided by colons, before those of PATH
    #[arg(long, value_name = "PATH", help_heading = "Environment")]
    pub path: Option<OsString>,
    /// The error handler that MPI_COMM_WORLD and MPI_COMM_SELF begin with: mpi_errors_are_fatal mpi_errors_abort mpi_errors_return [default: mpi_errors_are_fatal]
    #[arg(long, value_name = "NAME", help_heading = "Ending", value_parser = wireup::env::errhandler)]
    pub initial_errhandler: Option<&'static str>,
    /// The program and its arguments
    #[arg(
        value_name = "PROGRAM",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub program: Vec<OsString>,
}

impl ProgramOptions {
    /// Whether the program inherits mpirun's environment.
    pub fn inherits(&self, global: &JobOptions) -> bool {
        self.envall || !(self.envnone || global.genvnone)
    }
}
