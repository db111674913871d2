//! Manual pages.

use super::commands::{LAUNCHERS, headed, help, launcher, spelling};
use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use compilers::options as wrapper;
use wireup::settings::NAMES;
use wireup::variables::{Setter, VARIABLES};

const MANUAL: &str = "Lariat";

/// What the exit codes of mpirun mean.
const EXIT_CODES: [(&str, &str); 7] = [
    ("0", "all ranks have ended well"),
    (
        "N",
        "the code of the first rank that failed, or that was given to MPI_Abort",
    ),
    ("128 + signal", "a rank was ended by that signal"),
    (
        "35",
        "ranks can never go on, and --on-deadlock=end was given",
    ),
    ("124", "the time of --timeout is over"),
    ("127, 126", "a program was not found, or cannot be run"),
    ("130", "mpirun was interrupted"),
];

/// The name of each page and its text.
pub fn pages(lariat: &Command) -> Vec<(String, String)> {
    let mut all = vec![("mpirun.1".to_owned(), mpirun())];
    for other in LAUNCHERS.iter().filter(|name| **name != "mpirun") {
        all.push((format!("{other}.1"), ".so man1/mpirun.1\n".to_owned()));
    }
    for inner in lariat.get_subcommands() {
        let name = format!("lariat-{}", inner.get_name());
        let written = inner
            .clone()
            .name(name.clone())
            .bin_name(format!("lariat {}", inner.get_name()));
        all.push((format!("{name}.1"), page(written, Roff::new())));
    }
    all.push(("lariat.1".to_owned(), page(lariat.clone(), Roff::new())));
    all.push(("mpicc.1".to_owned(), compiler()));
    for other in ["mpicxx.1", "mpic++.1"] {
        all.push((other.to_owned(), ".so man1/mpicc.1\n".to_owned()));
    }
    all
}

/// What clap knows of a command, and other sections behind it.
fn page(command: Command, more: Roff) -> String {
    let name = command.get_name().to_owned();
    let man = Man::new(command.clone())
        .title(name.to_uppercase())
        .section("1")
        .date("")
        .source(format!("Lariat {}", env!("CARGO_PKG_VERSION")))
        .manual(MANUAL);
    let mut out = Vec::new();
    let rendered = man
        .render_title(&mut out)
        .and_then(|()| man.render_name_section(&mut out))
        .and_then(|()| man.render_synopsis_section(&mut out))
        .and_then(|()| man.render_description_section(&mut out))
        .and_then(|()| options(&command).to_writer(&mut out))
        .and_then(|()| match command.get_subcommands().next() {
            Some(_) => man.render_subcommands_section(&mut out),
            None => Ok(()),
        })
        .and_then(|()| more.to_writer(&mut out));
    rendered.expect("a vector takes all that is written");
    String::from_utf8(out).expect("it was written as text")
}

/// The options under their headings, each with all its names; clap_mangen would leave out the
/// other long ones.
fn options(command: &Command) -> Roff {
    let mut roff = Roff::new();
    for (heading, args) in headed(command) {
        let title = heading.map_or("OPTIONS".to_owned(), |h| h.to_uppercase() + " OPTIONS");
        roff.control("SH", [title.as_str()]);
        for arg in args {
            entry(&mut roff, &spelling(arg), &help(arg));
        }
    }
    roff
}

fn mpirun() -> String {
    let mut more = Roff::new();
    more.control("SH", ["SETTINGS"]);
    more.text([
        roman("They are given by "),
        bold("--set NAME=VALUE"),
        roman(
            ", by LARIAT_NAME in the environment, or by a line NAME = VALUE in a settings file. \
             The first of these that gives a setting wins.",
        ),
    ]);
    NAMES
        .iter()
        .for_each(|(name, what)| entry(&mut more, name, what));
    more.control("SH", ["ENVIRONMENT"]);
    for variable in VARIABLES.iter().filter(|v| v.setter == Setter::User) {
        entry(&mut more, variable.name, variable.meaning);
    }
    entry(
        &mut more,
        "LARIAT_…",
        "the setting of this name in lower case",
    );
    entry(&mut more, "MPIEXEC_TIMEOUT", "as --timeout");
    more.control("SH", ["FILES"]);
    let files = [
        ("~/.config/lariat/settings", "the user's settings"),
        (
            "PREFIX/etc/lariat/settings",
            "the settings of an installed tree",
        ),
    ];
    files
        .iter()
        .for_each(|(name, what)| entry(&mut more, name, what));
    more.control("SH", ["EXIT STATUS"]);
    EXIT_CODES
        .iter()
        .for_each(|(code, what)| entry(&mut more, code, what));
    more.control("SH", ["SEE ALSO"]);
    more.text([bold("lariat"), roman("(1), "), bold("mpicc"), roman("(1)")]);
    page(launcher("mpirun"), more)
}

/// The page of mpicc and mpicxx.
fn compiler() -> String {
    let mut roff = Roff::new();
    let source = format!("Lariat {}", env!("CARGO_PKG_VERSION"));
    roff.control("TH", ["MPICC", "1", "", &source, MANUAL]);
    roff.control("SH", ["NAME"]);
    roff.text([roman(
        "mpicc, mpicxx, mpic++ - the C or C++ compiler with what MPI programs need",
    )]);
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([bold("mpicc"), roman(" [OPTIONS] FILES")]);
    roff.control("br", []);
    roff.text([bold("mpicxx"), roman(" [OPTIONS] FILES")]);
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([roman(wrapper::ADDED)]);
    roff.control("SH", ["OPTIONS"]);
    wrapper::OPTIONS
        .iter()
        .for_each(|(name, what)| entry(&mut roff, name, what));
    entry(&mut roff, "-cc=NAME, -cxx=NAME", "run this compiler");
    roff.control("SH", ["ENVIRONMENT"]);
    for variable in VARIABLES
        .iter()
        .filter(|v| v.name == "LARIAT_CC" || v.name == "LARIAT_CXX")
    {
        entry(&mut roff, variable.name, variable.meaning);
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("mpirun"), roman("(1)")]);
    roff.render()
}

/// A term and what it means.
fn entry(roff: &mut Roff, term: &str, meaning: &str) {
    roff.control("TP", []);
    roff.text([bold(term)]);
    roff.text([roman(meaning)]);
}
