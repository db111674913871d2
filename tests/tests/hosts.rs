//! Jobs on several hosts, which are namespaces joined by a bridge (`tests/hosts/hosts`).
//! Skipped where those, or libfabric, cannot be had.

use lariat_tests::hosts::Hosts;
use lariat_tests::leftovers::{self, MARK};
use lariat_tests::{Folder, Job, Outcome, skipped};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

fn lines(outcome: &Outcome) -> Vec<String> {
    let mut lines: Vec<String> = outcome.stdout.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn messages_collectives_and_communicators() {
    let Some(hosts) = Hosts::up(3) else { return };
    for program in ["exchange", "probe", "sendrecv", "cancel", "persistent"] {
        hosts.job(program, &[2, 2]).passes();
    }
    hosts.job("order", &[2, 2]).args(["100"]).passes();
    hosts.job("coll", &[2, 2]).args(["5"]).passes();
    for slots in [&[2, 2][..], &[1, 1, 1], &[3, 1]] {
        for program in ["comms", "intercomms"] {
            let job = hosts.job(program, slots).env("SEVERAL_HOSTS", "1");
            job.options(["--map-by", "node"]).passes();
        }
    }
    hosts.job("flood", &[1, 1]).passes();
}

/// Where the receiver's memory, though it is exported, is out of the sender's reach.
#[test]
fn partitions() {
    let Some(hosts) = Hosts::up(2) else { return };
    for slots in [&[1, 1][..], &[2, 2]] {
        hosts.job("partitioned_free", slots).passes();
        hosts.job("partitioned", slots).args(["3"]).passes();
    }
    hosts.job("partitioned_threads", &[2, 1]).passes();
}

/// Ranks side by side, by turns, and not equally many on each host.
#[test]
fn collectives_by_host() {
    let Some(hosts) = Hosts::up(3) else { return };
    for slots in [&[3, 3][..], &[1, 3, 2]] {
        for by in ["slot", "node"] {
            let job = |program: &str| hosts.job(program, slots).options(["--map-by", by]);
            job("coll").args(["3"]).passes();
            job("same_bits").passes();
        }
    }
    hosts.job("coll_alone", &[2, 2]).passes();
    hosts.job("coll_mixed", &[2, 2]).passes();
}

#[test]
fn what_is_of_one_host_only() {
    let Some(hosts) = Hosts::up(2) else { return };
    hosts.job("hosts", &[2, 1]).passes();
}

#[test]
fn programs_without_mpi_print_whole_lines_and_read_input() {
    let Some(hosts) = Hosts::up(2) else { return };
    let shell = |text: &str| hosts.with(Job::running("/bin/sh").args(["-c", text]), &[2, 1]);
    let said = "echo $OMPI_COMM_WORLD_RANK of $OMPI_COMM_WORLD_SIZE, \
                $OMPI_COMM_WORLD_LOCAL_RANK of $OMPI_COMM_WORLD_LOCAL_SIZE, $(hostname)";
    let outcome = shell(said).run().exits(0);
    let name = &hosts.name;
    let wanted = [
        format!("0 of 3, 0 of 2, {name}-1"),
        format!("1 of 3, 1 of 2, {name}-1"),
        format!("2 of 3, 0 of 1, {name}-2"),
    ];
    assert_eq!(lines(&outcome), wanted);
    let long = "for i in 1 2 3 4 5 6 7 8 9; do head -c 30000 /dev/zero | tr '\\0' x; echo; done";
    let outcome = shell(long).run().exits(0);
    assert_eq!(outcome.stdout.lines().count(), 27);
    assert!(outcome.stdout.lines().all(|line| line.len() == 30000));
    let input = "a line\n".repeat(100_000);
    let count = |rank: u32| {
        let rank = rank.to_string();
        let job = shell("echo $OMPI_COMM_WORLD_RANK: $(wc -c)");
        let outcome = job.options(["--stdin", &rank]).stdin(input.clone()).run();
        lines(&outcome.exits(0))
    };
    assert_eq!(count(0), ["0: 700000", "1: 0", "2: 0"]);
    assert_eq!(count(2), ["0: 0", "1: 0", "2: 700000"]);
    let outcome = shell("echo $OMPI_COMM_WORLD_RANK").options(["-l"]).run();
    assert_eq!(lines(&outcome.exits(0)), ["[0] 0", "[1] 1", "[2] 2"]);
}

#[test]
fn what_is_missing_is_said_before_a_rank_starts() {
    let Some(hosts) = Hosts::up(2) else { return };
    let missing = Job::running("/no/such/program");
    let outcome = hosts.with(missing, &[1, 1]).run().exits(127);
    let _ = outcome.says(["host 10.77.", "/no/such/program"]);
    // Only there on one host: its own /dev/shm.
    let dir = "/dev/shm/only-there";
    let prepare = format!(
        "test $(hostname) = {}-2 || mkdir {dir}; exec \"$@\"",
        hosts.name
    );
    let launch = std::env::temp_dir().join(format!("launch-{}", hosts.name));
    std::fs::write(&launch, format!("#!/bin/sh\n{prepare}\n")).unwrap();
    let template = format!("{} sh {}", hosts.launch(), launch.display());
    let list = hosts.list(&[1, 1]);
    let job = Job::running("/bin/sh").args(["-c", "echo started"]);
    let job = job.options(["-H", &list, "--launch", &template, "--wdir", dir]);
    let outcome = job.run().fails();
    assert!(!outcome.stdout.contains("started"), "{}", outcome.stdout);
    let second = hosts.address(2);
    let _ = outcome.says([&format!("host {second}"), dir]);
    std::fs::remove_file(launch).unwrap();
    let wrong = Job::running("/bin/true").options(["-H", &list, "--launch", "/no/such/{host}"]);
    let _ = wrong.run().fails().says(["/no/such/10.77."]);
    let silent = Job::running("/bin/true").options(["-H", &list, "--launch", "false {host}"]);
    let _ = silent.run().fails().says(["host 10.77.", "exit code 1"]);
}

#[test]
fn failures_end_everything_and_are_named() {
    let Some(hosts) = Hosts::up(2) else { return };
    let second = hosts.address(2);
    for (program, code, words) in [
        ("kill -9 $$", 137, ["rank 2", "SIGKILL"]),
        ("exit 7", 7, ["rank 2", "code 7"]),
    ] {
        let mark = leftovers::mark();
        let text = format!("if test $OMPI_COMM_WORLD_RANK = 2; then {program}; fi; sleep 100");
        let job = hosts.with(Job::running("/bin/sh").args(["-c", &text]), &[2, 1]);
        let outcome = job.env(MARK, &mark).run().exits(code);
        let outcome = outcome.says(words);
        let _ = outcome.says([&format!("host {second}")]);
        leftovers::no_processes(&mark);
    }
}

#[test]
fn a_lost_agent_and_a_lost_mpirun_end_everything() {
    let Some(hosts) = Hosts::up(2) else { return };
    for lost in ["agent", "mpirun"] {
        let mark = leftovers::mark();
        let text = "echo up $OMPI_COMM_WORLD_RANK; sleep 100";
        let job = hosts.with(Job::running("/bin/sh").args(["-c", text]), &[1, 1]);
        let mut running = job.env(MARK, &mark).start();
        running.wait_for("up 0");
        running.wait_for("up 1");
        let victim = match lost {
            "agent" => agent_of(&mark, running.pid()),
            _ => running.pid(),
        };
        // SAFETY: a signal to a process of this test's own job.
        unsafe { libc::kill(victim, libc::SIGKILL) };
        let outcome = running.finish();
        if lost == "agent" {
            let _ = outcome.exits(1).says(["host 10.77.", "agent"]);
        }
        leftovers::no_processes(&mark);
    }
}

/// An agent of the job: a process with its mark that runs `mpirun --agent`.
fn agent_of(mark: &str, mpirun: i32) -> i32 {
    let is_agent = |pid: &i32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0);
        words.next().is_some_and(|word| word.ends_with(b"mpirun"))
            && words.next() == Some(b"--agent")
    };
    let all = leftovers::processes(mark).into_iter();
    let all = all.filter_map(|pid| i32::try_from(pid).ok());
    let mut agents = all.filter(|pid| *pid != mpirun).filter(is_agent);
    agents.next().expect("there is an agent")
}

