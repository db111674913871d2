//! What it costs to turn a peer's address into a pointer where its window is
//! attached: nanoseconds, by how many windows take turns. `cargo bench -p
//! lariat-btl-shm --bench resolve`.

use btl_shm::peer::driver::{Apid, Attach, Attachments, DriverError, Segid, WINDOW};
use std::cell::Cell;
use std::hint::black_box;
use std::time::Instant;

/// Attachments of nothing: only the arithmetic is timed.
struct Nothing(Cell<usize>);

impl Attach for Nothing {
    fn get(&self, _: Segid) -> Result<Apid, DriverError> {
        Ok(Apid(1))
    }

    fn release(&self, _: Apid) -> Result<(), DriverError> {
        Ok(())
    }

    fn attach(&self, _: Apid, _: u64, len: usize) -> Result<*mut u8, DriverError> {
        self.0.set(self.0.get() + len);
        Ok(std::ptr::without_provenance_mut(self.0.get()))
    }

    unsafe fn detach(&self, _: *mut u8) -> Result<(), DriverError> {
        Ok(())
    }
}

fn main() {
    const TURNS: u32 = 1_000_000;
    println!("{:>8} {:>10}", "windows", "ns");
    for windows in [1u32, 4, 16, 64, 256] {
        let mut all = Attachments::new(Nothing(Cell::new(1 << 45)), 1024);
        let mut times: Vec<f64> = (0..21)
            .map(|_| {
                let begin = Instant::now();
                for i in 0..TURNS {
                    let addr = u64::from(i & (windows - 1)) * WINDOW + u64::from(i);
                    black_box(all.resolve(i & 3, Segid(1), black_box(addr), 64)).unwrap();
                }
                begin.elapsed().as_secs_f64() * 1e9 / f64::from(TURNS)
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!("{windows:>8} {:>10.2}", times[times.len() / 2]);
    }
}
