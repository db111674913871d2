//! Handles of datatypes: constants for the predefined ones, slots for the rest.

use super::definition::Datatype;
use super::envelope::Combiner;
use super::predefined::{DATATYPE_NULL, predefined};
use crate::error::{Class, Error, Result};
use crate::fail;
use crate::handle::{Kind, Raw, Table};
use crate::lock::Local;
use std::sync::Arc;

static DERIVED: Local<Table<Arc<Datatype>>> = Local::new(Table::new(Kind::Datatype));

#[cold]
fn unknown(raw: Raw) -> Error {
    let text = if raw == DATATYPE_NULL {
        "the datatype is MPI_DATATYPE_NULL".to_owned()
    } else {
        format!("handle {raw:#x} is no datatype, or one that was freed")
    };
    Error::new(Class::TYPE, text)
}

/// The datatype that `raw` names, without sharing it.
///
/// # Safety
/// The reference ends when the handle is freed: use it within the call that
/// looked it up, and clone it before waiting or calling a user's function.
///
/// # Errors
/// `raw` is no datatype (`MPI_ERR_TYPE`).
#[inline]
pub unsafe fn get(raw: Raw) -> Result<&'static Arc<Datatype>> {
    match predefined(raw) {
        Some(datatype) => Ok(datatype),
        // SAFETY: the caller's promise.
        None => unsafe { derived(raw) },
    }
}

/// As [`get`], where `raw` is no constant.
///
/// # Safety
/// As [`get`].
///
/// # Errors
/// As [`get`].
#[inline(never)]
unsafe fn derived(raw: Raw) -> Result<&'static Arc<Datatype>> {
    DERIVED.with(|table| match table.find(raw) {
        // SAFETY: entries of the table stay in place until removed, and the
        // caller does not use the reference after that.
        Some(datatype) => Ok(unsafe { &*std::ptr::from_ref(datatype) }),
        None => Err(unknown(raw)),
    })
}

/// As [`get`], for communication: the type must be committed.
///
/// # Safety
/// As [`get`].
///
/// # Errors
/// As [`get`], or the type is not committed (`MPI_ERR_TYPE`).
#[inline(always)]
#[allow(clippy::inline_always, reason = "every message comes here")]
pub unsafe fn get_committed(raw: Raw) -> Result<&'static Arc<Datatype>> {
    // SAFETY: the caller's promise.
    let datatype = unsafe { get(raw) }?;
    if !datatype.is_committed() {
        return Err(uncommitted(raw, datatype));
    }
    Ok(datatype)
}

#[cold]
fn uncommitted(raw: Raw, datatype: &Datatype) -> Error {
    let name = datatype.name();
    let named = match name.is_empty() {
        true => String::new(),
        false => format!(" ({})", String::from_utf8_lossy(&name)),
    };
    Error::new(
        Class::TYPE,
        format!("datatype {raw:#x}{named} is not committed; call MPI_Type_commit first"),
    )
}

/// The datatype that `raw` names, shared.
///
/// # Errors
/// `raw` is no datatype (`MPI_ERR_TYPE`).
pub fn share(raw: Raw) -> Result<Arc<Datatype>> {
    // SAFETY: the reference ends here.
    unsafe { get(raw) }.cloned()
}

/// The name of a type (`MPI_Type_get_name`); the null handle has one too
/// (section 7.8).
///
/// # Errors
/// `raw` is no datatype, nor `MPI_DATATYPE_NULL`.
pub fn name_of(raw: Raw) -> Result<Vec<u8>> {
    match raw {
        DATATYPE_NULL => Ok(b"MPI_DATATYPE_NULL".to_vec()),
        _ => Ok(share(raw)?.name()),
    }
}

/// Names a new datatype.
///
/// # Errors
/// No more handles.
pub fn insert(datatype: Arc<Datatype>) -> Result<Raw> {
    DERIVED.with(|table| table.insert(datatype))
}

/// Names a type that is never freed.
pub(super) fn insert_permanent(datatype: Datatype) -> Result<Raw> {
    let raw = insert(Arc::new(datatype))?;
    DERIVED.with(|table| {
        if let Some(datatype) = table.find_mut(raw).and_then(Arc::get_mut) {
            datatype.handle = Some(raw);
        }
    });
    Ok(raw)
}

/// A handle for a type that `MPI_Type_get_contents` returns: the constant of a
/// predefined one, a new handle of an equal type otherwise, which the caller
/// frees.
///
/// # Errors
/// No more handles.
pub fn handle_of(datatype: &Arc<Datatype>) -> Result<Raw> {
    match datatype.handle {
        Some(raw) => Ok(raw),
        None => insert(Arc::new(datatype.twin(datatype.envelope.clone()))),
    }
}

/// Allows the type to be used in communication (`MPI_Type_commit`).
///
/// # Errors
/// `raw` is no datatype.
pub fn commit(raw: Raw) -> Result<()> {
    share(raw)?.commit();
    Ok(())
}

/// Names a copy of a type (`MPI_Type_dup`), with those of its attributes that
/// their copy functions want copied.
///
/// # Errors
/// `raw` is no datatype, or a copy function failed.
pub fn duplicate(raw: Raw) -> Result<Raw> {
    let old = share(raw)?;
    let new = Datatype::duplicate(&old);
    if let Err(error) = old.attributes.copy_to(raw, &new.attributes) {
        // nobody got to see the copy: its attributes go with it
        let _ = new.attributes.clear_all(raw);
        return Err(error);
    }
    insert(new)
}

/// Gives the handle back, once the delete functions of the type's attributes
/// agree; the type lives on in other types and in messages under way
/// (`MPI_Type_free`).
///
/// # Errors
/// `raw` is no datatype, or one that is never freed, or a delete function
/// failed.
pub fn free(raw: Raw) -> Result<()> {
    let datatype = share(raw)?;
    if datatype.is_permanent() {
        let name = String::from_utf8_lossy(&datatype.name()).into_owned();
        match datatype.envelope().combiner {
            Combiner::Named => fail!(TYPE, "{name} is predefined and cannot be freed"),
            _ => fail!(
                TYPE,
                "datatype {raw:#x} is a predefined one without a name (a Fortran kind or a \
                 value-index pair) and cannot be freed"
            ),
        }
    }
    datatype.attributes.clear(raw)?;
    // dropped outside, since the last reference may end here, and others with it
    let last = DERIVED.with(|table| table.remove(raw));
    drop(last);
    Ok(())
}

/// The whole handle of the datatype that the low 32 bits of a handle name
/// (`MPI_Type_fromint`).
#[must_use]
pub fn from_low(low: u32) -> Option<Raw> {
    let raw = low as Raw;
    match predefined(raw) {
        Some(_) => Some(raw),
        None if raw == DATATYPE_NULL => Some(raw),
        None => DERIVED.with(|table| table.from_low(low)),
    }
}

/// How many there are that the program has made and not freed: those of
/// `MPI_Type_create_f90_…` cannot be freed, and do not count.
#[must_use]
pub fn count() -> usize {
    DERIVED.with(|table| table.len()) - super::f90::count()
}
