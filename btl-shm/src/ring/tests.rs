//! A ring between two halves of one process.

use super::*;

fn ring(cells: u32, bulk: u64) -> (Vec<u128>, Producer, Consumer) {
    let len = usize::try_from(ring_len(cells, bulk)).unwrap();
    let mut block = vec![0u128; len / 16 + 16];
    let at = block.as_mut_ptr().cast::<u8>();
    let at = at.wrapping_add(at.align_offset(128)).cast::<RingHead>();
    let head = NonNull::new(at).unwrap();
    // SAFETY: the block is large enough, aligned, and lives beside the halves.
    unsafe {
        head.as_ref().cells.store(cells, Ordering::Relaxed);
        head.as_ref().bulk.store(bulk, Ordering::Relaxed);
        (block, Producer::new(head), Consumer::new(head))
    }
}

fn bytes_of(cell: &PeekedCell) -> Vec<u8> {
    match cell.payload {
        Payload::Inline(len) => {
            let words = cell.words.map(u64::to_le_bytes);
            words.concat()[..len].to_vec()
        }
        // SAFETY: the bytes stay until `advance`.
        Payload::At(at, len) => unsafe { std::slice::from_raw_parts(at.as_ptr(), len).to_vec() },
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_goes_in_comes_out_in_order_for_any_ring() {
    for cells in [1, 2, 4, 8, 16, 64] {
        for bulk in [256, 1024, 16384] {
            let (_block, mut p, mut c) = ring(cells, bulk);
            let mut seed = 12345u64;
            let (mut sent, mut got) = (0u32, 0u32);
            while got < 4000 {
                seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1);
                let inline_most = Producer::inline_most(u64::from(cells));
                let most = match seed >> 60 {
                    0..=7 => SLOT,
                    8..=11 => inline_most,
                    _ => p.bulk_most(),
                };
                if seed >> 40 & 1 == 0 && sent < 4000 {
                    let len = (seed >> 45) as usize % (most + 1);
                    let bytes: Vec<u8> = (0..len).map(|i| (sent as usize + i) as u8).collect();
                    let envelope = Envelope {
                        tag: -7,
                        aux: sent / 16, // some have the same header
                        ..Envelope::default()
                    };
                    let went = if len <= inline_most {
                        // SAFETY: the vector holds `len` bytes.
                        unsafe { p.push_inline(&envelope, bytes.as_ptr(), len) }
                    } else {
                        p.push_bulk(&envelope, len, [1, 2, 3], |to| {
                            // SAFETY: push_bulk gives room for `len` bytes.
                            unsafe { to.copy_from(bytes.as_ptr(), len) }
                        })
                    };
                    sent += u32::from(went);
                } else if seed >> 41 & 1 == 0
                    && let Ok(slot) = c.take_slot(|_, _| seed >> 42 & 1 == 0)
                {
                    assert_eq!((slot.envelope.aux, slot.envelope.tag), (got / 16, -7));
                    let bytes = slot.word.to_le_bytes();
                    for (i, byte) in bytes[..slot.len].iter().enumerate() {
                        assert_eq!(*byte, (got as usize + i) as u8, "{got}");
                    }
                    got += 1;
                } else if let Some(cell) = c.peek() {
                    assert_eq!(cell.envelope.aux, got / 16);
                    assert_eq!(cell.envelope.tag, -7);
                    for (i, byte) in bytes_of(&cell).iter().enumerate() {
                        assert_eq!(*byte, (got as usize + i) as u8, "{got}");
                    }
                    c.advance();
                    got += 1;
                }
                assert!(u64::from(sent) == p.sent() && u64::from(got) == c.taken());
            }
        }
    }
}

#[test]
fn messages_that_share_a_cell_come_one_by_one() {
    let (_block, mut p, mut c) = ring(4, 256);
    let mut send = |tag: i32, n: u64| {
        let envelope = Envelope {
            tag,
            ..Envelope::default()
        };
        // SAFETY: a word's own bytes.
        unsafe { p.push_inline(&envelope, (&raw const n).cast(), 8) }
    };
    let mut take = || {
        let cell = c.peek()?;
        c.advance();
        Some((cell.envelope.tag, cell.words[0]))
    };
    assert!(send(1, 10));
    assert_eq!(take(), Some((1, 10)));
    assert_eq!(take(), None);
    assert!(send(1, 11) && send(1, 12));
    assert_eq!(take(), Some((1, 11)));
    assert!(send(2, 20) && send(1, 13));
    let rest: Vec<_> = std::iter::from_fn(&mut take).collect();
    assert_eq!(rest, [(1, 12), (2, 20), (1, 13)]);
    // Cells with one message each: the one that may be added to is not given back.
    for n in 0..40 {
        assert!(send(3 + n % 2, 0), "{n}");
        assert_eq!(take(), Some((3 + n % 2, 0)));
    }
}

#[test]
fn a_payload_that_looks_like_a_stamp_is_none() {
    let (_block, mut p, mut c) = ring(16, 256);
    for lap in 1..40u32 {
        // Every word of the payload is the stamp of this lap and of the next.
        let bytes = u64::from(lap + 1) << 32 | u64::from(lap + 2);
        let words = [bytes; INLINE / 8];
        for len in [CELL + 1, CELL + LINE, CELL + 2 * LINE + 3, INLINE] {
            let envelope = Envelope::default();
            // SAFETY: `len` bytes of the words.
            assert!(unsafe { p.push_inline(&envelope, words.as_ptr().cast(), len) });
            assert_eq!(c.peek().map(|cell| bytes_of(&cell).len()), Some(len));
            c.advance();
            assert!(c.peek().is_none());
        }
    }
}

#[test]
fn laps_may_wrap_around() {
    for cells in [1u32, 4] {
        let (_block, mut p, mut c) = ring(cells, 256);
        // Three laps before the stamp, which has 32 bits, comes round; the
        // cells bear the stamps of the lap before.
        let start = ((1u64 << 32) - 3) << p.shift;
        for at in 0..cells as usize {
            // SAFETY: one of the ring's cells, which lives beside the halves.
            let cell = unsafe { p.cells.add(at).as_ref() };
            let before = stamp(start - u64::from(cells), p.shift);
            cell.words[0].store(u64::from(before), Ordering::Relaxed);
        }
        (p.tail, p.consumed, c.next, c.published) = (start, start, start, start);
        let mut sent = 0;
        for got in 0..u64::from(cells) * 8 {
            while p.push_words(&Envelope::default(), [sent; 5]) {
                sent += 1;
            }
            assert_eq!(c.peek().map(|cell| cell.words[0]), Some(got));
            c.advance();
        }
        assert!(p.tail >> p.shift > 1 << 32);
    }
}

#[test]
fn a_full_ring_takes_nothing() {
    let (_block, mut p, mut c) = ring(4, 256);
    for _ in 0..4 {
        assert!(p.push_words(&Envelope::default(), [9; 5]));
    }
    assert!(!p.push_words(&Envelope::default(), [9; 5]));
    assert!(!p.push_bulk(&Envelope::default(), 64, [0; 3], |_| panic!("no room")));
    assert!(c.peek().is_some());
    c.advance();
    assert!(p.push_words(&Envelope::default(), [9; 5]));
}

#[test]
fn a_slot_is_taken_alone_and_only_if_it_is_wanted() {
    let (_block, mut p, mut c) = ring(4, 256);
    let envelope = Envelope {
        tag: 5,
        ..Envelope::default()
    };
    assert_eq!(c.take_slot(|_, _| true).unwrap_err(), NotTaken::Nothing);
    let bytes = [7u8; 24];
    for len in [3, 8, 24] {
        // SAFETY: there are 24 bytes.
        assert!(unsafe { p.push_inline(&envelope, bytes.as_ptr(), len) });
    }
    let second = c.take_slot(|_, len| len == 8);
    assert_eq!(second.unwrap_err(), NotTaken::Another);
    let first = c.take_slot(|e, len| e.tag == 5 && len == 3).unwrap();
    assert_eq!((first.word, first.len), (0x07_0707, 3));
    assert_eq!(c.take_slot(|_, _| true).unwrap().len, 8);
    assert_eq!(c.take_slot(|_, _| true).unwrap_err(), NotTaken::Longer);
    assert_eq!(bytes_of(&c.peek().unwrap()), bytes);
}
