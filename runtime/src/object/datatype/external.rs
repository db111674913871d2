//! The canonical representation "external32" (MPI 5.0, section 14.5.2): big
//! endian, IEEE, without holes, and with sizes of its own for `long`, `wchar_t`
//! and `long double`.

use super::definition::Datatype;
use super::element::{Element, Float, Number};
use super::form::Form;

const _: () = assert!(cfg!(target_endian = "little"), "values are byte-reversed");

/// How one value is converted.
#[derive(Clone, Copy)]
struct Value {
    /// Bytes in memory,
    native: usize,
    /// and in external32.
    external: usize,
    /// Whether a value of fewer bytes is widened with its sign.
    signed: bool,
    /// Whether it is an x87 extended float, and binary128 outside.
    extended: bool,
}

impl Value {
    const fn plain(size: usize) -> Value {
        Value {
            native: size,
            external: size,
            signed: false,
            extended: false,
        }
    }

    const fn int(bits: u8, signed: bool, long: bool) -> Value {
        let native = bits as usize / 8;
        Value {
            native,
            external: if long { 4 } else { native },
            signed,
            extended: false,
        }
    }

    const fn float(float: Float) -> Value {
        Value {
            extended: matches!(float, Float::F80),
            ..Value::plain(float.size())
        }
    }

    fn number(number: Number, long: bool) -> Value {
        match number {
            Number::Int { bits, signed } => Value::int(bits, signed, long),
            Number::Float(float) => Value::float(float),
        }
    }
}

/// The values in one element, at most two, with their displacements.
fn values(element: Element, long: bool) -> [Option<(usize, Value)>; 2] {
    let one = |value| [Some((0, value)), None];
    match element {
        Element::Int { bits, signed } => one(Value::int(bits, signed, long)),
        Element::Float(float) => one(Value::float(float)),
        Element::Complex(float) => {
            let part = Value::float(float);
            [Some((0, part)), Some((part.native, part))]
        }
        Element::Logical { bits } => one(Value::int(bits, false, false)),
        Element::Char { bits: 32 } => one(Value {
            external: 2,
            ..Value::plain(4)
        }),
        Element::Char { .. } | Element::Bool | Element::Byte | Element::Packed => {
            one(Value::plain(1))
        }
        Element::Pair { value, index } => [
            Some((0, Value::number(value, long))),
            Some((
                Element::index_offset(value, index),
                Value::number(index, false),
            )),
        ],
    }
}

/// Bytes of memory as a number, least significant first.
///
/// # Safety
/// `len` bytes at `at`, at most 16, are readable.
unsafe fn load(at: *const u8, len: usize) -> u128 {
    let mut bytes = [0; 16];
    // SAFETY: as the caller said; `bytes` is ours and long enough.
    unsafe { at.copy_to_nonoverlapping(bytes.as_mut_ptr(), len) };
    u128::from_le_bytes(bytes)
}

/// The `len` least significant bytes of a number to memory, least significant
/// first.
///
/// # Safety
/// `len` bytes at `at`, at most 16, are writable.
unsafe fn store(at: *mut u8, len: usize, value: u128) {
    let bytes = value.to_le_bytes();
    // SAFETY: as the caller said.
    unsafe { at.copy_from_nonoverlapping(bytes.as_ptr(), len) };
}

/// The value whose bytes are reversed among its `len` least significant ones.
fn reversed(value: u128, len: usize) -> u128 {
    value.swap_bytes() >> (8 * (16 - len))
}

/// x87 extended precision to binary128: exact. The exponents are alike; the
/// leading 1 of the mantissa goes.
fn widen(extended: u128) -> u128 {
    let mantissa = extended & u128::from(u64::MAX);
    let (sign, exponent) = (extended >> 79 & 1, extended >> 64 & 0x7fff);
    let leading = mantissa >> 63;
    let fraction = mantissa & (u128::from(u64::MAX) >> 1);
    // a number below the normal ones that has a leading 1 is the least normal
    let exponent = exponent.max(leading);
    sign << 127 | exponent << 112 | fraction << 49
}

/// binary128 to x87 extended precision, to the nearest, ties to even.
fn narrow(quad: u128) -> u128 {
    let sign = quad >> 127;
    let magnitude = quad & (u128::MAX >> 1);
    let special = magnitude >> 112 == 0x7fff;
    let kept = magnitude >> 49;
    let dropped = magnitude & ((1 << 49) - 1);
    let kept = if special {
        // a NaN stays one even if all that told it from infinity is dropped
        kept | if dropped != 0 { 1 << 62 } else { 0 }
    } else {
        let half = 1 << 48;
        kept + u128::from(dropped > half || dropped == half && kept & 1 == 1)
    };
    let (exponent, fraction) = (kept >> 63, kept & (u128::from(u64::MAX) >> 1));
    let leading = u128::from(exponent != 0);
    sign << 79 | exponent << 64 | leading << 63 | fraction
}

