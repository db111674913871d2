//! Two endpoints over 127.0.0.1, in one process and in two.

use btl_net::{Cell, Inbox, Net, Options, PIECE};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Longer than any of these takes on a busy machine: only to end what hangs.
const PATIENCE: Duration = Duration::from_secs(60);

type Opened = (Net, Inbox, Vec<u8>);

/// An open network. `None`, and a word: there is no libfabric here.
fn open(secret: u64) -> Option<Opened> {
    if let Err(why) = btl_net::version() {
        eprintln!("skipped: {why}");
        return None;
    }
    let options = Options {
        interface: LOOPBACK,
        secret,
    };
    Some(Net::open(&options).unwrap())
}

/// Two that know each other, numbers 0 and 1.
fn pair() -> Option<[Opened; 2]> {
    let (mut a, mut b) = (open(7)?, open(7)?);
    let (at_a, at_b) = (a.2.clone(), b.2.clone());
    a.0.meet(0, &[None, Some(&at_b)]).unwrap();
    b.0.meet(1, &[Some(&at_a), None]).unwrap();
    Some([a, b])
}

/// The bytes of message `n`, of `len`.
fn bytes(n: u64, len: usize) -> Vec<u8> {
    let step = |i: u64| u8::try_from((i.wrapping_mul(31).wrapping_add(n * 7)) % 251).unwrap();
    (0..len as u64).map(step).collect()
}

fn send(net: &mut Net, to: u32, n: u64, len: usize) -> bool {
    let cell = Cell {
        kind: 3,
        tag: -5,
        context: 11,
        words: [n, 0, 0, 0, !n],
        ..Cell::default()
    };
    let from = bytes(n, len);
    net.send(to, &cell, len, |to| {
        // SAFETY: room for `len` bytes, which `from` has.
        unsafe { to.copy_from_nonoverlapping(from.as_ptr(), len) }
    })
    .unwrap()
}

/// Checks that messages come in order and whole; how many have come.
fn take(inbox: &mut Inbox, from: u32, next: &mut u64, len_of: impl Fn(u64) -> usize) {
    inbox
        .poll(64, |message| {
            assert_eq!((message.from, message.cell.kind), (from, 3));
            assert_eq!((message.cell.tag, message.cell.context), (-5, 11));
            assert_eq!(message.cell.words[0], *next, "out of order");
            assert_eq!(message.len, len_of(*next));
            // SAFETY: the message's bytes, until the handler returns.
            let got = unsafe { std::slice::from_raw_parts(message.data, message.len) };
            assert_eq!(got, bytes(*next, message.len));
            *next += 1;
            true
        })
        .unwrap();
}

/// Lengths from nothing to a whole piece, among them those around what is injected.
fn len_of(n: u64) -> usize {
    const LENS: [usize; 8] = [0, 8, 55, 56, 57, 1000, 16384, PIECE];
    LENS[usize::try_from(n).unwrap() % LENS.len()]
}

#[test]
fn messages_of_all_lengths_arrive_in_order_both_ways() {
    let Some([mut a, mut b]) = pair() else { return };
    const COUNT: u64 = 400;
    let (mut sent, mut got) = ([0; 2], [0; 2]);
    let begun = Instant::now();
    while got != [COUNT; 2] {
        assert!(begun.elapsed() < PATIENCE, "sent {sent:?}, got {got:?}");
        for (at, (net, inbox, _)) in [&mut a, &mut b].into_iter().enumerate() {
            let peer = u32::try_from(1 - at).unwrap();
            if sent[at] < COUNT && send(net, peer, sent[at], len_of(sent[at])) {
                sent[at] += 1;
            }
            take(inbox, peer, &mut got[1 - at], len_of);
        }
    }
    assert_eq!((a.0.sent(1), a.1.taken(1)), (COUNT, COUNT));
    assert_eq!(a.0.dropped() + b.0.dropped(), 0);
}

