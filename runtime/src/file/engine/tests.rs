//! The ways of the engine, against a model that knows every byte of the file.

use super::part::{Direction, Part, Run, Transfer};
use super::{mapped, shifted, sieve, vectored};
use crate::file::errno::Errno;
use crate::file::memory::Memory;
use crate::object::datatype::{self, Datatype, Width};
use crate::object::file::datarep::Datarep;
use crate::object::file::view::View;
use std::fs::File;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// A file without a name, on tmpfs.
fn file() -> File {
    // SAFETY: the name is a NUL-terminated literal, and the descriptor ours alone.
    let fd = unsafe {
        let fd = libc::memfd_create(c"lariat-test".as_ptr(), libc::MFD_CLOEXEC);
        assert!(fd >= 0);
        OwnedFd::from_raw_fd(fd)
    };
    File::from(fd)
}

/// Blocks of `block` bytes, `stride` bytes from one to the next.
fn blocks(block: usize, stride: usize) -> Arc<Datatype> {
    let number = |bytes: usize| isize::try_from(bytes).unwrap();
    let bytes = Datatype::contiguous(number(block), datatype::byte(), Width::Small).unwrap();
    Datatype::resized(&bytes, 0, number(stride), Width::Small).unwrap()
}

fn view(disp: u64, block: usize, stride: usize) -> View {
    let native = Datarep::Native { internal: false };
    View::new(
        disp,
        datatype::byte().clone(),
        blocks(block, stride),
        native,
        true,
    )
    .unwrap()
}

fn bytes(len: usize, seed: usize) -> Vec<u8> {
    let byte = |i: usize| u8::try_from((i * 7 + i / 251 + seed) % 256).unwrap();
    (0..len).map(byte).collect()
}

/// Where byte `i` of the stream lies.
fn place(disp: u64, block: usize, stride: usize, i: usize) -> usize {
    usize::try_from(disp).unwrap() + i / block * stride + i % block
}

type Way = unsafe fn(std::os::fd::BorrowedFd<'_>, &Run<'_>) -> Transfer;

unsafe fn pieces_out(fd: std::os::fd::BorrowedFd<'_>, run: &Run<'_>) -> Transfer {
    // SAFETY: as the caller said.
    unsafe { vectored::pieces(fd, run, Direction::Write) }
}

unsafe fn pieces_in(fd: std::os::fd::BorrowedFd<'_>, run: &Run<'_>) -> Transfer {
    // SAFETY: as the caller said.
    unsafe { vectored::pieces(fd, run, Direction::Read) }
}

#[test]
fn both_ways_to_write_touch_the_same_bytes() {
    for (disp, block, stride) in [(0, 8, 24), (5, 100, 128), (4090, 3, 7), (100, 4096, 5000)] {
        for way in [pieces_out as Way, mapped::write] {
            let file = file();
            let old = bytes(300_000, 77);
            file.write_all_at(&old, 0).unwrap();
            let view = view(disp, block, stride);
            let mut data = bytes(50_001, 1);
            for position in [0, 13] {
                let run = Run {
                    view: &view,
                    position,
                    addr: data.as_mut_ptr(),
                    len: data.len() as u64,
                };
                // SAFETY: the run is the whole vector.
                let moved = unsafe { way(file.as_fd(), &run) };
                assert_eq!(moved, Transfer::of(data.len() as u64));
                let mut model = old.clone();
                for (i, byte) in data.iter().enumerate() {
                    let at = place(disp, block, stride, i + usize::try_from(position).unwrap());
                    if at >= model.len() {
                        model.resize(at + 1, 0);
                    }
                    model[at] = *byte;
                }
                let mut now = vec![0; model.len() + 1];
                let len = file.read_at(&mut now, 0).unwrap();
                assert!(
                    len == model.len() && now[..len] == model,
                    "{block} {stride}"
                );
                file.set_len(0).unwrap();
                file.write_all_at(&old, 0).unwrap();
            }
        }
    }
}

#[test]
fn both_ways_to_read_end_where_the_file_does() {
    for (disp, block, stride) in [(0, 8, 24), (5, 100, 128), (4090, 3, 7), (3, 1, 2000)] {
        let file = file();
        let whole = bytes(100_000, 9);
        file.write_all_at(&whole, 0).unwrap();
        let view = view(disp, block, stride);
        for way in [pieces_in as Way, sieve::read] {
            for position in [0, 2, 41] {
                let mut data = vec![0xeeu8; 60_000];
                let run = Run {
                    view: &view,
                    position,
                    addr: data.as_mut_ptr(),
                    len: data.len() as u64,
                };
                // SAFETY: the run is the whole vector.
                let moved = unsafe { way(file.as_fd(), &run) };
                assert_eq!(moved.failed, None);
                let places = (0..data.len())
                    .map(|i| place(disp, block, stride, i + usize::try_from(position).unwrap()));
                let there = places.clone().take_while(|at| *at < whole.len()).count();
                assert_eq!(moved.len, there as u64, "{block} {stride}");
                for (byte, at) in data.iter().zip(places).take(there) {
                    assert_eq!(*byte, whole[at]);
                }
                assert!(data[there..].iter().all(|byte| *byte == 0xee));
            }
        }
    }
}

