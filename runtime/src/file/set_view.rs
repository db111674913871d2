//! `MPI_File_set_view` (MPI 5.0, section 14.3).

use super::pointer::stream_position;
use super::{agree, shared};
use crate::error::Result;
use crate::fail;
use crate::object::datatype::Datatype;
use crate::object::file::datarep::Datarep;
use crate::object::file::view::View;
use crate::object::file::{Amode, File};
use std::sync::Arc;
use wireup::collective::Kind;

/// `MPI_DISPLACEMENT_CURRENT`.
const CURRENT: i64 = -1;

/// What one member passes to the call.
#[derive(Clone, Debug)]
pub struct ViewSpec {
    /// Bytes from the beginning of the file.
    pub disp: i64,
    /// Committed.
    pub etype: Arc<Datatype>,
    /// Committed.
    pub filetype: Arc<Datatype>,
    /// The name of a data representation.
    pub datarep: String,
}

fn displacement(file: &File, disp: i64) -> Result<u64> {
    let is_sequential = file.amode.has(Amode::SEQUENTIAL);
    if disp == CURRENT && !is_sequential {
        fail!(
            ARG,
            "disp is MPI_DISPLACEMENT_CURRENT, which is for files of MPI_MODE_SEQUENTIAL only"
        );
    }
    if disp == CURRENT {
        return current(file);
    }
    let Ok(given) = u64::try_from(disp) else {
        fail!(ARG, "disp is {disp}, but must not be negative");
    };
    if is_sequential && given != current(file)? {
        fail!(
            ARG,
            "disp is {disp}, but must be MPI_DISPLACEMENT_CURRENT for a file of \
             MPI_MODE_SEQUENTIAL"
        );
    }
    Ok(given)
}

/// Where the shared file pointer is, in bytes of the file.
fn current(file: &File) -> Result<u64> {
    let view = file.view();
    let position = stream_position(&view, shared::current(file)?)?;
    match view.place(position) {
        Some(place) => Ok(place),
        None => fail!(
            IO,
            "the shared file pointer is behind the largest file offset"
        ),
    }
}

fn view(file: &File, spec: ViewSpec) -> Result<View> {
    let datarep = Datarep::named(&spec.datarep)?;
    let disp = displacement(file, spec.disp)?;
    let is_written = !file.amode.has(Amode::RDONLY);
    View::new(disp, spec.etype, spec.filetype, datarep, is_written)
}

/// A number that tells data representations apart by name.
fn hash(name: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    name.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

/// Sets this process's view of the file, and all its pointers to the beginning: a
/// collective call. `spec` is an error where this rank's arguments are wrong.
///
/// # Errors
/// As [`View::new`] at any rank; a data representation that there is not, or that is
/// another at another rank, as are the sizes of etypes (class NOT_SAME).
pub fn set(file: &File, spec: Result<ViewSpec>) -> Result<()> {
    let tag = agree::begin_as(file, Kind::FILE_SET_VIEW);
    let view = spec.and_then(|spec| view(file, spec));
    let words = match &view {
        Ok(view) => Ok([view.etype_size(), hash(view.datarep.name())]),
        Err(error) => Err(error.copy()),
    };
    let all = agree::all_or_none(&file.comm, tag, words)?;
    let view = view?;
    for (rank, [size, datarep]) in all.iter().enumerate() {
        if [*size, *datarep] != all[0] {
            fail!(
                NOT_SAME,
                "rank 0 and rank {rank} differ in datarep or in the size of etype: {} and {size} \
                 bytes",
                all[0][0]
            );
        }
    }
    *file.view.borrow_mut() = Arc::new(view);
    file.position.set(0);
    let own = shared::set(file, 0);
    agree::all_succeed(&file.comm, tag, own)
}
