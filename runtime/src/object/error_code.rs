//! Error codes: what calls return and programs ask about (MPI 5.0, sections
//! 9.4 and 9.5).
//!
//! A call that fails returns its plain error class, so that programs that
//! compare with `MPI_ERR_X` work. The detail of a thread's last error is kept
//! beside it, and [`text`] gives it when asked for that class right after.

use crate::error::{Class, Error, Result};
use crate::fail;
use crate::lock::Local;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// `MPI_ERR_LASTCODE`: the largest code that the library itself may return.
pub const LASTCODE: i32 = 16383;
/// `MPI_MAX_ERROR_STRING`: bytes of an error text, its closing NUL included.
pub const MAX_STRING: usize = 512;

/// Every predefined error class: its number, its name, and what it says.
pub const CLASSES: [(i32, &str, &str); 81] = [
    (0, "MPI_SUCCESS", "no error"),
    (1, "MPI_ERR_BUFFER", "invalid buffer"),
    (2, "MPI_ERR_COUNT", "invalid count"),
    (3, "MPI_ERR_TYPE", "invalid datatype"),
    (4, "MPI_ERR_TAG", "invalid tag"),
    (5, "MPI_ERR_COMM", "invalid communicator"),
    (6, "MPI_ERR_RANK", "invalid rank"),
    (7, "MPI_ERR_REQUEST", "invalid request"),
    (8, "MPI_ERR_ROOT", "invalid root"),
    (9, "MPI_ERR_GROUP", "invalid group"),
    (10, "MPI_ERR_OP", "invalid operation"),
    (11, "MPI_ERR_TOPOLOGY", "invalid topology"),
    (12, "MPI_ERR_DIMS", "invalid dimensions"),
    (13, "MPI_ERR_ARG", "invalid argument"),
    (14, "MPI_ERR_UNKNOWN", "unknown error"),
    (15, "MPI_ERR_TRUNCATE", "message truncated on receive"),
    (16, "MPI_ERR_OTHER", "other error"),
    (17, "MPI_ERR_INTERN", "internal error of the library"),
    (18, "MPI_ERR_PENDING", "operation still pending"),
    (19, "MPI_ERR_IN_STATUS", "error code is in the status"),
    (20, "MPI_ERR_ACCESS", "permission denied"),
    (21, "MPI_ERR_AMODE", "invalid access mode"),
    (22, "MPI_ERR_ASSERT", "invalid assert argument"),
    (23, "MPI_ERR_BAD_FILE", "invalid file name"),
    (24, "MPI_ERR_BASE", "invalid base address"),
    (
        25,
        "MPI_ERR_CONVERSION",
        "error in a data conversion function",
    ),
    (26, "MPI_ERR_DISP", "invalid displacement"),
    (
        27,
        "MPI_ERR_DUP_DATAREP",
        "data representation defined already",
    ),
    (28, "MPI_ERR_FILE_EXISTS", "file exists"),
    (29, "MPI_ERR_FILE_IN_USE", "file is open in some process"),
    (30, "MPI_ERR_FILE", "invalid file handle"),
    (31, "MPI_ERR_INFO_KEY", "invalid info key"),
    (32, "MPI_ERR_INFO_NOKEY", "info key not set"),
    (33, "MPI_ERR_INFO_VALUE", "invalid info value"),
    (34, "MPI_ERR_INFO", "invalid info object"),
    (35, "MPI_ERR_IO", "input or output failed"),
    (36, "MPI_ERR_KEYVAL", "invalid key value"),
    (37, "MPI_ERR_LOCKTYPE", "invalid lock type"),
    (38, "MPI_ERR_NAME", "service name not published"),
    (39, "MPI_ERR_NO_MEM", "out of memory"),
    (40, "MPI_ERR_NOT_SAME", "argument differs between processes"),
    (41, "MPI_ERR_NO_SPACE", "not enough space"),
    (42, "MPI_ERR_NO_SUCH_FILE", "no such file"),
    (43, "MPI_ERR_PORT", "invalid port name"),
    (44, "MPI_ERR_QUOTA", "quota exceeded"),
    (45, "MPI_ERR_READ_ONLY", "read-only file or file system"),
    (46, "MPI_ERR_RMA_ATTACH", "memory cannot be attached"),
    (
        47,
        "MPI_ERR_RMA_CONFLICT",
        "conflicting accesses to a window",
    ),
    (
        48,
        "MPI_ERR_RMA_RANGE",
        "target memory is not part of the window",
    ),
    (49, "MPI_ERR_RMA_SHARED", "memory cannot be shared"),
    (50, "MPI_ERR_RMA_SYNC", "wrong synchronization of a window"),
    (51, "MPI_ERR_SERVICE", "invalid service name"),
    (52, "MPI_ERR_SIZE", "invalid size"),
    (53, "MPI_ERR_SPAWN", "processes could not be spawned"),
    (
        54,
        "MPI_ERR_UNSUPPORTED_DATAREP",
        "unsupported data representation",
    ),
    (55, "MPI_ERR_UNSUPPORTED_OPERATION", "unsupported operation"),
    (56, "MPI_ERR_WIN", "invalid window"),
    (57, "MPI_ERR_RMA_FLAVOR", "wrong flavor of window"),
    (58, "MPI_ERR_PROC_ABORTED", "a peer process has aborted"),
    (
        59,
        "MPI_ERR_VALUE_TOO_LARGE",
        "value too large for its argument",
    ),
    (60, "MPI_ERR_SESSION", "invalid session"),
    (61, "MPI_ERR_ERRHANDLER", "invalid error handler"),
    (62, "MPI_ERR_ABI", "unsupported by this ABI"),
    (1001, "MPI_T_ERR_CANNOT_INIT", "tool interface cannot start"),
    (
        1002,
        "MPI_T_ERR_NOT_ACCESSIBLE",
        "tool interface not accessible",
    ),
    (
        1003,
        "MPI_T_ERR_NOT_INITIALIZED",
        "tool interface not initialized",
    ),
    (
        1004,
        "MPI_T_ERR_NOT_SUPPORTED",
        "unsupported by the tool interface",
    ),
    (1005, "MPI_T_ERR_MEMORY", "tool interface out of memory"),
    (1006, "MPI_T_ERR_INVALID", "invalid argument"),
    (1007, "MPI_T_ERR_INVALID_INDEX", "invalid index"),
    (1008, "MPI_T_ERR_INVALID_ITEM", "invalid item"),
    (1009, "MPI_T_ERR_INVALID_SESSION", "invalid session"),
    (1010, "MPI_T_ERR_INVALID_HANDLE", "invalid handle"),
    (1011, "MPI_T_ERR_INVALID_NAME", "invalid name"),
    (1012, "MPI_T_ERR_OUT_OF_HANDLES", "no more handles"),
    (1013, "MPI_T_ERR_OUT_OF_SESSIONS", "no more sessions"),
    (
        1014,
        "MPI_T_ERR_CVAR_SET_NOT_NOW",
        "control variable cannot be set now",
    ),
    (
        1015,
        "MPI_T_ERR_CVAR_SET_NEVER",
        "control variable cannot be set",
    ),
    (
        1016,
        "MPI_T_ERR_PVAR_NO_WRITE",
        "performance variable cannot be written",
    ),
    (
        1017,
        "MPI_T_ERR_PVAR_NO_STARTSTOP",
        "performance variable cannot be started or stopped",
    ),
    (
        1018,
        "MPI_T_ERR_PVAR_NO_ATOMIC",
        "performance variable cannot be read and reset at once",
    ),
];

