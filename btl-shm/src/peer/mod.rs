//! Reaching a peer's memory.
//!
//! | arm | what is done with an address of the peer's | file |
//! |---|---|---|
//! | `shared` | the part of the heap file behind it is mapped here: plain loads and stores | `shared.rs` |
//! | `driver` | a window of the peer's address space is attached here: plain loads and stores | `driver.rs` |
//! | `cma` | the kernel copies (`process_vm_readv`, `process_vm_writev`) | `cma.rs` |
//!
//! Mappings and attachments are made once per window and kept; an address becomes
//! a pointer by arithmetic. The arm `copy`, which needs nothing of the peer's
//! memory, is the rings' and fragments' ([`crate::endpoint`]).

pub mod cma;
pub mod driver;
