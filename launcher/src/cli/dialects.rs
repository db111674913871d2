//! Options of other launchers that are none of mpirun's own: what each does here. Those that
//! mean the same as options of mpirun's are rewritten, those that ask for what happens anyway
//! are dropped, those that change nothing here are dropped and told of, and the rest is
//! refused with a word about what to use instead.
//!
//! The tables are from the two launchers' public documents and the texts that they print for
//! `--help`. `docs/launcher-words.md` lists them; a test tries every line of it.

/// An option of another launcher.
struct Word {
    /// Its names, without dashes.
    names: &'static [&'static str],
    /// How many values it takes.
    values: usize,
    /// What it does here.
    here: Here,
}

/// What an option does here.
enum Here {
    /// The same as these words; `{}` is the value.
    Means(&'static [&'static str]),
    /// It asks for what happens anyway.
    Holds,
    /// It changes nothing, for this reason.
    Nothing(&'static str),
    /// It is refused, with this hint.
    Refused(&'static str),
    /// It depends on the value.
    Depends(fn(&[String]) -> Translation),
}

/// What stands for an option.
#[derive(Debug, PartialEq, Eq)]
pub enum Translation {
    /// These words of mpirun's own.
    Words(Vec<String>),
    /// Nothing, since it asks for what happens anyway.
    Holds,
    /// Nothing, for this reason.
    Nothing(String),
    /// An error with this hint.
    Refused(String),
}

use Here::{Depends, Holds, Means, Nothing, Refused};

const fn word(names: &'static [&'static str], values: usize, here: Here) -> Word {
    Word {
        names,
        values,
        here,
    }
}

const NO_DAEMONS: &str = "there are no daemons: mpirun starts the ranks itself";
const NO_DVM: &str =
    "there is no virtual machine of daemons; --host and --hostfile name the hosts of a job";
const NO_PMIX: &str = "Lariat has no PMIx and no PRRTE; its settings are given by --set NAME=VALUE";
const SHARED_FILES: &str = "programs and files are expected to be on all hosts";
const NO_RESTART: &str =
    "ranks are not started again; --disable-auto-cleanup lets the others go on when one fails";
const IN_DEBUGGER: &str = "--gdb=RANKS runs ranks in a debugger from their first instruction";
const LAUNCH: &str = "--launch 'CMD {host}' says by which command other hosts are reached, e.g. --launch 'rsh {host}'";
const SETTINGS: &str =
    "Lariat's settings are given by --set NAME=VALUE, or by a line in a settings file (see --help)";
const NO_CHECKPOINT: &str = "jobs are not checkpointed; DMTCP and CRIU do that from outside";

