//! Which protocol carries a message: the one place that decides. Pure; what it must
//! know is asked before.
//!
//! | protocol | how | chosen by |
//! |---|---|---|
//! | eager | the bytes go at once | the sender: [`start`] |
//! | get | the receiver copies them out of the sender's memory | the receiver: [`fetch`] |
//! | put | the sender copies them into the receive buffer | the receiver |
//! | cooperative | both do, each a part | the receiver |
//! | runs | the sender tells where its runs are, the receiver gets each | the receiver |
//! | pipeline | through pieces in between, both sides copying | the receiver |

/// Ways of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Protocol {
    Eager,
    Get,
    Put,
    Cooperative,
    Runs,
    Pipeline,
}

/// How many there are.
pub(super) const PROTOCOLS: usize = 6;

impl Protocol {
    /// All of them, in the order of their numbers.
    pub(super) const ALL: [Protocol; PROTOCOLS] = [
        Protocol::Eager,
        Protocol::Get,
        Protocol::Put,
        Protocol::Cooperative,
        Protocol::Runs,
        Protocol::Pipeline,
    ];

    /// Its name in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Protocol::Eager => "eager",
            Protocol::Get => "get",
            Protocol::Put => "put",
            Protocol::Cooperative => "cooperative",
            Protocol::Runs => "runs",
            Protocol::Pipeline => "pipeline",
        }
    }
}

/// Thresholds, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The longest message that goes before its receiver is known to want it.
    pub(super) eager_limit: usize,
    /// The shortest that is announced because its receiver can get it.
    pub(super) direct_min: usize,
    /// The shortest that both sides copy.
    pub(super) coop_min: usize,
    /// The longest that goes in one cell.
    pub(super) whole_max: usize,
}

/// What the sender knows when it starts.
#[derive(Clone, Copy, Debug)]
pub(super) struct SendFacts {
    pub(super) len: usize,
    /// The receiver reaches the bytes by loads.
    pub(super) is_exported: bool,
    /// The receiver should read the bytes by calls, or may find out if that is faster.
    pub(super) is_for_calls: bool,
    /// The receiver holds too many unexpected messages.
    pub(super) has_pressure: bool,
    /// The send ends when its receive was matched.
    pub(super) is_synchronous: bool,
}

/// How a send starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Start {
    /// All of it in one cell.
    Whole,
    /// Its first piece, then the others.
    Pieces,
    /// An RTS.
    Announce,
}

/// How a send starts.
pub(super) fn start(send: &SendFacts, limits: &Limits) -> Start {
    let is_direct = send.len >= limits.direct_min && send.is_exported;
    let may_go = send.len <= limits.eager_limit && !send.has_pressure;
    if is_direct || !may_go || send.is_for_calls {
        Start::Announce
    } else if send.len <= limits.whole_max {
        Start::Whole
    } else if send.is_synchronous {
        Start::Announce
    } else {
        Start::Pieces
    }
}

/// How the receiver reaches the bytes of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reach {
    Loads,
    Calls,
    Nowhere,
}

/// What the receiver knows once an RTS has met its receive.
#[derive(Clone, Copy, Debug)]
pub(super) struct FetchFacts {
    pub(super) len: usize,
    pub(super) reach: Reach,
    /// Messages of this size were faster in pieces than by calls.
    pub(super) pieces_are_faster: bool,
    /// The receive buffer is one run.
    pub(super) is_run: bool,
    /// The sender reaches it by loads and stores, and may write it.
    pub(super) is_exported: bool,
    /// The receiver reaches the memory that a scattered message spans.
    pub(super) reaches_span: bool,
    /// The sender is likely to look soon for what it is asked.
    pub(super) sender_is_near: bool,
    /// Other messages wait that one call can copy together with this one.
    pub(super) has_company: bool,
}

/// Bytes that both sides map which take about as long as `len` bytes by calls: to share
/// those out pays earlier.
pub(super) fn as_mapped(len: usize) -> usize {
    len.saturating_add(len / 3)
}

/// Whether a message that loads reach is got, whatever else is known: it is too short to
/// be shared out.
#[inline]
pub(super) fn is_short(len: usize, limits: &Limits) -> bool {
    len < limits.coop_min
}

