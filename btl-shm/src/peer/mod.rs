//! Single copies out of a peer's address space, by the arms that work between
//! two given processes.
//!
//! | arm | file | needs |
//! |---|---|---|
//! | `cma` | `cma.rs` | `process_vm_readv` permitted |
//!
//! Two more belong here and are not built yet: the kernel driver's mapped
//! attachments and memory that is shared from the start. Each will offer what
//! [`cma`] offers: a probe that really copies eight bytes, and `read`.

pub mod cma;
