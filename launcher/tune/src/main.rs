//! The program that `mpirun --tune` runs as two ranks, once for each set of settings.
//!
//! ```text
//! lariat-tune probe
//! lariat-tune measure MILLISECONDS BYTES,BYTES,…
//! ```
//!
//! `probe` prints a line for each arm: «ARM works», or «ARM» and why it does not work here.
//!
//! `measure` prints a line «PATTERN BYTES MICROSECONDS» for each size and pattern: half a
//! round trip of a blocking send and receive, of 8 bytes to 1 GiB. With the pattern `same`
//! the buffers are never written. With `dirty` each sender has just rewritten its buffer; the
//! time of that does not count.

mod measure;
mod mpi;
mod probe;

use std::process::ExitCode;

const USAGE: &str = "usage: lariat-tune probe | lariat-tune measure MILLISECONDS BYTES,BYTES,… \
                     (on two ranks; mpirun --tune runs it)";

/// What the command line asks for.
enum Task {
    Probe,
    /// Milliseconds for each size and pattern, and the sizes in bytes.
    Measure(u32, Vec<usize>),
}

fn task(args: &[String]) -> Option<Task> {
    match args {
        [word] if word == "probe" => Some(Task::Probe),
        [word, budget, sizes] if word == "measure" => {
            let budget = budget.parse().ok().filter(|b| (1..=60_000).contains(b))?;
            let size = |text: &str| text.parse().ok().filter(|n| (8..=1 << 30).contains(n));
            let sizes = sizes.split(',').map(size).collect::<Option<Vec<usize>>>()?;
            Some(Task::Measure(budget, sizes))
        }
        _ => None,
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(task) = task(&args) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    let world = mpi::World::join();
    if world.size() != 2 {
        eprintln!("{USAGE}; this job has {}", world.size());
        return ExitCode::FAILURE;
    }
    let text = match task {
        Task::Probe => probe::arms(&world),
        Task::Measure(budget, sizes) => measure::all(&world, budget, &sizes),
    };
    if world.rank() == 0 {
        print!("{text}");
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::{Task, task};

    #[test]
    fn tasks_are_read_and_nonsense_is_refused() {
        let read = |line: &str| task(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert!(matches!(read("probe"), Some(Task::Probe)));
        assert!(matches!(read("measure 4 64,1024"), Some(Task::Measure(4, s)) if s == [64, 1024]));
        for line in [
            "",
            "probe x",
            "measure 0 1",
            "measure 4 7",
            "measure 4 1,",
            "measure 4 99999999999",
        ] {
            assert!(read(line).is_none(), "{line}");
        }
    }
}