#[test]
fn signals_end_it_or_reach_all_ranks() {
    let Some(hosts) = Hosts::up(2) else { return };
    let mark = leftovers::mark();
    let text = "trap 'echo got $OMPI_COMM_WORLD_RANK' USR1; echo up $OMPI_COMM_WORLD_RANK; \
                while :; do sleep 0.05; done";
    let job = hosts.with(Job::running("/bin/sh").args(["-c", text]), &[1, 1]);
    let mut running = job.env(MARK, &mark).start();
    running.wait_for("up 0");
    running.wait_for("up 1");
    running.signal(libc::SIGUSR1);
    running.wait_for("got 0");
    running.wait_for("got 1");
    running.signal(libc::SIGINT);
    let _ = running.finish().exits(130);
    leftovers::no_processes(&mark);
}

#[test]
fn aborts_and_times_are_those_of_the_whole_job() {
    let Some(hosts) = Hosts::up(2) else { return };
    let outcome = hosts.job("hosts", &[1, 1]).args(["abort"]).run().exits(9);
    let _ = outcome.says(["rank 1", "host 10.77."]);
    let sleep = Job::running("/bin/sleep")
        .args(["20"])
        .options(["--timeout", "1"]);
    let outcome = hosts.with(sleep, &[1, 1]).run().exits(124);
    let _ = outcome.says(["did not end within 1 s"]);
}

