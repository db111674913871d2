//! Slurm itself: a cluster of this machine, with its own keys, ports and folders, that lives as
//! long as the test. It needs Debian's packages slurmctld, slurmd, slurm-client and munge, and
//! root.

use lariat_tests::{program, scratch, skipped, tool};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The daemons, which end with it.
struct Cluster {
    dir: PathBuf,
    daemons: Vec<Child>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for daemon in self.daemons.iter_mut().rev() {
            // SAFETY: the child is ours and not waited for, so that its number is its own.
            unsafe { libc::kill(i32::try_from(daemon.id()).unwrap(), libc::SIGTERM) };
            let _ = daemon.wait();
        }
    }
}

fn is_installed(name: &str) -> bool {
    let folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin"];
    folders.iter().any(|dir| Path::new(dir).join(name).exists())
}

/// A port that nobody has.
fn port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

impl Cluster {
    /// Starts one of a node, which has the machine's name. None: it cannot be had here.
    fn start() -> Option<Cluster> {
        Cluster::of(1)
    }

    /// Starts one of so many nodes: several are called n1, n2, …
    fn of(count: u16) -> Option<Cluster> {
        // SAFETY: geteuid has no preconditions.
        let is_root = unsafe { libc::geteuid() } == 0;
        let needed = ["slurmctld", "slurmd", "srun", "munged"];
        if !is_root || !needed.iter().all(|name| is_installed(name)) {
            skipped("Slurm is not installed, or this is not root");
            return None;
        }
        let dir = scratch(&format!("slurm{count}"));
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let host = host
            .trim()
            .split('.')
            .next()
            .unwrap_or("localhost")
            .to_owned();
        let here = dir.display();
        let control = port();
        let nodes: Vec<String> = match count {
            1 => vec![host.clone()],
            _ => (1..=count).map(|n| format!("n{n}")).collect(),
        };
        let lines = nodes.iter().map(|name| {
            format!(
                "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={} CPUs=2 \
                 RealMemory=100 State=UNKNOWN\n",
                port()
            )
        });
        let lines: String = lines.collect();
        let text = format!(
            "ClusterName=lariat\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={control}\n\
             SlurmUser=root\nAuthType=auth/munge\nCredType=cred/munge\n\
             AuthInfo=socket={here}/munge.sock\nStateSaveLocation={here}/state\n\
             SlurmdSpoolDir={here}/spool.%n\nSlurmctldPidFile={here}/ctld.pid\n\
             SlurmdPidFile={here}/slurmd.%n.pid\nProctrackType=proctrack/linuxproc\n\
             TaskPlugin=task/none\nSelectType=select/cons_tres\nSelectTypeParameters=CR_Core\n\
             ReturnToService=2\nMpiDefault=none\nKillWait=5\n\
             {lines}PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n"
        );
        fs::write(dir.join("slurm.conf"), text).unwrap();
        fs::create_dir_all(dir.join("state")).unwrap();
        for name in &nodes {
            fs::create_dir_all(dir.join(format!("spool.{name}"))).unwrap();
        }
        let key: Vec<u8> = (0..128_u8).map(|n| n.wrapping_mul(37)).collect();
        fs::write(dir.join("munge.key"), key).unwrap();
        use std::os::unix::fs::PermissionsExt;
        let own = fs::Permissions::from_mode(0o400);
        fs::set_permissions(dir.join("munge.key"), own).unwrap();
        let mut cluster = Cluster {
            dir: dir.clone(),
            daemons: Vec::new(),
        };
        let file = |name: &str| dir.join(name).display().to_string();
        let munge = [
            format!("--key-file={}", file("munge.key")),
            format!("--socket={}", file("munge.sock")),
            format!("--pid-file={}", file("munged.pid")),
            format!("--seed-file={}", file("munged.seed")),
            "--force".to_owned(),
            "--foreground".to_owned(),
        ];
        cluster.daemon("munged", &munge);
        cluster.until("munged", || dir.join("munge.sock").exists());
        let conf = file("slurm.conf");
        cluster.daemon(
            "slurmctld",
            &["-D".to_owned(), "-f".to_owned(), conf.clone()],
        );
        for name in nodes {
            let words = ["-D", "-N", &name, "-f", &conf].map(str::to_owned);
            cluster.daemon("slurmd", &words);
        }
        let are_idle = || {
            let said = cluster.command("sinfo", &["-h", "-o", "%T %D"]).output();
            let wanted = format!("idle {count}\n");
            said.is_ok_and(|said| said.stdout == wanted.as_bytes())
        };
        cluster.until("the nodes", are_idle);
        Some(cluster)
    }

