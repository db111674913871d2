//! What is told of a job, as JSON. Pure, but for lines of the source, which are looked up.

use crate::explain::{self, Known};
use crate::json::Json;
use crate::phrase;
use crate::reap::ExitStatus;
use crate::say::{self, rank_in_job};
use crate::snapshot::{Abort, RankSnapshot, Wait};
use crate::source;
use crate::unreceived;
use crate::verdict::{self, RankEnd};
use crate::watch::Findings;
use std::time::Duration;
use wireup::collective;
use wireup::layout::{AbortKind, State, WaitKind};
use wireup::waits::Need;

/// Seconds, to a millisecond.
pub fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e3).round() / 1e3
}

/// The process of a rank, and how it ended.
pub fn end(pid: i32, status: ExitStatus) -> Vec<(&'static str, Json)> {
    let (code, signal, core) = match status {
        ExitStatus::Exit(code) => (Some(code), None, false),
        ExitStatus::Signal(signal, core) => (None, Some(verdict::signal_name(signal)), core),
    };
    vec![
        ("pid", pid.into()),
        ("exit_code", code.into()),
        ("signal", signal.into()),
        ("core_dumped", core.into()),
    ]
}

fn state(state: Option<State>) -> Json {
    let name = state.map(|state| match state {
        State::Fresh => "not in MPI_Init yet",
        State::Claimed => "in MPI_Init",
        State::Running => "running",
        State::Finalizing => "in MPI_Finalize",
        State::Finalized => "finalized",
        State::Gone => "ended",
    });
    name.into()
}

/// The host that a rank runs on, in a job on several.
fn host(snapshot: &RankSnapshot) -> Json {
    match &snapshot.node {
        Some(node) => (&*node.host).into(),
        None => say::host().into(),
    }
}

/// A rank at the end of the job.
pub fn rank(snapshot: &RankSnapshot, program: Option<&str>, end: Json) -> Json {
    Json::Object(vec![
        ("rank", rank_in_job(snapshot.rank).into()),
        ("host", host(snapshot)),
        ("program", program.into()),
        ("called_mpi", (snapshot.state != Some(State::Fresh)).into()),
        ("last_call", snapshot.call.or(snapshot.last_call).into()),
        ("end", end),
    ])
}

fn frames(frames: &[(String, u64)]) -> Json {
    let all = source::frames(frames).into_iter();
    let all = all.map(|frame| {
        Json::Object(vec![
            ("function", frame.function.into()),
            ("file", frame.file.into()),
            ("line", frame.line.into()),
        ])
    });
    Json::List(all.collect())
}

/// Ranks that wait for this one, and in what.
fn waiters(snapshots: &[RankSnapshot], rank: u32) -> Json {
    let all = explain::waits_for(snapshots, rank).map(|(snapshot, wait)| {
        Json::Object(vec![
            ("rank", rank_in_job(snapshot.rank).into()),
            ("call", wait.call.into()),
            ("on", phrase::place(&wait.shown).into()),
        ])
    });
    Json::List(all.collect())
}

/// A rank that has failed.
pub fn failure(end: &RankEnd, snapshots: &[RankSnapshot], text: &str, seconds: Json) -> Json {
    let snapshot = &end.snapshot;
    let death = end.death.as_ref();
    let kind = match end.status {
        ExitStatus::Signal(..) => "signal",
        ExitStatus::Exit(_) => "exit",
    };
    let address = death.and_then(|death| death.address);
    let mut fields = vec![
        ("kind", kind.into()),
        ("rank", rank_in_job(snapshot.rank).into()),
    ];
    fields.extend(self::end(end.pid, end.status));
    fields.extend([
        ("address", address.into()),
        ("call", snapshot.call.into()),
        ("last_call", snapshot.last_call.into()),
        ("error_class", Json::Null),
        (
            "frames",
            frames(death.map_or(&[], |death| death.frames.as_slice())),
        ),
        ("waiters", waiters(snapshots, snapshot.rank)),
        ("seconds", seconds),
        ("text", text.into()),
    ]);
    Json::Object(fields)
}

