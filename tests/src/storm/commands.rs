//! Fuzzed command lines and settings: options good, odd and bad in every
//! spelling and order, variables, settings files, host files and files of
//! programs, with a harmless program.
//!
//! What is good runs and prints what it must; what is bad is refused with words
//! that name it; what is neither must not crash, hang or leave anything, nor
//! end with 0 when its program cannot have run well.

use super::grammar::{OPTIONS, Opt, VARIABLES, any_word, mutated};
use super::run::{End, How, Run};
use super::{Case, LIMIT, Rng, clean_command, signal_name};
use crate::{program, tool};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

/// What must come of a command line.
#[derive(Debug, Default)]
struct Wanted {
    /// It runs, and so many ranks say hello (where that is not in files).
    hellos: Option<usize>,
    /// It is refused, with one of these in the words.
    named: Vec<String>,
    /// Its program fails: no exit code of 0, unless a text was asked for.
    fails: bool,
}

/// One case.
pub fn run(seed: u64, folder: &Path) -> Case {
    let mut rng = Rng::new("commands", seed);
    files(&mut rng, folder);
    let mut command = clean_command(tool("mpirun"), folder);
    let (class, wanted, words) = match rng.below(10) {
        0..2 => good(&mut rng),
        2..5 => one_bad(&mut rng),
        5 => {
            let (wanted, name, value) = variable(&mut rng);
            command.env(name, value);
            let (_, _, words) = good_line(&mut rng, 0);
            ("a variable", wanted, words)
        }
        6 => settings_file(&mut rng, folder),
        _ => wild(&mut rng, &mut command),
    };
    command.args(&words);
    let run = match Run::start(command, LIMIT) {
        Ok(run) => run,
        // arguments can be too long for the kernel
        Err(why) if why.raw_os_error() == Some(libc::E2BIG) => {
            return Case {
                class: "too long for the kernel".to_owned(),
                ..Case::default()
            };
        }
        Err(why) => return super::broken(&why.to_string()),
    };
    let end = run.finish();
    let mut faults = end.faults();
    faults.extend(end.words_of_a_bug());
    faults.extend(end.control_characters());
    judge(&end, &wanted, &mut faults);
    let how = match end.how {
        How::Exit(0) => "exit code 0".to_owned(),
        How::Exit(_) => "refused or failed".to_owned(),
        How::Signal(signal) => {
            faults.push(format!("mpirun died of {}", signal_name(signal)));
            "crashed".to_owned()
        }
        How::Hung | How::Greedy(_) => "hung".to_owned(),
    };
    Case {
        class: format!("{class}: {how}"),
        faults,
        story: format!("{wanted:?}\n{end}"),
    }
}

/// The files that command lines name.
fn files(rng: &mut Rng, folder: &Path) {
    let put = |name: &str, bytes: &[u8]| {
        let written = std::fs::write(folder.join(name), bytes);
        written.unwrap_or_else(|why| panic!("{name} in {}: {why}", folder.display()));
    };
    let hosts = b"# this machine\nlocalhost slots=8\n";
    put("hosts", hosts);
    put("mutated", &mutated(rng, hosts));
    put("empty", b"");
    put("program.txt", b"not a program");
}

/// What is given to a good line: the program that says hello, and how often.
type Line = (Wanted, Vec<String>, Vec<OsString>);

/// Up to `most` good options and the program.
fn good_line(rng: &mut Rng, most: u64) -> Line {
    let mut words = Vec::new();
    let mut names = Vec::new();
    let mut ranks = 2;
    let mut in_files = false;
    let mut chosen: Vec<&Opt> = Vec::new();
    for _ in 0..rng.from_to(0, most) {
        let option = rng.one_of(OPTIONS);
        let usable = option.values == 0 || !option.good.is_empty();
        // one that clears the environment takes settings of the test away, too
        let clears = option.names.contains(&"genvnone");
        if usable && !clears && !chosen.iter().any(|o| o.names == option.names) {
            chosen.push(option);
        }
    }
    for option in chosen {
        let value = match option.good {
            [] => "",
            good => *rng.one_of(good),
        };
        let name = option.names[0];
        if name == "n" {
            ranks = value.parse().expect("a good number of ranks");
            continue; // below
        }
        in_files |= name == "outfile-pattern";
        words.extend(option.spelled(rng, &option.words(value)));
        names.push(format!("{name} {value}"));
    }
    words.extend(OPTIONS[0].spelled(rng, &[OsString::from(ranks.to_string())]));
    words.push(program("hello").into());
    let wanted = Wanted {
        hellos: Some(if in_files { 0 } else { ranks }),
        ..Wanted::default()
    };
    (wanted, names, words)
}

