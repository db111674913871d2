//! Pipeline: a message goes in pieces, of which the receiver copies one out while the
//! sender copies the next one in. So go eager messages that are too long for one cell,
//! and those that neither side can copy straight.

use crate::pml::request::{RequestId, RequestRef};
use crate::pml::rndv::runs;
use crate::pml::transport::Transport;
use crate::pml::wire;

/// The largest message that goes in one cell: longer ones go in pieces. Also what the
/// pieces of a message that goes alone are multiples of.
pub(in crate::pml) const CELL_MOST: usize = 4 << 10;

/// Bytes of a message that go out before it is the turn of another one to the same peer.
const TURN: usize = 8 << 20;

/// What the pieces of a stream are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::pml) enum Pieces {
    /// Of an eager message.
    Eager,
    /// Of a message that the receiver, which knows it by this number, has asked for.
    Asked(RequestId),
    /// Where such a message's runs are.
    Runs(RequestId),
}

/// A send whose bytes are going out.
#[derive(Debug)]
pub(in crate::pml) struct Stream {
    pub(in crate::pml) send: RequestRef,
    pub(in crate::pml) pieces: Pieces,
    /// Bytes that go out before it is another one's turn.
    turn: usize,
}

/// Bytes of the next piece of a message of which `left` of `total` are left. One that
/// goes alone is cut small, so that its receiver has something to copy soon. Among
/// others there is enough to copy, and larger pieces cost less.
pub(in crate::pml) fn piece_len<T: Transport>(total: usize, left: usize, is_alone: bool) -> usize {
    let piece = match is_alone {
        true => (total / 8).next_multiple_of(CELL_MOST).max(CELL_MOST),
        false => T::PIECE,
    };
    piece.min(T::PIECE).min(left)
}

impl Stream {
    pub(in crate::pml) fn new(send: RequestRef, pieces: Pieces) -> Stream {
        Stream {
            send,
            pieces,
            turn: TURN,
        }
    }

    /// Counts bytes that went out. Whether it is another one's turn.
    pub(in crate::pml) fn ends_turn(&mut self, moved: usize) -> bool {
        self.turn = self.turn.saturating_sub(moved);
        let is_over = self.turn == 0;
        if is_over {
            self.turn = TURN;
        }
        is_over
    }

    /// Sends the next piece. `false`: there is no room now.
    pub(in crate::pml) fn send_piece<T: Transport>(
        &self,
        transport: &mut T,
        is_alone: bool,
    ) -> Result<bool, T::Error> {
        let send = &self.send;
        let header = match self.pieces {
            Pieces::Eager => wire::more(send.own_id.get().unwrap_or(RequestId(u32::MAX))),
            Pieces::Asked(receive) => wire::data(receive),
            Pieces::Runs(receive) => return runs::tell(transport, send, receive),
        };
        let (at, total) = (send.moved.get(), send.total.get());
        let piece = piece_len::<T>(total, total - at, is_alone);
        let sent = transport.send_piece(send.peer.get(), &header, piece, [0; 3], |to, n| {
            // SAFETY: room for `n` bytes, at most what is left of the message.
            unsafe { send.memory.copy_out(at, to, n) };
        })?;
        send.moved.set(at + sent.unwrap_or(0));
        Ok(sent.is_some())
    }
}
