//! The three forms of a collective: blocking, nonblocking and persistent. Here are the macro
//! that makes them of one declaration, and how each of them is carried out.
//!
//! # How to add a collective
//! Declare it with `collectives!` in `coll`, `coll_reduce` or `coll_neighbor`, give it a
//! code in [`wireup::collective::Kind`], and a variant in [`Call`].
//!
//! ```text
//! collectives! {
//!     /// Section 6.7, gather-to-all.
//!     fn MPI_Allgather, fn MPI_Allgather_c
//!     /// Section 6.12.5, nonblocking gather-to-all.
//!     fn MPI_Iallgather, fn MPI_Iallgather_c
//!     /// Section 6.13.5, persistent gather-to-all.
//!     fn MPI_Allgather_init, fn MPI_Allgather_init_c
//!     (
//!         sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
//!         …, comm: MPI_Comm,
//!     ) on comm, kind ALLGATHER, body allgather(perform) {
//!         …
//!         perform(&Call::Allgather(send, receive))
//!     }
//! }
//! ```
//!
//! - The parameters are those of the blocking form. The macro appends `request` to those of
//!   the nonblocking form, `info` and `request` to those of the persistent one.
//! - The body makes checked values of the arguments and ends with `perform`. It is compiled
//!   into `allgather::int` and `allgather::large`, which all three forms call. `comm` is the
//!   checked communicator there.
//! - An error that the body returns is one of the arguments. This rank then takes part as one
//!   whose collective failed, so that members whose arguments are right do not wait for it.

use super::arg;
use super::types::{MPI_Info, MPI_Request};
use crate::coll::{self, Call};
use crate::error::{Error, Result};
use crate::fail;
use crate::object::comm::Comm;
use crate::object::info;
use crate::pml::collective;
use std::sync::Arc;
use wireup::collective::Kind;

