//! Writes the measured values to a settings file. Everything else in the file stays.
//!
//! Only a file that belongs to the user is replaced, and never one behind a symbolic link
//! that somebody else may have put there: the new text goes to a fresh file, which is then
//! renamed.

use super::values::Values;
use crate::settings::{self, FileContent};
use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use wireup::settings::MEASURED;

const BEGIN: &str = "# Measured by mpirun --tune";
const END: &str = "# (end of what mpirun --tune measured)";

/// The text of the file that is to be replaced, or nothing if there is none.
///
/// # Errors
/// The file must not be replaced, a line of it cannot be used, or its folder is not
/// writable.
pub fn read(path: &Path) -> Result<String, String> {
    let shown = path.display();
    may_replace(path)?;
    match settings::find(path)? {
        FileContent::Text(bytes) => {
            settings::read(path, &bytes)?;
            writable(path)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
        FileContent::Absent => writable(path).map(|()| String::new()),
        FileContent::Unreadable(why) => Err(format!("{shown}: {why}")),
    }
}

/// Checks that what lies at `path` is a file of this user's, and no link.
fn may_replace(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let meta = match std::fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(why) if matches!(why.kind(), ErrorKind::NotFound) => return Ok(()),
        Err(why) => return Err(format!("{shown}: {why}")),
    };
    if meta.is_symlink() {
        let to = std::fs::canonicalize(path);
        let to = to.map_or("the file itself".to_owned(), |p| p.display().to_string());
        return Err(format!(
            "{shown} is a symbolic link, and mpirun writes through none: \
             give --tune-output {to}"
        ));
    }
    let own = nix::unistd::geteuid().as_raw();
    if meta.uid() != own {
        return Err(format!(
            "{shown} belongs to user {}, and mpirun runs as user {own}: \
             give --tune-output FILE",
            meta.uid()
        ));
    }
    Ok(())
}

/// Checks that a file, or a folder for it, can be created at `path`. Creates a file there and
/// removes it: permission bits alone do not tell, since root may write anywhere but on some
/// file systems.
fn writable(path: &Path) -> Result<(), String> {
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty());
    let there = folder.unwrap_or(Path::new(".")).ancestors();
    let there = there.map(|f| {
        if f.as_os_str().is_empty() {
            Path::new(".")
        } else {
            f
        }
    });
    let Some(nearest) = there.into_iter().find(|f| f.exists()) else {
        return Ok(()); // `write` will say what is wrong
    };
    let tried = fresh(&nearest.join("settings"));
    let tried = tried.and_then(|(name, _)| std::fs::remove_file(name));
    tried.map_err(|why| {
        let (shown, nearest) = (path.display(), nearest.display());
        format!("{shown} cannot be written: {nearest}: {why}")
    })
}

/// Writes the file: its present text, with these values in the place of those that it has
/// for the measured settings.
///
/// # Errors
/// The file cannot be written. It is as it was before.
pub fn write(path: &Path, values: &Values, rounds: u32) -> Result<(), String> {
    let old = read(path)?; // it may have been edited meanwhile
    let text = merged(&old, &block(values, rounds));
    let failed = |why: std::io::Error| format!("{}: {why}", path.display());
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty());
    folder
        .map_or(Ok(()), std::fs::create_dir_all)
        .map_err(failed)?;
    let mode = std::fs::symlink_metadata(path).map(|m| m.mode() & 0o777);
    let (fresh, mut file) = fresh(path).map_err(failed)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| match mode {
            Ok(mode) => file.set_permissions(Permissions::from_mode(mode)),
            Err(_) => Ok(()),
        })
        .and_then(|()| file.sync_all())
        .map_err(failed)
        .and_then(|()| may_replace(path))
        .and_then(|()| std::fs::rename(&fresh, path).map_err(failed));
    if written.is_err() {
        let _ = std::fs::remove_file(&fresh); // nothing more can be done about it
    }
    written
}

