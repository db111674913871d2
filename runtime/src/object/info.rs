//! Info objects (MPI 5.0, chapter 10): ordered lists of keys with values.
//!
//! Keys and values are C strings, kept byte for byte. They may be used before
//! `MPI_Init` and after `MPI_Finalize`.

use crate::error::Result;
use crate::fail;
use crate::handle::{Kind, Raw, Table};
use crate::lock::Local;
use crate::object::group;
use std::ffi::{CStr, CString};
use wireup::handover::Handover;

/// `MPI_INFO_NULL`.
pub const NULL: Raw = 0x130;
/// `MPI_INFO_ENV`.
pub const ENV: Raw = 0x131;
/// `MPI_MAX_INFO_KEY`: bytes of a key, its closing NUL included.
pub const MAX_KEY: usize = 256;
/// `MPI_MAX_INFO_VAL`: bytes of a value, its closing NUL included.
pub const MAX_VALUE: usize = 1024;

/// Keys with values, in the order in which the keys were first set.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Info {
    entries: Vec<(CString, CString)>,
}

impl Info {
    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &CStr) -> Option<&CStr> {
        let entry = self.entries.iter().find(|entry| *entry.0 == *key);
        entry.map(|entry| entry.1.as_c_str())
    }

    /// The value of `key`, where it is text.
    #[must_use]
    pub fn text(&self, key: &CStr) -> Option<&str> {
        self.get(key)?.to_str().ok()
    }

    /// Sets `key`, which keeps its place if it was there.
    pub fn set(&mut self, key: &CStr, value: &CStr) {
        match self.entries.iter_mut().find(|entry| *entry.0 == *key) {
            Some(entry) => entry.1 = value.to_owned(),
            None => self.entries.push((key.to_owned(), value.to_owned())),
        }
    }

    /// Removes `key`; whether it was there.
    pub fn delete(&mut self, key: &CStr) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| *entry.0 != *key);
        self.entries.len() < before
    }

    /// The number of keys.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The key with number `n`, from 0.
    #[must_use]
    pub fn key(&self, n: usize) -> Option<&CStr> {
        self.entries.get(n).map(|entry| entry.0.as_c_str())
    }

    /// Every key with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&CStr, &CStr)> {
        let entries = self.entries.iter();
        entries.map(|entry| (entry.0.as_c_str(), entry.1.as_c_str()))
    }
}

static TABLE: Local<Table<Info>> = Local::new(Table::new(Kind::Info));
static ENVIRONMENT: Local<Option<Info>> = Local::new(None);

/// Names an info object.
///
/// # Errors
/// No more handles.
pub fn insert(info: Info) -> Result<Raw> {
    TABLE.with(|table| table.insert(info))
}

/// Runs `f` on what `raw` names, `MPI_INFO_ENV` included.
///
/// # Errors
/// `raw` is null, stale, or no info object.
pub fn with<R>(raw: Raw, f: impl FnOnce(&Info) -> R) -> Result<R> {
    if raw == ENV {
        let made = ENVIRONMENT.with(|env| env.is_some());
        if !made {
            let arguments: Vec<CString> = std::env::args_os().filter_map(c_string).collect();
            let info = environment(&arguments);
            ENVIRONMENT.with(|env| *env = Some(info));
        }
        return Ok(ENVIRONMENT.with(|env| f(env.get_or_insert_default())));
    }
    match TABLE.with(|table| table.find(raw).map(f)) {
        Some(result) => Ok(result),
        None => unknown(raw),
    }
}

/// The contents of `raw`; nothing for `MPI_INFO_NULL`, for calls that take that.
///
/// # Errors
/// `raw` is stale or no info object.
pub fn hints(raw: Raw) -> Result<Info> {
    if raw == NULL {
        return Ok(Info::default());
    }
    with(raw, Info::clone)
}

#[cold]
fn unknown<R>(raw: Raw) -> Result<R> {
    match raw {
        NULL => fail!(INFO, "info is MPI_INFO_NULL"),
        _ => fail!(
            INFO,
            "info {raw:#x} is not a handle of an info object, or was freed"
        ),
    }
}

fn change<R>(raw: Raw, f: impl FnOnce(&mut Info) -> R) -> Result<R> {
    if raw == ENV {
        fail!(
            INFO,
            "info is MPI_INFO_ENV, which cannot be changed or freed"
        );
    }
    match TABLE.with(|table| table.find_mut(raw).map(f)) {
        Some(result) => Ok(result),
        None => unknown(raw),
    }
}

/// `MPI_Info_set`.
///
/// # Errors
/// `raw` cannot be changed, the key is empty or too long, the value too long.
pub fn set(raw: Raw, key: &CStr, value: &CStr) -> Result<()> {
    check_key(key)?;
    let len = value.to_bytes().len();
    if len >= MAX_VALUE {
        fail!(
            INFO_VALUE,
            "the value of key {key:?} is {len} bytes long, the limit is {}",
            MAX_VALUE - 1
        );
    }
    change(raw, |info| info.set(key, value))
}

/// `MPI_Info_get_nthkey`.
///
/// # Errors
/// `raw` is no info object, or has no key with this number.
pub fn nth_key(raw: Raw, n: i32) -> Result<CString> {
    let at = usize::try_from(n).unwrap_or(usize::MAX);
    let look = |info: &Info| (info.key(at).map(CStr::to_owned), info.len());
    match with(raw, look)? {
        (Some(key), _) => Ok(key),
        (None, len) => fail!(
            ARG,
            "n is {n}, but the info object has {len} keys, numbered from 0"
        ),
    }
}

