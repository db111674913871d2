//! From the command line to a plan for each rank: program, environment, directory.

use crate::cli::{JobOptions, ProgramOptions, Universe};
use crate::program::{self, ProgramError};
use crate::settings::{JobSettings, SettingSource};
use crate::tool::Tool;
use crate::tree;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use wireup::descriptor;
use wireup::{env, handover, nodes, spawning};

/// One program of the job.
#[derive(Debug, Clone)]
pub struct App {
    /// The file to execute.
    pub file: PathBuf,
    /// The name as given, which the program sees as its own.
    pub name: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// The directory in which it starts. None: mpirun's own.
    pub dir: Option<PathBuf>,
    /// Variables that are set in addition to the inherited ones.
    pub vars: BTreeMap<OsString, OsString>,
    /// How many ranks run it.
    pub ranks: u32,
    /// It inherits mpirun's environment.
    pub inherits: bool,
    /// Inherited variables that it is not to have.
    pub unset: Vec<OsString>,
}

impl App {
    /// The value of a variable in the program's environment.
    pub fn variable(&self, name: &str) -> Option<OsString> {
        let is_inherited = self.inherits && !self.unset.iter().any(|gone| gone == name);
        let inherited = || is_inherited.then(|| std::env::var_os(name)).flatten();
        let set = self.vars.get(OsStr::new(name)).cloned();
        set.or_else(inherited)
    }
}

/// How ranks find the job: what every rank's environment says.
#[derive(Debug, Clone, Copy)]
pub struct WireUp {
    /// The number of ranks.
    pub size: u32,
    /// The job segment, whose descriptor is inherited.
    pub segment: descriptor::Source,
    /// The read end of the lifeline, inherited too.
    pub lifeline: descriptor::Source,
    /// The heap file, inherited too, if there is one.
    pub heap: Option<descriptor::Source>,
    /// Whether a program has spawned the job.
    pub is_spawned: bool,
    /// Where ranks find those of other hosts, if there are any.
    pub nodes: Option<nodes::Place>,
}

impl WireUp {
    /// The identities of the job's files, as text.
    fn files(&self) -> String {
        let all = [Some(self.segment), Some(self.lifeline), self.heap];
        let files: Vec<_> = all.iter().flatten().map(|source| source.file).collect();
        handover::files_text(&files)
    }

    /// The entry that all processes of this job, and no others, have in their environment.
    pub fn mark(&self) -> String {
        format!("{}={}", env::FILES, self.files())
    }
}

