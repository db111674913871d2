#!/bin/bash
# nix 0.31.3 (Rust): `waitpid` on a child that a real-time signal has killed fails with
# EINVAL, and the child is gone: the next call says ECHILD.
#
# The system call has succeeded and taken the child; its status (killed by signal 40) is
# lost, since the crate's `Signal` has no real-time signals. A supervisor that takes EINVAL
# for «nothing has ended» waits for that child for ever.
. "$(dirname "$0")/common.sh"

mkdir src
cat >Cargo.toml <<'END'
[package]
name = "reap"
version = "0.0.0"
edition = "2021"

[dependencies]
nix = { version = "=0.31.3", features = ["process", "signal"] }
END
cat >src/main.rs <<'END'
use nix::sys::wait::{WaitPidFlag, waitpid};
use std::process::Command;

fn main() {
    for signal in ["9", "40"] {
        let kill = format!("kill -{signal} $$");
        Command::new("sh").args(["-c", &kill]).spawn().unwrap();
        for _ in 0..2 {
            let answer = loop {
                let answer = waitpid(None, Some(WaitPidFlag::WNOHANG));
                if !matches!(answer, Ok(nix::sys::wait::WaitStatus::StillAlive)) {
                    break answer;
                }
            };
            match answer {
                Ok(status) => println!("signal {signal}: {:?}", status.pid().is_some()),
                Err(why) => println!("signal {signal}: {why:?}"),
            }
        }
    }
}
END
cargo run --quiet 2>/dev/null | stated \
    "signal 9: true" "signal 9: ECHILD" "signal 40: EINVAL" "signal 40: ECHILD"
