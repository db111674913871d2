//! Datatypes (MPI 5.0, chapter 5).
//!
//! A [`Datatype`] is a size, bounds and a layout, and does not change once it is
//! built. Handles are looked up in `table`; `pml` and `coll` move data with
//! [`Datatype::pack_range`], [`Datatype::unpack_range`], [`Datatype::segments`]
//! and [`copy`], and ask [`Datatype::is_contiguous`] first.
//!
//! The map: `definition` is what a datatype consists of. `build array f90`
//! construct; `form` is the type map as constructed, from which `bounds layout
//! signature` are computed. `walk movement segments` move data; `packing external`
//! are `MPI_Pack` and external32; `elements` counts received ones; `order` and `in_file` are for file views.
//! `envelope` is the
//! call that made a type; `predefined table` know the handles.

mod array;
mod bounds;
mod build;
mod definition;
mod element;
mod elements;
mod envelope;
mod external;
mod f90;
mod form;
mod in_file;
mod layout;
mod movement;
mod order;
mod packing;
mod predefined;
mod segments;
mod signature;
mod table;
#[cfg(test)]
mod tests;
mod walk;

pub use definition::Datatype;
pub use element::{Element, Float, Number};
pub use envelope::{Combiner, Envelope, Width};
pub use f90::{f90_complex, f90_integer, f90_real, match_size, of_element, value_index};
pub use in_file::{External32, FileSizes, in_external32, in_file};
pub use movement::copy;
pub use order::Order;
pub use packing::Representation;
#[cfg(test)]
pub use predefined::known;
pub use predefined::{DATATYPE_NULL, all_predefined, byte, dense_size, predefined};
pub use segments::Segments;
pub use table::{
    commit, count, duplicate, free, from_low, get, get_committed, handle_of, insert, name_of, share,
};