/// Both in short runs, which pass through a buffer, and in long ones, which do not.
#[test]
fn scattered_memory_goes_straight_or_through_a_buffer() {
    for (block, stride, count) in [(4, 12, 100_000), (2000, 3000, 300)] {
        let file = file();
        let memory_type = blocks(block, stride);
        let mut data = bytes(stride * count, 3);
        let memory = Memory {
            addr: data.as_mut_ptr(),
            count,
            datatype: memory_type.clone(),
        };
        let view = view(10, 70, 90);
        let part = Part {
            view: &view,
            position: 0,
            memory: &memory,
            offset: 0,
            len: memory.len(),
        };
        // SAFETY: the memory is the vector.
        let moved = unsafe { super::write(file.as_fd(), &part) };
        assert_eq!(moved, Transfer::of(memory.len()));
        let mut back = vec![0u8; data.len()];
        let into = Memory {
            addr: back.as_mut_ptr(),
            ..memory.clone()
        };
        // from the middle of the data on
        let part = Part {
            memory: &into,
            position: 1001,
            offset: 1001,
            len: memory.len() - 1001,
            ..part
        };
        // SAFETY: as above.
        let moved = unsafe { super::read(file.as_fd(), &part) };
        assert_eq!(moved, Transfer::of(memory.len() - 1001));
        for i in 0..block * count {
            let at = i / block * stride + i % block;
            assert_eq!(back[at], if i < 1001 { 0 } else { data[at] }, "byte {i}");
        }
        for (at, byte) in back.iter().enumerate() {
            assert!(at % stride < block || *byte == 0, "a gap was written");
        }
    }
}

/// Also where the processor is not AMD's.
#[test]
fn memory_that_lies_unluckily_passes_through_a_buffer() {
    let file = file();
    let data = bytes(700_000, 5);
    for shift in [1, 16, 31] {
        // SAFETY: the part of the vector from `shift` on, and as much of the other.
        let back = unsafe {
            let from = data.as_ptr().cast_mut().wrapping_add(shift);
            let len = data.len() - shift;
            let out = shifted::through(file.as_fd(), 100, from, len, Direction::Write);
            assert_eq!(out, Transfer::of(len as u64));
            let mut back = vec![0u8; len + 50];
            let into = shifted::through(
                file.as_fd(),
                100,
                back.as_mut_ptr(),
                len + 50,
                Direction::Read,
            );
            assert_eq!(into, Transfer::of(len as u64));
            back
        };
        assert_eq!(back[..data.len() - shift], data[shift..]);
        file.set_len(0).unwrap();
    }
}

#[test]
fn offsets_above_four_gigabytes() {
    let file = file();
    let view = view(5 << 30, 8, 1 << 20);
    let mut data = bytes(800, 1);
    let memory = Memory::bytes(data.as_mut_ptr(), data.len());
    let part = Part {
        view: &view,
        position: 8 * 1000,
        memory: &memory,
        offset: 0,
        len: 800,
    };
    // SAFETY: the memory is the vector.
    let moved = unsafe { super::write(file.as_fd(), &part) };
    assert_eq!(moved, Transfer::of(800));
    let mut back = [0; 8];
    file.read_exact_at(&mut back, (5 << 30) + (1003 << 20))
        .unwrap();
    assert_eq!(back, data[24..32]);
}

#[test]
fn what_the_kernel_refuses_is_told_with_what_it_took() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let data = [1u8; 10];
    // SAFETY: the bytes are the array's.
    let moved = unsafe { super::write_at(full.as_fd(), 0, data.as_ptr(), 10) };
    assert_eq!((moved.len, moved.failed), (0, Some(Errno(libc::ENOSPC))));
    let mut back = [0u8; 10];
    let (reader, _writer) = std::io::pipe().unwrap();
    // SAFETY: as above.
    let moved = unsafe { super::read_at(reader.as_fd(), 0, back.as_mut_ptr(), 10) };
    assert_eq!((moved.len, moved.failed), (0, Some(Errno(libc::ESPIPE))));
}
