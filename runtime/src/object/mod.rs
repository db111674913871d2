//! What handles name. Each file holds one kind of object and its table.

pub mod comm;
pub mod datatype;
pub mod errhandler;
pub mod error_code;
pub mod group;
pub mod request;
pub mod topology;
