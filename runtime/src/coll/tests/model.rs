//! Elements, memory and operations of the tests, and what a reduction must give.
//!
//! An element is a map x → a·x + b over 64-bit integers; composing maps is associative and does
//! not commute, so that a wrong order shows.

use crate::coll::args::{Ints, Parts, Shape};
use crate::coll::simulate::Random;
use crate::object::datatype::{self, Datatype, Width};
use crate::object::op::Reducer;
use crate::pml::Buffer;
use std::sync::Arc;

/// An element's value.
pub(super) type Map = (u64, u64);

/// `left ∘ right`.
pub(super) fn compose(left: Map, right: Map) -> Map {
    let (a, b) = left;
    let (c, d) = right;
    (a.wrapping_mul(c), a.wrapping_mul(d).wrapping_add(b))
}

/// Componentwise sum: commutes.
pub(super) fn add(left: Map, right: Map) -> Map {
    (left.0.wrapping_add(right.0), left.1.wrapping_add(right.1))
}

/// Neither associative nor commutative, as little as a sum that is rounded: the order of
/// all steps shows.
pub(super) fn round(left: Map, right: Map) -> Map {
    let mix = |a: u64, b: u64| (a.rotate_left(7) ^ b).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mix(left.0, right.0), mix(left.1, right.1))
}

/// How elements lie: with or without holes.
#[derive(Clone)]
pub(super) struct Layout {
    pub(super) datatype: Arc<Datatype>,
    pub(super) stride: usize,
    pub(super) second: usize,
}

pub(super) fn layout(holes: bool) -> Layout {
    let number = datatype::known(0x259); // MPI_UINT64_T
    if holes {
        let pair = Datatype::hvector(2, 1, 24, number, Width::Small).unwrap();
        Layout {
            datatype: Datatype::resized(&pair, 0, 40, Width::Small).unwrap(),
            stride: 40,
            second: 24,
        }
    } else {
        Layout {
            datatype: Datatype::contiguous(2, number, Width::Small).unwrap(),
            stride: 16,
            second: 8,
        }
    }
}

/// Memory with elements of one layout.
pub(super) struct Memory {
    pub(super) bytes: Vec<u8>,
    pub(super) layout: Layout,
}

pub(super) const UNTOUCHED: u8 = 0xa5;

impl Memory {
    pub(super) fn new(layout: &Layout, count: usize) -> Memory {
        Memory {
            bytes: vec![UNTOUCHED; count * layout.stride],
            layout: layout.clone(),
        }
    }

    pub(super) fn of(layout: &Layout, values: &[Map]) -> Memory {
        let mut memory = Memory::new(layout, values.len());
        for (i, value) in values.iter().enumerate() {
            memory.set(i, *value);
        }
        memory
    }

    pub(super) fn set(&mut self, i: usize, value: Map) {
        let at = i * self.layout.stride;
        let second = at + self.layout.second;
        self.bytes[at..at + 8].copy_from_slice(&value.0.to_ne_bytes());
        self.bytes[second..second + 8].copy_from_slice(&value.1.to_ne_bytes());
    }

    pub(super) fn get(&self, i: usize) -> Map {
        let number = |at: usize| u64::from_ne_bytes(self.bytes[at..at + 8].try_into().unwrap());
        let at = i * self.layout.stride;
        (number(at), number(at + self.layout.second))
    }

    pub(super) fn values(&self) -> Vec<Map> {
        (0..self.bytes.len() / self.layout.stride)
            .map(|i| self.get(i))
            .collect()
    }

    pub(super) fn holes_untouched(&self) -> bool {
        let stride = self.layout.stride;
        stride == 16
            || self.bytes.chunks(stride).all(|element| {
                element[8..24]
                    .iter()
                    .chain(&element[32..40])
                    .all(|b| *b == UNTOUCHED)
            })
    }

    pub(super) fn addr(&self) -> *mut u8 {
        self.bytes.as_ptr().cast_mut()
    }

