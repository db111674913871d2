//! A number that processes on any hosts have in common, for other parts of the library:
//! rank 0 of a group keeps it, in a window without a handle.

use super::access::Target;
use super::accumulate::compare_and_swap;
use super::create::{self, WindowSpec};
use super::{passive, serve};
use crate::error::Result;
use crate::object::collective::Tag;
use crate::object::comm::Comm;
use crate::object::datatype;
use crate::object::info::Info;
use crate::object::win::{Flavor, LockKind, Win};
use std::cell::Cell;
use std::sync::Arc;

/// `MPI_INT64_T`.
const INT64: usize = 0x258;

/// Such a number, 0 at first. Dropping it lets go of it, once no member uses it any more.
#[derive(Debug)]
pub struct CommonNumber {
    win: Arc<Win>,
    /// What it was when this process last looked.
    last: Cell<i64>,
}

impl CommonNumber {
    /// A new number: a collective call among the members of `comm`.
    ///
    /// # Errors
    /// There is no memory, or a peer was lost.
    pub fn new(comm: &Arc<Comm>, tag: Tag) -> Result<CommonNumber> {
        let wanted = WindowSpec {
            size: if comm.rank == 0 { size_of::<i64>() } else { 0 },
            disp_unit: 1,
            flavor: Flavor::Allocate,
            info: Info::default(),
        };
        let win = Arc::new(create::make(comm, tag, &wanted)?);
        win.epochs.borrow_mut().all = Some(LockKind::Unchecked);
        if win.remote.is_some() {
            serve::begin(&win);
        }
        let last = Cell::new(0);
        Ok(CommonNumber { win, last })
    }

    /// Replaces the number by `new` if it is `old`. What it was.
    fn swap(&self, old: i64, new: i64) -> Result<i64> {
        let mut was = 0i64;
        let Some(datatype) = datatype::predefined(INT64) else {
            crate::fail!(INTERN, "there is no MPI_INT64_T");
        };
        let target = Target {
            rank: 0,
            disp: 0,
            count: 1,
            datatype,
        };
        // SAFETY: three numbers of this frame, which the flush waits for.
        unsafe {
            compare_and_swap(
                &self.win,
                (&raw const new).cast(),
                (&raw const old).cast(),
                (&raw mut was).cast(),
                &target,
            )
        }?;
        passive::flush(&self.win, Some(0))?;
        self.last.set(if was == old { new } else { was });
        Ok(was)
    }

    /// What it is.
    ///
    /// # Errors
    /// A message cannot be sent.
    pub fn get(&self) -> Result<i64> {
        let last = self.last.get();
        self.swap(last, last)
    }

    /// Replaces it by what `f` makes of it, and returns the other value of `f`, which is
    /// called anew where another process has changed the number meanwhile.
    ///
    /// # Errors
    /// That of `f`, or a message cannot be sent.
    pub fn update<R>(&self, mut f: impl FnMut(i64) -> Result<(i64, R)>) -> Result<R> {
        loop {
            let old = self.last.get();
            match f(old) {
                Ok((new, result)) => {
                    if self.swap(old, new)? == old {
                        return Ok(result);
                    }
                }
                Err(error) => {
                    if self.get()? == old {
                        return Err(error);
                    }
                }
            }
        }
    }
}

impl Drop for CommonNumber {
    fn drop(&mut self) {
        serve::end(&self.win);
    }
}
