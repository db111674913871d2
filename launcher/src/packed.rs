//! Values behind each other, as they travel between mpiruns of different hosts: numbers with
//! the lowest byte first, text and lists after their lengths. Pure.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Puts values behind each other.
#[derive(Default)]
pub struct Writer(pub Vec<u8>);

impl Writer {
    /// Four bytes.
    pub fn number(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }

    /// Eight bytes.
    pub fn long(&mut self, value: u64) {
        self.0.extend(value.to_le_bytes());
    }

    /// A count, as a number.
    pub fn count(&mut self, value: usize) {
        self.number(u32::try_from(value).unwrap_or(u32::MAX));
    }

    /// Bytes, after their length.
    pub fn bytes(&mut self, value: &OsStr) {
        self.count(value.len());
        self.0.extend(value.as_bytes());
    }

    /// Text, in the same way.
    pub fn text(&mut self, value: &str) {
        self.bytes(value.as_ref());
    }

    /// Values that may be more than one, or none.
    pub fn list<T>(
        &mut self,
        values: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
        mut one: impl FnMut(&mut Self, T),
    ) {
        let values = values.into_iter();
        self.count(values.len());
        values.for_each(|value| one(self, value));
    }
}

/// Takes them out again.
pub struct Reader<'a>(pub &'a [u8]);

impl Reader<'_> {
    /// What [`Writer::number`] has put there.
    pub fn number(&mut self) -> Option<u32> {
        let (four, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*four))
    }

    /// What [`Writer::long`] has.
    pub fn long(&mut self) -> Option<u64> {
        let (eight, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*eight))
    }

    /// What [`Writer::bytes`] has.
    pub fn bytes(&mut self) -> Option<OsString> {
        let len = self.number()? as usize;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(OsString::from_vec(bytes.to_vec()))
    }

    /// What [`Writer::text`] has.
    pub fn text(&mut self) -> Option<String> {
        self.bytes()?.into_string().ok()
    }

    /// What [`Writer::list`] has.
    pub fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.number()?;
        (0..count).map(|_| one(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_out_in_the_order_in_which_they_went_in() {
        let mut to = Writer::default();
        to.number(7);
        to.long(1 << 40);
        to.text("é");
        to.list(&[1_u32, 2], |to, value| to.number(*value));
        let mut from = Reader(&to.0);
        assert_eq!((from.number(), from.long()), (Some(7), Some(1 << 40)));
        assert_eq!(from.text().as_deref(), Some("é"));
        assert_eq!(from.list(Reader::number), Some(vec![1, 2]));
        assert_eq!(from.number(), None, "there is no more");
    }
}
