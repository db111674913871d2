//! Error handlers, codes and classes (MPI 5.0, sections 9.3 to 9.5).

use super::prelude::*;
use crate::handle::Kind;
use crate::object::errhandler::{self, Function};
use crate::object::{error_code, raise, session, win};

/// An error handler's function, whatever the kind of its object: handle types
/// are transparent.
macro_rules! errhandler_function {
    ($function:expr) => {
        $function.map(|function| {
            std::mem::transmute::<unsafe extern "C" fn(*mut _, *mut c_int, ...), Function>(function)
        })
    };
}

export! {
    /// Section 9.3.1, error handlers for communicators.
    fn MPI_Comm_create_errhandler(
        comm_errhandler_fn: MPI_Comm_errhandler_function, errhandler: *mut MPI_Errhandler,
    ) at ANY_TIME {
        let function = errhandler_function!(comm_errhandler_fn);
        let new = errhandler::create(Kind::Comm, function)?;
        arg::put(errhandler, "errhandler", MPI_Errhandler(new))
    }

    /// Section 9.3.1, error handlers for communicators.
    fn MPI_Comm_get_errhandler(comm: MPI_Comm, errhandler: *mut MPI_Errhandler) on comm {
        let used = arg::comm(comm)?.errhandler.get()?;
        arg::put(errhandler, "errhandler", MPI_Errhandler(used))
    }

    /// Section 9.3.1, error handlers for communicators.
    fn MPI_Comm_set_errhandler(comm: MPI_Comm, errhandler: MPI_Errhandler) on comm {
        arg::comm(comm)?.errhandler.set(Kind::Comm, errhandler.0)
    }

    /// Section 9.3.2, error handlers for windows.
    fn MPI_Win_create_errhandler(
        win_errhandler_fn: MPI_Win_errhandler_function, errhandler: *mut MPI_Errhandler,
    ) at ANY_TIME {
        let function = errhandler_function!(win_errhandler_fn);
        let new = errhandler::create(Kind::Win, function)?;
        arg::put(errhandler, "errhandler", MPI_Errhandler(new))
    }

    /// Section 9.3.2, error handlers for windows.
    fn MPI_Win_get_errhandler(win: MPI_Win, errhandler: *mut MPI_Errhandler) on win {
        let used = win::get(win.0)?.errhandler.get()?;
        arg::put(errhandler, "errhandler", MPI_Errhandler(used))
    }

    /// Section 9.3.2, error handlers for windows.
    fn MPI_Win_set_errhandler(win: MPI_Win, errhandler: MPI_Errhandler) on win {
        win::get(win.0)?.errhandler.set(Kind::Win, errhandler.0)
    }

    /// Section 9.3.3, error handlers for files.
    fn MPI_File_create_errhandler(
        file_errhandler_fn: MPI_File_errhandler_function, errhandler: *mut MPI_Errhandler,
    ) at ANY_TIME {
        let function = errhandler_function!(file_errhandler_fn);
        let new = errhandler::create(Kind::File, function)?;
        arg::put(errhandler, "errhandler", MPI_Errhandler(new))
    }

    /// Section 9.3.3, error handlers for files.
    fn MPI_File_get_errhandler(file: MPI_File, errhandler: *mut MPI_Errhandler) on file {
        let used = match file {
            MPI_FILE_NULL => errhandler::FILE_DEFAULT.with(|slot| slot.get())?,
            file => arg::file(file)?.errhandler.get()?,
        };
        arg::put(errhandler, "errhandler", MPI_Errhandler(used))
    }

    /// Section 9.3.3, error handlers for files.
    fn MPI_File_set_errhandler(file: MPI_File, errhandler: MPI_Errhandler) on file {
        if file != MPI_FILE_NULL {
            return arg::file(file)?.errhandler.set(Kind::File, errhandler.0);
        }
        errhandler::FILE_DEFAULT.with(|slot| slot.set(Kind::File, errhandler.0))
    }

    /// Section 9.3.4, error handlers for sessions.
    fn MPI_Session_create_errhandler(
        session_errhandler_fn: MPI_Session_errhandler_function,
        errhandler: *mut MPI_Errhandler,
    ) at ANY_TIME {
        let function = errhandler_function!(session_errhandler_fn);
        let new = errhandler::create(Kind::Session, function)?;
        arg::put(errhandler, "errhandler", MPI_Errhandler(new))
    }

    /// Section 9.3.4, error handlers for sessions.
    fn MPI_Session_get_errhandler(
        session: MPI_Session, errhandler: *mut MPI_Errhandler,
    ) on session {
        let used = session::get_errhandler(session.0)?;
        arg::put(errhandler, "errhandler", MPI_Errhandler(used))
    }

    /// Section 9.3.4, error handlers for sessions.
    fn MPI_Session_set_errhandler(session: MPI_Session, errhandler: MPI_Errhandler) on session {
        session::set_errhandler(session.0, errhandler.0)
    }

    /// Section 9.3.5, freeing error handlers and retrieving error strings.
    fn MPI_Errhandler_free(errhandler: *mut MPI_Errhandler) at ANY_TIME {
        errhandler::free(arg::get(errhandler, "errhandler")?.0)?;
        arg::put(errhandler, "errhandler", MPI_Errhandler(errhandler::NULL))
    }

    /// Section 9.3.5, freeing error handlers and retrieving error strings.
    fn MPI_Error_string(errorcode: c_int, string: *mut c_char, resultlen: *mut c_int) at ANY_TIME {
        let text = error_code::text(errorcode)?;
        arg::put_name(string, MPI_MAX_ERROR_STRING, "string", resultlen, &text)
    }

    /// Section 9.4, error codes and classes.
    fn MPI_Error_class(errorcode: c_int, errorclass: *mut c_int) at ANY_TIME {
        arg::put(errorclass, "errorclass", error_code::class(errorcode)?)
    }

    /// Section 9.5, error classes, codes and handlers of the user.
    fn MPI_Add_error_class(errorclass: *mut c_int) at ANY_TIME {
        arg::put(errorclass, "errorclass", error_code::add_class()?)
    }

    /// Section 9.5, error classes, codes and handlers of the user.
    fn MPI_Add_error_code(errorclass: c_int, errorcode: *mut c_int) at ANY_TIME {
        arg::put(errorcode, "errorcode", error_code::add_code(errorclass)?)
    }

    /// Section 9.5, error classes, codes and handlers of the user.
    fn MPI_Add_error_string(errorcode: c_int, string: *const c_char) at ANY_TIME {
        error_code::add_text(errorcode, arg::string(string, "string")?.into_owned())
    }

    /// Section 9.5, error classes, codes and handlers of the user.
    fn MPI_Comm_call_errhandler(comm: MPI_Comm, errorcode: c_int) on comm {
        arg::comm(comm)?;
        raise::call(Subject::Comm(comm.0), "MPI_Comm_call_errhandler", errorcode);
        Ok(())
    }

    /// Section 9.5, error classes, codes and handlers of the user.
    fn MPI_File_call_errhandler(fh: MPI_File, errorcode: c_int) on fh {
        if fh != MPI_FILE_NULL {
            arg::file(fh)?;
        }
        raise::call(Subject::File(fh.0), "MPI_File_call_errhandler", errorcode);
        Ok(())
    }

    /// Section 9.5, error classes, codes and handlers of the user.
    fn MPI_Remove_error_class(errorclass: c_int) at ANY_TIME {
        error_code::remove_class(errorclass)
    }

    /// Section 9.5, error classes, codes and handlers of the user.
    fn MPI_Remove_error_code(errorcode: c_int) at ANY_TIME {
        error_code::remove_code(errorcode)
    }

    /// Section 9.5, error classes, codes and handlers of the user.
    fn MPI_Remove_error_string(errorcode: c_int) at ANY_TIME {
        error_code::remove_text(errorcode)
    }

    /// Section 9.5, error classes, codes and handlers of the user.
    fn MPI_Session_call_errhandler(session: MPI_Session, errorcode: c_int) on session at ANY_TIME {
        session::check(session.0)?;
        raise::call(Subject::Session(session.0), "MPI_Session_call_errhandler", errorcode);
        Ok(())
    }

    /// Section 9.5, error classes, codes and handlers of the user.
    fn MPI_Win_call_errhandler(win: MPI_Win, errorcode: c_int) on win {
        win::get(win.0)?;
        raise::call(Subject::Win(win.0), "MPI_Win_call_errhandler", errorcode);
        Ok(())
    }
}
