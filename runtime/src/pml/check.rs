//! The check of types (`LARIAT_CHECK=1`): a message carries a hash of the types that
//! it is made of, and a receive compares it with its own (MPI 5.0, section 3.3.1).

use crate::object::datatype::{Datatype, Element};
use crate::pml::memory::Buffer;

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

/// Whether a message of `len` bytes with this signature is made of something else than
/// a receive of `datatype` asks for: then what that is, in words. A message that ends
/// inside an element of the receive's is let pass.
#[cold]
pub(super) fn differs(datatype: &Datatype, len: usize, signature: u32) -> Option<String> {
    let size = datatype.size();
    if size == 0 || !len.is_multiple_of(size) {
        return None;
    }
    let wanted = of(datatype, len / size);
    (wanted != UNKNOWN && wanted != signature).then(|| {
        let name = datatype.name();
        format!("{} of the {}", len / size, String::from_utf8_lossy(&name))
    })
}
