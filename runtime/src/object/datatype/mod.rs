//! Datatypes.

/// A datatype. Immutable once built, but for attributes and its name.
#[derive(Debug)]
pub struct Datatype {}
