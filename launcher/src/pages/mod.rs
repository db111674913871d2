//! What `lariat pages` writes: manual pages, completions for shells, and reference pages in
//! Markdown. All of it is made from the options, settings and variables of the code, so that
//! nothing has to be kept in step by hand.
//!
//! ```text
//! commands    the commands, and how their options are written
//! manual      manual pages
//! shells      completions
//! reference   pages in Markdown
//! ```

mod commands;
mod manual;
mod reference;
mod shells;

use clap::Command;
use std::path::Path;

/// Writes manual pages and completions to where an installed tree below `prefix` has them.
/// `lariat` is the program of that name, as clap knows it.
///
/// # Errors
/// A file or directory that cannot be written, and why.
pub fn write(prefix: &Path, lariat: Command) -> Result<(), String> {
    let lariat = commands::all_visible(lariat);
    for (name, text) in manual::pages(&lariat) {
        store(&prefix.join("share/man/man1").join(name), &text)?;
    }
    for (path, text) in shells::completions(&lariat) {
        store(&prefix.join("share").join(path), &text)?;
    }
    Ok(())
}

/// Writes the reference pages into `directory`.
///
/// # Errors
/// A file or directory that cannot be written, and why.
pub fn write_reference(directory: &Path, lariat: Command) -> Result<(), String> {
    let lariat = commands::all_visible(lariat);
    for (name, text) in reference::pages(&lariat) {
        store(&directory.join(name), &text)?;
    }
    Ok(())
}

fn store(path: &Path, text: &str) -> Result<(), String> {
    let written = match path.parent() {
        Some(folder) => std::fs::create_dir_all(folder),
        None => Ok(()),
    };
    written
        .and_then(|()| std::fs::write(path, text))
        .map_err(|why| format!("{}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli, inspect};
    use compilers::options as wrapper;
    use wireup::settings::NAMES;
    use wireup::variables::{VARIABLES, is_known};

    /// Every spelling of every option that a command has.
    fn spellings(command: &Command) -> Vec<String> {
        let mut all = Vec::new();
        for arg in command.get_arguments().filter(|a| !a.is_positional()) {
            all.extend(arg.get_long().map(|l| format!("--{l}")));
            all.extend(arg.get_short().map(|s| format!("-{s}")));
            let aliases = arg.get_all_aliases().into_iter().flatten();
            all.extend(aliases.map(|l| format!("--{l}")));
            let aliases = arg.get_all_short_aliases().into_iter().flatten();
            all.extend(aliases.map(|s| format!("-{s}")));
        }
        for inner in command.get_subcommands() {
            all.push(inner.get_name().to_owned());
            all.extend(spellings(inner));
        }
        all
    }

    /// Whether a page has the word, not as a part of a longer one.
    fn has(page: &str, word: &str) -> bool {
        let part = |c: char| c.is_alphanumeric() || "-_".contains(c);
        page.match_indices(word).any(|(at, _)| {
            let before = page[..at].chars().next_back();
            let after = page[at + word.len()..].chars().next();
            !before.is_some_and(part) && !after.is_some_and(part)
        })
    }

    fn page(pages: &[(String, String)], name: &str) -> String {
        let found = pages.iter().find(|page| page.0 == name);
        let text = &found.unwrap_or_else(|| panic!("there is no page {name}")).1;
        text.replace("\\-", "-")
            .replace("\\fB", "")
            .replace("\\fI", "")
            .replace("\\fR", "")
    }

    #[test]
    fn no_option_setting_or_variable_is_left_out() {
        let lariat = commands::all_visible(inspect::command());
        let (manual, reference) = (manual::pages(&lariat), reference::pages(&lariat));
        let commands = [("mpirun", cli::command()), ("lariat", inspect::command())];
        for (name, command) in commands {
            let all = spellings(&command);
            assert!(all.len() > 5);
            let mut pages = page(&manual, &format!("{name}.1"));
            for inner in command.get_subcommands() {
                pages += &page(&manual, &format!("{name}-{}.1", inner.get_name()));
            }
            let markdown = page(&reference, &format!("{name}.md"));
            for word in all {
                assert!(has(&pages, &word), "{name}.1 lacks {word}");
                assert!(has(&markdown, &word), "{name}.md lacks {word}");
            }
        }
        let [settings, variables] =
            ["settings.md", "variables.md"].map(|name| page(&reference, name));
        let mpirun = page(&manual, "mpirun.1");
        for (name, _) in NAMES {
            assert!(
                has(&settings, name) && has(&mpirun, name),
                "no page has {name}"
            );
            let variable = wireup::settings::variable(name);
            assert!(has(&variables, &variable), "variables.md lacks {variable}");
        }
        for variable in VARIABLES {
            assert!(
                has(&variables, variable.name),
                "variables.md lacks {}",
                variable.name
            );
        }
        let [manual, markdown] = [page(&manual, "mpicc.1"), page(&reference, "mpicc.md")];
        for (word, _) in wrapper::OPTIONS {
            assert!(manual.contains(word) && markdown.contains(word), "{word}");
        }
    }

    #[test]
    fn every_variable_of_the_sources_is_in_the_table() {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut found = 0;
        let folders = [
            "launcher/src",
            "launcher/tune/src",
            "launcher/mpicc/src",
            "runtime/src",
            "runtime/wireup/src",
            "runtime/mpi-sys/src",
            "runtime/mpich/src",
            "btl-shm/src",
            "btl-shm/preload/src",
            "btl-net/src",
        ];
        let mut left: Vec<_> = folders.iter().map(|folder| top.join(folder)).collect();
        while let Some(path) = left.pop() {
            if path.is_dir() {
                let entries = std::fs::read_dir(&path).expect("the sources can be read");
                left.extend(entries.map(|entry| entry.expect("it can be read").path()));
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for word in code.split('"').skip(1) {
                let name = word
                    .chars()
                    .take_while(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || *c == '_');
                let name: String = name.collect();
                let whole = name.len() == word.len();
                if whole && name.starts_with("LARIAT_") && name != "LARIAT_" {
                    let place = path.display();
                    assert!(is_known(&name), "{place}: VARIABLES lacks {name}");
                    found += 1;
                }
            }
        }
        assert!(
            found > 15,
            "only {found} variables were found in the sources"
        );
    }

    #[test]
    fn shells_complete_every_command() {
        let all = shells::completions(&inspect::command());
        for name in ["mpirun", "mpiexec", "lariat", "mpicc", "mpicxx", "mpic++"] {
            for path in [
                format!("bash-completion/completions/{name}"),
                format!("zsh/site-functions/_{name}"),
                format!("fish/vendor_completions.d/{name}.fish"),
            ] {
                let found = all.iter().find(|file| file.0 == path);
                let (_, text) = found.unwrap_or_else(|| panic!("there is no {path}"));
                assert!(text.contains(name), "{path}");
            }
        }
        let bash = &all.iter().find(|f| f.0.ends_with("completions/mpirun"));
        let bash = &bash.expect("it is there").1;
        assert!(bash.contains("--bind-to") && bash.contains("--hosts"));
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let why = write(Path::new("/proc/nowhere"), inspect::command()).unwrap_err();
        assert!(why.contains("/proc/nowhere/share/man"), "{why}");
    }
}
