//! The ABI about itself, and handles as integers (MPI 5.0, chapter 20).

use super::convert;
use super::prelude::*;
use crate::handle::Kind;
use crate::object::fortran::{self, Logicals};
use crate::object::info;

export! {
    /// Section 20.1, ABI version and info.
    fn MPI_Abi_get_info(info: *mut MPI_Info) at ANY_TIME {
        arg::put(info, "info", MPI_Info(info::insert(fortran::abi_info())?))
    }

    /// Section 20.1, ABI version and info.
    fn MPI_Abi_get_version(abi_major: *mut c_int, abi_minor: *mut c_int) at ANY_TIME {
        arg::put(abi_major, "abi_major", MPI_ABI_VERSION)?;
        arg::put(abi_minor, "abi_minor", MPI_ABI_SUBVERSION)
    }

    /// Section 20.2, Fortran in the ABI.
    fn MPI_Abi_get_fortran_booleans(
        logical_size: c_int, logical_true: *mut c_void, logical_false: *mut c_void,
        is_set: *mut c_int,
    ) at ANY_TIME {
        let known = fortran::logicals(arg::number(logical_size, "logical_size")?)?;
        arg::put_flag(is_set, "is_set", known.is_some())?;
        let Some(known) = known else { return Ok(()) };
        arg::put_bytes(logical_true, "logical_true", &known.yes)?;
        arg::put_bytes(logical_false, "logical_false", &known.no)
    }

    /// Section 20.2, Fortran in the ABI.
    fn MPI_Abi_get_fortran_info(info: *mut MPI_Info) at ANY_TIME {
        let known = fortran::info().map(info::insert).transpose()?;
        arg::put(info, "info", known.map_or(MPI_INFO_NULL, MPI_Info))
    }

    /// Section 20.2, Fortran in the ABI.
    fn MPI_Abi_set_fortran_booleans(
        logical_size: c_int, logical_true: *mut c_void, logical_false: *mut c_void,
    ) at ANY_TIME {
        let size = arg::number(logical_size, "logical_size")?;
        let yes = arg::slice(logical_true.cast::<u8>(), size, "logical_true")?.to_vec();
        let no = arg::slice(logical_false.cast::<u8>(), size, "logical_false")?.to_vec();
        fortran::set_logicals(Logicals { yes, no })
    }

    /// Section 20.2, Fortran in the ABI.
    fn MPI_Abi_set_fortran_info(info: MPI_Info) at ANY_TIME {
        fortran::set_info(arg::hints(info)?)
    }
}

export_value! {
    /// Section 20.3, handles as integers.
    fn MPI_Comm_fromint(comm: c_int) -> MPI_Comm {
        MPI_Comm(convert::fromint(Kind::Comm, comm))
    }

    /// Section 20.3, handles as integers.
    fn MPI_Comm_toint(comm: MPI_Comm) -> c_int {
        convert::toint(comm.0)
    }

    /// Section 20.3, handles as integers.
    fn MPI_Errhandler_fromint(errhandler: c_int) -> MPI_Errhandler {
        MPI_Errhandler(convert::fromint(Kind::Errhandler, errhandler))
    }

    /// Section 20.3, handles as integers.
    fn MPI_Errhandler_toint(errhandler: MPI_Errhandler) -> c_int {
        convert::toint(errhandler.0)
    }

    /// Section 20.3, handles as integers.
    fn MPI_File_fromint(file: c_int) -> MPI_File {
        MPI_File(convert::fromint(Kind::File, file))
    }

    /// Section 20.3, handles as integers.
    fn MPI_File_toint(file: MPI_File) -> c_int {
        convert::toint(file.0)
    }

    /// Section 20.3, handles as integers.
    fn MPI_Group_fromint(group: c_int) -> MPI_Group {
        MPI_Group(convert::fromint(Kind::Group, group))
    }

    /// Section 20.3, handles as integers.
    fn MPI_Group_toint(group: MPI_Group) -> c_int {
        convert::toint(group.0)
    }

    /// Section 20.3, handles as integers.
    fn MPI_Info_fromint(info: c_int) -> MPI_Info {
        MPI_Info(convert::fromint(Kind::Info, info))
    }

    /// Section 20.3, handles as integers.
    fn MPI_Info_toint(info: MPI_Info) -> c_int {
        convert::toint(info.0)
    }

    /// Section 20.3, handles as integers.
    fn MPI_Message_fromint(message: c_int) -> MPI_Message {
        MPI_Message(convert::fromint(Kind::Message, message))
    }

    /// Section 20.3, handles as integers.
    fn MPI_Message_toint(message: MPI_Message) -> c_int {
        convert::toint(message.0)
    }

    /// Section 20.3, handles as integers.
    fn MPI_Op_fromint(op: c_int) -> MPI_Op {
        MPI_Op(convert::fromint(Kind::Op, op))
    }

    /// Section 20.3, handles as integers.
    fn MPI_Op_toint(op: MPI_Op) -> c_int {
        convert::toint(op.0)
    }

    /// Section 20.3, handles as integers.
    fn MPI_Request_fromint(request: c_int) -> MPI_Request {
        MPI_Request(convert::fromint(Kind::Request, request))
    }

    /// Section 20.3, handles as integers.
    fn MPI_Request_toint(request: MPI_Request) -> c_int {
        convert::toint(request.0)
    }

    /// Section 20.3, handles as integers.
    fn MPI_Session_fromint(session: c_int) -> MPI_Session {
        MPI_Session(convert::fromint(Kind::Session, session))
    }

    /// Section 20.3, handles as integers.
    fn MPI_Session_toint(session: MPI_Session) -> c_int {
        convert::toint(session.0)
    }

    /// Section 20.3, handles as integers.
    fn MPI_Type_fromint(datatype: c_int) -> MPI_Datatype {
        MPI_Datatype(convert::fromint(Kind::Datatype, datatype))
    }

    /// Section 20.3, handles as integers.
    fn MPI_Type_toint(datatype: MPI_Datatype) -> c_int {
        convert::toint(datatype.0)
    }

    /// Section 20.3, handles as integers.
    fn MPI_Win_fromint(win: c_int) -> MPI_Win {
        MPI_Win(convert::fromint(Kind::Win, win))
    }

    /// Section 20.3, handles as integers.
    fn MPI_Win_toint(win: MPI_Win) -> c_int {
        convert::toint(win.0)
    }
}
