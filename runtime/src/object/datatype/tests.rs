//! Datatypes against a naive model, on random types: a type is the list of its
//! basic entries. A failure prints its seed; `LARIAT_TEST_SEED` runs that one.

use super::predefined::all_predefined;
use super::*;
use std::fmt::Write;
use std::sync::Arc;

/// A small generator (splitmix64), so that a seed means the same everywhere.
pub(super) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// `low..=high`
    fn within(&mut self, low: isize, high: isize) -> isize {
        let span = (high - low + 1).cast_unsigned() as u64;
        low + usize::try_from(self.next() % span).unwrap().cast_signed()
    }

    fn below(&mut self, end: usize) -> usize {
        self.within(0, end.cast_signed() - 1).cast_unsigned()
    }

    fn list(&mut self, n: isize, low: isize, high: isize) -> Vec<isize> {
        (0..n).map(|_| self.within(low, high)).collect()
    }
}

/// The naive model.
#[derive(Clone, Default)]
struct Model {
    /// Displacement and bytes of each basic entry.
    entries: Vec<(isize, usize)>,
    marks: Option<(isize, isize)>,
    align: usize,
}

impl Model {
    fn basic(element: Element) -> Model {
        let entries = match element {
            Element::Pair { value, index } => vec![
                (0, value.size()),
                (
                    value.size().next_multiple_of(index.size()).cast_signed(),
                    index.size(),
                ),
            ],
            simple => vec![(0, simple.size())],
        };
        Model {
            entries,
            marks: None,
            align: element.align(),
        }
    }

    fn add(&mut self, other: &Model, disp: isize) {
        self.entries
            .extend(other.entries.iter().map(|&(at, len)| (at + disp, len)));
        if let Some((low, high)) = other.marks {
            let (a, b) = self.marks.unwrap_or((isize::MAX, isize::MIN));
            self.marks = Some((a.min(low + disp), b.max(high + disp)));
        }
        self.align = self.align.max(other.align);
    }

    fn size(&self) -> usize {
        self.entries.iter().map(|entry| entry.1).sum()
    }

    fn true_bounds(&self) -> (isize, isize) {
        let ends = self
            .entries
            .iter()
            .map(|&(at, len)| (at, at + len.cast_signed()));
        ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
            .unwrap_or((0, 0))
    }

    fn bounds(&self) -> (isize, isize) {
        self.marks.unwrap_or_else(|| {
            let (low, high) = self.true_bounds();
            let span = (high - low).cast_unsigned();
            (
                low,
                low + span.next_multiple_of(self.align.max(1)).cast_signed(),
            )
        })
    }

    fn extent(&self) -> isize {
        self.bounds().1 - self.bounds().0
    }

    fn blocks(&self, blocks: &[(isize, isize)]) -> Model {
        let mut model = Model::default();
        for &(disp, len) in blocks {
            for i in 0..len {
                model.add(self, disp + i * self.extent());
            }
        }
        model
    }

    /// Where each byte of the packed stream of `count` elements lies.
    fn stream(&self, count: usize) -> Vec<isize> {
        let mut places = Vec::new();
        for i in 0..count.cast_signed() {
            for &(at, len) in &self.entries {
                let at = at + i * self.extent();
                places.extend(at..at + len.cast_signed());
            }
        }
        places
    }
}

/// A type, its model, and how it was made.
#[derive(Clone)]
struct Pair {
    real: Arc<Datatype>,
    model: Model,
    story: String,
}

fn basic(random: &mut Random) -> Pair {
    let all: Vec<_> = all_predefined().collect();
    let real = all[random.below(all.len())].1.clone();
    let story = String::from_utf8(real.name()).unwrap();
    Pair {
        model: Model::basic(real.element().unwrap()),
        real,
        story,
    }
}

const ENTRIES: usize = 600;

fn any(random: &mut Random, depth: u32) -> Pair {
    if depth == 0 {
        return basic(random);
    }
    let child = any(random, depth - 1);
    loop {
        let made = derive(random, &child, depth);
        let span = made.model.true_bounds();
        let bounds = made.model.bounds();
        if made.model.entries.len() <= ENTRIES
            && span.1 - span.0 < 100_000
            && bounds.0.abs() + bounds.1.abs() < 100_000
        {
            return made;
        }
    }
}

