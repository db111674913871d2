//! Headers as the transport's contract has them, and as cells of rings do.

use crate::object::comm::ContextId;
use crate::object::group::Proc;
use crate::pml::transport::{Arrival, Header};
use btl_shm::endpoint;
use btl_shm::ring::Envelope;

/// What has come from `from`.
#[inline]
pub(super) fn arrival<'a>(a: &'a endpoint::Arrival<'a>, from: Proc) -> Arrival<'a> {
    Arrival {
        from,
        header: header(&a.envelope),
        words: &a.words,
        data: a.data,
        len: a.len,
    }
}

#[inline]
pub(super) fn header(envelope: &Envelope) -> Header {
    Header {
        kind: envelope.kind,
        flags: envelope.flags,
        context: ContextId(envelope.context),
        tag: envelope.tag,
        source: envelope.source,
        aux: envelope.aux,
    }
}

#[inline]
pub(super) fn envelope(header: &Header) -> Envelope {
    Envelope {
        kind: header.kind,
        flags: header.flags,
        context: header.context.0,
        tag: header.tag,
        source: header.source,
        aux: header.aux,
    }
}
