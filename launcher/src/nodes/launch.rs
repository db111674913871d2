//! The command that starts an agent on a host. Its standard input and output are the control
//! connection; what it says on standard error is the user's.

use super::AGENT;
use crate::hosts::Host;
use std::path::Path;
use std::process::Command;

/// One task that has all that the allocation has on its node, beside other steps, and whose
/// input and output are passed on as they are.
const SRUN: [&str; 8] = [
    "--overlap",
    "--quiet",
    "--unbuffered",
    "--mpi=none",
    "--export=ALL",
    "--ntasks-per-node=1",
    "-N1",
    "-n1",
];

/// The command for `host`. `template`: what `--launch` says; its words are divided by spaces,
/// and `{host}` in them is the host's name. `allocated`: Slurm has allocated this host, with so many
/// processors, if that is known.
///
/// # Errors
/// The template has no words.
pub fn command(
    host: &Host,
    template: Option<&str>,
    allocated: Option<Option<u32>>,
    mpirun: &Path,
) -> Result<Command, String> {
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
    if let Some(processors) = allocated {
        let mut command = Command::new("srun");
        command.args(SRUN);
        if let Some(processors) = processors {
            command.arg(format!("-c{processors}"));
        }
        command.args(["-w", &host.name]);
        command.arg(mpirun).arg(AGENT);
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
        let made = command(&host("b"), Some("in-{host} -x {host}"), Some(None), mpirun).unwrap();
        assert_eq!(words(&made), ["in-b", "-x", "b", "/opt/it's/mpirun", AGENT]);
        let made = command(&host("u@b.example"), None, None, mpirun).unwrap();
        let made = words(&made);
        assert_eq!((made[0].as_str(), made[5].as_str()), ("ssh", "u@b.example"));
        assert!(
            made[6].contains(r"'/opt/it'\''s/mpirun' --agent"),
            "{}",
            made[6]
        );
        let made = command(&host("localhost"), None, Some(None), mpirun).unwrap();
        assert_eq!(words(&made), ["/opt/it's/mpirun", AGENT]);
        let made = words(&command(&host("n7"), None, Some(Some(4)), mpirun).unwrap());
        assert_eq!(made[0], "srun");
        let end = ["-c4", "-w", "n7", "/opt/it's/mpirun", AGENT];
        assert_eq!(made[made.len() - 5..], end);
        assert!(command(&host("b"), Some("  "), None, mpirun).is_err());
    }
}