#[test]
fn a_receiver_that_does_not_look_stops_its_sender_and_loses_nothing() {
    let Some([mut a, mut b]) = pair() else { return };
    let (mut sent, mut got) = (0, 0);
    let begun = Instant::now();
    // Past the first message, which waits for the receiver to accept the connection.
    while got == 0 {
        assert!(begun.elapsed() < PATIENCE);
        sent += u64::from(sent == 0 && send(&mut a.0, 1, 0, PIECE));
        let _ = a.1.poll(1, |_| true).unwrap();
        take(&mut b.1, 0, &mut got, |_| PIECE);
    }
    let mut refused = 0;
    while refused < 100 {
        assert!(sent < 4000, "there is no end of room");
        match send(&mut a.0, 1, sent, PIECE) {
            true => sent += 1,
            false => refused += 1,
        }
    }
    while got < sent {
        assert!(begun.elapsed() < PATIENCE, "sent {sent}, got {got}");
        let _ = a.1.poll(1, |_| true).unwrap();
        take(&mut b.1, 0, &mut got, |_| PIECE);
    }
}

#[test]
fn a_stranger_is_not_heard() {
    let Some((mut net, mut inbox, address)) = open(7) else {
        return;
    };
    let mut stranger = open(8).unwrap();
    net.meet(0, &[None, None]).unwrap();
    stranger.0.meet(1, &[Some(&address), None]).unwrap();
    let begun = Instant::now();
    let mut sent = false;
    while net.dropped() == 0 {
        assert!(begun.elapsed() < PATIENCE);
        sent = sent || send(&mut stranger.0, 0, 0, 8);
        let _ = stranger.1.poll(1, |_| true).unwrap();
        let heard = inbox.poll(64, |_| panic!("a message of another job is handed on"));
        let _ = heard.unwrap();
    }
}

#[test]
fn a_receiver_asks_its_senders_to_spare_it_and_no_more() {
    let Some([mut a, mut b]) = pair() else { return };
    let (mut sent, mut got) = (false, 0);
    let begun = Instant::now();
    while got == 0 {
        assert!(begun.elapsed() < PATIENCE);
        sent = sent || send(&mut a.0, 1, 0, 8);
        a.0.look().unwrap();
        take(&mut b.1, 0, &mut got, |_| 8);
    }
    for on in [true, false] {
        b.0.set_pressure(on);
        while a.0.has_pressure(1) != on {
            assert!(begun.elapsed() < PATIENCE);
            b.0.idle();
            b.0.look().unwrap();
            a.0.look().unwrap();
        }
    }
    assert!(!a.1.poll(8, |_| panic!("that is no message")).unwrap());
}

#[test]
fn nobody_is_no_peer() {
    let Some([mut a, _b]) = pair() else { return };
    for to in [0, 2] {
        let refused = a.0.send(to, &Cell::default(), 0, |_| {});
        assert!(refused.unwrap_err().text.contains(&format!("peer {to}")));
    }
}

#[test]
fn an_interface_of_another_host_is_refused() {
    if open(1).is_none() {
        return;
    }
    let options = Options {
        interface: "192.0.2.77".parse().unwrap(),
        secret: 1,
    };
    let refused = Net::open(&options).unwrap_err();
    assert!(
        refused.text.contains("192.0.2.77") || refused.text.contains("fi_"),
        "{refused}"
    );
}

/// The other process, which sends back what it gets.
fn echo(mut line: UnixStream) -> ! {
    let (mut net, mut inbox, address) = open(9).unwrap();
    line.write_all(&address).unwrap();
    let mut peer = vec![0; address.len()];
    line.read_exact(&mut peer).unwrap();
    net.meet(1, &[Some(&peer), None]).unwrap();
    let (mut got, mut sent) = (0, 0);
    let begun = Instant::now();
    while sent < 200 || net.is_sending() {
        take(&mut inbox, 0, &mut got, len_of);
        sent += u64::from(sent < got && send(&mut net, 0, sent, len_of(sent)));
        if begun.elapsed() > PATIENCE {
            std::process::abort();
        }
    }
    let _ = line.read(&mut [0]); // the other has got all
    std::process::exit(0);
}

