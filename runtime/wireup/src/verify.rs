//! Checks that a file is a complete job segment, before anything in it is used. Pure.

use crate::layout::{MAGIC, RECORDS};
use crate::segment::{Constants, arena_limit, arena_start};

/// What a segment's head and the size of its file claim.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claims {
    pub magic: u64,
    pub constants: Constants,
    pub arena_next: u64,
    pub arena_end: u64,
    /// Bytes of the file.
    pub len: u64,
}

/// Checks the claims against each other.
///
/// # Errors
/// A sentence about the first claim that cannot be true.
pub(crate) fn verify(claims: &Claims) -> Result<(), String> {
    let (magic, constants) = (claims.magic, claims.constants);
    let ranks = constants.ranks;
    let own = |mark: u64| mark.to_le_bytes()[..7] == MAGIC.to_le_bytes()[..7];
    if magic != MAGIC && own(magic) {
        return Err(format!(
            "the job segment has mark {magic:#018x} where this library writes {MAGIC:#018x}: \
             mpirun and the MPI library are of different versions"
        ));
    }
    if magic != MAGIC {
        return Err(format!(
            "the descriptor of the job segment leads to something else: it begins with \
             {magic:#018x}, and a segment with {MAGIC:#018x}"
        ));
    }
    let damaged = |what: &str, value: u64, wanted: String| {
        Err(format!(
            "the job segment is damaged: its {what} is {value}, which should be {wanted}"
        ))
    };
    if ranks == 0 {
        return damaged("number of ranks", 0, "at least 1".to_owned());
    }
    if constants.processors == 0 {
        return damaged("number of processors", 0, "at least 1".to_owned());
    }
    let start = arena_start(ranks);
    if constants.arena_start != start {
        let wanted = format!("{start} for {ranks} ranks");
        return damaged("arena's beginning", constants.arena_start, wanted);
    }
    let (next, end, limit) = (claims.arena_next, claims.arena_end, constants.arena_limit);
    let most = arena_limit(ranks, start);
    if !limit.is_multiple_of(RECORDS) || !(start..=most).contains(&limit) {
        let wanted = format!("whole pages, {start} to {most}");
        return damaged("limit", limit, wanted);
    }
    if !end.is_multiple_of(RECORDS) || end < start || end > limit.min(claims.len) {
        let wanted = format!("whole pages, {start} to {}", limit.min(claims.len));
        return damaged("end", end, wanted);
    }
    if !(start..=end).contains(&next) {
        return damaged("first free byte", next, format!("{start} to {end}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Claims {
        let start = arena_start(3);
        Claims {
            magic: MAGIC,
            constants: Constants {
                ranks: 3,
                processors: 2,
                arena_start: start,
                arena_limit: arena_limit(3, start),
                job: 7,
            },
            arena_next: start + 256,
            arena_end: start + 8192,
            len: start + 8192,
        }
    }

    type Change<'a> = &'a dyn Fn(&mut Claims);

    #[test]
    fn a_good_segment_is_accepted() {
        assert_eq!(verify(&good()), Ok(()));
        let mut limited = good();
        limited.constants.arena_limit = limited.arena_end;
        assert_eq!(verify(&limited), Ok(()), "ulimit -v");
    }

    #[test]
    fn whatever_is_wrong_is_named() {
        let start = good().constants.arena_start;
        let changed: [(&str, Change); 16] = [
            ("versions", &|c| {
                c.magic = u64::from_le_bytes(*b"lariat\0\x01")
            }),
            ("something else", &|c| c.magic = 0),
            ("ranks", &|c| c.constants.ranks = 0),
            ("beginning", &|c| c.constants.ranks = 40),
            ("beginning", &|c| c.constants.ranks = u32::MAX),
            ("beginning", &|c| c.constants.arena_start = 0),
            ("processors", &|c| c.constants.processors = 0),
            ("limit", &|c| c.constants.arena_limit = u64::MAX),
            ("limit", &|c| c.constants.arena_limit = 4096),
            ("limit", &|c| c.constants.arena_limit += 1),
            ("end", &|c| c.arena_end = u64::MAX),
            ("end", &|c| c.arena_end += 4096),
            ("end", &|c| c.arena_end = 0),
            ("end", &|c| c.len = 4096),
            ("free", &|c| c.arena_next = 0),
            ("free", &|c| c.arena_next = u64::MAX),
        ];
        for (word, change) in changed {
            let mut claims = good();
            change(&mut claims);
            let said = verify(&claims).unwrap_err();
            assert!(said.contains(word), "{word}: {said} (arena at {start})");
        }
    }
}