/// Variables by which ranks find another launcher's server. They are removed, since mpirun
/// itself may be part of another launcher's job.
const OTHER_LAUNCHERS: &[&str] = &[
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

/// The directory of `libmpi_abi.so.1`, in a form that can stand in `LD_LIBRARY_PATH`, for
/// programs that were linked without a path to it.
fn library_dir() -> Option<PathBuf> {
    let lib = tree::lib_in_lists().ok()?;
    lib.join("libmpi_abi.so.1").exists().then_some(lib)
}

/// Whether a `:`-separated list of directories has this one.
fn has_dir(list: &OsStr, dir: &Path) -> bool {
    std::env::split_paths(list).any(|d| d == dir)
}

/// Plans one program: finds its file and determines its variables.
///
/// # Errors
/// The directory or the program cannot be used.
pub fn app(
    global: &JobOptions,
    settings: &JobSettings,
    local: &ProgramOptions,
    ranks: u32,
) -> Result<App, ProgramError> {
    let (name, args) = local
        .program
        .split_first()
        .expect("the command line was checked to name a program");
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let dir = local.wdir.as_ref().map(|d| here.join(d));
    if let Some(dir) = &dir
        && !dir.is_dir()
    {
        return Err(ProgramError::NotFound(format!(
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
    let path = match &local.path {
        Some(first) => joined(&[first, &path], ":"),
        None => path,
    };
    let file = program::resolve(name, dir.as_deref().unwrap_or(&here), &path)?;
    Ok(App {
        file,
        name: name.clone(),
        args: args.to_vec(),
        dir,
        vars,
        ranks,
        inherits: local.inherits(global),
        unset: unset(global),
    })
}

/// The variables of mpirun's that `--unset-env` names.
fn unset(global: &JobOptions) -> Vec<OsString> {
    let is_meant = |name: &OsStr| {
        let name = name.as_bytes();
        global.unset_env.iter().any(|which| {
            let which = which.as_bytes();
            match which.strip_suffix(b"*") {
                Some(prefix) => name.starts_with(prefix),
                None => name == which,
            }
        })
    };
    let names = std::env::vars_os().map(|(name, _)| name);
    names.filter(|name| is_meant(name)).collect()
}

/// Joins values, with a separator between those that are not empty.
fn joined(values: &[&OsStr], separator: &str) -> OsString {
    let values: Vec<_> = values.iter().filter(|v| !v.is_empty()).copied().collect();
    values.join(OsStr::new(separator))
}

/// The variables that are set for a program in addition to the inherited ones.
fn variables(
    global: &JobOptions,
    settings: &JobSettings,
    local: &ProgramOptions,
    dir: Option<&Path>,
) -> BTreeMap<OsString, OsString> {
    let mut vars = BTreeMap::new();
    let mut copy = |name: &OsStr| {
        if let Some(value) = std::env::var_os(name) {
            vars.insert(name.to_owned(), value);
        }
    };
    if !local.inherits(global) {
        copy(OsStr::new("PATH"));
        copy(OsStr::new("LD_LIBRARY_PATH"));
        let lists = [&global.genvlist, &local.envlist];
        for name in lists.into_iter().flatten().flat_map(|l| l.split(',')) {
            copy(OsStr::new(name.trim()));
        }
    }
    for pair in global.genv.chunks_exact(2).chain(local.env.chunks_exact(2)) {
        vars.insert(pair[0].clone(), pair[1].clone());
    }
    for export in &local.export {
        export_into(&mut vars, export.as_bytes());
    }
    let gone = unset(global);
    for (pairs, is_last) in [(&global.append_env, true), (&global.prepend_env, false)] {
        for pair in pairs.chunks_exact(2) {
            let Some((name, separator)) = pair[0].to_str().and_then(crate::cli::joined) else {
                continue; // refused when the command line was read
            };
            let name = OsString::from(name);
            let inherited = || std::env::var_os(&name).filter(|_| !gone.contains(&name));
            let old = vars
                .get(&name)
                .cloned()
                .or_else(inherited)
                .unwrap_or_default();
            let both: [&OsStr; 2] = match is_last {
                true => [&old, &pair[1]],
                false => [&pair[1], &old],
            };
            let new = joined(&both, separator);
            vars.insert(name, new);
        }
    }
    for given in &settings.given {
        let name = OsString::from(wireup::settings::variable(given.name));
        // A variable that -x or -genv sets counts as given on the command line, and wins over
        // a setting from elsewhere.
        if given.source == SettingSource::CommandLine || !vars.contains_key(&name) {
            vars.insert(name, (&given.value).into());
        }
    }
    if let Some(dir) = dir {
        vars.insert("PWD".into(), dir.into());
    }
    if let Some(name) = local.initial_errhandler {
        vars.insert(env::INITIAL_ERRHANDLER.into(), name.into());
    }
    if let Some(Universe::Size(size)) = global.usize {
        vars.insert(env::UNIVERSE_SIZE.into(), size.to_string().into());
    }
    if let Some(kinds) = &global.memory_alloc_kinds {
        vars.insert(env::MEMORY_ALLOC_KINDS.into(), kinds.into());
    }
    if let Some(lib) = library_dir() {
        let name = OsString::from("LD_LIBRARY_PATH");
        let old = vars.get(&name).cloned().or_else(|| std::env::var_os(&name));
        let old = old.filter(|o| !o.is_empty()).unwrap_or_default();
        let mut list = old.clone();
        prepend(&mut list, &lib);
        if list != old {
            vars.insert(name, list);
        }
        // mpi4py's wheel asks this variable which library to load, before it looks for any.
        let mpich = lib.join("libmpi.so.12");
        let is_set = |name: &str| {
            let inherited = local.inherits(global) && std::env::var_os(name).is_some();
            inherited || vars.contains_key(OsStr::new(name))
        };
        if mpich.exists() && !["MPI4PY_LIBMPI", "MPI4PY_MPIABI"].into_iter().any(is_set) {
            vars.insert("MPI4PY_LIBMPI".into(), mpich.into_os_string());
        }
    }
    vars
}

/// Puts a folder in front of a list of folders, unless the list has it.
pub fn prepend(list: &mut OsString, dir: &Path) {
    if has_dir(list, dir) {
        return;
    }
    let mut new = dir.as_os_str().to_owned();
    if !list.is_empty() {
        new.push(":");
        new.push(&list);
    }
    *list = new;
}

/// Applies `-x VAR`, `-x VAR=VALUE` or `-x PREFIX*`. mpirun's variables are inherited
/// anyway, so the first and the last form matter only with `-genvnone`.
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

/// The command that starts a rank, which runs program number `index`. `ranks`: its number on
/// this host, and its number and the size of the whole job.
///
/// `tool`: what stands in front of the program.
pub fn command(
    app: &App,
    index: usize,
    (rank, (number, all)): (u32, (u32, u32)),
    wire_up: WireUp,
    tool: &Tool,
) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = match tool.command(number) {
        Some(words) => {
            let mut command = Command::new(&words[0]);
            command.args(&words[1..]).arg(&app.file);
            command
        }
        None => {
            let mut command = Command::new(&app.file);
            command.arg0(&app.name);
            command
        }
    };
    command.args(&app.args);
    if let Some(dir) = &app.dir {
        command.current_dir(dir);
    }
    if !app.inherits {
        command.env_clear();
    }
    for name in &app.unset {
        command.env_remove(name);
    }
    for name in OTHER_LAUNCHERS {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars_os() {
        if name.as_bytes().starts_with(b"PMIX_") {
            command.env_remove(name);
        }
    }
    for name in [
        env::INITIAL_ERRHANDLER,
        env::UNIVERSE_SIZE,
        env::MEMORY_ALLOC_KINDS,
        env::STREAM_BUFFERING,
        env::TESTS,
    ] {
        command.env_remove(name);
    }
    command.envs(&app.vars);
    for name in [spawning::STATUS, spawning::LINK] {
        command.env_remove(name);
    }
    if !wire_up.is_spawned {
        command.env_remove(spawning::PARENT);
        command.env_remove(spawning::PARENT_JOB);
    }
    let numbers: [(&[&str], u32); 4] = [
        (&["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"], number),
        (&["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"], all),
        (
            &[
                env::RANK,
                "OMPI_COMM_WORLD_LOCAL_RANK",
                "OMPI_COMM_WORLD_NODE_RANK",
                "MPI_LOCALRANKID",
            ],
            rank,
        ),
        (
            &[env::SIZE, "OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS"],
            wire_up.size,
        ),
    ];
    for (names, value) in numbers {
        for name in names {
            command.env(name, value.to_string());
        }
    }
    for name in [crate::nodes::link::LINE, crate::nodes::origin::OF_JOB] {
        command.env_remove(name);
    }
    match &wire_up.nodes {
        Some(place) => command.env(nodes::NODES, place.text()),
        None => command.env_remove(nodes::NODES),
    };
    command
        .env(env::SEGMENT, wire_up.segment.number.to_string())
        .env(env::LIFELINE, wire_up.lifeline.number.to_string())
        .env(env::APPNUM, index.to_string())
        .env(env::LAUNCHER, std::process::id().to_string());
    match wire_up.heap {
        Some(heap) => command.env(env::HEAP_FILE, heap.number.to_string()),
        None => command.env_remove(env::HEAP_FILE),
    };
    command.env(env::FILES, wire_up.files());
    command
}
