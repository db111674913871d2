//! From the command line to one plan per rank: program, environment, directory.

use crate::cli::{Global, Local};
use crate::program::{self, Unusable};
use crate::settings::{Gathered, Source};
use crate::tree;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use wireup::descriptor;
use wireup::{env, handover};

/// One program of the job.
#[derive(Debug, Clone)]
pub struct App {
    /// The file to execute.
    pub file: PathBuf,
    /// The name as given, which the program sees as its own.
    pub name: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Where it starts; mpirun's own directory if not said.
    pub dir: Option<PathBuf>,
    /// Variables that are set beside the inherited ones.
    pub vars: BTreeMap<OsString, OsString>,
    /// How many ranks run it.
    pub ranks: u32,
}

/// What every rank of the job is told.
#[derive(Debug, Clone, Copy)]
pub struct Wiring {
    /// Ranks of the job.
    pub size: u32,
    /// The job segment, whose descriptor is inherited.
    pub segment: descriptor::Source,
    /// The read end of the lifeline, which is inherited too.
    pub lifeline: descriptor::Source,
    /// The heap file, if there is one, also inherited.
    pub heap: Option<descriptor::Source>,
}

impl Wiring {
    /// The identities of the job's files, as ranks are told them.
    fn files(&self) -> String {
        let all = [Some(self.segment), Some(self.lifeline), self.heap];
        let files: Vec<_> = all.iter().flatten().map(|source| source.file).collect();
        handover::files_text(&files)
    }

    /// What all processes of this job, and no others, have in their environment.
    pub fn mark(&self) -> String {
        format!("{}={}", env::FILES, self.files())
    }
}

/// Handles of other launchers' servers: a rank must not find those of a job
/// that mpirun itself may be part of.
const SCRUB: &[&str] = &[
    "PMI_FD",
    "PMI_PORT",
    "PMI_ID",
    "PMI_KVS",
    "PMI_DOMAIN",
    "PMI_PROCESS_MAPPING",
    "PMI_SPAWNED",
    "PMI_UNIVERSE_SIZE",
    "PMI_APPNUM",
    "PMI_CONTROL_FD",
    "PMI_CONTROL_PORT",
    "HYDI_CONTROL_FD",
    "OMPI_MCA_ess_base_jobid",
    "OMPI_MCA_orte_hnp_uri",
    "OMPI_MCA_orte_local_daemon_uri",
    "PRTE_LAUNCHED",
];

/// The directory that holds `libmpi_abi.so.1` for ranks that were linked
/// without a path to it, as it can stand in a list.
fn library_dir() -> Option<PathBuf> {
    let lib = tree::lib_in_lists().ok()?;
    lib.join("libmpi_abi.so.1").exists().then_some(lib)
}

/// Whether a `:`-separated list of directories has this one.
fn has_dir(list: &OsStr, dir: &Path) -> bool {
    std::env::split_paths(list).any(|d| d == dir)
}

/// Plans one program: its variables, and where its file is.
///
/// # Errors
/// The directory or the program cannot be used, with mpirun's exit code.
pub fn app(
    global: &Global,
    settings: &Gathered,
    local: &Local,
    ranks: u32,
) -> Result<App, Unusable> {
    let (name, args) = local
        .program
        .split_first()
        .expect("the command line was checked to name a program");
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let dir = local.wdir.as_ref().map(|d| here.join(d));
    if let Some(dir) = &dir
        && !dir.is_dir()
    {
        return Err(Unusable::NotFound(format!(
            "--wdir {}: no such directory",
            dir.display()
        )));
    }
    let vars = variables(global, settings, local, dir.as_deref());
    let path = vars
        .get(OsStr::new("PATH"))
        .cloned()
        .or_else(|| std::env::var_os("PATH"))
        .unwrap_or_else(|| OsString::from("/usr/local/bin:/usr/bin:/bin"));
    let file = program::resolve(name, dir.as_deref().unwrap_or(&here), &path)?;
    Ok(App {
        file,
        name: name.clone(),
        args: args.to_vec(),
        dir,
        vars,
        ranks,
    })
}