/// A rank that has ended the job.
pub fn abort(
    abort: &Abort,
    snapshots: &[RankSnapshot],
    noted: &[(String, u64)],
    (text, seconds): (&str, Json),
) -> Json {
    let snapshot = snapshots.get(abort.rank as usize);
    let kind = match abort.kind {
        AbortKind::Mismatch => "mismatch",
        AbortKind::Error => "error",
        AbortKind::Abort => "abort",
    };
    Json::Object(vec![
        ("kind", kind.into()),
        ("rank", rank_in_job(abort.rank).into()),
        ("pid", abort.pid.into()),
        ("exit_code", abort.code.into()),
        ("signal", Json::Null),
        ("core_dumped", false.into()),
        ("address", Json::Null),
        ("call", snapshot.and_then(|snapshot| snapshot.call).into()),
        (
            "last_call",
            snapshot.and_then(|snapshot| snapshot.last_call).into(),
        ),
        ("error_class", abort.class.as_deref().into()),
        ("frames", frames(noted)),
        ("waiters", waiters(snapshots, abort.rank)),
        ("seconds", seconds),
        ("text", text.into()),
    ])
}

fn kind(wait: &Wait) -> &'static str {
    match wait.shown.kind {
        WaitKind::Other => "other",
        WaitKind::Receive => "receive",
        WaitKind::Send => "send",
        WaitKind::Collective => "collective",
        WaitKind::Leaving => "finalize",
        WaitKind::Fence => "fence",
        WaitKind::LockExclusive => "exclusive lock",
        WaitKind::LockShared => "shared lock",
    }
}

/// What a thread of a rank waits for.
fn wait(wait: &Wait, line: Option<String>) -> Json {
    let shown = &wait.shown;
    let need = match shown.need {
        Need::Anybody => "any",
        Need::AllOf => "all",
        Need::OneOf => "one",
        Need::Outside => "outside",
    };
    let ranks = shown.peers.iter().filter(|peer| **peer >= 0).copied();
    let is_message = matches!(shown.kind, WaitKind::Receive | WaitKind::Send);
    let tag = (is_message && shown.tag != -2).then_some(shown.tag);
    let peer = (is_message && shown.peer_rank != -2).then_some(shown.peer_rank);
    let elements = u64::from(shown.element);
    let has_count = !shown.datatype.is_empty() && elements > 0;
    let count = shown.bytes.filter(|_| has_count);
    let datatype = has_count.then_some(shown.datatype.as_str());
    let collective = phrase::collective(shown).filter(|_| shown.kind == WaitKind::Collective);
    let collective = collective.map_or(Json::Null, |(name, number)| {
        Json::Object(vec![("call", name.into()), ("number", number.into())])
    });
    let (open, total) = shown.open;
    let requests = match total {
        0 => Json::Null,
        _ => Json::Object(vec![("open", open.into()), ("of", total.into())]),
    };
    Json::Object(vec![
        ("call", wait.call.into()),
        ("kind", kind(wait).into()),
        ("on", phrase::place(shown).into()),
        ("needs", need.into()),
        ("for_ranks", Json::list(ranks)),
        ("own_rank", (shown.rank >= 0).then_some(shown.rank).into()),
        ("peer", peer.into()),
        ("tag", tag.into()),
        ("count", count.map(|bytes| bytes / elements.max(1)).into()),
        ("datatype", datatype.into()),
        ("bytes", shown.bytes.into()),
        ("collective", collective),
        ("requests", requests),
        ("seconds", Json::Real(rounded(wait.time))),
        ("at", line.into()),
    ])
}

