//! Completions for bash, zsh and fish.

use super::commands::{LAUNCHERS, launcher};
use clap::{Arg, ArgAction, Command, ValueHint};
use clap_complete::{Shell, generate};
use compilers::options as wrapper;

/// Each file, by its path below `share`, and its text.
pub fn completions(lariat: &Command) -> Vec<(String, String)> {
    let mut commands: Vec<(&str, Command)> = LAUNCHERS
        .into_iter()
        .map(|name| (name, launcher(name).mut_arg("program", program)))
        .collect();
    commands.push(("lariat", lariat.clone()));
    for name in ["mpicc", "mpicxx", "mpic++"] {
        commands.push((name, compiler(name)));
    }
    let mut all = Vec::new();
    for (name, command) in commands {
        for (shell, path) in [
            (Shell::Bash, format!("bash-completion/completions/{name}")),
            (Shell::Zsh, format!("zsh/site-functions/_{name}")),
            (
                Shell::Fish,
                format!("fish/vendor_completions.d/{name}.fish"),
            ),
        ] {
            let mut text = Vec::new();
            generate(shell, &mut command.clone(), name, &mut text);
            let text = String::from_utf8(text).expect("it was written as text");
            all.push((path, text));
        }
    }
    all
}

/// What follows mpirun's options is a command of its own.
fn program(arg: Arg) -> Arg {
    arg.value_hint(ValueHint::CommandWithArguments)
        .num_args(1..)
}

/// A wrapper's own options, and files. Words with a colon are left out: shells take colons for
/// ends of words.
fn compiler(name: &'static str) -> Command {
    let mut command = Command::new(name).disable_help_flag(true);
    for (spelling, what) in wrapper::OPTIONS.iter().filter(|o| !o.0.contains(':')) {
        let word = spelling.trim_start_matches('-');
        let arg = Arg::new(word).long(word).help(*what);
        command = command.arg(arg.action(ArgAction::SetTrue));
    }
    let files = Arg::new("files")
        .num_args(0..)
        .value_hint(ValueHint::FilePath);
    command.arg(files)
}