/// `MPI_Info_delete`.
///
/// # Errors
/// `raw` cannot be changed, or has no such key.
pub fn delete(raw: Raw, key: &CStr) -> Result<()> {
    check_key(key)?;
    if !change(raw, |info| info.delete(key))? {
        fail!(INFO_NOKEY, "key {key:?} is not set in this info object");
    }
    Ok(())
}

/// `MPI_Info_free`.
///
/// # Errors
/// `raw` is null, stale, no info object, or `MPI_INFO_ENV`.
pub fn free(raw: Raw) -> Result<()> {
    change(raw, |_| ())?;
    TABLE.with(|table| table.remove(raw));
    Ok(())
}

/// Whether `key` has a length that the standard allows.
///
/// # Errors
/// It is empty, or longer than `MPI_MAX_INFO_KEY - 1`.
pub fn check_key(key: &CStr) -> Result<()> {
    match key.to_bytes().len() {
        0 => fail!(INFO_KEY, "key is empty"),
        len if len >= MAX_KEY => fail!(
            INFO_KEY,
            "key is {len} bytes long, the limit is {}",
            MAX_KEY - 1
        ),
        _ => Ok(()),
    }
}

/// The whole handle that the low 32 bits of one name.
#[must_use]
pub fn from_low(low: u32) -> Option<Raw> {
    TABLE.with(|table| table.from_low(low))
}

fn c_string(text: std::ffi::OsString) -> Option<CString> {
    CString::new(text.into_encoded_bytes()).ok()
}

/// Notes in the info of a session, communicator, window or file which kinds of memory may be
/// used with it (MPI 5.0, section 12.4.3), whatever was asked for: memory of the system's and
/// of MPI's own.
pub fn tell_memory_kinds(info: &mut Info) {
    info.set(c"mpi_memory_alloc_kinds", c"mpi,system");
}

/// What `MPI_INFO_ENV` and `MPI_Info_create_env` say of how this process was
/// started (MPI 5.0, section 11.2.1).
#[must_use]
pub fn environment(arguments: &[CString]) -> Info {
    let mut info = Info::default();
    let mut put = |key: &CStr, mut value: Vec<u8>| {
        value.truncate(MAX_VALUE - 1);
        if let Ok(value) = CString::new(value) {
            info.set(key, &value);
        }
    };
    if let Some((command, rest)) = arguments.split_first() {
        put(c"command", command.to_bytes().to_vec());
        let rest: Vec<&[u8]> = rest.iter().map(|arg| arg.to_bytes()).collect();
        put(c"argv", rest.join(&b' '));
    }
    if let Some(kinds) = wireup::env::get(wireup::env::MEMORY_ALLOC_KINDS) {
        put(c"mpi_memory_alloc_kinds", kinds.into_bytes());
    }
    put(c"maxprocs", ranks().to_string().into_bytes());
    if let Ok(host) = std::fs::read_to_string("/proc/sys/kernel/hostname") {
        put(c"host", host.trim().as_bytes().to_vec());
    }
    put(c"arch", std::env::consts::ARCH.as_bytes().to_vec());
    if let Ok(wdir) = std::env::current_dir() {
        put(c"wdir", wdir.into_os_string().into_encoded_bytes());
    }
    info
}

/// Ranks of the job, also before it is joined.
fn ranks() -> u32 {
    let told = || Handover::read(wireup::env::get).ok().flatten();
    match group::here() {
        Some((_, size)) => size,
        None => told().map_or(1, |handover| handover.size),
    }
}

/// How many there are that the program has a handle of.
#[must_use]
pub fn count() -> usize {
    TABLE.with(|table| table.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;
    use crate::lock;

    #[test]
    fn keys_keep_their_order_and_places() {
        let mut info = Info::default();
        for key in [c"wind", c"sail", c"rope"] {
            info.set(key, c"1");
        }
        info.set(c"wind", c"2");
        assert!(info.delete(c"sail") && !info.delete(c"sail"));
        info.set(c"sail", c"3");
        let keys: Vec<_> = (0..info.len()).filter_map(|n| info.key(n)).collect();
        assert_eq!(keys, [c"wind", c"rope", c"sail"]);
        assert_eq!(info.get(c"wind"), Some(c"2"));
        assert_eq!(info.get(c"Wind"), None, "keys are case sensitive");
        assert_eq!(info.key(3), None);
    }

    #[test]
    fn limits_and_handles_are_checked() {
        let _inside = lock::inside();
        let raw = insert(Info::default()).unwrap();
        let long = CString::new("k".repeat(MAX_KEY)).unwrap();
        let just = CString::new("k".repeat(MAX_KEY - 1)).unwrap();
        let value = CString::new("v".repeat(MAX_VALUE)).unwrap();
        let class = |result: Result<()>| result.unwrap_err().class();
        assert_eq!(class(set(raw, &long, c"")), Class::INFO_KEY);
        assert_eq!(class(set(raw, c"", c"")), Class::INFO_KEY);
        assert_eq!(class(set(raw, c"k", &value)), Class::INFO_VALUE);
        set(raw, &just, c"").unwrap();
        assert_eq!(class(delete(raw, c"other")), Class::INFO_NOKEY);
        assert_eq!(class(set(NULL, c"k", c"v")), Class::INFO);
        assert_eq!(class(set(ENV, c"k", c"v")), Class::INFO);
        free(raw).unwrap();
        assert_eq!(class(free(raw)), Class::INFO);
        assert_eq!(class(free(NULL)), Class::INFO);
        assert_eq!(hints(NULL).unwrap().len(), 0);
    }

    #[test]
    fn the_environment_names_the_command() {
        let info = environment(&[c"prog".into(), c"-a".into(), c"b".into()]);
        assert_eq!(info.get(c"command"), Some(c"prog"));
        assert_eq!(info.get(c"argv"), Some(c"-a b"));
        assert!(info.get(c"wdir").is_some());
    }
}
