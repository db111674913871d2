//! The settings file that what was measured is written to. What else the user has
//! in it stays.

use super::Values;
use crate::settings;
use std::io::ErrorKind;
use std::path::Path;
use wireup::settings::MEASURED;

const BEGIN: &str = "# Measured by mpirun --tune";
const END: &str = "# (end of what mpirun --tune measured)";

/// The text of a file; empty if there is none.
///
/// # Errors
/// It cannot be read, a line of it cannot be used, or its folder cannot be made.
pub fn read(path: &Path) -> Result<String, String> {
    let failed = |why: std::io::Error| format!("{}: {why}", path.display());
    match std::fs::read_to_string(path) {
        Ok(text) => settings::read(path, &text).map(|_| text),
        Err(why) if why.kind() == ErrorKind::NotFound => {
            let folder = path.parent().filter(|f| !f.as_os_str().is_empty());
            folder
                .map_or(Ok(()), std::fs::create_dir_all)
                .map_err(failed)?;
            Ok(String::new())
        }
        Err(why) => Err(failed(why)),
    }
}

/// Writes the file: `old` with these values in the place of what it says of them.
///
/// # Errors
/// It cannot be written; it is as it was then.
pub fn write(path: &Path, old: &str, values: &Values, rounds: u32) -> Result<(), String> {
    let text = merged(old, &block(values, rounds));
    // A link stays a link: what it leads to is replaced.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut fresh = path.clone().into_os_string();
    fresh.push(format!(".new-{}", std::process::id()));
    std::fs::write(&fresh, text)
        .and_then(|()| std::fs::rename(&fresh, &path))
        .map_err(|why| {
            let _ = std::fs::remove_file(&fresh); // there may be none
            format!("{}: {why}", path.display())
        })
}

/// The lines that are written.
fn block(values: &Values, rounds: u32) -> String {
    let host = nix::unistd::gethostname();
    let host = host.map_or_else(|_| "this machine".into(), |h| h.display().to_string());
    let mut text = format!("{BEGIN} on {host}, two ranks, medians of {rounds} rounds:\n");
    for (name, value) in values {
        text.push_str(&format!("{name} = {value}\n"));
    }
    text + END + "\n"
}

/// `old` without an earlier block and without lines for what is measured, and
/// `block` behind it.
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
        let block = block(&vec![("arm", "cma".to_owned())], 7);
        let old = "# mine\nverbose = 1\narm = copy\n ARM=copy # so\n";
        let once = merged(old, &block);
        assert_eq!(once, format!("# mine\nverbose = 1\n\n{block}"));
        assert_eq!(merged(&once, &block), once, "a second time changes nothing");
        assert_eq!(merged("", &block), block);
        let behind = format!("{once}check = 1\n");
        let again = merged(&behind, &block);
        assert!(again.contains("check = 1\n") && again.matches("arm").count() == 1);
        // A block whose end somebody removed takes nothing else away.
        let torn = merged(&once.replace(END, ""), &block);
        assert!(torn.starts_with("# mine\nverbose = 1\n"), "{torn}");
    }

    #[test]
    fn what_is_written_can_be_read() {
        let block = block(&crate::tune::built_in(), 7);
        let given = settings::read(Path::new("x"), &block).unwrap();
        assert_eq!(given.len(), MEASURED.len());
    }
}
