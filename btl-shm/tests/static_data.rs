//! A program's static data in shared pages, however the program is linked.

mod common;

use common::{Library, run_with};

fn run(flags: &[&str]) {
    let env = [("TEST_STATIC", "1")];
    run_with(Library::SharedMemory, "statics", flags, &[], &env);
}

#[test]
fn of_a_position_independent_program() {
    run(&["-fPIE", "-pie"]);
}

#[test]
fn of_one_at_fixed_addresses() {
    run(&["-fno-pie", "-no-pie"]);
}

#[test]
fn with_all_relocations_done_at_start() {
    run(&["-fPIE", "-pie", "-Wl,-z,now"]);
}

#[test]
fn with_a_writable_global_offset_table() {
    run(&["-fPIE", "-pie", "-Wl,-z,norelro", "-DNO_RELRO"]);
}
