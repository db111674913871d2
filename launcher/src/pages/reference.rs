//! Reference pages in Markdown: every option, setting and variable.

use super::commands::{headed, help, launcher, spelling};
use clap::{Arg, Command};
use compilers::options as wrapper;
use std::fmt::Write as _;
use wireup::settings::{NAMES, Settings, variable};
use wireup::variables::{Setter, VARIABLES};

/// Says that a page is not written by hand.
const MADE: &str = "_Made from the code by `lariat pages --markdown`._\n";

/// The name of each page and its text.
pub fn pages(lariat: &Command) -> Vec<(String, String)> {
    [
        ("mpirun.md", mpirun()),
        ("lariat.md", commands(lariat)),
        ("mpicc.md", compiler()),
        ("settings.md", settings()),
        ("variables.md", variables()),
    ]
    .map(|(name, text)| (name.to_owned(), text))
    .into()
}

fn mpirun() -> String {
    let command = launcher("mpirun");
    let mut text = format!("# mpirun\n\n{MADE}\n");
    describe(&mut text, &command);
    text.push_str(
        "`mpiexec` is the same program. All options may be written with one dash or two. \
         [Words of other launchers](../launcher-words.md) are taken as well.\n\n",
    );
    for (heading, args) in headed(&command) {
        let _ = writeln!(text, "## {}\n", heading.unwrap_or("General"));
        table(&mut text, &args);
    }
    text
}

fn commands(command: &Command) -> String {
    let mut text = format!("# lariat\n\n{MADE}\n");
    describe(&mut text, command);
    for (_, args) in headed(command) {
        table(&mut text, &args);
    }
    for inner in command.get_subcommands() {
        let _ = writeln!(text, "## lariat {}\n", inner.get_name());
        describe(&mut text, inner);
        for (_, args) in headed(inner) {
            table(&mut text, &args);
        }
    }
    text
}

fn compiler() -> String {
    let mut text = format!("# mpicc, mpicxx\n\n{MADE}\n{}\n\n", wrapper::ADDED);
    text.push_str("| option | what it does |\n|---|---|\n");
    let other = ("-cc=NAME, -cxx=NAME", "run this compiler");
    for (name, what) in wrapper::OPTIONS.into_iter().chain([other]) {
        row(&mut text, name, what);
    }
    text
}

fn settings() -> String {
    let mut text = format!(
        "# Settings\n\n{MADE}\nA setting is given by `mpirun --set NAME=VALUE`, by `LARIAT_NAME` in \
         the environment, or by a line `NAME = VALUE` in `~/.config/lariat/settings` or \
         `PREFIX/etc/lariat/settings`. The first of these that gives it wins. \
         [Tuning](../tuning.md) explains them.\n\n| setting | built in | what it means |\n|---|---|---|\n"
    );
    let built_in = Settings::default();
    for (name, what) in NAMES {
        let value = built_in.shown(name).unwrap_or_default();
        let _ = writeln!(text, "| `{name}` | `{value}` | {} |", cell(what));
    }
    text
}

fn variables() -> String {
    let mut text = format!("# Variables of the environment\n\n{MADE}");
    for (setter, title) in [
        (Setter::User, "Set by users"),
        (Setter::Launcher, "Set by mpirun, for its ranks"),
        (Setter::Tests, "Set by tests of Lariat"),
    ] {
        let _ = writeln!(
            text,
            "\n## {title}\n\n| variable | what it means |\n|---|---|"
        );
        for variable in VARIABLES.iter().filter(|v| v.setter == setter) {
            row(&mut text, variable.name, variable.meaning);
        }
        if setter == Setter::User {
            for (name, what) in NAMES {
                row(&mut text, &variable(name), what);
            }
        }
    }
    text
}

fn describe(text: &mut String, command: &Command) {
    let about = command.get_long_about().or(command.get_about());
    if let Some(about) = about {
        let _ = writeln!(text, "{}\n", about.to_string().trim());
    }
}

fn table(text: &mut String, args: &[&Arg]) {
    text.push_str("| option | what it does |\n|---|---|\n");
    for arg in args {
        row(text, &spelling(arg), &help(arg));
    }
    text.push('\n');
}

fn row(text: &mut String, name: &str, what: &str) {
    let _ = writeln!(text, "| `{}` | {} |", name.replace('|', "\\|"), cell(what));
}

/// Text as it may stand in a table: nothing in it is taken for markup.
fn cell(what: &str) -> String {
    let mut out = String::new();
    for c in what.trim().chars() {
        match c {
            '\n' => out.push(' '),
            '|' | '<' | '>' | '*' | '_' | '[' | ']' | '`' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}
