//! How the heap grows in a program of C that gets all its memory by malloc.

mod common;

use common::{Library, run_with};

#[test]
fn it_grows_up_to_what_lies_in_its_way() {
    let env = [("LARIAT_HEAP_ALONE", "1")];
    run_with(Library::Heap, "heap_obstacle", &[], &[], &env);
}