    fn daemon(&mut self, name: &str, words: &[String]) {
        let quiet = || Stdio::null();
        let mut command = Command::new(name);
        command
            .args(words)
            .stdin(quiet())
            .stdout(quiet())
            .stderr(quiet());
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
        self.daemons.push(command.spawn().expect("it is installed"));
    }

    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let start = Instant::now();
        while !is_so() {
            assert!(
                start.elapsed() < Duration::from_secs(90),
                "{what} does not come up"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn command(&self, name: &str, words: &[&str]) -> Command {
        let mut command = Command::new(name);
        command.args(words).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(n, _)| n.starts_with("SLURM_")) {
            command.env_remove(name);
        }
        command.env("SLURM_CONF", self.dir.join("slurm.conf"));
        command
    }

    fn run(&self, name: &str, words: &[&str]) -> Output {
        self.command(name, words).output().expect("it is installed")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn tasks_of_srun_are_ranks_and_mpirun_takes_its_allocation() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let hello = program("hello");
    let hello = hello.to_str().unwrap();
    for mpi in ["--mpi=none", "--mpi=pmi2"] {
        let done = cluster.run("srun", &[mpi, "-n", "4", "-O", hello]);
        let passed = text(&done.stdout).matches("hello from rank").count();
        assert!(done.status.success() && passed == 4, "{mpi}: {done:?}");
    }
    // A task that runs two programs: two jobs, one after the other.
    let twice = format!("{hello} && {hello}");
    let done = cluster.run("srun", &["-n", "2", "-O", "sh", "-c", &twice]);
    let passed = text(&done.stdout).matches("hello from rank").count();
    assert!(done.status.success() && passed == 4, "{done:?}");
    // Who ends without MPI_Finalize ends the step.
    let dies = program("words");
    let done = cluster.run("srun", &["-n", "2", "-O", dies.to_str().unwrap(), "dies"]);
    let said = text(&done.stderr);
    assert!(!done.status.success(), "{done:?}");
    assert!(
        said.contains("has ended without calling MPI_Finalize: ending the step"),
        "{said}"
    );
    let mpirun = tool("mpirun");
    let mpirun = mpirun.to_str().unwrap();
    for (options, ranks) in [
        (&["-n", "1", "-c", "2"][..], 1),
        (&["-n", "4", "-O"], 4),
        (&["-c", "2"], 1),
        (&["-n", "2"], 2),
    ] {
        let words = [&["-Q"][..], options, &[mpirun, "echo", "rank"]].concat();
        let done = cluster.run("salloc", &words);
        let count = text(&done.stdout).matches("rank\n").count();
        assert_eq!(count, ranks, "{options:?}: {done:?}");
    }
}

/// Nodes of an allocation, which are daemons of one machine here.
#[test]
fn mpirun_fills_the_nodes_of_an_allocation() {
    let Some(cluster) = Cluster::of(2) else {
        return;
    };
    let mpirun = tool("mpirun");
    let mpirun = [mpirun.to_str().unwrap(), "--interface", "lo"];
    let said = "echo $OMPI_COMM_WORLD_RANK of $OMPI_COMM_WORLD_SIZE on $SLURMD_NODENAME";
    let run = |options: &[&str], more: &[&str]| {
        let words = [&["-Q", "-N2"], options, &mpirun, more].concat();
        let done = cluster.run("salloc", &words);
        assert!(text(&done.stderr).is_empty(), "{done:?}");
        let out = text(&done.stdout);
        let mut lines: Vec<String> = out.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let shell = ["sh", "-c", said];
    assert_eq!(run(&[], &shell), ["0 of 2 on n1", "1 of 2 on n2"]);
    let three = ["0 of 3 on n1", "1 of 3 on n1", "2 of 3 on n2"];
    assert_eq!(run(&["-n4"], &[&["-n", "3"][..], &shell].concat()), three);
    assert_eq!(
        run(&["-n4"], &[&["-H", "n2:1"][..], &shell].concat()),
        ["0 of 1 on n2"]
    );
    if lariat_tests::has_libfabric() {
        let hello = program("hello");
        let lines = run(&["-n4"], &[hello.to_str().unwrap()]);
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert_eq!(lines[3], "hello from rank 3 of 4");
    }
    // Who is no node of the allocation is no node at all.
    let words = [&["-Q", "-N2"][..], &mpirun, &["-H", "n7:1", "true"]].concat();
    let done = cluster.run("salloc", &words);
    assert!(
        !done.status.success() && text(&done.stderr).contains("n7"),
        "{done:?}"
    );
}
