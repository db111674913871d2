//! Files (MPI 5.0, chapter 14): opening and closing, and what is done with their data.
//! What a file is, and its view, are in `object::file`.
//!
//! ```text
//! amode.rs    access modes: which go together, and what they allow
//! open.rs     open, close, delete: agreed upon by all members
//! agree.rs    words that members exchange; a call fails at all of them or at none
//! size.rs     size, space, sync
//! set_view.rs  file views
//! pointer.rs  individual file pointers, and offsets
//! access.rs   one access of one process, from its arguments to its outcome
//! conversion.rs  data in a representation other than that of memory
//! atomic.rs   atomic mode: locks on bytes of the file
//! hints.rs    info keys
//! memory.rs   the user's memory of an access
//! shared.rs   shared file pointers; common.rs: memory that all members have mapped
//! nonblocking.rs  accesses that are requests; pool.rs: the threads that carry them out
//! collective.rs   accesses of all members together; staged.rs: through memory in common;
//!              exchanged.rs: by messages; cut.rs: in which parts
//! split.rs    collective accesses that begin and end
//! engine/     bytes between that and the file
//! errno.rs    from errno to an error class
//! ```
//!
//! An access goes from `abi/io_data.rs` to `access`, which finds where in the view's stream
//! it begins, and to `engine`, which moves the bytes with the library lock released.

pub mod access;
pub mod agree;
pub mod amode;
pub mod atomic;
pub mod collective;
mod common;
pub mod conversion;
mod cut;
pub mod engine;
pub mod errno;
mod exchanged;
pub mod hints;
pub mod memory;
pub mod nonblocking;
pub mod open;
pub mod pointer;
pub mod pool;
pub mod set_view;
pub mod shared;
pub mod size;
pub mod split;
mod staged;
