//! `mpirun`: starts the ranks of a job, each bound to its processors, forwards what they
//! print, and reports how they ended.
//!
//! ```text
//! cli         the command line, in the spellings of both common launchers
//! settings    where settings are given, and which of them win
//! plan        program, environment and directory of each rank
//! program     finds a program
//! elf, loader, foreign    what a program's file needs, and whether it is built for another MPI
//! hosts, allocation       which hosts a job is to run on, and for how many ranks
//! environment             variables that somebody has set in vain
//! nodes, packed           jobs on several hosts
//! preload, tree           which programs get the shared heap, and the installed tree
//! capacity, cgroup        whether so many ranks can run here
//! topology → placement, share → binding    which processors each rank gets
//! start       creates the job's segment, pipes and processes
//! spawn       fork and exec (all unsafe code)
//! stdin, stdio, stream    a rank's input and output
//! forward, lines, sink    the thread that passes output on
//! say         what mpirun itself says
//! control     the job's loop: signals, ended children, deadline
//! signals, deadline       what ends a job from outside
//! ranks, process, reap, procfs    the ranks' processes, and the process tree below mpirun
//! flush       the end of the output
//! snapshot    what ranks publish
//! verdict, oom            whether a rank's end is a failure, and why
//! watch, stuck, threads   who can never go on
//! deadlock    what is told of those
//! explain, unreceived, phrase   the report of who waits for whom
//! source, python, outside where in the source ranks wait; what they do outside of MPI
//! warnings    what ranks warn of
//! tool, mpir  ranks in a debugger or checker; what debuggers find in mpirun
//! profile     what --profile and --trace write
//! json        JSON
//! libtest     tests of Rust programs, told once for all ranks
//! test_programs           which programs are such
//! account     what --report writes
//! report      tables of what ranks publish about themselves
//! step        holds the job of a Slurm step, whose tasks are its ranks
//! children, spawned       jobs that ranks spawn, and this job as such a one
//! inspect     the program of that name, which looks at jobs: the same executable
//! top         live views of a job
//! pages       manual pages, completions, reference
//! guard       ends what is left when mpirun is killed
//! tune        measures the machine
//! ```

#![deny(unsafe_code)]

mod account;
mod allocation;
mod binding;
mod capacity;
mod cgroup;
mod children;
mod cli;
mod control;
mod deadline;
mod deadlock;
mod elf;
mod environment;
mod explain;
mod flush;
mod foreign;
mod forward;
mod guard;
mod hosts;
mod inspect;
mod joint;
mod json;
mod libtest;
mod lines;
mod loader;
mod mpir;
mod nodes;
mod oom;
mod outside;
mod packed;
mod pages;
mod phrase;
mod placement;
mod plan;
mod preload;
mod process;
mod procfs;
mod profile;
mod program;
mod python;
mod ranks;
mod reap;
mod report;
mod say;
mod settings;
mod share;
mod signals;
mod sink;
mod snapshot;
mod source;
mod spawn;
mod spawned;
mod start;
mod stdin;
mod stdio;
mod step;
mod stream;
mod stuck;
mod test_programs;
mod threads;
mod tool;
mod top;
mod topology;
mod tree;
mod tune;
mod unreceived;
mod verdict;
mod warnings;
mod watch;

use account::Account;
use cli::{JobOptions, OnDeadlock, ProgramOptions, Request};
use inspect::Watched;
use nodes::link::NodeLink;
use profile::Profiles;
use say::{Failure, failure, say};
use start::JobBuilder;
use std::io::Write;
use std::process::ExitCode;
use tool::Tool;
use wireup::segment::Segment;

fn main() -> ExitCode {
    let mut args: Vec<std::ffi::OsString> = std::env::args_os().collect();
    let program = (!args.is_empty()).then(|| args.remove(0));
    if inspect::is_meant(program.as_deref()) {
        say::name_program("lariat");
        return exit(inspect::run(&args));
    }
    let is = |option: &str| args.first().is_some_and(|first| first == option);
    if is(nodes::AGENT) {
        return nodes::agent::run();
    }
    if is(nodes::NODE) {
        return exit(run_node());
    }
    if is(wireup::step::OPTION) {
        return exit(step::run(&args[1..]));
    }
    if is(nodes::spawn_plan::OPTION) {
        return nodes::child::run();
    }
    if is(spawned::OPTION) || is(spawned::OPTION_ALONE) {
        return run_spawned(&args[1..], is(spawned::OPTION_ALONE));
    }
    let result = match cli::parse(&args) {
        Ok(Request::Text(text)) => print(&text),
        Ok(Request::Settings(global)) => settings::gather(&global)
            .map_err(failure)
            .and_then(|settings| print(&settings.table())),
        Ok(Request::Tune(global)) => tune::run(&global).map(|()| 0).map_err(failure),
        Ok(Request::Run(global, locals)) => begin(&args, &global, &locals),
        Err(why) => Err(failure(why)),
    };
    exit(result)
}

