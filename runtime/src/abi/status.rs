//! Statuses (MPI 5.0, sections 3.2.5, 13.3).

use super::prelude::*;

export! {
    /// Section 3.2.5, return status.
    fn MPI_Get_count, fn MPI_Get_count_c(
        status: *const MPI_Status, datatype: MPI_Datatype, count: *mut c_int | *mut MPI_Count,
    ) {
        let received = arg::received(status)?;
        arg::put_count(count, "count", arg::defined(arg::datatype(datatype)?.count(received)))
    }

    /// Section 3.2.5, return status.
    fn MPI_Status_get_error(status: *const MPI_Status, error: *mut c_int) {
        arg::put(error, "error", arg::get(status, "status")?.MPI_ERROR)
    }

    /// Section 3.2.5, return status.
    fn MPI_Status_get_source(status: *const MPI_Status, source: *mut c_int) {
        arg::put(source, "source", arg::get(status, "status")?.MPI_SOURCE)
    }

    /// Section 3.2.5, return status.
    fn MPI_Status_get_tag(status: *const MPI_Status, tag: *mut c_int) {
        arg::put(tag, "tag", arg::get(status, "status")?.MPI_TAG)
    }

    /// Section 3.8.4, cancellation.
    fn MPI_Test_cancelled(status: *const MPI_Status, flag: *mut c_int) {
        arg::put_flag(flag, "flag", arg::get(status, "status")?.is_cancelled())
    }

    /// Section 5.1.11, elements of a received message.
    fn MPI_Get_elements, fn MPI_Get_elements_c(
        status: *const MPI_Status, datatype: MPI_Datatype, count: *mut c_int | *mut MPI_Count,
    ) {
        let elements = arg::datatype(datatype)?.elements(arg::received(status)?);
        arg::put_count(count, "count", arg::defined(elements))
    }

    /// Section 5.1.11, elements of a received message.
    fn MPI_Get_elements_x(status: *const MPI_Status, datatype: MPI_Datatype, count: *mut MPI_Count) {
        let elements = arg::datatype(datatype)?.elements(arg::received(status)?);
        arg::put_count(count, "count", arg::defined(elements))
    }

    /// Section 13.3, setting status.
    fn MPI_Status_set_cancelled(status: *mut MPI_Status, flag: c_int) {
        let status = arg::status(status)?;
        (*status).set_cancelled(flag != 0);
        Ok(())
    }

    /// Section 13.3, setting status.
    fn MPI_Status_set_elements, fn MPI_Status_set_elements_c(
        status: *mut MPI_Status, datatype: MPI_Datatype, count: c_int | MPI_Count,
    ) {
        (*arg::status(status)?).set_len(arg::bytes_of_elements(datatype, count)?);
        Ok(())
    }

    /// Section 13.3, setting status.
    fn MPI_Status_set_elements_x(status: *mut MPI_Status, datatype: MPI_Datatype, count: MPI_Count) {
        (*arg::status(status)?).set_len(arg::bytes_of_elements(datatype, count)?);
        Ok(())
    }

    /// Section 13.3, setting status.
    fn MPI_Status_set_error(status: *mut MPI_Status, error: c_int) {
        (*arg::status(status)?).MPI_ERROR = error;
        Ok(())
    }

    /// Section 13.3, setting status.
    fn MPI_Status_set_source(status: *mut MPI_Status, source: c_int) {
        (*arg::status(status)?).MPI_SOURCE = source;
        Ok(())
    }

    /// Section 13.3, setting status.
    fn MPI_Status_set_tag(status: *mut MPI_Status, tag: c_int) {
        (*arg::status(status)?).MPI_TAG = tag;
        Ok(())
    }
}