/// How a message is fetched. `Eager` is never the answer.
pub(super) fn fetch(facts: &FetchFacts, limits: &Limits) -> Protocol {
    let shares = |len| facts.sender_is_near && facts.is_run && !is_short(len, limits);
    match facts.reach {
        Reach::Calls if facts.pieces_are_faster => Protocol::Pipeline,
        Reach::Calls if facts.has_company => Protocol::Get,
        Reach::Calls if shares(as_mapped(facts.len)) => Protocol::Cooperative,
        Reach::Loads if facts.is_exported && shares(facts.len) => Protocol::Cooperative,
        Reach::Loads | Reach::Calls => Protocol::Get,
        Reach::Nowhere if facts.is_run && facts.is_exported => Protocol::Put,
        Reach::Nowhere if facts.reaches_span => Protocol::Runs,
        Reach::Nowhere => Protocol::Pipeline,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        eager_limit: 64 << 10,
        direct_min: 4 << 10,
        coop_min: 32 << 10,
        whole_max: 4 << 10,
    };

    #[test]
    fn sends_start_as_the_table_says() {
        // length, exported, for calls, pressure, synchronous
        let table = [
            (0, false, false, false, false, Start::Whole),
            (100, true, false, false, true, Start::Whole),
            (100, true, false, true, false, Start::Announce),
            (4 << 10, false, false, false, true, Start::Whole),
            (4 << 10, true, false, false, false, Start::Announce),
            (20_000, false, false, false, false, Start::Pieces),
            (20_000, false, false, false, true, Start::Announce),
            (20_000, false, true, false, false, Start::Announce),
            (20_000, true, false, false, false, Start::Announce),
            (64 << 10, false, false, false, false, Start::Pieces),
            ((64 << 10) + 1, false, false, false, false, Start::Announce),
        ];
        for (len, is_exported, is_for_calls, has_pressure, is_synchronous, wanted) in table {
            let facts = SendFacts {
                len,
                is_exported,
                is_for_calls,
                has_pressure,
                is_synchronous,
            };
            assert_eq!(start(&facts, &LIMITS), wanted, "{facts:?}");
        }
    }

    #[test]
    fn messages_are_fetched_as_the_table_says() {
        use Protocol::{Cooperative, Get, Pipeline, Put, Runs};
        use Reach::{Calls, Loads, Nowhere};
        // What holds of a receive: S sender near, R one run, E exported, P pieces faster,
        // C company, N reaches the span.
        let table = [
            (8 << 10, Loads, "SRE", Get),
            (32 << 10, Loads, "SRE", Cooperative),
            (32 << 10, Loads, "RE", Get),
            (32 << 10, Loads, "SR", Get),
            (32 << 10, Loads, "S", Get),
            (1 << 30, Loads, "SREP", Cooperative),
            (24 << 10, Calls, "SR", Cooperative),
            (24 << 10, Calls, "SRC", Get),
            (24 << 10, Calls, "SRP", Pipeline),
            (24 << 10, Calls, "R", Get),
            (23 << 10, Calls, "SRE", Get),
            (1 << 20, Calls, "", Get),
            (1 << 20, Nowhere, "SRE", Put),
            (1 << 20, Nowhere, "RE", Put),
            (1 << 20, Nowhere, "SR", Pipeline),
            (1 << 20, Nowhere, "SN", Runs),
            (1 << 20, Nowhere, "S", Pipeline),
        ];
        for (len, reach, holds, wanted) in table {
            let facts = FetchFacts {
                len,
                reach,
                pieces_are_faster: holds.contains('P'),
                is_run: holds.contains('R'),
                is_exported: holds.contains('E'),
                reaches_span: holds.contains('N'),
                sender_is_near: holds.contains('S'),
                has_company: holds.contains('C'),
            };
            assert_eq!(fetch(&facts, &LIMITS), wanted, "{facts:?} {holds}");
        }
    }

    #[test]
    fn protocols_have_their_numbers() {
        for (number, protocol) in Protocol::ALL.into_iter().enumerate() {
            assert_eq!(protocol as usize, number, "{}", protocol.name());
        }
    }
}
