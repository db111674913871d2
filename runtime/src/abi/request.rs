//! Requests: completion, cancellation, start (MPI 5.0, sections 3.7, 3.9).

use super::prelude::*;

export! {
    /// Section 3.7.3, completion of one request.
    fn MPI_Request_free(request: *mut MPI_Request);

    /// Section 3.7.3, completion of one request.
    fn MPI_Test(request: *mut MPI_Request, flag: *mut c_int, status: *mut MPI_Status);

    /// Section 3.7.3, completion of one request.
    fn MPI_Wait(request: *mut MPI_Request, status: *mut MPI_Status);

    /// Section 3.7.5, completion of several requests.
    fn MPI_Testall(
        count: c_int, array_of_requests: *mut MPI_Request, flag: *mut c_int,
        array_of_statuses: *mut MPI_Status,
    );

    /// Section 3.7.5, completion of several requests.
    fn MPI_Testany(
        count: c_int, array_of_requests: *mut MPI_Request, indx: *mut c_int, flag: *mut c_int,
        status: *mut MPI_Status,
    );

    /// Section 3.7.5, completion of several requests.
    fn MPI_Testsome(
        incount: c_int, array_of_requests: *mut MPI_Request, outcount: *mut c_int,
        array_of_indices: *mut c_int, array_of_statuses: *mut MPI_Status,
    );

    /// Section 3.7.5, completion of several requests.
    fn MPI_Waitall(
        count: c_int, array_of_requests: *mut MPI_Request, array_of_statuses: *mut MPI_Status,
    );

    /// Section 3.7.5, completion of several requests.
    fn MPI_Waitany(
        count: c_int, array_of_requests: *mut MPI_Request, indx: *mut c_int,
        status: *mut MPI_Status,
    );

    /// Section 3.7.5, completion of several requests.
    fn MPI_Waitsome(
        incount: c_int, array_of_requests: *mut MPI_Request, outcount: *mut c_int,
        array_of_indices: *mut c_int, array_of_statuses: *mut MPI_Status,
    );

    /// Section 3.7.6, request status without completion.
    fn MPI_Request_get_status(request: MPI_Request, flag: *mut c_int, status: *mut MPI_Status);

    /// Section 3.7.6, request status without completion.
    fn MPI_Request_get_status_all(
        count: c_int, array_of_requests: *const MPI_Request, flag: *mut c_int,
        array_of_statuses: *mut MPI_Status,
    );

    /// Section 3.7.6, request status without completion.
    fn MPI_Request_get_status_any(
        count: c_int, array_of_requests: *const MPI_Request, indx: *mut c_int,
        flag: *mut c_int, status: *mut MPI_Status,
    );

    /// Section 3.7.6, request status without completion.
    fn MPI_Request_get_status_some(
        incount: c_int, array_of_requests: *const MPI_Request, outcount: *mut c_int,
        array_of_indices: *mut c_int, array_of_statuses: *mut MPI_Status,
    );

    /// Section 3.8.4, cancellation.
    fn MPI_Cancel(request: *mut MPI_Request);

    /// Section 3.9, persistent requests.
    fn MPI_Start(request: *mut MPI_Request);

    /// Section 3.9, persistent requests.
    fn MPI_Startall(count: c_int, array_of_requests: *mut MPI_Request);
}