/// Whether values are written to the external32 stream, or read from it, or only counted.
#[derive(Clone, Copy)]
enum Direction {
    ToStream,
    FromStream,
    Nowhere,
}

/// A walk over the basic types of a type map beside a stream of external32.
struct Stream {
    direction: Direction,
    /// The next byte of the stream.
    at: *mut u8,
    /// Bytes of the stream from there on. The walk ends before a value that has more.
    left: usize,
    /// Bytes of memory that were converted.
    converted: usize,
}

/// Whether a walk goes on.
type Flow = std::ops::ControlFlow<()>;
const GO_ON: Flow = Flow::Continue(());

impl Stream {
    /// Converts one value at `memory`.
    ///
    /// # Safety
    /// The value and the stream's next bytes are readable or writable, as the
    /// direction says.
    unsafe fn value(&mut self, memory: *mut u8, value: Value) -> Flow {
        let Value {
            native, external, ..
        } = value;
        let Some(left) = self.left.checked_sub(external) else {
            return Flow::Break(());
        };
        self.left = left;
        self.converted += native;
        // SAFETY: as the caller said; native and external are at most 16.
        unsafe {
            match self.direction {
                Direction::ToStream => {
                    let bits = load(memory, native);
                    let bits = if value.extended { widen(bits) } else { bits };
                    store(self.at, external, reversed(bits & mask(external), external));
                }
                Direction::FromStream => {
                    let bits = reversed(load(self.at, external), external);
                    let negative = value.signed && bits >> (8 * external - 1) & 1 == 1;
                    let bits = match (value.extended, negative) {
                        (true, _) => narrow(bits),
                        (_, true) => bits | !mask(external),
                        _ => bits,
                    };
                    store(memory, native, bits);
                }
                Direction::Nowhere => {}
            }
        }
        self.at = self.at.wrapping_add(external);
        GO_ON
    }

    /// Converts values that follow one another in memory and whose bytes are only reversed,
    /// as many as are left of the stream.
    ///
    /// # Safety
    /// As [`Stream::value`], for all of them.
    unsafe fn reversed_run<const N: usize>(&mut self, memory: *mut u8, count: usize) -> Flow {
        let n = count.min(self.left / N);
        let (from, to, moved) = match self.direction {
            Direction::ToStream => (memory.cast_const(), self.at, n),
            Direction::FromStream => (self.at.cast_const(), memory, n),
            Direction::Nowhere => (self.at.cast_const(), memory, 0),
        };
        for i in 0..moved {
            // SAFETY: as the caller said; both sides are read and written as bytes.
            unsafe {
                let mut value = from.add(i * N).cast::<[u8; N]>().read();
                value.reverse();
                to.add(i * N).cast::<[u8; N]>().write(value);
            }
        }
        self.at = self.at.wrapping_add(n * N);
        self.left -= n * N;
        self.converted += n * N;
        if n < count { Flow::Break(()) } else { GO_ON }
    }

    /// Converts one element of `datatype` at the address `base`.
    ///
    /// # Safety
    /// As [`Stream::value`], for all values of the element.
    unsafe fn element(&mut self, datatype: &Datatype, base: usize) -> Flow {
        // SAFETY: the caller's promise covers the element's values.
        unsafe {
            match &*datatype.form {
                Form::Basic(element) => {
                    for (disp, value) in values(*element, datatype.is_long()).into_iter().flatten()
                    {
                        let at = base.wrapping_add(disp);
                        self.value(std::ptr::with_exposed_provenance_mut(at), value)?;
                    }
                }
                Form::Loop {
                    disp,
                    count,
                    len,
                    stride,
                    child,
                } => {
                    let mut at = base.wrapping_add_signed(*disp);
                    for _ in 0..*count {
                        self.block(child, at, *len)?;
                        at = at.wrapping_add_signed(*stride);
                    }
                }
                Form::Indexed { blocks, child } => {
                    for block in blocks {
                        self.block(child, base.wrapping_add_signed(block.disp), block.len)?;
                    }
                }
                Form::Struct { blocks, children } => {
                    for (block, child) in blocks.iter().zip(children) {
                        self.block(child, base.wrapping_add_signed(block.disp), block.len)?;
                    }
                }
            }
        }
        GO_ON
    }

