//! What handles name. Each file holds one kind of object and its table.

pub mod attr;
pub mod bulletins;
pub mod collective;
pub mod comm;
pub mod datatype;
pub mod errhandler;
pub mod error_code;
pub mod file;
pub mod fortran;
pub mod group;
pub mod hosts;
pub mod info;
pub mod op;
pub mod raise;
pub mod session;
pub mod topology;
pub mod win;
