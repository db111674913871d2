//! The copy kernels for x86-64.
//!
//! All loads and stores stand between `lariat_copy_begin` and `lariat_copy_end`.
//! The kernels are leaves that never touch the stack pointer or the direction
//! flag, so that the signal handler may continue at `lariat_copy_landing` from
//! any of their instructions: that returns to the caller with what the handler
//! put in the registers ([`LANDING_REGISTERS`]).
//!
//! Convention: `rdi` to, `rsi` from, `rdx` length; `rax` is 0 on return, or the
//! address that was not there, with `rdx` the peer and `rcx` the peer's address.
//! Every caller-saved register may be changed.

use super::limits::Limits;
use crate::fault::error::Fault;
use std::arch::{asm, global_asm};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

/// Faults in attached memory are caught.
pub const GUARDED: bool = true;

/// The kernel, chosen by `set_limits` like the limits that it looks at. Until
/// then: 16-byte vectors, no `rep movsb`, nothing around the caches. All Relaxed:
/// any mixture copies rightly.
static KERNEL: AtomicPtr<()> = AtomicPtr::new(lariat_copy_16 as *mut ());
/// The part of it that writes around the caches, for `NT_LEAST` bytes at least.
static AROUND: AtomicPtr<()> = AtomicPtr::new(lariat_copy_16_around as *mut ());
/// The part of it that uses `rep movsb`, for `REP_LEAST` bytes at least.
static REP: AtomicPtr<()> = AtomicPtr::new(lariat_copy_16_rep as *mut ());
/// The least length that is not the loop's: that of `rep movsb` or of
/// non-temporal stores, whichever is less.
static LOOP_END: AtomicUsize = AtomicUsize::new(usize::MAX);
static REP_MIN: AtomicUsize = AtomicUsize::new(usize::MAX);
static REP_MAX: AtomicUsize = AtomicUsize::new(usize::MAX);
static NT_MIN: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Bytes that the loop asks for lines ahead of writing them. Left to itself, the
/// processor stores to one missing line after the other and starts anew in each page.
/// Measured with 512 to 4096.
const AHEAD: usize = 512;

