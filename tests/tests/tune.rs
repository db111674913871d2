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
    mpirun.args(["--tune", "--tune-rounds", "1"]);
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