/// Creates a file beside `path`, and returns its path as well.
fn fresh(path: &Path) -> std::io::Result<(PathBuf, File)> {
    let mut tries = 0;
    loop {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".new-{}-{tries}", std::process::id()));
        let name = PathBuf::from(name);
        // O_CREAT | O_EXCL: never a file that is there already, nor one behind a link
        let mut options = OpenOptions::new();
        match options.write(true).create_new(true).mode(0o644).open(&name) {
            Err(why) if why.kind() == ErrorKind::AlreadyExists && tries < 100 => tries += 1,
            other => return Ok((name, other?)),
        }
    }
}

/// The block of lines with the measured values.
fn block(values: &Values, rounds: u32) -> String {
    let host = nix::unistd::gethostname();
    let host = host.map_or_else(|_| "this machine".into(), |h| h.display().to_string());
    let mut text = format!("{BEGIN} on {host}, two ranks, medians of {rounds} rounds:\n");
    for (name, value) in values.iter() {
        text.push_str(&format!("{name} = {value}\n"));
    }
    text + END + "\n"
}

/// `old` without an earlier block and without lines for measured settings, then `block`.
fn merged(old: &str, block: &str) -> String {
    let mut text = String::new();
    for line in old.lines() {
        let name = line.split('=').next().unwrap_or_default().trim();
        let measured = MEASURED.iter().any(|m| name.eq_ignore_ascii_case(m));
        if !measured && !line.starts_with(BEGIN) && line != END {
            text.push_str(line);
            text.push('\n');
        }
    }
    while text.ends_with("\n\n") {
        text.pop();
    }
    if !text.is_empty() && text != "\n" {
        text.push('\n');
    } else {
        text.clear();
    }
    text + block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_else_is_in_the_file_stays() {
        let block =
            "# Measured by mpirun --tune\narm = cma\n# (end of what mpirun --tune measured)\n";
        let old = "# mine\nverbose = 1\narm = copy\n ARM=copy # so\n";
        let once = merged(old, block);
        assert_eq!(once, format!("# mine\nverbose = 1\n\n{block}"));
        assert_eq!(merged(&once, block), once, "a second time changes nothing");
        assert_eq!(merged("", block), block);
        let behind = format!("{once}check = 1\n");
        let again = merged(&behind, block);
        assert!(again.contains("check = 1\n") && again.matches("arm").count() == 1);
        // A block whose end somebody removed takes nothing else away.
        let torn = merged(&once.replace(END, ""), block);
        assert!(torn.starts_with("# mine\nverbose = 1\n"), "{torn}");
    }

    #[test]
    fn what_is_written_can_be_read() {
        let block = block(&Values::built_in(), 7);
        let given = settings::read(Path::new("x"), block.as_bytes()).unwrap();
        assert_eq!(given.len(), MEASURED.len());
    }

    #[test]
    fn only_an_own_ordinary_file_is_replaced() {
        let dir = std::env::temp_dir().join(format!("lariat-tune-{}", std::process::id()));
        let values = Values::built_in();
        let path = dir.join("a/b/settings");
        write(&path, &values, 7).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "check = 1\n").unwrap();
        // what lies where the new text would go is left alone
        let occupied = path.with_file_name(format!("settings.new-{}-0", std::process::id()));
        let victim = dir.join("victim");
        std::fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, &occupied).unwrap();
        write(&path, &values, 7).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("check = 1\n\n# Measured by"), "{text}");
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        let link = dir.join("link");
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        let said = write(&link, &values, 7).unwrap_err();
        assert!(
            said.contains("symbolic link") && said.contains("victim"),
            "{said}"
        );
        assert!(read(&dir).unwrap_err().contains("directory"));
        std::fs::write(&path, "leg = 1\n").unwrap();
        assert!(write(&path, &values, 7).unwrap_err().contains("line 1"));
        if nix::unistd::geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
            assert!(read(&path).unwrap_err().contains("user 12345"));
        }
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
        let left = std::fs::read_dir(dir.join("a/b")).unwrap().count();
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(left, 2, "the settings and what was there");
    }
}
