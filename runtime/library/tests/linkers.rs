//! The library comes out the same whichever linker makes it. rustc's own default
//! is LLD on some machines and what `cc` calls on others.
//!
//! A file, and so a process, of its own: it makes the library anew in the folder
//! where the other tests look for it.

#[path = "../../tests/common/mod.rs"]
mod common;

use std::process::Command;

#[test]
fn gnu_ld_exports_every_name_too() {
    if Command::new("ld.bfd").arg("--version").output().is_err() {
        eprintln!("skipped: no ld.bfd here");
        return;
    }
    let library = common::link(&["-Clink-arg=-fuse-ld=bfd"]);
    let copy = common::scratch("gnu_ld").join("libmpi_abi.so");
    std::fs::copy(&library, &copy).expect("the library was made");
    common::resolves_at_one_address(&copy);
    let made_by = common::run(Command::new("readelf").args(["-p", ".comment"]).arg(&copy));
    assert!(
        !made_by.contains("LLD"),
        "the flag was not heeded: {made_by}"
    );
    let dynamic = common::run(Command::new("readelf").arg("-d").arg(&copy));
    assert!(dynamic.contains("[libmpi_abi.so.1]"), "{dynamic}");
}