fn derive(random: &mut Random, child: &Pair, depth: u32) -> Pair {
    let (real, old) = (&child.real, &child.model);
    let ex = old.extent();
    let mut story = String::new();
    let width = [Width::Small, Width::Large][random.below(2)];
    let n = random.within(0, 5);
    let made;
    let model;
    match random.below(12) {
        0 => {
            write!(story, "contiguous {n}").unwrap();
            made = Datatype::contiguous(n, real, width);
            model = old.blocks(&[(0, n)]);
        }
        1 | 2 => {
            let (len, stride) = (random.within(0, 4), random.within(-6, 12));
            write!(story, "vector {n} {len} {stride}").unwrap();
            made = Datatype::vector(n, len, stride, real, width);
            let blocks: Vec<_> = (0..n).map(|i| (i * stride * ex, len)).collect();
            model = old.blocks(&blocks);
        }
        3 => {
            let (len, stride) = (random.within(0, 4), random.within(-60, 120));
            write!(story, "hvector {n} {len} {stride}").unwrap();
            made = Datatype::hvector(n, len, stride, real, width);
            let blocks: Vec<_> = (0..n).map(|i| (i * stride, len)).collect();
            model = old.blocks(&blocks);
        }
        4 => {
            let (lens, displs) = (random.list(n, 0, 3), random.list(n, -10, 20));
            write!(story, "indexed {lens:?} {displs:?}").unwrap();
            made = Datatype::indexed(&lens, &displs, real, width);
            let blocks: Vec<_> = displs.iter().map(|d| d * ex).zip(lens).collect();
            model = old.blocks(&blocks);
        }
        5 => {
            let (lens, displs) = (random.list(n, 0, 3), random.list(n, -100, 200));
            write!(story, "hindexed {lens:?} {displs:?}").unwrap();
            made = Datatype::hindexed(&lens, &displs, real, width);
            let blocks: Vec<_> = displs.iter().copied().zip(lens).collect();
            model = old.blocks(&blocks);
        }
        6 => {
            let (len, displs) = (random.within(0, 3), random.list(2 * n, -10, 20));
            write!(story, "indexed_block {len} {displs:?}").unwrap();
            made = Datatype::indexed_block(len, &displs, real, width);
            let blocks: Vec<_> = displs.iter().map(|d| (d * ex, len)).collect();
            model = old.blocks(&blocks);
        }
        7 => {
            let (len, displs) = (random.within(0, 3), random.list(n, -100, 200));
            write!(story, "hindexed_block {len} {displs:?}").unwrap();
            made = Datatype::hindexed_block(len, &displs, real, width);
            let blocks: Vec<_> = displs.iter().map(|d| (*d, len)).collect();
            model = old.blocks(&blocks);
        }
        8 => {
            let (lens, displs) = (random.list(n, 0, 3), random.list(n, -100, 200));
            let mut children = vec![child.clone()];
            for _ in 1..n {
                let depth = u32::try_from(random.below(depth as usize)).unwrap();
                children.push(any(random, depth));
            }
            children.truncate(n.cast_unsigned());
            write!(story, "struct {lens:?} {displs:?} of [").unwrap();
            for child in &children {
                write!(story, "({}) ", child.story).unwrap();
            }
            story.push(']');
            let reals: Vec<_> = children.iter().map(|child| child.real.clone()).collect();
            made = Datatype::structure(&lens, &displs, &reals, width);
            let mut sum = Model::default();
            for ((&disp, &len), child) in displs.iter().zip(&lens).zip(&children) {
                sum.add(&child.model.blocks(&[(0, len)]), disp);
            }
            model = sum;
        }
        9 => {
            let (lb, extent) = (random.within(-20, 20), random.within(-5, 100));
            write!(story, "resized {lb} {extent}").unwrap();
            made = Datatype::resized(real, lb, extent, width);
            model = Model {
                marks: Some((lb, lb + extent)),
                ..old.clone()
            };
        }
        10 => {
            let dims = random.within(1, 3);
            let sizes = random.list(dims, 1, 5);
            let subs: Vec<_> = sizes.iter().map(|&s| random.within(1, s)).collect();
            let at = |(&size, &sub)| random.within(0, size - sub);
            let starts: Vec<_> = sizes.iter().zip(&subs).map(at).collect();
            let order = [0xc, 0xf][random.below(2)];
            write!(story, "subarray {sizes:?} {subs:?} {starts:?} {order:x}").unwrap();
            made = Datatype::subarray(&sizes, &subs, &starts, order, real, width);
            let chosen: Vec<Vec<isize>> = starts
                .iter()
                .zip(&subs)
                .map(|(&start, &sub)| (start..start + sub).collect())
                .collect();
            model = array(old, &sizes, &chosen, order);
        }
        _ => return darray(random, child, width),
    }
    Pair {
        real: made.unwrap_or_else(|error| panic!("{story}: {error}")),
        model,
        story: format!("{story} of {}", child.story),
    }
}

