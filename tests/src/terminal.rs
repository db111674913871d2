//! A program on a terminal of its own.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long to wait for something.
const LIMIT: Duration = Duration::from_secs(60);

/// A program that runs on a pseudo-terminal, which is its controlling one. Dropping it kills
/// it.
#[derive(Debug)]
pub struct OnTerminal {
    child: Child,
    /// The side of whoever sits before the terminal.
    master: File,
    written: Arc<Mutex<Vec<u8>>>,
}

impl OnTerminal {
    /// Starts a program on a terminal of this size.
    ///
    /// # Panics
    /// If there is no terminal, or the program cannot be started.
    #[must_use]
    pub fn start(mut command: Command, columns: u16, rows: u16) -> OnTerminal {
        let (mut master, mut slave) = (-1, -1);
        let size = libc::winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        // SAFETY: openpty fills two integers and reads the size.
        let made = unsafe {
            libc::openpty(
                &raw mut master,
                &raw mut slave,
                std::ptr::null_mut(),
                std::ptr::null(),
                &raw const size,
            )
        };
        assert_eq!(
            made,
            0,
            "no pseudo-terminal: {}",
            std::io::Error::last_os_error()
        );
        // SAFETY: openpty has just returned these two descriptors to us alone.
        let (master, slave) = unsafe { (File::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) };
        command.env("TERM", "xterm");
        command.stdin(Stdio::from(
            slave.try_clone().expect("a descriptor is free"),
        ));
        command.stdout(Stdio::from(
            slave.try_clone().expect("a descriptor is free"),
        ));
        command.stderr(Stdio::from(slave));
        let own = master.as_raw_fd();
        // SAFETY: system calls on descriptors of the child only.
        unsafe {
            command.pre_exec(move || {
                libc::close(own);
                libc::setsid();
                match libc::ioctl(0, libc::TIOCSCTTY, 0) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            });
        }
        let child = command.spawn().expect("the program can be started");
        drop(command); // it has the other side of the terminal open
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let mut from = master.try_clone().expect("a descriptor is free");
        let to = Arc::clone(&written);
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(n @ 1..) = from.read(&mut piece) {
                let mut to = to.lock().unwrap_or_else(PoisonError::into_inner);
                to.extend_from_slice(&piece[..n]);
            }
        });
        OnTerminal {
            child,
            master,
            written,
        }
    }

    /// All that was written to the terminal so far, with what steers it.
    #[must_use]
    pub fn written(&self) -> String {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&written).into_owned()
    }

    /// Waits until this was written, behind the first `from` bytes. Returns how much has been
    /// written by then.
    ///
    /// # Panics
    /// If it never is.
    pub fn wait_for(&self, from: usize, text: &str) -> usize {
        let began = Instant::now();
        loop {
            let written = self.written();
            if written.get(from..).is_some_and(|new| new.contains(text)) {
                return written.len();
            }
            assert!(began.elapsed() < LIMIT, "{text:?} never came: {written:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Presses keys.
    ///
    /// # Panics
    /// If the terminal takes none.
    pub fn press(&mut self, keys: &str) {
        let pressed = self.master.write_all(keys.as_bytes());
        pressed.expect("a terminal takes keys");
    }

    /// Whether the terminal collects lines and shows what is typed, as it does at first.
    #[must_use]
    pub fn is_as_before(&self) -> bool {
        let mut modes = std::mem::MaybeUninit::<libc::termios>::uninit();
        // SAFETY: tcgetattr fills the structure when it returns 0.
        let read = unsafe { libc::tcgetattr(self.master.as_raw_fd(), modes.as_mut_ptr()) };
        assert_eq!(read, 0, "a terminal has modes");
        // SAFETY: it was filled.
        let modes = unsafe { modes.assume_init() };
        modes.c_lflag & (libc::ICANON | libc::ECHO) == libc::ICANON | libc::ECHO
    }

    /// Gives the terminal another size.
    pub fn resize(&self, columns: u16, rows: u16) {
        let size = libc::winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        // SAFETY: TIOCSWINSZ reads the structure.
        unsafe { libc::ioctl(self.master.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    }

    /// Waits for the program's end.
    ///
    /// # Panics
    /// If it does not end.
    pub fn finish(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                std::thread::sleep(Duration::from_millis(50)); // the last words arrive
                return status;
            }
            assert!(
                began.elapsed() < LIMIT,
                "it does not end: {:?}",
                self.written()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait();
    }
}
