use super::*;
use std::io;
use std::ptr;

/// Copies `len` bytes at `local` to `peer_addr` of process `pid`.
///
/// # Safety
/// `local` is readable for `len` bytes.
unsafe fn write(pid: u32, peer_addr: u64, local: *const u8, len: usize) -> Result<(), CmaError> {
    // SAFETY: the caller's promise.
    unsafe { write_pieces(pid, peer_addr, &mut [local_piece(local, len)]) }
}

fn me() -> u32 {
    std::process::id()
}

fn bytes(len: usize, salt: usize) -> Vec<u8> {
    (0..len)
        .map(|i| (i.wrapping_mul(0x9e37_79b9) >> 11).to_le_bytes()[0] ^ salt.to_le_bytes()[0])
        .collect()
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n as u64).unwrap()
    }

    /// Cuts a buffer into pieces of random sizes, some empty, and leaves gaps;
    /// at least `total` bytes in all. `(start, len)` of each.
    fn cut(&mut self, total: usize, most: usize) -> Vec<(usize, usize)> {
        let (mut at, mut sum, mut pieces) = (0, 0, Vec::new());
        while sum < total {
            at += self.below(3);
            let len = self.below(most + 1).min(total - sum);
            pieces.push((at, len));
            at += len;
            sum += len;
        }
        pieces
    }
}

fn locals(base: *const u8, cuts: &[(usize, usize)]) -> Vec<libc::iovec> {
    cuts.iter()
        .map(|(at, len)| local_piece(base.wrapping_add(*at), *len))
        .collect()
}

#[test]
fn lists_cut_differently_on_both_sides_match() {
    let mut random = Random(0x5eed_5eed_5eed_5eed);
    for (total, most_here, most_there) in
        [(0, 5, 5), (1, 1, 1), (60_000, 20, 45), (60_000, 7, 9000)]
    {
        for direction in [Direction::Read, Direction::Write] {
            let (here, there) = (random.cut(total, most_here), random.cut(total, most_there));
            let room = 4 * total + 100_000;
            let (mut from, mut to) = (bytes(room, 1), vec![0u8; room]);
            let (from_cuts, to_cuts) = match direction {
                Direction::Read => (&there, &here),
                Direction::Write => (&here, &there),
            };
            // Byte by byte, what should come.
            let places = |cuts: &[(usize, usize)]| -> Vec<usize> {
                cuts.iter().flat_map(|(at, len)| *at..at + len).collect()
            };
            let mut expected = to.clone();
            for (a, b) in places(from_cuts).into_iter().zip(places(to_cuts)) {
                expected[b] = from[a];
            }
            let (mut local, mut peer) = match direction {
                Direction::Read => (
                    locals(to.as_mut_ptr(), &here),
                    locals(from.as_ptr(), &there),
                ),
                Direction::Write => (
                    locals(from.as_mut_ptr(), &here),
                    locals(to.as_mut_ptr(), &there),
                ),
            };
            let (mut local, mut peer) = (&mut local[..], &mut peer[..]);
            // SAFETY: pieces of this test's vectors.
            let copied = unsafe { transfer(direction, me(), &mut local, &mut peer) }.unwrap();
            assert_eq!(copied, total);
            assert!(local.is_empty() && peer.is_empty());
            assert!(to == expected, "{direction:?} of {total} bytes");
        }
    }
}

#[test]
fn the_shorter_list_ends_the_transfer_and_the_rest_is_left() {
    let (from, mut to) = (bytes(100, 0), vec![0u8; 100]);
    let mut local = [local_piece(to.as_mut_ptr(), 60)];
    let mut peer = [
        peer_piece(from.as_ptr() as u64, 50),
        peer_piece(from.as_ptr() as u64 + 50, 50),
    ];
    let (mut local, mut peer) = (&mut local[..], &mut peer[..]);
    // SAFETY: pieces of this test's vectors.
    let copied = unsafe { transfer(Direction::Read, me(), &mut local, &mut peer) }.unwrap();
    assert_eq!(copied, 60);
    assert_eq!(peer.len(), 1);
    assert_eq!(peer[0].iov_base.addr(), from.as_ptr().addr() + 60);
    assert_eq!(peer[0].iov_len, 40);
    assert_eq!((&to[..60], &to[60..]), (&from[..60], &[0u8; 40][..]));
}

