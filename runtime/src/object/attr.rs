//! Attributes: what a program caches on communicators, datatypes and windows
//! (MPI 5.0, section 7.7).
//!
//! Each such object owns an [`Attributes`]. The program's copy and delete
//! functions may call MPI, on the same object too: they are called with the
//! library lock given up and nothing borrowed.

use crate::error::{Class, Error, Result};
use crate::fail;
use crate::handle::{Kind, Raw};
use crate::lock::{self, Local};
use crate::object::error_code;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Weak};

/// `MPI_KEYVAL_INVALID`.
pub const INVALID: i32 = 0;
/// The first number that is given to a key of the program; those of the
/// standard are below.
const FIRST: i32 = 0x1000;

/// `MPI_Comm_copy_attr_function` and its like.
pub type CopyFn =
    unsafe extern "C" fn(Raw, c_int, *mut c_void, *mut c_void, *mut c_void, *mut c_int) -> c_int;
/// `MPI_Comm_delete_attr_function` and its like.
pub type DeleteFn = unsafe extern "C" fn(Raw, c_int, *mut c_void, *mut c_void) -> c_int;

/// What becomes of an attribute when its object is duplicated.
#[derive(Clone, Copy, Debug)]
pub enum CopyAction {
    /// `MPI_NULL_COPY_FN` (0): it is left out.
    Null,
    /// `MPI_DUP_FN` (1): its value is taken over.
    Dup,
    /// The program's function says.
    Call(CopyFn),
}

impl CopyAction {
    /// What a function pointer of the C interface means.
    ///
    /// # Safety
    /// `function` is 0, 1, or the address of a function of type [`CopyFn`].
    #[must_use]
    pub unsafe fn of(function: usize) -> CopyAction {
        match function {
            0 => CopyAction::Null,
            1 => CopyAction::Dup,
            // SAFETY: by the contract of this function.
            _ => CopyAction::Call(unsafe { std::mem::transmute::<usize, CopyFn>(function) }),
        }
    }
}

#[derive(Debug)]
struct Keyval {
    number: i32,
    kind: Kind,
    copy: CopyAction,
    delete: Option<DeleteFn>,
    /// The program's pointer, as a number.
    extra: usize,
}

/// The last attribute of a freed key takes its number along.
impl Drop for Keyval {
    fn drop(&mut self) {
        let number = self.number;
        KEYVALS.with(|keyvals| {
            if keyvals.is_unused(number) {
                keyvals.entries.remove(&number);
            }
        });
    }
}

/// What a key's number stands for.
#[derive(Debug)]
enum Entry {
    /// A key that the program may use for more attributes.
    Created(Arc<Keyval>),
    /// One that the program has freed, as long as attributes have it: it goes when
    /// the last of them goes, and its number may then be given again.
    Freed(Weak<Keyval>),
}

impl Entry {
    fn keyval(&self) -> Option<Arc<Keyval>> {
        match self {
            Entry::Created(keyval) => Some(keyval.clone()),
            Entry::Freed(keyval) => keyval.upgrade(),
        }
    }
}

#[derive(Debug)]
struct Keyvals {
    entries: BTreeMap<i32, Entry>,
    next: i32,
}

impl Keyvals {
    /// Whether no key has this number, nor an attribute one that had it.
    fn is_unused(&self, number: i32) -> bool {
        self.entries
            .get(&number)
            .is_none_or(|entry| entry.keyval().is_none())
    }
}

static KEYVALS: Local<Keyvals> = Local::new(Keyvals {
    entries: BTreeMap::new(),
    next: FIRST,
});

