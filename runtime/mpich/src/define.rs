//! How functions are exported.

/// Exports each function as a strong `PMPI_X` and a weak `MPI_X` at the same address, so that
/// a tool's own `MPI_X` takes its place (MPI 5.0, section 15.2).
macro_rules! define {
    ($(
        $(#[$m:meta])*
        fn $name:ident ( $($p:ident : $t:ty),* $(,)? ) -> $ret:ty { $($body:tt)* }
    )*) => { $(
        const _: () = {
            $(#[$m])*
            #[unsafe(export_name = concat!("P", stringify!($name)))]
            unsafe extern "C" fn $name($($p: $t),*) -> $ret {
                // SAFETY: who calls a C function vouches for the pointers that it passes, as the
                // standard's text of this call says.
                #[allow(unused_unsafe, reason = "some bodies use no pointer")]
                unsafe { $($body)* }
            }
        };

        core::arch::global_asm!(
            concat!(".weak ", stringify!($name)),
            concat!(".set ", stringify!($name), ", P", stringify!($name)),
        );
    )* };
}
