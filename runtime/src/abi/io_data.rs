//! Files: data access (MPI 5.0, section 14.4).

use super::prelude::*;
use crate::file::access::Direction::{Read, Write};
use crate::file::access::{self, Start};
use crate::file::split::{self, Form};
use crate::file::{collective, nonblocking, shared};

export! {
    /// Section 14.4.2, access with explicit offsets.
    fn MPI_File_iread_at, fn MPI_File_iread_at_c(
        fh: MPI_File, offset: MPI_Offset, buf: *mut c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, request: *mut MPI_Request,
    ) on fh {
        arg::present(request, "request")?;
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype)?);
        let started = nonblocking::start(&file, Read, Start::Offset(offset), memory)?;
        arg::put(request, "request", MPI_Request(started))
    }

    /// Section 14.4.2, access with explicit offsets.
    fn MPI_File_iread_at_all, fn MPI_File_iread_at_all_c(
        fh: MPI_File, offset: MPI_Offset, buf: *mut c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, request: *mut MPI_Request,
    ) on fh {
        arg::present(request, "request")?;
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype)?);
        let started = nonblocking::start(&file, Read, Start::Offset(offset), memory)?;
        arg::put(request, "request", MPI_Request(started))
    }

    /// Section 14.4.2, access with explicit offsets.
    fn MPI_File_iwrite_at, fn MPI_File_iwrite_at_c(
        fh: MPI_File, offset: MPI_Offset, buf: *const c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, request: *mut MPI_Request,
    ) on fh {
        arg::present(request, "request")?;
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype)?);
        let started = nonblocking::start(&file, Write, Start::Offset(offset), memory)?;
        arg::put(request, "request", MPI_Request(started))
    }

    /// Section 14.4.2, access with explicit offsets.
    fn MPI_File_iwrite_at_all, fn MPI_File_iwrite_at_all_c(
        fh: MPI_File, offset: MPI_Offset, buf: *const c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, request: *mut MPI_Request,
    ) on fh {
        arg::present(request, "request")?;
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype)?);
        let started = nonblocking::start(&file, Write, Start::Offset(offset), memory)?;
        arg::put(request, "request", MPI_Request(started))
    }

    /// Section 14.4.2, access with explicit offsets.
    fn MPI_File_read_at, fn MPI_File_read_at_c(
        fh: MPI_File, offset: MPI_Offset, buf: *mut c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, status: *mut MPI_Status,
    ) on fh {
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype)?);
        let outcome = access::blocking(&file, Read, Start::Offset(offset), memory)?;
        arg::finish(outcome, status)
    }

    /// Section 14.4.2, access with explicit offsets.
    fn MPI_File_read_at_all, fn MPI_File_read_at_all_c(
        fh: MPI_File, offset: MPI_Offset, buf: *mut c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, status: *mut MPI_Status,
    ) on fh {
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype));
        arg::finish(collective::blocking(&file, Read, Start::Offset(offset), memory)?, status)
    }

    /// Section 14.4.2, access with explicit offsets.
    fn MPI_File_write_at, fn MPI_File_write_at_c(
        fh: MPI_File, offset: MPI_Offset, buf: *const c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, status: *mut MPI_Status,
    ) on fh {
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype)?);
        let outcome = access::blocking(&file, Write, Start::Offset(offset), memory)?;
        arg::finish(outcome, status)
    }

    /// Section 14.4.2, access with explicit offsets.
    fn MPI_File_write_at_all, fn MPI_File_write_at_all_c(
        fh: MPI_File, offset: MPI_Offset, buf: *const c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, status: *mut MPI_Status,
    ) on fh {
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype));
        arg::finish(collective::blocking(&file, Write, Start::Offset(offset), memory)?, status)
    }

    /// Section 14.4.3, access with individual file pointers.
    fn MPI_File_iread, fn MPI_File_iread_c(
        fh: MPI_File, buf: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype,
        request: *mut MPI_Request,
    ) on fh {
        arg::present(request, "request")?;
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype)?);
        let started = nonblocking::start(&file, Read, Start::Individual, memory)?;
        arg::put(request, "request", MPI_Request(started))
    }

    /// Section 14.4.3, access with individual file pointers.
    fn MPI_File_iread_all, fn MPI_File_iread_all_c(
        fh: MPI_File, buf: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype,
        request: *mut MPI_Request,
    ) on fh {
        arg::present(request, "request")?;
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype)?);
        let started = nonblocking::start(&file, Read, Start::Individual, memory)?;
        arg::put(request, "request", MPI_Request(started))
    }

    /// Section 14.4.3, access with individual file pointers.
    fn MPI_File_iwrite, fn MPI_File_iwrite_c(
        fh: MPI_File, buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype,
        request: *mut MPI_Request,
    ) on fh {
        arg::present(request, "request")?;
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype)?);
        let started = nonblocking::start(&file, Write, Start::Individual, memory)?;
        arg::put(request, "request", MPI_Request(started))
    }

    /// Section 14.4.3, access with individual file pointers.
    fn MPI_File_iwrite_all, fn MPI_File_iwrite_all_c(
        fh: MPI_File, buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype,
        request: *mut MPI_Request,
    ) on fh {
        arg::present(request, "request")?;
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype)?);
        let started = nonblocking::start(&file, Write, Start::Individual, memory)?;
        arg::put(request, "request", MPI_Request(started))
    }

    /// Section 14.4.3, access with individual file pointers.
    fn MPI_File_read, fn MPI_File_read_c(
        fh: MPI_File, buf: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype,
        status: *mut MPI_Status,
    ) on fh {
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype)?);
        let outcome = access::blocking(&file, Read, Start::Individual, memory)?;
        arg::finish(outcome, status)
    }

    /// Section 14.4.3, access with individual file pointers.
    fn MPI_File_read_all, fn MPI_File_read_all_c(
        fh: MPI_File, buf: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype,
        status: *mut MPI_Status,
    ) on fh {
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype));
        arg::finish(collective::blocking(&file, Read, Start::Individual, memory)?, status)
    }

    /// Section 14.4.3, access with individual file pointers.
    fn MPI_File_write, fn MPI_File_write_c(
        fh: MPI_File, buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype,
        status: *mut MPI_Status,
    ) on fh {
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype)?);
        let outcome = access::blocking(&file, Write, Start::Individual, memory)?;
        arg::finish(outcome, status)
    }

    /// Section 14.4.3, access with individual file pointers.
    fn MPI_File_write_all, fn MPI_File_write_all_c(
        fh: MPI_File, buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype,
        status: *mut MPI_Status,
    ) on fh {
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype));
        arg::finish(collective::blocking(&file, Write, Start::Individual, memory)?, status)
    }

    /// Section 14.4.4, access with shared file pointers.
    fn MPI_File_iread_shared, fn MPI_File_iread_shared_c(
        fh: MPI_File, buf: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype,
        request: *mut MPI_Request,
    ) on fh {
        arg::present(request, "request")?;
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype)?);
        let started = nonblocking::start_shared(&file, Read, memory)?;
        arg::put(request, "request", MPI_Request(started))
    }

    /// Section 14.4.4, access with shared file pointers.
    fn MPI_File_iwrite_shared, fn MPI_File_iwrite_shared_c(
        fh: MPI_File, buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype,
        request: *mut MPI_Request,
    ) on fh {
        arg::present(request, "request")?;
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype)?);
        let started = nonblocking::start_shared(&file, Write, memory)?;
        arg::put(request, "request", MPI_Request(started))
    }

    /// Section 14.4.4, access with shared file pointers.
    fn MPI_File_read_ordered, fn MPI_File_read_ordered_c(
        fh: MPI_File, buf: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype,
        status: *mut MPI_Status,
    ) on fh {
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype));
        arg::finish(shared::ordered(&file, Read, memory)?, status)
    }

    /// Section 14.4.4, access with shared file pointers.
    fn MPI_File_read_shared, fn MPI_File_read_shared_c(
        fh: MPI_File, buf: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype,
        status: *mut MPI_Status,
    ) on fh {
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype)?);
        arg::finish(shared::blocking(&file, Read, memory)?, status)
    }

    /// Section 14.4.4, access with shared file pointers.
    fn MPI_File_write_ordered, fn MPI_File_write_ordered_c(
        fh: MPI_File, buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype,
        status: *mut MPI_Status,
    ) on fh {
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype));
        arg::finish(shared::ordered(&file, Write, memory)?, status)
    }

    /// Section 14.4.4, access with shared file pointers.
    fn MPI_File_write_shared, fn MPI_File_write_shared_c(
        fh: MPI_File, buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype,
        status: *mut MPI_Status,
    ) on fh {
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype)?);
        arg::finish(shared::blocking(&file, Write, memory)?, status)
    }

    /// Section 14.4.5, split collective access.
    fn MPI_File_read_all_begin, fn MPI_File_read_all_begin_c(
        fh: MPI_File, buf: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype,
    ) on fh {
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype));
        split::begin(&file, Read, Form::Individual, 0, memory)
    }

    /// Section 14.4.5, split collective access.
    fn MPI_File_read_all_end(fh: MPI_File, buf: *mut c_void, status: *mut MPI_Status) on fh {
        arg::finish(split::end(&*arg::file(fh)?, Read, Form::Individual, buf.addr())?, status)
    }

    /// Section 14.4.5, split collective access.
    fn MPI_File_read_at_all_begin, fn MPI_File_read_at_all_begin_c(
        fh: MPI_File, offset: MPI_Offset, buf: *mut c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype,
    ) on fh {
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype));
        split::begin(&file, Read, Form::AtOffset, offset, memory)
    }

    /// Section 14.4.5, split collective access.
    fn MPI_File_read_at_all_end(fh: MPI_File, buf: *mut c_void, status: *mut MPI_Status) on fh {
        arg::finish(split::end(&*arg::file(fh)?, Read, Form::AtOffset, buf.addr())?, status)
    }

    /// Section 14.4.5, split collective access.
    fn MPI_File_read_ordered_begin, fn MPI_File_read_ordered_begin_c(
        fh: MPI_File, buf: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype,
    ) on fh {
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype));
        split::begin(&file, Read, Form::Ordered, 0, memory)
    }

    /// Section 14.4.5, split collective access.
    fn MPI_File_read_ordered_end(fh: MPI_File, buf: *mut c_void, status: *mut MPI_Status) on fh {
        arg::finish(split::end(&*arg::file(fh)?, Read, Form::Ordered, buf.addr())?, status)
    }

    /// Section 14.4.5, split collective access.
    fn MPI_File_write_all_begin, fn MPI_File_write_all_begin_c(
        fh: MPI_File, buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype,
    ) on fh {
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype));
        split::begin(&file, Write, Form::Individual, 0, memory)
    }

    /// Section 14.4.5, split collective access.
    fn MPI_File_write_all_end(fh: MPI_File, buf: *const c_void, status: *mut MPI_Status) on fh {
        arg::finish(split::end(&*arg::file(fh)?, Write, Form::Individual, buf.addr())?, status)
    }

    /// Section 14.4.5, split collective access.
    fn MPI_File_write_at_all_begin, fn MPI_File_write_at_all_begin_c(
        fh: MPI_File, offset: MPI_Offset, buf: *const c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype,
    ) on fh {
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype));
        split::begin(&file, Write, Form::AtOffset, offset, memory)
    }

    /// Section 14.4.5, split collective access.
    fn MPI_File_write_at_all_end(fh: MPI_File, buf: *const c_void, status: *mut MPI_Status) on fh {
        arg::finish(split::end(&*arg::file(fh)?, Write, Form::AtOffset, buf.addr())?, status)
    }

    /// Section 14.4.5, split collective access.
    fn MPI_File_write_ordered_begin, fn MPI_File_write_ordered_begin_c(
        fh: MPI_File, buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype,
    ) on fh {
        let (file, memory) = (arg::file(fh)?, arg::memory(buf.cast(), count, datatype));
        split::begin(&file, Write, Form::Ordered, 0, memory)
    }

    /// Section 14.4.5, split collective access.
    fn MPI_File_write_ordered_end(fh: MPI_File, buf: *const c_void, status: *mut MPI_Status) on fh {
        arg::finish(split::end(&*arg::file(fh)?, Write, Form::Ordered, buf.addr())?, status)
    }
}
