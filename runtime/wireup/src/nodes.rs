//! A job of several nodes: what the ranks of one node are told of the others.
//!
//! Each node has a job segment and an mpirun of its own. Beside them it has a *node table*,
//! a memfd that its mpirun makes before the ranks start and that they map: who is where,
//! and how each is reached. Ranks write their addresses into it; mpirun passes them on, and
//! writes those of the others. To tell mpirun, ranks write a byte into a pipe ([`ADDRESSES`],
//! [`FINALIZING`]); what mpirun tells them are words in the table's head, which they look at
//! while they have nothing else to do.
//!
//! mpirun writes with `pwrite`, ranks read what they have mapped.

use crate::descriptor::{Identity, Source};
use std::io;
use std::mem::offset_of;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// The variable by which ranks find table and pipe: `TABLE,PIPE,DEVICE:INODE,DEVICE:INODE`.
pub const NODES: &str = "LARIAT_NODES";

/// The name of the thread of each rank that hears of messages from other nodes.
pub const THREAD: &str = "lariat-net";

/// All ranks of the node have written their addresses.
pub const ADDRESSES: u8 = b'A';
/// All ranks of the node are in `MPI_Finalize`.
pub const FINALIZING: u8 = b'F';

/// The longest address of a rank.
pub const ADDRESS: usize = 256;
/// The longest name of a host, or address of an interface.
pub const NAME: usize = 64;

const MAGIC: u64 = 0x6c61_7269_6e6f_6431;

/// The beginning of the table.
#[repr(C)]
struct Head {
    magic: u64,
    /// What only processes of this job know.
    secret: u64,
    /// Ranks of the whole job.
    ranks: u32,
    /// Nodes.
    nodes: u32,
    /// Which of them this is.
    node: u32,
    /// Ranks of this node.
    local: u32,
    /// Ranks of this node that have written their addresses, and that finalize.
    published: AtomicU32,
    finalizing: AtomicU32,
    /// 1 once all addresses are there; 1 once all ranks of the job finalize.
    ready: AtomicU32,
    released: AtomicU32,
    /// The address of this node's interface, and zeros.
    interface: [u8; NAME],
    /// Ranks of other nodes that share processors with this node's.
    crowd: u32,
    _pad: [u8; 12],
}

/// A rank, by its rank in the whole job.
#[repr(C)]
struct Entry {
    node: u32,
    /// Its rank in its node's segment.
    local: u32,
    len: AtomicU32,
    _pad: u32,
    address: [AtomicU8; ADDRESS],
}

/// Messages between a rank of this node and one of another, so far. Their numbers wrap around.
#[repr(C)]
struct Traffic {
    /// To that one: those that the network has taken, and one more while it refuses one.
    sent: AtomicU32,
    /// From that one.
    taken: AtomicU32,
}

const _: () = assert!(size_of::<Head>() == 128);
const _: () = assert!(size_of::<Entry>() == 272);

/// Where the flag lies that all addresses are there.
pub const READY_AT: u64 = offset_of!(Head, ready) as u64;
/// Where the flag lies that all ranks of the job finalize.
pub const RELEASED_AT: u64 = offset_of!(Head, released) as u64;

/// Where a rank's entry begins in a table of so many nodes.
#[must_use]
pub fn entry_at(nodes: u32, rank: u32) -> u64 {
    let head = size_of::<Head>() + NAME * nodes as usize;
    (head + size_of::<Entry>() * rank as usize) as u64
}

/// Where the messages of a rank of this node are counted, by its rank here, and by the other
/// rank: two numbers of 32 bits each, those sent and those taken. Nothing is written, and no
/// memory needed, where there were none.
#[must_use]
pub fn traffic_at(nodes: u32, ranks: u32, local: u32) -> u64 {
    let row = size_of::<Traffic>() as u64 * u64::from(ranks);
    entry_at(nodes, ranks) + row * u64::from(local)
}

/// Where the length of a rank's address lies in its entry; the address follows.
pub const LEN_IN_ENTRY: u64 = offset_of!(Entry, len) as u64;
/// Where the address lies.
pub const ADDRESS_IN_ENTRY: u64 = offset_of!(Entry, address) as u64;

