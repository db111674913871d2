//! Copies against the C library's `memcpy`: time of one copy of each length, in
//! cache and out of it, as a ratio. `cargo bench -p lariat-btl-shm --bench copy`;
//! arguments: `VECTOR REP_MIN REP_MAX NT_MIN` try other limits than the chosen.

use btl_shm::copy;
use std::time::Instant;

/// Copies of one length take turns with `memcpy`'s for this long, in seconds.
const EACH: f64 = 0.03;

fn main() {
    let args: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|a| a.parse().ok())
        .collect();
    let limits = match args[..] {
        [vector, rep_min, rep_max, nt_min] => copy::set_limits(copy::Limits {
            vector,
            rep_min,
            rep_max,
            nt_min,
        }),
        _ => copy::set_nt_min(64 << 20),
    };
    println!("kernels: {limits}");
    println!(
        "{:>10} {:>10} {:>10} {:>7} {:>7}  ratio to memcpy, median and best of turns",
        "bytes", "ours ns", "memcpy ns", "median", "best"
    );
    let room = 256 << 20;
    let mut from = vec![1u8; room];
    let mut to = vec![2u8; room];
    let cold = std::env::var("COLD").is_ok();
    let off: usize = std::env::var("OFF")
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(0);
    let mut sizes = vec![
        8usize, 13, 16, 24, 32, 48, 64, 65, 96, 128, 200, 256, 384, 512, 768, 1024, 1500, 2048,
        3072,
    ];
    sizes.extend((12..=26).map(|p| 1usize << p));
    for n in sizes {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let begin = Instant::now();
        let repeat = (if cold { 1 << 16 } else { 1 << 18 } / n).clamp(1, 2000);
        // Cold: each copy takes the next piece of a room larger than the caches.
        let step = if cold {
            n.next_multiple_of(4096) + 4096
        } else {
            0
        };
        let mut at = 0usize;
        let mut next = |len: usize| {
            at = if at + 2 * step + len + 8192 > room {
                0
            } else {
                at + step
            };
            at
        };
        while begin.elapsed().as_secs_f64() < EACH * if n >= 1 << 20 { 20.0 } else { 2.0 }
            || ours.len() < 9
        {
            let t = Instant::now();
            for _ in 0..repeat {
                let a = next(n);
                // SAFETY: both vectors have room for it.
                unsafe {
                    copy::copy(
                        std::hint::black_box(from.as_ptr().add(a)),
                        to.as_mut_ptr().add(a + off),
                        std::hint::black_box(n),
                    )
                    .unwrap();
                }
            }
            ours.push(t.elapsed().as_secs_f64() / repeat as f64);
            let t = Instant::now();
            for _ in 0..repeat {
                let a = next(n);
                // SAFETY: as above.
                unsafe {
                    libc::memcpy(
                        to.as_mut_ptr().add(a + off).cast(),
                        std::hint::black_box(from.as_ptr().add(a)).cast(),
                        std::hint::black_box(n),
                    );
                }
            }
            theirs.push(t.elapsed().as_secs_f64() / repeat as f64);
        }
        ours.sort_by(f64::total_cmp);
        theirs.sort_by(f64::total_cmp);
        let mid = |v: &Vec<f64>| v[v.len() / 2] * 1e9;
        let best = |v: &Vec<f64>| v[0] * 1e9;
        println!(
            "{n:>10} {:>10.1} {:>10.1} {:>7.2} {:>7.2}",
            mid(&ours),
            mid(&theirs),
            mid(&ours) / mid(&theirs),
            best(&ours) / best(&theirs)
        );
    }
    std::hint::black_box((&mut from, &mut to));
}
