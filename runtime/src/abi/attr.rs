//! Attributes (MPI 5.0, section 7.7).

use super::prelude::*;
use crate::handle::Kind;
use crate::object::attr::{self, CopyAction, DeleteFn};
use crate::object::win;

/// The address of a C function; 0 for a null pointer.
macro_rules! address {
    ($function:expr) => {
        $function.map_or(0, |function| function as usize)
    };
}

/// Makes a key of the addresses of a copy and a delete function.
///
/// # Safety
/// They are those of functions of the right types, or constants that stand for
/// one; `keyval` is null or may be written.
unsafe fn create_keyval(
    kind: Kind,
    (copy, delete): (usize, usize),
    keyval: *mut c_int,
    extra_state: *mut c_void,
) -> Result<()> {
    // SAFETY: as the caller said. Handle types are transparent, so that functions
    // for any kind of object have the types used here.
    unsafe {
        arg::put(keyval, "keyval", attr::INVALID)?;
        let delete = std::mem::transmute::<usize, Option<DeleteFn>>(delete);
        let made = attr::create_keyval(kind, CopyAction::of(copy), delete, extra_state)?;
        arg::put(keyval, "keyval", made)
    }
}

/// Writes an attribute's value, if there is one, and whether there is.
///
/// # Safety
/// Both pointers are null or may be written.
unsafe fn put_attribute(
    found: Option<*mut c_void>,
    attribute_val: *mut c_void,
    flag: *mut c_int,
) -> Result<()> {
    // SAFETY: as the caller said.
    unsafe {
        if let Some(value) = found {
            arg::put_as(attribute_val, "attribute_val", value)?;
        }
        arg::put_flag(flag, "flag", found.is_some())
    }
}

