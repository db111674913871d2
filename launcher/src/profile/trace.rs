//! The trace: JSON of the «trace event format», which Perfetto and Chrome's own viewer read.
//! A track for each rank, and a slice for each call, with the messages that it has sent.

use super::data::Data;
use crate::json::Json;
use std::io::{self, Write};
use std::path::Path;
use wireup::calls::CALL_NAMES;
use wireup::profile::Event;

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
    let dropped: u64 = data.known().map(|(_, profile)| profile.dropped).sum();
    writeln!(
        out,
        "\n],\"otherData\":{}}}",
        Json::Object(vec![("dropped", dropped.into())])
    )
}

/// What a call did with messages.
fn args<'a>(messages: impl Iterator<Item = &'a Event>) -> Json {
    let told = messages.map(|message| {
        Json::Object(vec![
            ("to", message.peer.into()),
            ("tag", message.tag.into()),
            ("bytes", message.bytes.into()),
        ])
    });
    let told: Vec<Json> = told.collect();
    match told.is_empty() {
        true => Json::Object(Vec::new()),
        false => Json::Object(vec![("sent", Json::List(told))]),
    }
}

/// What mpirun says of it.
pub fn summary(data: &Data, path: &Path) -> String {
    let kept: usize = data.known().map(|(_, profile)| profile.events.len()).sum();
    let dropped: u64 = data.known().map(|(_, profile)| profile.dropped).sum();
    let lost = match dropped {
        0 => String::new(),
        n => format!(
            "; the {n} oldest were dropped for want of room: --set trace_events=N keeps N for each rank"
        ),
    };
    format!(
        "the trace is {} ({kept} events; open it at ui.perfetto.dev or in chrome://tracing){lost}",
        path.display()
    )
}
