//! Storms in their long form: `storm [NAME|all] [COUNT] [SEED] [WORKERS]`, which
//! `make storm` runs. Empty words stand for what is usual.

use lariat_tests::storm::STORMS;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let word = |at: usize| words.get(at).map(String::as_str).filter(|w| !w.is_empty());
    let number = |at: usize, what: &str| match word(at).map(str::parse::<u64>) {
        None => Ok(None),
        Some(Ok(n)) => Ok(Some(n)),
        Some(Err(_)) => Err(format!("{what} is {:?}, but a number is wanted", words[at])),
    };
    let asked = number(1, "COUNT").and_then(|count| {
        Ok((
            count,
            number(2, "SEED")?.unwrap_or(1),
            number(3, "WORKERS")?.unwrap_or(2),
        ))
    });
    let (count, seed, workers) = match asked {
        Ok(asked) => asked,
        Err(why) => return misused(&why),
    };
    let name = word(0).unwrap_or("all");
    let storms: Vec<_> = STORMS
        .iter()
        .filter(|storm| name == "all" || name == storm.name)
        .collect();
    if storms.is_empty() {
        let names: Vec<&str> = STORMS.iter().map(|storm| storm.name).collect();
        return misused(&format!(
            "no storm is called {name:?}; there are {}",
            names.join(", ")
        ));
    }
    let mut parts = Vec::new();
    let mut failures = 0;
    for storm in storms {
        let cases = count.unwrap_or(storm.cases);
        say(&format!(
            "{}: {cases} cases from seed {seed} on",
            storm.name
        ));
        let workers = usize::try_from(workers.max(1)).unwrap_or(1);
        let tally = storm.rage(seed, cases, workers, say);
        say(&tally.to_string());
        failures += tally.failures.len();
        parts.push(format!("{cases} {}", storm.name));
    }
    say(&format!("storm: {}: {failures} failed", parts.join(", ")));
    ExitCode::from(u8::from(failures > 0))
}

fn misused(why: &str) -> ExitCode {
    say(&format!(
        "storm: {why}\nusage: storm [NAME|all] [COUNT] [SEED] [WORKERS]"
    ));
    ExitCode::from(2)
}

/// Prints, also where nobody listens any more.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
