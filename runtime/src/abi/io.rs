//! Files: opening, views, pointers, consistency (MPI 5.0, chapter 14).

use super::prelude::*;

export! {
    /// Section 14.2.1, opening a file.
    fn MPI_File_open(
        comm: MPI_Comm, filename: *const c_char, amode: c_int, info: MPI_Info,
        fh: *mut MPI_File,
    ) on MPI_FILE_NULL;

    /// Section 14.2.2, closing a file.
    fn MPI_File_close(fh: *mut MPI_File) on fh;

    /// Section 14.2.3, deleting a file.
    fn MPI_File_delete(filename: *const c_char, info: MPI_Info) on MPI_FILE_NULL;

    /// Section 14.2.4, resizing a file.
    fn MPI_File_set_size(fh: MPI_File, size: MPI_Offset) on fh;

    /// Section 14.2.5, preallocating space.
    fn MPI_File_preallocate(fh: MPI_File, size: MPI_Offset) on fh;

    /// Section 14.2.6, querying the size.
    fn MPI_File_get_size(fh: MPI_File, size: *mut MPI_Offset) on fh;

    /// Section 14.2.7, querying file parameters.
    fn MPI_File_get_amode(fh: MPI_File, amode: *mut c_int) on fh;

    /// Section 14.2.7, querying file parameters.
    fn MPI_File_get_group(fh: MPI_File, group: *mut MPI_Group) on fh;

    /// Section 14.2.8, file info.
    fn MPI_File_get_info(fh: MPI_File, info_used: *mut MPI_Info) on fh;

    /// Section 14.2.8, file info.
    fn MPI_File_set_info(fh: MPI_File, info: MPI_Info) on fh;

    /// Section 14.3, file views.
    fn MPI_File_get_view(
        fh: MPI_File, disp: *mut MPI_Offset, etype: *mut MPI_Datatype,
        filetype: *mut MPI_Datatype, datarep: *mut c_char,
    ) on fh;

    /// Section 14.3, file views.
    fn MPI_File_set_view(
        fh: MPI_File, disp: MPI_Offset, etype: MPI_Datatype, filetype: MPI_Datatype,
        datarep: *const c_char, info: MPI_Info,
    ) on fh;

    /// Section 14.4.3, individual file pointers.
    fn MPI_File_get_byte_offset(fh: MPI_File, offset: MPI_Offset, disp: *mut MPI_Offset) on fh;

    /// Section 14.4.3, individual file pointers.
    fn MPI_File_get_position(fh: MPI_File, offset: *mut MPI_Offset) on fh;

    /// Section 14.4.3, individual file pointers.
    fn MPI_File_seek(fh: MPI_File, offset: MPI_Offset, whence: c_int) on fh;

    /// Section 14.4.4, shared file pointers.
    fn MPI_File_get_position_shared(fh: MPI_File, offset: *mut MPI_Offset) on fh;

    /// Section 14.4.4, shared file pointers.
    fn MPI_File_seek_shared(fh: MPI_File, offset: MPI_Offset, whence: c_int) on fh;

    /// Section 14.5.1, datatypes and file interoperability.
    fn MPI_File_get_type_extent, fn MPI_File_get_type_extent_c(
        fh: MPI_File, datatype: MPI_Datatype, extent: *mut MPI_Aint | *mut MPI_Count,
    ) on fh;

    /// Section 14.5.3, user-defined data representations.
    fn MPI_Register_datarep, fn MPI_Register_datarep_c(
        datarep: *const c_char,
        read_conversion_fn: MPI_Datarep_conversion_function | MPI_Datarep_conversion_function_c,
        write_conversion_fn: MPI_Datarep_conversion_function | MPI_Datarep_conversion_function_c,
        dtype_file_extent_fn: MPI_Datarep_extent_function, extra_state: *mut c_void,
    );

    /// Section 14.6.1, file consistency.
    fn MPI_File_get_atomicity(fh: MPI_File, flag: *mut c_int) on fh;

    /// Section 14.6.1, file consistency.
    fn MPI_File_set_atomicity(fh: MPI_File, flag: c_int) on fh;

    /// Section 14.6.1, file consistency.
    fn MPI_File_sync(fh: MPI_File) on fh;
}
