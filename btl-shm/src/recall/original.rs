//! Functions of the C library that this library hides behind ones of the same name.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// A hidden function of the C library, of type `F`.
pub(super) struct Original<F> {
    name: &'static CStr,
    found: AtomicPtr<c_void>,
    function: PhantomData<F>,
}

impl<F: Copy> Original<F> {
    /// # Safety
    /// `F` is the type of the C library's function of this name.
    const unsafe fn new(name: &'static CStr) -> Original<F> {
        const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
        Original {
            name,
            found: AtomicPtr::new(std::ptr::null_mut()),
            function: PhantomData,
        }
    }

    /// The function; `None` if the C library has none of this name.
    pub fn get(&self) -> Option<F> {
        let mut found = self.found.load(Relaxed);
        if found.is_null() {
            // SAFETY: looks a NUL-terminated name up behind this library.
            found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
            self.found.store(found, Relaxed);
        }
        // SAFETY: the address of a function of this type, by the promise of `new`.
        (!found.is_null()).then(|| unsafe { std::mem::transmute_copy(&found) })
    }
}

/// A handler around fork.
pub type Handler = Option<unsafe extern "C" fn()>;

type Fork = extern "C" fn() -> libc::pid_t;
type Forkpty = unsafe extern "C" fn(
    *mut c_int,
    *mut c_char,
    *const libc::termios,
    *const libc::winsize,
) -> libc::pid_t;
type RegisterAtfork = unsafe extern "C" fn(Handler, Handler, Handler, *mut c_void) -> c_int;

macro_rules! originals {
    ($($function:ident: $type:ty = $name:literal;)*) => {
        $(
            // SAFETY: the type is that of the C library's function, as its headers say.
            pub(super) static $function: Original<$type> = unsafe { Original::new($name) };
        )*

        /// Looks all of them up, so that a fork need not: looking up is not for signal
        /// handlers.
        pub(super) fn find() {
            $($function.get();)*
        }
    };
}

originals! {
    FORK: Fork = c"fork";
    RAW_FORK: Fork = c"_Fork";
    FORKPTY: Forkpty = c"forkpty";
    DAEMON: extern "C" fn(c_int, c_int) -> c_int = c"daemon";
    REGISTER: RegisterAtfork = c"__register_atfork";
}
