//! Every variable named `LARIAT_…` that Lariat reads, beside those of the
//! [`crate::settings`]: for the reference pages, and to tell a misspelt one.

use crate::settings;

/// Who gives a variable its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Setter {
    /// The user.
    User,
    /// `mpirun`, or a rank that spawns a job. Other values than these give make a program fail.
    Launcher,
    /// Tests of Lariat itself.
    Tests,
}

/// A variable of the environment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Who sets it.
    pub setter: Setter,
    /// What it means: a phrase without a full stop.
    pub meaning: &'static str,
}

const fn variable(name: &'static str, setter: Setter, meaning: &'static str) -> Variable {
    Variable {
        name,
        setter,
        meaning,
    }
}

/// All of them, those of users first.
pub const VARIABLES: [Variable; 31] = [
    variable(
        "LARIAT_CC",
        Setter::User,
        "the C compiler that mpicc runs (as MPICH_CC, OMPI_CC)",
    ),
    variable(
        "LARIAT_CXX",
        Setter::User,
        "the C++ compiler that mpicxx runs (as MPICH_CXX, OMPI_CXX)",
    ),
    variable(
        "LARIAT_FC",
        Setter::User,
        "the Fortran compiler that mpifort runs (as MPICH_FC, OMPI_FC)",
    ),
    variable(
        "LARIAT_LIBFABRIC",
        Setter::User,
        "the path of libfabric.so.1, for jobs on several hosts",
    ),
    variable(
        "LARIAT_RANK",
        Setter::Launcher,
        "the rank's number in MPI_COMM_WORLD, on its host",
    ),
    variable(
        "LARIAT_SIZE",
        Setter::Launcher,
        "the number of ranks, on this host",
    ),
    variable(
        "LARIAT_APPNUM",
        Setter::Launcher,
        "the program's number on the command line (MPI_APPNUM)",
    ),
    variable(
        "LARIAT_SEGMENT",
        Setter::Launcher,
        "the descriptor of the job segment",
    ),
    variable(
        "LARIAT_HEAP_FILE",
        Setter::Launcher,
        "the descriptor of the file behind the shared heap",
    ),
    variable(
        "LARIAT_LIFELINE",
        Setter::Launcher,
        "the descriptor that ends with mpirun",
    ),
    variable(
        "LARIAT_FILES",
        Setter::Launcher,
        "device and inode of what is behind these descriptors",
    ),
    variable(
        "LARIAT_LAUNCHER_PID",
        Setter::Launcher,
        "the process id of mpirun",
    ),
    variable(
        "LARIAT_INITIAL_ERRHANDLER",
        Setter::Launcher,
        "the error handler to begin with (mpirun --initial-errhandler)",
    ),
    variable(
        "LARIAT_UNIVERSE_SIZE",
        Setter::Launcher,
        "the value of MPI_UNIVERSE_SIZE (mpirun -usize)",
    ),
    variable(
        "LARIAT_MEMORY_ALLOC_KINDS",
        Setter::Launcher,
        "the kinds of memory that were asked for (mpirun -memory-alloc-kinds)",
    ),
    variable(
        "LARIAT_STREAM_BUFFERING",
        Setter::Launcher,
        "how C's streams hold back output (mpirun --stream-buffering)",
    ),
    variable(
        "LARIAT_TESTS",
        Setter::Launcher,
        "ranks run the tests of a Rust test program",
    ),
    variable(
        "LARIAT_NODES",
        Setter::Launcher,
        "the descriptors of the table of hosts",
    ),
    variable(
        "LARIAT_NODE_LINE",
        Setter::Launcher,
        "the descriptor by which mpirun on another host is told what to do",
    ),
    variable(
        "LARIAT_NODE_OF",
        Setter::Launcher,
        "the mpirun that the user has started, as those on other hosts know it",
    ),
    variable(
        "LARIAT_PARENT_PORT",
        Setter::Launcher,
        "the port at which the processes that spawned this job wait for it",
    ),
    variable(
        "LARIAT_PARENT_JOB",
        Setter::Launcher,
        "the number of the job that spawned this one",
    ),
    variable(
        "LARIAT_SPAWN_LINK",
        Setter::Launcher,
        "the descriptor that ties a spawned job to what has spawned it",
    ),
    variable(
        "LARIAT_SPAWN_ON_DEADLOCK",
        Setter::Launcher,
        "what --on-deadlock of the job that spawned this one says",
    ),
    variable(
        "LARIAT_SPAWN_STATUS",
        Setter::Launcher,
        "the descriptor on which a spawned job says what became of it",
    ),
    variable(
        "LARIAT_HEAP_ALONE",
        Setter::Tests,
        "a program that is no rank has a heap file of its own",
    ),
    variable(
        "LARIAT_PREFIX",
        Setter::Tests,
        "the installed tree that tests try",
    ),
    variable(
        "LARIAT_ORACLE",
        Setter::Tests,
        "another MPI to compare with",
    ),
    variable(
        "LARIAT_BLESS",
        Setter::Tests,
        "tests write what they would compare with",
    ),
    variable(
        "LARIAT_GUEST_KERNELS",
        Setter::Tests,
        "the kernels that the kernel module is tried with",
    ),
    variable(
        "LARIAT_TEST_SEED",
        Setter::Tests,
        "what random tests begin with",
    ),
];

/// Whether Lariat reads a variable of this name.
#[must_use]
pub fn is_known(name: &str) -> bool {
    VARIABLES.iter().any(|variable| variable.name == name)
        || settings::NAMES
            .iter()
            .any(|(setting, _)| settings::variable(setting) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_and_others_are_known_once() {
        assert!(is_known("LARIAT_RANK") && is_known("LARIAT_EAGER_LIMIT"));
        assert!(!is_known("LARIAT_EAGER_LIMITS") && !is_known("LARIAT_"));
        for variable in VARIABLES {
            assert!(variable.name.starts_with(settings::PREFIX));
            assert!(!variable.meaning.ends_with('.'));
            let same = VARIABLES.iter().filter(|v| v.name == variable.name);
            assert_eq!(same.count(), 1, "{}", variable.name);
        }
    }
}
