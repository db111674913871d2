//! The client of the kernel driver with a driver: two processes, one whose memory
//! is attached and one that attaches it. All tests are ignored where not asked
//! for, since they need /dev/xpmem; in the guest the program is run with
//! `--ignored`.

#![cfg(all(target_arch = "x86_64", not(loom)))]
#![expect(
    clippy::cast_possible_truncation,
    reason = "u64 and usize are the same on x86-64"
)]

use btl_shm::copy::copy;
use btl_shm::fault::Fault;
use btl_shm::peer::driver::{Attachments, Device, Segid, WINDOW};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::ptr;
use std::sync::{Mutex, MutexGuard, OnceLock};

const PAGE: u64 = 4096;

/// The owner's buffer lies across the border of two windows.
const START: u64 = 0x2000_4000_0000 - (512 << 10);
const LEN: u64 = 1 << 20;

/// The peer's rank in these tests.
const PEER: u32 = 5;

fn pattern(addr: u64, salt: u64) -> u8 {
    (addr.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40).to_le_bytes()[0] ^ salt.to_le_bytes()[0]
}

/// Maps fresh pages at `start`, in place of what is there.
fn map(start: u64, len: u64, salt: u64) {
    let at = ptr::without_provenance_mut::<u8>(start as usize);
    // SAFETY: addresses that only these tests use, in the owner's process.
    unsafe {
        let mapped = libc::mmap(
            at.cast(),
            len as usize,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED,
            -1,
            0,
        );
        assert_eq!(mapped.addr() as u64, start);
        for i in 0..len {
            mapped
                .cast::<u8>()
                .add(i as usize)
                .write(pattern(start + i, salt));
        }
    }
}

/// What the owner does, told by lines on its standard input.
#[test]
#[ignore = "the owner's part of the other tests"]
fn owner() {
    if std::env::var_os("LARIAT_TEST_OWNER").is_none() {
        return; // asked for with all the others, and not by one of them
    }
    let device = Device::open().unwrap();
    let segid = device.make_whole().unwrap();
    map(START, LEN, 0);
    let cookie = Box::new(0x1234_5678_0000_0000 + u64::from(std::process::id()));
    println!(
        "\nowner {} {} {}",
        segid.0,
        ptr::from_ref(&*cookie).addr(),
        cookie
    );
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let number = |i: usize| words[i].parse::<u64>().unwrap();
        let at = |i: usize| ptr::without_provenance_mut::<libc::c_void>(number(i) as usize);
        // SAFETY: only the owner's buffer is named, which nothing else uses.
        let done = unsafe {
            match words[0] {
                "unmap" => libc::munmap(at(1), number(2) as usize),
                "close" => libc::mprotect(at(1), number(2) as usize, libc::PROT_NONE),
                "zero" => libc::madvise(at(1), number(2) as usize, libc::MADV_DONTNEED),
                "map" => {
                    map(number(1), number(2), number(3));
                    0
                }
                "check" => {
                    let salt = number(3);
                    let right = (0..number(2)).all(|i| {
                        at(1).cast::<u8>().add(i as usize).read_volatile()
                            == pattern(number(1) + i, salt)
                    });
                    i32::from(!right)
                }
                "fork" => {
                    // The child scribbles over the buffer and ends.
                    let child = libc::fork();
                    if child == 0 {
                        ptr::write_bytes(at(1).cast::<u8>(), 0xcc, number(2) as usize);
                        libc::_exit(0);
                    }
                    i32::from(libc::waitpid(child, ptr::null_mut(), 0) != child)
                }
                "remove" => i32::from(device.remove(segid).is_err()),
                other => panic!("no command {other:?}"),
            }
        };
        println!("owner {done}");
    }
}

struct Owner {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    segid: Segid,
    cookie_addr: u64,
    cookie: u64,
}

impl Owner {
    fn start() -> Owner {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["owner", "--exact", "--ignored", "--nocapture"])
            .env("LARIAT_TEST_OWNER", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let to = child.stdin.take().unwrap();
        let from = BufReader::new(child.stdout.take().unwrap());
        let mut owner = Owner {
            child,
            to,
            from,
            segid: Segid(0),
            cookie_addr: 0,
            cookie: 0,
        };
        let said = owner.hear();
        let numbers: Vec<u64> = said.split(' ').map(|n| n.parse().unwrap()).collect();
        owner.segid = Segid(numbers[0]);
        (owner.cookie_addr, owner.cookie) = (numbers[1], numbers[2]);
        owner
    }

    fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(
                self.from.read_line(&mut line).unwrap(),
                0,
                "the owner is gone"
            );
            if let Some(said) = line.strip_prefix("owner ") {
                return said.trim_end().to_owned();
            }
        }
    }

    fn tell(&mut self, what: &str) {
        writeln!(self.to, "{what}").unwrap();
        assert_eq!(self.hear(), "0", "{what}");
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The device is opened once; tests take turns.
fn attachments() -> MutexGuard<'static, Attachments> {
    static ALL: OnceLock<Mutex<Attachments>> = OnceLock::new();
    let all = ALL.get_or_init(|| Mutex::new(Attachments::new(Device::open().unwrap(), 4)));
    let mut all = all
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    all.detach_all();
    all
}

/// Copies out of the owner, over windows.
fn read(all: &mut Attachments, owner: &Owner, addr: u64, len: u64) -> Result<Vec<u8>, Fault> {
    let mut got = vec![0u8; len as usize];
    let mut at = 0;
    while at < got.len() {
        let reach = all
            .resolve(PEER, owner.segid, addr + at as u64, got.len() - at)
            .unwrap();
        // SAFETY: attached and registered; the vector has the rest's room.
        unsafe { copy(reach.at, got.as_mut_ptr().add(at), reach.len) }?;
        at += reach.len;
    }
    Ok(got)
}

fn write(all: &mut Attachments, owner: &Owner, addr: u64, bytes: &[u8]) -> Result<(), Fault> {
    let mut at = 0;
    while at < bytes.len() {
        let reach = all
            .resolve(PEER, owner.segid, addr + at as u64, bytes.len() - at)
            .unwrap();
        // SAFETY: as above.
        unsafe { copy(bytes.as_ptr().add(at), reach.at, reach.len) }?;
        at += reach.len;
    }
    Ok(())
}

fn expected(addr: u64, len: u64, salt: u64) -> Vec<u8> {
    (addr..addr + len).map(|a| pattern(a, salt)).collect()
}

#[test]
#[ignore = "needs /dev/xpmem"]
fn bytes_go_both_ways_over_the_border_of_windows() {
    let (mut all, mut owner) = (attachments(), Owner::start());
    all.probe(PEER, owner.segid, owner.cookie_addr, owner.cookie)
        .unwrap();
    let got = read(&mut all, &owner, START + 3, LEN - 7).unwrap();
    assert!(got == expected(START + 3, LEN - 7, 0));
    let before = all.made();
    read(&mut all, &owner, START, LEN).unwrap();
    assert_eq!(all.made(), before, "windows stay attached");
    write(&mut all, &owner, START, &expected(START, LEN, 9)).unwrap();
    owner.tell(&format!("check {START} {LEN} 9"));
}

#[test]
#[ignore = "needs /dev/xpmem"]
fn another_process_or_none_is_told() {
    let (mut all, mut owner) = (attachments(), Owner::start());
    let wrong = all.probe(PEER, owner.segid, owner.cookie_addr, owner.cookie + 1);
    assert!(wrong.unwrap_err().contains("another process"));
    let hole = all
        .probe(PEER, owner.segid, 0x3000_0000_0000, 1)
        .unwrap_err();
    assert!(
        hole.contains("rank 5") && hole.contains("0x300000000000"),
        "{hole}"
    );
    let none = all.probe(PEER, Segid(0x7_7fff_fff0), 4096, 1).unwrap_err();
    assert!(none.contains("has ended"), "{none}");
    owner.tell("remove");
    let removed = all.probe(PEER, owner.segid, owner.cookie_addr, owner.cookie);
    assert!(removed.is_err());
}

#[test]
#[ignore = "needs /dev/xpmem"]
fn what_the_owner_unmaps_is_an_error_and_what_it_maps_is_seen() {
    let (mut all, mut owner) = (attachments(), Owner::start());
    for how in ["unmap", "close"] {
        for round in 0..10 {
            read(&mut all, &owner, START, LEN).unwrap();
            let hole = START + round * 8 * PAGE;
            owner.tell(&format!("{how} {hole} {}", 4 * PAGE));
            for len in [1, 8, 64, 300, 4096, 3 * PAGE] {
                let fault = read(&mut all, &owner, hole + 5, len).unwrap_err();
                assert_eq!(fault.peer, PEER);
                let touched = hole + 5..hole + 5 + len;
                assert!(touched.contains(&fault.peer_addr), "{fault:?}");
                let bytes = vec![1; len as usize];
                assert!(write(&mut all, &owner, hole + 5, &bytes).is_err());
            }
            read(&mut all, &owner, hole + 4 * PAGE, PAGE).unwrap();
            let salt = round + 1;
            owner.tell(&format!("map {hole} {} {salt}", 4 * PAGE));
            let got = read(&mut all, &owner, hole, 4 * PAGE).unwrap();
            assert!(got == expected(hole, 4 * PAGE, salt), "the new pages");
        }
    }
    owner.tell(&format!("zero {START} {LEN}"));
    let got = read(&mut all, &owner, START, LEN).unwrap();
    assert!(got.iter().all(|b| *b == 0), "given back, and zero since");
}