fn good(rng: &mut Rng) -> (&'static str, Wanted, Vec<OsString>) {
    let (wanted, _, words) = good_line(rng, 6);
    ("good options", wanted, words)
}

/// A good line with one bad value in it.
fn one_bad(rng: &mut Rng) -> (&'static str, Wanted, Vec<OsString>) {
    let with_bad: Vec<&Opt> = OPTIONS.iter().filter(|o| !o.bad.is_empty()).collect();
    let option = *rng.one_of(&with_bad);
    let value = *rng.one_of(option.bad);
    let (_, _, mut words) = good_line(rng, 2);
    if option.names == OPTIONS[0].names {
        words = vec![program("hello").into()]; // it can be given once only
    }
    let own = option.spelled(rng, &option.words(value));
    words.splice(0..0, own);
    let mut named: Vec<String> = option.names.iter().map(|n| (*n).to_owned()).collect();
    if value.trim().is_empty() {
        named.push("empty".to_owned());
    } else {
        // names of one letter stand in any text
        named.retain(|name| name.len() > 2);
        // of a pattern, what does not change; of a list, a number in it
        let fixed = value.split('%').next().unwrap_or_default();
        named.push(fixed.trim().to_owned());
        let numbers = value.split(|c: char| !c.is_ascii_digit());
        named.extend(numbers.filter(|n| n.len() > 4).map(str::to_owned));
    }
    let wanted = Wanted {
        named,
        ..Wanted::default()
    };
    ("one bad value", wanted, words)
}

/// A variable that is a setting.
fn variable(rng: &mut Rng) -> (Wanted, OsString, OsString) {
    let (name, good, bad) = rng.one_of(VARIABLES);
    match rng.below(3) {
        0 => {
            let wanted = Wanted {
                hellos: Some(2),
                ..Wanted::default()
            };
            (wanted, (*name).into(), (*rng.one_of(good)).into())
        }
        1 => {
            let value = *rng.one_of(bad);
            let wanted = Wanted {
                named: vec![(*name).to_owned()],
                ..Wanted::default()
            };
            (wanted, (*name).into(), value.into())
        }
        _ => (Wanted::default(), (*name).into(), any_word(rng)),
    }
}

/// A settings file with one bad line, or a mutated one.
fn settings_file(rng: &mut Rng, folder: &Path) -> (&'static str, Wanted, Vec<OsString>) {
    let good = [
        "# settings",
        "",
        "arm = copy",
        "eager_limit=4k",
        "  ring_cells =  8  # cells",
        "HEAP = 1",
        "check = 1",
        "nt_min = 1m",
    ];
    let bad = [
        "arm = leg",
        "ring_cells = 3",
        "eager_limit",
        "= 4",
        "leg = 1",
        "arm =",
        "heap = maybe",
        "[section]",
        "arm == copy",
        "arm: copy",
        "ring_cells = 8 8",
        "eager_limit = -1",
        "coop_chunk = 1",
    ];
    let mut lines: Vec<String> = good.iter().map(|l| (*l).to_owned()).collect();
    let mut wanted = Wanted::default();
    let at = rng.index(lines.len());
    let mut bytes = match rng.below(3) {
        0 => lines.join("\n").into_bytes(),
        1 => {
            lines.insert(at, (*rng.one_of(&bad)).to_owned());
            wanted.named = vec![format!("line {}", at + 1), format!("settings:{}", at + 1)];
            lines.join("\n").into_bytes()
        }
        _ => mutated(rng, lines.join("\n").as_bytes()),
    };
    let (line_wanted, _, words) = good_line(rng, 0);
    if wanted.named.is_empty() && bytes == lines.join("\n").into_bytes() {
        wanted = line_wanted;
    }
    bytes.push(b'\n');
    let place = folder.join("home/.config/lariat");
    let made = std::fs::create_dir_all(&place);
    let put = made.and_then(|()| std::fs::write(place.join("settings"), &bytes));
    put.unwrap_or_else(|why| panic!("{}: {why}", place.display()));
    ("a settings file", wanted, words)
}