/// Runs the job that the user has asked for.
fn begin(
    args: &[std::ffi::OsString],
    global: &JobOptions,
    locals: &[ProgramOptions],
) -> Result<u8, Failure> {
    let mut global = global.clone();
    common_variables(&mut global).map_err(failure)?;
    let global = &global;
    let misspelt = environment::misspelt(variables());
    global
        .notes
        .iter()
        .chain(&misspelt)
        .for_each(|line| say(line));
    if let Some(to) = &global.report_pid {
        report_pid(to).map_err(failure)?;
    }
    match nodes::wanted(global).map_err(failure)? {
        Some(_) if global.no_launch() => Err(failure(
            "--do-not-launch is for jobs on one host: what other hosts have is known when their agents run",
        )),
        Some(hosts) => nodes::coordinator::run(args, global, locals, &hosts, None),
        None => run(global, locals, None, &mut None, None),
    }
}

/// Takes what the variables say that the launchers of MPICH's family have in common, where the
/// command line does not. (`MPIEXEC_TIMEOUT` is read by [`deadline`].)
fn common_variables(global: &mut JobOptions) -> Result<(), String> {
    let get = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    if let Some(text) = get("MPIEXEC_UNIVERSE_SIZE").filter(|_| global.usize.is_none()) {
        let size = cli::universe(&text);
        global.usize = Some(size.map_err(|why| format!("MPIEXEC_UNIVERSE_SIZE={text:?}: {why}"))?);
    }
    let is_tagged = global.tag_output || global.output().tag || global.prepend_pattern.is_some();
    if get("MPIEXEC_PREFIX_DEFAULT").is_some() && !is_tagged {
        global.prepend_rank = true;
    }
    Ok(())
}

/// The names of mpirun's variables.
fn variables() -> impl Iterator<Item = String> {
    std::env::vars_os().filter_map(|(name, _)| name.into_string().ok())
}

/// Prints mpirun's process id to standard output, standard error or a file.
fn report_pid(to: &std::ffi::OsStr) -> Result<(), String> {
    let text = format!("{}\n", std::process::id());
    let written = match to.to_str() {
        Some("-") => std::io::stdout().write_all(text.as_bytes()),
        Some("+") => std::io::stderr().write_all(text.as_bytes()),
        _ => std::fs::write(to, text),
    };
    written.map_err(|why| format!("--report-pid {}: {why}", to.display()))
}

/// What `--display allocation` says: what this host offers, and to how many ranks.
fn shown_allocation(
    global: &JobOptions,
    resources: &mut binding::Resources,
    size: u32,
) -> Result<String, String> {
    let host = nix::unistd::gethostname().unwrap_or_default();
    let from = match allocation::find(global.rmk, |name| std::env::var(name).ok())? {
        Some(found) => format!(", allocated by {} for {} ranks", found.system, found.ranks),
        None => String::new(),
    };
    Ok(format!(
        "host {}: {}{from}; {size} ranks",
        host.display(),
        resources.summary()
    ))
}

/// Says why the program has failed, if it has.
fn exit(result: Result<u8, Failure>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        Err(Failure { code, text }) => {
            say(&text);
            ExitCode::from(code)
        }
    }
}

/// Runs one host's part of a job on several.
fn run_node() -> Result<u8, Failure> {
    let mut link = NodeLink::take().map_err(failure)?;
    match link.spawned_program() {
        Some(program) => say::name_spawned_node(&program, link.host()),
        None => say::name_host(link.host()),
    }
    let spawned = link.spawned().map_err(failure)?;
    let told = spawned
        .as_ref()
        .map(|_| (link.last_words(), link.host().to_owned()));
    let mut at_fault = None;
    let mut in_job = Vec::new();
    let begin = || {
        let (global, locals, numbers) = link.request()?;
        in_job.clone_from(&numbers);
        run(
            &global,
            &locals,
            spawned,
            &mut at_fault,
            Some((link, numbers)),
        )
    };
    let outcome = begin();
    if let (Err(why), Some((words, host))) = (&outcome, told) {
        // The call that spawns returns it as an error.
        let program = at_fault.and_then(|at| in_job.get(at).copied());
        words.refuse(program, format!("host {host}: {}", why.text));
        say::hush();
    }
    outcome
}

