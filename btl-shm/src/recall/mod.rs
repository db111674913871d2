//! Who lets go of what, in which order: fork, exec, exit and unmapping, for
//! every arm.
//!
//! | event at the owner | `driver` | `shared` | `cma`, `copy` |
//! |---|---|---|---|
//! | fork | the kernel breaks copy-on-write towards the parent; the child's descriptor of the driver is useless to it | what peers know nothing of becomes private before, copy on write; the child has a private copy of everything else before user code runs, the parent waits for it | nothing: both go through the parent's address space or through the segment, which a child does not use |
//! | `_Fork` | as fork | as fork, but without taking locks ([`interpose`]) | as fork |
//! | vfork, posix_spawn, system, popen | nothing: the child runs in the parent's memory until it execs | nothing | nothing |
//! | exec | attachments are dropped before | mappings go with the address space, descriptors are close-on-exec | nothing |
//! | munmap, mremap, brk, madvise | the driver's notifier | the hooks of the mapping calls, in the allocator's library | an unreadable address is an error of the copy |
//! | `exit`, `_exit`, `quick_exit`, kill -9 | a touch is SIGBUS, which becomes an error that names the rank | nothing to do: a page lives while anybody maps it, and goes with the last mapping and descriptor | no such process: an error that names the rank |
//!
//! # Fork, step by step
//!
//! Memory of a shared range is a `MAP_SHARED` mapping of the job's heap file. Left
//! alone, a forked child would go on sharing it with its parent and with the
//! parent's peers.
//!
//! 1. `fork` as the program calls it ([`interpose`]): a thread whose stack lies in
//!    shared memory (a coroutine's, say) changes to a private stack first, since
//!    parent and child would else run on the same one.
//! 2. The `prepare` handlers of the program, then ours: ours was registered first,
//!    and such handlers run in the opposite order. It blocks signals, takes the
//!    fork lock (so forks of several threads follow one another), takes the locks
//!    that were registered with [`at_fork`], has the heap make private what no peer
//!    can be about to touch ([`crate::region::freeze`]), and makes a pipe.
//! 3. The kernel forks.
//! 4. In the child, ours is the first handler to run: it puts a private copy in
//!    place of each shared mapping (`private.rs`), then writes a byte to the pipe.
//!    If it cannot, it says so and ends the child: a child never goes on in shared
//!    memory. Then it closes its descriptors of the heap file, tells those who
//!    registered, and lets locks and signals go.
//! 5. In the parent, ours is the first handler too: it waits for that byte, or for
//!    the end of the pipe if the child died. Until then the forking thread does
//!    nothing that the child's copy could see. Then locks and signals are let go.
//! 6. The program's own `child` and `parent` handlers, and its code.
//!
//! What is guaranteed: the child's memory is what the parent's was at the fork, as
//! far as the parent's forking thread, and all that the registered locks protect,
//! are concerned. Other threads of the parent go on while the child copies, and so
//! does a peer in the middle of writing a message into a receive buffer: whether
//! the child sees what those wrote meanwhile is open, page by page. (A fork of
//! private memory leaves that open as well, for a shorter time.) Once `fork` has
//! returned in either process, nothing crosses over any more.
//!
//! Not covered: a `clone` system call made by the program itself without
//! `CLONE_VM`. Its child keeps sharing the memory and has to exec before it writes.
//!
//! The heap file must not be named by anything that is attached to elsewhere:
//! futexes between processes and everything else that the job's ranks wait on lie
//! in the job segment, which no fork touches.
//!
//! ```text
//! add.rs        registering memory as shared
//! ranges.rs     the table of shared ranges of this process
//! hold.rs       the fork lock
//! fork.rs       the handlers around a fork
//! private.rs    in the child: a private copy in place of a shared mapping
//! interpose.rs  fork, _Fork and their kin as the program calls them
//! original.rs   the C library's functions behind those
//! stack.rs      running a function on another stack
//! say.rs        a line on stderr, without allocation
//! ```

mod add;
mod fork;
mod hold;
pub mod interpose;
mod original;
mod private;
pub mod ranges;
mod say;
mod stack;

pub use add::{add, add_alias};
pub use fork::{Hooks, at_fork, forked, register};
pub use hold::hold;
pub use private::put_back;
pub use ranges::{MOST_RANGES, RangeError, file_of_range, open_again_at, remove};
pub use say::say;
