//! Attributes (MPI 5.0, section 7.7).

use super::prelude::*;

export! {
    /// Section 7.7.2, caching on communicators.
    fn MPI_Comm_create_keyval(
        comm_copy_attr_fn: MPI_Comm_copy_attr_function,
        comm_delete_attr_fn: MPI_Comm_delete_attr_function, comm_keyval: *mut c_int,
        extra_state: *mut c_void,
    );

    /// Section 7.7.2, caching on communicators.
    fn MPI_Comm_delete_attr(comm: MPI_Comm, comm_keyval: c_int) on comm;

    /// Section 7.7.2, caching on communicators.
    fn MPI_Comm_free_keyval(comm_keyval: *mut c_int);

    /// Section 7.7.2, caching on communicators.
    fn MPI_Comm_get_attr(
        comm: MPI_Comm, comm_keyval: c_int, attribute_val: *mut c_void, flag: *mut c_int,
    ) on comm;

    /// Section 7.7.2, caching on communicators.
    fn MPI_Comm_set_attr(comm: MPI_Comm, comm_keyval: c_int, attribute_val: *mut c_void) on comm;

    /// Section 7.7.3, caching on windows.
    fn MPI_Win_create_keyval(
        win_copy_attr_fn: MPI_Win_copy_attr_function,
        win_delete_attr_fn: MPI_Win_delete_attr_function, win_keyval: *mut c_int,
        extra_state: *mut c_void,
    );

    /// Section 7.7.3, caching on windows.
    fn MPI_Win_delete_attr(win: MPI_Win, win_keyval: c_int) on win;

    /// Section 7.7.3, caching on windows.
    fn MPI_Win_free_keyval(win_keyval: *mut c_int);

    /// Section 7.7.3, caching on windows.
    fn MPI_Win_get_attr(
        win: MPI_Win, win_keyval: c_int, attribute_val: *mut c_void, flag: *mut c_int,
    ) on win;

    /// Section 7.7.3, caching on windows.
    fn MPI_Win_set_attr(win: MPI_Win, win_keyval: c_int, attribute_val: *mut c_void) on win;

    /// Section 7.7.4, caching on datatypes.
    fn MPI_Type_create_keyval(
        type_copy_attr_fn: MPI_Type_copy_attr_function,
        type_delete_attr_fn: MPI_Type_delete_attr_function, type_keyval: *mut c_int,
        extra_state: *mut c_void,
    );

    /// Section 7.7.4, caching on datatypes.
    fn MPI_Type_delete_attr(datatype: MPI_Datatype, type_keyval: c_int);

    /// Section 7.7.4, caching on datatypes.
    fn MPI_Type_free_keyval(type_keyval: *mut c_int);

    /// Section 7.7.4, caching on datatypes.
    fn MPI_Type_get_attr(
        datatype: MPI_Datatype, type_keyval: c_int, attribute_val: *mut c_void,
        flag: *mut c_int,
    );

    /// Section 7.7.4, caching on datatypes.
    fn MPI_Type_set_attr(datatype: MPI_Datatype, type_keyval: c_int, attribute_val: *mut c_void);

    /// Section 16.1, caching, deprecated since MPI-2.0.
    fn MPI_Attr_delete(comm: MPI_Comm, keyval: c_int) on comm;

    /// Section 16.1, caching, deprecated since MPI-2.0.
    fn MPI_Attr_get(
        comm: MPI_Comm, keyval: c_int, attribute_val: *mut c_void, flag: *mut c_int,
    ) on comm;

    /// Section 16.1, caching, deprecated since MPI-2.0.
    fn MPI_Attr_put(comm: MPI_Comm, keyval: c_int, attribute_val: *mut c_void) on comm;

    /// Section 16.1, caching, deprecated since MPI-2.0.
    fn MPI_Keyval_create(
        copy_fn: MPI_Copy_function, delete_fn: MPI_Delete_function, keyval: *mut c_int,
        extra_state: *mut c_void,
    );

    /// Section 16.1, caching, deprecated since MPI-2.0.
    fn MPI_Keyval_free(keyval: *mut c_int);
}
