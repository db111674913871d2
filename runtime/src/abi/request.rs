//! Requests: completion, cancellation, start (MPI 5.0, sections 3.7, 3.9).

use super::outcome;
use super::prelude::*;
use crate::request;
use crate::request::complete::{self, Any};

export! {
    /// Section 3.7.3, completion of one request.
    fn MPI_Request_free(request: *mut MPI_Request) {
        let raw = arg::get(request, "request")?.0;
        request::free(raw)?;
        arg::put(request, "request", MPI_REQUEST_NULL)
    }

    /// Section 3.7.3, completion of one request.
    fn MPI_Test(request: *mut MPI_Request, flag: *mut c_int, status: *mut MPI_Status) {
        let tested = complete::test(arg::get(request, "request")?.0)?;
        arg::put_flag(flag, "flag", tested.is_some())?;
        let Some(finished) = tested else { return Ok(()) };
        arg::put(request, "request", MPI_Request(finished.handle))?;
        outcome::one(status, finished.completion)
    }

    /// Section 3.7.3, completion of one request.
    fn MPI_Wait(request: *mut MPI_Request, status: *mut MPI_Status) {
        let finished = complete::wait(arg::get(request, "request")?.0)?;
        arg::put(request, "request", MPI_Request(finished.handle))?;
        outcome::one(status, finished.completion)
    }

    /// Section 3.7.5, completion of several requests.
    fn MPI_Testall(
        count: c_int, array_of_requests: *mut MPI_Request, flag: *mut c_int,
        array_of_statuses: *mut MPI_Status,
    ) {
        let raws = outcome::requests(count, array_of_requests)?;
        let mut errors = outcome::Errors::new(array_of_statuses);
        let all = complete::test_all(raws, |i, completion| errors.note(i, completion))?;
        arg::put_flag(flag, "flag", all)?;
        errors.sum()
    }

    /// Section 3.7.5, completion of several requests.
    fn MPI_Testany(
        count: c_int, array_of_requests: *mut MPI_Request, indx: *mut c_int, flag: *mut c_int,
        status: *mut MPI_Status,
    ) {
        let tested = complete::test_any(outcome::requests(count, array_of_requests)?)?;
        arg::put_flag(flag, "flag", tested.is_some())?;
        match tested {
            None => arg::put(indx, "index", MPI_UNDEFINED),
            Some(Any::Nothing) => outcome::none_active(indx, status),
            Some(Any::One(i, completion)) => outcome::any(indx, i, status, completion),
        }
    }

    /// Section 3.7.5, completion of several requests.
    fn MPI_Testsome(
        incount: c_int, array_of_requests: *mut MPI_Request, outcount: *mut c_int,
        array_of_indices: *mut c_int, array_of_statuses: *mut MPI_Status,
    ) {
        let raws = outcome::requests(incount, array_of_requests)?;
        let mut some = outcome::Some::new(raws.len(), array_of_indices, array_of_statuses)?;
        let active = complete::test_some(raws, |i, completion| some.note(i, completion))?;
        some.finish(active, outcount)
    }

    /// Section 3.7.5, completion of several requests.
    fn MPI_Waitall(
        count: c_int, array_of_requests: *mut MPI_Request, array_of_statuses: *mut MPI_Status,
    ) {
        let raws = outcome::requests(count, array_of_requests)?;
        let mut errors = outcome::Errors::new(array_of_statuses);
        complete::wait_all(raws, |i, completion| errors.note(i, completion))?;
        errors.sum()
    }

    /// Section 3.7.5, completion of several requests.
    fn MPI_Waitany(
        count: c_int, array_of_requests: *mut MPI_Request, indx: *mut c_int,
        status: *mut MPI_Status,
    ) {
        match complete::wait_any(outcome::requests(count, array_of_requests)?)? {
            Any::Nothing => outcome::none_active(indx, status),
            Any::One(i, completion) => outcome::any(indx, i, status, completion),
        }
    }

    /// Section 3.7.5, completion of several requests.
    fn MPI_Waitsome(
        incount: c_int, array_of_requests: *mut MPI_Request, outcount: *mut c_int,
        array_of_indices: *mut c_int, array_of_statuses: *mut MPI_Status,
    ) {
        let raws = outcome::requests(incount, array_of_requests)?;
        let mut some = outcome::Some::new(raws.len(), array_of_indices, array_of_statuses)?;
        let active = complete::wait_some(raws, |i, completion| some.note(i, completion))?;
        some.finish(active, outcount)
    }

    /// Section 3.7.6, request status without completion.
    fn MPI_Request_get_status(request: MPI_Request, flag: *mut c_int, status: *mut MPI_Status) {
        let found = outcome::peek(&[request.0], outcome::Which::All)?;
        arg::put_flag(flag, "flag", found.is_some())?;
        let Some(mut found) = found else { return Ok(()) };
        found.pop().map_or(Ok(()), |(_, completion)| outcome::one(status, completion))
    }

    /// Section 3.7.6, request status without completion.
    fn MPI_Request_get_status_all(
        count: c_int, array_of_requests: *const MPI_Request, flag: *mut c_int,
        array_of_statuses: *mut MPI_Status,
    ) {
        let raws = outcome::requests(count, array_of_requests.cast_mut())?;
        let found = outcome::peek(raws, outcome::Which::All)?;
        arg::put_flag(flag, "flag", found.is_some())?;
        let mut errors = outcome::Errors::new(array_of_statuses);
        found.into_iter().flatten().for_each(|(i, completion)| errors.note(i, completion));
        errors.sum()
    }

    /// Section 3.7.6, request status without completion.
    fn MPI_Request_get_status_any(
        count: c_int, array_of_requests: *const MPI_Request, indx: *mut c_int,
        flag: *mut c_int, status: *mut MPI_Status,
    ) {
        let raws = outcome::requests(count, array_of_requests.cast_mut())?;
        let found = outcome::peek(raws, outcome::Which::Any)?;
        arg::put_flag(flag, "flag", found.is_some())?;
        match found.map(|mut found| found.pop()) {
            None => arg::put(indx, "index", MPI_UNDEFINED),
            Some(None) => outcome::none_active(indx, status),
            Some(Some((i, completion))) => outcome::any(indx, i, status, completion),
        }
    }

    /// Section 3.7.6, request status without completion.
    fn MPI_Request_get_status_some(
        incount: c_int, array_of_requests: *const MPI_Request, outcount: *mut c_int,
        array_of_indices: *mut c_int, array_of_statuses: *mut MPI_Status,
    ) {
        let raws = outcome::requests(incount, array_of_requests.cast_mut())?;
        let mut some = outcome::Some::new(raws.len(), array_of_indices, array_of_statuses)?;
        let found = outcome::peek(raws, outcome::Which::Some)?;
        let active = found.as_ref().is_none_or(|found| !found.is_empty());
        found.into_iter().flatten().for_each(|(i, completion)| some.note(i, completion));
        some.finish(active, outcount)
    }

    /// Section 3.8.4, cancellation.
    fn MPI_Cancel(request: *mut MPI_Request) {
        request::cancel(arg::get(request, "request")?.0)
    }

    /// Section 3.9, persistent requests.
    fn MPI_Start(request: *mut MPI_Request) {
        request::start(arg::get(request, "request")?.0)
    }

    /// Section 3.9, persistent requests.
    fn MPI_Startall(count: c_int, array_of_requests: *mut MPI_Request) {
        let raws = outcome::requests(count, array_of_requests)?;
        raws.iter().try_for_each(|raw| request::start(*raw))
    }
}
