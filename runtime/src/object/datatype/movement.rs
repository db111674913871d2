//! Moving data over layouts: to and from the packed stream, and straight from
//! one layout to another. Any range of bytes of the stream can be moved by
//! itself, so that a message can be cut into fragments.

use super::definition::Datatype;
use super::layout::Node;
use super::walk::{self, Visit};
use std::mem::MaybeUninit;
use std::sync::Arc;

impl Datatype {
    /// Visits the bytes `from..to` of the packed stream of elements at `base`.
    fn visit(&self, base: usize, from: usize, to: usize, visit: &mut impl Visit) {
        let size = self.size();
        if from >= to || size == 0 {
            return;
        }
        if self.is_contiguous() {
            let at = base.wrapping_add_signed(self.true_lb());
            visit.run(at.wrapping_add(from), to - from);
            return;
        }
        if to <= size {
            walk::part(self.layout(), base, from, to, visit);
            return;
        }
        match self.elements_as_blocks(to) {
            Some(elements) => walk::part(&elements, base, from, to, visit),
            None => walk::repeated(self.layout(), size, self.extent(), base, from, to, visit),
        }
    }

    /// Elements of which each is a run, or a stride that goes on into the next,
    /// as one stride of at least `bytes` bytes, as `Node::repeated` would make.
    #[inline]
    pub(super) fn elements_as_blocks(&self, bytes: usize) -> Option<Node> {
        let extent = self.extent();
        match *self.layout() {
            Node::Run { disp, len } => Some(Node::Strided {
                disp,
                block: len,
                stride: extent,
                count: bytes.div_ceil(len),
            }),
            Node::Strided {
                disp,
                block,
                stride,
                count,
            } if stride.checked_mul(count.cast_signed()) == Some(extent) => Some(Node::Strided {
                disp,
                block,
                stride,
                count: bytes.div_ceil(block),
            }),
            _ => None,
        }
    }

    /// The bytes of `offset..offset + len` that `count` elements have.
    fn range(&self, count: usize, offset: usize, len: usize) -> (usize, usize) {
        let total = self.size().saturating_mul(count);
        (offset, offset.saturating_add(len).min(total).max(offset))
    }

    /// Copies bytes `offset..offset + len` of the packed stream of `count`
    /// elements at `addr` to `out`. Returns how many there were: fewer than
    /// `len` only at the end.
    ///
    /// # Safety
    /// The elements' memory is readable, and `len` bytes at `out`, which do not
    /// overlap it, are writable.
    pub unsafe fn pack_range(
        &self,
        addr: *const u8,
        count: usize,
        offset: usize,
        out: *mut u8,
        len: usize,
    ) -> usize {
        let (from, to) = self.range(count, offset, len);
        let mut visit = Linear::<true> { linear: out };
        self.visit(addr.expose_provenance(), from, to, &mut visit);
        to - from
    }

    /// Copies `len` bytes at `from` to where bytes `offset..offset + len` of the
    /// packed stream of `count` elements at `addr` belong. Returns how many
    /// found a place: fewer than `len` only at the end.
    ///
    /// # Safety
    /// The elements' memory is writable, and `len` bytes at `from`, which do not
    /// overlap it, are readable.
    pub unsafe fn unpack_range(
        &self,
        addr: *mut u8,
        count: usize,
        offset: usize,
        from: *const u8,
        len: usize,
    ) -> usize {
        let (low, high) = self.range(count, offset, len);
        let mut visit = Linear::<false> {
            linear: from.cast_mut(),
        };
        self.visit(addr.expose_provenance(), low, high, &mut visit);
        high - low
    }
}

/// Between two layouts of runs shorter than this on average, bytes go through a
/// buffer of `STAGE` bytes in the nearest cache: both halves then run in the fast
/// loops for regular blocks. (Tests have small types and take all ways.)
const LONG_RUN: usize = if cfg!(test) { 12 } else { 256 };
const STAGE: usize = if cfg!(test) { 100 } else { 8192 };

