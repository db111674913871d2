//! `lariat`: another name of `mpirun`, where it cannot be a link.

#![deny(unsafe_code)]

mod beside;

fn main() -> std::process::ExitCode {
    beside::run("lariat")
}
