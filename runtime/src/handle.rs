//! Handles: pointer-sized numbers that name objects, and the tables behind them.
//!
//! A handle is `generation << 40 | slot << 12 | kind`, never a pointer, so that
//! a stale handle, a freed one or one of another kind is an error class and not
//! a crash. Predefined handles are the standard ABI's constants, all below 4096;
//! they have slot 0, and each table's owner knows them itself. The low 32 bits
//! name an object with a slot below 2²⁰, which is what `MPI_X_toint` returns.

use crate::error::{Class, Error, Result};

/// The value of a C handle.
pub type Raw = usize;

/// What a handle names. The numbers are the low 12 bits of handles that are
/// not predefined, and differ from every predefined handle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
#[allow(missing_docs, reason = "the names are the standard's")]
pub enum Kind {
    Comm = 0xf01,
    Group = 0xf02,
    Datatype = 0xf03,
    Op = 0xf04,
    Request = 0xf05,
    Errhandler = 0xf06,
    Info = 0xf07,
    Win = 0xf08,
    File = 0xf09,
    Session = 0xf0a,
    Message = 0xf0b,
}

/// The bits of a handle that say what it names.
pub const KIND: Raw = (1 << KIND_BITS) - 1;

const KIND_BITS: u32 = 12;
const SLOT_BITS: u32 = 28;
const CHUNK: usize = 256;

/// The slot of a handle of a request that is not predefined.
#[inline]
#[must_use]
pub(crate) fn slot_of(raw: Raw) -> Option<usize> {
    let slot = raw >> KIND_BITS & ((1 << SLOT_BITS) - 1);
    (raw & ((1 << KIND_BITS) - 1) == Kind::Request as usize && slot != 0).then_some(slot)
}

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

/// The objects of one kind. Entries never move, so that a pointer to a value
/// stays good until it is removed.
#[derive(Debug)]
pub struct Table<T> {
    kind: Kind,
    chunks: Vec<Box<[Entry<T>; CHUNK]>>,
    free: Vec<usize>,
    used: usize,
}

impl<T> Table<T> {
    /// An empty table.
    #[must_use]
    pub const fn new(kind: Kind) -> Table<T> {
        // Slot 0 is the predefined handles': it is never given out.
        Table {
            kind,
            chunks: Vec::new(),
            free: Vec::new(),
            used: 1,
        }
    }

