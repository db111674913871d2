//! Handles as integers and back (MPI 5.0, section 20.3): the low 32 bits of a
//! handle, which name it as long as its object lives.

use super::early;
use crate::handle::{Kind, Raw};
use crate::lock;
use crate::object::{comm, datatype, errhandler, file, group, info, op, session, win};
use crate::request::{self, message};
use std::ffi::c_int;

/// The integer of a handle.
pub fn toint(raw: Raw) -> c_int {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "the low 32 bits are meant"
    )]
    let low = raw as u32 as c_int;
    low
}

/// The handle of an integer; the null handle of the kind where there is none.
pub fn fromint(kind: Kind, int: c_int) -> Raw {
    let _early = early::enter();
    let _inside = lock::enter();
    let low = int.cast_unsigned();
    if low < 4096 {
        return low as Raw;
    }
    let (found, null) = match kind {
        Kind::Comm => (comm::from_low(low), comm::NULL),
        Kind::Errhandler => (errhandler::from_low(low), errhandler::NULL),
        Kind::Group => (group::from_low(low), group::NULL),
        Kind::Win => (win::from_low(low), win::NULL),
        Kind::File => (file::from_low(low), file::NULL),
        Kind::Session => (session::from_low(low), session::NULL),
        Kind::Message => (message::from_low(low), message::NULL),
        Kind::Info => (info::from_low(low), info::NULL),
        Kind::Request => (request::from_low(low), request::NULL),
        Kind::Op => (op::from_low(low), op::NULL),
        Kind::Datatype => (datatype::from_low(low), datatype::DATATYPE_NULL),
    };
    found.unwrap_or(null)
}
