//! Error handlers, codes and classes (MPI 5.0, sections 9.3 to 9.5).

use super::prelude::*;

export! {
    /// Section 9.3.1, error handlers for communicators.
    fn MPI_Comm_create_errhandler(
        comm_errhandler_fn: MPI_Comm_errhandler_function, errhandler: *mut MPI_Errhandler,
    ) at ANY_TIME;

    /// Section 9.3.1, error handlers for communicators.
    fn MPI_Comm_get_errhandler(comm: MPI_Comm, errhandler: *mut MPI_Errhandler) on comm;

    /// Section 9.3.1, error handlers for communicators.
    fn MPI_Comm_set_errhandler(comm: MPI_Comm, errhandler: MPI_Errhandler) on comm;

    /// Section 9.3.2, error handlers for windows.
    fn MPI_Win_create_errhandler(
        win_errhandler_fn: MPI_Win_errhandler_function, errhandler: *mut MPI_Errhandler,
    ) at ANY_TIME;

    /// Section 9.3.2, error handlers for windows.
    fn MPI_Win_get_errhandler(win: MPI_Win, errhandler: *mut MPI_Errhandler) on win;

    /// Section 9.3.2, error handlers for windows.
    fn MPI_Win_set_errhandler(win: MPI_Win, errhandler: MPI_Errhandler) on win;

    /// Section 9.3.3, error handlers for files.
    fn MPI_File_create_errhandler(
        file_errhandler_fn: MPI_File_errhandler_function, errhandler: *mut MPI_Errhandler,
    ) at ANY_TIME;

    /// Section 9.3.3, error handlers for files.
    fn MPI_File_get_errhandler(file: MPI_File, errhandler: *mut MPI_Errhandler) on file;

    /// Section 9.3.3, error handlers for files.
    fn MPI_File_set_errhandler(file: MPI_File, errhandler: MPI_Errhandler) on file;

    /// Section 9.3.4, error handlers for sessions.
    fn MPI_Session_create_errhandler(
        session_errhandler_fn: MPI_Session_errhandler_function,
        errhandler: *mut MPI_Errhandler,
    ) at ANY_TIME;

    /// Section 9.3.4, error handlers for sessions.
    fn MPI_Session_get_errhandler(session: MPI_Session, errhandler: *mut MPI_Errhandler) on session;

    /// Section 9.3.4, error handlers for sessions.
    fn MPI_Session_set_errhandler(session: MPI_Session, errhandler: MPI_Errhandler) on session;

    /// Section 9.3.5, freeing error handlers and retrieving error strings.
    fn MPI_Errhandler_free(errhandler: *mut MPI_Errhandler) at ANY_TIME;

    /// Section 9.3.5, freeing error handlers and retrieving error strings.
    fn MPI_Error_string(errorcode: c_int, string: *mut c_char, resultlen: *mut c_int) at ANY_TIME;

    /// Section 9.4, error codes and classes.
    fn MPI_Error_class(errorcode: c_int, errorclass: *mut c_int) at ANY_TIME;

    /// Section 9.5, error classes, codes and handlers of the user.
    fn MPI_Add_error_class(errorclass: *mut c_int) at ANY_TIME;

    /// Section 9.5, error classes, codes and handlers of the user.
    fn MPI_Add_error_code(errorclass: c_int, errorcode: *mut c_int) at ANY_TIME;

    /// Section 9.5, error classes, codes and handlers of the user.
    fn MPI_Add_error_string(errorcode: c_int, string: *const c_char) at ANY_TIME;

    /// Section 9.5, error classes, codes and handlers of the user.
    fn MPI_Comm_call_errhandler(comm: MPI_Comm, errorcode: c_int) on comm;

    /// Section 9.5, error classes, codes and handlers of the user.
    fn MPI_File_call_errhandler(fh: MPI_File, errorcode: c_int) on fh;

    /// Section 9.5, error classes, codes and handlers of the user.
    fn MPI_Remove_error_class(errorclass: c_int) at ANY_TIME;

    /// Section 9.5, error classes, codes and handlers of the user.
    fn MPI_Remove_error_code(errorcode: c_int) at ANY_TIME;

    /// Section 9.5, error classes, codes and handlers of the user.
    fn MPI_Remove_error_string(errorcode: c_int) at ANY_TIME;

    /// Section 9.5, error classes, codes and handlers of the user.
    fn MPI_Session_call_errhandler(session: MPI_Session, errorcode: c_int) on session at ANY_TIME;

    /// Section 9.5, error classes, codes and handlers of the user.
    fn MPI_Win_call_errhandler(win: MPI_Win, errorcode: c_int) on win;
}