/// The name of a predefined class, `MPI_ERR_…`.
#[must_use]
pub fn name(class: i32) -> Option<&'static str> {
    predefined(class).map(|entry| entry.1)
}

fn predefined(class: i32) -> Option<&'static (i32, &'static str, &'static str)> {
    let at = CLASSES.binary_search_by_key(&class, |entry| entry.0).ok()?;
    CLASSES.get(at)
}

thread_local! {
    /// Class and detail of this thread's last error.
    static LAST: RefCell<Option<(i32, String)>> = const { RefCell::new(None) };
}

/// Keeps the detail of `error` for [`text`] on this thread.
pub fn remember(error: &Error) {
    let detail = (error.class().0, error.text().to_owned());
    LAST.with_borrow_mut(|last| *last = Some(detail));
}

/// What a program added to the codes.
#[derive(Debug)]
struct UserCodes {
    /// Code → its class; a class is its own.
    codes: BTreeMap<i32, i32>,
    texts: BTreeMap<i32, String>,
}

static USER_CODES: Local<UserCodes> = Local::new(UserCodes {
    codes: BTreeMap::new(),
    texts: BTreeMap::new(),
});

/// `MPI_LASTUSEDCODE`: the largest code in use.
#[must_use]
pub fn last_used() -> i32 {
    USER_CODES.with(|added| added.codes.keys().next_back().copied().unwrap_or(LASTCODE))
}

