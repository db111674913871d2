//! The program `lariat`: looks at jobs that run, from outside. It is mpirun's executable
//! under another name, since `mpirun --top` shows the same view and reports come from the
//! same code.
//!
//! ```text
//! find    jobs of this machine
//! proof   whether ranks can never go on
//! jobs    lariat jobs
//! watched where a job is looked at
//! ```
//! `lariat explain` is in this file, `lariat top` in [`crate::top`].

pub mod find;
mod jobs;
mod proof;
mod watched;

use crate::cli;
use crate::explain::{self, Known};
use crate::pages;
use crate::say::{Failure, failure};
use crate::snapshot;
use crate::top;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
pub use find::{Job, shortened};
pub use proof::{Look, Observer};
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
pub use watched::Watched;

/// The name under which the executable is this program.
const NAME: &str = "lariat";

/// What it exits with when ranks can never go on (`EDEADLK`), as mpirun does.
const STUCK_CODE: u8 = 35;

/// How long the hosts of a job may take to say where in the source their ranks are.
const ANSWER: Duration = Duration::from_secs(5);

/// Looks at MPI jobs that run on this machine. Nothing is asked of their ranks, and nothing
/// is changed: what they show of themselves is read.
#[derive(Parser, Debug)]
#[command(name = NAME, version, disable_help_subcommand = true, subcommand_required = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List this user's jobs: mpirun's process, ranks, time, state, program
    ///
    /// The state is «stuck» if it is certain that some ranks can never go on, «waits» if all
    /// ranks wait, and else «running».
    Jobs(JobsOptions),
    /// Say what each rank of a job does, for whom it waits, and where in the source
    ///
    /// The report is the one that mpirun gives at SIGQUIT. Exit code 35: it is certain that
    /// some ranks can never go on, which takes up to 2.5 seconds to tell. 0: it is not.
    Explain(ExplainOptions),
    /// Show a job as it runs: who waits for whom, since when, and who is to blame
    ///
    /// In a terminal a live view (? shows its keys), else a table every interval.
    Top(TopOptions),
    /// Write the manual pages and the completions of bash, zsh and fish below a directory
    ///
    /// They lie in share/man, share/bash-completion, share/zsh and share/fish below it, as in an
    /// installed tree. With ~/.local, man and the shells find them where they look for a user's own.
    Pages(PagesOptions),
}

#[derive(Args, Debug)]
struct PagesOptions {
    /// The directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Write reference pages in Markdown instead, straight into it
    #[arg(long)]
    markdown: bool,
}

#[derive(Args, Debug)]
struct JobsOptions {
    /// Print JSON: an array of objects
    #[arg(long)]
    json: bool,
    /// List everybody's jobs, as far as they may be looked at
    #[arg(long)]
    all: bool,
}

#[derive(Args, Debug)]
struct ExplainOptions {
    #[command(flatten)]
    job: JobArgument,
}

#[derive(Args, Debug)]
struct TopOptions {
    #[command(flatten)]
    job: JobArgument,
    /// Show news so often
    #[arg(long, short = 'd', value_name = "SECONDS", default_value = "1", value_parser = cli::interval)]
    interval: f64,
    /// End after so many tables
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Print tables also in a terminal
    #[arg(long, short = 'b')]
    plain: bool,
}

#[derive(Args, Debug)]
struct JobArgument {
    /// The process id of mpirun, or of a rank [default: the only job that runs]
    #[arg(value_name = "JOB", value_parser = clap::value_parser!(i32).range(1..))]
    job: Option<i32>,
}

impl JobArgument {
    fn open(&self) -> Result<Job, Failure> {
        match self.job {
            Some(pid) => Job::open(pid),
            None => Job::only(),
        }
        .map_err(failure)
    }
}

/// The commands of this program, as clap knows them.
pub fn command() -> clap::Command {
    let mut command = CommandLine::command();
    command.build();
    command
}

/// Whether the executable was started under the name of this program.
pub fn is_meant(program: Option<&OsStr>) -> bool {
    program.is_some_and(|program| Path::new(program).file_name() == Some(OsStr::new(NAME)))
}

