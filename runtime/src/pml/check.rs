//! The check of types (`LARIAT_CHECK=1`): a message carries a hash of the types that
//! it is made of, and a receive compares it with its own (MPI 5.0, section 3.3.1).

use crate::lock::Local;
use crate::object::datatype::{self, Datatype, Element};
use crate::object::group;
use crate::pml::memory::Buffer;
use crate::stack;
use crate::warning::{self, Topic};

/// Stands for a message whose types are not known, or match anything
/// (`MPI_PACKED`, the library's own messages).
pub(super) const UNKNOWN: u32 = 0;

/// The hash of the types of a message.
pub fn signature(buffer: &Buffer<'_>) -> u32 {
    buffer
        .datatype
        .map_or(UNKNOWN, |datatype| of(datatype, buffer.count))
}

/// The hash of so many `MPI_BYTE`.
#[must_use]
pub fn signature_of_bytes(len: u64) -> u32 {
    usize::try_from(len).map_or(UNKNOWN, |len| of(datatype::byte(), len))
}

fn of(datatype: &Datatype, count: usize) -> u32 {
    if datatype.element() == Some(Element::Packed) || datatype.size() == 0 || count == 0 {
        return UNKNOWN;
    }
    let whole = datatype.signature().repeat(count);
    let mixed = (whole.hash ^ whole.elements as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    u32::try_from(mixed >> 32).unwrap_or(u32::MAX).max(1)
}

/// What a message is made of, against what a receive asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// Nothing that is known.
    None,
    /// One side says `MPI_BYTE` and the other something else, in words: what was sent, and
    /// what is asked for. Not allowed, but harmless between processes of one machine.
    Bytes(String, String),
    /// Other types, in the same words.
    Types(String, String),
}

/// Compares a message of `len` bytes that has this signature with a receive of `datatype`.
/// A message that ends inside an element of the receive's is let pass.
#[cold]
pub(super) fn differs(datatype: &Datatype, len: usize, signature: u32) -> Difference {
    let size = datatype.size();
    if size == 0 || !len.is_multiple_of(size) {
        return Difference::None;
    }
    let wanted = of(datatype, len / size);
    if wanted == UNKNOWN || wanted == signature {
        return Difference::None;
    }
    let asked = named(len / size, datatype);
    let sent = made_of(len, signature).unwrap_or_else(|| "a mix of basic types".to_owned());
    match [wanted, signature].contains(&of(datatype::byte(), len)) {
        true => Difference::Bytes(sent, asked),
        false => Difference::Types(sent, asked),
    }
}

fn named(count: usize, datatype: &Datatype) -> String {
    let name = datatype.name();
    match name.is_empty() {
        true => format!("{count} of a derived datatype"),
        false => format!("{count} {}", String::from_utf8_lossy(&name)),
    }
}

/// Names that are given only where there is no other for the same basic type: they would puzzle who has written `MPI_CHAR` or `MPI_LONG`.
const RARE: [&[u8]; 4] = [b"MPI_CHARACTER", b"MPI_AINT", b"MPI_COUNT", b"MPI_OFFSET"];

/// The predefined datatype of which `len` bytes with this signature are, if it is one alone.
fn made_of(len: usize, signature: u32) -> Option<String> {
    let fits = |datatype: &&std::sync::Arc<Datatype>| {
        let size = datatype.size();
        size > 0 && len.is_multiple_of(size) && of(datatype, len / size) == signature
    };
    let all = datatype::all_predefined().map(|(_, datatype)| datatype);
    let all: Vec<_> = all.filter(fits).collect();
    let is_usual = |datatype: &&&std::sync::Arc<Datatype>| !RARE.contains(&&*datatype.name());
    let datatype = all.iter().find(is_usual).or(all.first())?;
    Some(named(len / datatype.size(), datatype))
}

/// In words, what `len` bytes with this signature are made of.
#[cold]
#[must_use]
pub fn in_words(len: u64, signature: u32) -> String {
    let made = usize::try_from(len)
        .ok()
        .and_then(|len| made_of(len, signature));
    made.unwrap_or_else(|| format!("{len} bytes of a mix of basic types"))
}

/// Senders, and places of this program, of which [`warn_of_bytes`] has spoken.
static WARNED: Local<Vec<(u32, Option<u64>)>> = Local::new(Vec::new());

/// Warns on stderr that a message from `source` matches a receive only in its bytes: once
/// for each sender and place in this program.
#[cold]
pub(super) fn warn_of_bytes(source: u32, (which, sent, asked): (&str, &str, &str)) {
    let place = (source, stack::walk().first().copied());
    let is_new = WARNED.with(|warned| {
        let is_new = !warned.contains(&place);
        if is_new {
            warned.push(place);
        }
        is_new
    });
    if is_new {
        let rank = group::own_rank();
        let text = format!(
            "rank {rank}: warning: the message from rank {source} {which} was sent as {sent}, but {asked} are asked for: MPI_BYTE matches only MPI_BYTE"
        );
        warning::say(Topic::Type, &text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_named() {
        let [float, double, byte] = [0x210, 0x214, 0x247].map(datatype::predefined);
        let (float, double, byte) = (float.unwrap(), double.unwrap(), byte.unwrap());
        let words = |sent: &str, asked: &str| (sent.to_owned(), asked.to_owned());
        let (sent, asked) = words("2 MPI_FLOAT", "1 MPI_DOUBLE");
        assert_eq!(
            differs(double, 8, of(float, 2)),
            Difference::Types(sent, asked)
        );
        let (sent, asked) = words("8 MPI_BYTE", "1 MPI_DOUBLE");
        assert_eq!(
            differs(double, 8, of(byte, 8)),
            Difference::Bytes(sent, asked)
        );
        assert_eq!(differs(double, 8, of(double, 1)), Difference::None);
        assert_eq!(differs(double, 7, of(float, 2)), Difference::None);
    }
}
