//! The few MPI calls that are needed, as safe functions. They return no errors: an MPI error
//! ends the job (`MPI_ERRORS_ARE_FATAL`).

use lariat::abi::comm::{MPI_Comm_rank, MPI_Comm_size};
use lariat::abi::consts::{MPI_BYTE, MPI_COMM_WORLD, MPI_STATUS_IGNORE};
use lariat::abi::env::{MPI_Finalize, MPI_Init};
use lariat::abi::pt2pt::{MPI_Recv, MPI_Send};
use std::ffi::c_int;

/// This process in `MPI_COMM_WORLD`. Dropping it calls `MPI_Finalize`.
pub struct World {
    rank: c_int,
    size: c_int,
}

impl World {
    /// Joins the job. Once per process.
    pub fn join() -> World {
        let (mut rank, mut size) = (0, 0);
        // SAFETY: the first MPI call of this process; it takes no arguments.
        unsafe { MPI_Init(std::ptr::null_mut(), std::ptr::null_mut()) };
        // SAFETY: writes an int to a local.
        unsafe { MPI_Comm_rank(MPI_COMM_WORLD, &raw mut rank) };
        // SAFETY: writes an int to a local.
        unsafe { MPI_Comm_size(MPI_COMM_WORLD, &raw mut size) };
        World { rank, size }
    }

    /// The number of this rank.
    pub fn rank(&self) -> c_int {
        self.rank
    }

    /// The number of ranks.
    pub fn size(&self) -> c_int {
        self.size
    }

    /// Sends bytes to the other of two ranks.
    pub fn send(&self, bytes: &[u8]) {
        let (data, count, to) = (bytes.as_ptr().cast(), count(bytes.len()), 1 - self.rank);
        // SAFETY: `count` bytes can be read at `data` until the call returns.
        unsafe { MPI_Send(data, count, MPI_BYTE, to, 0, MPI_COMM_WORLD) };
    }

    /// Receives bytes from the other of two ranks.
    pub fn receive(&self, bytes: &mut [u8]) {
        let (count, from) = (count(bytes.len()), 1 - self.rank);
        let (data, status) = (bytes.as_mut_ptr().cast(), MPI_STATUS_IGNORE);
        // SAFETY: `count` bytes can be written at `data` until the call returns.
        unsafe { MPI_Recv(data, count, MPI_BYTE, from, 0, MPI_COMM_WORLD, status) };
    }

    /// Sends a number.
    pub fn send_number(&self, number: u64) {
        self.send(&number.to_ne_bytes());
    }

    /// Receives a number.
    pub fn receive_number(&self) -> u64 {
        let mut bytes = [0; 8];
        self.receive(&mut bytes);
        u64::from_ne_bytes(bytes)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // SAFETY: MPI was initialized by `join`, and nothing is under way.
        unsafe { MPI_Finalize() };
    }
}

fn count(len: usize) -> c_int {
    c_int::try_from(len).expect("sizes are checked to be at most 1 GiB")
}