/// A mapping of `len` bytes whose page at `hole` cannot be touched.
fn with_hole(len: usize, hole: usize) -> *mut u8 {
    let open = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a fresh mapping, of which a page is then closed. It is never unmapped.
    unsafe {
        let base = libc::mmap(ptr::null_mut(), len, open, flags, -1, 0);
        assert_ne!(base, libc::MAP_FAILED);
        let base = base.cast::<u8>();
        ptr::copy_nonoverlapping(bytes(len, 5).as_ptr(), base, len);
        let page = base.add(hole).cast();
        assert_eq!(libc::mprotect(page, 4096, libc::PROT_NONE), 0);
        base
    }
}

#[test]
fn a_hole_on_the_way_is_told_with_what_came_before_it() {
    let (len, hole) = (8 * 4096, 3 * 4096);
    let base = with_hole(len, hole);
    let mut to = vec![0u8; len];
    // SAFETY: the vector has room; what cannot be read is the kernel's to tell.
    let error = unsafe { read(me(), base as u64, to.as_mut_ptr(), len) }.unwrap_err();
    assert_eq!((error.copied, error.why), (hole, CmaWhy::Absent));
    assert_eq!(error.peer_addr, base as u64 + hole as u64);
    assert_eq!(to[..hole], bytes(len, 5)[..hole]);
    assert!(to[hole..].iter().all(|b| *b == 0));
    let said = error.to_string();
    assert!(said.contains(&format!("{:#x}", error.peer_addr)) && said.contains("12288 bytes"));

    // In small pieces: what is left leads around the hole.
    let mut local: Vec<_> = (0..len / 16)
        .map(|i| local_piece(to.as_mut_ptr().wrapping_add(i * 16), 16))
        .collect();
    let mut peer: Vec<_> = (0..len / 32)
        .map(|i| peer_piece(base as u64 + i as u64 * 32, 32))
        .collect();
    let (mut local, mut peer) = (&mut local[..], &mut peer[..]);
    // SAFETY: as above.
    let error = unsafe { transfer(Direction::Read, me(), &mut local, &mut peer) }.unwrap_err();
    assert_eq!((error.copied, error.why), (hole, CmaWhy::Absent));
    skip(&mut local, 4096);
    skip(&mut peer, 4096);
    // SAFETY: as above.
    unsafe { transfer(Direction::Read, me(), &mut local, &mut peer) }.unwrap();
    assert_eq!(to[hole + 4096..], bytes(len, 5)[hole + 4096..]);

    // SAFETY: the vector is readable.
    let error = unsafe { write(me(), base as u64, to.as_ptr(), len) }.unwrap_err();
    assert_eq!((error.copied, error.why), (hole, CmaWhy::Absent));
}

#[test]
fn no_memory_at_all_and_addresses_beyond_the_end_are_errors() {
    let mut to = [0u8; 16];
    for addr in [4096, 0xffff_8000_0000_0000, u64::MAX - 4] {
        // SAFETY: a local buffer of 16 bytes.
        let error = unsafe { read(me(), addr, to.as_mut_ptr(), 16) }.unwrap_err();
        assert_eq!((error.copied, error.why), (0, CmaWhy::Absent), "{addr:#x}");
    }
    assert!(probe(me(), 4096, 1).is_err());
    // SAFETY: nothing is copied.
    unsafe { read(me(), 4096, to.as_mut_ptr(), 0) }.unwrap();
}

#[test]
fn a_process_that_has_ended_is_told_from_memory_that_is_not_there() {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let pid = child.id();
    child.wait().unwrap();
    let mut to = [0u8; 16];
    for pid in [pid, u32::MAX] {
        // SAFETY: a local buffer of 16 bytes.
        let error = unsafe { read(pid, to.as_ptr() as u64, to.as_mut_ptr(), 16) }.unwrap_err();
        assert_eq!(error.why, CmaWhy::Gone);
        assert!(error.to_string().contains(&format!("no process {pid}")));
    }
}

