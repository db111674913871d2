//! What is in front of each message.

/// Bytes of a cell on the wire.
pub(crate) const CELL: usize = 72;

/// What is in front of a message. The network looks at `secret`, `sender` and `sequence`
/// alone; the rest is its users'.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cell {
    /// The number that only the processes that have met know. The network sets it, and the
    /// next two.
    pub secret: u64,
    /// The sender's number among the peers.
    pub sender: u32,
    /// The number of this message among those from the same sender.
    pub sequence: u16,
    /// What kind of message it is: below 254.
    pub kind: u8,
    /// Flags of that kind.
    pub flags: u8,
    /// The context id.
    pub context: u32,
    /// The tag.
    pub tag: i32,
    /// The sender's rank in the communicator.
    pub source: u32,
    /// A number of either side's choice.
    pub aux: u32,
    /// More numbers.
    pub words: [u64; 5],
}

impl Cell {
    /// As it travels: little-endian.
    pub(crate) fn bytes(&self) -> [u8; CELL] {
        let mut to = [0; CELL];
        to[..8].copy_from_slice(&self.secret.to_le_bytes());
        to[8..12].copy_from_slice(&self.sender.to_le_bytes());
        to[12..14].copy_from_slice(&self.sequence.to_le_bytes());
        to[14] = self.kind;
        to[15] = self.flags;
        to[16..20].copy_from_slice(&self.context.to_le_bytes());
        to[20..24].copy_from_slice(&self.tag.to_le_bytes());
        to[24..28].copy_from_slice(&self.source.to_le_bytes());
        to[28..32].copy_from_slice(&self.aux.to_le_bytes());
        for (word, room) in self.words.iter().zip(to[32..].chunks_exact_mut(8)) {
            room.copy_from_slice(&word.to_le_bytes());
        }
        to
    }

    /// What [`Cell::bytes`] has made.
    pub(crate) fn read(from: &[u8; CELL]) -> Cell {
        let four = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| from[at + i]));
        let eight = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| from[at + i]));
        Cell {
            secret: eight(0),
            sender: four(8),
            sequence: u16::from_le_bytes([from[12], from[13]]),
            kind: from[14],
            flags: from[15],
            context: four(16),
            tag: four(20).cast_signed(),
            source: four(24),
            aux: four(28),
            words: std::array::from_fn(|i| eight(32 + 8 * i)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cell;

    #[test]
    fn a_cell_arrives_as_it_was_sent() {
        let cell = Cell {
            secret: 0x0102_0304_0506_0708,
            sender: 9,
            sequence: 65535,
            kind: 1,
            flags: 2,
            context: u32::MAX - 1,
            tag: -7,
            source: 3,
            aux: 4,
            words: [1, 2, u64::MAX, 4, 5],
        };
        assert_eq!(Cell::read(&cell.bytes()), cell);
    }
}