/// `MPI_Add_error_class` (section 9.5).
///
/// # Errors
/// Codes have run out.
pub fn add_class() -> Result<i32> {
    add(None)
}

/// `MPI_Add_error_code` (section 9.5).
///
/// # Errors
/// `class` is neither predefined nor added.
pub fn add_code(class: i32) -> Result<i32> {
    if class == 0 || self::class(class)? != class {
        fail!(
            ARG,
            "errorclass {class} is an error code of a class, not a class"
        );
    }
    add(Some(class))
}

fn add(class: Option<i32>) -> Result<i32> {
    let Some(code) = last_used().checked_add(1) else {
        fail!(OTHER, "all error codes up to {} are in use", i32::MAX);
    };
    USER_CODES.with(|added| added.codes.insert(code, class.unwrap_or(code)));
    Ok(code)
}

/// `MPI_Add_error_string` (section 9.5): a second text replaces the first.
///
/// # Errors
/// `code` was not added by this program.
pub fn add_text(code: i32, text: String) -> Result<()> {
    added(code)?;
    USER_CODES.with(|added| added.texts.insert(code, text));
    Ok(())
}

/// `MPI_Remove_error_class` (section 9.5).
///
/// # Errors
/// `class` was not added, or codes or a text of it remain.
pub fn remove_class(class: i32) -> Result<()> {
    if added(class)? != class {
        fail!(ARG, "errorclass {class} is an error code, not a class");
    }
    let other = USER_CODES.with(|added| {
        let mut of_class = added.codes.iter().filter(|entry| *entry.1 == class);
        of_class
            .find(|entry| *entry.0 != class)
            .map(|entry| *entry.0)
    });
    if let Some(code) = other {
        fail!(
            ARG,
            "errorclass {class} still has error code {code}: remove that first"
        );
    }
    remove(class, "errorclass")
}

/// `MPI_Remove_error_code` (section 9.5).
///
/// # Errors
/// `code` was not added, or it has a text.
pub fn remove_code(code: i32) -> Result<()> {
    if added(code)? == code {
        fail!(ARG, "errorcode {code} is an error class, not a code");
    }
    remove(code, "errorcode")
}

fn remove(code: i32, what: &str) -> Result<()> {
    if USER_CODES.with(|added| added.texts.contains_key(&code)) {
        fail!(
            ARG,
            "{what} {code} still has an error string: remove that first"
        );
    }
    USER_CODES.with(|added| added.codes.remove(&code));
    Ok(())
}

/// `MPI_Remove_error_string` (section 9.5).
///
/// # Errors
/// `code` has no text that was added.
pub fn remove_text(code: i32) -> Result<()> {
    added(code)?;
    if USER_CODES.with(|added| added.texts.remove(&code)).is_none() {
        fail!(ARG, "errorcode {code} has no error string");
    }
    Ok(())
}