/// What a table says from the start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    /// What only processes of this job know.
    pub secret: u64,
    /// Which node this is.
    pub node: u32,
    /// The nodes' names.
    pub hosts: Vec<String>,
    /// By rank in the whole job: its node, and its rank there.
    pub ranks: Vec<(u32, u32)>,
    /// The address of this node's interface.
    pub interface: String,
    /// Ranks of other nodes that share processors with this node's.
    pub crowd: u32,
}

impl Layout {
    /// Ranks of this node.
    #[must_use]
    pub fn local(&self) -> u32 {
        let here = self.ranks.iter().filter(|rank| rank.0 == self.node);
        u32::try_from(here.count()).unwrap_or(u32::MAX)
    }

    /// Bytes of the table.
    #[must_use]
    pub fn table_len(&self) -> u64 {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        traffic_at(
            count(self.hosts.len()),
            count(self.ranks.len()),
            self.local(),
        )
    }

    /// The table as it is before any rank has started. Zeros follow up to its length.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (ranks, nodes) = (count(self.ranks.len()), count(self.hosts.len()));
        let len = usize::try_from(entry_at(nodes, ranks)).unwrap_or(0);
        let mut bytes = vec![0; len];
        let mut put = |at: usize, from: &[u8]| bytes[at..at + from.len()].copy_from_slice(from);
        let name = |text: &str| {
            let mut cut = text.len().min(NAME);
            while !text.is_char_boundary(cut) {
                cut -= 1;
            }
            text.as_bytes()[..cut].to_vec()
        };
        put(offset_of!(Head, magic), &MAGIC.to_ne_bytes());
        put(offset_of!(Head, secret), &self.secret.to_ne_bytes());
        put(offset_of!(Head, ranks), &ranks.to_ne_bytes());
        put(offset_of!(Head, nodes), &nodes.to_ne_bytes());
        put(offset_of!(Head, node), &self.node.to_ne_bytes());
        put(offset_of!(Head, local), &self.local().to_ne_bytes());
        put(offset_of!(Head, interface), &name(&self.interface));
        put(offset_of!(Head, crowd), &self.crowd.to_ne_bytes());
        for (at, host) in self.hosts.iter().enumerate() {
            put(size_of::<Head>() + NAME * at, &name(host));
        }
        for ((node, local), rank) in self.ranks.iter().zip(0..) {
            let at = usize::try_from(entry_at(nodes, rank)).unwrap_or(0);
            put(at + offset_of!(Entry, node), &node.to_ne_bytes());
            put(at + offset_of!(Entry, local), &local.to_ne_bytes());
        }
        bytes
    }
}

/// Where table and pipe are, as the environment says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The table.
    pub table: Source,
    /// The pipe's write end.
    pub pipe: Source,
}

impl Place {
    /// The value of [`NODES`].
    #[must_use]
    pub fn text(&self) -> String {
        let (table, pipe) = (&self.table, &self.pipe);
        format!(
            "{},{},{},{}",
            table.number, pipe.number, table.file, pipe.file
        )
    }

    /// Reads such a value. `launcher`: the process that has both open.
    ///
    /// # Errors
    /// It is none: a sentence.
    pub fn read(text: &str, launcher: u32) -> Result<Place, String> {
        let wrong = || {
            format!(
                "{NODES}={text:?} in the environment: wanted two descriptors and the \
                 device:inode of both, with commas between; was it changed after mpirun set it?"
            )
        };
        let words: Vec<&str> = text.split(',').collect();
        let [table, pipe, table_file, pipe_file] = words.as_slice() else {
            return Err(wrong());
        };
        let source = |number: &str, file: &str| {
            let file: Identity = file.parse().ok()?;
            Some(Source {
                number: number.parse().ok().filter(|number| *number >= 0)?,
                launcher,
                file,
            })
        };
        Ok(Place {
            table: source(table, table_file).ok_or_else(wrong)?,
            pipe: source(pipe, pipe_file).ok_or_else(wrong)?,
        })
    }
}