#[test]
fn two_processes_talk_and_sleep() {
    if open(9).is_none() {
        return;
    }
    let (mut line, far) = UnixStream::pair().unwrap();
    // SAFETY: the child uses nothing but what it makes itself, and ends by `exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        drop(line);
        echo(far);
    }
    drop(far);
    let (mut net, mut inbox, address) = open(9).unwrap();
    let mut peer = vec![0; address.len()];
    line.read_exact(&mut peer).unwrap();
    line.write_all(&address).unwrap();
    net.meet(0, &[None, Some(&peer)]).unwrap();
    let sleeper = net.sleeper().unwrap();
    let (mut sent, mut got, mut slept) = (0, 0, 0);
    let begun = Instant::now();
    while got < 200 {
        assert!(begun.elapsed() < PATIENCE, "sent {sent}, got {got}");
        if sent == got && send(&mut net, 1, sent, len_of(sent)) {
            sent += 1;
        }
        let before = got;
        take(&mut inbox, 1, &mut got, len_of);
        if got == before && sent > got && inbox.may_sleep() {
            let mut fd = libc::pollfd {
                fd: sleeper.fd,
                events: libc::POLLIN,
                revents: 0,
            };
            // SAFETY: one descriptor in a local.
            unsafe { libc::poll(&raw mut fd, 1, 10) };
            slept += 1;
        }
    }
    assert!(slept > 0, "it never had to wait");
    drop(line);
    let mut status = 0;
    // SAFETY: waits for the child, and fills a local.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0);
}

/// Processes of two jobs, each of which has other numbers for itself and the other than the
/// other has: they meet, say their last words behind their messages, and part.
#[test]
fn circles_of_other_jobs_meet_and_part() {
    let (Some(mut a), Some(mut b)) = (open(7), open(8)) else {
        return;
    };
    let (at_a, at_b) = (a.2.clone(), b.2.clone());
    a.0.meet(0, &[None]).unwrap();
    b.0.meet(2, &[None, None, None]).unwrap();
    // In the circle a is number 1, and b number 0; a number of b's is left out.
    a.0.join(99, 1, 1, &[Some(&at_b), None]).unwrap();
    b.0.join(99, 0, 4, &[None, Some(&at_a)]).unwrap();
    assert!(a.0.join(99, 1, 3, &[]).is_err(), "it was joined before");
    assert!(a.0.join(7, 1, 3, &[]).is_err(), "the job's own");
    let (to_b, to_a) = (1, 5);
    const COUNT: u64 = 100;
    let (mut sent, mut got) = ([0; 2], [0; 2]);
    let mut told = [false; 2];
    let begun = Instant::now();
    let has_told = |net: &Net, peer| net.state(peer) != 0;
    while !has_told(&a.0, to_b) || !has_told(&b.0, to_a) {
        assert!(begun.elapsed() < PATIENCE, "sent {sent:?}, got {got:?}");
        for (at, (net, inbox, _)) in [&mut a, &mut b].into_iter().enumerate() {
            let peer = [to_b, to_a][at];
            if sent[at] < COUNT {
                sent[at] += u64::from(send(net, peer, sent[at], len_of(sent[at])));
            } else if !told[at] {
                told[at] = net.tell(peer, 5).unwrap();
            }
            take(inbox, peer, &mut got[1 - at], len_of);
        }
    }
    assert_eq!(got, [COUNT; 2], "the last word came behind all messages");
    assert_eq!((a.0.state(to_b), b.0.state(to_a)), (5, 5));
    while a.0.is_sending() || b.0.is_sending() {
        assert!(begun.elapsed() < PATIENCE);
        a.0.look().unwrap();
        b.0.look().unwrap();
    }
    // What still comes of a circle that was left is nobody's.
    a.0.part(1);
    assert!(send_late(&mut b.0, to_a));
    while a.0.dropped() == 0 {
        assert!(begun.elapsed() < PATIENCE);
        b.0.look().unwrap();
        a.1.poll(1, |message| panic!("{message:?}")).unwrap();
    }
}

fn send_late(net: &mut Net, to: u32) -> bool {
    let begun = Instant::now();
    while !send(net, to, 0, 8) {
        assert!(begun.elapsed() < PATIENCE);
    }
    true
}