global_asm!(
    r#"
    .pushsection .text.lariat_copy,"ax",@progbits
    .p2align 6
    .hidden lariat_copy_begin
    .globl lariat_copy_begin
lariat_copy_begin:
    .cfi_startproc

    // A turn of the kernel's loop: four vectors, from r9 + rsi to r9.
    .macro lariat_copy_turn V, ld, sta, a, b, c, d
    \ld \a, [rsi + r9]
    \ld \b, [rsi + r9 + \V]
    \ld \c, [rsi + r9 + 2*\V]
    \ld \d, [rsi + r9 + 3*\V]
    \sta [r9], \a
    \sta [r9 + \V], \b
    \sta [r9 + 2*\V], \c
    \sta [r9 + 3*\V], \d
    add r9, 4*\V
    .endm

    // The kernel with vectors of V bytes in registers a to h, by the given
    // instructions for a load, an unaligned, an aligned and a non-temporal store.
    // `done` is what has to be done before returning. Tails go from the end
    // downwards: out of cache, the other order was measured to be slower.
    .macro lariat_copy_kernel name, V, ld, st, sta, nt, a, b, c, d, e, f, g, h, done
    .p2align 6
\name:
    xor eax, eax
    cmp rdx, 64
    jae 11f
    cmp edx, 16
    jb 20f
    cmp edx, 32
    ja 10f
    movups xmm0, [rsi]
    movups xmm1, [rsi + rdx - 16]
    movups [rdi], xmm0
    movups [rdi + rdx - 16], xmm1
    ret

10: movups xmm0, [rsi]
    movups xmm1, [rsi + 16]
    movups xmm2, [rsi + rdx - 32]
    movups xmm3, [rsi + rdx - 16]
    movups [rdi], xmm0
    movups [rdi + 16], xmm1
    movups [rdi + rdx - 32], xmm2
    movups [rdi + rdx - 16], xmm3
    ret

20: cmp edx, 8
    jb 21f
    mov rcx, [rsi]
    mov r8, [rsi + rdx - 8]
    mov [rdi], rcx
    mov [rdi + rdx - 8], r8
    ret
21: cmp edx, 4
    jb 22f
    mov ecx, [rsi]
    mov r8d, [rsi + rdx - 4]
    mov [rdi], ecx
    mov [rdi + rdx - 4], r8d
    ret
22: cmp edx, 1
    jb 24f
    je 23f
    movzx ecx, word ptr [rsi]
    movzx r8d, byte ptr [rsi + rdx - 1]
    mov [rdi], cx
    mov [rdi + rdx - 1], r8b
    ret
23: movzx ecx, byte ptr [rsi]
    mov [rdi], cl
24: ret

11: cmp rdx, 2*\V
    ja 1f
    \ld \a, [rsi]
    \ld \b, [rsi + rdx - \V]
    \st [rdi], \a
    \st [rdi + rdx - \V], \b
    \done
    ret
1:  cmp rdx, 4*\V
    ja 2f
    \ld \a, [rsi]
    \ld \b, [rsi + \V]
    \ld \d, [rsi + rdx - \V]
    \ld \c, [rsi + rdx - 2*\V]
    \st [rdi], \a
    \st [rdi + \V], \b
    \st [rdi + rdx - \V], \d
    \st [rdi + rdx - 2*\V], \c
    \done
    ret
2:  cmp rdx, 8*\V
    ja 3f
    \ld \a, [rsi]
    \ld \b, [rsi + \V]
    \ld \c, [rsi + 2*\V]
    \ld \d, [rsi + 3*\V]
    \ld \h, [rsi + rdx - \V]
    \ld \g, [rsi + rdx - 2*\V]
    \ld \f, [rsi + rdx - 3*\V]
    \ld \e, [rsi + rdx - 4*\V]
    \st [rdi], \a
    \st [rdi + \V], \b
    \st [rdi + 2*\V], \c
    \st [rdi + 3*\V], \d
    \st [rdi + rdx - \V], \h
    \st [rdi + rdx - 2*\V], \g
    \st [rdi + rdx - 3*\V], \f
    \st [rdi + rdx - 4*\V], \e
    \done
    ret

    // The unaligned head and the last four vectors are loaded first and the
    // loop writes aligned vectors between them. r9: where it writes, rcx: where
    // the tail begins, rsi: how far the source is ahead of the destination. Up to
    // r8 the lines to be written are asked for ahead; behind it they would be
    // somebody else's.
3:  cmp rdx, [rip + {loop_end}]
    jae 5f
30: \ld \a, [rsi]
    \ld \e, [rsi + rdx - 4*\V]
    \ld \f, [rsi + rdx - 3*\V]
    \ld \g, [rsi + rdx - 2*\V]
    \ld \h, [rsi + rdx - \V]
    lea rcx, [rdi + rdx - 4*\V]
    mov r9, rdi
    or r9, \V - 1
    inc r9
    sub rsi, rdi
    \st [rdi], \a
    lea r8, [rcx - {ahead}]
    cmp r9, r8
    jae 4f
    .p2align 5
40: prefetchw [r9 + {ahead}]
    .if \V > 16
    prefetchw [r9 + {ahead} + 64]
    .endif
    .if \V > 32
    prefetchw [r9 + {ahead} + 128]
    prefetchw [r9 + {ahead} + 192]
    .endif
    lariat_copy_turn \V, \ld, \sta, \a, \b, \c, \d
    cmp r9, r8
    jb 40b
    .p2align 5
4:  lariat_copy_turn \V, \ld, \sta, \a, \b, \c, \d
    cmp r9, rcx
    jb 4b
    \st [rcx], \e
    \st [rcx + \V], \f
    \st [rcx + 2*\V], \g
    \st [rcx + 3*\V], \h
    \done
    ret

    // `rep movsb` from the first aligned vector of the destination on.
5:  cmp rdx, [rip + {nt_min}]
    jae 6f
    cmp rdx, [rip + {rep_max}]
    jae 30b
    jmp 50f
\name\()_rep:
    xor eax, eax
50: \ld \a, [rsi]
    \st [rdi], \a
    lea rcx, [rdi + rdx]
    sub rsi, rdi
    or rdi, \V - 1
    inc rdi
    add rsi, rdi
    sub rcx, rdi
    rep movsb
    \done
    ret

    // Non-temporal: four pages side by side, two vectors of each in turn, so
    // that memory works on several rows at once. At least `NT_LEAST` bytes.
\name\()_around:
    xor eax, eax
6:  movups xmm0, [rsi]
    movups xmm1, [rsi + 16]
    movups xmm2, [rsi + 32]
    movups xmm3, [rsi + 48]
    movups [rdi], xmm0
    movups [rdi + 16], xmm1
    movups [rdi + 32], xmm2
    movups [rdi + 48], xmm3
    lea rcx, [rdi + rdx]
    sub rsi, rdi
    or rdi, 63
    inc rdi
    add rsi, rdi
    sub rcx, rdi
    mov r8, rcx
    shr r8, 14
60: mov r9d, 4096/(2*\V)
61: prefetcht0 [rsi + 4*\V]
    prefetcht0 [rsi + 4096 + 4*\V]
    prefetcht0 [rsi + 8192 + 4*\V]
    prefetcht0 [rsi + 12288 + 4*\V]
    \ld \a, [rsi]
    \ld \b, [rsi + \V]
    \ld \c, [rsi + 4096]
    \ld \d, [rsi + 4096 + \V]
    \ld \e, [rsi + 8192]
    \ld \f, [rsi + 8192 + \V]
    \ld \g, [rsi + 12288]
    \ld \h, [rsi + 12288 + \V]
    \nt [rdi], \a
    \nt [rdi + \V], \b
    \nt [rdi + 4096], \c
    \nt [rdi + 4096 + \V], \d
    \nt [rdi + 8192], \e
    \nt [rdi + 8192 + \V], \f
    \nt [rdi + 12288], \g
    \nt [rdi + 12288 + \V], \h
    add rsi, 2*\V
    add rdi, 2*\V
    dec r9d
    jnz 61b
    add rsi, 12288
    add rdi, 12288
    dec r8
    jnz 60b
    sfence
    \done
    // The rest, less than four pages, as any other copy.
    mov edx, ecx
    and edx, 16383
    jmp \name
    .endm

    lariat_copy_kernel lariat_copy_16, 16, movups, movups, movaps, movntps, xmm0, xmm1, xmm2, xmm3, xmm4, xmm5, xmm6, xmm7
    lariat_copy_kernel lariat_copy_32, 32, vmovdqu, vmovdqu, vmovdqa, vmovntdq, ymm0, ymm1, ymm2, ymm3, ymm4, ymm5, ymm6, ymm7, vzeroupper
    lariat_copy_kernel lariat_copy_64, 64, vmovdqu64, vmovdqu64, vmovdqa64, vmovntdq, zmm16, zmm17, zmm18, zmm19, zmm20, zmm21, zmm22, zmm23
    .purgem lariat_copy_kernel
    .purgem lariat_copy_turn

    .hidden lariat_copy_end
    .globl lariat_copy_end
lariat_copy_end:
    .hidden lariat_copy_landing
    .globl lariat_copy_landing
lariat_copy_landing:
    sfence
    ret
    .cfi_endproc
    .size lariat_copy_begin, . - lariat_copy_begin
    .popsection
"#,
    loop_end = sym LOOP_END,
    rep_max = sym REP_MAX,
    nt_min = sym NT_MIN,
    ahead = const AHEAD,
);