/// Ranks of several hosts that wait for one another, and such as do not.
#[test]
fn who_can_never_go_on_is_told_of_over_hosts() {
    let Some(hosts) = Hosts::up(3) else { return };
    let second = hosts.address(2);
    let stuck = |mode: &str, slots: &[u32]| {
        let job = hosts.job("stuck", slots).args([mode]);
        job.options(["--on-deadlock=end", "--timeout", "30"]).run()
    };
    let goes_on = |mode: &str| {
        let job = hosts.job("stuck", &[2, 1]).args([mode]);
        let outcome = job.options(["--timeout", "4"]).run().exits(124);
        let outcome = outcome.says(["did not end within 4 s"]);
        assert!(!outcome.stderr.contains("stuck: "), "{mode}: {outcome}");
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let on_second = format!("on host {second}) waits in MPI_Recv");
            let _ = stuck("ring", &[2, 1]).exits(35).says([
                "stuck: no rank can move any more (for ",
                "Ending the job.",
                on_second.as_str(),
                "at stuck.c:",
                "each waits for the next: 0 →",
            ]);
        });
        scope.spawn(|| {
            let outcome = stuck("part", &[1, 1, 1]).exits(35);
            let _ = outcome.says(["stuck: ranks 0-1 can never move again"]);
        });
        scope.spawn(|| {
            let _ = stuck("tag", &[1, 2]).exits(35).says([
                "never received: at rank 0, from rank 1, tag 7",
                "tag 7 came, tag 8 is wanted",
                &format!("ranks 1-2 on host {second} wait in MPI_Barrier"),
            ]);
        });
        scope.spawn(|| {
            let outcome = stuck("threads", &[1, 1]).exits(35);
            let _ = outcome.says(["stuck: no rank can move any more"]);
        });
        scope.spawn(|| {
            let job = hosts.job("early", &[1, 2]).args(["barrier"]);
            let outcome = job.options(["--on-deadlock=end"]).run().exits(35);
            // Rank 2 may be certain before rank 0 is.
            let _ = outcome.says(["rank 1 is in MPI_Finalize, but rank", "in MPI_Barrier"]);
        });
        for mode in ["small", "compute"] {
            scope.spawn(move || goes_on(mode));
        }
    });
}

