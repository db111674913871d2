//! The copy kernel for AArch64, with NEON's 16-byte registers, which every such processor has.
//!
//! All loads and stores stand between `lariat_copy_begin` and `lariat_copy_end`. The kernel is
//! a leaf that never touches the stack pointer or the link register, so that the signal
//! handler may continue at `lariat_copy_landing` from any of its instructions: that returns to
//! the caller with what the handler put in the registers ([`LANDING_REGISTERS`]).
//!
//! Convention: `x0` to, `x1` from, `x2` length; on return `x0` is 0, or the address that was
//! not there, with `x1` the peer and `x2` the peer's address. Every caller-saved register may
//! be changed.
//!
//! Nothing goes around the caches: `stnp` is a hint to which processors give different
//! meanings, and large copies are recognised as streams by themselves. So [`Limits::nt_min`]
//! changes nothing here.

use super::limits::Limits;
use crate::fault::error::Fault;
use std::arch::{asm, global_asm};

/// Faults in attached memory are caught.
pub const GUARDED: bool = true;

global_asm!(
    r#"
    .pushsection .text.lariat_copy,"ax",@progbits
    .p2align 6
    .hidden lariat_copy_begin
    .globl lariat_copy_begin
    .type lariat_copy_begin,@function
lariat_copy_begin:
    .hidden lariat_copy_neon
    .globl lariat_copy_neon
    .type lariat_copy_neon,@function
lariat_copy_neon:
    .cfi_startproc
    add x4, x1, x2              // the end of the source
    add x5, x0, x2              // the end of the destination
    cmp x2, #128
    b.hi 50f
    cmp x2, #32
    b.hi 30f
    cmp x2, #16
    b.lo 10f
    ldr q0, [x1]                // 16 to 32 bytes
    ldr q1, [x4, #-16]
    str q0, [x0]
    str q1, [x5, #-16]
    mov x0, xzr
    ret

10: tbz x2, #3, 11f
    ldr x6, [x1]                // 8 to 15
    ldr x7, [x4, #-8]
    str x6, [x0]
    str x7, [x5, #-8]
    mov x0, xzr
    ret
11: tbz x2, #2, 12f
    ldr w6, [x1]                // 4 to 7
    ldr w7, [x4, #-4]
    str w6, [x0]
    str w7, [x5, #-4]
    mov x0, xzr
    ret
12: cbz x2, 13f
    lsr x8, x2, #1              // 1 to 3: the first, the middle, the last
    ldrb w6, [x1]
    ldrb w7, [x1, x8]
    ldrb w9, [x4, #-1]
    strb w6, [x0]
    strb w7, [x0, x8]
    strb w9, [x5, #-1]
13: mov x0, xzr
    ret

30: cmp x2, #64
    b.hi 40f
    ldp q0, q1, [x1]            // 33 to 64
    ldp q2, q3, [x4, #-32]
    stp q0, q1, [x0]
    stp q2, q3, [x5, #-32]
    mov x0, xzr
    ret

40: ldp q0, q1, [x1]            // 65 to 128
    ldp q2, q3, [x1, #32]
    ldp q4, q5, [x4, #-64]
    ldp q6, q7, [x4, #-32]
    stp q0, q1, [x0]
    stp q2, q3, [x0, #32]
    stp q4, q5, [x5, #-64]
    stp q6, q7, [x5, #-32]
    mov x0, xzr
    ret

    // The unaligned head and the last 64 bytes are loaded first, and the loop writes aligned
    // vectors between them. x3: where it writes, x1: where it reads, x6: where the tail begins.
50: ldr q0, [x1]
    ldp q16, q17, [x4, #-64]
    ldp q18, q19, [x4, #-32]
    sub x6, x5, #64
    sub x1, x1, x0
    and x3, x0, #-16
    add x3, x3, #16
    add x1, x1, x3
    str q0, [x0]
    .p2align 5
60: ldp q0, q1, [x1]
    ldp q2, q3, [x1, #32]
    add x1, x1, #64
    stp q0, q1, [x3]
    stp q2, q3, [x3, #32]
    add x3, x3, #64
    cmp x3, x6
    b.lo 60b
    stp q16, q17, [x6]
    stp q18, q19, [x6, #32]
    mov x0, xzr
    ret
    .size lariat_copy_neon, . - lariat_copy_neon

    .hidden lariat_copy_end
    .globl lariat_copy_end
lariat_copy_end:
    .hidden lariat_copy_landing
    .globl lariat_copy_landing
lariat_copy_landing:
    ret
    .cfi_endproc
    .popsection
"#
);

unsafe extern "C" {
    fn lariat_copy_begin();
    fn lariat_copy_end();
    fn lariat_copy_landing();
    fn lariat_copy_neon();
}

/// The registers in which the landing pad hands on the address that was not
/// there, the peer, and the peer's address.
pub(crate) const LANDING_REGISTERS: [usize; 3] = [0, 1, 2];

/// Whether the instruction at `pc` is one of the kernel's.
pub(crate) fn is_kernel(pc: usize) -> bool {
    (lariat_copy_begin as *const () as usize..lariat_copy_end as *const () as usize).contains(&pc)
}

/// Where to go on after a fault in the kernel.
pub(crate) fn landing() -> usize {
    lariat_copy_landing as *const () as usize
}

#[inline]
pub unsafe fn copy(from: *const u8, to: *mut u8, n: usize) -> Result<(), Fault> {
    let (addr, peer, peer_addr): (u64, u64, u64);
    // SAFETY: the kernel reads `from` and writes `to` for `n` bytes, which the caller allows,
    // changes caller-saved registers only and returns here, from the landing pad as well.
    unsafe {
        asm!(
            "bl {kernel}",
            kernel = sym lariat_copy_neon,
            inout("x0") to => addr,
            inout("x1") from => peer,
            inout("x2") n => peer_addr,
            clobber_abi("C"),
        );
    }
    if addr == 0 {
        Ok(())
    } else {
        Err(failed(addr, peer, peer_addr))
    }
}

#[inline]
pub unsafe fn copy_part(
    from: *const u8,
    to: *mut u8,
    n: usize,
    _whole: usize,
) -> Result<(), Fault> {
    // SAFETY: the caller's promise.
    unsafe { copy(from, to, n) }
}

/// See [`super::copy_piece`]: what it is a part of makes no difference here.
pub use copy_part as copy_piece;

#[cold]
#[inline(never)]
fn failed(addr: u64, peer: u64, peer_addr: u64) -> Fault {
    Fault {
        addr,
        peer: u32::try_from(peer).unwrap_or(u32::MAX),
        peer_addr,
    }
}

pub fn limits(_nt_min: usize) -> Limits {
    Limits {
        vector: 16,
        rep_min: usize::MAX,
        rep_max: usize::MAX,
        nt_min: usize::MAX,
    }
}

pub fn set_limits(_wanted: Limits) -> Limits {
    limits(usize::MAX)
}