/// A report of what all ranks do.
pub fn report(
    first: [(&'static str, Json); 2],
    snapshots: &[RankSnapshot],
    findings: &Findings,
    known: &Known,
    text: &str,
) -> Json {
    let ranks = snapshots.iter().map(|snapshot| {
        let waits = snapshot.waits.iter().enumerate();
        let waits = waits.map(|(slot, one)| wait(one, known.lines.of(snapshot.rank, slot)));
        let unreceived = snapshot.unreceived.iter().map(|message| {
            let guess = unreceived::guess(snapshot, message);
            let of_call = collective::parse_agreement(message.tag);
            Json::Object(vec![
                ("source", message.source.into()),
                ("tag", of_call.map_or(message.tag, |(_, tag)| tag).into()),
                ("of_call", of_call.map(|(call, _)| call).into()),
                ("on", message.place.as_str().into()),
                ("bytes", message.bytes.into()),
                ("partitioned", message.is_partitioned.into()),
                ("hint", guess.into()),
            ])
        });
        Json::Object(vec![
            ("rank", snapshot.rank.into()),
            ("host", host(snapshot)),
            ("pid", snapshot.pid.into()),
            ("state", state(snapshot.state)),
            ("call", snapshot.call.into()),
            ("last_call", snapshot.last_call.into()),
            ("outside", known.outside.of(snapshot.rank).into()),
            (
                "stuck",
                (findings.all || findings.stuck.contains(&snapshot.rank)).into(),
            ),
            ("waits", Json::List(waits.collect())),
            ("unreceived", Json::List(unreceived.collect())),
            ("unreceived_count", snapshot.unreceived_count.into()),
        ])
    });
    let left = findings.left.iter().map(|(rank, waiters)| {
        Json::Object(vec![
            ("rank", (*rank).into()),
            ("waiters", Json::list(waiters.iter().copied())),
        ])
    });
    let mut fields = Vec::from(first);
    fields.extend([
        ("all_stuck", findings.all.into()),
        ("stuck", Json::list(findings.stuck.iter().copied())),
        (
            "ring",
            findings
                .ring
                .as_ref()
                .map(|ring| Json::list(ring.iter().copied()))
                .into(),
        ),
        ("left", Json::List(left.collect())),
        ("ranks", Json::List(ranks.collect())),
        ("text", text.into()),
    ]);
    Json::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abort_is_of_the_kind_that_the_rank_says() {
        let told = |kind, class: Option<&str>| {
            let class = class.map(str::to_owned);
            let (rank, pid, code, text) = (2, 7, 8, "(MPI_ERR_ARG) ranks differ in".to_owned());
            let told = super::abort(
                &Abort {
                    rank,
                    pid,
                    code,
                    text,
                    kind,
                    class,
                },
                &[],
                &[],
                ("why", Json::Null),
            );
            told.to_string()
        };
        let mismatch = told(AbortKind::Mismatch, Some("MPI_ERR_ROOT"));
        assert!(
            mismatch.starts_with(r#"{"kind":"mismatch","rank":2"#),
            "{mismatch}"
        );
        assert!(
            mismatch.contains(r#""error_class":"MPI_ERR_ROOT""#),
            "{mismatch}"
        );
        let abort = told(AbortKind::Abort, None);
        assert!(
            abort.starts_with(r#"{"kind":"abort""#) && abort.contains(r#""error_class":null"#),
            "{abort}"
        );
    }

    #[test]
    fn a_wait_is_told_in_its_parts() {
        let shown = wireup::waits::Wait {
            kind: WaitKind::Receive,
            need: Need::AllOf,
            peers: vec![3],
            peer_rank: 1,
            rank: 0,
            tag: -1,
            bytes: Some(24),
            datatype: "MPI_DOUBLE".to_owned(),
            element: 8,
            place: "odd".to_owned(),
            ..wireup::waits::Wait::default()
        };
        let time = Duration::from_millis(1500);
        let call = Some("MPI_Recv");
        let told = wait(&Wait { time, call, shown }, Some("a.c:3".to_owned())).to_string();
        assert_eq!(
            told,
            r#"{"call":"MPI_Recv","kind":"receive","on":"odd","needs":"all","for_ranks":[3],"own_rank":0,"peer":1,"tag":-1,"count":3,"datatype":"MPI_DOUBLE","bytes":24,"collective":null,"requests":null,"seconds":1.5,"at":"a.c:3"}"#
        );
    }
}
