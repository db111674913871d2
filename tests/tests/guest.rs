//! The kernel module, in virtual machines of several kernels: its own tests, what
//! it costs, and an MPI program beside it.
//!
//! `LARIAT_GUEST_KERNELS` names the kernels (default: 6.1 and 6.12). 7.3 takes a
//! root of another Debian release, which is made once, as root, in minutes.

use lariat_tests::strace::calls_between_marks;
use lariat_tests::{guest, guest::Guest, program, skipped, workspace};

fn kernels() -> Vec<String> {
    let named = std::env::var("LARIAT_GUEST_KERNELS").unwrap_or_else(|_| "6.1 6.12".into());
    named.split_whitespace().map(str::to_owned).collect()
}

/// Runs the tests of the module in one kernel; says what they said if one fails.
fn module_passes(kernel: &str) {
    let tests = guest::module_program(
        "driver_test",
        &[
            "driver.c",
            "interface.c",
            "mapping.c",
            "recall.c",
            "storm.c",
        ],
    );
    // Swap is kept in memory: some tests are about pages that were swapped out.
    let guest = Guest::with_kernel(kernel).options(["--swap", "128", "--limit", "900"]);
    let Some(said) = guest.file(tests).run("./driver_test") else {
        return;
    };
    assert!(said.contains(" passed, 0 failed"), "{said}");
    assert!(!said.contains("no swap in this guest"), "{said}");
    println!("kernel {kernel}:\n{said}");
}

#[test]
fn the_module_passes_its_tests() {
    std::thread::scope(|all| {
        for kernel in kernels() {
            all.spawn(move || module_passes(&kernel));
        }
    });
}

#[test]
fn first_touch_takes_fewer_faults() {
    let cost = guest::module_program("driver_cost", &["driver.c", "cost.c"]);
    let kernel = &kernels()[0];
    let guest = Guest::with_kernel(kernel).options(["--limit", "900"]);
    // Ratios are printed, and judged by nobody: the counts of faults are.
    let Some(said) = guest.file(cost).run("./driver_cost") else {
        return;
    };
    let counted = said
        .lines()
        .filter(|line| line.contains("faults, ratio"))
        .count();
    assert_eq!(counted, 10, "fault_around from 1 to 512:\n{said}");
    println!("kernel {kernel}:\n{said}");
}

#[test]
fn mpi_programs_run_in_the_guest() {
    let kernel = &kernels()[0];
    let guest = Guest::with_kernel(kernel).with_tree();
    let Some(said) = guest.file(program("hello")).run("mpirun -n 2 ./hello") else {
        return;
    };
    for rank in 0..2 {
        let line = format!("hello from rank {rank} of 2");
        assert!(said.contains(&line), "{said}");
    }
}

#[test]
fn the_client_passes_its_tests() {
    let tests = guest::btl_tests("driver");
    let name = tests.file_name().expect("a program has a name").to_owned();
    let guest = Guest::with_kernel(&kernels()[0]).options(["--limit", "900"]);
    let command = format!("./{} --test-threads=1", name.display());
    let Some(said) = guest.file(tests).run(&command) else {
        return;
    };
    assert!(
        said.contains("test result: ok") && !said.contains("skipped"),
        "{said}"
    );
}

/// What `tests/conformance` runs in its short form.
const CONFORMANCE: [&str; 15] = [
    "arms_sizes",
    "arms_kinds",
    "arms_places",
    "arms_types",
    "arms_expected",
    "arms_crowd",
    "arms_windows",
    "arms_threads",
    "traffic",
    "forktraffic",
    "fork_family",
    "remapstorm",
    "cma_refused",
    "handlers",
    "huge",
];

#[test]
fn the_arms_pass_their_conformance_suite_over_the_driver() {
    let mut guest = Guest::with_kernel(&kernels()[0])
        .with_tree()
        .options(["--memory", "3000", "--limit", "1800"])
        .file(workspace().join("tests/conformance"));
    for name in CONFORMANCE {
        guest = guest.file(program(name));
    }
    let command = "sh ./conformance mpirun . --set arm=driver";
    let Some(said) = guest.run(command) else {
        return;
    };
    assert!(!said.contains("FAILED"), "{said}");
    println!("{said}");
}

#[test]
fn large_messages_over_the_driver_make_no_system_call() {
    let found = std::process::Command::new("sh")
        .args(["-c", "command -v strace"])
        .output();
    let strace = found.map_or_else(
        |_| String::new(),
        |o| String::from_utf8_lossy(&o.stdout).into(),
    );
    if strace.trim().is_empty() {
        skipped("there is no strace to put into the guest");
        return;
    }
    let guest = Guest::with_kernel(&kernels()[0])
        .with_tree()
        .options(["--limit", "900"])
        .file(strace.trim())
        .file(program("large_calls"));
    // Without what a rank waits by: who waits for long notes since when, and in an
    // emulated machine a clock is read by a call.
    let command = "set -e; \
        for what in '65536 500' '1048576 100' '67108864 4'; do \
            mpirun --set arm=driver -n 2 sh -c \
                \"exec ./strace -o /tmp/rank.\\$LARIAT_RANK ./large_calls $what\"; \
            for rank in 0 1; do \
                echo \"trace of $what\"; \
                grep -v -e '^futex(' -e '^sched_yield(' -e '^clock_gettime(' /tmp/rank.$rank; \
            done; \
        done";
    let Some(said) = guest.run(command) else {
        return;
    };
    let mut traces = said.split("trace of ");
    traces.next();
    let mut counted = 0;
    for trace in traces {
        assert!(
            trace.contains("/dev/xpmem"),
            "the driver was not used:\n{trace}"
        );
        let (_, calls) = calls_between_marks(trace);
        assert!(calls.is_empty(), "{calls:?} in {trace}");
        counted += 1;
    }
    assert_eq!(counted, 6, "{said}");
}