/// `MPI_X_create_keyval` for objects of `kind`. `delete` may be `None`
/// (`MPI_NULL_DELETE_FN`).
///
/// # Errors
/// All numbers are in use.
pub fn create_keyval(
    kind: Kind,
    copy: CopyAction,
    delete: Option<DeleteFn>,
    extra: *mut c_void,
) -> Result<i32> {
    let number = KEYVALS.with(|keyvals| {
        let start = keyvals.next;
        let after = (start..=i32::MAX).find(|n| keyvals.is_unused(*n));
        let free = after.or_else(|| (FIRST..start).find(|n| keyvals.is_unused(*n)))?;
        keyvals.next = free.checked_add(1).unwrap_or(FIRST);
        let keyval = Arc::new(Keyval {
            number: free,
            kind,
            copy,
            delete,
            extra: extra.expose_provenance(),
        });
        keyvals.entries.insert(free, Entry::Created(keyval));
        Some(free)
    });
    match number {
        Some(number) => Ok(number),
        None => fail!(NO_MEM, "all attribute keys are in use"),
    }
}

/// `MPI_X_free_keyval`: attributes that have it keep it, and its functions; a
/// copy of its number stands for it until the last of them is deleted.
///
/// # Errors
/// `number` is no key for objects of `kind`, a predefined one, or one that was
/// freed.
pub fn free_keyval(kind: Kind, number: i32) -> Result<()> {
    let keyval = find(kind, number)?;
    let created = KEYVALS.with(|keyvals| {
        let freed = Entry::Freed(Arc::downgrade(&keyval));
        match keyvals.entries.insert(number, freed) {
            Some(Entry::Created(keyval)) => Some(keyval),
            _ => None,
        }
    });
    match created {
        Some(created) => {
            drop(created); // outside, since the key may end here
            Ok(())
        }
        None => fail!(
            KEYVAL,
            "keyval {number} was freed already; attributes that have it are deleted one by one, or with their objects"
        ),
    }
}

fn find(kind: Kind, number: i32) -> Result<Arc<Keyval>> {
    let keyval = KEYVALS.with(|keyvals| keyvals.entries.get(&number)?.keyval());
    match keyval {
        Some(keyval) if keyval.kind == kind => Ok(keyval),
        Some(keyval) => fail!(
            KEYVAL,
            "keyval {number} was created for objects of kind {:?}, not {kind:?}",
            keyval.kind
        ),
        None if number == INVALID => fail!(KEYVAL, "keyval is MPI_KEYVAL_INVALID"),
        None if is_predefined(kind, number) => fail!(
            KEYVAL,
            "keyval {number} is predefined: its attribute can only be read"
        ),
        None => fail!(KEYVAL, "keyval {number} was never created, or was freed"),
    }
}

#[derive(Clone, Debug)]
struct Attribute {
    keyval: Arc<Keyval>,
    /// The program's pointer, as a number.
    value: usize,
}

/// The attributes of one object, in the order in which they were set.
#[derive(Debug, Default)]
pub struct Attributes(RefCell<Vec<Attribute>>);

// SAFETY: reached under the library lock (see `lock`), which orders all uses of
// the cell inside.
unsafe impl Send for Attributes {}
// SAFETY: as above.
unsafe impl Sync for Attributes {}

impl Attributes {
    /// `MPI_X_set_attr` on the object with handle `object`. A value that was
    /// there is deleted first.
    ///
    /// # Errors
    /// No such key, or the delete function failed; the old value stays then.
    pub fn set(&self, kind: Kind, object: Raw, number: i32, value: *mut c_void) -> Result<()> {
        let keyval = find(kind, number)?;
        if let Some(old) = self.find(&keyval) {
            destroy(&old, object)?;
            self.forget(&keyval);
        }
        let value = value.expose_provenance();
        self.0.borrow_mut().push(Attribute { keyval, value });
        Ok(())
    }

    /// `MPI_X_get_attr`, less the predefined attributes.
    ///
    /// # Errors
    /// No such key.
    pub fn get(&self, kind: Kind, number: i32) -> Result<Option<*mut c_void>> {
        let keyval = find(kind, number)?;
        let found = self.find(&keyval);
        Ok(found.map(|attribute| std::ptr::with_exposed_provenance_mut(attribute.value)))
    }

