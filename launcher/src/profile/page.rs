//! The page: `page.html` with the data put into it. It needs nothing from elsewhere.

use super::data::{Data, outside, waited};
use crate::json::Json;
use wireup::profile::{KINDS, Profile};

/// The frame; `DATA` in it is where the data go.
const FRAME: &str = include_str!("page.html");

/// The page as it is written.
pub fn page(data: &Data, findings: &[String]) -> String {
    FRAME.replacen("/*DATA*/null", &json(data, findings).to_string(), 1)
}

fn json(data: &Data, findings: &[String]) -> Json {
    let ranks = data.known().map(|(rank, profile)| {
        Json::Object(vec![
            ("rank", rank.into()),
            ("time", profile.time.into()),
            ("outside", outside(profile).into()),
            ("inside", profile.inside.into()),
            ("waited", waited(profile).into()),
            ("kinds", Json::list(profile.waited)),
        ])
    });
    let calls = data.known().flat_map(|(rank, profile)| {
        profile.calls.iter().map(move |(call, cost)| {
            let numbers = [cost.count, cost.time, cost.longest, cost.waited];
            let mut row = vec![Json::from(rank), Json::from(*call)];
            row.extend(numbers.map(Json::from));
            Json::List(row)
        })
    });
    let sent = |kind: usize| {
        pairs(data, move |profile, peer| {
            let (messages, bytes) = profile.peers[peer].sent[kind];
            (messages > 0).then(|| vec![messages, bytes])
        })
    };
    let waits = pairs(data, |profile, peer| {
        let time = profile.peers[peer].waited;
        (time > 0).then(|| vec![time])
    });
    let arms = ["shared", "driver", "cma", "copy"];
    let arms = (0..).zip(arms).filter_map(|(arm, name): (usize, _)| {
        let all = data.known().map(|(_, profile)| profile.arms[arm]);
        let (messages, bytes) = all.fold((0u64, 0u64), |a, b| (a.0 + b.0, a.1 + b.1));
        let row = vec![Json::from(name), messages.into(), bytes.into()];
        (messages > 0).then_some(Json::List(row))
    });
    let places = data.places.iter().map(|place| {
        Json::List(vec![
            place.rank.into(),
            place.call.into(),
            place.line.as_str().into(),
            place.time.into(),
            place.waited.into(),
            place.blamed.into(),
        ])
    });
    Json::Object(vec![
        ("programs", data.programs.as_str().into()),
        ("version", env!("CARGO_PKG_VERSION").into()),
        ("size", (data.ranks.len() as u64).into()),
        ("seconds", Json::Real(data.time.as_secs_f64())),
        ("silent", Json::list(data.silent())),
        ("findings", Json::list(findings.iter().map(String::as_str))),
        ("ranks", Json::List(ranks.collect())),
        ("calls", Json::List(calls.collect())),
        ("sent", Json::List((0..KINDS).map(sent).collect())),
        ("waits", waits),
        (
            "sizes",
            Json::List(
                (0..KINDS)
                    .map(|kind| Json::list(data.sizes(kind)))
                    .collect(),
            ),
        ),
        ("arms", Json::List(arms.collect())),
        ("places", Json::List(places.collect())),
    ])
}

/// What `what` tells of pairs of ranks: from, to, and its numbers.
fn pairs(data: &Data, what: impl Fn(&Profile, usize) -> Option<Vec<u64>>) -> Json {
    let mut all = Vec::new();
    for (rank, profile) in data.known() {
        for peer in 0..profile.peers.len() {
            if let Some(numbers) = what(profile, peer) {
                let mut row = vec![u64::from(rank), peer as u64];
                row.extend(numbers);
                all.push(Json::list(row));
            }
        }
    }
    Json::List(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_stand_in_the_page_and_nothing_else_is_needed() {
        let data = Data {
            programs: "</script><b>".to_owned(),
            ranks: vec![Some(Profile::default()), None],
            ..Data::default()
        };
        let page = page(&data, &["a finding".to_owned()]);
        assert!(page.contains(r#""findings":["a finding"]"#), "{page}");
        assert!(page.contains(r#""silent":[1]"#));
        assert!(!page.contains("</script><b>"));
        for outside in ["http:", "https:", "src=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