/// Options of Open MPI's mpirun, those of PRRTE and the older ones among them.
const OPEN_MPI: &[Word] = &[
    word(&["pernode"], 0, Means(&["--perhost=1"])),
    word(
        &["npersocket"],
        1,
        Means(&["--map-by=ppr:{}:package", "--bind-to=package"]),
    ),
    word(&["ppr"], 1, Means(&["--map-by=ppr:{}"])),
    word(
        &["rankfile", "rf"],
        1,
        Means(&["--map-by=rankfile:file={}"]),
    ),
    word(&["byslot"], 0, Means(&["--map-by=slot"])),
    word(&["bynode"], 0, Means(&["--map-by=node"])),
    word(&["bycore"], 0, Means(&["--map-by=core"])),
    word(&["bysocket"], 0, Means(&["--map-by=package"])),
    word(&["bynuma"], 0, Means(&["--map-by=numa"])),
    word(&["bind-to-core"], 0, Means(&["--bind-to=core"])),
    word(&["bind-to-socket"], 0, Means(&["--bind-to=package"])),
    word(&["bind-to-none"], 0, Means(&["--bind-to=none"])),
    word(&["display-map"], 0, Means(&["--display=map"])),
    word(&["display-devel-map"], 0, Means(&["--display=map"])),
    word(&["display-topo"], 0, Means(&["--display=topo"])),
    word(&["display-allocation"], 0, Means(&["--display=allocation"])),
    word(
        &["display-devel-allocation"],
        0,
        Means(&["--display=allocation"]),
    ),
    word(&["output-filename"], 1, Means(&["--output=file={}"])),
    word(&["output-directory"], 1, Means(&["--output=dir={}"])),
    word(&["merge-stderr-to-stdout"], 0, Means(&["--output=merge"])),
    word(&["xml"], 0, Means(&["--output=xml"])),
    word(&["set-env"], 1, Means(&["--export={}"])),
    word(&["runtime-options"], 1, Depends(runtime_options)),
    word(&["mca", "gmca"], 2, Depends(mca)),
    word(
        &["prtemca", "gprtemca", "pmixmca", "gpmixmca", "pmca"],
        2,
        Nothing(NO_PMIX),
    ),
    word(&["am"], 1, Nothing(SETTINGS)),
    word(&["get-stack-traces"], 0, Holds),
    word(&["report-child-jobs-separately"], 0, Holds),
    word(
        &["spawn-timeout"],
        1,
        Nothing("--timeout counts from the start of mpirun"),
    ),
    word(&["disable-recovery"], 0, Holds),
    word(&["continuous"], 0, Refused(NO_RESTART)),
    word(&["max-restarts"], 1, Refused(NO_RESTART)),
    word(&["with-ft"], 1, Depends(fault_tolerance)),
    word(
        &["debug"],
        0,
        Refused("--debugger 'CMD' runs each rank in a debugger, --gdb in gdb"),
    ),
    word(
        &["tv"],
        0,
        Refused("start the debugger on mpirun (totalview mpirun -a …): it finds the ranks by MPIR"),
    ),
    word(
        &["stop-on-exec", "stop-in-init", "stop-in-app"],
        0,
        Refused(IN_DEBUGGER),
    ),
    word(&["do-not-resolve"], 0, Holds),
    word(
        &["nolocal"],
        0,
        Refused("name the other hosts by --host: ranks run on those alone"),
    ),
    word(&["add-host", "add-hostfile"], 1, Refused(NO_DVM)),
    word(
        &["dvm", "dvm-uri", "hnp", "ompi-server"],
        1,
        Refused(NO_DVM),
    ),
    word(
        &["report-uri"],
        1,
        Refused(
            "mpirun has no address; --report-pid gives its process id, and lariat jobs lists jobs",
        ),
    ),
    word(&["keepalive", "singleton"], 1, Refused(NO_DVM)),
    word(
        &["system-server", "set-sid", "no-ready-msg"],
        0,
        Nothing(NO_DAEMONS),
    ),
    word(
        &[
            "debug-daemons",
            "debug-daemons-file",
            "leave-session-attached",
        ],
        0,
        Nothing("there are no daemons: -v says what mpirun and ranks do"),
    ),
    word(&["launch-agent", "max-vm-size"], 1, Nothing(NO_DAEMONS)),
    word(
        &["tmpdir"],
        1,
        Nothing("jobs leave nothing in folders for temporary files"),
    ),
    word(&["noprefix"], 0, Holds),
    word(&["pmix-prefix", "app-pmix-prefix"], 1, Nothing(NO_PMIX)),
    word(&["no-app-prefix"], 0, Holds),
    word(&["preload-binary"], 0, Nothing(SHARED_FILES)),
    word(&["preload-files"], 1, Nothing(SHARED_FILES)),
    word(
        &["set-cwd-to-session-dir"],
        0,
        Refused("there is no session directory; --wdir DIR starts ranks in another directory"),
    ),
    word(
        &["show-progress"],
        0,
        Nothing("ranks start within milliseconds"),
    ),
    word(
        &["personality"],
        1,
        Nothing("mpirun runs MPI programs alone"),
    ),
    word(
        &["pset"],
        1,
        Nothing("the process sets are mpi://WORLD and mpi://SELF"),
    ),
    word(&["hetero-nodes"], 0, Holds),
    word(
        &["gpu-support"],
        1,
        Nothing("Lariat copies between the memory of processors"),
    ),
    word(&["quiet", "q"], 0, Holds),
    word(
        &["parsable", "parseable"],
        0,
        Nothing("what is shown is for people; --report=json:FILE is for programs"),
    ),
    word(&["report-events"], 1, Nothing(NO_DAEMONS)),
    word(
        &["output-proctable"],
        0,
        Refused(
            "lariat jobs lists jobs and ranks with their processes; debuggers read MPIR_proctable",
        ),
    ),
    word(
        &["server-wait-time"],
        1,
        Nothing("published names need no server"),
    ),
    word(&["fwd-mpirun-port"], 0, Nothing("mpirun listens nowhere")),
    word(
        &["index-argv-by-rank"],
        0,
        Refused("write the programs with a colon between: a x : a y"),
    ),
];