    /// `MPI_X_delete_attr` on the object with handle `object`.
    ///
    /// # Errors
    /// No such key, no such attribute, or the delete function failed.
    pub fn delete(&self, kind: Kind, object: Raw, number: i32) -> Result<()> {
        let keyval = find(kind, number)?;
        let Some(attribute) = self.find(&keyval) else {
            fail!(KEYVAL, "keyval {number} has no attribute on this object");
        };
        destroy(&attribute, object)?;
        self.forget(&keyval);
        Ok(())
    }

    /// Copies to a duplicate what its keys' copy functions want copied; `object`
    /// is the handle of the original.
    ///
    /// # Errors
    /// A copy function failed. What was copied by then is in `new`.
    pub fn copy_to(&self, object: Raw, new: &Attributes) -> Result<()> {
        let all = self.0.borrow().clone();
        for attribute in all {
            if let Some(value) = copied(&attribute, object)? {
                let keyval = attribute.keyval;
                new.0.borrow_mut().push(Attribute { keyval, value });
            }
        }
        Ok(())
    }

    /// Deletes all, the last set first, before the object with handle `object`
    /// goes.
    ///
    /// # Errors
    /// A delete function failed; its attribute and those set before it stay.
    pub fn clear(&self, object: Raw) -> Result<()> {
        loop {
            let last = self.0.borrow().last().cloned();
            let Some(last) = last else { return Ok(()) };
            destroy(&last, object)?;
            self.forget(&last.keyval);
        }
    }

    /// As [`Attributes::clear`], whatever the delete functions say.
    ///
    /// # Errors
    /// The first of them that failed.
    pub fn clear_all(&self, object: Raw) -> Result<()> {
        let mut result = Ok(());
        loop {
            let last = self.0.borrow().last().cloned();
            let Some(last) = last else { return result };
            let destroyed = destroy(&last, object);
            self.forget(&last.keyval);
            result = result.and(destroyed);
        }
    }

    fn find(&self, keyval: &Arc<Keyval>) -> Option<Attribute> {
        let all = self.0.borrow();
        let found = all.iter().find(|a| Arc::ptr_eq(&a.keyval, keyval));
        found.cloned()
    }

    fn forget(&self, keyval: &Arc<Keyval>) {
        let mut all = self.0.borrow_mut();
        all.retain(|attribute| !Arc::ptr_eq(&attribute.keyval, keyval));
    }
}

fn destroy(attribute: &Attribute, object: Raw) -> Result<()> {
    let keyval = &attribute.keyval;
    let Some(delete) = keyval.delete else {
        return Ok(());
    };
    let value = std::ptr::with_exposed_provenance_mut(attribute.value);
    let extra = std::ptr::with_exposed_provenance_mut(keyval.extra);
    // SAFETY: the program gave this function for attributes of this kind of
    // object, with these pointers, which are its own.
    let code = lock::released(|| unsafe { delete(object, keyval.number, value, extra) });
    outcome(code, "delete", keyval.number)
}

fn copied(attribute: &Attribute, object: Raw) -> Result<Option<usize>> {
    let keyval = &attribute.keyval;
    let copy = match keyval.copy {
        CopyAction::Null => return Ok(None),
        CopyAction::Dup => return Ok(Some(attribute.value)),
        CopyAction::Call(copy) => copy,
    };
    let value = std::ptr::with_exposed_provenance_mut(attribute.value);
    let extra = std::ptr::with_exposed_provenance_mut(keyval.extra);
    let mut new: *mut c_void = std::ptr::null_mut();
    let mut flag: c_int = 0;
    let (at, flag_at) = ((&raw mut new).cast::<c_void>(), &raw mut flag);
    let number = keyval.number;
    // SAFETY: the program gave this function for attributes of this kind of
    // object, with these pointers; the last two are to live variables of ours.
    let code = lock::released(|| unsafe { copy(object, number, extra, value, at, flag_at) });
    outcome(code, "copy", number)?;
    Ok((flag != 0).then(|| new.expose_provenance()))
}

