//! Exporting: the six regions of a rank, and what of its memory lies in the job's
//! heap file.
//!
//! ```text
//! lines.rs        the lines of /proc/self/maps, without allocation
//! maps.rs         the regions of this process
//! report.rs       the table of them
//! static_data.rs  the program's static data, moved to shared pages
//! sys.rs          system calls on mappings
//! ```

pub mod lines;
pub mod maps;
pub mod report;
pub mod static_data;
pub mod sys;