/// Anything at all.
fn wild(
    rng: &mut Rng,
    command: &mut std::process::Command,
) -> (&'static str, Wanted, Vec<OsString>) {
    let mut words = Vec::new();
    let mut fails = false;
    let parts = rng.of_any_size(4);
    for part in 0..parts {
        if part > 0 {
            words.push(":".into());
        }
        for _ in 0..rng.of_any_size(6) - 1 {
            wild_option(rng, &mut words);
        }
        // a number of ranks that is small, whatever was said before
        if rng.one_in(2) {
            words.extend(["-n".into(), OsString::from(rng.from_to(1, 3).to_string())]);
        }
        let (name, fine): (OsString, bool) = match rng.below(10) {
            0 => ("/no/such/program".into(), false),
            1 => ("false".into(), false),
            2 => (".".into(), false),
            3 => ("program.txt".into(), false),
            4 => (any_word(rng), true), // nobody knows
            5 => ("cat".into(), true),
            6 => continue,
            7 => (program("hello").into(), true),
            _ => ("true".into(), true),
        };
        fails |= !fine;
        words.push(name);
        for _ in 0..rng.of_any_size(3) - 1 {
            words.push("argument".into());
        }
    }
    if rng.one_in(3) {
        let mut swapped = words.clone();
        let (a, b) = (rng.index(words.len().max(1)), rng.index(words.len().max(1)));
        if !words.is_empty() {
            swapped.swap(a, b);
        }
        words = swapped;
        fails = false;
    }
    for _ in 0..rng.of_any_size(4) - 1 {
        let (name, value) = match rng.below(3) {
            0 => (any_name(rng), any_word(rng)),
            _ => {
                let (name, ..) = rng.one_of(VARIABLES);
                (OsString::from(*name), any_word(rng))
            }
        };
        command.env(name, value);
    }
    let text = ["help", "h", "V", "version", "show-settings"];
    let asks = |w: &OsString| {
        let w = w.to_string_lossy();
        text.contains(&w.trim_start_matches('-'))
    };
    // an option may have taken the program's name for its value
    fails &= !words.iter().any(asks) && parts == 1 && words.len() < 4;
    let wanted = Wanted {
        fails,
        ..Wanted::default()
    };
    ("anything", wanted, words)
}

fn wild_option(rng: &mut Rng, words: &mut Vec<OsString>) {
    match rng.below(12) {
        0 => words.push(any_word(rng)),
        1 => words.push(
            (*rng.one_of(&[
                "--",
                "-",
                "---",
                "--help",
                "-h",
                "-V",
                "--version",
                "--show-settings",
            ]))
            .into(),
        ),
        2 => {
            // an option that is not there
            let mut word = OsString::from("--");
            word.push(any_word(rng));
            words.push(word);
        }
        3 => {
            let app = *rng.one_of(&["hosts", "mutated", "missing", "empty", "/dev/null"]);
            words.extend(["--app".into(), OsString::from(app)]);
        }
        _ => {
            let option = rng.one_of(OPTIONS);
            if option.names[0].starts_with("tune") {
                return;
            }
            let all = [option.good, option.odd, option.bad].concat();
            let mut values = match rng.below(3) {
                _ if all.is_empty() => Vec::new(),
                0 => (0..option.values).map(|_| any_word(rng)).collect(),
                _ => option.words(rng.one_of::<&str>(&all)),
            };
            if option.values == 0 && rng.one_in(10) {
                // a value for one that takes none
                let mut word = OsString::from(format!("--{}=", option.names[0]));
                word.push(any_word(rng));
                words.push(word);
                return;
            }
            values.resize(option.values, OsString::new());
            words.extend(option.spelled(rng, &values));
        }
    }
}

/// A variable's name that is nobody's.
fn any_name(rng: &mut Rng) -> OsString {
    let mut bytes = any_word(rng).into_vec();
    bytes.retain(|b| *b != b'=');
    let mut name = OsString::from("LARIAT_");
    name.push(OsStr::new(&OsString::from_vec(bytes)));
    name
}

fn judge(end: &End, wanted: &Wanted, faults: &mut Vec<String>) {
    let How::Exit(code) = end.how else { return };
    let (stdout, stderr) = (end.stdout(), end.stderr());
    if code != 0 && stderr.trim().is_empty() {
        faults.push(format!("exit code {code} without a word"));
    }
    if let Some(hellos) = wanted.hellos {
        let found = stdout.matches("hello from rank").count();
        if code != 0 || (hellos > 0 && found != hellos) {
            faults.push(format!(
                "good, but exit code {code} and {found} ranks of {hellos}"
            ));
        }
    }
    if !wanted.named.is_empty() {
        if code == 0 {
            faults.push("bad, but exit code 0".to_owned());
        } else if !wanted
            .named
            .iter()
            .any(|words| stderr.contains(words.as_str()))
        {
            faults.push(format!("what was wrong is not named: {:?}", wanted.named));
        }
    }
    if wanted.fails && code == 0 {
        faults.push("exit code 0, but its program fails".to_owned());
    }
}
