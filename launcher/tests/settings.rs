//! Where settings are given, and which of them win.

mod common;

use common::{Tree, run};

const SHOW: &str = "echo $LARIAT_ARM/$LARIAT_EAGER_LIMIT/$LARIAT_RING_CELLS/$LARIAT_NT_MIN";

#[test]
fn the_nearest_place_that_names_a_setting_counts() {
    let tree = Tree::new("precedence");
    tree.write(
        "etc/lariat/settings",
        "arm = cma\neager_limit = 1k\nring_cells = 2\nnt_min = 1m # as measured\n",
    );
    tree.write(
        "config/lariat/settings",
        "# mine\narm=copy\neager_limit=2k\nring_cells=4\n",
    );
    let args = ["-n", "1", "--set", "arm=shared", "sh", "-c", SHOW];
    let with = |args: &[&str]| {
        let mut command = tree.mpirun(args);
        command
            .env("LARIAT_EAGER_LIMIT", "3k")
            .env("LARIAT_ARM", "auto");
        run(command)
    };
    let done = with(&args);
    assert_eq!(done.out, "shared/3k/4/1m\n", "{}", done.err);
    assert_eq!(done.err, "");

    // Ranks get the settings even if they inherit no environment.
    let args = [
        "-genvnone",
        "-n",
        "1",
        "--set",
        "arm=shared",
        "sh",
        "-c",
        SHOW,
    ];
    assert_eq!(with(&args).out, "shared/3k/4/1m\n");

    // A variable that -genv sets counts as given on the command line.
    let args = [
        "-genv",
        "LARIAT_RING_CELLS",
        "8",
        "-n",
        "1",
        "sh",
        "-c",
        SHOW,
    ];
    assert_eq!(with(&args).out, "auto/3k/8/1m\n");

    let args = ["--no-settings-files", "-n", "1", "sh", "-c", SHOW];
    assert_eq!(with(&args).out, "auto/3k//\n");
}

#[test]
fn settings_are_shown_with_their_sources() {
    let tree = Tree::new("show");
    tree.write("config/lariat/settings", "\narm = cma\n");
    let mut command = tree.mpirun(&["--show-settings", "--set", "ring_cells=2", "-v"]);
    command.env("LARIAT_NT_MIN", "8m");
    let done = run(command);
    assert_eq!((done.code(), done.err.as_str()), (0, ""));
    let line = |name: &str| {
        let found = done.out.lines().find(|l| l.starts_with(name));
        let words = found.expect(name).split_whitespace();
        words.collect::<Vec<_>>().join(" ")
    };
    let user = tree.path("config/lariat/settings");
    let system = tree.path("etc/lariat/settings");
    assert_eq!(line("arm"), format!("arm cma {}, line 2", user.display()));
    assert_eq!(line("nt_min"), "nt_min 8m LARIAT_NT_MIN in the environment");
    assert_eq!(line("ring_cells"), "ring_cells 2 the command line");
    assert_eq!(line("verbose"), "verbose 1 the command line");
    assert_eq!(line("eager_limit"), "eager_limit 64k built in");
    let files = |text: &str| done.out.contains(text);
    assert!(files(&format!("{}: read", user.display())), "{}", done.out);
    assert!(
        files(&format!("{}: is not there", system.display())),
        "{}",
        done.out
    );
}

#[test]
fn the_users_file_is_found_by_home_where_nothing_else_is_said() {
    let tree = Tree::new("home");
    std::fs::create_dir_all(tree.path(".config/lariat")).unwrap();
    tree.write(".config/lariat/settings", "arm = cma");
    for config in [None, Some("not/absolute")] {
        let mut command = tree.mpirun(&["-n", "1", "sh", "-c", SHOW]);
        command
            .env_remove("XDG_CONFIG_HOME")
            .env("HOME", tree.path(""));
        if let Some(config) = config {
            command.env("XDG_CONFIG_HOME", config);
        }
        assert_eq!(run(command).out, "cma///\n");
    }
}

#[test]
fn what_cannot_be_used_is_named_with_its_place() {
    let tree = Tree::new("bad");
    let user = tree.path("config/lariat/settings");
    let user = user.to_str().unwrap();
    for (text, words) in [
        ("arm = cma\narm = wing\n", ["line 2", "\"wing\"", "driver"]),
        ("leg = 1\n", ["line 1", "\"leg\"", "--help"]),
        ("eager_limit\n", ["line 1", "eager_limit", "NAME = VALUE"]),
        ("coop_chunk = 1\n", ["line 1", "\"1\"", "1k"]),
    ] {
        tree.write("config/lariat/settings", text);
        for option in ["true", "--show-settings"] {
            let done = run(tree.mpirun(&[option]));
            assert_eq!((done.code(), done.out.as_str()), (1, ""), "{text}");
            let named = words.iter().all(|w| done.err.contains(w));
            assert!(named && done.err.contains(user), "{text}: {}", done.err);
        }
        assert_eq!(run(tree.mpirun(&["--no-settings-files", "true"])).code(), 0);
        assert_eq!(run(tree.mpirun(&["--version"])).code(), 0);
    }
    // Something else than a file is an error, and not ignored.
    std::fs::remove_file(user).unwrap();
    std::fs::create_dir(user).unwrap();
    let done = run(tree.mpirun(&["true"]));
    assert!(done.code() == 1 && done.err.contains(user), "{}", done.err);
}

#[test]
fn reports_of_ranks_that_tell_nothing_say_so() {
    let done = run(common::mpirun(&[
        "--report-regions",
        "--report-arms",
        "--report-protocols",
        "-n",
        "2",
        "sleep",
        "0.1",
    ]));
    assert_eq!(done.code(), 0);
    for what in [
        "memory regions",
        "arms between ranks",
        "protocols of messages",
    ] {
        let said = format!("mpirun: {what}:\nno rank has published any");
        assert!(done.err.contains(&said), "{}", done.err);
    }
    let show = "echo $LARIAT_REPORT_REGIONS$LARIAT_REPORT_ARMS";
    let done = run(common::mpirun(&[
        "--report-arms",
        "-n",
        "1",
        "sh",
        "-c",
        show,
    ]));
    assert_eq!(done.out, "1\n");
}