fn outcome(code: c_int, what: &str, number: i32) -> Result<()> {
    if code == 0 {
        return Ok(());
    }
    let is_known = error_code::class(code).is_ok();
    let class = if is_known { Class(code) } else { Class::OTHER };
    let text = format!("the {what} function of attribute key {number} returned {code}");
    Err(Error::new(class, text))
}

/// The predefined attributes of communicators (MPI 5.0, section 9.1.2): the
/// program gets pointers to these.
static TAG_UB: AtomicI32 = AtomicI32::new(i32::MAX);
static IO: AtomicI32 = AtomicI32::new(-1);
static HOST: AtomicI32 = AtomicI32::new(-3);
static WTIME_IS_GLOBAL: AtomicI32 = AtomicI32::new(1);
static APPNUM: AtomicI32 = AtomicI32::new(-1);
static LASTUSEDCODE: AtomicI32 = AtomicI32::new(error_code::LASTCODE);
static UNIVERSE_SIZE: AtomicI32 = AtomicI32::new(1);

/// Sets the predefined attributes that differ between jobs: how many processes can usefully
/// run, and which of a command line's programs this is, if it was said.
pub fn set_job(universe: u32, appnum: Option<i32>) {
    UNIVERSE_SIZE.store(
        i32::try_from(universe).unwrap_or(i32::MAX),
        Ordering::Relaxed,
    );
    APPNUM.store(appnum.unwrap_or(-1), Ordering::Relaxed);
}

fn is_predefined(kind: Kind, number: i32) -> bool {
    match kind {
        Kind::Comm => (501..=507).contains(&number),
        Kind::Win => (601..=605).contains(&number),
        _ => false,
    }
}

/// The predefined attribute of communicators with this key, `Some(None)` where
/// this job has no value for it.
#[must_use]
pub fn predefined(number: i32) -> Option<Option<*mut c_void>> {
    let at = match number {
        501 => &TAG_UB,
        502 => &IO,
        503 => &HOST,
        504 => &WTIME_IS_GLOBAL,
        505 if APPNUM.load(Ordering::Relaxed) < 0 => return Some(None),
        505 => &APPNUM,
        506 => {
            LASTUSEDCODE.store(error_code::last_used(), Ordering::Relaxed);
            &LASTUSEDCODE
        }
        507 => &UNIVERSE_SIZE,
        _ => return None,
    };
    Some(Some(at.as_ptr().cast()))
}

#[cfg(test)]
mod tests {
    use super::*;

    static ORDER: Local<Vec<usize>> = Local::new(Vec::new());

    unsafe extern "C" fn note(_: Raw, _: c_int, value: *mut c_void, extra: *mut c_void) -> c_int {
        let _inside = lock::enter();
        ORDER.with(|order| order.push(value.addr()));
        c_int::try_from(extra.addr()).unwrap()
    }

    unsafe extern "C" fn twice(
        _: Raw,
        _: c_int,
        _: *mut c_void,
        value: *mut c_void,
        new: *mut c_void,
        flag: *mut c_int,
    ) -> c_int {
        let double = std::ptr::without_provenance_mut::<c_void>(value.addr() * 2);
        // SAFETY: the caller's pointers are to live variables of these types.
        unsafe {
            new.cast::<*mut c_void>().write(double);
            flag.write(c_int::from(value.addr() != 3));
        }
        0
    }

    fn ptr(n: usize) -> *mut c_void {
        std::ptr::without_provenance_mut(n)
    }

    fn key(copy: CopyAction, delete: Option<DeleteFn>, extra: usize) -> i32 {
        create_keyval(Kind::Comm, copy, delete, ptr(extra)).unwrap()
    }

    fn seen() -> Vec<usize> {
        ORDER.with(std::mem::take)
    }

    #[test]
    fn deleted_last_set_first() {
        let _inside = lock::inside();
        let keys = [0; 3].map(|extra| key(CopyAction::Null, Some(note), extra));
        let attributes = Attributes::default();
        for (number, value) in keys.iter().zip(1..) {
            attributes.set(Kind::Comm, 1, *number, ptr(value)).unwrap();
        }
        free_keyval(Kind::Comm, keys[1]).unwrap();
        attributes.set(Kind::Comm, 1, keys[0], ptr(4)).unwrap();
        assert_eq!(seen(), [1], "the old value is deleted");
        attributes.clear(1).unwrap();
        assert_eq!(seen(), [4, 3, 2], "a freed key's function is still called");
    }

