//! Statuses (MPI 5.0, sections 3.2.5, 13.3).

use super::prelude::*;

export! {
    /// Section 3.2.5, return status.
    fn MPI_Get_count, fn MPI_Get_count_c(
        status: *const MPI_Status, datatype: MPI_Datatype, count: *mut c_int | *mut MPI_Count,
    );

    /// Section 3.2.5, return status.
    fn MPI_Status_get_error(status: *const MPI_Status, error: *mut c_int);

    /// Section 3.2.5, return status.
    fn MPI_Status_get_source(status: *const MPI_Status, source: *mut c_int);

    /// Section 3.2.5, return status.
    fn MPI_Status_get_tag(status: *const MPI_Status, tag: *mut c_int);

    /// Section 3.8.4, cancellation.
    fn MPI_Test_cancelled(status: *const MPI_Status, flag: *mut c_int);

    /// Section 5.1.11, elements of a received message.
    fn MPI_Get_elements, fn MPI_Get_elements_c(
        status: *const MPI_Status, datatype: MPI_Datatype, count: *mut c_int | *mut MPI_Count,
    );

    /// Section 5.1.11, elements of a received message.
    fn MPI_Get_elements_x(status: *const MPI_Status, datatype: MPI_Datatype, count: *mut MPI_Count);

    /// Section 13.3, setting status.
    fn MPI_Status_set_cancelled(status: *mut MPI_Status, flag: c_int);

    /// Section 13.3, setting status.
    fn MPI_Status_set_elements, fn MPI_Status_set_elements_c(
        status: *mut MPI_Status, datatype: MPI_Datatype, count: c_int | MPI_Count,
    );

    /// Section 13.3, setting status.
    fn MPI_Status_set_elements_x(status: *mut MPI_Status, datatype: MPI_Datatype, count: MPI_Count);

    /// Section 13.3, setting status.
    fn MPI_Status_set_error(status: *mut MPI_Status, error: c_int);

    /// Section 13.3, setting status.
    fn MPI_Status_set_source(status: *mut MPI_Status, source: c_int);

    /// Section 13.3, setting status.
    fn MPI_Status_set_tag(status: *mut MPI_Status, tag: c_int);
}
