//! The environment: start, end, versions, memory, time (MPI 5.0, sections 9, 11).

use super::prelude::*;

export! {
    /// Section 11.2.1, starting MPI.
    fn MPI_Init(argc: *mut c_int, argv: *mut *mut *mut c_char) at ANY_TIME;

    /// Section 11.2.1, starting MPI.
    fn MPI_Init_thread(
        argc: *mut c_int, argv: *mut *mut *mut c_char, required: c_int, provided: *mut c_int,
    ) at ANY_TIME;

    /// Section 11.2.2, finalizing MPI.
    fn MPI_Finalize();

    /// Section 11.4.1, calls that are always available.
    fn MPI_Finalized(flag: *mut c_int) at ANY_TIME;

    /// Section 11.4.1, calls that are always available.
    fn MPI_Initialized(flag: *mut c_int) at ANY_TIME;

    /// Section 11.4.2, aborting processes.
    fn MPI_Abort(comm: MPI_Comm, errorcode: c_int) on comm at ANY_TIME;

    /// Section 11.6.2, threads.
    fn MPI_Is_thread_main(flag: *mut c_int) at ANY_TIME;

    /// Section 11.6.2, threads.
    fn MPI_Query_thread(provided: *mut c_int) at ANY_TIME;

    /// Section 9.1.1, version inquiries.
    fn MPI_Get_library_version(version: *mut c_char, resultlen: *mut c_int) at ANY_TIME;

    /// Section 9.1.1, version inquiries.
    fn MPI_Get_version(version: *mut c_int, subversion: *mut c_int) at ANY_TIME;

    /// Section 9.1.2, environmental inquiries.
    fn MPI_Get_hw_resource_info(hw_info: *mut MPI_Info);

    /// Section 9.1.2, environmental inquiries.
    fn MPI_Get_processor_name(name: *mut c_char, resultlen: *mut c_int);

    /// Section 9.2, memory allocation.
    fn MPI_Alloc_mem(size: MPI_Aint, info: MPI_Info, baseptr: *mut c_void);

    /// Section 9.2, memory allocation.
    fn MPI_Free_mem(base: *mut c_void);

    /// Section 15.2.4, profiling control.
    fn MPI_Pcontrol(level: c_int) at ANY_TIME;
}

export_value! {
    /// Section 9.6, timers.
    fn MPI_Wtick() -> f64 {
        crate::clock::tick()
    }

    /// Section 9.6, timers.
    fn MPI_Wtime() -> f64 {
        crate::clock::seconds()
    }
}
