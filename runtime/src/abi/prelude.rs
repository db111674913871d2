//! What every chapter file needs: C's types, the ABI's, and how to check arguments.
#![allow(unused_imports, reason = "not every chapter needs every name")]

pub use super::callback::*;
pub use super::consts::*;
pub use super::entry::{ANY_TIME, Call};
pub use super::types::*;
pub use super::{arg, entry};
pub use crate::error::{Class, Error, Result};
pub use crate::fail;
pub use crate::object::raise::Subject;
pub use std::ffi::{c_char, c_int, c_void};
