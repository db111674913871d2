//! `mpirun --tune` for real. What it chooses depends on the machine and is not
//! looked at; that it chooses, writes what can be read, and that runs use it, is.

use lariat_tests::outside::succeeds;
use lariat_tests::{Job, scratch, tool};
use std::process::Command;

const MEASURED: [&str; 6] = [
    "arm",
    "eager_limit",
    "direct_min",
    "coop_min",
    "coop_chunk",
    "nt_min",
];

#[test]
fn the_machine_is_measured_and_later_runs_use_it() {
    let folder = scratch("tune");
    let config = folder.join("config");
    let mut mpirun = Command::new(tool("mpirun"));
    // The machine is busy with other tests.
    mpirun.args(["--tune", "--tune-rounds", "1", "--tune-force"]);
    mpirun.env("XDG_CONFIG_HOME", &config);
    let output = succeeds(mpirun);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("It took ") && said.contains("eager_limit"),
        "{said}"
    );
    let text = std::fs::read_to_string(config.join("lariat/settings"));
    let text = text.expect("the user's file was written");
    let mut show = Command::new(tool("mpirun"));
    show.arg("--show-settings").env("XDG_CONFIG_HOME", &config);
    for name in MEASURED {
        show.env_remove(format!("LARIAT_{}", name.to_uppercase()));
    }
    let shown = String::from_utf8_lossy(&succeeds(show).stdout).into_owned();
    for name in MEASURED {
        let start = format!("{name} = ");
        let value = text.lines().find_map(|line| line.strip_prefix(&start));
        let value = value.unwrap_or_else(|| panic!("no {name} in:\n{text}"));
        let line = shown
            .lines()
            .find(|l| l.split_whitespace().next() == Some(name));
        let words: Vec<&str> = line.unwrap_or_default().split_whitespace().collect();
        assert!(words.get(1) == Some(&value), "{name}:\n{shown}");
        assert!(words[2].ends_with("lariat/settings,"), "{name}:\n{shown}");
    }
    let job = Job::of("sendrecv").ranks(2);
    job.env("XDG_CONFIG_HOME", &config).passes();
}

/// Takes the processors that this process may use until it is dropped.
struct Busy(Vec<std::process::Child>);

impl Busy {
    fn new() -> Busy {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let spin = || {
            Command::new("sh")
                .args(["-c", "while :; do :; done"])
                .spawn()
        };
        Busy((0..processors).map(|_| spin().unwrap()).collect())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn on_a_busy_machine_nothing_is_written() {
    let folder = scratch("tune-busy");
    let busy = Busy::new();
    let mut mpirun = Command::new(tool("mpirun"));
    mpirun.args(["--tune", "--tune-rounds", "1"]);
    let output = mpirun.env("XDG_CONFIG_HOME", &folder).output().unwrap();
    drop(busy);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    for word in ["nothing written", "other programs take", "--tune-force"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn what_could_not_be_written_is_said_before_anything_is_measured() {
    let folder = scratch("tune-link");
    let victim = folder.join("victim");
    std::fs::write(&victim, "precious").unwrap();
    let link = folder.join("link");
    std::os::unix::fs::symlink(&victim, &link).unwrap();
    for (path, word) in [
        (link.as_path(), "symbolic link"),
        (folder.as_path(), "a directory"),
        (&victim.join("settings"), "ot a directory"),
    ] {
        let mut mpirun = Command::new(tool("mpirun"));
        let output = mpirun
            .args(["--tune", "--tune-output"])
            .arg(path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(word) && output.stdout.is_empty(), "{said}");
    }
    assert_eq!(std::fs::read_to_string(victim).unwrap(), "precious");
}
