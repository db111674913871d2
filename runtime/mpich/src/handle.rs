//! Handles: numbers of 32 bits for the program, of 64 bits below.
//!
//! The standard ABI's library makes handles of the form `generation << 40 | slot << 12 | kind`.
//! A number of MPICH's ABI begins with two bits that say what it is (1 and 2: predefined, 3: an
//! object that the program has made) and four that say of which kind. Of an object's number,
//! the rest is its slot, with the low bits of the generation before it where there is room. So
//! a handle that has been freed is still found to be stale until its slot has been used 511 times
//! more. The whole generation of each slot is kept in a table here, which is read and written
//! without a lock.

use std::alloc::Layout;
use std::ffi::c_int;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::atomic::{AtomicPtr, AtomicU32};

/// The tables of predefined handles.
mod predefined {
    include!(concat!(env!("OUT_DIR"), "/predefined.rs"));
}

/// A place that no call has written a handle to.
pub const UNSET: usize = usize::MAX;

/// Bits before the kind: an object that the program has made.
const MADE: u32 = 3 << 30;
const KIND_AT: u32 = 26;
/// Says that the slot takes all bits behind it.
const WIDE: u32 = 1 << 25;
const GENERATION_BITS: u32 = 9;
const SLOT_BITS: u32 = 16;

/// Slots in a chunk of a table of generations.
const CHUNK: usize = 1 << SLOT_BITS;
const CHUNKS: usize = 1 << (25 - SLOT_BITS);

type Chunk = [AtomicU32; CHUNK];

/// The generation of the object in each slot.
#[derive(Debug)]
pub struct Generations([AtomicPtr<Chunk>; CHUNKS]);

impl Generations {
    const fn new() -> Generations {
        Generations([const { AtomicPtr::new(null_mut()) }; CHUNKS])
    }

    fn get(&self, slot: usize) -> u32 {
        // Acquire: pairs with the exchange in `chunk`.
        let chunk = self.0[slot / CHUNK].load(Acquire);
        // SAFETY: null, or a chunk that is never freed.
        unsafe { chunk.as_ref() }.map_or(0, |chunk| chunk[slot % CHUNK].load(Relaxed))
    }

    fn set(&self, slot: usize, generation: u32) {
        // Acquire: pairs with the exchange in `chunk`.
        let chunk = self.0[slot / CHUNK].load(Acquire);
        // SAFETY: null, or a chunk that is never freed.
        let chunk = unsafe { chunk.as_ref() }.unwrap_or_else(|| self.chunk(slot / CHUNK));
        chunk[slot % CHUNK].store(generation, Relaxed);
    }

    /// As `set`, unless the slot has had a later generation.
    fn advance(&self, slot: usize, generation: u32) {
        if self.get(slot) == generation {
            return;
        }
        // Acquire: pairs with the exchange in `chunk`.
        let chunk = self.0[slot / CHUNK].load(Acquire);
        // SAFETY: null, or a chunk that is never freed.
        let chunk = unsafe { chunk.as_ref() }.unwrap_or_else(|| self.chunk(slot / CHUNK));
        let later = |now| (now == 0 || !is_before(generation, now)).then_some(generation);
        let _ = chunk[slot % CHUNK].fetch_update(Relaxed, Relaxed, later);
    }

    #[cold]
    fn chunk(&self, index: usize) -> &Chunk {
        let layout = Layout::new::<Chunk>();
        // SAFETY: the layout has a size. The pages are not touched before they are used.
        let new = unsafe { std::alloc::alloc_zeroed(layout) }.cast::<Chunk>();
        if new.is_null() {
            std::alloc::handle_alloc_error(layout);
        }
        // AcqRel: pairs with the loads above, and with another thread's exchange.
        match self.0[index].compare_exchange(null_mut(), new, AcqRel, Acquire) {
            // SAFETY: made above, and from now on never freed.
            Ok(_) => unsafe { &*new },
            Err(other) => {
                // SAFETY: made above with this layout; nobody else knows of it.
                unsafe { std::alloc::dealloc(new.cast(), layout) };
                // SAFETY: a chunk that is never freed.
                unsafe { &*other }
            }
        }
    }
}

/// Whether a generation, a number of 24 bits that begins again at 0, was before another one.
fn is_before(generation: u32, other: u32) -> bool {
    generation.wrapping_sub(other) & (1 << 23) != 0
}

/// A kind of handles.
pub trait Kind {
    /// The low 12 bits of handles of objects below.
    const BELOW: usize;
    /// The four bits in MPICH's ABI.
    const NUMBER: u32;
    /// The table of generations.
    fn generations() -> &'static Generations;
    /// The predefined handle that a number names.
    fn predefined(number: u32) -> Option<usize>;
}