/// The table as a rank has it. Mapped for good.
#[derive(Debug)]
pub struct Table {
    at: NonNull<u8>,
    secret: u64,
    ranks: u32,
    nodes: u32,
    node: u32,
    local: u32,
    crowd: u32,
    pipe: OwnedFd,
}

// SAFETY: the mapping stays, and is read and written through atomics; what never changes
// was copied, and is read only.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

impl Table {
    /// Maps the table of this node, for good.
    ///
    /// # Errors
    /// A sentence: it cannot be opened, or is no table.
    pub fn open(place: &Place) -> Result<Table, String> {
        let file = place.table.open(libc::O_RDWR)?;
        let pipe = place.pipe.open(libc::O_WRONLY)?;
        let fail = |why: io::Error| format!("the table of nodes: {why}");
        let len = file_len(&file).map_err(fail)?;
        if len < size_of::<Head>() {
            return Err("the table of nodes is too short".to_owned());
        }
        // SAFETY: a new shared mapping of a file that is so long.
        let at = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        let at = NonNull::new(at.cast::<u8>()).filter(|_| at != libc::MAP_FAILED);
        let at = at.ok_or_else(|| fail(io::Error::last_os_error()))?;
        // SAFETY: the head lies there, and these fields never change.
        let head = unsafe { &*at.cast::<Head>().as_ptr() };
        let table = Table {
            at,
            secret: head.secret,
            ranks: head.ranks,
            nodes: head.nodes,
            node: head.node,
            local: head.local,
            crowd: head.crowd,
            pipe,
        };
        let wanted = traffic_at(head.nodes, head.ranks, head.local);
        if head.magic != MAGIC || wanted != len as u64 {
            return Err("the table of nodes is of another version of mpirun".to_owned());
        }
        let inside = |rank| table.where_is(rank).0 < table.nodes;
        if !(0..table.ranks).all(inside) || table.node >= table.nodes {
            return Err("the table of nodes is damaged".to_owned());
        }
        Ok(table)
    }

    fn head(&self) -> &Head {
        // SAFETY: mapped for good; what changes is atomic.
        unsafe { &*self.at.cast::<Head>().as_ptr() }
    }

    fn entry(&self, rank: u32) -> &Entry {
        assert!(rank < self.ranks);
        let at = usize::try_from(entry_at(self.nodes, rank)).unwrap_or(0);
        // SAFETY: inside the mapping, whose length was checked; all that changes is atomic.
        unsafe { &*self.at.add(at).cast::<Entry>().as_ptr() }
    }

    /// What only processes of this job know.
    #[must_use]
    pub fn secret(&self) -> u64 {
        self.secret
    }

    /// Ranks of the whole job.
    #[must_use]
    pub fn ranks(&self) -> u32 {
        self.ranks
    }