/// The elements of an array at the product of the chosen indices, in memory
/// order.
fn array(old: &Model, sizes: &[isize], chosen: &[Vec<isize>], order: i32) -> Model {
    let mut dims: Vec<usize> = (0..sizes.len()).collect();
    if order == 0xf {
        dims.reverse();
    }
    // dims: slowest first
    let mut places = vec![0];
    for &dim in &dims {
        places = places
            .iter()
            .flat_map(|&at| chosen[dim].iter().map(move |i| at * sizes[dim] + i))
            .collect();
    }
    let ex = old.extent();
    let mut model = Model::default();
    for at in places {
        model.add(old, at * ex);
    }
    model.marks = Some((0, sizes.iter().product::<isize>() * ex));
    model
}

fn darray(random: &mut Random, child: &Pair, width: Width) -> Pair {
    let dims = random.within(1, 3);
    let gsizes = random.list(dims, 1, 7);
    let (mut distribs, mut dargs, mut psizes) = (Vec::new(), Vec::new(), Vec::new());
    for &size in &gsizes {
        let distrib = i32::try_from(random.within(16, 18)).unwrap();
        let processes = if distrib == 16 {
            1
        } else {
            random.within(1, 4)
        };
        let darg = match (distrib, random.below(2)) {
            (_, 0) => 19,
            (17, _) => (size + processes - 1) / processes + random.within(0, 2),
            _ => random.within(1, 3),
        };
        distribs.push(distrib);
        dargs.push(i32::try_from(darg).unwrap());
        psizes.push(i32::try_from(processes).unwrap());
    }
    let size: i32 = psizes.iter().product();
    let rank = i32::try_from(random.below(usize::try_from(size).unwrap())).unwrap();
    let order = [0xc, 0xf][random.below(2)];
    let mut left = rank;
    let mut chosen = vec![Vec::new(); gsizes.len()];
    for dim in (0..gsizes.len()).rev() {
        let (processes, gsize) = (psizes[dim] as isize, gsizes[dim]);
        let coordinate = (left % psizes[dim]) as isize;
        left /= psizes[dim];
        let block = match (distribs[dim], dargs[dim]) {
            (16, _) => gsize,
            (17, 19) => (gsize + processes - 1) / processes,
            (18, 19) => 1,
            (_, argument) => argument as isize,
        };
        chosen[dim] = (0..gsize)
            .filter(|i| i / block % processes == coordinate)
            .collect();
    }
    let story = format!(
        "darray {rank}/{size} {gsizes:?} {distribs:?} {dargs:?} {psizes:?} {order:x} of {}",
        child.story
    );
    let made = Datatype::darray(
        size,
        rank,
        &gsizes,
        &distribs,
        &dargs,
        &psizes,
        order,
        &child.real,
        width,
    );
    Pair {
        real: made.unwrap_or_else(|error| panic!("{story}: {error}")),
        model: array(&child.model, &gsizes, &chosen, order),
        story,
    }
}

/// Memory that any of a type's elements lie in, with the address that
/// displacements count from.
struct Arena {
    bytes: Vec<u8>,
    zero: usize,
}

impl Arena {
    fn new(random: &mut Random, places: &[isize]) -> Arena {
        let low = places.iter().copied().min().unwrap_or(0).min(0);
        let high = places.iter().copied().max().unwrap_or(0).max(0) + 1;
        let bytes = (low..high).map(|_| random.next().to_le_bytes()[0]);
        Arena {
            bytes: bytes.collect(),
            zero: low.unsigned_abs(),
        }
    }

    fn address(&mut self) -> *mut u8 {
        self.bytes.as_mut_ptr().wrapping_add(self.zero)
    }

    fn at(&mut self, place: isize) -> &mut u8 {
        &mut self.bytes[self.zero.wrapping_add_signed(place)]
    }
}

fn check(random: &mut Random, pair: &Pair) {
    let Pair { real, model, .. } = pair;
    assert_eq!(real.size(), model.size(), "size");
    assert_eq!(
        (real.lb(), real.lb() + real.extent()),
        model.bounds(),
        "bounds"
    );
    let (low, high) = model.true_bounds();
    assert_eq!(real.true_lb(), low, "true lower bound");
    assert_eq!(real.true_extent(), high - low, "true extent");
    assert_eq!(real.signature().elements, model.entries.len(), "elements");
    let count = random.below(4);
    let stream = model.stream(count);
    if let Some((at, len)) = real.span(count) {
        let low = stream.iter().copied().min().unwrap();
        let high = stream.iter().copied().max().unwrap() + 1;
        assert_eq!((at, len), (low, (high - low).cast_unsigned()), "span");
    }
    if let Some(at) = real.single_run(count) {
        let run: Vec<_> = (at..at + stream.len().cast_signed()).collect();
        assert!(stream.is_empty() || stream == run, "not a single run");
    }
    partial_elements(real, model);
    for _ in 0..3 {
        ranges(random, real, &stream, count);
    }
}