/// Options of MPICH's mpiexec (Hydra), and of those that descend from it.
const MPICH: &[Word] = &[
    word(&["launcher", "bootstrap"], 1, Depends(launcher)),
    word(
        &[
            "launcher-exec",
            "bootstrap-exec",
            "launcher-exec-args",
            "bootstrap-exec-args",
        ],
        1,
        Refused(LAUNCH),
    ),
    word(&["disable-x"], 0, Holds),
    word(&["enable-x"], 0, Nothing("ranks have mpirun's own DISPLAY")),
    word(&["topolib"], 1, Depends(topology_library)),
    word(&["demux"], 1, Nothing("mpirun waits by epoll")),
    word(&["iface"], 1, Means(&["--interface={}"])),
    word(&["enable-auto-cleanup"], 0, Holds),
    word(
        &[
            "disable-hostname-propagation",
            "enable-hostname-propagation",
        ],
        0,
        Nothing("hosts are found by the addresses that their agents tell"),
    ),
    word(
        &["localhost"],
        1,
        Nothing("hosts are found by the addresses that their agents tell"),
    ),
    word(&["hybrid-hosts"], 0, Nothing(SHARED_FILES)),
    word(
        &["nameserver"],
        1,
        Nothing("published names need no server"),
    ),
    word(
        &["pmi-port"],
        0,
        Nothing("ranks find their job without PMI"),
    ),
    word(
        &["rankmap"],
        1,
        Refused(
            "--host a:2,b:2 says how many ranks each host gets, --map-by node has hosts take turns",
        ),
    ),
    word(
        &["order-nodes"],
        1,
        Refused("hosts get ranks in the order in which --host or --hostfile names them"),
    ),
    word(
        &["skip-launch-node"],
        0,
        Refused("name the other hosts by --host: ranks run on those alone"),
    ),
    word(&["gpus-per-proc"], 1, Depends(gpus)),
    word(&["info"], 0, Means(&["--version"])),
    word(&["print-rank-map"], 0, Means(&["--display=map"])),
    word(&["grr"], 1, Means(&["--perhost={}"])),
    word(&["rr"], 0, Means(&["--map-by=node"])),
    word(
        &[
            "ckpoint-interval",
            "ckpoint-prefix",
            "ckpoint-num",
            "ckpointlib",
        ],
        1,
        Refused(NO_CHECKPOINT),
    ),
    word(
        &["gtool", "gtoolfile"],
        1,
        Refused("--debugger 'CMD' runs each rank as CMD PROGRAM"),
    ),
    word(
        &["soft"],
        1,
        Refused("-n says how many ranks there are; all of them are started, or none"),
    ),
    word(&["arch"], 1, Refused("hosts are chosen by name: --host")),
    word(
        &["file"],
        1,
        Refused("--app FILE reads programs from a file"),
    ),
];

/// How many values an option of another launcher takes. None: it is unknown.
pub fn values(name: &str) -> Option<usize> {
    find(name).map(|word| word.values)
}

/// What stands for an option of another launcher with these values. None: it is unknown.
pub fn translate(name: &str, values: &[String]) -> Option<Translation> {
    Some(match &find(name)?.here {
        Means(words) => {
            let value = values.first().map_or("", String::as_str);
            Translation::Words(words.iter().map(|word| word.replace("{}", value)).collect())
        }
        Holds => Translation::Holds,
        Nothing(why) => Translation::Nothing((*why).to_owned()),
        Refused(hint) => Translation::Refused((*hint).to_owned()),
        Depends(decide) => decide(values),
    })
}

