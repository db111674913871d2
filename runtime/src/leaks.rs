//! What a rank leaves behind at `MPI_Finalize` (`LARIAT_CHECK=1`): requests that were never
//! completed, objects that were never freed, messages that were never received. Told in one
//! line on stderr.

use crate::object::{comm, datatype, errhandler, file, group, info, op, win};
use crate::pml;
use crate::request::{self, message};
use crate::warning::{self, Topic};

/// Requests or messages that are described one by one.
const SHOWN: usize = 4;

/// What a rank has left so far.
#[derive(Debug)]
pub struct Leaks(Vec<String>);

/// So many things of a kind, unless there are none.
fn count(number: usize, one: &str, many: &str) -> Option<String> {
    match number {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{number} {many}")),
    }
}

/// Things that are described by a noun and by what follows it, equal ones together; those
/// that are too many in a number.
fn described(all: Vec<(String, String)>, many: &str) -> Vec<String> {
    let mut groups: Vec<((String, String), usize)> = Vec::new();
    for one in all {
        match groups.iter_mut().find(|group| group.0 == one) {
            Some(group) => group.1 += 1,
            None => groups.push((one, 1)),
        }
    }
    let rest: usize = groups.iter().skip(SHOWN).map(|group| group.1).sum();
    let shown = groups.iter().take(SHOWN);
    let mut texts: Vec<String> = shown
        .map(|((noun, what), n)| format!("{n} {noun}{}{what}", if *n == 1 { "" } else { "s" }))
        .collect();
    if rest > 0 {
        texts.push(format!("{rest} {many} more"));
    }
    texts
}

/// What the program has a handle of, when it has come to `MPI_Finalize`. `has_parent`: one
/// communicator is that of the job that has spawned this one.
#[must_use]
pub fn find(has_parent: bool) -> Leaks {
    let comms = comm::count() - usize::from(has_parent);
    let mut found = described(request::left(), "requests");
    let names = comm::names(SHOWN);
    let names = match names.is_empty() {
        true => String::new(),
        false if names.len() == comms => format!(" ({})", names.join(", ")),
        false => format!(" ({} among them)", names.join(", ")),
    };
    found.extend(
        [
            count(
                message::count(),
                "matched message never received",
                "matched messages never received",
            ),
            count(comms, "communicator", "communicators").map(|text| text + &names),
            count(win::count(), "window", "windows"),
            count(file::count(), "open file", "open files"),
            count(datatype::count(), "datatype", "datatypes"),
            count(group::count(), "group", "groups"),
            count(op::count(), "operation", "operations"),
            count(info::count(), "info object", "info objects"),
            count(errhandler::count(), "error handler", "error handlers"),
        ]
        .into_iter()
        .flatten(),
    );
    Leaks(found)
}

impl Leaks {
    /// Tells it, when all ranks have come to `MPI_Finalize`, so that all that was sent has
    /// arrived.
    pub fn tell(mut self, rank: u32) {
        let messages = pml::unreceived();
        let texts = messages.into_iter().map(|(source, tag, place)| {
            let what = format!(" from rank {source} tag {tag} on {place} never received");
            ("message".to_owned(), what)
        });
        self.0.extend(described(texts.collect(), "messages"));
        if !self.0.is_empty() {
            let text = format!("at MPI_Finalize rank {rank} left: {}", self.0.join("; "));
            warning::say(Topic::Left, &text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ones_are_counted() {
        let all = ["a", "b", "a", "c", "d", "e", "f"];
        let all = all.map(|noun| (noun.to_owned(), " on x".to_owned()));
        assert_eq!(
            described(all.to_vec(), "requests"),
            [
                "2 as on x",
                "1 b on x",
                "1 c on x",
                "1 d on x",
                "2 requests more"
            ]
        );
        assert_eq!(count(0, "x", "xs"), None);
        assert_eq!(count(2, "x", "xs").as_deref(), Some("2 xs"));
    }
}