#[test]
fn another_process_is_written_and_read() {
    let mine = bytes(100_000, 1);
    // SAFETY: the child only waits for its end.
    let child = unsafe { libc::fork() };
    if child == 0 {
        loop {
            // SAFETY: pause has no preconditions.
            unsafe { libc::pause() };
        }
    }
    let pid = u32::try_from(child).unwrap();
    let addr = mine.as_ptr() as u64;
    let (other, mut back) = (bytes(100_000, 2), vec![0u8; 100_000]);
    // SAFETY: vectors of this length; in the child, the copy of one.
    let done = unsafe {
        let written = write(pid, addr, other.as_ptr(), other.len());
        let read = read(pid, addr, back.as_mut_ptr(), back.len());
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, ptr::null_mut(), 0);
        (written, read)
    };
    assert_eq!(done, (Ok(()), Ok(())));
    assert!(back == other);
    assert!(
        mine == bytes(100_000, 1),
        "the parent's own memory is another"
    );
}

/// Lets the kernel refuse calls of this thread with `errno`: all reads, or those
/// with this many local pieces.
fn refuse_reads(errno: i32, with_pieces: Option<u32>) {
    let statement = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter {
        code: u16::try_from(code).unwrap(),
        jt,
        jf,
        k,
    };
    let (load, jump, give) = (
        libc::BPF_LD | libc::BPF_W | libc::BPF_ABS,
        libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
        libc::BPF_RET | libc::BPF_K,
    );
    let number = u32::try_from(libc::SYS_process_vm_readv).unwrap();
    let refusal = libc::SECCOMP_RET_ERRNO | errno.cast_unsigned();
    // seccomp_data: the call's number at 0, its third argument at 32.
    let mut program = vec![statement(load, 0, 0, 0)];
    match with_pieces {
        None => program.push(statement(jump, number, 0, 1)),
        Some(pieces) => program.extend([
            statement(jump, number, 0, 3),
            statement(load, 32, 0, 0),
            statement(jump, pieces, 0, 1),
        ]),
    }
    program.push(statement(give, refusal, 0, 0));
    program.push(statement(give, libc::SECCOMP_RET_ALLOW, 0, 0));
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).unwrap(),
        filter: program.as_mut_ptr(),
    };
    // SAFETY: a filter program that outlives the call, for this thread alone.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let set = libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const program,
        );
        assert_eq!(set, 0, "{}", io::Error::last_os_error());
    }
}

#[test]
fn a_refusal_is_told_as_such() {
    for errno in [libc::EPERM, libc::ENOSYS] {
        let thread = std::thread::spawn(move || {
            refuse_reads(errno, None);
            let cookie = 77u64;
            let addr = (&raw const cookie).expose_provenance() as u64;
            let mut to = [0u8; 8];
            // SAFETY: a local buffer of 8 bytes.
            let error = unsafe { read(me(), addr, to.as_mut_ptr(), 8) }.unwrap_err();
            assert_eq!((error.copied, error.why), (0, CmaWhy::Refused(errno)));
            assert_eq!(error.why.errno(), errno);
            let said = probe(me(), addr, cookie).unwrap_err();
            assert!(said.contains("not permitted"), "{said}");
            // SAFETY: a local buffer of 8 bytes.
            unsafe { write(me(), addr, to.as_ptr(), 0) }.unwrap();
        });
        thread.join().unwrap();
    }
}