/// Runs a job that a program has spawned. `alone`: no mpirun has started the program.
fn run_spawned(args: &[std::ffi::OsString], alone: bool) -> ExitCode {
    let begun = spawned::Spawned::take().and_then(|spawned| {
        if alone {
            spawn::detach().map_err(|why| why.to_string())?;
        }
        Ok((spawned, spawned::parse(args)?))
    });
    let (spawned, (global, locals)) = match begun {
        Ok(begun) => begun,
        Err(why) => {
            say(&why);
            return ExitCode::FAILURE;
        }
    };
    if let Some(word) = locals.first().and_then(|local| local.program.first()) {
        say::name_spawned_job(&word.to_string_lossy());
    }
    let told = spawned.try_clone();
    let mut program = None;
    match run(&global, &locals, Some(spawned), &mut program, None) {
        Ok(code) => ExitCode::from(code),
        Err(why) => {
            // The call that spawns returns it as an error.
            match &told {
                Some(told) => spawned::refuse(told, program, &why),
                None => say(&why.text),
            }
            ExitCode::from(why.code)
        }
    }
}

/// Prints to standard output.
fn print(text: &str) -> Result<u8, Failure> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(failure)?;
    Ok(0)
}

/// Runs a job, perhaps a spawned one. Returns what mpirun exits with. In an error,
/// `at_fault` is the number of the program that is to blame for it. `node`: the job is this
/// host's part of one on several, with the numbers of its programs in the whole.
fn run(
    global: &JobOptions,
    locals: &[ProgramOptions],
    spawned: Option<spawned::Spawned>,
    at_fault: &mut Option<usize>,
    node: Option<(NodeLink, Vec<usize>)>,
) -> Result<u8, Failure> {
    let mut account = Account::new(&global.report, locals).map_err(failure)?;
    let last_words = node.as_ref().map(|(link, _)| link.last_words());
    if node.as_ref().is_some_and(|(link, _)| link.wants_account()) {
        account.be_part();
    }
    let outcome = run_job(global, locals, (spawned, &mut account), at_fault, node);
    if let (Some(words), Some(part)) = (last_words, account.part(&outcome)) {
        words.account(&part);
    }
    account.write(&outcome);
    outcome
}

