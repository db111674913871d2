//! Where the bytes of an announced message lie, and how that travels.

/// Where a message lies at its sender.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// In one run, at this address.
    Run(u64),
    /// In several, long enough to be read one by one, over so many bytes at this address.
    Span(u64, usize),
    /// In several, or where nobody can read it.
    Hidden,
}

/// A place as it travels.
#[inline]
pub(super) fn words_of_place(place: Place) -> [u64; 3] {
    match place {
        Place::Run(addr) => [addr, 0, 0],
        Place::Span(start, len) => [0, start, len as u64],
        Place::Hidden => [0, 0, 0],
    }
}

/// The place that travels so.
#[inline]
pub(super) fn place_of_words([addr, start, len]: [u64; 3]) -> Place {
    match (addr, usize::try_from(len).unwrap_or(usize::MAX)) {
        (0, 0) => Place::Hidden,
        (0, len) => Place::Span(start, len),
        (addr, _) => Place::Run(addr),
    }
}