export! {
    /// Section 7.7.2, caching on communicators.
    fn MPI_Comm_create_keyval(
        comm_copy_attr_fn: MPI_Comm_copy_attr_function,
        comm_delete_attr_fn: MPI_Comm_delete_attr_function, comm_keyval: *mut c_int,
        extra_state: *mut c_void,
    ) {
        let functions = (address!(comm_copy_attr_fn), address!(comm_delete_attr_fn));
        create_keyval(Kind::Comm, functions, comm_keyval, extra_state)
    }

    /// Section 7.7.2, caching on communicators.
    fn MPI_Comm_delete_attr(comm: MPI_Comm, comm_keyval: c_int) on comm {
        let object = arg::comm(comm)?.clone();
        object.attributes.delete(Kind::Comm, comm.0, comm_keyval)
    }

    /// Section 7.7.2, caching on communicators.
    fn MPI_Comm_free_keyval(comm_keyval: *mut c_int) {
        attr::free_keyval(Kind::Comm, arg::get(comm_keyval, "comm_keyval")?)?;
        arg::put(comm_keyval, "comm_keyval", attr::INVALID)
    }

    /// Section 7.7.2, caching on communicators.
    fn MPI_Comm_get_attr(
        comm: MPI_Comm, comm_keyval: c_int, attribute_val: *mut c_void, flag: *mut c_int,
    ) on comm {
        let comm = arg::comm(comm)?;
        let found = match attr::predefined(comm_keyval) {
            Some(found) => found,
            None => comm.attributes.get(Kind::Comm, comm_keyval)?,
        };
        put_attribute(found, attribute_val, flag)
    }

    /// Section 7.7.2, caching on communicators.
    fn MPI_Comm_set_attr(comm: MPI_Comm, comm_keyval: c_int, attribute_val: *mut c_void) on comm {
        let object = arg::comm(comm)?.clone();
        object.attributes.set(Kind::Comm, comm.0, comm_keyval, attribute_val)
    }

    /// Section 7.7.3, caching on windows.
    fn MPI_Win_create_keyval(
        win_copy_attr_fn: MPI_Win_copy_attr_function,
        win_delete_attr_fn: MPI_Win_delete_attr_function, win_keyval: *mut c_int,
        extra_state: *mut c_void,
    ) {
        let functions = (address!(win_copy_attr_fn), address!(win_delete_attr_fn));
        create_keyval(Kind::Win, functions, win_keyval, extra_state)
    }

    /// Section 7.7.3, caching on windows.
    fn MPI_Win_delete_attr(win: MPI_Win, win_keyval: c_int) on win {
        win::get(win.0)?.attributes.delete(Kind::Win, win.0, win_keyval)
    }

    /// Section 7.7.3, caching on windows.
    fn MPI_Win_free_keyval(win_keyval: *mut c_int) {
        attr::free_keyval(Kind::Win, arg::get(win_keyval, "win_keyval")?)?;
        arg::put(win_keyval, "win_keyval", attr::INVALID)
    }

    /// Section 7.7.3, caching on windows.
    fn MPI_Win_get_attr(
        win: MPI_Win, win_keyval: c_int, attribute_val: *mut c_void, flag: *mut c_int,
    ) on win {
        let object = win::get(win.0)?;
        let found = match object.predefined(win_keyval) {
            Some(value) => Some(value),
            None => object.attributes.get(Kind::Win, win_keyval)?,
        };
        put_attribute(found, attribute_val, flag)
    }

    /// Section 7.7.3, caching on windows.
    fn MPI_Win_set_attr(win: MPI_Win, win_keyval: c_int, attribute_val: *mut c_void) on win {
        win::get(win.0)?.attributes.set(Kind::Win, win.0, win_keyval, attribute_val)
    }

    /// Section 7.7.4, caching on datatypes.
    fn MPI_Type_create_keyval(
        type_copy_attr_fn: MPI_Type_copy_attr_function,
        type_delete_attr_fn: MPI_Type_delete_attr_function, type_keyval: *mut c_int,
        extra_state: *mut c_void,
    ) {
        let functions = (address!(type_copy_attr_fn), address!(type_delete_attr_fn));
        create_keyval(Kind::Datatype, functions, type_keyval, extra_state)
    }

    /// Section 7.7.4, caching on datatypes.
    fn MPI_Type_delete_attr(datatype: MPI_Datatype, type_keyval: c_int) {
        let object = arg::datatype(datatype)?.clone();
        object.attributes.delete(Kind::Datatype, datatype.0, type_keyval)
    }

    /// Section 7.7.4, caching on datatypes.
    fn MPI_Type_free_keyval(type_keyval: *mut c_int) {
        attr::free_keyval(Kind::Datatype, arg::get(type_keyval, "type_keyval")?)?;
        arg::put(type_keyval, "type_keyval", attr::INVALID)
    }

    /// Section 7.7.4, caching on datatypes.
    fn MPI_Type_get_attr(
        datatype: MPI_Datatype, type_keyval: c_int, attribute_val: *mut c_void,
        flag: *mut c_int,
    ) {
        let found = arg::datatype(datatype)?.attributes.get(Kind::Datatype, type_keyval)?;
        put_attribute(found, attribute_val, flag)
    }

    /// Section 7.7.4, caching on datatypes.
    fn MPI_Type_set_attr(datatype: MPI_Datatype, type_keyval: c_int, attribute_val: *mut c_void) {
        let object = arg::datatype(datatype)?.clone();
        object.attributes.set(Kind::Datatype, datatype.0, type_keyval, attribute_val)
    }

    /// Section 16.1, caching, deprecated since MPI-2.0.
    fn MPI_Attr_delete(comm: MPI_Comm, keyval: c_int) on comm {
        let object = arg::comm(comm)?.clone();
        object.attributes.delete(Kind::Comm, comm.0, keyval)
    }

    /// Section 16.1, caching, deprecated since MPI-2.0.
    fn MPI_Attr_get(
        comm: MPI_Comm, keyval: c_int, attribute_val: *mut c_void, flag: *mut c_int,
    ) on comm {
        let comm = arg::comm(comm)?;
        let found = match attr::predefined(keyval) {
            Some(found) => found,
            None => comm.attributes.get(Kind::Comm, keyval)?,
        };
        put_attribute(found, attribute_val, flag)
    }

    /// Section 16.1, caching, deprecated since MPI-2.0.
    fn MPI_Attr_put(comm: MPI_Comm, keyval: c_int, attribute_val: *mut c_void) on comm {
        let object = arg::comm(comm)?.clone();
        object.attributes.set(Kind::Comm, comm.0, keyval, attribute_val)
    }

    /// Section 16.1, caching, deprecated since MPI-2.0.
    fn MPI_Keyval_create(
        copy_fn: MPI_Copy_function, delete_fn: MPI_Delete_function, keyval: *mut c_int,
        extra_state: *mut c_void,
    ) {
        let functions = (address!(copy_fn), address!(delete_fn));
        create_keyval(Kind::Comm, functions, keyval, extra_state)
    }

    /// Section 16.1, caching, deprecated since MPI-2.0.
    fn MPI_Keyval_free(keyval: *mut c_int) {
        attr::free_keyval(Kind::Comm, arg::get(keyval, "keyval")?)?;
        arg::put(keyval, "keyval", attr::INVALID)
    }
}