#[test]
fn permission_lost_on_the_way_leaves_the_rest_for_another_way() {
    let thread = std::thread::spawn(|| {
        let count = 2 * PIECES + 452;
        refuse_reads(libc::EPERM, Some(452)); // the third call
        let (from, mut to) = (bytes(count * 10, 3), vec![0u8; count * 10]);
        let mut local: Vec<_> = (0..count)
            .map(|i| local_piece(to.as_mut_ptr().wrapping_add(i * 10), 10))
            .collect();
        let mut peer = [peer_piece(from.as_ptr() as u64, count * 10)];
        let (mut local, mut peer) = (&mut local[..], &mut peer[..]);
        // SAFETY: pieces of this test's vectors.
        let error = unsafe { transfer(Direction::Read, me(), &mut local, &mut peer) }.unwrap_err();
        let done = 2 * PIECES * 10;
        assert_eq!(
            (error.copied, error.why),
            (done, CmaWhy::Refused(libc::EPERM))
        );
        assert!(to[..done] == from[..done] && to[done..].iter().all(|b| *b == 0));
        // The next arm goes on from there.
        assert_eq!(local.len(), 452);
        let mut at = error.copied;
        for piece in local {
            // SAFETY: what is left of this test's own pieces.
            unsafe {
                ptr::copy_nonoverlapping(
                    from.as_ptr().add(at),
                    piece.iov_base.cast(),
                    piece.iov_len,
                )
            };
            at += piece.iov_len;
        }
        assert!(to == from);
    });
    thread.join().unwrap();
}

const SLOT: usize = 2 << 20;
const SLOTS: usize = 2100;

/// 4.1 GiB of address space over 4 MiB of memory and a few: every slot is the
/// same two megabytes of `fd`, but for those around the limits of a call.
fn large(fd: libc::c_int) -> *mut u8 {
    let len = SLOTS * SLOT;
    // SAFETY: a fresh reservation, over which the file is mapped piece by piece.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let base = libc::mmap(ptr::null_mut(), len, libc::PROT_NONE, flags, -1, 0);
        assert_ne!(base, libc::MAP_FAILED);
        let own: Vec<usize> = own_slots().collect();
        for i in 0..SLOTS {
            let at = own.iter().position(|slot| *slot == i).map_or(0, |n| n + 1) * SLOT;
            let open = libc::PROT_READ | libc::PROT_WRITE;
            let flags = libc::MAP_SHARED | libc::MAP_FIXED;
            let place = base.byte_add(i * SLOT);
            let at = libc::off_t::try_from(at).unwrap();
            assert_eq!(libc::mmap(place, SLOT, open, flags, fd, at), place);
        }
        base.cast()
    }
}

/// Around 0, 2 GiB, 4 GiB and the end.
fn own_slots() -> impl Iterator<Item = usize> {
    [0, 1, 1022, 1023, 1024, 2046, 2047, 2048, SLOTS - 1].into_iter()
}

#[test]
fn more_than_four_gigabytes_go_in_one_transfer() {
    let file = || {
        // SAFETY: a fresh file.
        let fd = unsafe { libc::memfd_create(c"cma-test".as_ptr(), libc::MFD_CLOEXEC) };
        let len = libc::off_t::try_from(10 * SLOT).unwrap();
        // SAFETY: that file.
        assert_eq!(unsafe { libc::ftruncate(fd, len) }, 0);
        fd
    };
    let (from, to) = (large(file()), large(file()));
    for slot in own_slots() {
        let filled = bytes(SLOT, slot);
        // SAFETY: a slot of this test's mapping.
        unsafe { ptr::copy_nonoverlapping(filled.as_ptr(), from.add(slot * SLOT), SLOT) };
    }
    let (start, len) = (3usize, SLOTS * SLOT - 10);
    // SAFETY: inside both mappings.
    unsafe { read(me(), from.add(start) as u64, to.add(start), len) }.unwrap();
    for slot in own_slots() {
        let begin = if slot == 0 { 3 } else { 0 };
        let end = if slot == SLOTS - 1 { SLOT - 7 } else { SLOT };
        // SAFETY: slots of this test's mappings, which nobody writes now.
        let [a, b] =
            [from, to].map(|x| unsafe { std::slice::from_raw_parts(x.add(slot * SLOT), SLOT) });
        assert!(a[begin..end] == b[begin..end], "slot {slot}");
        assert!(b[..begin].iter().chain(&b[end..]).all(|byte| *byte == 0));
    }
    for base in [from, to] {
        // SAFETY: the mapping made above, which is not used any more.
        unsafe { libc::munmap(base.cast(), SLOTS * SLOT) };
    }
}
