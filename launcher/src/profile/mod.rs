//! What `--profile` and `--trace` write at the end of a job, from what ranks have recorded.
//!
//! ```text
//! data      what all ranks have recorded, with places in the source
//! parts     a rank's part of it, as it travels in a job on several hosts
//! findings  the three things to know first, in words
//! text      the summary on standard error
//! page      the page for a browser; page.html is its frame
//! trace     the trace for Perfetto and other viewers
//! ```

mod data;
mod findings;
mod page;
pub mod parts;
mod text;
mod trace;

use crate::cli::JobOptions;
use crate::say::say;
use data::Data;
use parts::Part;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use wireup::segment::Segment;

/// What is written at the end of the job.
#[derive(Debug, Default)]
pub struct Profiles {
    page: Option<PathBuf>,
    trace: Option<PathBuf>,
    /// The programs of the job.
    programs: String,
    /// In a job on several hosts: whither what this one's ranks have recorded goes.
    to: Option<Recipient>,
}

/// Takes what this host's ranks have recorded to where it is written.
pub struct Recipient(pub Box<dyn Fn(Vec<Part>)>);

impl std::fmt::Debug for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recipient").finish_non_exhaustive()
    }
}

/// Opens a file that is to be written at the end, so that one which cannot be is an error
/// before the job begins. What is in it stays until then.
///
/// # Errors
/// A sentence with the option, what stands before the file's name, and the file.
pub fn try_file(option: &str, before: &str, path: &Path) -> Result<(), String> {
    let is_new = !path.exists();
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.map_err(|why| {
        format!(
            "{option}={before}{}: the file cannot be written: {why}",
            path.display()
        )
    })?;
    if is_new {
        let _ = std::fs::remove_file(path); // a job that is killed leaves no empty file
    }
    Ok(())
}

impl Profiles {
    /// What the command line asks for.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn new(global: &JobOptions, programs: String) -> Result<Profiles, String> {
        let files = [("--profile", &global.profile), ("--trace", &global.trace)];
        for (option, path) in files {
            if let Some(path) = path {
                try_file(option, "", path)?;
            }
        }
        Ok(Profiles {
            page: global.profile.clone(),
            trace: global.trace.clone(),
            programs,
            to: None,
        })
    }

    /// One host's part, which is written elsewhere.
    pub fn part(global: &JobOptions, to: Recipient) -> Profiles {
        let is_wanted = global.profile.is_some() || global.trace.is_some();
        Profiles {
            to: is_wanted.then_some(to),
            ..Profiles::default()
        }
    }

    /// Writes everything, at the end of a job that took `time`.
    pub fn write(&self, segment: &Segment, time: Duration) {
        if let Some(to) = &self.to {
            let data = Data::read(segment, "", time);
            (to.0)(parts::of(&data));
        }
        if self.is_wanted() {
            self.write_data(&Data::read(segment, &self.programs, time));
        }
    }

    /// Whether anything is to be written.
    fn is_wanted(&self) -> bool {
        self.page.is_some() || self.trace.is_some()
    }

    /// Writes what the ranks of several hosts have recorded, at the end of a job that took
    /// `time`.
    pub fn write_parts(&self, ranks: usize, parts: Vec<Part>, time: Duration) {
        if self.is_wanted() {
            self.write_data(&parts::join(ranks, parts, self.programs.clone(), time));
        }
    }

    fn write_data(&self, data: &Data) {
        if let Some(path) = &self.page {
            let found = findings::find(data);
            let page = page::page(data, &found);
            let place = match write(path, |file| file.write_all(page.as_bytes())) {
                Ok(()) => format!("the page with all figures is {}", path.display()),
                Err(why) => format!("--profile={}: {why}", path.display()),
            };
            say(&text::summary(data, &found, &place));
        }
        if let Some(path) = &self.trace {
            let told = match write(path, |file| trace::write(data, file)) {
                Ok(()) => trace::summary(data, path),
                Err(why) => format!("--trace={}: {why}", path.display()),
            };
            say(&told);
        }
    }
}

fn write(
    path: &Path,
    content: impl FnOnce(&mut std::io::BufWriter<File>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(File::create(path)?);
    content(&mut file)?;
    file.flush()
}