/// Exports the three forms of each collective, as the text of this file says.
macro_rules! collectives {
    ($(
        $(#[$blocking:meta])* fn $name:ident $(, fn $twin:ident)?
        $(#[$nonblocking:meta])* fn $iname:ident $(, fn $itwin:ident)?
        $(#[$persistent:meta])* fn $pname:ident $(, fn $ptwin:ident)?
        ($($params:tt)*) on $comm:ident, kind $kind:ident,
        body $body:ident($perform:ident) $block:tt
    )*) => { $(
        mod $body {
            use super::*;
            collectives!(@body int $(large $twin)?; ($($params)*) $comm $kind $perform $block);
        }

        collectives!(@export blocking [$(#[$blocking])*] [$name $($twin)?]
            ($($params)*) $comm $body);
        collectives!(@export nonblocking [$(#[$nonblocking])*] [$iname $($itwin)?]
            ($($params)*) $comm $body);
        collectives!(@export persistent [$(#[$persistent])*] [$pname $($ptwin)?]
            ($($params)*) $comm $body);
    )* };

    (@body int; $params:tt $($rest:tt)*) => {
        collectives!(@types int $params @function $($rest)*);
    };
    (@body int large $twin:ident; $params:tt $($rest:tt)*) => {
        collectives!(@types int $params @function $($rest)*);
        collectives!(@types large $params @function $($rest)*);
    };
    (@export $form:ident $docs:tt [$name:ident $($twin:ident)?] $params:tt $comm:ident $body:ident) => {
        collectives!(@types int $params @$form $docs $name $comm $body);
        $(collectives!(@types large $params @$form $docs $twin $comm $body);)?
    };

    // Goes on with the parameters' types of one of the two, after the rest of the arguments.
    (@types int ($($p:ident : $t:ty $(| $l:ty)?),* $(,)?) $($rest:tt)*) => {
        collectives!($($rest)* int $($p: $t,)*);
    };
    (@types large ($($p:ident : $t:ty $(| $l:ty)?),* $(,)?) $($rest:tt)*) => {
        collectives!($($rest)* large $($p: export!(@large $t $(, $l)?),)*);
    };

    (@function $comm:ident $kind:ident $perform:ident $block:tt $types:ident
        $($p:ident : $t:ty,)*) => {
        #[inline]
        pub(super) unsafe fn $types($($p: $t,)* form: coll_form::Form) -> Result<()> {
            let $comm = arg::comm($comm)?;
            coll_form::checked($comm, wireup::collective::Kind::$kind, form, |kind| {
                // SAFETY: the caller of a C function vouches for the pointers that it passes,
                // as the standard's text of this call says.
                let $perform = |call: &Call<'_>| unsafe {
                    coll_form::perform($comm, kind, call, form)
                };
                // SAFETY: as above.
                #[allow(unused_unsafe, reason = "a barrier uses no pointer")]
                unsafe $block
            })
        }
    };

    (@blocking [$(#[$m:meta])*] $name:ident $comm:ident $body:ident $types:ident
        $($p:ident : $t:ty,)*) => {
        export! {
            $(#[$m])*
            fn $name($($p: $t),*) on $comm {
                $body::$types($($p,)* coll_form::Form::Blocking)
            }
        }
    };
    (@nonblocking [$(#[$m:meta])*] $name:ident $comm:ident $body:ident $types:ident
        $($p:ident : $t:ty,)*) => {
        export! {
            $(#[$m])*
            fn $name($($p: $t,)* request: *mut MPI_Request) on $comm {
                $body::$types($($p,)* coll_form::Form::Nonblocking(request))
            }
        }
    };
    (@persistent [$(#[$m:meta])*] $name:ident $comm:ident $body:ident $types:ident
        $($p:ident : $t:ty,)*) => {
        export! {
            $(#[$m])*
            fn $name($($p: $t,)* info: MPI_Info, request: *mut MPI_Request) on $comm {
                $body::$types($($p,)* coll_form::Form::Persistent(info, request))
            }
        }
    };
}

/// The form of a collective that was called, with the arguments that only it has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    Blocking,
    Nonblocking(*mut MPI_Request),
    Persistent(MPI_Info, *mut MPI_Request),
}

/// Runs `body`, which checks the arguments and performs the collective. It is given the kind
/// of this form. If it finds an argument wrong, the other members are told.
#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "each collective has this once, and blocking ones must be short"
)]
pub(super) fn checked(
    comm: &Comm,
    kind: Kind,
    form: Form,
    body: impl FnOnce(Kind) -> Result<Result<()>>,
) -> Result<()> {
    let kind = match form {
        Form::Blocking => kind,
        Form::Nonblocking(_) => kind.nonblocking(),
        Form::Persistent(..) => kind.persistent(),
    };
    match body(kind) {
        Ok(performed) => performed,
        Err(error) => refused(comm, kind, error),
    }
}

#[cold]
#[inline(never)]
fn refused(comm: &Comm, kind: Kind, error: Error) -> Result<()> {
    collective::refuse(comm, kind, &error);
    Err(error)
}

/// Performs `call` in this form. The outer error is one of the arguments, the inner one the
/// collective's own.
///
/// # Safety
/// The buffers in `call` are good as long as the standard says; so is the
/// request.
#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "each collective has this once, and blocking ones must be short"
)]
pub(super) unsafe fn perform(
    comm: &Arc<Comm>,
    kind: Kind,
    call: &Call<'_>,
    form: Form,
) -> Result<Result<()>> {
    // SAFETY: the caller's promise.
    unsafe {
        match form {
            Form::Blocking => Ok(coll::run(comm, kind, call)),
            Form::Nonblocking(request) => {
                check_request(request)?;
                let started = coll::start(comm, kind, call);
                Ok(started.and_then(|raw| arg::put(request, "request", MPI_Request(raw))))
            }
            Form::Persistent(hints, request) => {
                info::hints(hints.0)?;
                check_request(request)?;
                let prepared = coll::prepare(comm, kind, call);
                Ok(prepared.and_then(|raw| arg::put(request, "request", MPI_Request(raw))))
            }
        }
    }
}

/// Checks that there is somewhere to put the request, before it is made.
fn check_request(request: *mut MPI_Request) -> Result<()> {
    if request.is_null() {
        fail!(ARG, "request is a null pointer");
    }
    Ok(())
}