/// All names.
pub fn names() -> impl Iterator<Item = &'static str> {
    let all = OPEN_MPI.iter().chain(MPICH);
    all.flat_map(|word| word.names.iter().copied())
}

fn find(name: &str) -> Option<&'static Word> {
    let mut all = OPEN_MPI.iter().chain(MPICH);
    all.find(|word| word.names.contains(&name))
}

fn words<const N: usize>(words: [String; N]) -> Translation {
    Translation::Words(words.to_vec())
}

/// `--mca NAME VALUE`: parameters that have an option here, and all others.
fn mca(values: &[String]) -> Translation {
    let [name, value] = values else {
        return Translation::Refused("wanted a name and a value".to_owned());
    };
    let on = !matches!(
        value.to_ascii_lowercase().as_str(),
        "0" | "false" | "f" | "no" | "n"
    );
    match name.as_str() {
        "hwloc_base_binding_policy" | "hwloc_default_binding_policy" => {
            words([format!("--bind-to={value}")])
        }
        "rmaps_base_mapping_policy" | "rmaps_default_mapping_policy" => {
            words([format!("--map-by={value}")])
        }
        "rmaps_base_ranking_policy" | "rmaps_default_ranking_policy" => {
            words([format!("--rank-by={value}")])
        }
        "hwloc_base_cpu_set" | "hwloc_base_cpu_list" => words([format!("--cpu-set={value}")]),
        "hwloc_base_report_bindings" if on => words(["--report-bindings".to_owned()]),
        "hwloc_base_use_hwthreads_as_cpus" if on => words(["--use-hwthread-cpus".to_owned()]),
        "orte_tag_output" if on => words(["--tag-output".to_owned()]),
        "orte_timestamp_output" if on => words(["--timestamp-output".to_owned()]),
        "btl_tcp_if_include" | "oob_tcp_if_include" if !value.contains([',', '/']) => {
            words([format!("--interface={value}")])
        }
        _ => Translation::Nothing(
            "Lariat has no MCA parameters; its settings are given by --set NAME=VALUE (see --help)"
                .to_owned(),
        ),
    }
}

/// `--runtime-options LIST`.
fn runtime_options(values: &[String]) -> Translation {
    let list = values.first().map_or("", String::as_str);
    let mut words = Vec::new();
    for option in list.split(',') {
        let (name, value) = option.split_once('=').unwrap_or((option, "true"));
        let on = !matches!(value.to_ascii_lowercase().as_str(), "0" | "false" | "f");
        let is = |full: &str, least| super::words::is_short_for(name, full, least);
        if is("error-nonzero-status", 3) || is("abort-nonzero-status", 3) {
            words.extend((!on).then(|| "--disable-auto-cleanup".to_owned()));
        } else if is("donotlaunch", 1) {
            words.push("--do-not-launch".to_owned());
        } else if is("timeout", 1) {
            match clock_seconds(value) {
                Some(seconds) => words.push(format!("--timeout={seconds}")),
                None => {
                    return Translation::Refused(format!("{option}: wanted seconds, or D:H:M:S"));
                }
            }
        } else if is("recoverable", 3) {
            words.extend(on.then(|| "--disable-auto-cleanup".to_owned()));
        } else if is("exec-agent", 2) {
            words.push(format!("--debugger={value}"));
        } else if is("autorestart", 2) || is("continuous", 1) || is("max-restarts", 1) {
            return Translation::Refused(format!("{option}: {NO_RESTART}"));
        } else if is("stop-on-exec", 6) || is("stop-in-init", 9) || is("stop-in-app", 9) {
            return Translation::Refused(format!("{option}: {IN_DEBUGGER}"));
        } else if is("output-proctable", 1) {
            return Translation::Refused(format!(
                "{option}: lariat jobs lists ranks and processes"
            ));
        } else if is("fwd-environment", 1) {
            words.push(if on { "--genvall" } else { "--genvnone" }.to_owned());
        } else if !(is("show-progress", 2)
            || is("notifyerrors", 1)
            || is("spawn-timeout", 2)
            || is("report-state-on-timeout", 8)
            || is("get-stack-traces", 1)
            || is("report-child-jobs-separately", 8)
            || is("aggregate-help-messages", 2)
            || is("default-exec-agent", 2))
        {
            return Translation::Refused(format!(
                "{option} is none of the options that Open MPI knows"
            ));
        }
    }
    match words.is_empty() {
        true => Translation::Holds,
        false => Translation::Words(words),
    }
}

