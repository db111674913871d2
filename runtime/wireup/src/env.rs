//! Names of the environment variables that pass from the launcher to a rank,
//! and those by which a rank recognises that another launcher started it.

/// This rank's number in `MPI_COMM_WORLD`, decimal.
pub const RANK: &str = "LARIAT_RANK";
/// The number of ranks in `MPI_COMM_WORLD`, decimal.
pub const SIZE: &str = "LARIAT_SIZE";
/// The inherited descriptor of the job segment, decimal.
pub const SEGMENT: &str = "LARIAT_SEGMENT";
/// The index of the program in a colon-separated command line (`MPI_APPNUM`).
pub const APPNUM: &str = "LARIAT_APPNUM";
/// The process id of the launcher.
pub const LAUNCHER: &str = "LARIAT_LAUNCHER_PID";

/// The inherited read end of the job's lifeline, decimal; see [`crate::lifeline`].
pub const LIFELINE: &str = "LARIAT_LIFELINE";

/// The inherited descriptor of the job's heap file, decimal; see [`crate::heap`].
pub const HEAP_FILE: &str = "LARIAT_HEAP_FILE";

/// Device and inode of the job segment, of the lifeline and, if there is one, of the
/// heap file: `1:77,14:78,1:79`. An inherited descriptor is compared with them before it
/// is used; see [`crate::descriptor`].
pub const FILES: &str = "LARIAT_FILES";

/// The initial error handler: one of [`ERRHANDLERS`].
pub const INITIAL_ERRHANDLER: &str = "LARIAT_INITIAL_ERRHANDLER";

/// What `MPI_UNIVERSE_SIZE` is to be, decimal.
pub const UNIVERSE_SIZE: &str = "LARIAT_UNIVERSE_SIZE";

/// The kinds of memory that the user has asked support for (MPI 5.0, section 11.4.3).
pub const MEMORY_ALLOC_KINDS: &str = "LARIAT_MEMORY_ALLOC_KINDS";

/// How C's streams hold back what a rank prints: 0 not at all, 1 by lines, 2 in blocks.
pub const STREAM_BUFFERING: &str = "LARIAT_STREAM_BUFFERING";

/// Set where ranks run the tests of a Rust test program: a panic fails a test, and the rank goes
/// on with the next.
pub const TESTS: &str = "LARIAT_TESTS";

/// The values of the option `-initial-errhandler` and of the info key
/// `mpi_initial_errhandler` (MPI 5.0, section 11.8.4), in whatever case.
pub const ERRHANDLERS: [&str; 3] = [
    "mpi_errors_are_fatal",
    "mpi_errors_abort",
    "mpi_errors_return",
];

/// The one of [`ERRHANDLERS`] that `text` names.
///
/// # Errors
/// A sentence that says what would be right: it names none.
pub fn errhandler(text: &str) -> Result<&'static str, String> {
    let wanted = text.trim();
    let found = ERRHANDLERS
        .into_iter()
        .find(|name| name.eq_ignore_ascii_case(wanted));
    found.ok_or_else(|| {
        format!(
            "wanted {}, {} or {}",
            ERRHANDLERS[0], ERRHANDLERS[1], ERRHANDLERS[2]
        )
    })
}

/// The value of a variable; one that is not UTF-8 is converted with replacement
/// characters. `None` in a program with raised privileges: see [`is_privileged`].
#[must_use]
pub fn get(name: &str) -> Option<String> {
    let value = std::env::var_os(name).filter(|_| !is_privileged())?;
    Some(value.to_string_lossy().into_owned())
}

/// Whether this program may have more privileges than the user who started it: it is
/// set-uid, set-gid, or has file capabilities. Such a program must not trust its
/// environment.
#[must_use]
pub fn is_privileged() -> bool {
    // SAFETY: getauxval has no preconditions; an unknown entry is 0.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Variables by which other launchers tell a process how many ranks it is one
/// of. A program that finds one of these above 1, and no [`SEGMENT`], was
/// started by a launcher that Lariat cannot join.
pub const FOREIGN_SIZES: [(&str, &str); 7] = [
    ("OMPI_COMM_WORLD_SIZE", "Open MPI's mpirun"),
    (
        "PMI_SIZE",
        "a PMI launcher (mpiexec.hydra, srun --mpi=pmi2)",
    ),
    ("PMIX_SIZE", "a PMIx launcher"),
    ("SLURM_STEP_NUM_TASKS", "srun"),
    ("MV2_COMM_WORLD_SIZE", "MVAPICH's launcher"),
    ("PALS_SIZE", "aprun (PALS)"),
    ("FLUX_JOB_SIZE", "flux run"),
];

/// What a foreign launcher left in the environment, if it says that this
/// process is one of several ranks: `(variable, value, launcher)`.
///
/// `PMIX_RANK` above 0 counts too, since a PMIx launcher gives no size.
///
/// # Errors
/// One of the variables holds something else than a number: which one, and what.
pub fn foreign_launcher(
    get: impl Fn(&str) -> Option<String>,
) -> Result<Option<(String, String, String)>, String> {
    let number = |name: &str, who: &str, least: u64| {
        let Some(value) = get(name).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        match value.trim().parse::<u64>() {
            Ok(n) if n >= least => Ok(Some((n, value))),
            _ => Err(format!(
                "{name}={value:?} in the environment, by which {who} tells a program its place, \
                 is no number of at least {least}: unset it, or start the program by Lariat's \
                 mpirun"
            )),
        }
    };
    for (name, who) in FOREIGN_SIZES {
        if let Some((2.., value)) = number(name, who, 1)? {
            return Ok(Some((name.to_owned(), value, who.to_owned())));
        }
    }
    let who = "a PMIx launcher";
    Ok(match number("PMIX_RANK", who, 0)? {
        Some((1.., value)) => Some(("PMIX_RANK".to_owned(), value, who.to_owned())),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::foreign_launcher;

    fn with<'a>(vars: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| vars.iter().find(|v| v.0 == name).map(|v| v.1.to_owned())
    }

    #[test]
    fn several_foreign_ranks_are_recognised() {
        let found = foreign_launcher(with(&[("PMI_SIZE", "4"), ("PMI_RANK", "0")])).unwrap();
        assert_eq!(found.map(|f| f.0).as_deref(), Some("PMI_SIZE"));
        let found = foreign_launcher(with(&[("PMIX_RANK", "2")])).unwrap();
        assert!(found.is_some());
    }

    #[test]
    fn a_job_of_one_is_nobodys() {
        assert_eq!(foreign_launcher(with(&[])), Ok(None));
        let one = [("PMI_SIZE", "1"), ("SLURM_NTASKS", "8"), ("PMIX_RANK", "0")];
        assert_eq!(foreign_launcher(with(&one)), Ok(None));
        assert_eq!(foreign_launcher(with(&[("PMI_SIZE", "")])), Ok(None));
    }

    #[test]
    fn rubbish_is_named() {
        for (name, value) in [
            ("PMI_SIZE", "many"),
            ("OMPI_COMM_WORLD_SIZE", "-3"),
            ("FLUX_JOB_SIZE", "0"),
            ("SLURM_STEP_NUM_TASKS", "4x"),
            ("PMIX_RANK", "99999999999999999999"),
        ] {
            let said = foreign_launcher(with(&[(name, value)])).unwrap_err();
            assert!(said.contains(name) && said.contains(value), "{said}");
        }
    }
}
