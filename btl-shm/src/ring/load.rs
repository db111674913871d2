//! Bytes of a message as words of a cell.

/// Reads `len` bytes (at most 8) into a word, zero behind them.
///
/// # Safety
/// `src` is readable for `len` bytes.
#[inline]
pub(super) unsafe fn load_word(src: *const u8, len: usize) -> u64 {
    // SAFETY: the caller's bytes; each arm reads at most `len` of them.
    unsafe {
        match len {
            8 => src.cast::<u64>().read_unaligned(),
            4 => src.cast::<u32>().read_unaligned().into(),
            _ => load_few(src, len),
        }
    }
}

/// As [`load_word`], of any number of bytes.
///
/// # Safety
/// As there.
#[inline(never)]
unsafe fn load_few(src: *const u8, len: usize) -> u64 {
    // SAFETY: the caller's bytes.
    let [word] = unsafe { load_words(src, len) };
    word
}

/// Reads `len` bytes (at most 8 for each of `N`) into words, zero behind them.
///
/// # Safety
/// `src` is readable for `len` bytes.
#[inline]
pub(super) unsafe fn load_words<const N: usize>(src: *const u8, len: usize) -> [u64; N] {
    let mut words = [0u64; N];
    let full = len / 8;
    for (i, word) in words.iter_mut().enumerate().take(full) {
        // SAFETY: word `i` ends at or before `len`.
        *word = unsafe { src.add(i * 8).cast::<u64>().read_unaligned() };
    }
    let rest = len % 8;
    if rest != 0 {
        let mut last = [0u8; 8];
        for (i, byte) in last.iter_mut().enumerate().take(rest) {
            // SAFETY: the byte lies before `len`.
            *byte = unsafe { src.add(full * 8 + i).read() };
        }
        words[full] = u64::from_le_bytes(last);
    }
    words
}
