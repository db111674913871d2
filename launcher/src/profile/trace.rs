//! The trace: JSON of the «trace event format», which Perfetto and Chrome's own viewer read.
//! A track for each rank, a slice for each call, with the messages that it has sent and
//! received, and an arrow (a «flow event») for each message, from the call that has sent it
//! to the call in which it has met its receive.

use super::data::Data;
use crate::json::Json;
use std::collections::{HashMap, HashSet, VecDeque};
use std::io::{self, Write};
use std::path::Path;
use wireup::calls::CALL_NAMES;
use wireup::profile::{Event, RECEIVED, SENT};

/// Writes it.
///
/// # Errors
/// The file cannot be written.
pub fn write(data: &Data, out: &mut impl Write) -> io::Result<()> {
    let first = data
        .known()
        .map(|(_, profile)| profile.began)
        .min()
        .unwrap_or(0);
    let time = |ns: u64| {
        #[allow(
            clippy::cast_precision_loss,
            reason = "microseconds, as the format counts"
        )]
        let us = ns.saturating_sub(first) as f64 / 1e3;
        Json::Real(us)
    };
    write!(out, "{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[")?;
    let name = Json::Object(vec![("name", Json::from(data.programs.as_str()))]);
    write!(
        out,
        "{}",
        Json::Object(vec![
            ("ph", "M".into()),
            ("name", "process_name".into()),
            ("pid", Json::Number(0)),
            ("args", name),
        ])
    )?;
    for (rank, profile) in data.known() {
        let name = Json::Object(vec![("name", Json::Text(format!("rank {rank}")))]);
        let track = Json::Object(vec![
            ("ph", "M".into()),
            ("name", "thread_name".into()),
            ("pid", Json::Number(0)),
            ("tid", rank.into()),
            ("args", name),
        ]);
        write!(out, ",\n{track}")?;
        let messages: Vec<&Event> = profile
            .events
            .iter()
            .filter(|event| event.kind != 0)
            .collect();
        for call in profile.events.iter().filter(|event| event.kind == 0) {
            let index = (call.call as usize).checked_sub(1);
            let name = index.and_then(|index| CALL_NAMES.get(index)).copied();
            let from = messages.partition_point(|message| message.begin < call.begin);
            let own = messages[from..]
                .iter()
                .take_while(|message| message.begin <= call.end);
            let slice = Json::Object(vec![
                ("ph", "X".into()),
                ("name", name.unwrap_or("?").into()),
                ("cat", "mpi".into()),
                ("pid", Json::Number(0)),
                ("tid", rank.into()),
                ("ts", time(call.begin)),
                ("dur", time(first + call.end.saturating_sub(call.begin))),
                ("args", args(own.take(8).copied())),
            ]);
            write!(out, ",\n{slice}")?;
        }
    }
    for (id, arrow) in (1u32..).zip(arrows(data)) {
        let end = |phase: &'static str, rank: u32, ns: u64| {
            let mut fields: Vec<(&'static str, Json)> = vec![
                ("ph", phase.into()),
                ("name", "message".into()),
                ("cat", "message".into()),
                ("id", id.into()),
                ("pid", Json::Number(0)),
                ("tid", rank.into()),
                ("ts", time(ns)),
            ];
            if phase == "f" {
                fields.push(("bp", "e".into())); // bound to the slice around it
            }
            Json::Object(fields)
        };
        let begin = end("s", arrow.from, arrow.sent);
        write!(out, ",\n{begin},\n{}", end("f", arrow.to, arrow.received))?;
    }
    let dropped: u64 = data.known().map(|(_, profile)| profile.dropped).sum();
    writeln!(
        out,
        "\n],\"otherData\":{}}}",
        Json::Object(vec![("dropped", dropped.into())])
    )
}

/// What a call did with messages.
fn args<'a>(messages: impl Iterator<Item = &'a Event>) -> Json {
    let messages: Vec<&Event> = messages.collect();
    let told = |kind: u32, peer: &'static str| -> Vec<Json> {
        let those = messages.iter().filter(|message| message.kind == kind);
        let those = those.map(|message| {
            Json::Object(vec![
                (peer, message.peer.into()),
                ("tag", message.tag.into()),
                ("bytes", message.bytes.into()),
            ])
        });
        those.collect()
    };
    let both = [
        ("sent", told(SENT, "to")),
        ("received", told(RECEIVED, "from")),
    ];
    let both = both.into_iter().filter(|(_, list)| !list.is_empty());
    Json::Object(both.map(|(name, list)| (name, Json::List(list))).collect())
}

