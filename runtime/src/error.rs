//! What goes wrong, below the C ABI: an error class of the standard and a
//! detail that names the argument, its value and what would be right.
//!
//! Only `abi` turns an [`Error`] into a return code, through the error handler
//! of the communicator, window, file or session that the call was about.

use std::fmt;

/// An error class (MPI 5.0, section 9.4), with the number of the standard ABI.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Class(pub i32);

#[allow(missing_docs, reason = "the names are the standard's, less MPI_ERR_")]
impl Class {
    pub const BUFFER: Class = Class(1);
    pub const COUNT: Class = Class(2);
    pub const TYPE: Class = Class(3);
    pub const TAG: Class = Class(4);
    pub const COMM: Class = Class(5);
    pub const RANK: Class = Class(6);
    pub const REQUEST: Class = Class(7);
    pub const ROOT: Class = Class(8);
    pub const GROUP: Class = Class(9);
    pub const OP: Class = Class(10);
    pub const TOPOLOGY: Class = Class(11);
    pub const DIMS: Class = Class(12);
    pub const ARG: Class = Class(13);
    pub const UNKNOWN: Class = Class(14);
    pub const TRUNCATE: Class = Class(15);
    pub const OTHER: Class = Class(16);
    pub const INTERN: Class = Class(17);
    pub const PENDING: Class = Class(18);
    pub const IN_STATUS: Class = Class(19);
    pub const ACCESS: Class = Class(20);
    pub const AMODE: Class = Class(21);
    pub const ASSERT: Class = Class(22);
    pub const BAD_FILE: Class = Class(23);
    pub const BASE: Class = Class(24);
    pub const CONVERSION: Class = Class(25);
    pub const DISP: Class = Class(26);
    pub const DUP_DATAREP: Class = Class(27);
    pub const FILE_EXISTS: Class = Class(28);
    pub const FILE_IN_USE: Class = Class(29);
    pub const FILE: Class = Class(30);
    pub const INFO_KEY: Class = Class(31);
    pub const INFO_NOKEY: Class = Class(32);
    pub const INFO_VALUE: Class = Class(33);
    pub const INFO: Class = Class(34);
    pub const IO: Class = Class(35);
    pub const KEYVAL: Class = Class(36);
    pub const LOCKTYPE: Class = Class(37);
    pub const NAME: Class = Class(38);
    pub const NO_MEM: Class = Class(39);
    pub const NOT_SAME: Class = Class(40);
    pub const NO_SPACE: Class = Class(41);
    pub const NO_SUCH_FILE: Class = Class(42);
    pub const PORT: Class = Class(43);
    pub const QUOTA: Class = Class(44);
    pub const READ_ONLY: Class = Class(45);
    pub const RMA_ATTACH: Class = Class(46);
    pub const RMA_CONFLICT: Class = Class(47);
    pub const RMA_RANGE: Class = Class(48);
    pub const RMA_SHARED: Class = Class(49);
    pub const RMA_SYNC: Class = Class(50);
    pub const SERVICE: Class = Class(51);
    pub const SIZE: Class = Class(52);
    pub const SPAWN: Class = Class(53);
    pub const UNSUPPORTED_DATAREP: Class = Class(54);
    pub const UNSUPPORTED_OPERATION: Class = Class(55);
    pub const WIN: Class = Class(56);
    pub const RMA_FLAVOR: Class = Class(57);
    pub const PROC_ABORTED: Class = Class(58);
    pub const VALUE_TOO_LARGE: Class = Class(59);
    pub const SESSION: Class = Class(60);
    pub const ERRHANDLER: Class = Class(61);
    pub const ABI: Class = Class(62);
}

/// A failed operation. One pointer wide, so that results stay in registers.
#[derive(Debug)]
pub struct Error(Box<Detail>);

#[derive(Debug)]
struct Detail {
    class: Class,
    text: String,
    comm: Option<usize>,
    is_mismatch: bool,
}

/// What most of the runtime's functions return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of `class`; `text` is one line, lowercase, and names the value.
    #[cold]
    pub fn new(class: Class, text: impl Into<String>) -> Error {
        Error(Box::new(Detail {
            class,
            text: text.into(),
            comm: None,
            is_mismatch: false,
        }))
    }

    /// The error of ranks that differ in what they give to a collective: the call and its
    /// number, and how they differ.
    #[cold]
    pub fn mismatch(class: Class, what: impl fmt::Display) -> Error {
        Error::new(class, format!("ranks differ in {what}")).of_mismatch()
    }

    /// The same, said to be that of ranks that differ.
    #[must_use]
    pub fn of_mismatch(mut self) -> Error {
        self.0.is_mismatch = true;
        self
    }

    /// The same, of another class and in other words.
    #[must_use]
    pub fn reworded(&self, class: Class, text: impl Into<String>) -> Error {
        let mut error = Error::new(class, text).about(self.comm());
        error.0.is_mismatch = self.is_mismatch();
        error
    }

    /// Whether it is that of ranks that differ in what they give to a collective.
    #[must_use]
    pub fn is_mismatch(&self) -> bool {
        self.0.is_mismatch
    }

    /// The same, said to be about the communicator or file with this handle: its error
    /// handler is raised, whatever call finds the error.
    #[must_use]
    pub fn about(mut self, comm: Option<usize>) -> Error {
        self.0.comm = comm;
        self
    }

    /// Another error that says the same, where one is to be told of twice.
    #[must_use]
    pub fn copy(&self) -> Error {
        self.reworded(self.class(), self.text())
    }

    /// The communicator or file that it is about, where the call that finds it names none.
    #[must_use]
    pub fn comm(&self) -> Option<usize> {
        self.0.comm
    }

    /// The class.
    #[must_use]
    pub fn class(&self) -> Class {
        self.0.class
    }

    /// The detail.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.text)
    }
}

impl std::error::Error for Error {}

/// `Err` of an [`Error`] made with `format!`'s syntax.
#[macro_export]
macro_rules! fail {
    ($class:ident, $($text:tt)+) => {
        return Err($crate::error::Error::new($crate::error::Class::$class, format!($($text)+)))
    };
}