    /// Nodes.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        self.nodes
    }

    /// Which of them this is.
    #[must_use]
    pub fn node(&self) -> u32 {
        self.node
    }

    /// Ranks of other nodes that share processors with this node's.
    #[must_use]
    pub fn crowd(&self) -> u32 {
        self.crowd
    }

    fn traffic(&self, me: u32, other: u32) -> &Traffic {
        assert!(me < self.local && other < self.ranks);
        let row = usize::try_from(traffic_at(self.nodes, self.ranks, me)).unwrap_or(0);
        let at = row + size_of::<Traffic>() * other as usize;
        // SAFETY: inside the mapping, whose length was checked, at a multiple of four; atomics.
        unsafe { &*self.at.add(at).cast::<Traffic>().as_ptr() }
    }

    /// Notes how many messages rank `me` of this node has sent to rank `to` of the job, one
    /// that is refused so far included. By that rank alone.
    pub fn note_sent(&self, me: u32, to: u32, count: u64) {
        #[allow(clippy::cast_possible_truncation, reason = "it wraps around")]
        let count = count as u32;
        self.traffic(me, to).sent.store(count, Ordering::Relaxed);
    }

    /// Notes that rank `me` of this node has taken one more message of rank `from` of the job.
    /// By that rank alone.
    pub fn note_taken(&self, me: u32, from: u32) {
        let taken = &self.traffic(me, from).taken;
        let count = taken.load(Ordering::Relaxed).wrapping_add(1);
        taken.store(count, Ordering::Relaxed);
    }

    /// The node of a rank of the whole job, and its rank there.
    #[must_use]
    pub fn where_is(&self, rank: u32) -> (u32, u32) {
        let entry = self.entry(rank);
        (entry.node, entry.local)
    }

    /// The name of a node's host.
    #[must_use]
    pub fn host(&self, node: u32) -> String {
        assert!(node < self.nodes);
        let at = size_of::<Head>() + NAME * node as usize;
        // SAFETY: inside the mapping; names never change.
        let name = unsafe { std::slice::from_raw_parts(self.at.add(at).as_ptr(), NAME) };
        text(name)
    }

    /// The address of this node's interface.
    #[must_use]
    pub fn interface(&self) -> String {
        text(&self.head().interface)
    }

    /// Writes the address of a rank of this node, and tells mpirun if it is the last one.
    ///
    /// # Errors
    /// The address is too long, or mpirun cannot be told.
    pub fn publish(&self, rank: u32, address: &[u8]) -> io::Result<()> {
        let entry = self.entry(rank);
        if address.len() > ADDRESS {
            let text = format!("an address of {} bytes, above {ADDRESS}", address.len());
            return Err(io::Error::other(text));
        }
        for (to, from) in entry.address.iter().zip(address) {
            to.store(*from, Ordering::Relaxed);
        }
        let len = u32::try_from(address.len()).unwrap_or(0);
        entry.len.store(len, Ordering::Release); // read by mpirun, by a system call
        self.arrive(&self.head().published, ADDRESSES)
    }

    /// Says that a rank of this node is in `MPI_Finalize`.
    ///
    /// # Errors
    /// mpirun cannot be told.
    pub fn finalize(&self) -> io::Result<()> {
        self.arrive(&self.head().finalizing, FINALIZING)
    }

    fn arrive(&self, count: &AtomicU32, what: u8) -> io::Result<()> {
        // what earlier arrivals have written is there for mpirun, too
        if count.fetch_add(1, Ordering::AcqRel) + 1 < self.local {
            return Ok(());
        }
        loop {
            let fd = self.pipe.as_raw_fd();
            // SAFETY: one byte of a local.
            if unsafe { libc::write(fd, (&raw const what).cast(), 1) } == 1 {
                return Ok(());
            }
            let why = io::Error::last_os_error();
            if why.kind() != io::ErrorKind::Interrupted {
                return Err(why);
            }
        }
    }

    /// Whether all addresses are there.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.head().ready.load(Ordering::Acquire) != 0 // mpirun writes the addresses before
    }

    /// Whether all ranks of the job are in `MPI_Finalize`.
    #[must_use]
    pub fn is_released(&self) -> bool {
        self.head().released.load(Ordering::Acquire) != 0
    }

    /// The address of a rank, once all are there.
    #[must_use]
    pub fn address(&self, rank: u32) -> Vec<u8> {
        let entry = self.entry(rank);
        let len = (entry.len.load(Ordering::Acquire) as usize).min(ADDRESS);
        let bytes = entry.address[..len].iter();
        bytes.map(|byte| byte.load(Ordering::Relaxed)).collect()
    }
}

fn text(name: &[u8]) -> String {
    let end = name.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&name[..end.unwrap_or(name.len())]).into_owned()
}