/// A message, from one rank to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Arrow {
    from: u32,
    to: u32,
    /// When it was sent, and when it met its receive: nanoseconds of `CLOCK_MONOTONIC`.
    sent: u64,
    received: u64,
}

/// The messages of which both ends are known. Messages of the same envelope do not overtake
/// each other (MPI 5.0, section 3.5), so that they pair off in order; the lengths must agree,
/// since a cancelled one is never received. Ranks that had to drop entries are left out:
/// their order is not known from the beginning.
fn arrows(data: &Data) -> Vec<Arrow> {
    let whole: HashSet<u32> = data
        .known()
        .filter(|(_, profile)| profile.dropped == 0)
        .map(|(rank, _)| rank)
        .collect();
    // By the ranks of both ends, context and tag.
    let mut sent: HashMap<(u32, u32, u32, i32), VecDeque<Event>> = HashMap::new();
    let events = |kind: u32| {
        let ranks = data.known().filter(|(rank, _)| whole.contains(rank));
        ranks.flat_map(move |(rank, profile)| {
            let events = profile
                .events
                .iter()
                .filter(move |event| event.kind == kind);
            events.map(move |event| (rank, *event))
        })
    };
    for (from, event) in events(SENT) {
        let to = event.peer.cast_unsigned();
        let key = (from, to, event.context, event.tag);
        sent.entry(key).or_default().push_back(event);
    }
    let mut arrows = Vec::new();
    for (to, event) in events(RECEIVED) {
        let from = event.peer.cast_unsigned();
        let Some(queue) = sent.get_mut(&(from, to, event.context, event.tag)) else {
            continue;
        };
        let is_it = |message: &Event| message.bytes == event.bytes;
        if let Some(at) = queue.iter().position(is_it) {
            let message = queue[at];
            queue.drain(..=at);
            arrows.push(Arrow {
                from,
                to,
                sent: message.begin,
                received: event.begin.max(message.begin), // clocks are not exact
            });
        }
    }
    arrows
}

/// What mpirun says of it.
pub fn summary(data: &Data, path: &Path) -> String {
    let kept: usize = data.known().map(|(_, profile)| profile.events.len()).sum();
    let dropped: u64 = data.known().map(|(_, profile)| profile.dropped).sum();
    let lost = match dropped {
        0 => String::new(),
        n => format!(
            "; the {n} oldest were dropped for want of room, and messages of these ranks have no arrows: --set trace_events=N keeps N for each rank"
        ),
    };
    format!(
        "the trace is {} ({kept} events; open it at ui.perfetto.dev or in chrome://tracing){lost}",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use wireup::profile::Profile;

    fn message(kind: u32, begin: u64, peer: i32, (tag, bytes): (i32, u64)) -> Event {
        Event {
            begin,
            end: begin,
            call: 0,
            kind,
            peer,
            tag,
            bytes,
            context: 0,
        }
    }

    fn data(events: [Vec<Event>; 2], dropped: u64) -> Data {
        let ranks = events.map(|events| {
            Some(Profile {
                events,
                dropped,
                ..Profile::default()
            })
        });
        Data {
            ranks: ranks.into(),
            ..Data::default()
        }
    }

    #[test]
    fn messages_of_one_envelope_pair_off_in_order() {
        let sent = vec![
            message(SENT, 10, 1, (7, 8)),
            message(SENT, 20, 1, (9, 4)),
            message(SENT, 30, 1, (7, 16)), // cancelled
            message(SENT, 40, 1, (7, 8)),
        ];
        let received = vec![
            message(RECEIVED, 50, 0, (9, 4)),
            message(RECEIVED, 60, 0, (7, 8)),
            message(RECEIVED, 39, 0, (7, 8)),
            message(RECEIVED, 80, 0, (7, 8)), // of which nothing is known
        ];
        let events = [sent, received];
        let found = arrows(&data(events.clone(), 0));
        let times: Vec<_> = found.iter().map(|one| (one.sent, one.received)).collect();
        assert_eq!(times, [(20, 50), (10, 60), (40, 40)]);
        assert!(found.iter().all(|one| (one.from, one.to) == (0, 1)));
        assert_eq!(arrows(&data(events, 1)), []);
    }
}