    #[test]
    fn a_freed_key_works_until_its_last_attribute_is_deleted() {
        let _inside = lock::inside();
        let number = key(CopyAction::Dup, Some(note), 0);
        let (old, new) = (Attributes::default(), Attributes::default());
        old.set(Kind::Comm, 1, number, ptr(5)).unwrap();
        free_keyval(Kind::Comm, number).unwrap();
        let again = free_keyval(Kind::Comm, number).unwrap_err();
        assert_eq!(again.class(), Class::KEYVAL);
        let got = |attributes: &Attributes| attributes.get(Kind::Comm, number);
        assert_eq!(got(&old).unwrap().map(|p| p.addr()), Some(5));
        assert!(old.get(Kind::Win, number).is_err());
        assert!(got(&new).unwrap().is_none());
        old.copy_to(1, &new).unwrap();
        old.delete(Kind::Comm, 1, number).unwrap();
        assert_eq!(seen(), [5]);
        assert!(got(&old).unwrap().is_none(), "the copy still has the key");
        new.set(Kind::Comm, 1, number, ptr(6)).unwrap();
        assert_eq!(seen(), [5], "the old value is deleted");
        new.clear(1).unwrap();
        assert_eq!(seen(), [6]);
        assert!(got(&new).is_err() && got(&old).is_err());
        let is_left = KEYVALS.with(|keyvals| keyvals.entries.contains_key(&number));
        assert!(!is_left, "nothing is left of it");
    }

    #[test]
    fn copies_are_what_the_key_says() {
        let _inside = lock::inside();
        let calls = key(CopyAction::Call(twice), None, 0);
        let keys = [
            key(CopyAction::Null, None, 0),
            key(CopyAction::Dup, None, 0),
            calls,
        ];
        let other = key(CopyAction::Call(twice), None, 0);
        let old = Attributes::default();
        for (number, value) in keys.iter().zip([7, 8, 9]) {
            old.set(Kind::Comm, 1, *number, ptr(value)).unwrap();
        }
        old.set(Kind::Comm, 1, other, ptr(3)).unwrap();
        let new = Attributes::default();
        old.copy_to(1, &new).unwrap();
        let got = |number| new.get(Kind::Comm, number).unwrap().map(|p| p.addr());
        assert_eq!(keys.map(got), [None, Some(8), Some(18)]);
        assert_eq!(got(other), None, "flag 0 leaves it out");
    }

    #[test]
    fn a_failing_delete_keeps_the_attribute() {
        let _inside = lock::inside();
        let number = key(CopyAction::Null, Some(note), 16);
        let attributes = Attributes::default();
        attributes.set(Kind::Comm, 1, number, ptr(1)).unwrap();
        let failed = attributes.delete(Kind::Comm, 1, number).unwrap_err();
        assert_eq!(failed.class(), Class::OTHER);
        assert!(attributes.get(Kind::Comm, number).unwrap().is_some());
        assert!(attributes.clear(1).is_err());
        assert!(attributes.clear_all(1).is_err());
        assert!(attributes.get(Kind::Comm, number).unwrap().is_none());
        assert!(attributes.delete(Kind::Comm, 1, number).is_err());
        seen();
    }

    #[test]
    fn wrong_keys_are_errors() {
        let _inside = lock::inside();
        let number = key(CopyAction::Null, None, 0);
        assert!(free_keyval(Kind::Win, number).is_err());
        assert!(free_keyval(Kind::Comm, 501).is_err());
        free_keyval(Kind::Comm, number).unwrap();
        assert!(free_keyval(Kind::Comm, number).is_err());
        assert!(find(Kind::Comm, INVALID).is_err());
        assert!(predefined(501).flatten().is_some() && predefined(500).is_none());
    }
}
