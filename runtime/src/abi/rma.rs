//! One-sided communication (MPI 5.0, chapter 12).

use super::prelude::*;

export! {
    /// Section 12.2.1, window creation.
    fn MPI_Win_create, fn MPI_Win_create_c(
        base: *mut c_void, size: MPI_Aint, disp_unit: c_int | MPI_Aint, info: MPI_Info,
        comm: MPI_Comm, win: *mut MPI_Win,
    ) on comm;

    /// Section 12.2.2, window that allocates.
    fn MPI_Win_allocate, fn MPI_Win_allocate_c(
        size: MPI_Aint, disp_unit: c_int | MPI_Aint, info: MPI_Info, comm: MPI_Comm,
        baseptr: *mut c_void, win: *mut MPI_Win,
    ) on comm;

    /// Section 12.2.3, window with shared memory.
    fn MPI_Win_allocate_shared, fn MPI_Win_allocate_shared_c(
        size: MPI_Aint, disp_unit: c_int | MPI_Aint, info: MPI_Info, comm: MPI_Comm,
        baseptr: *mut c_void, win: *mut MPI_Win,
    ) on comm;

    /// Section 12.2.3, window with shared memory.
    fn MPI_Win_shared_query, fn MPI_Win_shared_query_c(
        win: MPI_Win, rank: c_int, size: *mut MPI_Aint, disp_unit: *mut c_int | *mut MPI_Aint,
        baseptr: *mut c_void,
    ) on win;

    /// Section 12.2.4, window of dynamically attached memory.
    fn MPI_Win_attach(win: MPI_Win, base: *mut c_void, size: MPI_Aint) on win;

    /// Section 12.2.4, window of dynamically attached memory.
    fn MPI_Win_create_dynamic(info: MPI_Info, comm: MPI_Comm, win: *mut MPI_Win) on comm;

    /// Section 12.2.4, window of dynamically attached memory.
    fn MPI_Win_detach(win: MPI_Win, base: *const c_void) on win;

    /// Section 12.2.5, window destruction.
    fn MPI_Win_free(win: *mut MPI_Win) on win;

    /// Section 12.2.6, window attributes.
    fn MPI_Win_get_group(win: MPI_Win, group: *mut MPI_Group) on win;

    /// Section 12.2.7, window info.
    fn MPI_Win_get_info(win: MPI_Win, info_used: *mut MPI_Info) on win;

    /// Section 12.2.7, window info.
    fn MPI_Win_set_info(win: MPI_Win, info: MPI_Info) on win;

    /// Section 12.3.1, put.
    fn MPI_Put, fn MPI_Put_c(
        origin_addr: *const c_void, origin_count: c_int | MPI_Count,
        origin_datatype: MPI_Datatype, target_rank: c_int, target_disp: MPI_Aint,
        target_count: c_int | MPI_Count, target_datatype: MPI_Datatype, win: MPI_Win,
    ) on win;

    /// Section 12.3.2, get.
    fn MPI_Get, fn MPI_Get_c(
        origin_addr: *mut c_void, origin_count: c_int | MPI_Count,
        origin_datatype: MPI_Datatype, target_rank: c_int, target_disp: MPI_Aint,
        target_count: c_int | MPI_Count, target_datatype: MPI_Datatype, win: MPI_Win,
    ) on win;

    /// Section 12.3.4, accumulate functions.
    fn MPI_Accumulate, fn MPI_Accumulate_c(
        origin_addr: *const c_void, origin_count: c_int | MPI_Count,
        origin_datatype: MPI_Datatype, target_rank: c_int, target_disp: MPI_Aint,
        target_count: c_int | MPI_Count, target_datatype: MPI_Datatype, op: MPI_Op,
        win: MPI_Win,
    ) on win;

    /// Section 12.3.4, accumulate functions.
    fn MPI_Compare_and_swap(
        origin_addr: *const c_void, compare_addr: *const c_void, result_addr: *mut c_void,
        datatype: MPI_Datatype, target_rank: c_int, target_disp: MPI_Aint, win: MPI_Win,
    ) on win;

    /// Section 12.3.4, accumulate functions.
    fn MPI_Fetch_and_op(
        origin_addr: *const c_void, result_addr: *mut c_void, datatype: MPI_Datatype,
        target_rank: c_int, target_disp: MPI_Aint, op: MPI_Op, win: MPI_Win,
    ) on win;

    /// Section 12.3.4, accumulate functions.
    fn MPI_Get_accumulate, fn MPI_Get_accumulate_c(
        origin_addr: *const c_void, origin_count: c_int | MPI_Count,
        origin_datatype: MPI_Datatype, result_addr: *mut c_void,
        result_count: c_int | MPI_Count, result_datatype: MPI_Datatype, target_rank: c_int,
        target_disp: MPI_Aint, target_count: c_int | MPI_Count, target_datatype: MPI_Datatype,
        op: MPI_Op, win: MPI_Win,
    ) on win;

    /// Section 12.3.5, request-based operations.
    fn MPI_Raccumulate, fn MPI_Raccumulate_c(
        origin_addr: *const c_void, origin_count: c_int | MPI_Count,
        origin_datatype: MPI_Datatype, target_rank: c_int, target_disp: MPI_Aint,
        target_count: c_int | MPI_Count, target_datatype: MPI_Datatype, op: MPI_Op,
        win: MPI_Win, request: *mut MPI_Request,
    ) on win;

    /// Section 12.3.5, request-based operations.
    fn MPI_Rget, fn MPI_Rget_c(
        origin_addr: *mut c_void, origin_count: c_int | MPI_Count,
        origin_datatype: MPI_Datatype, target_rank: c_int, target_disp: MPI_Aint,
        target_count: c_int | MPI_Count, target_datatype: MPI_Datatype, win: MPI_Win,
        request: *mut MPI_Request,
    ) on win;

    /// Section 12.3.5, request-based operations.
    fn MPI_Rget_accumulate, fn MPI_Rget_accumulate_c(
        origin_addr: *const c_void, origin_count: c_int | MPI_Count,
        origin_datatype: MPI_Datatype, result_addr: *mut c_void,
        result_count: c_int | MPI_Count, result_datatype: MPI_Datatype, target_rank: c_int,
        target_disp: MPI_Aint, target_count: c_int | MPI_Count, target_datatype: MPI_Datatype,
        op: MPI_Op, win: MPI_Win, request: *mut MPI_Request,
    ) on win;

    /// Section 12.3.5, request-based operations.
    fn MPI_Rput, fn MPI_Rput_c(
        origin_addr: *const c_void, origin_count: c_int | MPI_Count,
        origin_datatype: MPI_Datatype, target_rank: c_int, target_disp: MPI_Aint,
        target_count: c_int | MPI_Count, target_datatype: MPI_Datatype, win: MPI_Win,
        request: *mut MPI_Request,
    ) on win;

    /// Section 12.5.1, fence.
    fn MPI_Win_fence(assert: c_int, win: MPI_Win) on win;

    /// Section 12.5.2, general active target synchronization.
    fn MPI_Win_complete(win: MPI_Win) on win;

    /// Section 12.5.2, general active target synchronization.
    fn MPI_Win_post(group: MPI_Group, assert: c_int, win: MPI_Win) on win;

    /// Section 12.5.2, general active target synchronization.
    fn MPI_Win_start(group: MPI_Group, assert: c_int, win: MPI_Win) on win;

    /// Section 12.5.2, general active target synchronization.
    fn MPI_Win_test(win: MPI_Win, flag: *mut c_int) on win;

    /// Section 12.5.2, general active target synchronization.
    fn MPI_Win_wait(win: MPI_Win) on win;

    /// Section 12.5.3, lock.
    fn MPI_Win_lock(lock_type: c_int, rank: c_int, assert: c_int, win: MPI_Win) on win;

    /// Section 12.5.3, lock.
    fn MPI_Win_lock_all(assert: c_int, win: MPI_Win) on win;

    /// Section 12.5.3, lock.
    fn MPI_Win_unlock(rank: c_int, win: MPI_Win) on win;

    /// Section 12.5.3, lock.
    fn MPI_Win_unlock_all(win: MPI_Win) on win;

    /// Section 12.5.4, flush and sync.
    fn MPI_Win_flush(rank: c_int, win: MPI_Win) on win;

    /// Section 12.5.4, flush and sync.
    fn MPI_Win_flush_all(win: MPI_Win) on win;

    /// Section 12.5.4, flush and sync.
    fn MPI_Win_flush_local(rank: c_int, win: MPI_Win) on win;

    /// Section 12.5.4, flush and sync.
    fn MPI_Win_flush_local_all(win: MPI_Win) on win;

    /// Section 12.5.4, flush and sync.
    fn MPI_Win_sync(win: MPI_Win) on win;
}
