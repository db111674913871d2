//! The words in which tests are told: those of libtest, so that whoever reads them, a person or
//! an editor, finds what is expected.

use super::args::{Form, Words};
use super::suite::{Outcome, Verdict};
use serde_json::json;
use std::time::Duration;

/// Characters in a line of the terse form.
const TERSE_WIDTH: usize = 88;

/// Tells tests.
#[derive(Debug)]
pub struct Show {
    words: Words,
    ranks: u32,
    count: u64,
    told: usize,
}

impl Show {
    pub fn new(words: Words, ranks: u32) -> Show {
        Show {
            words,
            ranks,
            count: 0,
            told: 0,
        }
    }

    pub fn set_ranks(&mut self, ranks: u32) {
        self.ranks = ranks;
    }

    fn colour(&self, text: &str, outcome: Outcome) -> String {
        let code = match outcome {
            Outcome::Passed => 32,
            Outcome::Failed => 31,
            Outcome::Ignored => 33,
            Outcome::Measured => 36,
        };
        match self.words.coloured {
            true => format!("\x1b[{code}m{text}\x1b[m"),
            false => text.to_owned(),
        }
    }

    /// So many tests are to be run.
    pub fn begun(&mut self, count: u64) -> String {
        self.count = count;
        if self.words.form == Form::Json {
            return line(&json!({"type": "suite", "event": "started", "test_count": count}));
        }
        let s = if count == 1 { "" } else { "s" };
        format!("\nrunning {count} test{s}\n")
    }

    /// The first rank has begun a test.
    pub fn started(&self, name: &str) -> String {
        match self.words.form {
            Form::Json => line(&json!({"type": "test", "event": "started", "name": name})),
            Form::Pretty | Form::Terse => String::new(),
        }
    }

    /// A test has been running for a minute.
    pub fn slow(&self, name: &str) -> String {
        match self.words.form {
            Form::Json => line(&json!({"type": "test", "event": "timeout", "name": name})),
            _ => format!("test {name} has been running for over 60 seconds\n"),
        }
    }

    /// A test has ended.
    pub fn verdict(&mut self, verdict: &Verdict) -> String {
        self.told += 1;
        let outcome = verdict.outcome;
        match self.words.form {
            Form::Pretty => {
                let what = match outcome {
                    Outcome::Passed => "ok".to_owned(),
                    Outcome::Failed => "FAILED".to_owned(),
                    Outcome::Ignored if verdict.note.is_empty() => "ignored".to_owned(),
                    Outcome::Ignored => format!("ignored, {}", verdict.note),
                    Outcome::Measured => format!("bench: {}", verdict.note),
                };
                format!(
                    "test {} ... {}\n",
                    verdict.name,
                    self.colour(&what, outcome)
                )
            }
            Form::Terse => {
                let mark = match outcome {
                    Outcome::Passed => ".",
                    Outcome::Failed => "F",
                    Outcome::Ignored => "i",
                    Outcome::Measured => "b",
                };
                let mark = self.colour(mark, outcome);
                match self.told % TERSE_WIDTH {
                    0 => format!("{mark} {}/{}\n", self.told, self.count),
                    _ => mark,
                }
            }
            Form::Json => line(&self.json(verdict)),
        }
    }

    fn json(&self, verdict: &Verdict) -> serde_json::Value {
        let Verdict { name, note, .. } = verdict;
        let mut told = json!({"type": "test", "name": name});
        let event = match verdict.outcome {
            Outcome::Passed => "ok",
            Outcome::Failed => "failed",
            Outcome::Ignored => "ignored",
            Outcome::Measured => {
                let number = |at: usize| note.split([' ', ')']).nth(at)?.parse::<f64>().ok();
                let (median, deviation) = (number(0), number(3));
                return json!({"type": "bench", "name": name, "median": median, "deviation": deviation});
            }
        };
        told["event"] = event.into();
        if verdict.outcome == Outcome::Ignored && !note.is_empty() {
            told["message"] = note.as_str().into();
        } else {
            told["exec_time"] = verdict.time.as_secs_f64().into();
        }
        if !verdict.text.is_empty() {
            let failed = match verdict.outcome {
                Outcome::Failed if self.ranks > 1 => format!("{note}\n"),
                _ => String::new(),
            };
            told["stdout"] = format!("{failed}{}", verdict.text).into();
        }
        told
    }

