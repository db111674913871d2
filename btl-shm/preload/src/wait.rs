//! The calls that wait for children, as the program makes them: memory that a child had is
//! brought back once it has ended (`btl_shm::region::freeze`), before the program goes on to
//! write it. Signal handlers may call them, and threads may be cancelled in them: nothing is
//! held, and nothing is to be undone, while the C library's function runs.

use btl_shm::region::heap;
use nix::errno::Errno;
use std::ffi::{CStr, c_int, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

/// A function of the C library that this library hides.
struct Hidden(&'static CStr, AtomicPtr<c_void>);

impl Hidden {
    const fn new(name: &'static CStr) -> Hidden {
        Hidden(name, AtomicPtr::new(std::ptr::null_mut()))
    }

    /// Where it is; null if the C library has none of this name.
    fn address(&self) -> *mut c_void {
        let mut found = self.1.load(Ordering::Relaxed);
        if found.is_null() {
            // SAFETY: looks a NUL-terminated name up behind this library.
            found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.0.as_ptr()) };
            self.1.store(found, Ordering::Relaxed);
        }
        found
    }
}

/// Exports functions that wait: the name, its text, the arguments and the value, the variable for
/// the C library's, and the value that says that a child was found.
macro_rules! waits {
    ($($name:ident, $text:literal, ($($argument:ident: $type:ty),*) -> $value:ty, $hidden:ident,
       $found:expr;)*) => {
        $(
            static $hidden: Hidden = Hidden::new($text);

            /// As the C library's, and then a look at the memory that the child had.
            ///
            /// # Safety
            /// As for C's.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name($($argument: $type),*) -> $value {
                let hidden = $hidden.address();
                if hidden.is_null() {
                    Errno::set_raw(libc::ENOSYS);
                    return -1;
                }
                type Function = unsafe extern "C" fn($($type),*) -> $value;
                // SAFETY: the C library's function of this name, which is of this type.
                let hidden = unsafe { std::mem::transmute::<*mut c_void, Function>(hidden) };
                // SAFETY: the caller's arguments, as they came.
                let value = unsafe { hidden($($argument),*) };
                let found: fn($value) -> bool = $found;
                if found(value) {
                    let errno = Errno::last_raw();
                    heap::child_ended();
                    Errno::set_raw(errno);
                }
                value
            }
        )*

        /// Looks all of them up, which is not for signal handlers.
        pub fn find() {
            $($hidden.address();)*
        }
    };
}

waits! {
    wait, c"wait", (status: *mut c_int) -> libc::pid_t, WAIT, |pid| pid > 0;
    waitpid, c"waitpid", (pid: libc::pid_t, status: *mut c_int, options: c_int) -> libc::pid_t,
        WAITPID, |pid| pid > 0;
    wait3, c"wait3", (status: *mut c_int, options: c_int, usage: *mut libc::rusage)
        -> libc::pid_t, WAIT3, |pid| pid > 0;
    wait4, c"wait4",
        (pid: libc::pid_t, status: *mut c_int, options: c_int, usage: *mut libc::rusage)
        -> libc::pid_t, WAIT4, |pid| pid > 0;
    waitid, c"waitid",
        (kind: libc::idtype_t, id: libc::id_t, info: *mut libc::siginfo_t, options: c_int)
        -> c_int, WAITID, |status| status == 0;
}
