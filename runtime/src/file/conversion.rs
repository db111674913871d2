//! Data in a representation other than that of memory (MPI 5.0, section 14.5): a buffer
//! holds the bytes of an access as they are in the file.
//!
//! For a write it is filled when the access is prepared; for a read its values go to the
//! user's memory when the access is over. In between the access is one of plain bytes, so
//! that nothing else knows of representations.

use super::access::Direction;
use super::memory::Memory;
use crate::error::Result;
use crate::object::datatype::Datatype;
use crate::object::file::datarep::{Conversion, Datarep, UserDatarep};
use crate::object::file::view::View;
use crate::{fail, lock};
use std::cell::UnsafeCell;
use std::sync::Arc;

/// The bytes of an access as they are in the file.
#[derive(Debug)]
pub struct FileBytes {
    /// Written through the [`Memory`] of [`FileBytes::memory`].
    buffer: Box<[UnsafeCell<u8>]>,
    datarep: Datarep,
    /// The user's.
    memory: Memory,
    /// The user's datatype as it lies in the file.
    in_file: Arc<Datatype>,
}

// SAFETY: the buffer is reached by one thread at a time: by that which carries the access
// out, and by that which prepares and ends it. The representation does not change.
unsafe impl Send for FileBytes {}
// SAFETY: as above.
unsafe impl Sync for FileBytes {}

impl FileBytes {
    /// For an access of `memory` through `view`, which is not of a native representation.
    ///
    /// # Errors
    /// There is no memory for it, or no conversion for this direction; or as
    /// [`Datarep::in_file`].
    pub fn new(view: &View, direction: Direction, memory: Memory) -> Result<FileBytes> {
        let datarep = view.datarep.clone();
        let in_file = datarep.in_file(&memory.datatype)?;
        let Some(len) = in_file.bytes(memory.count) else {
            fail!(
                COUNT,
                "{} elements of {} bytes in the file are more than an address space holds",
                memory.count,
                in_file.size()
            );
        };
        if let Datarep::User(user) = &datarep
            && conversion(user, direction).is_none()
            && in_file.size() != memory.datatype.size()
        {
            fail!(
                CONVERSION,
                "datarep \"{}\" has no conversion function for this access, but {} bytes in the \
                 file for {} in memory",
                user.name,
                in_file.size(),
                memory.datatype.size()
            );
        }
        let mut buffer = Vec::new();
        if buffer.try_reserve_exact(len).is_err() {
            fail!(
                NO_MEM,
                "there is no memory for the {len} bytes of the access in representation \"{}\"",
                datarep.name()
            );
        }
        buffer.resize_with(len, || UnsafeCell::new(0));
        Ok(FileBytes {
            buffer: buffer.into_boxed_slice(),
            datarep,
            memory,
            in_file,
        })
    }

    fn at(&self) -> *mut u8 {
        self.buffer.as_ptr().cast_mut().cast()
    }

    /// The buffer, as the memory of an access of plain bytes.
    #[must_use]
    pub fn bytes(&self) -> Memory {
        Memory::bytes(self.at(), self.buffer.len())
    }

    /// Fills the buffer from the user's memory, for a write. Called in the library.
    ///
    /// # Safety
    /// The user's memory is readable.
    ///
    /// # Errors
    /// The program's function failed.
    pub unsafe fn encode(&self) -> Result<()> {
        let Memory {
            addr,
            count,
            ref datatype,
        } = self.memory;
        // SAFETY: as the caller said; the buffer is as long as the data in the file.
        unsafe {
            match &self.datarep {
                Datarep::External32 => datatype.to_external(addr, count, self.at()),
                Datarep::User(user) if user.write.is_some() => {
                    return self.call(user, user.write, self.elements_in(self.buffer.len()));
                }
                _ => {
                    datatype.pack_range(addr, count, 0, self.at(), self.buffer.len());
                }
            }
        }
        Ok(())
    }

    /// Converts the first `len` bytes of the buffer to the user's memory, after a read. Called
    /// in the library. Returns the bytes of memory of the values that are there whole.
    ///
    /// # Safety
    /// The user's memory is writable.
    ///
    /// # Errors
    /// The program's function failed.
    pub unsafe fn decode(&self, len: usize) -> Result<usize> {
        let Memory {
            addr,
            count,
            ref datatype,
        } = self.memory;
        // SAFETY: as the caller said; the buffer has `len` bytes.
        unsafe {
            match &self.datarep {
                Datarep::External32 => Ok(datatype.from_external_part(addr, count, self.at(), len)),
                Datarep::User(user) if user.read.is_some() => {
                    let elements = self.elements_in(len);
                    self.call(user, user.read, elements)?;
                    Ok(datatype.bytes_of_elements(elements).unwrap_or(0))
                }
                _ => Ok(datatype.unpack_range(addr, count, 0, self.at(), len)),
            }
        }
    }

    /// The bytes of memory of the values of which the file got the first `len` bytes.
    #[must_use]
    pub fn memory_len(&self, len: usize) -> usize {
        let datatype = &self.memory.datatype;
        match &self.datarep {
            Datarep::External32 => datatype.external_part(self.memory.count, len),
            Datarep::User(user) if user.write.is_some() => {
                let elements = self.elements_in(len);
                datatype.bytes_of_elements(elements).unwrap_or(0)
            }
            _ => len,
        }
    }

    /// The basic elements that are whole in the first `len` bytes of the buffer. Of an element
    /// of the datatype that is cut, they count where they are of one kind.
    fn elements_in(&self, len: usize) -> usize {
        let size = self.in_file.size();
        let datatype = &self.memory.datatype;
        let per_element = datatype.signature().elements;
        let (Some(whole), Some(rest)) = (len.checked_div(size), len.checked_rem(size)) else {
            return 0;
        };
        let is_uniform = datatype.uniform().is_some() && size.is_multiple_of(per_element);
        let part = if is_uniform {
            rest / (size / per_element)
        } else {
            0
        };
        whole * per_element + part
    }

    /// # Safety
    /// As [`FileBytes::encode`] and [`FileBytes::decode`].
    unsafe fn call(
        &self,
        user: &UserDatarep,
        conversion: Option<Conversion>,
        elements: usize,
    ) -> Result<()> {
        let Some(conversion) = conversion.filter(|_| elements > 0) else {
            return Ok(());
        };
        let Memory {
            addr, ref datatype, ..
        } = self.memory;
        lock::released(|| {
            // SAFETY: as the caller said; the lock is released.
            unsafe { user.convert(conversion, addr, datatype, elements, self.at(), 0) }
        })
    }
}

fn conversion(user: &UserDatarep, direction: Direction) -> Option<Conversion> {
    match direction {
        Direction::Read => user.read,
        Direction::Write => user.write,
    }
}