    /// All has been told. `has_ended`: every rank has said so.
    pub fn end(
        &self,
        verdicts: &[Verdict],
        filtered: u64,
        has_ended: bool,
        time: Duration,
    ) -> String {
        let of = |outcome: Outcome| verdicts.iter().filter(move |one| one.outcome == outcome);
        let count = |outcome: Outcome| of(outcome).count();
        let (passed, failed) = (count(Outcome::Passed), count(Outcome::Failed));
        let (ignored, measured) = (count(Outcome::Ignored), count(Outcome::Measured));
        let is_ok = failed == 0 && has_ended;
        let time = time.as_secs_f64();
        if self.words.form == Form::Json {
            return line(&json!({
                "type": "suite",
                "event": if is_ok { "ok" } else { "failed" },
                "passed": passed,
                "failed": failed,
                "ignored": ignored,
                "measured": measured,
                "filtered_out": filtered,
                "exec_time": time,
            }));
        }
        let mut text = String::new();
        if self.words.form == Form::Terse && !self.told.is_multiple_of(TERSE_WIDTH) {
            text.push('\n');
        }
        let passed_with_text: Vec<&Verdict> = of(Outcome::Passed)
            .filter(|one| !one.text.is_empty())
            .collect();
        self.section("successes", &passed_with_text, &mut text);
        self.section(
            "failures",
            &of(Outcome::Failed).collect::<Vec<_>>(),
            &mut text,
        );
        let (word, outcome) = match is_ok {
            true => ("ok", Outcome::Passed),
            false => ("FAILED", Outcome::Failed),
        };
        text.push_str(&format!(
            "\ntest result: {}. {passed} passed; {failed} failed; {ignored} ignored; \
             {measured} measured; {filtered} filtered out; finished in {time:.2}s\n\n",
            self.colour(word, outcome)
        ));
        text
    }

    /// What tests have printed, and then their names.
    fn section(&self, title: &str, verdicts: &[&Verdict], text: &mut String) {
        if verdicts.is_empty() {
            return;
        }
        text.push_str(&format!("\n{title}:\n"));
        for verdict in verdicts {
            let Verdict { name, note, .. } = verdict;
            text.push_str(&format!("\n---- {name} stdout ----\n"));
            if verdict.outcome == Outcome::Failed && self.ranks > 1 && !note.is_empty() {
                text.push_str(&format!("{note}\n"));
            }
            text.push_str(&verdict.text);
        }
        text.push_str(&format!("\n\n{title}:\n"));
        let mut names: Vec<&str> = verdicts.iter().map(|one| one.name.as_str()).collect();
        names.sort_unstable();
        for name in names {
            text.push_str(&format!("    {name}\n"));
        }
    }
}

fn line(value: &serde_json::Value) -> String {
    format!("{value}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(name: &str, outcome: Outcome, note: &str, text: &str) -> Verdict {
        Verdict {
            name: name.to_owned(),
            outcome,
            note: note.to_owned(),
            text: text.to_owned(),
            time: Duration::from_millis(1500),
        }
    }

    #[test]
    fn it_reads_like_libtest() {
        let mut show = Show::new(Words::default(), 2);
        let all = [
            verdict("a", Outcome::Passed, "", ""),
            verdict("b", Outcome::Ignored, "why", ""),
            verdict(
                "c",
                Outcome::Failed,
                "failed on rank 1 of 2",
                "rank 1 of 2:\nx\n",
            ),
        ];
        let mut text = show.begun(3);
        text.extend(all.iter().map(|one| show.verdict(one)));
        text.push_str(&show.end(&all, 4, true, Duration::from_secs(2)));
        assert_eq!(
            text,
            "\nrunning 3 tests\ntest a ... ok\ntest b ... ignored, why\ntest c ... FAILED\n\
             \nfailures:\n\n---- c stdout ----\nfailed on rank 1 of 2\nrank 1 of 2:\nx\n\
             \n\nfailures:\n    c\n\
             \ntest result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 4 filtered out; finished in 2.00s\n\n"
        );
    }

    #[test]
    fn events_are_as_libtest_writes_them() {
        let words = Words {
            form: Form::Json,
            coloured: false,
        };
        let mut show = Show::new(words, 2);
        let told = show.verdict(&verdict(
            "c",
            Outcome::Failed,
            "failed on rank 1 of 2",
            "x\n",
        ));
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let wanted = json!({"type": "test", "event": "failed", "name": "c", "exec_time": 1.5,
            "stdout": "failed on rank 1 of 2\nx\n"});
        assert_eq!(told, wanted);
        let bench = show.verdict(&verdict("m", Outcome::Measured, "12.5 ns/iter (+/- 3)", ""));
        let bench: serde_json::Value = serde_json::from_str(&bench).unwrap();
        assert_eq!(
            (&bench["median"], &bench["deviation"]),
            (&json!(12.5), &json!(3.0))
        );
    }
}
