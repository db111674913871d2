//! The commands that pages are made of, and how their options are written.

use crate::cli;
use clap::{Arg, Command};

/// The names of the commands that are `mpirun`.
pub const LAUNCHERS: [&str; 2] = ["mpirun", "mpiexec"];

/// mpirun's options under one of its names, every spelling visible.
pub fn launcher(name: &'static str) -> Command {
    all_visible(cli::command().name(name).bin_name(name))
}

/// Makes the other names of options visible, which `--help` leaves out for brevity.
pub fn all_visible(command: Command) -> Command {
    command.mut_args(|arg| {
        let long: Vec<String> = arg
            .get_all_aliases()
            .into_iter()
            .flatten()
            .map(str::to_owned)
            .collect();
        let short: Vec<char> = arg.get_all_short_aliases().into_iter().flatten().collect();
        arg.visible_aliases(long).visible_short_aliases(short)
    })
}

/// The arguments of a command that are shown, by heading: those without one first, and of each
/// heading the options before what has no name.
pub fn headed(command: &Command) -> Vec<(Option<&str>, Vec<&Arg>)> {
    let mut groups: Vec<(Option<&str>, Vec<&Arg>)> = Vec::new();
    let (options, others): (Vec<&Arg>, Vec<&Arg>) = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set())
        .partition(|arg| !arg.is_positional());
    for arg in options.into_iter().chain(others) {
        let heading = arg.get_help_heading();
        match groups.iter_mut().find(|group| group.0 == heading) {
            Some(group) => group.1.push(arg),
            None => groups.push((heading, vec![arg])),
        }
    }
    groups.sort_by_key(|group| group.0.is_some());
    groups
}

/// What an argument does.
pub fn help(arg: &Arg) -> String {
    let help = arg.get_long_help().or(arg.get_help());
    help.map(ToString::to_string).unwrap_or_default()
}

/// An option as it is written, with all its names and its values.
pub fn spelling(arg: &Arg) -> String {
    let mut names: Vec<String> = Vec::new();
    let mut add = |name: String| {
        if !names.contains(&name) {
            names.push(name);
        }
    };
    let short = arg.get_all_short_aliases().into_iter().flatten();
    for letter in arg.get_short().into_iter().chain(short) {
        add(format!("-{letter}"));
    }
    let long = arg.get_all_aliases().into_iter().flatten();
    for word in arg.get_long().into_iter().chain(long) {
        add(format!("--{word}"));
    }
    let mut text = names.join(", ");
    if arg.get_action().takes_values() {
        let values = arg.get_value_names().unwrap_or_default();
        let values: Vec<&str> = values.iter().map(|v| v.as_str()).collect();
        let optional = arg.get_num_args().is_some_and(|n| n.min_values() == 0);
        text.push_str(
            &match (optional, arg.is_require_equals_set(), text.is_empty()) {
                (_, _, true) => values.join(" "),
                (true, _, _) => format!("[={}]", values.join(" ")),
                (_, true, _) => format!("={}", values.join(" ")),
                _ => format!(" {}", values.join(" ")),
            },
        );
    }
    text
}
