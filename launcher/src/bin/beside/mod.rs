//! Runs the `mpirun` that lies beside this program, under this program's name.
//!
//! In installed trees `mpiexec` and `lariat` are links to `mpirun`. Where there can be no
//! links (`cargo install`, wheels of Python), these programs take their place.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// Becomes mpirun. Returns only if that is impossible, and says why.
pub fn run(name: &str) -> ExitCode {
    let why = match std::env::current_exe() {
        Err(why) => format!("its own path cannot be found: {why}"),
        Ok(own) => {
            let mpirun = own.with_file_name("mpirun");
            let mut command = Command::new(&mpirun);
            command.arg0(name).args(std::env::args_os().skip(1));
            let why = command.exec(); // returns only if it failed
            format!("{} cannot be run: {why}", mpirun.display())
        }
    };
    eprintln!("{name}: {why}");
    ExitCode::from(127)
}
