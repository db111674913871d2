//! Of which job on several hosts a node's mpirun runs a part, as those see it who look at it
//! from outside: in its environment.

/// The variable by which it is known from outside of which job a node's mpirun runs a part.
pub const OF_JOB: &str = "LARIAT_NODE_OF";

/// The value of [`OF_JOB`]: the process id of the mpirun that the user has started, and what its
/// host calls itself.
pub fn write_origin((host, pid): &(String, u32)) -> String {
    format!("{pid}@{host}")
}

/// Takes it apart again.
pub fn read_origin(text: &str) -> Option<(String, i32)> {
    let (pid, host) = text.split_once('@')?;
    Some((host.to_owned(), pid.parse().ok()?))
}
