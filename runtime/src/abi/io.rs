//! Files: opening, views, pointers, consistency (MPI 5.0, chapter 14).

use super::arg::{ConversionFunction, Number};
use super::prelude::*;
use crate::file::open::OpenSpec;
use crate::file::pointer::Whence;
use crate::file::set_view::ViewSpec;
use crate::file::{atomic, hints, open, pointer, set_view, shared, size};
use crate::object::file::datarep::{self, UserDatarep};
use crate::object::{datatype, group, info};
use crate::rma::serve;

/// # Safety
/// `name` is null or a string.
unsafe fn open_spec(name: *const c_char, amode: c_int, info: MPI_Info) -> Result<OpenSpec> {
    Ok(OpenSpec {
        // SAFETY: as the caller said.
        name: unsafe { arg::cstr(name, "filename") }?.to_owned(),
        amode,
        info: arg::hints(info)?,
    })
}

/// # Safety
/// `datarep` is null or a string.
unsafe fn view_spec(
    disp: MPI_Offset,
    etype: MPI_Datatype,
    filetype: MPI_Datatype,
    datarep: *const c_char,
) -> Result<ViewSpec> {
    // SAFETY: the references to datatypes end here; the string as the caller said.
    unsafe {
        Ok(ViewSpec {
            disp,
            etype: arg::committed(etype)?.clone(),
            filetype: arg::committed(filetype)?.clone(),
            datarep: arg::string(datarep, "datarep")?.into_owned(),
        })
    }
}