/// Copies `source_count` elements to the places of `count` elements, straight
/// from layout to layout. Returns the bytes copied: the smaller of both sizes.
///
/// # Safety
/// The elements' memory is readable and writable respectively; the two do not
/// overlap, unless they are the same elements.
pub unsafe fn copy(
    source: *const u8,
    source_count: usize,
    source_type: &Arc<Datatype>,
    target: *mut u8,
    count: usize,
    target_type: &Arc<Datatype>,
) -> usize {
    let total = source_type.size().saturating_mul(source_count);
    let total = total.min(target_type.size().saturating_mul(count));
    let to = target.expose_provenance();
    let from = source.expose_provenance();
    if source_type.is_contiguous() {
        let packed = source.wrapping_byte_offset(source_type.true_lb());
        let mut visit = Linear::<false> {
            linear: packed.cast_mut(),
        };
        target_type.visit(to, 0, total, &mut visit);
    } else if target_type.is_contiguous() {
        let mut visit = Linear::<true> {
            linear: target.wrapping_byte_offset(target_type.true_lb()),
        };
        source_type.visit(from, 0, total, &mut visit);
    } else if Arc::ptr_eq(source_type, target_type) || same_places(source_type, target_type) {
        if from != to {
            let mut visit = Shift {
                by: to.wrapping_sub(from),
            };
            source_type.visit(from, 0, total, &mut visit);
        }
    } else if target_type.mean_run().max(source_type.mean_run()) < LONG_RUN {
        let mut stage = [const { MaybeUninit::<u8>::uninit() }; STAGE];
        let stage = stage.as_mut_ptr().cast::<u8>();
        for offset in (0..total).step_by(STAGE) {
            let end = total.min(offset + STAGE);
            source_type.visit(from, offset, end, &mut Linear::<true> { linear: stage });
            target_type.visit(to, offset, end, &mut Linear::<false> { linear: stage });
        }
    } else if target_type.mean_run() >= source_type.mean_run() {
        let mut visit = OtherLayout::<true> {
            other: source_type,
            base: from,
            offset: 0,
        };
        target_type.visit(to, 0, total, &mut visit);
    } else {
        let mut visit = OtherLayout::<false> {
            other: target_type,
            base: to,
            offset: 0,
        };
        source_type.visit(from, 0, total, &mut visit);
    }
    total
}

fn same_places(a: &Datatype, b: &Datatype) -> bool {
    // only what is compared in a moment: the arrays of the others may be long
    matches!(a.layout(), Node::Strided { .. })
        && a.extent() == b.extent()
        && a.layout() == b.layout()
}

fn pointer(at: usize) -> *mut u8 {
    std::ptr::with_exposed_provenance_mut(at)
}

/// Copies `len` bytes, a few of them without a call.
///
/// # Safety
/// As `std::ptr::copy`.
#[inline(always)]
unsafe fn copy_bytes(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise covers `len` bytes on both sides; each arm
    // stays within them, and reads all before it writes.
    unsafe {
        match len {
            17.. => std::ptr::copy(from, to, len),
            8..=16 => ends::<8>(from, to, len),
            4..=7 => ends::<4>(from, to, len),
            2..=3 => ends::<2>(from, to, len),
            1 => to.write(from.read()),
            0 => {}
        }
    }
}

/// Copies `N` to `2 * N` bytes as their first and their last `N`.
///
/// # Safety
/// As `std::ptr::copy`.
#[inline(always)]
unsafe fn ends<const N: usize>(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: N <= len <= 2 * N, so both halves lie within the `len` bytes.
    unsafe {
        let first = from.cast::<[u8; N]>().read_unaligned();
        let last = from.add(len - N).cast::<[u8; N]>().read_unaligned();
        to.cast::<[u8; N]>().write_unaligned(first);
        to.add(len - N).cast::<[u8; N]>().write_unaligned(last);
    }
}

/// Calls `$function::<N>` for the block sizes that loops are specialised for,
/// `$other` for the rest.
macro_rules! by_block {
    ($block:expr, $function:ident [$($before:tt),*] ($($arg:expr),*), $other:expr) => {
        match $block {
            1 => $function::<$($before,)* 1>($($arg),*),
            2 => $function::<$($before,)* 2>($($arg),*),
            4 => $function::<$($before,)* 4>($($arg),*),
            8 => $function::<$($before,)* 8>($($arg),*),
            12 => $function::<$($before,)* 12>($($arg),*),
            16 => $function::<$($before,)* 16>($($arg),*),
            24 => $function::<$($before,)* 24>($($arg),*),
            32 => $function::<$($before,)* 32>($($arg),*),
            64 => $function::<$($before,)* 64>($($arg),*),
            _ => $other,
        }
    };
}

/// To (`PACK`) or from consecutive bytes, in the order of the walk.
struct Linear<const PACK: bool> {
    /// The next of the consecutive bytes.
    linear: *mut u8,
}

/// Copies `N` bytes between a place of the layout and the linear buffer.
///
/// # Safety
/// As `std::ptr::copy`, in the direction that `PACK` says.
#[inline(always)]
unsafe fn one<const PACK: bool, const N: usize>(place: *mut u8, linear: *mut u8) {
    let (from, to) = if PACK {
        (place, linear)
    } else {
        (linear, place)
    };
    // SAFETY: the caller's promise.
    unsafe {
        to.cast::<[u8; N]>()
            .write_unaligned(from.cast::<[u8; N]>().read_unaligned());
    }
}

/// # Safety
/// As [`one`], for each of `count` blocks.
unsafe fn strided<const PACK: bool, const N: usize>(
    place: *mut u8,
    stride: isize,
    linear: *mut u8,
    count: usize,
) {
    for i in 0..count {
        let at = place.wrapping_byte_offset(stride.wrapping_mul(i.cast_signed()));
        // SAFETY: the caller's promise, for block `i`.
        unsafe { one::<PACK, N>(at, linear.wrapping_add(i * N)) };
    }
}

