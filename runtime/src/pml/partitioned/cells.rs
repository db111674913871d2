//! The cells of partitioned communication as types. As with those of `wire`, no other
//! file sees their words.

use crate::object::comm::ContextId;
use crate::pml::matching::Envelope;
use crate::pml::place::{Place, place_of_words, words_of_place};
use crate::pml::request::RequestId;
use crate::pml::transport::{Arrival, Header, Words};

/// What a cell is: numbers that `wire` leaves free.
const SETUP: u8 = 32;
const ACCEPT: u8 = 33;
const READY: u8 = 34;
const BEGUN: u8 = 35;
const CLOSED: u8 = 36;

/// Flag of an ACCEPT: the sender may store into the buffer.
const IN_REACH: u8 = 1;

/// A channel's number, of the side's own choice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(in crate::pml) struct ChannelId(pub(super) u32);

/// There is a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::pml) struct Setup {
    pub(super) envelope: Envelope,
    pub(super) send: ChannelId,
    pub(super) partitions: u32,
    /// Bytes of one partition.
    pub(super) len: usize,
    /// Where they lie, if the receiver may load from there; otherwise 0.
    pub(super) addr: u64,
}

/// It is matched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::pml) struct Accept {
    pub(super) send: ChannelId,
    pub(super) receive: ChannelId,
    /// Where the sheet and the buffer are, if the sender may store there.
    pub(super) in_reach: Option<(u64, u64)>,
    /// Bytes of the buffer.
    pub(super) room: usize,
}

/// A partition is ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::pml) struct Ready {
    pub(super) receive: ChannelId,
    /// The sender's number for the message that it is, and where that lies.
    pub(super) id: RequestId,
    pub(super) place: Place,
    pub(super) partition: u32,
    pub(super) round: u32,
}

/// One of the cells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::pml) enum Cell {
    Setup(Setup),
    Accept(Accept),
    Ready(Ready),
    /// To the sender: the round has begun. If `false`, in a buffer that the sender cannot
    /// store into any more.
    Begun(ChannelId, bool),
    /// To the receiver: the sender has closed, and is at the sheet no more.
    Closed(ChannelId),
}

impl Cell {
    /// As it travels.
    pub(in crate::pml) fn encode(&self) -> (Header, Words) {
        let bare = |kind, id: ChannelId| Header {
            kind,
            flags: 0,
            context: ContextId(0),
            tag: 0,
            source: 0,
            aux: id.0,
        };
        match *self {
            Cell::Setup(setup) => {
                let Envelope {
                    context,
                    source,
                    tag,
                } = setup.envelope;
                let header = Header {
                    context,
                    source,
                    tag,
                    ..bare(SETUP, setup.send)
                };
                (
                    header,
                    [
                        u64::from(setup.partitions),
                        setup.len as u64,
                        setup.addr,
                        0,
                        0,
                    ],
                )
            }
            Cell::Accept(accept) => {
                let mut header = bare(ACCEPT, accept.send);
                let (sheet, buffer) = accept.in_reach.unwrap_or((0, 0));
                if accept.in_reach.is_some() {
                    header.flags = IN_REACH;
                }
                let (receive, room) = (u64::from(accept.receive.0), accept.room as u64);
                (header, [receive, sheet, buffer, room, 0])
            }
            Cell::Ready(ready) => {
                let mut header = bare(READY, ready.receive);
                header.source = ready.partition;
                header.context = ContextId(ready.round);
                let [addr, start, len] = words_of_place(ready.place);
                (header, [u64::from(ready.id.0), addr, start, len, 0])
            }
            Cell::Begun(send, in_reach) => (bare(BEGUN, send), [u64::from(in_reach), 0, 0, 0, 0]),
            Cell::Closed(receive) => (bare(CLOSED, receive), [0; 5]),
        }
    }

    /// The cell that has arrived, if it is one.
    pub(in crate::pml) fn decode(a: &Arrival<'_>) -> Option<Cell> {
        let header = &a.header;
        let id = ChannelId(header.aux);
        let [w0, w1, w2, w3, _] = *a.words;
        let low = |word: u64| u32::try_from(word).unwrap_or(0);
        let length = |word: u64| usize::try_from(word).unwrap_or(usize::MAX);
        Some(match header.kind {
            SETUP => Cell::Setup(Setup {
                envelope: Envelope {
                    context: header.context,
                    source: header.source,
                    tag: header.tag,
                },
                send: id,
                partitions: low(w0),
                len: length(w1),
                addr: w2,
            }),
            ACCEPT => Cell::Accept(Accept {
                send: id,
                receive: ChannelId(low(w0)),
                in_reach: (header.flags & IN_REACH != 0).then_some((w1, w2)),
                room: length(w3),
            }),
            READY => Cell::Ready(Ready {
                receive: id,
                id: RequestId(low(w0)),
                place: place_of_words([w1, w2, w3]),
                partition: header.source,
                round: header.context.0,
            }),
            BEGUN => Cell::Begun(id, w0 == 1),
            CLOSED => Cell::Closed(id),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::group::Proc;

    #[test]
    fn every_cell_arrives_as_it_was_sent() {
        let (send, receive) = (ChannelId(7), ChannelId(u32::MAX));
        let accept = |in_reach| {
            Cell::Accept(Accept {
                send,
                receive,
                in_reach,
                room: 1 << 40,
            })
        };
        let ready = |place| {
            Cell::Ready(Ready {
                receive,
                id: RequestId(9),
                place,
                partition: 1 << 30,
                round: u32::MAX,
            })
        };
        let all = [
            Cell::Setup(Setup {
                envelope: Envelope {
                    context: ContextId(6),
                    source: 4,
                    tag: 77,
                },
                send,
                partitions: u32::MAX,
                len: 1 << 33,
                addr: 1 << 46,
            }),
            accept(None),
            accept(Some((4096, 1 << 47))),
            ready(Place::Run(64)),
            ready(Place::Span(64, 100)),
            ready(Place::Hidden),
            Cell::Begun(send, true),
            Cell::Begun(send, false),
            Cell::Closed(receive),
        ];
        for cell in all {
            let (header, words) = cell.encode();
            let arrival = Arrival {
                from: Proc(1),
                header,
                words: &words,
                data: std::ptr::null(),
                len: 0,
            };
            assert_eq!(Cell::decode(&arrival), Some(cell));
        }
    }
}
