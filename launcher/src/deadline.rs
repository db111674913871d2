//! The time that a job may take (`--timeout`, `MPIEXEC_TIMEOUT`).

use crate::cli::JobOptions;
use nix::poll::PollTimeout;
use std::time::{Duration, Instant};

/// When a job is ended if it has not ended by itself.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Instant,
    /// The seconds that the user gave.
    pub seconds: f64,
}

impl Deadline {
    /// The deadline of a job that began at `began` and may take so many seconds.
    pub fn new(began: Instant, seconds: f64) -> Deadline {
        let limit = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        let far = Duration::from_secs(1 << 30);
        Deadline {
            at: began + limit.min(far),
            seconds,
        }
    }

    /// The moment.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// Whether it has passed.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.at
    }
}

/// The seconds that the job may take, if they are limited.
///
/// # Errors
/// The variable holds something else than a number.
pub fn seconds(global: &JobOptions) -> Result<Option<f64>, String> {
    if let Some(seconds) = global.timeout {
        return Ok(Some(seconds));
    }
    match std::env::var("MPIEXEC_TIMEOUT") {
        Ok(text) if !text.is_empty() => match text.trim().parse::<f64>() {
            Ok(s) if s.is_finite() && s > 0.0 => Ok(Some(s)),
            Ok(s) if s <= 0.0 => Ok(None),
            _ => Err(format!(
                "MPIEXEC_TIMEOUT={text:?}: wanted a number of seconds"
            )),
        },
        _ => Ok(None),
    }
}

/// The timeout with which `poll` returns at `moment` and not earlier.
pub fn poll_timeout(moment: Instant) -> PollTimeout {
    let left = moment.saturating_duration_since(Instant::now());
    let rounded_up = left + Duration::from_millis(1);
    PollTimeout::try_from(rounded_up.as_millis()).unwrap_or(PollTimeout::MAX)
}
