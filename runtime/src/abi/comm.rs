//! Communicators (MPI 5.0, chapter 7).

use super::prelude::*;
use crate::comm_make::{self, idup, inter, intra, split, split_type};
use crate::handle;
use crate::object::info::{self, Info};
use crate::object::{comm, errhandler, group, raise, win};
use crate::pml::collective;
use wireup::collective::Kind;

export! {
    /// Section 7.4.1, communicator accessors.
    fn MPI_Comm_compare(comm1: MPI_Comm, comm2: MPI_Comm, result: *mut c_int) on comm1 {
        let compared = comm::compare(arg::comm(comm1)?, arg::comm(comm2)?);
        arg::put(result, "result", compared as c_int)
    }

    /// Section 7.4.1, communicator accessors.
    fn MPI_Comm_rank(comm: MPI_Comm, rank: *mut c_int) on comm {
        arg::put(rank, "rank", arg::comm(comm)?.rank.cast_signed())
    }

    /// Section 7.4.1, communicator accessors.
    fn MPI_Comm_size(comm: MPI_Comm, size: *mut c_int) on comm {
        arg::put(size, "size", arg::comm(comm)?.size().cast_signed())
    }

    /// Section 7.4.2, communicator constructors.
    fn MPI_Comm_create(comm: MPI_Comm, group: MPI_Group, newcomm: *mut MPI_Comm) on comm {
        let comm = arg::comm(comm)?;
        let new = collective::settle(comm, Kind::COMM_CREATE, || {
            intra::create(comm, &group::get(group.0)?)
        })?;
        arg::put(newcomm, "newcomm", MPI_Comm(new))
    }

    /// Section 7.4.2, communicator constructors.
    fn MPI_Comm_create_from_group(
        group: MPI_Group, stringtag: *const c_char, info: MPI_Info,
        errhandler: MPI_Errhandler, newcomm: *mut MPI_Comm,
    ) {
        let handler = errhandler::for_kind(handle::Kind::Comm, errhandler.0)?;
        let (group, tag) = (group::get(group.0)?, arg::cstr(stringtag, "stringtag")?);
        let new = intra::create_from_group(&group, tag, &arg::hints(info)?, handler.clone());
        let new = raise::under(handler, new)?;
        arg::put(newcomm, "newcomm", MPI_Comm(new))
    }

    /// Section 7.4.2, communicator constructors.
    fn MPI_Comm_create_group(
        comm: MPI_Comm, group: MPI_Group, tag: c_int, newcomm: *mut MPI_Comm,
    ) on comm {
        let new = intra::create_group(arg::comm(comm)?, &group::get(group.0)?, arg::tag(tag)?)?;
        arg::put(newcomm, "newcomm", MPI_Comm(new))
    }

    /// Section 7.4.2, communicator constructors.
    fn MPI_Comm_dup(comm: MPI_Comm, newcomm: *mut MPI_Comm) on comm {
        let comm = arg::comm(comm)?;
        let new = collective::settle(comm, Kind::COMM_DUP, || intra::dup(comm, &Info::default()))?;
        arg::put(newcomm, "newcomm", MPI_Comm(new))
    }

    /// Section 7.4.2, communicator constructors.
    fn MPI_Comm_dup_with_info(comm: MPI_Comm, info: MPI_Info, newcomm: *mut MPI_Comm) on comm {
        let comm = arg::comm(comm)?;
        let new = collective::settle(comm, Kind::COMM_DUP, || intra::dup(comm, &arg::hints(info)?))?;
        arg::put(newcomm, "newcomm", MPI_Comm(new))
    }

    /// Section 7.4.2, communicator constructors.
    fn MPI_Comm_idup(comm: MPI_Comm, newcomm: *mut MPI_Comm, request: *mut MPI_Request) on comm {
        let (new, started) = idup::idup(arg::comm(comm)?, &Info::default())?;
        arg::put(newcomm, "newcomm", MPI_Comm(new))?;
        arg::put(request, "request", MPI_Request(started))
    }

    /// Section 7.4.2, communicator constructors.
    fn MPI_Comm_idup_with_info(
        comm: MPI_Comm, info: MPI_Info, newcomm: *mut MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        let (new, started) = idup::idup(arg::comm(comm)?, &arg::hints(info)?)?;
        arg::put(newcomm, "newcomm", MPI_Comm(new))?;
        arg::put(request, "request", MPI_Request(started))
    }

    /// Section 7.4.2, communicator constructors.
    fn MPI_Comm_split(comm: MPI_Comm, color: c_int, key: c_int, newcomm: *mut MPI_Comm) on comm {
        let comm = arg::comm(comm)?;
        let new = collective::settle(comm, Kind::COMM_SPLIT, || split::split(comm, color, key))?;
        arg::put(newcomm, "newcomm", MPI_Comm(new))
    }

    /// Section 7.4.2, communicator constructors.
    fn MPI_Comm_split_type(
        comm: MPI_Comm, split_type: c_int, key: c_int, info: MPI_Info, newcomm: *mut MPI_Comm,
    ) on comm {
        let comm = arg::comm(comm)?;
        let new = collective::settle(comm, Kind::COMM_SPLIT_TYPE, || {
            split_type::split_type(comm, split_type, key, info.0)
        })?;
        arg::put(newcomm, "newcomm", MPI_Comm(new))
    }

    /// Section 7.4.3, communicator destructors.
    fn MPI_Comm_free(comm: *mut MPI_Comm) on comm {
        let raw = arg::get(comm, "comm")?.0;
        collective::before_free(raw)?;
        comm::free(raw)?;
        comm_make::bridges::sweep();
        arg::put(comm, "comm", MPI_Comm(comm::NULL))
    }

    /// Section 7.4.4, communicator info.
    fn MPI_Comm_get_info(comm: MPI_Comm, info_used: *mut MPI_Info) on comm {
        let used = info::insert(comm_make::hints(arg::comm(comm)?))?;
        arg::put(info_used, "info_used", MPI_Info(used))
    }

    /// Section 7.4.4, communicator info.
    fn MPI_Comm_set_info(comm: MPI_Comm, info: MPI_Info) on comm {
        comm_make::set_hints(arg::comm(comm)?, &info::with(info.0, Info::clone)?);
        Ok(())
    }

    /// Section 7.6.1, intercommunicator accessors.
    fn MPI_Comm_remote_group(comm: MPI_Comm, group: *mut MPI_Group) on comm {
        let new = group::insert(inter::sides(arg::comm(comm)?)?.1.clone())?;
        arg::put(group, "group", MPI_Group(new))
    }

    /// Section 7.6.1, intercommunicator accessors.
    fn MPI_Comm_remote_size(comm: MPI_Comm, size: *mut c_int) on comm {
        let remote = inter::sides(arg::comm(comm)?)?.1;
        arg::put(size, "size", remote.size().cast_signed())
    }

    /// Section 7.6.1, intercommunicator accessors.
    fn MPI_Comm_test_inter(comm: MPI_Comm, flag: *mut c_int) on comm {
        arg::put_flag(flag, "flag", arg::comm(comm)?.inter.is_some())
    }

    /// Section 7.6.2, intercommunicator operations.
    fn MPI_Intercomm_create(
        local_comm: MPI_Comm, local_leader: c_int, peer_comm: MPI_Comm, remote_leader: c_int,
        tag: c_int, newintercomm: *mut MPI_Comm,
    ) on local_comm {
        let local = arg::comm(local_comm)?;
        let peer = || arg::comm(peer_comm).cloned();
        let new = collective::settle(local, Kind::INTERCOMM_CREATE, || {
            let tag = arg::tag(tag)?;
            inter::intercomm_create(local, local_leader, peer, remote_leader, tag)
        })?;
        arg::put(newintercomm, "newintercomm", MPI_Comm(new))
    }

    /// Section 7.6.2, intercommunicator operations.
    fn MPI_Intercomm_create_from_groups(
        local_group: MPI_Group, local_leader: c_int, remote_group: MPI_Group,
        remote_leader: c_int, stringtag: *const c_char, info: MPI_Info,
        errhandler: MPI_Errhandler, newintercomm: *mut MPI_Comm,
    ) {
        let handler = errhandler::for_kind(handle::Kind::Comm, errhandler.0)?;
        let groups = [&group::get(local_group.0)?, &group::get(remote_group.0)?];
        let leaders = [local_leader, remote_leader];
        let (tag, info) = (arg::cstr(stringtag, "stringtag")?, arg::hints(info)?);
        let at = handler.clone();
        let new = inter::intercomm_create_from_groups(groups, leaders, tag, &info, handler);
        let new = raise::under(at, new)?;
        arg::put(newintercomm, "newintercomm", MPI_Comm(new))
    }

    /// Section 7.6.2, intercommunicator operations.
    fn MPI_Intercomm_merge(
        intercomm: MPI_Comm, high: c_int, newintracomm: *mut MPI_Comm,
    ) on intercomm {
        let comm = arg::comm(intercomm)?;
        let new = collective::settle(comm, Kind::INTERCOMM_MERGE, || inter::merge(comm, high != 0))?;
        arg::put(newintracomm, "newintracomm", MPI_Comm(new))
    }

    /// Section 7.8, naming objects.
    fn MPI_Comm_get_name(comm: MPI_Comm, comm_name: *mut c_char, resultlen: *mut c_int) on comm {
        let name = comm::name_of(comm.0)?;
        arg::put_name(comm_name, MPI_MAX_OBJECT_NAME, "comm_name", resultlen, &name)
    }

    /// Section 7.8, naming objects.
    fn MPI_Comm_set_name(comm: MPI_Comm, comm_name: *const c_char) on comm {
        let name = arg::object_name(arg::cstr(comm_name, "comm_name")?);
        *arg::comm(comm)?.name.borrow_mut() = String::from_utf8_lossy(name).into_owned();
        Ok(())
    }

    /// Section 7.8, naming objects.
    fn MPI_Type_get_name(datatype: MPI_Datatype, type_name: *mut c_char, resultlen: *mut c_int) {
        let name = crate::object::datatype::name_of(datatype.0)?;
        let name = String::from_utf8_lossy(&name);
        arg::put_name(type_name, MPI_MAX_OBJECT_NAME, "type_name", resultlen, &name)
    }

    /// Section 7.8, naming objects.
    fn MPI_Type_set_name(datatype: MPI_Datatype, type_name: *const c_char) {
        let name = arg::object_name(arg::cstr(type_name, "type_name")?);
        arg::datatype(datatype)?.set_name(name);
        Ok(())
    }

    /// Section 7.8, naming objects.
    fn MPI_Win_get_name(win: MPI_Win, win_name: *mut c_char, resultlen: *mut c_int) on win {
        let name = win::name_of(win.0)?;
        arg::put_name(win_name, MPI_MAX_OBJECT_NAME, "win_name", resultlen, &name)
    }

    /// Section 7.8, naming objects.
    fn MPI_Win_set_name(win: MPI_Win, win_name: *const c_char) on win {
        let name = arg::object_name(arg::cstr(win_name, "win_name")?);
        *win::get(win.0)?.name.borrow_mut() = String::from_utf8_lossy(name).into_owned();
        Ok(())
    }
}
