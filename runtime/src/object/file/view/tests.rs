//! Extents and places, against a list of all bytes of the filetype.

use super::super::datarep::Datarep;
use super::*;
use crate::object::datatype::{Width, known};

/// Numbers that look random, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        let step = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = step.wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % n
    }

    fn number(&mut self, n: usize) -> isize {
        self.below(n).cast_signed()
    }

    /// A type whose displacements grow.
    fn filetype(&mut self, depth: usize) -> Arc<Datatype> {
        let child = match depth {
            0 => known(0x248).clone(), // 2 bytes
            _ => self.filetype(depth - 1),
        };
        let (count, len) = (1 + self.number(4), 1 + self.number(3));
        let made = match self.below(5) {
            0 => Datatype::contiguous(count, &child, Width::Small),
            1 => Datatype::vector(count, len, len + self.number(3), &child, Width::Small),
            2 => {
                let gap = child.extent() * (1 + self.number(3));
                Datatype::hvector(count, 1, gap, &child, Width::Small)
            }
            3 => {
                let (mut lens, mut displs, mut next) = (Vec::new(), Vec::new(), 0);
                for _ in 0..count {
                    let (at, len) = (next + self.number(3), 1 + self.number(3));
                    displs.push(at);
                    lens.push(len);
                    next = at + len;
                }
                Datatype::indexed(&lens, &displs, &child, Width::Small)
            }
            _ => {
                let extent = child.lb() + child.extent() + self.number(9);
                Datatype::resized(&child, 0, extent, Width::Small)
            }
        };
        made.unwrap()
    }
}

/// The bytes of one filetype, by displacement, in type-map order.
fn bytes_of(filetype: &Datatype) -> Vec<usize> {
    let base = std::ptr::without_provenance(0);
    let runs = filetype.segments(base, 1, 0, filetype.size());
    runs.flat_map(|(at, len)| at.addr()..at.addr() + len)
        .collect()
}

#[test]
fn any_part_of_the_stream_lies_where_a_walk_from_the_beginning_gets() {
    let mut numbers = Numbers(7);
    for round in 0..400 {
        let depth = numbers.below(4);
        let filetype = numbers.filetype(depth);
        let disp = numbers.below(1000) as u64;
        let etype = known(0x248).clone();
        let native = Datarep::Native { internal: false };
        let view = View::new(disp, etype, filetype.clone(), native, true).unwrap();
        let displs = bytes_of(&filetype);
        let extent = filetype.extent().unsigned_abs();
        let place = |i: usize| disp + (i / displs.len() * extent + displs[i % displs.len()]) as u64;
        for _ in 0..20 {
            let first = numbers.below(7 * displs.len());
            let len = numbers.below(5 * displs.len());
            let (position, bytes) = (first as u64, len as u64);
            assert_eq!(view.place(position), Some(place(first)));
            assert!(view.check(position, bytes).is_ok());
            let extents: Vec<Extent> = view.extents(position, bytes).collect();
            let got = extents.iter().flat_map(|e| e.at..e.at + e.len);
            let wanted = (first..first + len).map(place);
            assert!(got.eq(wanted), "round {round}: {len} bytes from {first}");
            let apart = extents
                .windows(2)
                .all(|two| two[0].at + two[0].len != two[1].at);
            assert!(apart, "round {round}: neighbours are one extent");
        }
    }
}

#[test]
fn what_no_offset_reaches_is_refused() {
    let native = || Datarep::Native { internal: false };
    let wide = Datatype::resized(known(0x248), 0, 1 << 40, Width::Small).unwrap();
    let etype = known(0x248).clone();
    let view = View::new(0, etype.clone(), wide, native(), true).unwrap();
    assert_eq!(view.place(2 * (1 << 22)), Some(1 << 62));
    assert!(view.check(2 * (1 << 22), 2).is_ok());
    assert!(view.check(2 * (1 << 23), 2).is_err());
    assert_eq!(view.place(2 * (1 << 23)), None);
    assert!(view.check(u64::MAX, 2).is_err());
    let none = Datatype::contiguous(0, &etype, Width::Small).unwrap();
    let view = View::new(0, etype, none, native(), true).unwrap();
    assert!(view.check(0, 0).is_ok() && view.check(0, 1).is_err());
    assert_eq!(view.extents(0, 0).next(), None);
}
