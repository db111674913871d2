//! The functions of which the tables do not say enough.

mod attributes;
mod callbacks;
mod datatypes;
mod extensions;
mod files;
mod groups;
mod integers;
mod names;
mod processes;
mod removed;
mod symbols;
mod tool;
