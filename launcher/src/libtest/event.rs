//! What libtest tells of its tests: a line of JSON for each event. Pure.

use serde_json::Value;

/// How every such line begins.
pub const BEGINNING: &[u8] = b"{ \"type\": \"";

/// What became of a test on one rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    Passed,
    /// It was not run, perhaps for this reason.
    Ignored(Option<String>),
    /// It failed, perhaps for a reason that libtest has found.
    Failed(Option<String>),
    /// It was a benchmark, with this result.
    Measured(String),
}

/// The end of a test on one rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub name: String,
    pub ending: Ending,
    /// What it has printed, if that is to be shown.
    pub output: String,
}

/// What a rank tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// So many tests are to be run.
    Begun(u64),
    /// A test begins.
    Started(String),
    /// A test has been running for a minute.
    Slow(String),
    /// A test has ended.
    Result(Ended),
    /// All have; so many were filtered out.
    Ended(u64),
}

impl Event {
    /// Reads a line. None if it is something else.
    pub fn read(line: &[u8]) -> Option<Event> {
        let value: Value = serde_json::from_slice(line).ok()?;
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        let number = |name: &str| value.get(name)?.as_u64();
        let kind = text("type")?;
        if kind == "suite" {
            return match text("event")?.as_str() {
                "started" => Some(Event::Begun(number("test_count")?)),
                "ok" | "failed" => Some(Event::Ended(number("filtered_out")?)),
                _ => None,
            };
        }
        let name = text("name")?;
        let ending = match (kind.as_str(), text("event").as_deref()) {
            ("bench", _) => {
                let figure = |name| value.get(name).map(Value::to_string);
                let (median, deviation) = (figure("median")?, figure("deviation")?);
                Ending::Measured(format!("{median} ns/iter (+/- {deviation})"))
            }
            ("test", Some("started")) => return Some(Event::Started(name)),
            ("test", Some("timeout")) => return Some(Event::Slow(name)),
            ("test", Some("ok")) => Ending::Passed,
            ("test", Some("ignored")) => Ending::Ignored(text("message")),
            ("test", Some("failed")) => Ending::Failed(text("message").or_else(|| text("reason"))),
            _ => return None,
        };
        Some(Event::Result(Ended {
            name,
            ending,
            output: text("stdout").unwrap_or_default(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_libtest_are_read() {
        let read = |line: &str| {
            assert!(line.as_bytes().starts_with(BEGINNING));
            Event::read(line.as_bytes())
        };
        let begun = read(r#"{ "type": "suite", "event": "started", "test_count": 4 }"#);
        assert_eq!(begun, Some(Event::Begun(4)));
        let failed = read(
            r#"{ "type": "test", "name": "m::c", "event": "failed", "stdout": "out\nerr\n" }"#,
        );
        let wanted = Ended {
            name: "m::c".to_owned(),
            ending: Ending::Failed(None),
            output: "out\nerr\n".to_owned(),
        };
        assert_eq!(failed, Some(Event::Result(wanted)));
        let ended = read(
            r#"{ "type": "suite", "event": "failed", "passed": 2, "failed": 1, "ignored": 1, "measured": 0, "filtered_out": 7, "exec_time": 0.4 }"#,
        );
        assert_eq!(ended, Some(Event::Ended(7)));
        let report = r#"{ "type": "report", "total_time": 1.0, "compilation_time": 0.5 }"#;
        assert_eq!(read(report), None);
        assert_eq!(Event::read(b"{ \"type\": \"test\", "), None);
    }
}
