//! The environment: start, end, versions, memory, time (MPI 5.0, sections 9, 11).

use super::panic;
use super::prelude::*;
use crate::object::info;
use crate::pml::collective;
use crate::{clock, coll, comm_make, job, lifecycle, machine, memory};

/// What `MPI_Get_library_version` says.
const LIBRARY_VERSION: &str = concat!(
    "Lariat ",
    env!("CARGO_PKG_VERSION"),
    ", an MPI for ranks that share a machine (MPI 5.0)",
);

export! {
    /// Section 11.2.1, starting MPI.
    fn MPI_Init(argc: *mut c_int, argv: *mut *mut *mut c_char) at ANY_TIME {
        let _ = (argc, argv);
        panic::install();
        lifecycle::init(MPI_THREAD_SINGLE)?;
        coll::start_looking();
        Ok(())
    }

    /// Section 11.2.1, starting MPI.
    fn MPI_Init_thread(
        argc: *mut c_int, argv: *mut *mut *mut c_char, required: c_int, provided: *mut c_int,
    ) at ANY_TIME {
        let _ = (argc, argv);
        panic::install();
        let level = lifecycle::init(arg::thread_level(required)?)?;
        coll::start_looking();
        arg::put(provided, "provided", level)
    }

    /// Section 11.2.2, finalizing MPI.
    fn MPI_Finalize() {
        collective::sweep();
        lifecycle::finalize()
    }

    /// Section 11.4.1, calls that are always available.
    fn MPI_Finalized(flag: *mut c_int) at ANY_TIME {
        arg::put_flag(flag, "flag", job::is_finalized())
    }

    /// Section 11.4.1, calls that are always available.
    fn MPI_Initialized(flag: *mut c_int) at ANY_TIME {
        arg::put_flag(flag, "flag", job::is_initialized())
    }

    /// Section 11.4.2, aborting processes.
    fn MPI_Abort(comm: MPI_Comm, errorcode: c_int) on comm at ANY_TIME {
        let (rank, comm) = arg::place(comm);
        let text = format!("rank {rank} called MPI_Abort on {comm} with error code {errorcode}");
        job::abort(errorcode, &text)
    }

    /// Section 11.6.2, threads.
    fn MPI_Is_thread_main(flag: *mut c_int) {
        arg::put_flag(flag, "flag", job::is_main_thread())
    }

    /// Section 11.6.2, threads.
    fn MPI_Query_thread(provided: *mut c_int) {
        arg::put(provided, "provided", job::thread_level())
    }

    /// Section 9.1.1, version inquiries.
    fn MPI_Get_library_version(version: *mut c_char, resultlen: *mut c_int) at ANY_TIME {
        let room = MPI_MAX_LIBRARY_VERSION_STRING;
        arg::put_name(version, room, "version", resultlen, LIBRARY_VERSION)
    }

    /// Section 9.1.1, version inquiries.
    fn MPI_Get_version(version: *mut c_int, subversion: *mut c_int) at ANY_TIME {
        arg::put(version, "version", MPI_VERSION)?;
        arg::put(subversion, "subversion", MPI_SUBVERSION)
    }

    /// Section 9.1.2, environmental inquiries.
    fn MPI_Get_hw_resource_info(hw_info: *mut MPI_Info) {
        let info = info::insert(comm_make::split_type::hw_resource_info())?;
        arg::put(hw_info, "hw_info", MPI_Info(info))
    }

    /// Section 9.1.2, environmental inquiries.
    fn MPI_Get_processor_name(name: *mut c_char, resultlen: *mut c_int) {
        arg::put_name(name, MPI_MAX_PROCESSOR_NAME, "name", resultlen, &machine::host_name())
    }

    /// Section 9.2, memory allocation.
    fn MPI_Alloc_mem(size: MPI_Aint, info: MPI_Info, baseptr: *mut c_void) {
        let align = memory::alignment(&arg::hints(info)?)?;
        let addr = memory::allocate(arg::number(size, "size")?, align)?;
        arg::put_as(baseptr, "baseptr", addr)
    }

    /// Section 9.2, memory allocation.
    fn MPI_Free_mem(base: *mut c_void) {
        memory::free(base);
        Ok(())
    }

    /// Section 15.2.4, profiling control.
    fn MPI_Pcontrol(level: c_int) at ANY_TIME {
        let _ = level; // for tools, which have their own; nothing to do here
        Ok(())
    }
}

export_value! {
    /// Section 9.6, timers.
    fn MPI_Wtick() -> f64 {
        clock::tick()
    }

    /// Section 9.6, timers.
    fn MPI_Wtime() -> f64 {
        clock::seconds()
    }
}