    /// Converts `count` elements one after the other.
    ///
    /// # Safety
    /// As [`Stream::element`], for each of them.
    unsafe fn block(&mut self, datatype: &Datatype, mut base: usize, count: usize) -> Flow {
        if datatype.size() == 0 {
            return GO_ON;
        }
        if let Some(size) = datatype.reversed_size() {
            let memory = std::ptr::with_exposed_provenance_mut(base);
            // SAFETY: as the caller said; the elements follow one another.
            return unsafe {
                match size {
                    1 => self.reversed_run::<1>(memory, count),
                    2 => self.reversed_run::<2>(memory, count),
                    4 => self.reversed_run::<4>(memory, count),
                    _ => self.reversed_run::<8>(memory, count),
                }
            };
        }
        for _ in 0..count {
            // SAFETY: as the caller said.
            unsafe { self.element(datatype, base) }?;
            base = base.wrapping_add_signed(datatype.extent());
        }
        GO_ON
    }
}

fn mask(bytes: usize) -> u128 {
    u128::MAX >> (8 * (16 - bytes))
}

impl Datatype {
    /// Whether its (first) value is a `long`, which external32 has 4 bytes for.
    fn is_long(&self) -> bool {
        const LONG: usize = 0x20a;
        const UNSIGNED_LONG: usize = 0x20e;
        const LONG_INT: usize = 0x22a;
        matches!(self.handle, Some(LONG | UNSIGNED_LONG | LONG_INT))
    }

    /// Bytes of a predefined type whose values have only their bytes reversed: 1, 2, 4 or 8.
    fn reversed_size(&self) -> Option<usize> {
        let Form::Basic(element) = *self.form else {
            return None;
        };
        let [Some((0, value)), None] = values(element, self.is_long()) else {
            return None;
        };
        let plain = value.native == value.external && !value.extended;
        let size = value.native;
        (plain && size == self.extent().unsigned_abs() && matches!(size, 1 | 2 | 4 | 8))
            .then_some(size)
    }

    /// Bytes of one element in external32; `None` if they do not fit an address.
    #[must_use]
    pub fn external_size(&self) -> Option<usize> {
        match &*self.form {
            Form::Basic(element) => Some(
                values(*element, self.is_long())
                    .into_iter()
                    .flatten()
                    .map(|(_, value)| value.external)
                    .sum(),
            ),
            Form::Loop {
                count, len, child, ..
            } => child
                .external_size()?
                .checked_mul(*len)?
                .checked_mul(*count),
            Form::Indexed { blocks, child } => {
                let size = child.external_size()?;
                blocks.iter().try_fold(0usize, |sum, block| {
                    sum.checked_add(size.checked_mul(block.len)?)
                })
            }
            Form::Struct { blocks, children } => {
                let mut all = blocks.iter().zip(children);
                all.try_fold(0usize, |sum, (block, child)| {
                    sum.checked_add(child.external_size()?.checked_mul(block.len)?)
                })
            }
        }
    }

    /// Converts `count` elements at `addr` to external32 at `out`.
    ///
    /// # Safety
    /// The elements are readable, and `count` times [`Datatype::external_size`]
    /// bytes at `out` are writable.
    pub unsafe fn to_external(&self, addr: *const u8, count: usize, out: *mut u8) {
        let mut stream = Stream {
            direction: Direction::ToStream,
            at: out,
            left: usize::MAX,
            converted: 0,
        };
        // SAFETY: as the caller said. The stream has room for all: the walk does not end early.
        let _ = unsafe { stream.block(self, addr.expose_provenance(), count) };
    }

    /// Converts external32 at `from` to `count` elements at `addr`.
    ///
    /// # Safety
    /// The elements are writable, and `count` times [`Datatype::external_size`]
    /// bytes at `from` are readable.
    pub unsafe fn from_external(&self, addr: *mut u8, count: usize, from: *const u8) {
        // SAFETY: as the caller said.
        unsafe { self.from_external_part(addr, count, from, usize::MAX) };
    }

    /// As [`Datatype::from_external`], where there are only `len` bytes at `from`. Returns the
    /// bytes of memory that the values take which are there whole.
    ///
    /// # Safety
    /// The elements are writable, and `len` bytes at `from` are readable, or as many as all
    /// elements take if that is less.
    pub unsafe fn from_external_part(
        &self,
        addr: *mut u8,
        count: usize,
        from: *const u8,
        len: usize,
    ) -> usize {
        let mut stream = Stream {
            direction: Direction::FromStream,
            at: from.cast_mut(),
            left: len,
            converted: 0,
        };
        // SAFETY: as the caller said; the direction leaves the stream unwritten.
        let _ = unsafe { stream.block(self, addr.expose_provenance(), count) };
        stream.converted
    }

    /// The bytes of memory that those values of `count` elements take which are whole in the
    /// first `len` bytes of their external32.
    #[must_use]
    pub fn external_part(&self, count: usize, len: usize) -> usize {
        let mut stream = Stream {
            direction: Direction::Nowhere,
            at: std::ptr::null_mut(),
            left: len,
            converted: 0,
        };
        // SAFETY: neither the memory nor the stream is reached.
        let _ = unsafe { stream.block(self, 0, count) };
        stream.converted
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Datatype, Width, known};
    use super::{narrow, widen};

