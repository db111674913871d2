//! Exporting: the six regions of a rank, what of its memory lies in the job's heap
//! file, and memory that is made so that it does.
//!
//! ```text
//! lines.rs        the lines of /proc/self/maps, without allocation
//! objects.rs      the program and its libraries, as the loader has loaded them
//! maps.rs         the regions of this process
//! report.rs       the table of them
//! static_data.rs  the program's static data, moved to shared pages
//! adopt.rs        other memory of the program, moved for a while
//! window.rs       this process's window of the heap file: claimed, opened, sealed
//! heap.rs         the one shared heap of a process: starting it, finding it
//! global.rs       … as a Rust program's global allocator
//! alloc.rs        an allocator over a window …
//! shelf.rs          … blocks that wait to be taken again
//! space.rs          … the rest of the window; pages go back to the system
//! extents.rs        … what is free, by address and by length
//! table.rs          … what is known of each block
//! classes.rs        … the sizes of blocks
//! mappings.rs     mmap and its like, for anonymous memory in the window
//! freeze.rs       before a fork: what peers know nothing of becomes private
//! process.rs      … what the kernel says of the process
//! thaw.rs         … and is shared again, once no child has it
//! pages.rs        … what is known of each page
//! locked.rs       mlockall, for what of it is the program's
//! sys.rs          system calls on mappings
//! ```

pub mod adopt;
pub mod alloc;
pub mod classes;
pub mod extents;
pub mod freeze;
pub mod global;
pub mod heap;
pub mod lines;
pub mod locked;
pub mod mappings;
pub mod maps;
pub mod objects;
pub mod pages;
mod process;
pub mod report;
pub mod shelf;
pub mod space;
pub mod static_data;
pub mod sys;
pub mod table;
mod thaw;
pub mod window;
pub mod witness;
