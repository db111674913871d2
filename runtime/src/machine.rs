//! What is known of the machine without a topology library.

/// The name of the host (`uname -n`), which `MPI_Get_processor_name` returns.
#[must_use]
pub fn host_name() -> String {
    let mut name = std::mem::MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: uname fills the structure; it fails for a bad address only.
    let name = unsafe {
        libc::uname(name.as_mut_ptr());
        name.assume_init()
    };
    let bytes = name.nodename.iter().take_while(|c| **c != 0);
    // C's char is signed on some processors and unsigned on others.
    let bytes: Vec<u8> = bytes.flat_map(|c| c.to_ne_bytes()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}
