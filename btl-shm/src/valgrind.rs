//! Whether valgrind's memcheck runs this program.
//!
//! Memcheck knows which bytes the program has written, and takes those for undefined
//! that a peer wrote into this process's memory. So a rank that it watches receives by
//! its own stores.
//!
//! A program asks valgrind by an instruction sequence that changes nothing, and that
//! valgrind's translation takes for a request (valgrind.h, «client requests»).

/// Memcheck's request to take bytes for defined, which it alone answers.
#[cfg(target_arch = "x86_64")]
const MAKE_MEM_DEFINED: u64 = (b'M' as u64) << 24 | (b'C' as u64) << 16 | 2;

/// Whether memcheck watches this process.
#[cfg(target_arch = "x86_64")]
pub fn is_memcheck() -> bool {
    let defined = 0u64;
    let at = (&raw const defined).expose_provenance() as u64;
    request([MAKE_MEM_DEFINED, at, size_of::<u64>() as u64, 0, 0, 0]) != 0
}

/// Whether memcheck watches this process: it is not asked on this kind of processor.
#[cfg(not(target_arch = "x86_64"))]
pub fn is_memcheck() -> bool {
    false
}

/// Valgrind's answer to a request; 0 without it.
#[cfg(target_arch = "x86_64")]
fn request(words: [u64; 6]) -> u64 {
    let mut answer = 0u64;
    // SAFETY: the rotations add up to two whole turns, and an exchange of a register
    // with itself is none: the sequence changes the flags alone. Valgrind reads the
    // words that rax points to and writes its answer to rdx.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") words.as_ptr(),
            inout("rdx") answer,
            options(nostack),
        );
    }
    answer
}

#[cfg(all(test, not(loom)))]
mod tests {
    #[test]
    fn a_program_of_its_own_is_watched_by_nobody() {
        let preloaded = std::env::var("LD_PRELOAD").unwrap_or_default();
        assert_eq!(
            super::is_memcheck(),
            preloaded.contains("vgpreload_memcheck")
        );
    }
}
