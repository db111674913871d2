//! Limits of address space and of file sizes, and system calls that are not there: the
//! job runs without what can be done without; else words say what is missing.

use lariat_tests::{Job, Outcome, program, skipped};

/// It ended well, or with words for it; not by a signal, and not as a bug.
fn right_or_told(outcome: &Outcome, about: &str) {
    let said = &outcome.stderr;
    let died = ["killed by", "a bug of Lariat", "panicked"]
        .iter()
        .any(|word| said.contains(word));
    let told = outcome.code() == Some(0) || !said.trim().is_empty();
    assert!(
        !died && told && outcome.code().is_some(),
        "{about}: {outcome}"
    );
}

#[test]
fn little_address_space_is_an_error_in_words() {
    for when in ["before", "after"] {
        for kib in ["0", "1000", "4000", "20000", "40000", "200000"] {
            for heap in ["0", "1"] {
                let job = Job::of("little_room").args([kib, when]).ranks(2);
                let outcome = job.env("LARIAT_HEAP", heap).run();
                right_or_told(&outcome, &format!("{kib} KiB {when}, heap {heap}"));
                if kib == "200000" {
                    assert_eq!(outcome.code(), Some(0), "{outcome}");
                }
            }
        }
    }
    // Some ranks cannot map what the others can.
    for kib in ["4000", "8200", "12300", "16400", "20000", "40000", "200000"] {
        for ranks in [2, 5] {
            let job = Job::of("little_room").args([kib, "before", "some"]);
            let outcome = job.ranks(ranks).run();
            right_or_told(&outcome, &format!("{kib} KiB at some of {ranks} ranks"));
            if kib == "200000" {
                assert_eq!(outcome.code(), Some(0), "{outcome}");
            }
        }
    }
    let refused = Job::of("little_room").args(["1000", "before"]).ranks(2);
    refused.run().fails().says(["address space", "ulimit -v"]);
}

#[test]
fn a_limit_of_file_sizes_is_an_error_in_words() {
    let of = |kib: &str| {
        let script = format!("ulimit -f {kib}; exec \"$0\" \"$@\"");
        Job::of("exchange").ranks(2).before(["sh", "-c", &script])
    };
    // In the shell's blocks of 512 bytes, or of 1024.
    let outcome = of("0").run().fails();
    right_or_told(&outcome.says(["ulimit -f"]), "no file at all");
    for kib in ["100", "700", "1200", "3000", "1000000"] {
        right_or_told(&of(kib).run(), kib);
    }
}

#[test]
fn a_system_call_that_is_not_there_is_named_or_done_without() {
    let tried = Job::of("no_call")
        .args(["membarrier", "EPERM", "true"])
        .run();
    if tried.code() != Some(0) {
        skipped(&format!(
            "no system call can be forbidden here: {}",
            tried.stderr
        ));
        return;
    }
    let filter = program("no_call");
    let filter = filter.to_str().expect("the target folder has a plain name");
    let needed = ["memfd_create", "pipe2", "eventfd2", "signalfd4"];
    let not_needed = [
        "prctl",
        "setpgid",
        "membarrier",
        "fallocate",
        "futex",
        "pidfd_open",
        "madvise",
        "munlock",
        "sched_setaffinity",
        "sched_getaffinity",
        "sched_yield",
        "prlimit64",
        "sysinfo",
        "ftruncate",
        "process_vm_readv",
    ];
    for (i, call) in needed.iter().enumerate() {
        let errno = ["ENOSYS", "EPERM"][i % 2];
        let job = Job::of("hello").ranks(2).before([filter, call, errno]);
        let name = match *call {
            "pipe2" => call,
            numbered => numbered.trim_end_matches(|c: char| c.is_ascii_digit()),
        };
        job.run().fails().says([name]);
        // In the ranks alone nothing needs it.
        let job = Job::of("no_call").args([call, &errno]).ranks(2);
        job.args([program("hello")]).run().exits(0);
    }
    for (i, call) in not_needed.iter().enumerate() {
        let errno = ["EPERM", "ENOSYS"][i % 2];
        Job::of("sendrecv")
            .ranks(2)
            .before([filter, call, errno])
            .passes();
    }
}