unsafe extern "C" {
    fn lariat_copy_begin();
    fn lariat_copy_end();
    fn lariat_copy_landing();
    fn lariat_copy_16();
    fn lariat_copy_16_around();
    fn lariat_copy_16_rep();
    fn lariat_copy_32();
    fn lariat_copy_32_around();
    fn lariat_copy_32_rep();
    fn lariat_copy_64();
    fn lariat_copy_64_around();
    fn lariat_copy_64_rep();
}

/// The registers in which the landing pad hands on the address that was not
/// there, the peer, and the peer's address.
pub(crate) const LANDING_REGISTERS: [usize; 3] = [
    libc::REG_RAX as usize,
    libc::REG_RDX as usize,
    libc::REG_RCX as usize,
];

/// Whether the instruction at `pc` is one of the kernels'.
pub(crate) fn is_kernel(pc: usize) -> bool {
    (lariat_copy_begin as *const () as usize..lariat_copy_end as *const () as usize).contains(&pc)
}

/// Where to go on after a fault in a kernel.
pub(crate) fn landing() -> usize {
    lariat_copy_landing as *const () as usize
}

/// Calls a kernel, of which the address lies in a static.
macro_rules! call {
    ($kernel:ident, $from:expr, $to:expr, $n:expr) => {{
        let (addr, peer, peer_addr): (u64, u64, u64);
        asm!(
            "call qword ptr [rip + {kernel}]",
            kernel = sym $kernel,
            inout("rdi") $to => _,
            inout("rsi") $from => _,
            inout("rdx") $n => peer,
            out("rcx") peer_addr,
            out("rax") addr,
            clobber_abi("C"),
        );
        if addr == 0 {
            Ok(())
        } else {
            Err(failed(addr, peer, peer_addr))
        }
    }};
}

