//! The kernel module, in virtual machines of several kernels: its own tests, what
//! it costs, and an MPI program beside it.
//!
//! `LARIAT_GUEST_KERNELS` names the kernels (default: 6.1 and 6.12). 7.3 takes a
//! root of another Debian release, which is made once, as root, in minutes.

use lariat_tests::{guest, guest::Guest, program};

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
