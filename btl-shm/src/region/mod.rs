//! Exporting: which parts of a rank's memory peers can reach, and memory that is
//! made so that they can.
//!
//! ```text
//! window.rs    this process's window of the heap file: claimed, opened, sealed
//! heap.rs      the one shared heap of a process: starting it, finding it
//! global.rs    … as a Rust program's global allocator
//! alloc.rs     an allocator over a window …
//! shelf.rs       … blocks that wait to be taken again
//! space.rs       … the rest of the window; pages go back to the system
//! extents.rs     … what is free, by address and by length
//! table.rs       … what is known of each block
//! classes.rs     … the sizes of blocks
//! mappings.rs  mmap and its like, for anonymous memory in the window
//! sys.rs       system calls on mappings
//! ```

pub mod alloc;
pub mod classes;
pub mod extents;
pub mod global;
pub mod heap;
pub mod mappings;
pub mod shelf;
pub mod space;
pub mod sys;
pub mod table;
pub mod window;
