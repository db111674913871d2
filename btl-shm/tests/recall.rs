//! Fork and its kin over shared memory, in C programs: those that put their memory
//! there themselves, with the library of `preload/`, and one that gets it by malloc.

mod common;

use common::{Library, run_with};

fn run(name: &str, arguments: &[&str]) -> String {
    run_with(Library::SharedMemory, name, &[], arguments, &[])
}

#[test]
fn children_have_what_their_parent_had() {
    run("storm", &["1000", "main"]);
}

#[test]
fn of_a_thread_too() {
    run("storm", &["300", "thread"]);
}

#[test]
fn on_a_stack_in_shared_memory() {
    run("storm", &["300", "coroutine"]);
}

#[test]
fn in_a_signal_handler_on_such_a_stack() {
    run("storm", &["300", "signal"]);
}

#[test]
fn without_handlers() {
    run("storm", &["300", "raw"]);
}

#[test]
fn ours_is_the_innermost_handler() {
    run("paths", &["order"]);
}

#[test]
fn threads_fork_at_once_while_another_writes() {
    run("paths", &["threads"]);
}

#[test]
fn children_of_children() {
    run("paths", &["nested"]);
}

#[test]
fn what_execs_at_once_needs_nothing() {
    run("paths", &["spawn"]);
}

#[test]
fn children_killed_while_they_copy() {
    run("paths", &["killed"]);
}

#[test]
fn a_child_without_a_copy_says_so_and_ends() {
    let said = run("paths", &["refused"]);
    for why in [
        "not enough memory",
        "RLIMIT_NOFILE",
        "closed the descriptor",
    ] {
        assert!(said.contains(why), "no word of «{why}» in: {said}");
    }
}

#[test]
fn a_child_lives_on_while_its_parent_gives_memory_back() {
    run("paths", &["lives"]);
}

#[test]
fn pages_live_while_they_are_mapped() {
    run("paths", &["ends"]);
}

#[test]
fn a_thread_in_shared_memory_cannot_fork() {
    let said = run("paths", &["thread-memory"]);
    assert!(said.contains("fork refused"), "{said}");
}

#[test]
fn forking_is_no_cancellation_point() {
    run("paths", &["cancel"]);
}

#[test]
fn a_program_that_only_calls_malloc() {
    let env = [("LARIAT_HEAP_ALONE", "1")];
    run_with(Library::Heap, "heap_fork", &[], &["20"], &env);
}
