//! Closures that C can call.

use crate::low::{Callback, ffi_cif};
use crate::trampoline::{self, Target};
use std::ffi::c_void;
use std::marker::PhantomData;

/// The type of an argument or result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Void,
    Pointer,
}

impl Type {
    /// C's `void`.
    #[must_use]
    pub fn void() -> Type {
        Type(Kind::Void)
    }

    /// Any pointer.
    #[must_use]
    pub fn pointer() -> Type {
        Type(Kind::Pointer)
    }
}

/// How a function is called: the types of its arguments and of its result.
#[derive(Clone, Debug)]
pub struct Cif(ffi_cif);

impl Cif {
    /// # Panics
    /// Unless there are four arguments, pointers, and the result is void.
    pub fn new<I: IntoIterator<Item = Type>>(args: I, result: Type) -> Cif {
        let args: Vec<Type> = args.into_iter().collect();
        assert!(
            args == vec![Type::pointer(); 4] && result == Type::void(),
            "Lariat's stand-in for libffi makes callbacks of four pointers and no result, \
             not of {args:?} and {result:?}; use the libffi of crates.io for those"
        );
        Cif(ffi_cif { nargs: 4 })
    }
}

/// A Rust closure as a C function. The function is good until this is dropped.
#[derive(Debug)]
pub struct Closure<'a> {
    slot: usize,
    data: PhantomData<&'a ()>,
}

impl<'a> Closure<'a> {
    /// Makes a C function that calls `callback` with `userdata`.
    ///
    /// # Panics
    /// If all slots are taken by closures that are alive.
    pub fn new<U, R>(cif: Cif, callback: Callback<U, R>, userdata: &'a U) -> Closure<'a> {
        // SAFETY: both types have the same parameters but for what two of the
        // pointers point to, and those are passed on as they came.
        let callback =
            unsafe { std::mem::transmute::<Callback<U, R>, Callback<c_void, c_void>>(callback) };
        let slot = trampoline::take(Target {
            cif: cif.0,
            callback,
            userdata: std::ptr::from_ref(userdata).cast(),
        });
        Closure {
            slot,
            data: PhantomData,
        }
    }

    /// The C function, as a reference to a function pointer of type `T`.
    ///
    /// # Safety
    /// `T` is the type of a C function pointer with the parameters of the [`Cif`].
    #[must_use]
    pub unsafe fn instantiate_code_ptr<T>(&self) -> &T {
        const { assert!(size_of::<T>() == size_of::<fn()>()) };
        let code: &'static trampoline::Code = trampoline::code(self.slot);
        // SAFETY: `T` is a C function pointer type, as the caller said, so that
        // it may be read where a function pointer of ours stands.
        unsafe { &*std::ptr::from_ref(code).cast::<T>() }
    }
}

impl Drop for Closure<'_> {
    fn drop(&mut self) {
        trampoline::give_back(self.slot);
    }
}