fn partial_elements(real: &Datatype, model: &Model) {
    let mut ends = vec![0];
    for entry in model.entries.iter().chain(&model.entries) {
        ends.push(ends[ends.len() - 1] + entry.1);
    }
    for bytes in 0..=ends[ends.len() - 1] {
        let expected = ends.binary_search(&bytes).ok();
        assert_eq!(real.elements(bytes), expected, "elements in {bytes} bytes");
    }
    for (elements, &bytes) in ends.iter().enumerate() {
        assert_eq!(real.bytes_of_elements(elements), Some(bytes));
    }
}

fn ranges(random: &mut Random, real: &Datatype, stream: &[isize], count: usize) {
    let mut arena = Arena::new(random, stream);
    let offset = random.below(stream.len() + 1);
    let len = random.below(stream.len() - offset + 3);
    let there = len.min(stream.len() - offset);
    let places = &stream[offset..offset + there];

    let mut packed = vec![0xee; len + 8];
    // SAFETY: the arena holds all places of the stream, and `packed` `len` bytes.
    let n = unsafe { real.pack_range(arena.address(), count, offset, packed.as_mut_ptr(), len) };
    assert_eq!(n, there, "bytes packed");
    let expected: Vec<u8> = places.iter().map(|&at| *arena.at(at)).collect();
    assert_eq!(packed[..n], expected, "packed {offset} {len}");
    assert!(packed[n..].iter().all(|&byte| byte == 0xee), "written past");

    let base = arena.address().addr();
    let segments: Vec<isize> = real
        .segments(arena.address(), count, offset, len)
        .flat_map(|(at, len)| {
            let first = at.addr().wrapping_sub(base).cast_signed();
            first..first + len.cast_signed()
        })
        .collect();
    assert_eq!(segments, places, "segments {offset} {len}");

    let fresh: Vec<u8> = packed
        .iter()
        .map(|_| random.next().to_le_bytes()[0])
        .collect();
    let mut expected = Arena {
        bytes: arena.bytes.clone(),
        zero: arena.zero,
    };
    for (&at, &byte) in places.iter().zip(&fresh) {
        *expected.at(at) = byte;
    }
    // SAFETY: as above.
    let n = unsafe { real.unpack_range(arena.address(), count, offset, fresh.as_ptr(), len) };
    assert_eq!(n, there, "bytes unpacked");
    assert!(arena.bytes == expected.bytes, "unpacked {offset} {len}");
}

fn copies(random: &mut Random, from: &Pair, to: &Pair) {
    let counts = (random.below(4), random.below(4));
    let (source, target) = (from.model.stream(counts.0), to.model.stream(counts.1));
    let mut here = Arena::new(random, &source);
    let mut there = Arena::new(random, &target);
    let mut expected = Arena {
        bytes: there.bytes.clone(),
        zero: there.zero,
    };
    for (&from, &to) in source.iter().zip(&target) {
        *expected.at(to) = *here.at(from);
    }
    let (a, b) = (here.address(), there.address());
    // SAFETY: the arenas hold all places of both streams.
    let n = unsafe { copy(a, counts.0, &from.real, b, counts.1, &to.real) };
    assert_eq!(n, source.len().min(target.len()), "bytes copied");
    assert!(there.bytes == expected.bytes, "copied to other bytes");
}

fn one(seed: u64) {
    let mut random = Random(seed);
    let depth = u32::try_from(random.below(5)).unwrap();
    let first = any(&mut random, depth);
    let second = any(&mut random, depth);
    println!(
        "LARIAT_TEST_SEED={seed}\n  {}\n  {}",
        first.story, second.story
    );
    check(&mut random, &first);
    check(&mut random, &second);
    copies(&mut random, &first, &second);
    copies(&mut random, &first, &first);
    // the same layout under another name
    let twin = Pair {
        real: Datatype::duplicate(&first.real),
        ..first.clone()
    };
    copies(&mut random, &first, &twin);
}

#[test]
fn random_types_are_what_the_model_says() {
    if let Ok(seed) = std::env::var("LARIAT_TEST_SEED") {
        one(seed.parse().expect("LARIAT_TEST_SEED is a number"));
        return;
    }
    let clock = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |now| now.as_secs());
    // the same ones every time, and some new ones
    for seed in (0..2000).chain(clock << 20..(clock << 20) + 2000) {
        one(seed);
    }
}
