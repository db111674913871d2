//! Folders that tests put files into.

use std::path::{Path, PathBuf};

/// An empty folder, gone with the value.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes it in `parent`, with `name` in its own name.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn new(parent: &Path, name: &str) -> Folder {
        let path = parent.join(format!("lariat-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder can be made");
        Folder(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// # Panics
    /// If there is anything in it.
    pub fn is_empty(&self) {
        let left = std::fs::read_dir(&self.0).expect("the folder").count();
        assert_eq!(left, 0, "{} has files left in it", self.0.display());
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