macro_rules! kinds {
    ($($name:ident $below:literal $number:literal $predefined:path;)*) => { $(
        #[doc = concat!("`MPI_", stringify!($name), "`")]
        #[derive(Debug)]
        pub struct $name;

        impl Kind for $name {
            const BELOW: usize = $below;
            const NUMBER: u32 = $number;
            #[inline]
            fn generations() -> &'static Generations {
                static GENERATIONS: Generations = Generations::new();
                &GENERATIONS
            }
            #[inline]
            fn predefined(number: u32) -> Option<usize> {
                $predefined(number)
            }
        }
    )* };
}

kinds! {
    Comm 0xf01 1 predefined::comm;
    Group 0xf02 2 predefined::group;
    Datatype 0xf03 3 datatype;
    Op 0xf04 6 predefined::op;
    Request 0xf05 11 predefined::request;
    Errhandler 0xf06 5 predefined::errhandler;
    Info 0xf07 7 predefined::info;
    Win 0xf08 8 predefined::win;
    Session 0xf0a 14 predefined::session;
    Message 0xf0b 11 predefined::message;
}

/// The predefined datatype that a number names.
#[inline]
fn datatype(number: u32) -> Option<usize> {
    let table: &[u64] = match number >> 24 {
        0x4c => &predefined::NAMED,
        0x8c => &predefined::PAIRS,
        _ => {
            let (null, standard) = predefined::DATATYPE_NULL;
            return (number == null).then_some(standard);
        }
    };
    let entry = *table.get((number & 0xff) as usize)?;
    (entry >> 32 == u64::from(number)).then_some((entry & 0xffff_ffff) as usize)
}

/// The handle below that a number of the program's names. Of a number that names nothing, a
/// handle that no object has.
#[inline]
pub fn raw<K: Kind>(int: c_int) -> usize {
    let number = int.cast_unsigned();
    if number >> KIND_AT == MADE >> KIND_AT | K::NUMBER {
        let (slot, generation) = match number & WIDE {
            0 => {
                let slot = number as usize & (CHUNK - 1);
                let low = number >> SLOT_BITS & ((1 << GENERATION_BITS) - 1);
                let now = K::generations().get(slot);
                // Where the bits differ, this is the handle of an object that is gone.
                (slot, now & !((1 << GENERATION_BITS) - 1) | low)
            }
            _ => {
                let slot = (number & (WIDE - 1)) as usize;
                (slot, K::generations().get(slot))
            }
        };
        return (generation as usize) << 40 | slot << 12 | K::BELOW;
    }
    K::predefined(number).unwrap_or((number as usize) << 12 | 0xfff)
}

/// The program's number of a handle below, which a call has just returned: its object lives.
#[inline]
fn int_of_living<K: Kind>(raw: usize) -> c_int {
    int_with::<K>(raw, Generations::set)
}

/// The program's number of a handle below. The object may be gone, and another one may have its
/// slot: a callback can be told of what another thread has freed.
#[inline]
pub fn int<K: Kind>(raw: usize) -> c_int {
    int_with::<K>(raw, Generations::advance)
}

#[inline]
fn int_with<K: Kind>(raw: usize, note: fn(&Generations, usize, u32)) -> c_int {
    if let Some(number) = predefined::STANDARD.get(raw) {
        #[allow(clippy::cast_possible_truncation, reason = "the table has 32 bits")]
        return (*number as u32).cast_signed();
    }
    let slot = raw >> 12 & 0xfff_ffff;
    if slot >= CHUNK * CHUNKS {
        too_many(slot);
    }
    #[allow(clippy::cast_possible_truncation, reason = "24 bits and 25 bits")]
    let (generation, slot_bits) = ((raw >> 40) as u32, slot as u32);
    note(K::generations(), slot, generation);
    let rest = match slot < CHUNK {
        true => (generation & ((1 << GENERATION_BITS) - 1)) << SLOT_BITS | slot_bits,
        false => WIDE | slot_bits,
    };
    (MADE | K::NUMBER << KIND_AT | rest).cast_signed()
}

#[cold]
fn too_many(slot: usize) -> ! {
    eprintln!(
        "lariat: libmpi.so.12: {slot} objects of a kind are in use, and MPICH's ABI has numbers for \
         {} of them only",
        CHUNK * CHUNKS
    );
    std::process::abort()
}

/// Where the call below writes a handle: nowhere if the program has given no place.
#[inline]
pub fn place<T>(program: *mut T, local: &mut usize) -> *mut usize {
    match program.is_null() {
        true => null_mut(),
        false => local,
    }
}

/// Gives the program the handle that a call has written, if it has. `before`: what was in its
/// place.
///
/// # Safety
/// `program` is null or may be written.
#[inline]
pub unsafe fn put<K: Kind>(program: *mut c_int, before: usize, now: usize) {
    if now != before && !program.is_null() {
        // SAFETY: as the caller said.
        unsafe { *program = int_of_living::<K>(now) };
    }
}

/// Handles of an array, converted.
#[derive(Debug)]
pub struct Many<'a, K> {
    raw: Few<'a, usize>,
    is_null: bool,
    kind: PhantomData<K>,
}

/// How many elements find room without an allocation.
const FEW: usize = 32;

