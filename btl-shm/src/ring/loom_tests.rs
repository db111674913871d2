//! Every interleaving of two threads, by loom.

use super::*;

fn cell() -> Cell {
    Cell {
        words: std::array::from_fn(|_| AtomicU64::new(0)),
    }
}

fn head() -> RingHead {
    RingHead {
        next: AtomicU64::new(0),
        source: AtomicU32::new(0),
        cells: AtomicU32::new(0),
        bulk: AtomicU64::new(0),
        _pad0: [0; 13],
        consumed: AtomicU64::new(0),
        bulk_consumed: AtomicU64::new(0),
        _pad1: [0; 14],
    }
}

struct Shared {
    head: RingHead,
    cells: Vec<Cell>,
}

struct Half<T>(T);
// SAFETY: each half goes to one thread; what they share is atomic.
unsafe impl<T> Send for Half<T> {}

fn halves(count: u64) -> (loom::sync::Arc<Shared>, Half<Producer>, Consumer) {
    let cells = (0..count).map(|_| cell()).collect();
    let shared = loom::sync::Arc::new(Shared {
        head: head(),
        cells,
    });
    let at = NonNull::from(&shared.head);
    let first = NonNull::from(&shared.cells[0]);
    let bulk = NonNull::dangling();
    let producer = Half(Producer::from_parts(at, first, bulk, count, 256));
    (
        shared,
        producer,
        Consumer::from_parts(at, first, bulk, count, 256),
    )
}

/// Messages of these lengths, and headers by the message's number, arrive in order and
/// whole.
fn all_arrive(count: u64, lens: &'static [usize], aux: fn(usize) -> u32) {
    loom::model(move || {
        let (shared, mut producer, mut consumer) = halves(count);
        let keep = shared.clone();
        let thread = loom::thread::spawn(move || {
            let producer = &mut producer;
            let _keep = keep;
            for (n, len) in lens.iter().enumerate() {
                let envelope = Envelope {
                    aux: aux(n),
                    ..Envelope::default()
                };
                let bytes = [n as u8 + 1; INLINE];
                // SAFETY: `len` of these bytes.
                while !unsafe { producer.0.push_inline(&envelope, bytes.as_ptr(), *len) } {
                    loom::thread::yield_now();
                }
            }
        });
        let mut n = 0;
        while n < lens.len() {
            let Some(cell) = consumer.peek() else {
                loom::thread::yield_now();
                continue;
            };
            assert_eq!(cell.envelope.aux, aux(n));
            let words = cell.words;
            let (at, len) = match cell.payload {
                Payload::Inline(len) => (words.as_ptr().cast(), len),
                Payload::At(at, len) => (at.as_ptr().cast_const(), len),
                other => panic!("{other:?}"),
            };
            assert_eq!(len, lens[n]);
            // SAFETY: the message's bytes, which stay until `advance`.
            let bytes = unsafe { std::slice::from_raw_parts(at, len) };
            assert!(bytes.iter().all(|byte| *byte == n as u8 + 1));
            consumer.advance();
            n += 1;
        }
        thread.join().unwrap();
        drop(shared); // not before: the consumer looks into it
    });
}

#[test]
fn messages_that_share_a_cell_arrive_whole_and_once() {
    all_arrive(2, &[8, 8, 8], |_| 1);
    all_arrive(2, &[8, 8, 8], |n| n as u32 / 2);
}

#[test]
fn lines_behind_a_cell_arrive_whole_and_once() {
    all_arrive(4, &[8, CELL + 1, 8], |_| 1);
    all_arrive(4, &[CELL + 1, CELL + 1, CELL + 1], |_| 1);
}

#[test]
fn every_cell_arrives_whole_and_once() {
    for count in [1u64, 2] {
        loom::model(move || {
            let (shared, mut producer, mut consumer) = halves(count);
            let keep = shared.clone();
            let thread = loom::thread::spawn(move || {
                let producer = &mut producer;
                let _keep = keep;
                for n in 1..=3u32 {
                    let envelope = Envelope {
                        aux: n,
                        ..Envelope::default()
                    };
                    while !producer.0.push_words(&envelope, [u64::from(n); 5]) {
                        loom::thread::yield_now();
                    }
                }
            });
            let mut want = 1;
            while want <= 3 {
                if let Some(cell) = consumer.peek() {
                    assert_eq!(cell.envelope.aux, want);
                    assert_eq!(cell.words, [u64::from(want); 5]);
                    consumer.advance();
                    want += 1;
                } else {
                    loom::thread::yield_now();
                }
            }
            thread.join().unwrap();
            drop(shared);
        });
    }
}
