//! Ranks in arrays.

use crate::convert::{change, code, length};
use crate::handle::Few;
use crate::{callee, handle, number};
use std::ffi::c_int;

define! {
    /// Section 7.3.1, group accessors.
    fn MPI_Group_translate_ranks(
        group1: c_int, n: c_int, ranks1: *const c_int, group2: c_int, ranks2: *mut c_int,
    ) -> c_int {
        let len = if ranks1.is_null() { 0 } else { length(n) };
        let mut room = handle::room();
        let mut ranks = Few::new(&mut room, len, |index| number::rank_in(*ranks1.add(index)));
        let given = if ranks1.is_null() { ranks1 } else { ranks.all().as_ptr() };
        let result = callee::MPI_Group_translate_ranks(
            handle::raw::<handle::Group>(group1),
            n,
            given,
            handle::raw::<handle::Group>(group2),
            ranks2,
        );
        if result == 0 && !ranks2.is_null() {
            for index in 0..length(n) {
                change(ranks2.add(index), number::rank_out);
            }
        }
        code(result)
    }
}
