//! Standard input, on its way from the user to the nodes whose ranks read it.

use super::outbox::Outbox;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::time::Duration;

/// Copies standard input to nodes until it ends.
pub(super) fn copy_input(to: &[Outbox]) {
    let stdin = io::stdin();
    let mut buffer = vec![0; 32 << 10];
    loop {
        // A group in the background that reads the terminal would be stopped.
        let is_behind = || {
            let group = nix::unistd::tcgetpgrp(stdin.as_fd());
            stdin.is_terminal() && group.is_ok_and(|group| group != nix::unistd::getpgrp())
        };
        while is_behind() {
            std::thread::sleep(Duration::from_millis(200));
        }
        let n = match stdin.lock().read(&mut buffer) {
            Ok(n) => n,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => 0,
        };
        to.iter().for_each(|down| down.send_input(&buffer[..n]));
        if n == 0 {
            return;
        }
    }
}
