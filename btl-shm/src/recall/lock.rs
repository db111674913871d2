//! A lock for handlers around fork: no allocation, no unwinding, usable with
//! signals blocked, and let go of in a child by whoever inherited it.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

const FREE: u32 = 0;
const HELD: u32 = 1;
const WAITED_FOR: u32 = 2;

/// A lock on a futex.
#[derive(Debug)]
pub struct Lock(AtomicU32);

impl Lock {
    /// A free lock.
    pub const fn new() -> Lock {
        Lock(AtomicU32::new(FREE))
    }

    /// Takes the lock, sleeping while another thread has it.
    pub fn take(&self) {
        // Acquire: pairs with the Release in `give`, as does the swap below.
        let quick = self.0.compare_exchange(FREE, HELD, Acquire, Relaxed);
        if quick.is_ok() {
            return;
        }
        while self.0.swap(WAITED_FOR, Acquire) != FREE {
            // SAFETY: the word lives as long as the program; the kernel only reads it.
            unsafe {
                libc::syscall(
                    libc::SYS_futex,
                    self.0.as_ptr(),
                    libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
                    WAITED_FOR,
                    std::ptr::null::<libc::timespec>(),
                )
            };
        }
    }

    /// Lets the lock go. In a forked child this frees what the parent's thread
    /// took before the fork; nobody can wait there.
    pub fn give(&self) {
        // Release: pairs with the Acquire in `take`.
        if self.0.swap(FREE, Release) == WAITED_FOR {
            // SAFETY: as in `take`; a wake-up touches no memory.
            unsafe {
                libc::syscall(
                    libc::SYS_futex,
                    self.0.as_ptr(),
                    libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
                    1,
                )
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Lock;
    use std::cell::UnsafeCell;

    struct Counter(Lock, UnsafeCell<u64>);
    // SAFETY: the cell is only touched with the lock held.
    unsafe impl Sync for Counter {}

    #[test]
    fn one_at_a_time() {
        let counter = Counter(Lock::new(), UnsafeCell::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let counter = &counter;
                scope.spawn(move || {
                    for _ in 0..20_000 {
                        counter.0.take();
                        // SAFETY: the lock is held.
                        unsafe { *counter.1.get() += 1 };
                        counter.0.give();
                    }
                });
            }
        });
        assert_eq!(counter.1.into_inner(), 80_000);
    }
}