#[test]
#[ignore = "needs /dev/xpmem"]
fn a_forked_child_of_the_owner_is_never_seen() {
    let (mut all, mut owner) = (attachments(), Owner::start());
    for salt in 1..10 {
        owner.tell(&format!("fork {START} {LEN}"));
        let got = read(&mut all, &owner, START, LEN).unwrap();
        assert!(got == expected(START, LEN, salt - 1));
        write(&mut all, &owner, START, &expected(START, LEN, salt)).unwrap();
        owner.tell(&format!("check {START} {LEN} {salt}"));
    }
}

#[test]
#[ignore = "needs /dev/xpmem"]
fn a_killed_owner_is_an_error() {
    let (mut all, mut owner) = (attachments(), Owner::start());
    read(&mut all, &owner, START, LEN).unwrap();
    owner.kill();
    let fault = read(&mut all, &owner, START, LEN).unwrap_err();
    assert_eq!((fault.peer, fault.peer_addr), (PEER, START));
    let error = all.resolve(PEER, owner.segid, START + 9 * WINDOW, 1);
    assert!(error.unwrap_err().to_string().contains("has ended"));
    all.forget(PEER);
    let error = all.resolve(PEER, owner.segid, START, 1).unwrap_err();
    assert!(error.to_string().contains("has ended"), "{error}");
    assert_eq!(all.attachments(), 0);
}

#[test]
#[ignore = "needs /dev/xpmem"]
fn attachments_are_bounded() {
    let (mut all, owner) = (attachments(), Owner::start());
    for round in 0..60u64 {
        // Mostly holes, which are attached like any others.
        all.resolve(PEER, owner.segid, START + (round % 13) * WINDOW, 1)
            .unwrap();
        assert!(all.attachments() <= 4);
        let got = read(&mut all, &owner, START, 100).unwrap();
        assert!(got == expected(START, 100, 0));
    }
}

#[test]
#[ignore = "needs /dev/xpmem"]
fn a_program_that_closes_unknown_descriptors_costs_one_window() {
    let (mut all, owner) = (attachments(), Owner::start());
    read(&mut all, &owner, START, 8).unwrap();
    for number in 3..64 {
        // SAFETY: whichever of them are the device's, which is what is tried; the
        // owner's pipes are kept.
        unsafe {
            let mut stat: libc::stat = std::mem::zeroed();
            let is_device = libc::fstat(number, &raw mut stat) == 0
                && stat.st_mode & libc::S_IFMT == libc::S_IFCHR
                && stat.st_rdev != 0;
            if is_device {
                libc::close(number);
            }
        }
    }
    // Another file comes to have the number.
    let other = std::fs::File::open("/dev/null").unwrap();
    all.resolve(PEER, owner.segid, START + 5 * WINDOW, 1)
        .unwrap();
    all.detach_all();
    let got = read(&mut all, &owner, START, 100).unwrap();
    assert!(got == expected(START, 100, 0));
    drop(other);
}

#[test]
#[ignore = "needs /dev/xpmem"]
fn a_forked_child_is_refused_in_words() {
    let (mut all, owner) = (attachments(), Owner::start());
    read(&mut all, &owner, START, 8).unwrap();
    // SAFETY: the child only makes system calls and formats a string, with no
    // lock of another thread's, and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let new = all.resolve(PEER, owner.segid, START + 3 * WINDOW, 1);
        let told = new.is_err_and(|e| e.to_string().contains("child of a rank"));
        let touched = read(&mut all, &owner, START, 8).is_err();
        // SAFETY: ends the child, without its parent's cleanup.
        unsafe { libc::_exit(i32::from(!(told && touched))) };
    }
    let mut status = -1;
    // SAFETY: the child made above.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0);
    read(&mut all, &owner, START, 8).unwrap();
}