    pub(super) fn buffer(&self, count: usize) -> Buffer<'_> {
        Buffer {
            addr: self.addr(),
            count,
            datatype: Some(&self.layout.datatype),
        }
    }

    pub(super) fn equal(&self, each: usize) -> Parts<'_> {
        Parts {
            addr: self.addr(),
            shape: Shape::Equal(each, &self.layout.datatype),
        }
    }

    pub(super) fn varying<'a>(&'a self, counts: &'a [i32], displs: &'a [i32]) -> Parts<'a> {
        Parts {
            addr: self.addr(),
            shape: Shape::Varying(Ints::Int(counts), Ints::Int(displs), &self.layout.datatype),
        }
    }
}

/// # Safety
/// As `op::Kernel` says, for elements of the given layout.
pub(super) unsafe fn fold_elements(
    left: *const u8,
    right: *const u8,
    out: *mut u8,
    count: usize,
    (stride, second): (usize, usize),
    f: fn(Map, Map) -> Map,
) {
    for i in 0..count {
        let (a, b) = (
            left.wrapping_add(i * stride),
            right.wrapping_add(i * stride),
        );
        let to = out.wrapping_add(i * stride);
        // SAFETY: the caller's promise.
        unsafe {
            let read = |at: *const u8| {
                (
                    at.cast::<u64>().read_unaligned(),
                    at.wrapping_add(second).cast::<u64>().read_unaligned(),
                )
            };
            let value = f(read(a), read(b));
            to.cast::<u64>().write_unaligned(value.0);
            to.wrapping_add(second)
                .cast::<u64>()
                .write_unaligned(value.1);
        }
    }
}

macro_rules! kernels {
    ($($name:ident $layout:expr, $f:ident;)*) => {$(
        /// # Safety
        /// As `op::Kernel` says.
        unsafe fn $name(left: *const u8, right: *const u8, out: *mut u8, count: usize) {
            // SAFETY: the caller's promise.
            unsafe { fold_elements(left, right, out, count, $layout, $f) };
        }
    )*};
}
kernels! {
    compose_dense (16, 8), compose;
    compose_holes (40, 24), compose;
    add_dense (16, 8), add;
    add_holes (40, 24), add;
    round_dense (16, 8), round;
    round_holes (40, 24), round;
}

/// An operation, and what it does to two values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operation {
    Compose,
    Add,
    /// Says that it commutes.
    Round,
}

pub(super) const OPERATIONS: [Operation; 3] =
    [Operation::Compose, Operation::Add, Operation::Round];

impl Operation {
    pub(super) fn reducer(self, layout: &Layout) -> Reducer {
        match (self, layout.stride) {
            (Operation::Compose, 16) => Reducer::plain(compose_dense, false),
            (Operation::Compose, _) => Reducer::plain(compose_holes, false),
            (Operation::Add, 16) => Reducer::plain(add_dense, true),
            (Operation::Add, _) => Reducer::plain(add_holes, true),
            (Operation::Round, 16) => Reducer::plain(round_dense, true),
            (Operation::Round, _) => Reducer::plain(round_holes, true),
        }
    }

    /// The fold of all parts in the order of ranks, from left to right.
    pub(super) fn fold(self, parts: &[Vec<Map>]) -> Vec<Map> {
        let f = match self {
            Operation::Compose => compose,
            Operation::Add => add,
            Operation::Round => round,
        };
        let fold = |i: usize| {
            parts[1..]
                .iter()
                .fold(parts[0][i], |acc, part| f(acc, part[i]))
        };
        (0..parts[0].len()).map(fold).collect()
    }
}

/// What rank `rank` contributes.
pub(super) fn contribution(rank: u32, count: usize) -> Vec<Map> {
    let mut random = Random(u64::from(rank) * 1000 + 17);
    (0..count).map(|_| (random.next(), random.next())).collect()
}

/// Layouts that differ from rank to rank.
pub(super) fn mixed(rank: u32) -> Layout {
    layout(rank % 3 == 1)
}
