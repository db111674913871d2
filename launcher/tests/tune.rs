//! `mpirun --tune` with a stand-in for the measuring program. Its times follow from the
//! settings that it is run with, so that the right choice is known.

mod common;

use common::{Tree, run};

/// The stand-in: a machine with its best thresholds at 32k (eager), 16k (direct), 128k (both
/// sides copy) and 8m (around the caches), with chunks of 32k, and with `copy` as its best arm.
/// The differences are large, since the real machine may be busy.
const MACHINE: &str = r#"#!/bin/bash
[ "$LARIAT_RANK" = 0 ] || exit 0
bytes() {
    case $1 in
    *k) echo $((${1%k} << 10)) ;; *m) echo $((${1%m} << 20)) ;;
    *g) echo $((${1%g} << 30)) ;; *) echo "$1" ;;
    esac
}
if [ "$1" = probe ]; then
    echo 'driver /dev/xpmem: No such file or directory'
    echo 'shared works'
    echo 'cma works'
    exit 0
fi
[ "$1" = measure ] || exit 1
echo "$3" | tr , '\n' | awk -v eager="$(bytes $LARIAT_EAGER_LIMIT)" \
    -v direct="$(bytes $LARIAT_DIRECT_MIN)" -v coop="$(bytes $LARIAT_COOP_MIN)" \
    -v chunk="$(bytes $LARIAT_COOP_CHUNK)" -v nt="$(bytes $LARIAT_NT_MIN)" \
    -v arm="$LARIAT_ARM" '{
    time = 1 + $1 / 10000
    if ($1 >= direct) time *= $1 >= 16384 ? 0.5 : 1.4
    else if ($1 > eager) time *= $1 > 32768 ? 0.7 : 1.5
    if ($1 >= coop) time *= $1 >= 131072 ? 0.6 : 1.3
    if ($1 >= nt) time *= $1 >= 8388608 ? 0.6 : 1.2
    off = log(chunk / 32768)
    time *= 1 + off * off
    if (arm == "copy") time *= 0.5
    if (arm == "cma") time *= 2
    print "same", $1, time
    print "dirty", $1, time * 1.1
}'
"#;

fn tree(name: &str, program: &str) -> Tree {
    let tree = Tree::new(name);
    tree.write("libexec/lariat/tune", program);
    let mut chmod = std::process::Command::new("chmod");
    chmod.arg("+x").arg(tree.path("libexec/lariat/tune"));
    assert!(chmod.status().unwrap().success());
    tree
}

/// Options that measure even if the machine is busy: other tests may run.
fn tune<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    [&["--tune", "--tune-force"], rest].concat()
}

#[test]
fn what_is_measured_is_chosen_written_and_used() {
    let tree = tree("tune", MACHINE);
    let user = tree.path("config/lariat/settings");
    tree.write(
        "config/lariat/settings",
        "# mine\nring_cells = 128\narm = cma\n",
    );
    tree.write("etc/lariat/settings", "coop_chunk = 8k\n");
    let done = run(tree.mpirun(&tune(&["--tune-rounds", "2"])));
    assert_eq!(done.code(), 0, "{}", done.err);
    for words in [
        "shared  works",
        "rendezvous/eager",
        "It took ",
        "Later runs use it",
    ] {
        assert!(done.out.contains(words), "{words}: {}", done.out);
    }
    let written = std::fs::read_to_string(&user).unwrap();
    assert!(
        written.starts_with("# mine\nring_cells = 128\n"),
        "{written}"
    );
    for (line, said) in [
        ("arm = copy", "arm = copy (built in: auto)"),
        ("eager_limit = 32k", "eager_limit = 32k (built in: 64k)"),
        ("direct_min = 16k", "direct_min = 16k (built in: 4097)"),
        ("coop_min = 128k", "coop_min = 128k (built in: 32k)"),
        ("coop_chunk = 32k", "coop_chunk = 32k (built in: 1k)"),
        ("nt_min = 8m", "nt_min = 8m (built in: 16m)"),
    ] {
        let once = written.lines().filter(|l| *l == line).count();
        assert_eq!(once, 1, "{line}: {written}");
        assert!(done.out.contains(said), "{said}: {}", done.out);
    }
    let show = "echo $LARIAT_ARM $LARIAT_COOP_CHUNK $LARIAT_RING_CELLS";
    let done = run(tree.mpirun(&["-n", "1", "sh", "-c", show]));
    assert_eq!(done.out, "copy 32k 128\n", "{}", done.err);
}

#[test]
fn the_file_can_be_named() {
    let tree = tree("tune-output", MACHINE);
    let file = tree.path("new/folder/file").display().to_string();
    let args = tune(&["--tune-rounds", "1", "--tune-output", &file]);
    let done = run(tree.mpirun(&args));
    assert_eq!(done.code(), 0, "{}", done.err);
    assert!(
        std::fs::read_to_string(&file)
            .unwrap()
            .contains("nt_min = 8m\n")
    );
    assert!(done.out.contains("does not read this file"), "{}", done.out);
    assert!(!tree.path("config/lariat/settings").exists());
    let file = tree.path("etc/lariat/settings").display().to_string();
    let args = tune(&["--tune-rounds", "1", "--tune-output", &file]);
    let done = run(tree.mpirun(&args));
    assert!(done.out.contains("Later runs use it"), "{}", done.out);
}

#[test]
fn what_stands_in_the_way_is_said_and_nothing_is_written() {
    let bare = Tree::new("tune-bare");
    let done = run(bare.mpirun(&tune(&[])));
    assert_eq!(done.code(), 1);
    assert!(done.err.contains("libexec/lariat/tune"), "{}", done.err);

    let tree = tree("tune-bad", "#!/bin/sh\necho same 8 fast\n");
    let done = run(tree.mpirun(&tune(&[])));
    assert_eq!(done.code(), 1);
    assert!(done.err.contains("same 8 fast"), "{}", done.err);
    assert!(!tree.path("config/lariat/settings").exists());

    let failing = self::tree("tune-failing", "#!/bin/sh\necho some reason >&2\nexit 3\n");
    let done = run(failing.mpirun(&tune(&[])));
    assert_eq!(done.code(), 1);
    assert!(done.err.contains("some reason"), "{}", done.err);

    let done = run(tree.mpirun(&tune(&["--tune-output", "/proc/no/such"])));
    assert_eq!(done.code(), 1);
    assert!(done.err.contains("/proc/no/such"), "{}", done.err);

    tree.write("config/lariat/settings", "arm = wing\n");
    let done = run(tree.mpirun(&tune(&[])));
    assert_eq!(done.code(), 1);
    assert!(done.err.contains("wing"), "{}", done.err);
}