/// Room for a few elements, on the stack of the call. It is not written before it is used: it is
/// 1 KiB for statuses.
pub type Room<T> = [MaybeUninit<T>; FEW];

/// Room for a few elements.
#[inline]
pub fn room<T>() -> Room<T> {
    [const { MaybeUninit::uninit() }; FEW]
}

/// Elements of an array.
#[derive(Debug)]
pub enum Few<'a, T> {
    /// In the room.
    Inline(&'a mut [T]),
    /// More than there is room for.
    Allocated(Vec<T>),
}

impl<'a, T: Copy> Few<'a, T> {
    /// `len` elements.
    #[inline]
    pub fn new(room: &'a mut Room<T>, len: usize, element: impl Fn(usize) -> T) -> Few<'a, T> {
        let Some(few) = room.get_mut(..len) else {
            return Few::Allocated((0..len).map(element).collect());
        };
        for (index, place) in few.iter_mut().enumerate() {
            place.write(element(index));
        }
        // SAFETY: all of them have just been written.
        Few::Inline(unsafe { &mut *(std::ptr::from_mut(few) as *mut [T]) })
    }

    /// The elements.
    #[inline]
    pub fn all(&mut self) -> &mut [T] {
        match self {
            Few::Inline(all) => all,
            Few::Allocated(all) => all,
        }
    }
}

impl<'a, K: Kind> Many<'a, K> {
    /// Converts `len` handles of the program's.
    ///
    /// # Safety
    /// `program` is null or has so many.
    #[inline]
    pub unsafe fn new(room: &'a mut Room<usize>, program: *const c_int, len: usize) -> Many<'a, K> {
        let len = if program.is_null() { 0 } else { len };
        Many {
            // SAFETY: as the caller said.
            raw: Few::new(room, len, |index| raw::<K>(unsafe { *program.add(index) })),
            is_null: program.is_null(),
            kind: PhantomData,
        }
    }

    /// Where they are for the call below.
    #[inline]
    pub fn place(&mut self) -> *mut usize {
        match self.is_null {
            true => null_mut(),
            false => self.raw.all().as_mut_ptr(),
        }
    }

    /// Gives the program the handles that the call has changed.
    ///
    /// # Safety
    /// `program` is what they were made of, and may be written.
    #[inline]
    pub unsafe fn put(&mut self, program: *mut c_int) {
        for (index, now) in self.raw.all().iter().enumerate() {
            // SAFETY: as the caller said.
            let place = unsafe { &mut *program.add(index) };
            if raw::<K>(*place) != *now {
                *place = int_of_living::<K>(*now);
            }
        }
    }
}

/// A file below: files are pointers in both ABIs, and only the null handle differs.
#[inline]
pub fn file_in(file: usize) -> usize {
    match file {
        0 => crate::abi::FILE_NULL,
        file => file,
    }
}

/// A file for the program.
#[inline]
pub fn file_out(raw: usize) -> usize {
    match raw {
        crate::abi::FILE_NULL => 0,
        raw => raw,
    }
}

/// As [`put`], of a file.
///
/// # Safety
/// `program` is null or may be written.
pub unsafe fn put_file(program: *mut usize, raw: usize) {
    if raw != UNSET && !program.is_null() {
        // SAFETY: as the caller said.
        unsafe { *program = file_out(raw) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOT: usize = 7;

    fn below(generation: usize) -> usize {
        generation << 40 | SLOT << 12 | Comm::BELOW
    }

    #[test]
    fn a_callback_about_what_is_gone_leaves_a_living_handle_alone() {
        let living = int_of_living::<Comm>(below(1000));
        assert_eq!(raw::<Comm>(living), below(1000));
        for gone in [999, 0, 488] {
            let _ = int::<Comm>(below(gone));
            assert_eq!(raw::<Comm>(living), below(1000), "{gone}");
        }
        // A callback may be the first to see an object.
        let later = int::<Comm>(below(2000));
        assert_eq!(raw::<Comm>(later), below(2000));
        assert_ne!(raw::<Comm>(living), below(2000));
        // What a call returns lives, whatever was known of its slot.
        let after = int_of_living::<Comm>(below(3));
        assert_eq!(raw::<Comm>(after), below(3));
    }

    #[test]
    fn few_and_many_elements_are_all_there() {
        for len in [0, 1, 31, 32, 33, 100] {
            let mut room = room();
            let mut all = Few::new(&mut room, len, |index| index * 7);
            assert!(
                all.all()
                    .iter()
                    .copied()
                    .eq((0..len).map(|index| index * 7))
            );
            if let Some(last) = all.all().last_mut() {
                *last = 1;
            }
            assert_eq!(all.all().last().copied(), (len > 0).then_some(1));
        }
    }

    #[test]
    fn generations_begin_again() {
        assert!(is_before(1, 2) && is_before(0xff_ffff, 0));
        assert!(!is_before(2, 2) && !is_before(0, 0xff_ffff));
    }
}