/// Does what the arguments, without the program's name, ask for. Returns the exit code.
///
/// # Errors
/// What cannot be used, or cannot be seen.
pub fn run(args: &[OsString]) -> Result<u8, Failure> {
    let name = OsString::from(NAME);
    let words = std::iter::once(&name).chain(args);
    let matches = match CommandLine::command().try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(why) if !why.use_stderr() => {
            print(&why.render().to_string())?;
            return Ok(0);
        }
        Err(why) => return Err(failure(sentence(&why))),
    };
    let line = CommandLine::from_arg_matches(&matches).map_err(|why| failure(sentence(&why)))?;
    match line.command {
        Command::Jobs(options) => {
            let jobs = jobs::look(options.all);
            print(&match options.json {
                true => jobs::json(&jobs),
                false => jobs::table(&jobs),
            })?;
            Ok(0)
        }
        Command::Explain(options) => explain(&options.job.open()?),
        Command::Pages(options) => {
            match options.markdown {
                true => pages::write_reference(&options.directory, command()),
                false => pages::write(&options.directory, command()),
            }
            .map_err(failure)?;
            Ok(0)
        }
        Command::Top(options) => {
            let job = options.job.open()?;
            let interval = Duration::from_secs_f64(options.interval);
            top::watch(job, interval, options.count, options.plain)?;
            Ok(0)
        }
    }
}

/// An error of clap's without its usage text.
fn sentence(why: &clap::Error) -> String {
    use clap::error::ErrorKind;
    match why.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            "wanted: jobs, explain, top or pages; see --help".to_owned()
        }
        _ => {
            let text = why.render().to_string();
            let lines = text.lines().map(str::trim);
            let lines = lines.map(|line| line.trim_start_matches("error: "));
            let end = |line: &&str| !line.starts_with("Usage:") && !line.starts_with("For more");
            let lines: Vec<&str> = lines.take_while(end).filter(|l| !l.is_empty()).collect();
            lines.join("; ")
        }
    }
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(failure)
}

/// Prints what the ranks of a job do.
fn explain(job: &Job) -> Result<u8, Failure> {
    let mut observer = Observer::default();
    let deadline = Instant::now() + proof::PATIENCE;
    let look = observer.look_until_certain(&job.watched, deadline);
    let (look, known) = match &job.watched {
        Watched::Here(_) => {
            let known = Known::of(&look.snapshots);
            (look, Some(known))
        }
        Watched::Hosts(_) => observer.look_until_known(&job.watched, Instant::now() + ANSWER),
    };
    if !job.runs() {
        return Err(failure(format!("job {} has ended meanwhile", job.pid)));
    }
    let mut text = format!("{}:\n", top::title(job));
    if known.is_none() && !look.snapshots.is_empty() {
        let text = format!("the mpirun of job {} does not answer", job.pid);
        return Err(failure(text));
    }
    let known = known.unwrap_or_default();
    if look.snapshots.iter().any(snapshot::uses_mpi) {
        text.push_str(&explain::report(&look.snapshots, &look.findings, &known));
    } else {
        text.push_str("  no rank has called MPI\n");
    }
    for host in &look.silent {
        text.push_str(&format!("{}\n", explain::silent(host)));
    }
    if look.is_stuck() {
        text.push_str(&format!(
            "stuck: {} (for {:.1} s).\n",
            explain::who_is_stuck(&look.findings),
            look.standstill.as_secs_f64()
        ));
    }
    print(&text)?;
    Ok(if look.is_stuck() { STUCK_CODE } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> String {
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        run(&args).unwrap_err().text
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (line, word) in [
            ("", "jobs, explain, top or pages"),
            ("tops", "tops"),
            ("explain soon", "soon"),
            ("explain 0", "0"),
            ("top -1", "-1"),
            ("top --interval 0 1", "from 0.1"),
            ("top --count 0 1", "0"),
            ("jobs --yaml", "--yaml"),
        ] {
            let said = said(line);
            assert!(
                said.contains(word) && !said.contains('\n'),
                "{line}: {said}"
            );
        }
    }

    #[test]
    fn the_name_decides() {
        assert!(is_meant(Some(OsStr::new("/usr/bin/lariat"))));
        assert!(is_meant(Some(OsStr::new("lariat"))));
        assert!(!is_meant(Some(OsStr::new("/opt/lariat/bin/mpirun"))));
        assert!(!is_meant(None));
    }
}
