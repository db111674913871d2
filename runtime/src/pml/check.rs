//! The check of types (`LARIAT_CHECK=1`): a message carries a hash of what it is
//! made of, and a receive compares (MPI 5.0, section 3.3.1).

use crate::error::{Class, Error};
use crate::object::datatype::{Datatype, Element};
use crate::pml::Buffer;
use crate::pml::delivery;
use crate::pml::request::Shared;

/// Stands for a message whose types are not known, or match anything
/// (`MPI_PACKED`, the library's own messages).
pub(super) const UNKNOWN: u32 = 0;

/// The hash of the types of a message.
pub fn signature(buffer: &Buffer<'_>) -> u32 {
    buffer
        .datatype
        .map_or(UNKNOWN, |datatype| of(datatype, buffer.count))
}

fn of(datatype: &Datatype, count: usize) -> u32 {
    if datatype.element() == Some(Element::Packed) || datatype.size() == 0 || count == 0 {
        return UNKNOWN;
    }
    let whole = datatype.signature().repeat(count);
    let mixed = (whole.hash ^ whole.elements as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    u32::try_from(mixed >> 32).unwrap_or(u32::MAX).max(1)
}

/// Notes at a receive that the message is made of something else than it asks
/// for. A message that ends inside an element of the receive's is let pass.
#[cold]
pub(super) fn compare(receive: &Shared, source: u32, tag: i32, len: usize, signature: u32) {
    let Some(datatype) = &receive.datatype else {
        return;
    };
    let size = datatype.size();
    if size == 0 || !len.is_multiple_of(size) {
        return;
    }
    let wanted = of(datatype, len / size);
    if wanted != UNKNOWN && wanted != signature {
        let text = format!(
            "the message of {len} bytes from rank {source} {} was sent as other types than {} of the {} that the receive asks for",
            delivery::about(receive, tag),
            len / size,
            String::from_utf8_lossy(&datatype.name()),
        );
        receive.fail(Error::new(Class::TYPE, text));
    }
}