/// Reports on demand and at the end, on standard error and as JSON.
#[test]
fn what_all_ranks_do_is_told_with_their_hosts() {
    let Some(hosts) = Hosts::up(2) else { return };
    let folder = Folder::new(&std::env::temp_dir(), "hosts-report");
    let file = folder.path().join("report.json");
    let option = format!("--report=json:{}", file.display());
    let job = hosts.job("stuck", &[2, 1]).args(["ring"]);
    let mut running = job.options(["--on-deadlock=off", &option]).start();
    let [first, second] = [1, 2].map(|host| hosts.address(host));
    let last = format!("on host {second}) waits in MPI_Recv");
    running.signal_until(libc::SIGQUIT, &last);
    running.signal(libc::SIGINT);
    let outcome = running.finish().exits(130);
    let _ = outcome.says([
        "SIGINT: ending the job\n",
        &format!("on host {first}) waits in MPI_Recv for rank"),
        &format!("on host {second}) waits in MPI_Recv for rank 1, tag 7"),
    ]);
    let text = std::fs::read_to_string(&file).unwrap();
    for part in [
        r#""exit_code":130,"ending":"signal""#.to_owned(),
        r#""occasion":"asked""#.to_owned(),
        format!(r#"{{"rank":2,"host":"{second}","program":"#),
        r#""for_ranks":[1]"#.to_owned(),
    ] {
        assert!(text.contains(&part), "{part}: {text}");
    }
    let failing = Job::running("/bin/sh").args(["-c", "exit $OMPI_COMM_WORLD_RANK"]);
    let outcome = hosts.with(failing, &[1, 1]).options([&option]).run();
    let _ = outcome.exits(1);
    let text = std::fs::read_to_string(&file).unwrap();
    for part in [r#""ending":"failure""#, r#""kind":"exit","rank":1,"#] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// Messages between hosts have arrows in a trace, and both ends in a profile.
#[test]
fn profiles_and_traces_are_of_all_hosts() {
    let Some(hosts) = Hosts::up(2) else { return };
    let folder = Folder::new(&std::env::temp_dir(), "hosts-profile");
    let [page, trace] = ["page.html", "trace.json"].map(|name| folder.path().join(name));
    let options = [
        format!("--profile={}", page.display()),
        format!("--trace={}", trace.display()),
    ];
    let job = hosts.job("persistent", &[1, 1]).options(&options);
    let outcome = job.run().exits(0).says([
        "profile of persistent (2 ranks",
        "0 → 1 ",
        "1 → 0 ",
        "the trace is",
    ]);
    assert!(
        !outcome.stderr.contains("nothing was recorded"),
        "{outcome}"
    );
    let text = std::fs::read_to_string(&trace).unwrap();
    for part in [r#""name":"rank 0""#, r#""name":"rank 1""#, r#""ph":"s""#] {
        assert!(text.contains(part), "{part}");
    }
    assert!(std::fs::metadata(&page).unwrap().len() > 1000);
    let wrong = hosts
        .job("hello", &[1, 1])
        .options(["--profile=/no/such/page"]);
    let _ = wrong.run().fails().says(["/no/such/page"]);
}

/// These hosts are one machine: its cores are divided among them while they last.
#[test]
fn hosts_that_are_one_machine_share_its_cores() {
    let Some(hosts) = Hosts::up(2) else { return };
    let bound = |each: u32| {
        let text = "grep Cpus_allowed_list /proc/self/status";
        let job = Job::running("/bin/sh").args(["-c", text]);
        let outcome = hosts.with(job, &[each, each]).run().exits(0);
        let mut lines = lines(&outcome);
        assert_eq!(lines.len(), 2 * each as usize);
        lines.dedup();
        lines
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let all = bound(u32::try_from(processors).unwrap());
    assert_eq!(all.len(), 1, "nobody is bound: {all:?}");
    let core = |n: usize| {
        let file = format!("/sys/devices/system/cpu/cpu{n}/topology/thread_siblings_list");
        std::fs::read_to_string(file).unwrap_or_else(|_| n.to_string())
    };
    let cores: std::collections::BTreeSet<String> = (0..processors).map(core).collect();
    if cores.len() >= 2 {
        let divided = bound(1);
        assert_eq!(divided.len(), 2, "{divided:?}");
    }
}

/// Nobody reads what ranks print: signals are heeded all the same.
#[test]
fn output_that_nobody_reads_holds_up_no_signal() {
    let mark = leftovers::mark();
    let (_folder, template) = launcher("\"$@\"\n");
    let job = Job::running("/usr/bin/yes").options([
        "-H",
        "127.0.0.1",
        "--interface",
        "lo",
        "--launch",
        &template,
    ]);
    let mut command = job.env(MARK, &mark).command();
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    // Longer than what agents may be silent.
    std::thread::sleep(Duration::from_secs(12));
    assert!(child.try_wait().unwrap().is_none(), "it still runs");
    // SAFETY: a signal to a child that was not waited for.
    unsafe { libc::kill(pid, libc::SIGINT) };
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    leftovers::no_processes(&mark);
}

/// A file for `--launch`, which `sh` runs: it gets the agent's command line.
fn launcher(text: &str) -> (Folder, String) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("launch{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let folder = Folder::new(&std::env::temp_dir(), &name);
    let file = folder.path().join("launch");
    std::fs::write(&file, text).unwrap();
    let template = format!("sh {}", file.display());
    (folder, template)
}

/// An agent that says its first word and reads nothing, while standard input is copied to it.
#[test]
fn an_agent_that_does_not_read_holds_up_nobody() {
    let mark = leftovers::mark();
    let (_folder, template) =
        launcher("\"$@\" </dev/null; sleep 1; echo greeted >&2; exec sleep 100\n");
    let job = Job::running("/bin/cat").options([
        "-H",
        "127.0.0.1",
        "--interface",
        "lo",
        "--launch",
        &template,
    ]);
    let job = job.stdin("a line\n".repeat(100_000)).env(MARK, &mark);
    let mut running = job.start();
    running.wait_for_error("greeted");
    running.signal(libc::SIGINT);
    let _ = running.finish().exits(130);
    leftovers::no_processes(&mark);
    let _ = job.options(["--timeout", "3"]).run().exits(124);
    leftovers::no_processes(&mark);
}

#[test]
fn a_host_that_nobody_knows_is_named() {
    let host = "no-such-host.invalid";
    let list = format!("{host}:1,127.0.0.1:1");
    let mark = leftovers::mark();
    let job = Job::running("/bin/true").options(["-H", &list]);
    let outcome = job.env(MARK, &mark).run().exits(1);
    let _ = outcome.says([&format!("host {host}: no agent was started by")]);
    leftovers::no_processes(&mark);
}

/// The agent's first words pass through a filter that changes what it says of itself.
#[test]
fn an_agent_of_another_version_is_refused() {
    let own = env!("CARGO_PKG_VERSION");
    let other: String = own.chars().rev().collect();
    let other = if other == own { "9.9.9" } else { &other };
    let filter = format!(
        "\"$@\" | perl -e 'while (sysread(STDIN, $b, 65536)) \
         {{ $b =~ s/\\Q{own}\\E/{other}/; syswrite(STDOUT, $b) }}'\n"
    );
    let (_folder, template) = launcher(&filter);
    let mark = leftovers::mark();
    let options = [
        "-H",
        "127.0.0.1",
        "--interface",
        "lo",
        "--launch",
        &template,
    ];
    let job = Job::running("/bin/echo").args(["started"]).options(options);
    let outcome = job.env(MARK, &mark).run().exits(1);
    assert!(!outcome.stdout.contains("started"), "{}", outcome.stdout);
    let _ = outcome.says([
        &format!("host 127.0.0.1: its mpirun is of version {other}"),
        &format!("this one of {own}"),
    ]);
    leftovers::no_processes(&mark);
}

/// Standard input for all: a node whose ranks have ended does not hold it up.
#[test]
fn a_node_that_has_ended_takes_no_more_input() {
    let Some(hosts) = Hosts::up(2) else { return };
    let text = "test $OMPI_COMM_WORLD_RANK = 0 || { sleep 1; wc -c; }";
    let job = Job::running("/bin/sh").args(["-c", text]);
    let job = job.options(["--stdin", "all"]);
    let job = job.stdin("a line\n".repeat(100_000));
    let outcome = hosts.with(job, &[1, 1]).run().exits(0);
    assert_eq!(outcome.stdout.trim(), "700000");
}

/// The mpirun that the user has started is stopped, so that nothing is read or said any more,
/// while ranks print without end.
#[test]
fn an_agent_that_hears_nothing_ends_its_ranks() {
    let mark = leftovers::mark();
    let (_folder, template) = launcher("\"$@\"\n");
    let job = Job::running("/usr/bin/yes").options([
        "-H",
        "127.0.0.1",
        "--interface",
        "lo",
        "--launch",
        &template,
    ]);
    let mut running = job.env(MARK, &mark).start();
    running.wait_for("y");
    running.signal(libc::SIGSTOP);
    let mpirun = u32::try_from(running.pid()).unwrap();
    let is_left = |pid: &u32| *pid != mpirun;
    let began = Instant::now();
    while leftovers::processes(&mark).iter().any(is_left) {
        let left = leftovers::processes(&mark);
        assert!(began.elapsed() < Duration::from_secs(60), "{left:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
    running.signal(libc::SIGKILL);
    let _ = running.finish();
}

#[test]
fn the_limit_of_time_is_not_for_each_host() {
    let (_folder, template) = launcher("\"$@\"\n");
    let text = "echo ${MPIEXEC_TIMEOUT-none}; sleep 20";
    let job = Job::running("/bin/sh").args(["-c", text]);
    let job = job.options([
        "-H",
        "127.0.0.1",
        "--interface",
        "lo",
        "--launch",
        &template,
    ]);
    let outcome = job.env("MPIEXEC_TIMEOUT", "2").run().exits(124);
    assert_eq!(outcome.stdout, "none\n");
    let said = outcome.stderr.matches("did not end within").count();
    assert_eq!(said, 1, "{}", outcome.stderr);
}

/// A directory that can be entered but not listed.
#[test]
fn the_directory_need_not_be_readable() {
    // SAFETY: no arguments.
    if unsafe { libc::geteuid() } != 0 {
        return skipped("takes root, whose directory is made another's");
    }
    let (folder, template) =
        launcher("exec setpriv --bounding-set=-dac_override,-dac_read_search \"$@\"\n");
    let closed = folder.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    let path = std::ffi::CString::new(closed.to_str().unwrap()).unwrap();
    // SAFETY: a path that ends with a zero.
    unsafe {
        libc::chown(path.as_ptr(), 65534, 65534);
        libc::chmod(path.as_ptr(), 0o711);
    }
    let job = |dir: &Path| {
        let job = Job::running("/bin/pwd").before(["env", "-C", dir.to_str().unwrap()]);
        job.options([
            "-H",
            "127.0.0.1",
            "--interface",
            "lo",
            "--launch",
            &template,
        ])
    };
    let outcome = job(&closed).run().exits(0);
    assert_eq!(outcome.stdout.trim(), closed.to_str().unwrap());
    // SAFETY: as above.
    unsafe { libc::chmod(path.as_ptr(), 0o700) };
    let _ = job(&closed)
        .run()
        .fails()
        .says([&format!("directory {}", closed.display())]);
}

#[test]
fn a_job_of_one_host_loads_no_network() {
    let hello = lariat_tests::program("hello");
    let job = Job::running(hello).env("LD_DEBUG", "files").ranks(1);
    let outcome = job.run().exits(0);
    assert!(
        outcome.stdout.contains("hello from rank 0"),
        "{}",
        outcome.stdout
    );
    let loaded = |name| outcome.stderr.contains(name);
    assert!(loaded("libmpi_abi.so.1"), "LD_DEBUG says what is loaded");
    assert!(!loaded("libfabric"), "libfabric was loaded");
}
