//! One-sided communication (MPI 5.0, chapter 12).

use super::prelude::*;
use super::rma_arg;
use crate::object::win::{self, Flavor};
use crate::object::{group, info};
use crate::pml::collective;
use crate::rma::access::AllowedEpochs;
use crate::rma::far::Unanswered;
use crate::rma::{active, attach, create, direct, existing, hints, passive, serve, transfer};
use wireup::collective::Kind;

export! {
    /// Section 12.2.1, window creation.
    fn MPI_Win_create, fn MPI_Win_create_c(
        base: *mut c_void, size: MPI_Aint, disp_unit: c_int | MPI_Aint, info: MPI_Info,
        comm: MPI_Comm, win: *mut MPI_Win,
    ) on comm {
        let comm = arg::comm(comm)?;
        let new = collective::settle(comm, Kind::WIN_CREATE, || {
            let wanted = rma_arg::wanted(size, disp_unit, info, Flavor::Create)?;
            rma_arg::present(win, win)?;
            let base = rma_arg::memory(base, wanted.size)?;
            existing::create(comm, base, &wanted)
        })?;
        arg::put(win, "win", MPI_Win(new))?;
        serve::attend();
        Ok(())
    }

    /// Section 12.2.2, window that allocates.
    fn MPI_Win_allocate, fn MPI_Win_allocate_c(
        size: MPI_Aint, disp_unit: c_int | MPI_Aint, info: MPI_Info, comm: MPI_Comm,
        baseptr: *mut c_void, win: *mut MPI_Win,
    ) on comm {
        let comm = arg::comm(comm)?;
        let new = collective::settle(comm, Kind::WIN_ALLOCATE, || {
            let wanted = rma_arg::wanted(size, disp_unit, info, Flavor::Allocate)?;
            rma_arg::present(baseptr, win)?;
            create::allocate(comm, &wanted)
        })?;
        arg::put_as(baseptr, "baseptr", rma_arg::base(new)?)?;
        arg::put(win, "win", MPI_Win(new))?;
        serve::attend();
        Ok(())
    }

    /// Section 12.2.3, window with shared memory.
    fn MPI_Win_allocate_shared, fn MPI_Win_allocate_shared_c(
        size: MPI_Aint, disp_unit: c_int | MPI_Aint, info: MPI_Info, comm: MPI_Comm,
        baseptr: *mut c_void, win: *mut MPI_Win,
    ) on comm {
        let comm = arg::comm(comm)?;
        let new = collective::settle(comm, Kind::WIN_ALLOCATE_SHARED, || {
            let wanted = rma_arg::wanted(size, disp_unit, info, Flavor::Shared)?;
            rma_arg::present(baseptr, win)?;
            create::allocate(comm, &wanted)
        })?;
        arg::put_as(baseptr, "baseptr", rma_arg::base(new)?)?;
        arg::put(win, "win", MPI_Win(new))
    }

    /// Section 12.2.3, window with shared memory.
    fn MPI_Win_shared_query, fn MPI_Win_shared_query_c(
        win: MPI_Win, rank: c_int, size: *mut MPI_Aint, disp_unit: *mut c_int | *mut MPI_Aint,
        baseptr: *mut c_void,
    ) on win {
        let part = rma_arg::shared_part(&*win::get(win.0)?, rank)?;
        arg::put(size, "size", part.size.cast_signed())?;
        arg::put_fitting(disp_unit, "disp_unit", part.disp_unit)?;
        arg::put_as(baseptr, "baseptr", part.base)
    }

    /// Section 12.2.4, window of dynamically attached memory.
    fn MPI_Win_attach(win: MPI_Win, base: *mut c_void, size: MPI_Aint) on win {
        let win = win::get(win.0)?;
        let size = rma_arg::size(size)?;
        attach::attach(&win, rma_arg::memory(base, size)?, size)
    }

    /// Section 12.2.4, window of dynamically attached memory.
    fn MPI_Win_create_dynamic(info: MPI_Info, comm: MPI_Comm, win: *mut MPI_Win) on comm {
        let comm = arg::comm(comm)?;
        let new = collective::settle(comm, Kind::WIN_CREATE_DYNAMIC, || {
            let info = arg::hints(info)?;
            rma_arg::present(win, win)?;
            existing::create_dynamic(comm, &info)
        })?;
        arg::put(win, "win", MPI_Win(new))?;
        serve::attend();
        Ok(())
    }

    /// Section 12.2.4, window of dynamically attached memory.
    fn MPI_Win_detach(win: MPI_Win, base: *const c_void) on win {
        attach::detach(&*win::get(win.0)?, base.cast())
    }

    /// Section 12.2.5, window destruction.
    fn MPI_Win_free(win: *mut MPI_Win) on win {
        create::free(arg::get(win, "win")?.0)?;
        arg::put(win, "win", MPI_Win(win::NULL))
    }

    /// Section 12.2.6, window attributes.
    fn MPI_Win_get_group(win: MPI_Win, group: *mut MPI_Group) on win {
        let of = win::get(win.0)?.comm.group.clone();
        arg::put(group, "group", MPI_Group(group::insert(of)?))
    }

    /// Section 12.2.7, window info.
    fn MPI_Win_get_info(win: MPI_Win, info_used: *mut MPI_Info) on win {
        let used = info::insert(hints::of(&*win::get(win.0)?))?;
        arg::put(info_used, "info_used", MPI_Info(used))
    }

    /// Section 12.2.7, window info.
    fn MPI_Win_set_info(win: MPI_Win, info: MPI_Info) on win {
        hints::set(&*win::get(win.0)?, &info::with(info.0, info::Info::clone)?);
        Ok(())
    }

    /// Section 12.3.1, put.
    fn MPI_Put, fn MPI_Put_c(
        origin_addr: *const c_void, origin_count: c_int | MPI_Count,
        origin_datatype: MPI_Datatype, target_rank: c_int, target_disp: MPI_Aint,
        target_count: c_int | MPI_Count, target_datatype: MPI_Datatype, win: MPI_Win,
    ) on win {
        let origin = (origin_addr, origin_count, origin_datatype);
        let there = (target_disp, target_count, target_datatype);
        if let Some((direct, _)) = rma_arg::short_way(win, origin, target_rank, there) {
            direct.put(origin_addr.cast());
            return Ok(());
        }
        let win = win::get(win.0)?;
        let origin = rma_arg::buffer(origin_addr, origin_count, origin_datatype)?;
        let target = rma_arg::target(target_rank, target_disp, target_count, target_datatype)?;
        let Some(target) = target else { return Ok(()) };
        transfer::put(&win, &origin, &target, AllowedEpochs::Any).map(drop)
    }

    /// Section 12.3.2, get.
    fn MPI_Get, fn MPI_Get_c(
        origin_addr: *mut c_void, origin_count: c_int | MPI_Count,
        origin_datatype: MPI_Datatype, target_rank: c_int, target_disp: MPI_Aint,
        target_count: c_int | MPI_Count, target_datatype: MPI_Datatype, win: MPI_Win,
    ) on win {
        let origin = (origin_addr.cast_const(), origin_count, origin_datatype);
        let there = (target_disp, target_count, target_datatype);
        if let Some((direct, _)) = rma_arg::short_way(win, origin, target_rank, there) {
            direct.get(origin_addr.cast());
            return Ok(());
        }
        let win = win::get(win.0)?;
        let origin = rma_arg::buffer(origin_addr, origin_count, origin_datatype)?;
        let target = rma_arg::target(target_rank, target_disp, target_count, target_datatype)?;
        let Some(target) = target else { return Ok(()) };
        transfer::get(&win, &origin, &target, AllowedEpochs::Any).map(drop)
    }

    /// Section 12.3.4, accumulate functions.
    fn MPI_Accumulate, fn MPI_Accumulate_c(
        origin_addr: *const c_void, origin_count: c_int | MPI_Count,
        origin_datatype: MPI_Datatype, target_rank: c_int, target_disp: MPI_Aint,
        target_count: c_int | MPI_Count, target_datatype: MPI_Datatype, op: MPI_Op,
        win: MPI_Win,
    ) on win {
        let origin = rma_arg::operand(origin_addr, origin_count, origin_datatype, op)?;
        let target = rma_arg::target(target_rank, target_disp, target_count, target_datatype)?;
        rma_arg::accumulate(win, origin, None, target, op, AllowedEpochs::Any).map(drop)
    }

    /// Section 12.3.4, accumulate functions.
    fn MPI_Compare_and_swap(
        origin_addr: *const c_void, compare_addr: *const c_void, result_addr: *mut c_void,
        datatype: MPI_Datatype, target_rank: c_int, target_disp: MPI_Aint, win: MPI_Win,
    ) on win {
        let origin = (origin_addr, 1, datatype);
        let way = rma_arg::short_way(win, origin, target_rank, (target_disp, 1, datatype));
        if let Some((direct, element)) = way
            && direct::is_compared(element)
            && !compare_addr.is_null()
            && !result_addr.is_null()
        {
            let compare = compare_addr.cast();
            direct.compare_and_swap(origin_addr.cast(), compare, result_addr.cast());
            return Ok(());
        }
        let buffers = [origin_addr, compare_addr, result_addr.cast_const()];
        let target = rma_arg::target(target_rank, target_disp, 1, datatype)?;
        rma_arg::compare_and_swap(win, buffers, datatype, target)
    }

    /// Section 12.3.4, accumulate functions.
    fn MPI_Fetch_and_op(
        origin_addr: *const c_void, result_addr: *mut c_void, datatype: MPI_Datatype,
        target_rank: c_int, target_disp: MPI_Aint, op: MPI_Op, win: MPI_Win,
    ) on win {
        let there = (target_disp, 1, datatype);
        let result = (result_addr.cast_const(), 1, datatype);
        let way = rma_arg::short_way(win, result, target_rank, there);
        if rma_arg::fetch_and_op(way, op, origin_addr, result_addr) {
            return Ok(());
        }
        let origin = rma_arg::origin(origin_addr, 1, datatype, op)?;
        let result = rma_arg::one(result_addr, datatype)?;
        let target = rma_arg::target(target_rank, target_disp, 1, datatype)?;
        rma_arg::accumulate(win, origin, Some(result), target, op, AllowedEpochs::Any).map(drop)
    }

    /// Section 12.3.4, accumulate functions.
    fn MPI_Get_accumulate, fn MPI_Get_accumulate_c(
        origin_addr: *const c_void, origin_count: c_int | MPI_Count,
        origin_datatype: MPI_Datatype, result_addr: *mut c_void,
        result_count: c_int | MPI_Count, result_datatype: MPI_Datatype, target_rank: c_int,
        target_disp: MPI_Aint, target_count: c_int | MPI_Count, target_datatype: MPI_Datatype,
        op: MPI_Op, win: MPI_Win,
    ) on win {
        let origin = rma_arg::origin(origin_addr, origin_count, origin_datatype, op)?;
        let result = rma_arg::buffer(result_addr, result_count, result_datatype)?;
        let target = rma_arg::target(target_rank, target_disp, target_count, target_datatype)?;
        rma_arg::accumulate(win, origin, Some(result), target, op, AllowedEpochs::Any).map(drop)
    }

    /// Section 12.3.5, request-based operations.
    fn MPI_Raccumulate, fn MPI_Raccumulate_c(
        origin_addr: *const c_void, origin_count: c_int | MPI_Count,
        origin_datatype: MPI_Datatype, target_rank: c_int, target_disp: MPI_Aint,
        target_count: c_int | MPI_Count, target_datatype: MPI_Datatype, op: MPI_Op,
        win: MPI_Win, request: *mut MPI_Request,
    ) on win {
        rma_arg::present(request, request)?;
        let origin = rma_arg::operand(origin_addr, origin_count, origin_datatype, op)?;
        let target = rma_arg::target(target_rank, target_disp, target_count, target_datatype)?;
        let left = rma_arg::accumulate(win, origin, None, target, op, AllowedEpochs::Passive)?;
        arg::put(request, "request", rma_arg::request(win, left)?)
    }

    /// Section 12.3.5, request-based operations.
    fn MPI_Rget, fn MPI_Rget_c(
        origin_addr: *mut c_void, origin_count: c_int | MPI_Count,
        origin_datatype: MPI_Datatype, target_rank: c_int, target_disp: MPI_Aint,
        target_count: c_int | MPI_Count, target_datatype: MPI_Datatype, win: MPI_Win,
        request: *mut MPI_Request,
    ) on win {
        rma_arg::present(request, request)?;
        let window = win::get(win.0)?;
        let origin = rma_arg::buffer(origin_addr, origin_count, origin_datatype)?;
        let target = rma_arg::target(target_rank, target_disp, target_count, target_datatype)?;
        let left = match target {
            Some(target) => transfer::get(&window, &origin, &target, AllowedEpochs::Passive)?,
            None => Unanswered::default(),
        };
        arg::put(request, "request", rma_arg::request(win, left)?)
    }

    /// Section 12.3.5, request-based operations.
    fn MPI_Rget_accumulate, fn MPI_Rget_accumulate_c(
        origin_addr: *const c_void, origin_count: c_int | MPI_Count,
        origin_datatype: MPI_Datatype, result_addr: *mut c_void,
        result_count: c_int | MPI_Count, result_datatype: MPI_Datatype, target_rank: c_int,
        target_disp: MPI_Aint, target_count: c_int | MPI_Count, target_datatype: MPI_Datatype,
        op: MPI_Op, win: MPI_Win, request: *mut MPI_Request,
    ) on win {
        rma_arg::present(request, request)?;
        let origin = rma_arg::origin(origin_addr, origin_count, origin_datatype, op)?;
        let result = rma_arg::buffer(result_addr, result_count, result_datatype)?;
        let target = rma_arg::target(target_rank, target_disp, target_count, target_datatype)?;
        let left =
            rma_arg::accumulate(win, origin, Some(result), target, op, AllowedEpochs::Passive)?;
        arg::put(request, "request", rma_arg::request(win, left)?)
    }

    /// Section 12.3.5, request-based operations.
    fn MPI_Rput, fn MPI_Rput_c(
        origin_addr: *const c_void, origin_count: c_int | MPI_Count,
        origin_datatype: MPI_Datatype, target_rank: c_int, target_disp: MPI_Aint,
        target_count: c_int | MPI_Count, target_datatype: MPI_Datatype, win: MPI_Win,
        request: *mut MPI_Request,
    ) on win {
        rma_arg::present(request, request)?;
        let window = win::get(win.0)?;
        let origin = rma_arg::buffer(origin_addr, origin_count, origin_datatype)?;
        let target = rma_arg::target(target_rank, target_disp, target_count, target_datatype)?;
        let left = match target {
            Some(target) => transfer::put(&window, &origin, &target, AllowedEpochs::Passive)?,
            None => Unanswered::default(),
        };
        arg::put(request, "request", rma_arg::request(win, left)?)
    }

    /// Section 12.5.1, fence.
    fn MPI_Win_fence(assert: c_int, win: MPI_Win) on win {
        let win = win::get(win.0)?;
        rma_arg::assertion(assert, rma_arg::FENCE, "MPI_Win_fence")?;
        active::fence(&win, assert & MPI_MODE_NOSUCCEED == 0)
    }

    /// Section 12.5.2, general active target synchronization.
    fn MPI_Win_complete(win: MPI_Win) on win {
        active::complete(&*win::get(win.0)?)
    }

    /// Section 12.5.2, general active target synchronization.
    fn MPI_Win_post(group: MPI_Group, assert: c_int, win: MPI_Win) on win {
        let win = win::get(win.0)?;
        rma_arg::assertion(assert, rma_arg::POST, "MPI_Win_post")?;
        active::post(&win, &group::get(group.0)?)
    }

    /// Section 12.5.2, general active target synchronization.
    fn MPI_Win_start(group: MPI_Group, assert: c_int, win: MPI_Win) on win {
        let win = win::get(win.0)?;
        rma_arg::assertion(assert, MPI_MODE_NOCHECK, "MPI_Win_start")?;
        active::start(&win, &group::get(group.0)?)
    }

    /// Section 12.5.2, general active target synchronization.
    fn MPI_Win_test(win: MPI_Win, flag: *mut c_int) on win {
        arg::put_flag(flag, "flag", false)?;
        arg::put_flag(flag, "flag", active::test(&*win::get(win.0)?)?)
    }

    /// Section 12.5.2, general active target synchronization.
    fn MPI_Win_wait(win: MPI_Win) on win {
        active::wait_for_origins(&*win::get(win.0)?)
    }

    /// Section 12.5.3, lock.
    fn MPI_Win_lock(lock_type: c_int, rank: c_int, assert: c_int, win: MPI_Win) on win {
        let win = win::get(win.0)?;
        let Some(rank) = rma_arg::rank(rank, "rank")? else { return Ok(()) };
        passive::lock(&win, rank, rma_arg::hold(lock_type, assert, "MPI_Win_lock")?)
    }

    /// Section 12.5.3, lock.
    fn MPI_Win_lock_all(assert: c_int, win: MPI_Win) on win {
        let win = win::get(win.0)?;
        passive::lock_all(&win, rma_arg::hold(MPI_LOCK_SHARED, assert, "MPI_Win_lock_all")?)
    }

    /// Section 12.5.3, lock.
    fn MPI_Win_unlock(rank: c_int, win: MPI_Win) on win {
        let win = win::get(win.0)?;
        let Some(rank) = rma_arg::rank(rank, "rank")? else { return Ok(()) };
        passive::unlock(&win, rank)
    }

    /// Section 12.5.3, lock.
    fn MPI_Win_unlock_all(win: MPI_Win) on win {
        passive::unlock_all(&*win::get(win.0)?)
    }

    /// Section 12.5.4, flush and sync.
    fn MPI_Win_flush(rank: c_int, win: MPI_Win) on win {
        if win::find_ref(win.0).is_some_and(|win| passive::flush_mapped(win, rank)) {
            return Ok(());
        }
        let win = win::get(win.0)?;
        let Some(rank) = rma_arg::rank(rank, "rank")? else { return Ok(()) };
        passive::flush(&win, Some(rank))
    }

    /// Section 12.5.4, flush and sync.
    fn MPI_Win_flush_all(win: MPI_Win) on win {
        passive::flush(&*win::get(win.0)?, None)
    }

    /// Section 12.5.4, flush and sync.
    fn MPI_Win_flush_local(rank: c_int, win: MPI_Win) on win {
        if win::find_ref(win.0).is_some_and(|win| passive::flush_mapped(win, rank)) {
            return Ok(());
        }
        let win = win::get(win.0)?;
        let Some(rank) = rma_arg::rank(rank, "rank")? else { return Ok(()) };
        passive::flush(&win, Some(rank))
    }

    /// Section 12.5.4, flush and sync.
    fn MPI_Win_flush_local_all(win: MPI_Win) on win {
        passive::flush(&*win::get(win.0)?, None)
    }

    /// Section 12.5.4, flush and sync.
    fn MPI_Win_sync(win: MPI_Win) on win {
        win::get(win.0)?;
        passive::sync();
        Ok(())
    }
}
