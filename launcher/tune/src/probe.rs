//! Tries which arms work here, from outside of the library.

use crate::mpi::World;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::{AccessFlags, Pid, access};
use std::io::IoSliceMut;

/// The kernel driver's device.
const DEVICE: &str = "/dev/xpmem";
/// The word that rank 0 looks for in the memory of rank 1.
const PROBE_WORD: u64 = 0x6c61_7269_6174_7475;

/// A line for each arm: its name, and `works` or why it does not.
pub fn arms(world: &World) -> String {
    let answers = [
        ("driver", driver()),
        ("shared", shared()),
        ("cma", cma(world)),
    ];
    let line = |(name, answer): &(&str, Result<(), String>)| match answer {
        Ok(()) => format!("{name} works\n"),
        Err(why) => format!("{name} {why}\n"),
    };
    answers.iter().map(line).collect()
}

/// Whether the kernel driver's device may be used. It is not opened: closing it again would
/// also end what the library has made through it.
fn driver() -> Result<(), String> {
    access(DEVICE, AccessFlags::R_OK | AccessFlags::W_OK)
        .map_err(|why| format!("{DEVICE}: {}", why.desc()))
}

/// Whether memory that the program allocates lies in the job's heap file.
fn shared() -> Result<(), String> {
    let buffer = vec![1_u8; 1 << 20];
    let at = buffer.as_ptr().addr();
    let maps = std::fs::read_to_string("/proc/self/maps");
    let maps = maps.map_err(|why| format!("/proc/self/maps: {why}"))?;
    let mapping = maps.lines().find(|line| {
        let range = line.split(' ').next().unwrap_or_default();
        let (from, to) = range.split_once('-').unwrap_or_default();
        let number = |text| usize::from_str_radix(text, 16).unwrap_or(0);
        (number(from)..number(to)).contains(&at)
    });
    let inside = mapping.is_some_and(|line| line.contains("lariat-heap"));
    drop(buffer);
    match inside {
        true => Ok(()),
        false => Err("memory of malloc does not lie in the heap file".to_owned()),
    }
}

/// Whether rank 0 can read eight bytes of rank 1's memory.
fn cma(world: &World) -> Result<(), String> {
    let word = std::hint::black_box(PROBE_WORD);
    if world.rank() == 1 {
        let at = std::ptr::from_ref(&word).expose_provenance();
        world.send_number(u64::from(std::process::id()));
        world.send_number(at as u64);
        world.receive_number(); // `word` lives until it was read
        return Ok(());
    }
    let (pid, at) = (world.receive_number(), world.receive_number());
    let mut bytes = [0; 8];
    let read = match (i32::try_from(pid), usize::try_from(at)) {
        (Ok(pid), Ok(base)) => {
            let remote = [RemoteIoVec { base, len: 8 }];
            let mut local = [IoSliceMut::new(&mut bytes)];
            process_vm_readv(Pid::from_raw(pid), &mut local, &remote)
        }
        _ => Err(nix::errno::Errno::EINVAL),
    };
    world.send_number(0);
    match read {
        Ok(8) if u64::from_ne_bytes(bytes) == PROBE_WORD => Ok(()),
        Ok(n) => Err(format!(
            "process_vm_readv read {n} bytes, and not the right ones"
        )),
        Err(why) => Err(format!("process_vm_readv: {}", why.desc())),
    }
}
