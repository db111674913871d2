//! One output stream of one rank, on the side of mpirun.

use crate::libtest::TestLines;
use crate::lines::LineBuffer;
use crate::sink::StdStream;
use std::fs::File;
use std::os::fd::OwnedFd;

/// A rank's standard output or standard error.
#[derive(Debug)]
pub struct RankStream {
    /// The read end of the pipe that the rank writes to.
    pub pipe: OwnedFd,
    /// The stream of mpirun's that it is passed on to.
    pub kind: StdStream,
    /// It may show a prompt on a terminal: an unfinished line is passed on after a pause.
    pub prompt: bool,
    /// What takes the lines out that tell of tests, if there are any.
    pub tests: Option<TestLines>,
    /// What was read and is not passed on yet.
    pub lines: LineBuffer,
    /// A file that it is written to.
    pub file: Option<File>,
    /// Whether it is passed on to mpirun's own stream.
    pub to_own: bool,
}
