#!/bin/bash
# ratatui 0.30.2 with crossterm 0.29.0: Terminal::clear() of a terminal that is drawn to a file
# of its own (/dev/tty) writes to the process's standard output, and fails if that is a file.
#
# It asks the terminal for the cursor's position, to restore it. CrosstermBackend writes what it
# draws to the writer that it was given, but hands that question to crossterm, which writes
# ESC[6n to standard output. Where that goes to a file or a pipe, the bytes are in the program's
# output, no terminal answers, and clear() fails after two seconds. A program that keeps its
# standard output for data and draws on /dev/tty should not call it.
. "$(dirname "$0")/common.sh"
cargo init --quiet --name cursor .
cat >>Cargo.toml <<'END'
ratatui = { version = "=0.30.2", default-features = false, features = ["crossterm"] }
crossterm = "=0.29.0"
END
cat >src/main.rs <<'END'
use ratatui::{Terminal, backend::CrosstermBackend};
use std::fs::OpenOptions;
fn main() {
    let tty = OpenOptions::new().read(true).write(true).open("/dev/tty").unwrap();
    let mut terminal = Terminal::new(CrosstermBackend::new(tty)).unwrap();
    let drawn = terminal.draw(|frame| frame.render_widget("x", frame.area()));
    eprintln!("draw: {}", if drawn.is_ok() { "done" } else { "failed" });
    let cleared = terminal.clear();
    eprintln!("clear: {}", cleared.map_or_else(|why| why.to_string(), |()| "done".to_owned()));
}
END
cargo build --quiet
script --quiet --return --command 'target/debug/cursor >output 2>errors' /dev/null </dev/null >screen
cat errors | stated "draw: done" "clear: The cursor position could not be read within a normal duration"
od -An -c output | tr -s ' ' | stated " 033 [ 6 n"