/// Seconds that are written as `D:H:M:S`, or without some of the first numbers.
fn clock_seconds(text: &str) -> Option<f64> {
    let parts: Vec<&str> = text.split(':').collect();
    let factors = [1.0, 60.0, 3600.0, 86_400.0];
    let numbers = parts.iter().rev().zip(factors);
    let each = numbers.map(|(part, factor)| part.parse::<f64>().ok().map(|n| n * factor));
    let sum = each.sum::<Option<f64>>();
    sum.filter(|seconds| parts.len() <= 4 && *seconds > 0.0)
}

/// `--with-ft no|ulfm|mpi`.
fn fault_tolerance(values: &[String]) -> Translation {
    match values
        .first()
        .map(|value| value.to_ascii_lowercase())
        .as_deref()
    {
        Some("no" | "false" | "0" | "none") => Translation::Holds,
        _ => Translation::Refused(
            "a job whose rank fails ends; --disable-auto-cleanup lets the other ranks go on"
                .to_owned(),
        ),
    }
}

/// `-launcher NAME`.
fn launcher(values: &[String]) -> Translation {
    match values.first().map(String::as_str) {
        Some("ssh" | "fork" | "user" | "auto") => Translation::Holds,
        _ => Translation::Refused(LAUNCH.to_owned()),
    }
}

/// `-topolib NAME`.
fn topology_library(values: &[String]) -> Translation {
    match values.first().map(String::as_str) {
        Some("hwloc") => Translation::Holds,
        _ => Translation::Refused("the machine is read by hwloc".to_owned()),
    }
}

/// `-gpus-per-proc N`.
fn gpus(values: &[String]) -> Translation {
    match values
        .first()
        .map(|value| value.to_ascii_lowercase())
        .as_deref()
    {
        Some("auto") => Translation::Holds,
        _ => Translation::Refused(
            "ranks see all GPUs; a program or script chooses by MPI_LOCALRANKID, \
             e.g. CUDA_VISIBLE_DEVICES=$MPI_LOCALRANKID"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, values: &[&str]) -> Translation {
        let values: Vec<String> = values.iter().map(|v| (*v).to_owned()).collect();
        translate(name, &values).unwrap()
    }

    fn are(list: &[&str]) -> Translation {
        Translation::Words(list.iter().map(|w| (*w).to_owned()).collect())
    }

    #[test]
    fn each_name_is_there_once() {
        let mut all: Vec<_> = names().collect();
        all.sort_unstable();
        assert!(all.windows(2).all(|two| two[0] != two[1]), "{all:?}");
    }

    #[test]
    fn values_find_their_place() {
        assert_eq!(of("rf", &["a b"]), are(&["--map-by=rankfile:file=a b"]));
        assert_eq!(
            of("mca", &["rmaps_base_mapping_policy", "numa"]),
            are(&["--map-by=numa"])
        );
        assert!(matches!(
            of("mca", &["btl", "self"]),
            Translation::Nothing(_)
        ));
        assert_eq!(translate("no-such-option", &[]), None);
    }

    #[test]
    fn runtime_options_are_read_one_by_one() {
        let list = of("runtime-options", &["error-nonzero=0,TIMEOUT=1:00,donot"]);
        let wanted = ["--disable-auto-cleanup", "--timeout=60", "--do-not-launch"];
        assert_eq!(list, are(&wanted));
        assert_eq!(
            of("runtime-options", &["error-nonzero-status"]),
            Translation::Holds
        );
        for wrong in ["wood", "timeout=x", "max-restarts=3", "stop-in-init"] {
            assert!(
                matches!(of("runtime-options", &[wrong]), Translation::Refused(_)),
                "{wrong}"
            );
        }
        assert_eq!(clock_seconds("1:1:1:1.5"), Some(90_061.5));
        assert_eq!(clock_seconds("1:1:1:1:1"), None);
    }
}
