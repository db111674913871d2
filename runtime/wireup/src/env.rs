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
pub fn foreign_launcher(get: impl Fn(&str) -> Option<String>) -> Option<(String, String, String)> {
    for (name, who) in FOREIGN_SIZES {
        if let Some(value) = get(name)
            && value.trim().parse::<u64>().is_ok_and(|n| n > 1)
        {
            return Some((name.to_owned(), value, who.to_owned()));
        }
    }
    let rank = get("PMIX_RANK")?;
    rank.trim()
        .parse::<u64>()
        .is_ok_and(|n| n > 0)
        .then(|| ("PMIX_RANK".to_owned(), rank, "a PMIx launcher".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::foreign_launcher;

    fn with<'a>(vars: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| vars.iter().find(|v| v.0 == name).map(|v| v.1.to_owned())
    }

    #[test]
    fn several_foreign_ranks_are_recognised() {
        let found = foreign_launcher(with(&[("PMI_SIZE", "4"), ("PMI_RANK", "0")]));
        assert_eq!(found.map(|f| f.0).as_deref(), Some("PMI_SIZE"));
        assert!(foreign_launcher(with(&[("PMIX_RANK", "2")])).is_some());
    }

    #[test]
    fn a_job_of_one_is_nobodys() {
        assert!(foreign_launcher(with(&[])).is_none());
        assert!(foreign_launcher(with(&[("PMI_SIZE", "1"), ("SLURM_NTASKS", "8")])).is_none());
        assert!(foreign_launcher(with(&[("PMI_SIZE", "many")])).is_none());
    }
}