fn file_len(file: &OwnedFd) -> io::Result<usize> {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: fstat fills the structure when it returns 0.
    if unsafe { libc::fstat(file.as_raw_fd(), stat.as_mut_ptr()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: fstat returned 0 and filled it.
    let stat = unsafe { stat.assume_init() };
    Ok(usize::try_from(stat.st_size).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::FromRawFd;

    fn layout() -> Layout {
        Layout {
            secret: 77,
            node: 1,
            hosts: vec!["a.example".to_owned(), "b".to_owned()],
            ranks: vec![(0, 0), (1, 0), (1, 1), (0, 1)],
            interface: "10.1.2.3".to_owned(),
            crowd: 3,
        }
    }

    fn place(bytes: &[u8], len: u64) -> (Place, std::fs::File, std::io::PipeReader) {
        use std::os::unix::fs::FileExt;
        // SAFETY: a string and a flag; a new descriptor.
        let fd = unsafe { libc::memfd_create(c"table".as_ptr(), libc::MFD_CLOEXEC) };
        assert!(fd >= 0);
        // SAFETY: just made, and nobody else's.
        let file = unsafe { std::fs::File::from_raw_fd(fd) };
        file.write_all_at(bytes, 0).unwrap();
        file.set_len(len).unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        let writer = std::mem::ManuallyDrop::new(writer);
        let source = |number| Source {
            number,
            launcher: std::process::id(),
            file: Identity::of(number).unwrap(),
        };
        let place = Place {
            table: source(fd),
            pipe: source(writer.as_raw_fd()),
        };
        (place, file, reader)
    }

    #[test]
    fn what_mpirun_writes_is_what_ranks_read() {
        use std::io::Read;
        use std::os::unix::fs::FileExt;
        let (place, file, mut pipe) = place(&layout().bytes(), layout().table_len());
        let text = place.text();
        assert_eq!(Place::read(&text, std::process::id()), Ok(place));
        let table = Table::open(&place).unwrap();
        assert_eq!((table.secret(), table.node(), table.nodes()), (77, 1, 2));
        assert_eq!((table.ranks(), table.where_is(2)), (4, (1, 1)));
        assert_eq!(
            (table.host(0), table.host(1)),
            ("a.example".to_owned(), "b".to_owned())
        );
        assert_eq!((table.interface().as_str(), table.crowd()), ("10.1.2.3", 3));
        table.publish(2, b"there").unwrap();
        table.publish(1, b"here").unwrap();
        let mut byte = [0];
        pipe.read_exact(&mut byte).unwrap();
        assert_eq!(byte, [ADDRESSES]);
        let at = entry_at(2, 2);
        let mut seen = [0; 5];
        file.read_exact_at(&mut seen, at + ADDRESS_IN_ENTRY)
            .unwrap();
        assert_eq!(&seen, b"there");
        assert!(!table.is_ready() && !table.is_released());
        let at = entry_at(2, 3);
        file.write_all_at(b"far", at + ADDRESS_IN_ENTRY).unwrap();
        file.write_all_at(&3_u32.to_ne_bytes(), at + LEN_IN_ENTRY)
            .unwrap();
        file.write_all_at(&1_u32.to_ne_bytes(), READY_AT).unwrap();
        assert!(table.is_ready());
        assert_eq!(table.address(3), b"far");
        assert!(table.publish(1, &[0; ADDRESS + 1]).is_err());
        table.note_sent(1, 3, (1 << 32) + 5);
        table.note_taken(1, 3);
        table.note_taken(1, 3);
        let mut counts = [0; 8];
        file.read_exact_at(&mut counts, traffic_at(2, 4, 1) + 3 * 8)
            .unwrap();
        assert_eq!(counts, [5, 0, 0, 0, 2, 0, 0, 0]);
    }

    #[test]
    fn what_is_no_table_is_refused() {
        let good = layout().bytes();
        let mut no_node = good.clone();
        let at = usize::try_from(entry_at(2, 1)).unwrap();
        no_node[at] = 9;
        let mut other = good.clone();
        other[0] ^= 1;
        let len = layout().table_len();
        for (bytes, len) in [
            (&good, 64),
            (&good, len - 1),
            (&no_node, len),
            (&other, len),
        ] {
            let (place, _file, _pipe) = place(bytes, len);
            assert!(Table::open(&place).is_err());
        }
        for text in [
            "",
            "1,2",
            "1,2,3:4",
            "1,2,3:4,5",
            "x,2,3:4,5:6",
            "-1,2,3:4,5:6",
        ] {
            let said = Place::read(text, 1).unwrap_err();
            assert!(said.contains(NODES), "{said}");
        }
    }
}
