//! How procedures are exported.

/// Exports a procedure as a strong `pmpi_x_` and a weak `mpi_x_` at the same address, so that a
/// tool's own `mpi_x_` takes its place (MPI 5.0, section 15.2). `both`: it also serves the module
/// `mpi_f08`, under the names `mpi_x_f08_` and `pmpi_x_f08_`.
macro_rules! define {
    ($(
        $kind:ident
        $(#[$m:meta])*
        fn $name:ident ( $($p:ident : $t:ty),* $(,)? ) -> $ret:ty { $($body:tt)* }
    )*) => { $(
        const _: () = {
            $(#[$m])*
            #[unsafe(export_name = concat!("p", stringify!($name), "_"))]
            unsafe extern "C" fn $name($($p: $t),*) -> $ret {
                // SAFETY: who calls a procedure vouches for the arguments, as the standard's text
                // of this call says.
                #[allow(unused_unsafe, reason = "some bodies use no pointer")]
                unsafe { $($body)* }
            }
        };

        core::arch::global_asm!(
            concat!(".weak ", stringify!($name), "_"),
            concat!(".set ", stringify!($name), "_, p", stringify!($name), "_"),
        );
        define!(@$kind $name);
    )* };
    (@plain $name:ident) => {};
    (@both $name:ident) => {
        core::arch::global_asm!(
            concat!(".weak ", stringify!($name), "_f08_"),
            concat!(".set ", stringify!($name), "_f08_, p", stringify!($name), "_"),
            concat!(".globl p", stringify!($name), "_f08_"),
            concat!(".set p", stringify!($name), "_f08_, p", stringify!($name), "_"),
        );
    };
}