    fn bytes_of<T>(value: &T) -> *const u8 {
        std::ptr::from_ref(value).cast()
    }

    #[test]
    fn values_are_big_endian_and_of_the_standards_size() {
        let mut out = [0; 32];
        for (raw, size) in [(0x209, 4), (0x20a, 4), (0x20b, 8), (0x23c, 2), (0x220, 16)] {
            assert_eq!(known(raw).external_size(), Some(size), "{raw:#x}");
        }
        let long = -5i64;
        // SAFETY: the value is readable, 4 bytes are written.
        unsafe { known(0x20a).to_external(bytes_of(&long), 1, out.as_mut_ptr()) };
        assert_eq!(out[..5], [0xff, 0xff, 0xff, 0xfb, 0]);
        let mut back = 0i64;
        // SAFETY: as above, the other direction.
        unsafe { known(0x20a).from_external((&raw mut back).cast(), 1, out.as_ptr()) };
        assert_eq!(back, -5);
        let pair = (1.5f64, 7i32);
        let parts = [1.5f64.to_bits(), 7];
        // SAFETY: DOUBLE_INT is 12 bytes of the 16.
        unsafe { known(0x229).to_external(bytes_of(&parts), 1, out.as_mut_ptr()) };
        assert_eq!(out[..8], pair.0.to_be_bytes());
        assert_eq!(out[8..12], pair.1.to_be_bytes());
    }

    #[test]
    fn of_a_part_whole_values_are_converted() {
        let long = known(0x20a);
        let three = Datatype::contiguous(3, long, Width::Small).unwrap();
        let stream = [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        for (len, whole) in [(0, 0), (3, 0), (4, 1), (11, 2), (12, 3)] {
            let mut values = [-1i64; 3];
            let addr = (&raw mut values).cast();
            // SAFETY: the values are writable, and the stream has `len` bytes.
            let got = unsafe { three.from_external_part(addr, 1, stream.as_ptr(), len) };
            assert_eq!(got, 8 * whole, "{len}");
            assert_eq!(three.external_part(1, len), 8 * whole);
            assert_eq!(values[..whole], [1, 2, 3][..whole]);
            assert!(values[whole..].iter().all(|value| *value == -1));
        }
        let mut ints = [-1i32; 3];
        let addr = (&raw mut ints).cast();
        // SAFETY: as above.
        let got = unsafe { known(0x209).from_external_part(addr, 3, stream.as_ptr(), 9) };
        assert_eq!((got, ints), (8, [1, 2, -1]));
    }

    #[test]
    fn derived_types_are_converted_in_type_map_order() {
        let values = [1i16, 2, 3, 4, 5, 6];
        let every_other = Datatype::vector(3, 1, -2, known(0x208), Width::Small).unwrap();
        let mut out = [0; 6];
        // SAFETY: from element 4 down to element 0.
        unsafe { every_other.to_external(bytes_of(&values[4]), 1, out.as_mut_ptr()) };
        assert_eq!(out, [0, 5, 0, 3, 0, 1]);
        assert_eq!(every_other.external_size(), Some(6));
    }

    #[test]
    fn long_doubles_become_quads_and_come_back() {
        const ONE: u128 = 0x3fff << 64 | 1 << 63;
        const QUAD_ONE: u128 = 0x3fff << 112;
        assert_eq!(widen(ONE), QUAD_ONE);
        let infinity = 0x7fff << 64 | 1 << 63;
        assert_eq!(widen(infinity), 0x7fff << 112);
        let patterns = [
            0,
            1 << 79,
            ONE,
            ONE | 1,
            ONE | 1 << 79 | 0x1234_5678,
            infinity,
            1,
            0x7fff << 64 | 3 << 62,
        ];
        for bits in patterns {
            assert_eq!(narrow(widen(bits)), bits, "{bits:#x}");
        }
        // rounding: to even, up, and over into the next binade
        assert_eq!(narrow(QUAD_ONE | 1 << 48), ONE);
        assert_eq!(narrow(QUAD_ONE | 3 << 48), ONE + 2);
        assert_eq!(narrow(QUAD_ONE | 1 << 48 | 1), ONE + 1);
        assert_eq!(narrow(QUAD_ONE | ((1 << 112) - 1)), 0x4000 << 64 | 1 << 63);
        let nan = 0x7fffu128 << 112 | 1;
        assert_ne!(narrow(nan) & (u128::from(u64::MAX) >> 1), 0, "stays a NaN");
    }
}
