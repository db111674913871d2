//! The macros that keep the C signature in the source, and add to it what no
//! one should write 664 times. How they are used stands in the parent's text.

/// Exports functions that return an error code.
macro_rules! export {
    ($(
        $(#[$m:meta])*
        fn $name:ident $(, fn $twin:ident)? ( $($params:tt)* )
        $(on $on:ident)? $(at $at:ident)? $(;)? $({ $($body:tt)* })?
    )*) => { $(
        export!(@pair [$(#[$m])*] [$name $($twin)?] ($($params)*)
            [$($on)?] [$($at)?] [$({ $($body)* })?]);
    )* };
    (@pair $m:tt [$name:ident] ($($p:ident : $t:ty),* $(,)?) $($rest:tt)*) => {
        export!(@one $m $name ($($p: $t),*) $($rest)*);
    };
    (@pair $m:tt [$name:ident $twin:ident] ($($p:ident : $t:ty $(| $l:ty)?),* $(,)?)
        $($rest:tt)*) => {
        export!(@one $m $name ($($p: $t),*) $($rest)*);
        export!(@one $m $twin ($($p: export!(@large $t $(, $l)?)),*) $($rest)*);
    };
    (@one [$(#[$m:meta])*] $name:ident ($($p:ident : $t:ty),*)
        [$($on:ident)?] [$($at:ident)?] [$($body:tt)?]) => {
        define!([$(#[$m])*] $name ($($p: $t),*) -> std::ffi::c_int {
            const CALL: $crate::abi::entry::Call =
                $crate::abi::entry::Call::new(stringify!($name), export!(@at $($at)?));
            // SAFETY: the caller of a C function vouches for the pointers that it
            // passes, as the standard's text of this call says.
            #[allow(unused_unsafe, reason = "some bodies use no pointer")]
            unsafe {
                $crate::abi::entry::call(
                    CALL,
                    export!(@on $($on)?),
                    move || export!(@body [$($body)?] $($p)*),
                )
            }
        });
    };
    (@large $t:ty) => { $t };
    (@large $t:ty, $l:ty) => { $l };
    (@at) => { false };
    (@at ANY_TIME) => { $crate::abi::entry::ANY_TIME };
    (@on) => { $crate::object::raise::Subject::Nothing };
    (@on $on:ident) => { $crate::abi::entry::Object::on($on) };
    (@body [] $($p:ident)*) => {{
        $(let _ = $p;)*
        $crate::abi::entry::unsupported()
    }};
    (@body [{ $($b:tt)* }] $($p:ident)*) => {{ $($b)* }};
}

/// Exports functions that return something else: they have no error to raise.
macro_rules! export_value {
    ($(
        $(#[$m:meta])*
        fn $name:ident ( $($p:ident : $t:ty),* $(,)? ) -> $ret:ty { $($body:tt)* }
    )*) => { $(
        define!([$(#[$m])*] $name ($($p: $t),*) -> $ret { $($body)* });
    )* };
}

/// The strong `PMPI_X`, and the weak `MPI_X` at its address in the same object
/// file: a tool's own `MPI_X` takes its place (MPI 5.0, section 15.2). What Rust
/// sees as `MPI_X` is the symbol, so that a tool sees the calls of a Rust
/// program too; the definition has no name here, since the library itself must
/// never call an `MPI_` symbol.
macro_rules! define {
    ([$(#[$m:meta])*] $name:ident ($($p:ident : $t:ty),*) -> $ret:ty $body:block) => {
        unsafe extern "C" {
            $(#[$m])*
            pub fn $name($($p: $t),*) -> $ret;
        }

        const _: () = {
            #[unsafe(export_name = concat!("P", stringify!($name)))]
            unsafe extern "C" fn $name($($p: $t),*) -> $ret $body
        };

        core::arch::global_asm!(
            concat!(".weak ", stringify!($name)),
            concat!(".set ", stringify!($name), ", P", stringify!($name)),
        );
    };
}
