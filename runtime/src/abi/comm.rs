//! Communicators (MPI 5.0, chapter 7).

use super::prelude::*;

export! {
    /// Section 7.4.1, communicator accessors.
    fn MPI_Comm_compare(comm1: MPI_Comm, comm2: MPI_Comm, result: *mut c_int) on comm1;

    /// Section 7.4.1, communicator accessors.
    fn MPI_Comm_rank(comm: MPI_Comm, rank: *mut c_int) on comm;

    /// Section 7.4.1, communicator accessors.
    fn MPI_Comm_size(comm: MPI_Comm, size: *mut c_int) on comm;

    /// Section 7.4.2, communicator constructors.
    fn MPI_Comm_create(comm: MPI_Comm, group: MPI_Group, newcomm: *mut MPI_Comm) on comm;

    /// Section 7.4.2, communicator constructors.
    fn MPI_Comm_create_from_group(
        group: MPI_Group, stringtag: *const c_char, info: MPI_Info,
        errhandler: MPI_Errhandler, newcomm: *mut MPI_Comm,
    );

    /// Section 7.4.2, communicator constructors.
    fn MPI_Comm_create_group(
        comm: MPI_Comm, group: MPI_Group, tag: c_int, newcomm: *mut MPI_Comm,
    ) on comm;

    /// Section 7.4.2, communicator constructors.
    fn MPI_Comm_dup(comm: MPI_Comm, newcomm: *mut MPI_Comm) on comm;

    /// Section 7.4.2, communicator constructors.
    fn MPI_Comm_dup_with_info(comm: MPI_Comm, info: MPI_Info, newcomm: *mut MPI_Comm) on comm;

    /// Section 7.4.2, communicator constructors.
    fn MPI_Comm_idup(comm: MPI_Comm, newcomm: *mut MPI_Comm, request: *mut MPI_Request) on comm;

    /// Section 7.4.2, communicator constructors.
    fn MPI_Comm_idup_with_info(
        comm: MPI_Comm, info: MPI_Info, newcomm: *mut MPI_Comm, request: *mut MPI_Request,
    ) on comm;

    /// Section 7.4.2, communicator constructors.
    fn MPI_Comm_split(comm: MPI_Comm, color: c_int, key: c_int, newcomm: *mut MPI_Comm) on comm;

    /// Section 7.4.2, communicator constructors.
    fn MPI_Comm_split_type(
        comm: MPI_Comm, split_type: c_int, key: c_int, info: MPI_Info, newcomm: *mut MPI_Comm,
    ) on comm;

    /// Section 7.4.3, communicator destructors.
    fn MPI_Comm_free(comm: *mut MPI_Comm) on comm;

    /// Section 7.4.4, communicator info.
    fn MPI_Comm_get_info(comm: MPI_Comm, info_used: *mut MPI_Info) on comm;

    /// Section 7.4.4, communicator info.
    fn MPI_Comm_set_info(comm: MPI_Comm, info: MPI_Info) on comm;

    /// Section 7.6.1, intercommunicator accessors.
    fn MPI_Comm_remote_group(comm: MPI_Comm, group: *mut MPI_Group) on comm;

    /// Section 7.6.1, intercommunicator accessors.
    fn MPI_Comm_remote_size(comm: MPI_Comm, size: *mut c_int) on comm;

    /// Section 7.6.1, intercommunicator accessors.
    fn MPI_Comm_test_inter(comm: MPI_Comm, flag: *mut c_int) on comm;

    /// Section 7.6.2, intercommunicator operations.
    fn MPI_Intercomm_create(
        local_comm: MPI_Comm, local_leader: c_int, peer_comm: MPI_Comm, remote_leader: c_int,
        tag: c_int, newintercomm: *mut MPI_Comm,
    ) on local_comm;

    /// Section 7.6.2, intercommunicator operations.
    fn MPI_Intercomm_create_from_groups(
        local_group: MPI_Group, local_leader: c_int, remote_group: MPI_Group,
        remote_leader: c_int, stringtag: *const c_char, info: MPI_Info,
        errhandler: MPI_Errhandler, newintercomm: *mut MPI_Comm,
    );

    /// Section 7.6.2, intercommunicator operations.
    fn MPI_Intercomm_merge(
        intercomm: MPI_Comm, high: c_int, newintracomm: *mut MPI_Comm,
    ) on intercomm;

    /// Section 7.8, naming objects.
    fn MPI_Comm_get_name(comm: MPI_Comm, comm_name: *mut c_char, resultlen: *mut c_int) on comm;

    /// Section 7.8, naming objects.
    fn MPI_Comm_set_name(comm: MPI_Comm, comm_name: *const c_char) on comm;

    /// Section 7.8, naming objects.
    fn MPI_Type_get_name(datatype: MPI_Datatype, type_name: *mut c_char, resultlen: *mut c_int) {
        let name = arg::datatype(datatype)?.name();
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
    fn MPI_Win_get_name(win: MPI_Win, win_name: *mut c_char, resultlen: *mut c_int) on win;

    /// Section 7.8, naming objects.
    fn MPI_Win_set_name(win: MPI_Win, win_name: *const c_char) on win;
}
