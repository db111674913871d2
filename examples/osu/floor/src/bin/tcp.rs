//! Half round trips over a TCP connection, without any MPI: what messages between hosts are held
//! against. One process listens, another connects; both look for bytes all the time, as ranks do.

use clap::Parser;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Instant;

/// Measure half round trips over TCP.
#[derive(Parser)]
#[command(name = "tcp", version)]
struct Cli {
    /// Wait for the other process, at this address of this host. The port is printed.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "connect")]
    listen: Option<IpAddr>,
    /// Connect to the process that waits, and measure.
    #[arg(long, value_name = "ADDRESS:PORT", required_unless_present = "listen")]
    connect: Option<String>,
    /// The largest size in bytes; sizes are the powers of two up to it.
    #[arg(short = 'm', long, value_name = "MAX", default_value_t = 1 << 20)]
    message_size: usize,
    /// Round trips of each size, after a tenth as many that are not counted.
    #[arg(short, long, value_name = "N", default_value_t = 1000)]
    iterations: u64,
}

/// Fruitless looks after which the processor is offered to others.
const LOOKS: u32 = 100;

/// A connection on which nobody sleeps.
struct Line(TcpStream);

impl Line {
    fn new(stream: TcpStream) -> io::Result<Line> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Line(stream))
    }

    /// Repeats `step` until it has moved `len` bytes.
    fn all(
        &mut self,
        len: usize,
        mut step: impl FnMut(&mut TcpStream, usize) -> io::Result<usize>,
    ) -> io::Result<()> {
        let (mut done, mut looks) = (0, 0);
        while done < len {
            match step(&mut self.0, done) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => done += n,
                Err(why) if why.kind() == ErrorKind::WouldBlock => {
                    looks += 1;
                    match looks % LOOKS {
                        0 => std::thread::yield_now(),
                        _ => std::hint::spin_loop(),
                    }
                }
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) => return Err(why),
            }
        }
        Ok(())
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.all(bytes.len(), |stream, done| stream.write(&bytes[done..]))
    }

    fn receive(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        let len = bytes.len();
        self.all(len, |stream, done| stream.read(&mut bytes[done..]))
    }
}

fn serve(at: IpAddr) -> io::Result<()> {
    let listener = TcpListener::bind((at, 0))?;
    println!("{}", listener.local_addr()?.port());
    let mut line = Line::new(listener.accept()?.0)?;
    loop {
        let (mut size, mut count) = ([0; 8], [0; 8]);
        match line.receive(&mut size) {
            Err(why) if why.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            other => other?,
        }
        line.receive(&mut count)?;
        let size = usize::try_from(u64::from_le_bytes(size)).map_err(io::Error::other)?;
        let mut buffer = vec![0; size];
        for _ in 0..u64::from_le_bytes(count) {
            line.receive(&mut buffer)?;
            line.send(&buffer)?;
        }
    }
}

fn measure(to: &str, most: usize, iterations: u64) -> io::Result<()> {
    let mut line = Line::new(TcpStream::connect(to)?)?;
    println!("# Raw TCP, half a round trip\n# Size          Latency (us)");
    let sizes = std::iter::successors(Some(1_usize), |size| size.checked_mul(2));
    for size in sizes.take_while(|size| *size <= most) {
        let warmup = iterations / 10;
        line.send(&(size as u64).to_le_bytes())?;
        line.send(&(warmup + iterations).to_le_bytes())?;
        let mut buffer = vec![1; size];
        let mut began = Instant::now();
        for turn in 0..warmup + iterations {
            if turn == warmup {
                began = Instant::now();
            }
            line.send(&buffer)?;
            line.receive(&mut buffer)?;
        }
        let time = began.elapsed().as_secs_f64() * 1e6;
        #[allow(
            clippy::cast_precision_loss,
            reason = "a count that takes less than years"
        )]
        let each = time / (2 * iterations) as f64;
        println!("{size:<10}{each:>18.2}");
    }
    Ok(())
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match (cli.listen, &cli.connect) {
        (Some(at), _) => serve(at),
        (None, Some(to)) => measure(to, cli.message_size, cli.iterations.max(1)),
        (None, None) => Ok(()), // clap asks for one of them
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("tcp: {why}");
            ExitCode::FAILURE
        }
    }
}