export! {
    /// Section 14.2.1, opening a file.
    fn MPI_File_open(
        comm: MPI_Comm, filename: *const c_char, amode: c_int, info: MPI_Info,
        fh: *mut MPI_File,
    ) on MPI_FILE_NULL {
        let comm = arg::comm(comm)?;
        let mut spec = open_spec(filename, amode, info);
        if let Err(error) = arg::put(fh, "fh", MPI_FILE_NULL) {
            spec = spec.and(Err(error));
        }
        arg::put(fh, "fh", MPI_File(open::open(comm, spec)?))?;
        serve::attend();
        Ok(())
    }

    /// Section 14.2.2, closing a file.
    fn MPI_File_close(fh: *mut MPI_File) on fh {
        open::close(arg::get(fh, "fh")?.0)?;
        arg::put(fh, "fh", MPI_FILE_NULL)
    }

    /// Section 14.2.3, deleting a file.
    fn MPI_File_delete(filename: *const c_char, info: MPI_Info) on MPI_FILE_NULL {
        arg::hints(info)?;
        open::delete(arg::cstr(filename, "filename")?)
    }

    /// Section 14.2.4, resizing a file.
    fn MPI_File_set_size(fh: MPI_File, size: MPI_Offset) on fh {
        size::set(&*arg::file(fh)?, size)
    }

    /// Section 14.2.5, preallocating space.
    fn MPI_File_preallocate(fh: MPI_File, size: MPI_Offset) on fh {
        size::preallocate(&*arg::file(fh)?, size)
    }

    /// Section 14.2.6, querying the size.
    fn MPI_File_get_size(fh: MPI_File, size: *mut MPI_Offset) on fh {
        arg::put(size, "size", size::get(&*arg::file(fh)?)?.cast_signed())
    }

    /// Section 14.2.7, querying file parameters.
    fn MPI_File_get_amode(fh: MPI_File, amode: *mut c_int) on fh {
        arg::put(amode, "amode", arg::file(fh)?.amode.0)
    }

    /// Section 14.2.7, querying file parameters.
    fn MPI_File_get_group(fh: MPI_File, group: *mut MPI_Group) on fh {
        let members = arg::file(fh)?.comm.group.clone();
        arg::put(group, "group", MPI_Group(group::insert(members)?))
    }

    /// Section 14.2.8, file info.
    fn MPI_File_get_info(fh: MPI_File, info_used: *mut MPI_Info) on fh {
        let used = hints::of(&*arg::file(fh)?);
        arg::put(info_used, "info_used", MPI_Info(info::insert(used)?))
    }

    /// Section 14.2.8, file info.
    fn MPI_File_set_info(fh: MPI_File, info: MPI_Info) on fh {
        hints::set(&*arg::file(fh)?, &arg::hints(info)?);
        Ok(())
    }

    /// Section 14.3, file views.
    fn MPI_File_get_view(
        fh: MPI_File, disp: *mut MPI_Offset, etype: *mut MPI_Datatype,
        filetype: *mut MPI_Datatype, datarep: *mut c_char,
    ) on fh {
        let view = arg::file(fh)?.view();
        arg::put(disp, "disp", view.disp.cast_signed())?;
        arg::put(etype, "etype", MPI_Datatype(datatype::handle_of(&view.etype)?))?;
        arg::put(filetype, "filetype", MPI_Datatype(datatype::handle_of(&view.filetype)?))?;
        let room = arg::number(MPI_MAX_DATAREP_STRING, "room")?;
        arg::put_string(datarep, room, "datarep", view.datarep.name()).map(drop)
    }

    /// Section 14.3, file views.
    fn MPI_File_set_view(
        fh: MPI_File, disp: MPI_Offset, etype: MPI_Datatype, filetype: MPI_Datatype,
        datarep: *const c_char, info: MPI_Info,
    ) on fh {
        let spec = view_spec(disp, etype, filetype, datarep);
        let file = arg::file(fh)?;
        let given = arg::hints(info);
        set_view::set(&file, given.as_ref().map_err(Error::copy).and(spec))?;
        hints::set(&file, &given?);
        Ok(())
    }

    /// Section 14.4.3, individual file pointers.
    fn MPI_File_get_byte_offset(fh: MPI_File, offset: MPI_Offset, disp: *mut MPI_Offset) on fh {
        arg::put(disp, "disp", pointer::byte_offset(&*arg::file(fh)?, offset)?)
    }

    /// Section 14.4.3, individual file pointers.
    fn MPI_File_get_position(fh: MPI_File, offset: *mut MPI_Offset) on fh {
        let file = arg::file(fh)?;
        file.may_choose_place()?;
        arg::put(offset, "offset", file.position.get())
    }

    /// Section 14.4.3, individual file pointers.
    fn MPI_File_seek(fh: MPI_File, offset: MPI_Offset, whence: c_int) on fh {
        pointer::seek(&*arg::file(fh)?, offset, Whence::of(whence)?)
    }

    /// Section 14.4.4, shared file pointers.
    fn MPI_File_get_position_shared(fh: MPI_File, offset: *mut MPI_Offset) on fh {
        arg::put(offset, "offset", shared::position(&*arg::file(fh)?)?)
    }

    /// Section 14.4.4, shared file pointers.
    fn MPI_File_seek_shared(fh: MPI_File, offset: MPI_Offset, whence: c_int) on fh {
        shared::seek(&*arg::file(fh)?, offset, whence)
    }

    /// Section 14.5.1, datatypes and file interoperability.
    fn MPI_File_get_type_extent, fn MPI_File_get_type_extent_c(
        fh: MPI_File, datatype: MPI_Datatype, extent: *mut MPI_Aint | *mut MPI_Count,
    ) on fh {
        let (file, datatype) = (arg::file(fh)?, arg::datatype(datatype)?.clone());
        let in_file = file.view().datarep.in_file(&datatype)?;
        arg::put_fitting(extent, "extent", in_file.extent().wide())
    }

    /// Section 14.5.3, user-defined data representations.
    fn MPI_Register_datarep, fn MPI_Register_datarep_c(
        datarep: *const c_char,
        read_conversion_fn: MPI_Datarep_conversion_function | MPI_Datarep_conversion_function_c,
        write_conversion_fn: MPI_Datarep_conversion_function | MPI_Datarep_conversion_function_c,
        dtype_file_extent_fn: MPI_Datarep_extent_function, extra_state: *mut c_void,
    ) {
        let (read, write) = (read_conversion_fn.conversion(), write_conversion_fn.conversion());
        let name = arg::string(datarep, "datarep")?.into_owned();
        let extent = arg::extent_function(dtype_file_extent_fn)?;
        datarep::register(UserDatarep { name, read, write, extent, extra_state })
    }

    /// Section 14.6.1, file consistency.
    fn MPI_File_get_atomicity(fh: MPI_File, flag: *mut c_int) on fh {
        arg::put_flag(flag, "flag", arg::file(fh)?.is_atomic.get())
    }

    /// Section 14.6.1, file consistency.
    fn MPI_File_set_atomicity(fh: MPI_File, flag: c_int) on fh {
        atomic::set(&*arg::file(fh)?, flag != 0)
    }

    /// Section 14.6.1, file consistency.
    fn MPI_File_sync(fh: MPI_File) on fh {
        size::sync(&*arg::file(fh)?)
    }
}