fn added(code: i32) -> Result<i32> {
    match USER_CODES.with(|added| added.codes.get(&code).copied()) {
        Some(class) => Ok(class),
        None if predefined(code).is_some() => {
            fail!(
                ARG,
                "error code {code} is predefined, not added by this program"
            )
        }
        None => fail!(ARG, "error code {code} was not added by this program"),
    }
}

/// `MPI_Error_class` (section 9.4).
///
/// # Errors
/// `code` is no error code.
pub fn class(code: i32) -> Result<i32> {
    if predefined(code).is_some() {
        return Ok(code);
    }
    match USER_CODES.with(|added| added.codes.get(&code).copied()) {
        Some(class) => Ok(class),
        None => fail!(
            ARG,
            "errorcode {code} is neither predefined nor added by this program"
        ),
    }
}

/// `MPI_Error_string` (section 9.4): `MPI_ERR_X: what it means`, and behind
/// that the detail, if the last error of this thread was of that class. Shorter
/// than [`MAX_STRING`].
///
/// # Errors
/// `code` is no error code.
pub fn text(code: i32) -> Result<String> {
    let Some((_, name, means)) = predefined(code) else {
        class(code)?;
        let text = USER_CODES.with(|added| added.texts.get(&code).cloned());
        return Ok(text.unwrap_or_default());
    };
    let detail = LAST.with_borrow(|last| match last {
        Some((class, detail)) if *class == code => format!(": {detail}"),
        _ => String::new(),
    });
    let mut text = format!("{name}: {means}{detail}");
    truncate(&mut text, MAX_STRING - 1);
    Ok(text)
}

/// Cuts `text` to at most `len` bytes, between characters.
pub fn truncate(text: &mut String, len: usize) {
    let end = (0..=len.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at));
    text.truncate(end.unwrap_or(0));
}

/// The [`Error`] of an error code that a program hands in
/// (`MPI_Comm_call_errhandler`, generalized requests).
#[must_use]
pub fn of_code(code: i32) -> Error {
    let said = text(code).unwrap_or_else(|_| format!("error code {code}"));
    Error::new(Class(code), said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_sorted_and_named() {
        assert!(CLASSES.is_sorted_by_key(|entry| entry.0));
        assert_eq!(name(Class::TRUNCATE.0), Some("MPI_ERR_TRUNCATE"));
        assert_eq!(name(Class::ABI.0), Some("MPI_ERR_ABI"));
        assert_eq!(name(63), None);
        assert!(class(63).is_err() && class(-1).is_err());
        assert_eq!(class(0).unwrap(), 0);
    }

    #[test]
    fn detail_follows_its_class_only() {
        remember(&Error::new(Class::RANK, "dest 7 of 2"));
        assert!(text(Class::RANK.0).unwrap().ends_with(": dest 7 of 2"));
        assert_eq!(text(Class::TAG.0).unwrap(), "MPI_ERR_TAG: invalid tag");
        remember(&Error::new(Class::RANK, "é".repeat(600)));
        assert!(text(Class::RANK.0).unwrap().len() < MAX_STRING);
    }

    #[test]
    fn added_codes_come_and_go() {
        let _inside = crate::lock::inside();
        let kind = add_class().unwrap();
        assert!(kind > LASTCODE && last_used() == kind);
        let code = add_code(kind).unwrap();
        assert_eq!(class(code).unwrap(), kind);
        assert_eq!(text(code).unwrap(), "");
        add_text(code, "lost rope".to_owned()).unwrap();
        assert_eq!(text(code).unwrap(), "lost rope");
        assert!(add_code(code).is_err(), "a code is no class");
        assert!(add_text(Class::ARG.0, String::new()).is_err());
        assert!(remove_class(kind).is_err(), "its code remains");
        assert!(remove_code(code).is_err(), "its text remains");
        remove_text(code).unwrap();
        assert!(remove_text(code).is_err());
        remove_code(code).unwrap();
        remove_class(kind).unwrap();
        assert!(class(kind).is_err());
        assert_eq!(last_used(), LASTCODE);
    }
}
