//! Info keys of files (MPI 5.0, section 14.2.8), and those of ROMIO that programs use.

use super::cut;
use crate::object::file::File;
use crate::object::info::{self, Info};
use std::ffi::{CStr, CString};

/// What the value of a key must be to be taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Value {
    /// A number above 0.
    Number,
    /// `true` or `false`.
    Flag,
    /// `enable`, `disable` or `automatic`.
    Switch,
    /// Anything.
    Text,
}

/// Keys that files have. What has no effect on a file system of this machine is kept, so that
/// a program that asks gets back what it gave.
const KEYS: [(&CStr, Value); 27] = [
    (c"access_style", Value::Text),
    (c"collective_buffering", Value::Flag),
    (c"cb_block_size", Value::Number),
    (c"cb_buffer_size", Value::Number),
    (c"cb_nodes", Value::Number),
    (c"chunked", Value::Text),
    (c"chunked_item", Value::Text),
    (c"chunked_size", Value::Text),
    (c"file_perm", Value::Text),
    (c"io_node_list", Value::Text),
    (c"nb_proc", Value::Number),
    (c"num_io_nodes", Value::Number),
    (c"striping_factor", Value::Number),
    (c"striping_unit", Value::Number),
    (c"cb_config_list", Value::Text),
    (c"ind_rd_buffer_size", Value::Number),
    (c"ind_wr_buffer_size", Value::Number),
    (c"direct_read", Value::Flag),
    (c"direct_write", Value::Flag),
    (c"start_iodevice", Value::Text),
    (c"romio_cb_read", Value::Switch),
    (c"romio_cb_write", Value::Switch),
    (c"romio_ds_read", Value::Switch),
    (c"romio_ds_write", Value::Switch),
    (c"romio_no_indep_rw", Value::Flag),
    (c"romio_cb_pfr", Value::Switch),
    (c"romio_cb_fr_types", Value::Text),
];

/// Whether files have this key, and it may have this value.
fn is_known(key: &CStr, value: &CStr) -> bool {
    let Some((_, kind)) = KEYS.iter().find(|(known, _)| *known == key) else {
        return false;
    };
    let text = value.to_str().unwrap_or_default().trim();
    match kind {
        Value::Number => text.parse::<u64>().is_ok_and(|number| number > 0),
        Value::Flag => matches!(text, "true" | "false"),
        Value::Switch => matches!(text, "enable" | "disable" | "automatic"),
        Value::Text => true,
    }
}

/// Those of the hints that files have, of the ones that one is opened with.
pub(super) fn taken(given: &Info) -> Info {
    let mut info = Info::default();
    for (key, value) in given.iter().filter(|(key, value)| is_known(key, value)) {
        info.set(key, value);
    }
    info
}

/// `MPI_File_set_info`: takes over what files have.
pub fn set(file: &File, given: &Info) {
    let mut info = file.info.borrow_mut();
    for (key, value) in given.iter().filter(|(key, value)| is_known(key, value)) {
        // says with which permissions the file was made
        if key != c"file_perm" {
            info.set(key, value);
        }
    }
}

/// Permissions of a file that is made, before the umask: the hint `file_perm`, in octal.
pub(super) fn permissions(given: &Info) -> u32 {
    let text = given.text(c"file_perm").map(str::trim);
    let octal = text.and_then(|text| u32::from_str_radix(text.trim_start_matches("0o"), 8).ok());
    octal.filter(|mode| *mode <= 0o777).unwrap_or(0o666)
}

/// `MPI_File_get_info`: every hint that is in use, with its value here.
#[must_use]
pub fn of(file: &File) -> Info {
    let mut info = file.info.borrow().clone();
    let mut default = |key: &CStr, value: &str| {
        if info.get(key).is_none()
            && let Ok(value) = CString::new(value)
        {
            info.set(key, &value);
        }
    };
    default(c"cb_nodes", &file.comm.size().to_string());
    let windows = u64::from(file.comm.size());
    default(c"cb_buffer_size", &cut::default_window(windows).to_string());
    for key in [c"romio_cb_read", c"romio_cb_write"] {
        default(key, "automatic");
    }
    info.set(c"filename", &file.path);
    info::tell_memory_kinds(&mut info);
    info
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(entries: &[(&CStr, &CStr)]) -> Info {
        let mut info = Info::default();
        for (key, value) in entries {
            info.set(key, value);
        }
        info
    }

    #[test]
    fn only_what_files_have_is_taken() {
        let given = info(&[
            (c"cb_nodes", c"2"),
            (c"cb_buffer_size", c"-1"),
            (c"romio_cb_write", c"perhaps"),
            (c"striping_unit", c"4096"),
            (c"no_such_hint", c"x"),
            (c"filename", c"another"),
        ]);
        let taken = taken(&given);
        assert_eq!(taken.iter().count(), 2);
        assert_eq!(taken.text(c"cb_nodes"), Some("2"));
    }

    #[test]
    fn permissions_are_octal() {
        assert_eq!(permissions(&info(&[])), 0o666);
        assert_eq!(permissions(&info(&[(c"file_perm", c"0640")])), 0o640);
        assert_eq!(permissions(&info(&[(c"file_perm", c"rw")])), 0o666);
        assert_eq!(permissions(&info(&[(c"file_perm", c"7777")])), 0o666);
    }
}