#[inline]
pub unsafe fn copy(from: *const u8, to: *mut u8, n: usize) -> Result<(), Fault> {
    // SAFETY: the kernels read `from` and write `to` for `n` bytes, which the
    // caller allows, change caller-saved registers only and return here, from
    // the landing pad as well.
    unsafe { call!(KERNEL, from, to, n) }
}

#[inline]
pub unsafe fn copy_part(from: *const u8, to: *mut u8, n: usize, whole: usize) -> Result<(), Fault> {
    if whole >= NT_MIN.load(Relaxed) && n >= NT_LEAST {
        // SAFETY: as for `copy`, and enough bytes for this kernel.
        return unsafe { call!(AROUND, from, to, n) };
    }
    // SAFETY: the caller's promise.
    unsafe { copy_piece(from, to, n, whole) }
}

#[inline]
pub unsafe fn copy_piece(
    from: *const u8,
    to: *mut u8,
    n: usize,
    whole: usize,
) -> Result<(), Fault> {
    if whole >= REP_MIN.load(Relaxed) && n >= REP_LEAST && whole < REP_MAX.load(Relaxed) {
        // SAFETY: as for `copy`, and enough bytes for this kernel.
        return unsafe { call!(REP, from, to, n) };
    }
    // SAFETY: the caller's promise.
    unsafe { copy(from, to, n) }
}

#[cold]
#[inline(never)]
fn failed(addr: u64, peer: u64, peer_addr: u64) -> Fault {
    if is_x86_feature_detected!("avx") {
        // SAFETY: the processor has AVX. A kernel that was left half-way has not
        // cleared the upper halves, which slow down code that uses lower ones.
        unsafe { asm!("vzeroupper", clobber_abi("C"), options(nomem, nostack)) };
    }
    Fault {
        addr,
        peer: u32::try_from(peer).unwrap_or(u32::MAX),
        peer_addr,
    }
}

/// The least length that the non-temporal kernel takes.
const NT_LEAST: usize = 32 << 10;

/// The least length for `rep movsb`, which takes some time to begin.
const REP_LEAST: usize = 4 << 10;

pub fn limits(nt_min: usize) -> Limits {
    let vector = if is_x86_feature_detected!("avx512f") {
        64
    } else if is_x86_feature_detected!("avx2") {
        32
    } else {
        16
    };
    // Where `rep movsb` is fast it keeps destination lines from being read, which
    // pays where they are in no cache near by; of shorter messages they are, and
    // vectors were measured to be up to a tenth faster. Other makers' is slow at
    // some alignments; it is left alone there.
    let rep_min = if is_x86_feature_detected!("ermsb") && is_intel() {
        1 << 20
    } else {
        usize::MAX
    };
    Limits {
        vector,
        rep_min,
        rep_max: usize::MAX,
        nt_min,
    }
}

fn is_intel() -> bool {
    let maker = std::arch::x86_64::__cpuid(0);
    [maker.ebx, maker.edx, maker.ecx].map(u32::to_le_bytes) == [*b"Genu", *b"ineI", *b"ntel"]
}

pub fn set_limits(wanted: Limits) -> Limits {
    let vector = match wanted.vector.min(limits(0).vector) {
        64.. => 64,
        32..64 => 32,
        _ => 16,
    };
    let [kernel, around, rep] = match vector {
        64 => [lariat_copy_64, lariat_copy_64_around, lariat_copy_64_rep],
        32 => [lariat_copy_32, lariat_copy_32_around, lariat_copy_32_rep],
        _ => [lariat_copy_16, lariat_copy_16_around, lariat_copy_16_rep],
    }
    .map(|kernel: unsafe extern "C" fn()| kernel as *mut ());
    let nt_min = wanted.nt_min.max(NT_LEAST);
    KERNEL.store(kernel, Relaxed);
    AROUND.store(around, Relaxed);
    REP.store(rep, Relaxed);
    REP_MIN.store(wanted.rep_min, Relaxed);
    LOOP_END.store(wanted.rep_min.min(nt_min), Relaxed);
    REP_MAX.store(wanted.rep_max, Relaxed);
    NT_MIN.store(nt_min, Relaxed);
    Limits {
        vector,
        nt_min,
        ..wanted
    }
}