/// # Safety
/// As [`one`], for each displacement.
unsafe fn scattered<const PACK: bool, const N: usize>(
    base: *mut u8,
    disps: &[isize],
    linear: *mut u8,
) {
    for (i, disp) in disps.iter().enumerate() {
        // SAFETY: the caller's promise, for block `i`.
        unsafe { one::<PACK, N>(base.wrapping_byte_offset(*disp), linear.wrapping_add(i * N)) };
    }
}

impl<const PACK: bool> Visit for Linear<PACK> {
    #[inline]
    fn run(&mut self, at: usize, len: usize) {
        let place = pointer(at);
        let (from, to) = if PACK {
            (place, self.linear)
        } else {
            (self.linear, place)
        };
        // SAFETY: the walk stays within the elements and the range whose memory
        // the caller of pack_range, unpack_range or copy vouched for.
        unsafe { copy_bytes(from, to, len) };
        self.linear = self.linear.wrapping_add(len);
    }

    fn strided(&mut self, at: usize, block: usize, stride: isize, count: usize) {
        let (place, linear) = (pointer(at), self.linear);
        // SAFETY: as in `run`, for each block.
        unsafe {
            by_block!(
                block,
                strided[PACK](place, stride, linear, count),
                for i in 0..count.cast_signed() {
                    self.run(at.wrapping_add_signed(stride.wrapping_mul(i)), block);
                }
            );
        }
        self.linear = linear.wrapping_add(block * count);
    }

    fn blocks(&mut self, base: usize, block: usize, disps: &[isize]) {
        let (place, linear) = (pointer(base), self.linear);
        // SAFETY: as in `run`, for each block.
        unsafe {
            by_block!(
                block,
                scattered[PACK](place, disps, linear),
                for disp in disps {
                    self.run(base.wrapping_add_signed(*disp), block);
                }
            );
        }
        self.linear = linear.wrapping_add(block * disps.len());
    }
}

/// To the same places of another address.
struct Shift {
    /// Bytes from a place to its counterpart.
    by: usize,
}

/// # Safety
/// As `std::ptr::copy`, for each of `count` blocks of `N` bytes.
unsafe fn strided_both<const N: usize>(from: *const u8, to: *mut u8, stride: isize, count: usize) {
    for i in 0..count.cast_signed() {
        let disp = stride.wrapping_mul(i);
        let (from, to) = (
            from.wrapping_byte_offset(disp),
            to.wrapping_byte_offset(disp),
        );
        // SAFETY: the caller's promise, for block `i`.
        unsafe { one::<true, N>(from.cast_mut(), to) };
    }
}

impl Visit for Shift {
    #[inline]
    fn run(&mut self, at: usize, len: usize) {
        // SAFETY: the walk stays within elements that the caller of `copy`
        // vouched for, here and, since the layouts are the same, there.
        unsafe { copy_bytes(pointer(at), pointer(at.wrapping_add(self.by)), len) };
    }

    fn strided(&mut self, at: usize, block: usize, stride: isize, count: usize) {
        let (from, to) = (pointer(at), pointer(at.wrapping_add(self.by)));
        // SAFETY: as in `run`, for each block.
        unsafe {
            by_block!(
                block,
                strided_both [] (from, to, stride, count),
                for i in 0..count.cast_signed() {
                    self.run(at.wrapping_add_signed(stride.wrapping_mul(i)), block);
                }
            );
        }
    }

    fn blocks(&mut self, base: usize, block: usize, disps: &[isize]) {
        for disp in disps {
            self.run(base.wrapping_add_signed(*disp), block);
        }
    }
}

/// Between the long runs of one layout and the places of another: the other is
/// packed into each run (`PACK`), or unpacked from it.
struct OtherLayout<'a, const PACK: bool> {
    other: &'a Datatype,
    base: usize,
    /// The next byte of the packed stream.
    offset: usize,
}

impl<const PACK: bool> Visit for OtherLayout<'_, PACK> {
    fn run(&mut self, at: usize, len: usize) {
        let end = self.offset + len;
        let mut visit = Linear::<PACK> {
            linear: pointer(at),
        };
        self.other.visit(self.base, self.offset, end, &mut visit);
        self.offset = end;
    }

    fn strided(&mut self, at: usize, block: usize, stride: isize, count: usize) {
        for i in 0..count.cast_signed() {
            self.run(at.wrapping_add_signed(stride.wrapping_mul(i)), block);
        }
    }

    fn blocks(&mut self, base: usize, block: usize, disps: &[isize]) {
        for disp in disps {
            self.run(base.wrapping_add_signed(*disp), block);
        }
    }
}
