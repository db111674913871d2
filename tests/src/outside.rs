//! Cargo projects outside of this workspace, as a user's would be: made in a
//! temporary folder, with the examples that ship with the `mpi` crate.

use crate::tree;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A Cargo project in a temporary folder, which goes when it is dropped. What
/// it builds stays in the workspace's target folder, for the next time.
#[derive(Debug)]
pub struct Project {
    folder: PathBuf,
    target: PathBuf,
}

impl Project {
    /// A project named `name` with this manifest (to which an empty
    /// `[workspace]` is added) and an empty library.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn new(name: &str, manifest: &str) -> Project {
        // The same folder each time, so that Cargo knows what it has built;
        // another one for each checkout.
        let mut hasher = DefaultHasher::new();
        tree::workspace().hash(&mut hasher);
        let folder = format!("outside-{name}-{:x}", hasher.finish());
        let project = Project {
            folder: std::env::temp_dir().join(folder),
            target: tree::target().join("outside").join(name),
        };
        let _ = std::fs::remove_dir_all(&project.folder);
        project.write("Cargo.toml", &format!("{manifest}\n[workspace]\n"));
        project.write("src/lib.rs", "");
        project
    }

    /// A project with the `mpi` crate on our `mpi-sys`, and this program as `src/main.rs`.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn with_drop_in(name: &str, program: &str) -> Project {
        let runtime = tree::workspace().join("runtime");
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n\
             [dependencies]\nmpi = {{ version = \"=0.8.2\", default-features = false }}\n\n\
             [profile.dev]\ndebug = false\nincremental = false\n\n\
             [patch.crates-io]\nmpi-sys = {{ path = \"{}/mpi-sys\" }}\n",
            runtime.display()
        );
        let project = Project::new(name, &manifest);
        project.write("src/main.rs", program);
        project
    }

    /// Where the executable of [`Project::with_drop_in`] is once it is built, for this target or
    /// for the machine's own.
    #[must_use]
    pub fn program(&self, name: &str, target: Option<&str>) -> PathBuf {
        self.target
            .join(target.unwrap_or(""))
            .join("debug")
            .join(name)
    }

    /// Writes a file of the project.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.folder.join(path);
        let parent = path.parent().expect("a file lies in a folder");
        std::fs::create_dir_all(parent).expect("the temporary folder can be written");
        std::fs::write(&path, text).expect("the temporary folder can be written");
    }

    /// The project's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where an example's executable is once it is built.
    #[must_use]
    pub fn example(&self, name: &str) -> PathBuf {
        self.target.join("debug/examples").join(name)
    }

    /// `cargo WORDS` in the project, free of what the Cargo that runs this test
    /// has put into the environment.
    #[must_use]
    pub fn cargo(&self, words: &[&str]) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(words).current_dir(&self.folder);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let cargos = text.starts_with("CARGO_PKG") || text.starts_with("CARGO_MANIFEST");
            if cargos || text.starts_with("LARIAT_") || text == "RUSTFLAGS" {
                command.env_remove(&name);
            }
        }
        command.env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// Copies the examples of the `mpi` crate that this project depends on, and
    /// returns their names.
    ///
    /// # Panics
    /// If Cargo cannot fetch the crate.
    #[must_use]
    pub fn take_examples_of_mpi(&self) -> Vec<String> {
        succeeds(self.cargo(&["fetch", "--quiet"]));
        let metadata = succeeds(self.cargo(&["metadata", "--format-version=1", "--quiet"]));
        let text = String::from_utf8_lossy(&metadata.stdout).into_owned();
        let source = manifests(&text)
            .into_iter()
            .find(|path| folder_name(path).starts_with("mpi-0."))
            .expect("the project depends on mpi");
        let examples = source.with_file_name("examples");
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&examples)
            .expect("mpi ships examples")
            .flatten()
        {
            let path = entry.path();
            let text = std::fs::read_to_string(&path).expect("an example can be read");
            let file = entry.file_name().to_string_lossy().into_owned();
            self.write(&format!("examples/{file}"), &text);
            names.push(file.trim_end_matches(".rs").to_owned());
        }
        names.sort();
        names
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The `manifest_path`s in what `cargo metadata` printed.
fn manifests(json: &str) -> Vec<PathBuf> {
    json.split("\"manifest_path\":\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(PathBuf::from)
        .collect()
}

fn folder_name(manifest: &Path) -> String {
    let folder = manifest.parent().and_then(Path::file_name);
    folder.unwrap_or_default().to_string_lossy().into_owned()
}

/// Runs a command that must succeed.
///
/// # Panics
/// If it does not, with what it said.
pub fn succeeds(mut command: Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|why| panic!("cannot run {command:?}: {why}"));
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// A folder that serves as `PATH` on a machine without compilers: Cargo and
/// rustc, a `cc` that links and refuses all else, and nothing more.
///
/// # Panics
/// If it cannot be made.
#[must_use]
pub fn path_without_compilers() -> PathBuf {
    let folder = tree::scratch("path");
    let cc = which("cc").expect("rustc needs a linker");
    let script = format!(
        "#!/bin/sh\n\
         for word in \"$@\"; do\n\
         case $word in *.c|*.cc|*.cpp|*.S|-c|-E|-S|-xc|--version)\n\
         echo \"this cc only links: $word\" >&2; exit 1;; esac\n\
         done\n\
         exec {} \"$@\"\n",
        cc.display()
    );
    let file = folder.join("cc");
    std::fs::write(&file, script).expect("the scratch folder can be written");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&file, executable).expect("the file is ours");
    for tool in ["cargo", "rustc", "ld", "sh", "git"] {
        if let Some(path) = which(tool) {
            let _ = std::os::unix::fs::symlink(path, folder.join(tool));
        }
    }
    folder
}

fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}
