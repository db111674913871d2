//! Settings from the command line, the environment and files, whatever those are.

use lariat_tests::{Job, scratch, tool};
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A job with a user's settings file at the path that is returned.
fn with_file(name: &str) -> (Job, PathBuf) {
    let config = scratch(name);
    std::fs::create_dir(config.join("lariat")).unwrap();
    let job = Job::running("true").env("XDG_CONFIG_HOME", &config);
    (job.ranks(2), config.join("lariat/settings"))
}

#[test]
fn spaces_around_a_setting_do_not_matter() {
    let shows = |job: &Job| {
        let outcome = job.run().exits(0);
        let line = outcome.stdout.lines().find(|l| l.starts_with("heap_min"));
        let words = line.map(|l| l.split_whitespace().take(2).collect::<Vec<_>>().join(" "));
        assert_eq!(words.as_deref(), Some("heap_min 16k"), "{outcome}");
    };
    let show = Job::running("true").options(["--show-settings"]);
    for words in [
        &["heap_min=16k"][..],
        &["heap_min = 16k"],
        &[" heap_min =16k "],
        &["heap_min", "=", "16k"],
        &["heap_min", "=16k"],
        &["heap_min=", "16k"],
    ] {
        shows(&show.clone().options(["--set"]).options(words));
    }
    shows(&show.clone().env("LARIAT_HEAP_MIN", " 16k "));
    let (job, file) = with_file("spaces");
    std::fs::write(file, "  heap_min  =\t16k \r\n").unwrap();
    shows(&job.options(["--show-settings"]));
    // ranks take them too
    let job = Job::of("sendrecv").ranks(2).env("LARIAT_HEAP_MIN", " 16k ");
    job.options(["--set", "eager_limit = 4k"]).passes();
}

#[test]
fn what_is_no_text_is_named_with_its_file_and_line() {
    let long = [b"check = 1\n#".to_vec(), vec![b'x'; 100_000]].concat();
    for (bytes, words) in [
        (
            b"check = 1\nheap_min = 8\xff\n".to_vec(),
            ["line 2", "0xff"],
        ),
        (b"\n\ncheck\0 = 1\n".to_vec(), ["line 3", "0x00"]),
        (long, ["line 2", "100001 bytes"]),
        (vec![b'\n'; 3 << 20], ["1048576", "more than"]),
        (b"heap_min = 8q".to_vec(), ["line 1", "8q"]),
    ] {
        let (job, file) = with_file("bytes");
        std::fs::write(&file, bytes).unwrap();
        let [first, second] = words;
        let name = file.to_str().unwrap();
        let _ = job.run().exits(1).says([name, first, second]);
        let _ = job.options(["--no-settings-files"]).run().exits(0);
    }
}

#[test]
fn only_an_ordinary_file_is_read_and_nothing_is_waited_for() {
    let fifo = |path: &Path| {
        let name = CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: the name is a string of C's.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    };
    let device = |path: &Path| std::os::unix::fs::symlink("/dev/zero", path).unwrap();
    let folder = |path: &Path| std::fs::create_dir(path).unwrap();
    let make = |what: &str, path: &Path| match what {
        "a FIFO" => fifo(path),
        "a device" => device(path),
        _ => folder(path),
    };
    for what in ["a FIFO", "a device", "a directory"] {
        let (job, file) = with_file("odd");
        make(what, &file);
        let name = file.to_str().unwrap();
        let _ = job.run().exits(1).says([name, what, "ordinary file"]);
    }
}

#[test]
fn a_file_that_cannot_be_read_counts_as_none() {
    // a user without rights, though the tests may be run by root
    let other = [
        "setpriv",
        "--reuid=54321",
        "--regid=54321",
        "--clear-groups",
    ];
    let mut sees = Command::new(other[0]);
    sees.args(&other[1..]).arg(tool("mpirun")).arg("--version");
    let sees = sees.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let (job, file) = with_file("unreadable");
    std::fs::write(&file, "arm = nonsense\n").unwrap();
    if !sees.is_ok_and(|s| s.success()) {
        lariat_tests::skipped("no other user can run mpirun here");
        return;
    }
    let close = |path: &Path, mode| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let job = job.before(other);
    let verbose = job.clone().options(["--verbose"]);
    let show = job.clone().options(["--show-settings"]);
    for (path, mode) in [
        (file.clone(), 0o000),
        (file.parent().unwrap().into(), 0o700),
    ] {
        close(&path, mode);
        let outcome = job.run().exits(0).prints("");
        assert!(outcome.stderr.is_empty(), "{outcome}");
        let name = file.to_str().unwrap();
        let _ = verbose
            .run()
            .exits(0)
            .says([name, "is ignored", "ermission denied"]);
        let shown = show.run().exits(0);
        assert!(shown.stdout.contains("is ignored"), "{shown}");
        close(&path, 0o755);
    }
    let _ = job.run().exits(1).says(["nonsense"]);
    // a HOME that is none
    for home in ["/dev/null", "/no/such/home", "relative", ""] {
        let job = Job::running("true").ranks(2).unset("XDG_CONFIG_HOME");
        let _ = job.env("HOME", home).run().exits(0).prints("");
    }
}
