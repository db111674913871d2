//! Fork and its kin over shared memory, in C programs that know nothing of it: the
//! library of `preload/` is loaded into them.

mod common;

use common::run;

const FORKS: &str = "1000";

#[test]
fn children_have_what_their_parent_had() {
    run("storm", &[FORKS, "main"]);
}

#[test]
fn of_a_thread_too() {
    run("storm", &[FORKS, "thread"]);
}

#[test]
fn on_a_stack_in_shared_memory() {
    run("storm", &[FORKS, "coroutine"]);
}

#[test]
fn in_a_signal_handler_on_such_a_stack() {
    run("storm", &["300", "signal"]);
}

#[test]
fn without_handlers() {
    run("storm", &["300", "raw"]);
}
