//! What is known of the wrappers `mpicc` and `mpicxx` outside of them: their options, for
//! manual pages and completions.

pub mod options;
