//! The functions behind closures: each knows the number of its slot, and calls
//! what stands there.

use crate::low::{Callback, ffi_cif};
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

/// What a slot calls. The userdata outlives the closure that holds the slot.
pub struct Target {
    pub cif: ffi_cif,
    pub callback: Callback<c_void, c_void>,
    pub userdata: *const c_void,
}

/// The C functions handed out: an `MPI_User_function`, with any pointers.
pub type Code = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_void, *mut c_void);

/// Closures that may be alive at the same time.
const SLOTS: usize = 1024;

/// Null while free.
static TARGETS: [AtomicPtr<Target>; SLOTS] = [const { AtomicPtr::new(null_mut()) }; SLOTS];

/// Takes a free slot for `target`.
///
/// # Panics
/// If there is none.
pub fn take(target: Target) -> usize {
    let new = Box::into_raw(Box::new(target));
    for (slot, at) in TARGETS.iter().enumerate() {
        // pairs with the Acquire in `dispatch`
        let got = at.compare_exchange(null_mut(), new, Ordering::AcqRel, Ordering::Relaxed);
        if got.is_ok() {
            return slot;
        }
    }
    // SAFETY: made above, and in no slot.
    drop(unsafe { Box::from_raw(new) });
    panic!(
        "{SLOTS} closures are C callbacks at the same time (user-defined MPI operations that \
         were not dropped?), and Lariat's stand-in for libffi has no slot for one more"
    );
}

/// Frees a slot that [`take`] gave; nobody may call its function any more.
pub fn give_back(slot: usize) {
    let old = TARGETS[slot].swap(null_mut(), Ordering::AcqRel);
    // SAFETY: `take` put it there, and the closure that held the slot is gone.
    drop(unsafe { Box::from_raw(old) });
}

/// The C function of a slot.
pub fn code(slot: usize) -> &'static Code {
    &CODES[slot / 32][slot % 32]
}

unsafe extern "C" fn entry<const SLOT: usize>(
    a: *mut c_void,
    b: *mut c_void,
    c: *mut c_void,
    d: *mut c_void,
) {
    // SAFETY: whoever calls the C function vouches for its arguments.
    unsafe { dispatch(SLOT, [a, b, c, d]) };
}

#[inline(never)]
unsafe fn dispatch(slot: usize, args: [*mut c_void; 4]) {
    // SAFETY: null, or what `take` put there; it lives as long as the closure,
    // and a C function is not called after its closure was dropped.
    let target = unsafe { TARGETS[slot].load(Ordering::Acquire).as_ref() };
    let Some(target) = target else {
        panic!("a C callback was called after its closure had been dropped");
    };
    let pointers = args
        .each_ref()
        .map(|arg| std::ptr::from_ref(arg).cast::<c_void>());
    let mut result = 0u64;
    // SAFETY: the callback gets the addresses of its four arguments, room for a
    // result, and the data that it was made with, which is alive (see Target).
    unsafe {
        let result = &mut *(&raw mut result).cast::<c_void>();
        (target.callback)(&target.cif, result, pointers.as_ptr(), &*target.userdata);
    }
}

macro_rules! row {
    ($row:literal: $($n:literal)*) => { [$(entry::<{ $row * 32 + $n }> as Code),*] };
}

macro_rules! rows {
    ($($row:literal)*) => {
        [$(row!($row: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
                16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31)),*]
    };
}

static CODES: [[Code; 32]; SLOTS / 32] = rows!(
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
    16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
);

#[cfg(test)]
mod tests {
    use super::SLOTS;
    use crate::low::ffi_cif;
    use crate::middle::{Cif, Closure, Type};
    use std::cell::Cell;
    use std::ffi::c_void;

    type Function = unsafe extern "C" fn(*mut i32, *mut i32, *mut i32, *mut i32);

    unsafe extern "C" fn add(
        cif: &ffi_cif,
        _result: &mut c_void,
        args: *const *const c_void,
        seen: &Cell<i32>,
    ) {
        assert_eq!(cif.nargs, 4);
        // SAFETY: the tests below pass four pointers to i32.
        let values = (0..4).map(|i| unsafe { **(*args.add(i)).cast::<*const i32>() });
        seen.set(seen.get() + values.sum::<i32>());
    }

    fn closure(seen: &Cell<i32>) -> Closure<'_> {
        let cif = Cif::new(vec![Type::pointer(); 4], Type::void());
        Closure::new(cif, add, seen)
    }

    #[test]
    fn closures_see_their_own_data() {
        let (one, two) = (Cell::new(0), Cell::new(100));
        let (first, second) = (closure(&one), closure(&two));
        let mut values = [1, 2, 3, 4];
        let [a, b, c, d] = values.each_mut().map(std::ptr::from_mut);
        // SAFETY: the callback takes four pointers to i32.
        unsafe {
            first.instantiate_code_ptr::<Function>()(a, b, c, d);
            second.instantiate_code_ptr::<Function>()(a, b, c, d);
            second.instantiate_code_ptr::<Function>()(a, b, c, d);
        }
        assert_eq!((one.get(), two.get()), (10, 120));
    }

    #[test]
    #[should_panic(expected = "no slot for one more")]
    fn running_out_of_slots_is_said() {
        let seen = Cell::new(0);
        let _all: Vec<Closure> = (0..=SLOTS).map(|_| closure(&seen)).collect();
    }

    #[test]
    #[should_panic(expected = "four pointers and no result")]
    fn other_signatures_are_refused() {
        Cif::new([Type::pointer()], Type::pointer());
    }
}