fn variables(
    global: &Global,
    settings: &Gathered,
    local: &Local,
    dir: Option<&Path>,
) -> BTreeMap<OsString, OsString> {
    let mut vars = BTreeMap::new();
    let mut keep = |name: &OsStr| {
        if let Some(value) = std::env::var_os(name) {
            vars.insert(name.to_owned(), value);
        }
    };
    if global.genvnone {
        keep(OsStr::new("PATH"));
        keep(OsStr::new("LD_LIBRARY_PATH"));
        let lists = [&global.genvlist, &local.envlist];
        for name in lists.into_iter().flatten().flat_map(|l| l.split(',')) {
            keep(OsStr::new(name.trim()));
        }
    }
    for pair in global.genv.chunks_exact(2).chain(local.env.chunks_exact(2)) {
        vars.insert(pair[0].clone(), pair[1].clone());
    }
    for export in &local.export {
        export_into(&mut vars, export.as_bytes());
    }
    for given in &settings.given {
        let name = OsString::from(wireup::settings::variable(given.name));
        // a variable that was passed by name (-x, -genv) is nearer than one found
        if given.source == Source::CommandLine || !vars.contains_key(&name) {
            vars.insert(name, (&given.value).into());
        }
    }
    if let Some(dir) = dir {
        vars.insert("PWD".into(), dir.into());
    }
    if let Some(lib) = library_dir() {
        let name = OsString::from("LD_LIBRARY_PATH");
        let old = vars.get(&name).cloned().or_else(|| std::env::var_os(&name));
        let old = old.filter(|o| !o.is_empty()).unwrap_or_default();
        if !has_dir(&old, &lib) {
            let mut list = lib.into_os_string();
            if !old.is_empty() {
                list.push(":");
                list.push(old);
            }
            vars.insert(name, list);
        }
    }
    vars
}

/// `-x VAR`, `-x VAR=VALUE`, `-x PREFIX*`. What mpirun has is inherited anyway,
/// so the first and the last matter only with `-genvnone`.
fn export_into(vars: &mut BTreeMap<OsString, OsString>, export: &[u8]) {
    let text = OsStr::from_bytes;
    if let Some(at) = export.iter().position(|b| *b == b'=') {
        let (name, value) = (&export[..at], &export[at + 1..]);
        vars.insert(text(name).to_owned(), text(value).to_owned());
    } else if let Some(prefix) = export.strip_suffix(b"*") {
        let matching = std::env::vars_os().filter(|(n, _)| n.as_bytes().starts_with(prefix));
        vars.extend(matching);
    } else if let Some(value) = std::env::var_os(text(export)) {
        vars.insert(text(export).to_owned(), value);
    }
}

/// The command that starts `rank`, which runs program number `index`.
pub fn command(app: &App, index: usize, rank: u32, wiring: Wiring, inherit: bool) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(&app.file);
    command.arg0(&app.name).args(&app.args);
    if let Some(dir) = &app.dir {
        command.current_dir(dir);
    }
    if !inherit {
        command.env_clear();
    }
    for name in SCRUB {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars_os() {
        if name.as_bytes().starts_with(b"PMIX_") {
            command.env_remove(name);
        }
    }
    command.envs(&app.vars);
    let (rank, size) = (rank.to_string(), wiring.size.to_string());
    let ranks = [
        env::RANK,
        "OMPI_COMM_WORLD_RANK",
        "OMPI_COMM_WORLD_LOCAL_RANK",
        "PMIX_RANK",
    ];
    let more = ["OMPI_COMM_WORLD_NODE_RANK", "PMI_RANK", "MPI_LOCALRANKID"];
    for name in ranks.into_iter().chain(more) {
        command.env(name, &rank);
    }
    let sizes = [
        env::SIZE,
        "OMPI_COMM_WORLD_SIZE",
        "OMPI_COMM_WORLD_LOCAL_SIZE",
    ];
    for name in sizes.into_iter().chain(["PMI_SIZE", "MPI_LOCALNRANKS"]) {
        command.env(name, &size);
    }
    command
        .env(env::SEGMENT, wiring.segment.number.to_string())
        .env(env::LIFELINE, wiring.lifeline.number.to_string())
        .env(env::APPNUM, index.to_string())
        .env(env::LAUNCHER, std::process::id().to_string());
    match wiring.heap {
        Some(heap) => command.env(env::HEAP_FILE, heap.number.to_string()),
        None => command.env_remove(env::HEAP_FILE),
    };
    command.env(env::FILES, wiring.files());
    command
}
