//! The command that starts an agent on a host. Its standard input and output are the control
//! connection; what it says on standard error is the user's.

use super::AGENT;
use crate::hosts::Host;
use std::path::Path;
use std::process::Command;

/// The command for `host`. `template`: what `--launch` says; its words are divided by spaces,
/// and `{host}` in them is the host's name.
///
/// # Errors
/// The template has no words.
pub fn command(host: &Host, template: Option<&str>, mpirun: &Path) -> Result<Command, String> {
    if let Some(template) = template {
        let mut words = template.split_whitespace();
        let first = words
            .next()
            .ok_or("--launch: wanted a command, with {host} for the host's name")?;
        let filled = |word: &str| word.replace("{host}", &host.name);
        let mut command = Command::new(filled(first));
        command.args(words.map(filled)).arg(mpirun).arg(AGENT);
        return Ok(command);
    }
    if host.is_local() {
        let mut command = Command::new(mpirun);
        command.arg(AGENT);
        return Ok(command);
    }
    let mut command = Command::new("ssh");
    command.args(["-o", "BatchMode=yes", "-T", "--"]);
    command.arg(host.name.trim_start_matches('[').trim_end_matches(']'));
    command.arg(remote(mpirun));
    Ok(command)
}

/// What the remote shell runs: the same file as here or, where there is none, the mpirun that
/// it finds.
fn remote(mpirun: &Path) -> String {
    let quoted = format!("'{}'", mpirun.to_string_lossy().replace('\'', r"'\''"));
    format!("if test -x {quoted}; then exec {quoted} {AGENT}; else exec mpirun {AGENT}; fi")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &Command) -> Vec<String> {
        let all = std::iter::once(command.get_program()).chain(command.get_args());
        all.map(|word| word.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn agents_are_started_by_a_template_by_ssh_or_at_once() {
        let host = |name: &str| Host {
            name: name.to_owned(),
            slots: None,
        };
        let mpirun = Path::new("/opt/it's/mpirun");
        let made = command(&host("b"), Some("in-{host} -x {host}"), mpirun).unwrap();
        assert_eq!(words(&made), ["in-b", "-x", "b", "/opt/it's/mpirun", AGENT]);
        let made = command(&host("u@b.example"), None, mpirun).unwrap();
        let made = words(&made);
        assert_eq!((made[0].as_str(), made[5].as_str()), ("ssh", "u@b.example"));
        assert!(
            made[6].contains(r"'/opt/it'\''s/mpirun' --agent"),
            "{}",
            made[6]
        );
        let made = command(&host("localhost"), None, mpirun).unwrap();
        assert_eq!(words(&made), ["/opt/it's/mpirun", AGENT]);
        assert!(command(&host("b"), Some("  "), mpirun).is_err());
    }
}