fn run_job(
    global: &JobOptions,
    locals: &[ProgramOptions],
    (spawned, account): (Option<spawned::Spawned>, &mut Account),
    at_fault: &mut Option<usize>,
    node: Option<(NodeLink, Vec<usize>)>,
) -> Result<u8, Failure> {
    let settings = settings::gather(global).map_err(failure)?;
    let timeout = deadline::seconds(global).map_err(failure)?;
    let hosts = hosts::ranks(global).map_err(failure)?;
    let (mut link, numbers) = node.unzip();
    let hwloc_variables = spawn::limit_hwloc();
    let mut resources = binding::Resources::read(global).map_err(failure)?;
    if let Some(link) = &link {
        resources.share_with(link.crowd(), global);
    }
    let processors = resources.processors;
    let mut apps = Vec::with_capacity(locals.len());
    let mut abis = Vec::new();
    for (index, local) in locals.iter().enumerate() {
        *at_fault = Some(index);
        let ranks = match local.ranks {
            Some(n) => n,
            None if locals.len() > 1 => 1,
            None => default_ranks(global, hosts, &mut resources).map_err(failure)?,
        };
        let mut app = plan::app(global, &settings, local, ranks).map_err(program_failure)?;
        if !global.allow_other_mpi {
            let said = foreign::check(&mut app).map_err(program_failure)?;
            abis.extend(said);
        }
        apps.push(app);
    }
    *at_fault = None;
    let files = apps
        .iter()
        .map(|app| app.file.file_name().unwrap_or_default());
    let files: Vec<_> = files.map(|file| file.to_string_lossy()).collect();
    let profiles = match &link {
        Some(link) => {
            let words = link.last_words();
            let to = profile::Recipient(Box::new(move |parts| words.profiles(parts)));
            Profiles::part(global, to)
        }
        None => Profiles::new(global, files.join(" : ")).map_err(failure)?,
    };
    let tool = Tool::of(global).map_err(failure)?;
    let cgroups = cgroup::Cgroups::own();
    let ranks: Vec<u32> = apps.iter().map(|a| a.ranks).collect();
    let size = capacity::check(global, &ranks, &cgroups).map_err(failure)?;
    if let Some(cli::StdinReader::Rank(r)) = global.stdin
        && r >= size
        && link.is_none()
    {
        return Err(failure(format!(
            "--stdin {r}: the job has ranks 0 to {}",
            size - 1
        )));
    }
    let crowd = resources.crowd();
    if global.no_oversubscribe() && size.saturating_add(crowd) > processors {
        let others = match crowd {
            0 => String::new(),
            _ => format!(", with {crowd} of other hosts that are the same machine,"),
        };
        return Err(failure(format!(
            "{size} ranks{others} are more than the {processors} processors that they may use (--nooversubscribe)"
        )));
    }
    let mut global = global.clone();
    if global.usize == Some(cli::Universe::System) {
        global.usize = Some(cli::Universe::Size(resources.cores()));
    }
    if global.display.iter().any(|display| display.allocation) {
        say(&shown_allocation(&global, &mut resources, size).map_err(failure)?);
    }
    let global = &global;
    let binding = resources.bind(global, size).map_err(failure)?;
    if binding::is_reported(global) {
        let in_job = link.as_ref().map(NodeLink::ranks);
        say(binding.picture(in_job.as_deref()).trim_end());
    }
    if global.no_launch() {
        return Ok(0);
    }
    let mut global = global.clone();
    let view = top::inside::Prepared::of(&mut global).map_err(failure)?;
    let global = &global;
    let part = link.as_mut().map(|link| link.prepare(crowd)).transpose()?;
    let tests = match spawned {
        Some(_) => None,
        None => {
            let up = link.as_ref().map(|link| {
                let words = link.last_words();
                libtest::Recipient(Box::new(move |rank, word| words.test(rank, word)))
            });
            let all = link.as_ref().map_or(size, NodeLink::job_size);
            test_programs::prepare(global, &mut apps, all, up).map_err(failure)?
        }
    };
    let tests = tests.map(std::sync::Arc::new);
    let mut global = global.clone();
    if tests.is_some() {
        global.on_deadlock.get_or_insert(OnDeadlock::End); // nobody looks on
    }
    let global = &global;
    account.of_tests(tests.clone());
    let mut job = JobBuilder::new(
        global,
        (size, processors),
        hwloc_variables,
        cgroups,
        spawned,
        part,
    )?;
    job.publish(&binding.placement);
    if let Some(tests) = tests {
        job.tell_tests(tests);
    }
    if let Some(rank) = tool.missing(link.as_ref().map_or(size, NodeLink::job_size)) {
        return Err(failure(format!(
            "--gdb {rank}: the job has ranks 0 to {}",
            size - 1
        )));
    }
    let mode = |app: &plan::App| match tool.is_checker() {
        true => preload::HeapMode::Off,
        false => heap_mode(global, app),
    };
    let notes = preload::apply(&mut apps, mode, size, job.no_heap()).map_err(failure)?;
    if has_setting(&apps[0], "verbose", "1") {
        let passed_over = settings.passed_over.iter();
        let others = environment::of_others(variables());
        let all = passed_over.chain(&others).chain(&abis).chain(&notes);
        all.for_each(|line| say(line));
    }
    if let Some(link) = &link {
        link.wait()?;
    }
    for (index, app) in apps.iter().enumerate() {
        *at_fault = Some(index);
        let numbers = numbers.as_ref();
        let number = numbers.and_then(|numbers| numbers.get(index)).copied();
        for _ in 0..app.ranks {
            let number = number.unwrap_or(index);
            job.rank(app, number, (&binding.placement, &tool))?;
        }
    }
    if let Some(link) = link {
        link.start(job.segment()).map_err(failure)?;
    }
    let is_on = |name: &str| apps.iter().any(|app| has_setting(app, name, "1"));
    let reports = report::Reports::new(is_on);
    let view = view.map(|view| {
        let file = job.segment().fd().try_clone_to_owned()?;
        let segment = Segment::open_to_read(file).map_err(std::io::Error::other)?;
        view.start(Watched::Here(segment))
    });
    let view = view.transpose().map_err(failure)?;
    let code = job.run(global, timeout, (reports, profiles, account));
    drop(view); // the output that it has kept is printed now
    code
}

fn program_failure(why: program::ProgramError) -> Failure {
    Failure {
        code: why.code(),
        text: why.to_string(),
    }
}

/// The number of ranks where the command line does not give one: what the hosts or the
/// layout offer, else what a batch system's allocation is for, else one for each core.
fn default_ranks(
    global: &JobOptions,
    hosts: Option<u32>,
    resources: &mut binding::Resources,
) -> Result<u32, String> {
    let offered = global.perhost.or(hosts);
    if let Some(n) = offered.or_else(|| resources.ranks_of_layout(global.mapping().as_ref())) {
        return Ok(n);
    }
    let allocated = allocation::find(global.rmk, |name| std::env::var(name).ok())?;
    Ok(allocated.map_or_else(|| resources.cores(), |found| found.ranks))
}

/// Whether a setting has this value in a program's environment.
fn has_setting(app: &plan::App, name: &str, value: &str) -> bool {
    let variable = wireup::settings::variable(name);
    let set = app.vars.get(std::ffi::OsStr::new(&variable));
    set.is_some_and(|set| set == value)
}

/// Whether a program is to have the shared heap.
fn heap_mode(global: &JobOptions, app: &plan::App) -> preload::HeapMode {
    if has_setting(app, "heap", "0") {
        preload::HeapMode::Off
    } else if global.shared_heap {
        preload::HeapMode::Forced
    } else {
        preload::HeapMode::Auto
    }
}