    /// Takes `value` in and names it.
    ///
    /// # Errors
    /// All 2²⁸ slots are in use.
    #[inline]
    pub fn insert(&mut self, value: T) -> Result<Raw> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => self.new_slot()?,
        };
        let entry = &mut self.chunks[slot / CHUNK][slot % CHUNK];
        entry.value = Some(value);
        let generation = entry.generation as usize & 0xff_ffff;
        Ok(generation << (KIND_BITS + SLOT_BITS) | slot << KIND_BITS | self.kind as usize)
    }

    /// A slot that was never used.
    #[cold]
    fn new_slot(&mut self) -> Result<usize> {
        if self.used >> SLOT_BITS != 0 {
            let n = self.used;
            return Err(Error::new(
                Class::NO_MEM,
                format!("{n} handles are in use already"),
            ));
        }
        let slot = self.used;
        self.used += 1;
        while self.chunks.len() * CHUNK <= slot {
            let entries = std::iter::repeat_with(|| Entry {
                generation: 0,
                value: None,
            });
            let chunk: Box<[Entry<T>]> = entries.take(CHUNK).collect();
            let chunk = chunk.try_into().unwrap_or_else(|_| unreachable!());
            self.chunks.push(chunk);
        }
        Ok(slot)
    }

    /// The object that `raw` names, if it is there.
    #[inline]
    #[must_use]
    pub fn find(&self, raw: Raw) -> Option<&T> {
        let slot = self.slot(raw)?;
        let entry = self.chunks.get(slot / CHUNK)?.get(slot % CHUNK)?;
        self.fits(entry, raw)
            .then_some(entry.value.as_ref())
            .flatten()
    }

    /// As [`Table::find`], to change the object.
    #[inline]
    pub fn find_mut(&mut self, raw: Raw) -> Option<&mut T> {
        let slot = self.slot(raw)?;
        let generation = Self::generation(raw);
        let entry = self.chunks.get_mut(slot / CHUNK)?.get_mut(slot % CHUNK)?;
        (entry.generation as usize & 0xff_ffff == generation)
            .then_some(entry.value.as_mut())
            .flatten()
    }

    /// Takes the object out; its handle is stale from now on.
    pub fn remove(&mut self, raw: Raw) -> Option<T> {
        self.remove_if(raw, |_| true)
    }

    /// Takes the object out, if `is` holds for it.
    #[inline]
    pub fn remove_if(&mut self, raw: Raw, is: impl FnOnce(&T) -> bool) -> Option<T> {
        let slot = self.slot(raw)?;
        let generation = Self::generation(raw);
        let entry = self.chunks.get_mut(slot / CHUNK)?.get_mut(slot % CHUNK)?;
        if entry.generation as usize & 0xff_ffff != generation || !is(entry.value.as_ref()?) {
            return None;
        }
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(slot);
        entry.value.take()
    }

    /// What `read` makes of the object, which then goes; if it makes nothing of it, the object
    /// stays.
    #[inline]
    pub fn take<R>(&mut self, raw: Raw, read: impl FnOnce(&T) -> Option<R>) -> Option<R> {
        let slot = self.slot(raw)?;
        let generation = Self::generation(raw);
        let entry = self.chunks.get_mut(slot / CHUNK)?.get_mut(slot % CHUNK)?;
        if entry.generation as usize & 0xff_ffff != generation {
            return None;
        }
        let found = read(entry.value.as_ref()?)?;
        entry.value = None;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(slot);
        Some(found)
    }

    /// The whole handle of the object that the low 32 bits of a handle name.
    #[must_use]
    pub fn from_low(&self, low: u32) -> Option<Raw> {
        let slot = self.slot(low as usize)?;
        let entry = self.chunks.get(slot / CHUNK)?.get(slot % CHUNK)?;
        entry.value.as_ref()?;
        let generation = entry.generation as usize & 0xff_ffff;
        Some(generation << (KIND_BITS + SLOT_BITS) | low as usize)
    }

    /// Every object with its handle.
    pub fn iter(&self) -> impl Iterator<Item = (Raw, &T)> {
        let kind = self.kind as usize;
        self.chunks
            .iter()
            .flat_map(|chunk| chunk.iter())
            .enumerate()
            .filter_map(move |(slot, entry)| {
                let generation = entry.generation as usize & 0xff_ffff;
                let raw = generation << (KIND_BITS + SLOT_BITS) | slot << KIND_BITS | kind;
                entry.value.as_ref().map(|value| (raw, value))
            })
    }

    /// The number of objects.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.used - 1 - self.free.len()
    }

    #[inline]
    fn slot(&self, raw: Raw) -> Option<usize> {
        let slot = raw >> KIND_BITS & ((1 << SLOT_BITS) - 1);
        (raw & ((1 << KIND_BITS) - 1) == self.kind as usize && slot != 0).then_some(slot)
    }

    #[inline]
    fn generation(raw: Raw) -> usize {
        raw >> (KIND_BITS + SLOT_BITS)
    }

    #[inline]
    fn fits(&self, entry: &Entry<T>, raw: Raw) -> bool {
        entry.generation as usize & 0xff_ffff == Self::generation(raw)
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Table};

    #[test]
    fn stale_and_foreign_handles_find_nothing() {
        let mut table = Table::new(Kind::Info);
        let a = table.insert("a").unwrap();
        let b = table.insert("b").unwrap();
        assert!(a > 4095 && a != b);
        assert_eq!(table.find(a), Some(&"a"));
        assert_eq!(table.remove(a), Some("a"));
        assert_eq!(table.find(a), None);
        assert_eq!(table.remove(a), None);
        let c = table.insert("c").unwrap();
        assert_ne!(c, a, "a slot used again has another generation");
        assert_eq!(table.find(a), None);
        assert_eq!(
            table.find(b ^ Kind::Info as usize ^ Kind::Group as usize),
            None
        );
        assert_eq!(table.find(usize::MAX), None);
        assert_eq!(
            table.from_low(u32::try_from(c & 0xffff_ffff).unwrap()),
            Some(c)
        );
        assert_eq!(table.len(), 2);
        assert_eq!(table.take(c, |_| None::<u8>), None, "it stays");
        assert_eq!(table.take(c, |value| Some(value.len())), Some(1));
        assert_eq!((table.find(c), table.len()), (None, 1));
        assert_eq!(table.take(c, |value| Some(value.len())), None);
    }

    #[test]
    fn values_do_not_move() {
        let mut table = Table::new(Kind::Request);
        let first = table.insert(0usize).unwrap();
        let at = std::ptr::from_ref(table.find(first).unwrap());
        for i in 1..5000 {
            table.insert(i).unwrap();
        }
        assert_eq!(at, std::ptr::from_ref(table.find(first).unwrap()));
        assert_eq!(table.iter().count(), 5000);
    }
}
