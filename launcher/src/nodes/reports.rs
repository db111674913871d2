//! When the mpirun that the user has started tells what the ranks of all hosts do: when it is
//! asked to (SIGQUIT), before it ends the job (Ctrl-C, `--timeout`), and when ranks can never
//! go on.

use super::board::Picture;
use super::coordinator::Job;
use super::frame::Kind;
use super::node::Stage;
use super::overview::{Overview, View};
use super::seen::Seen;
use crate::account::{Ending, Occasion};
use crate::cli::OnDeadlock;
use crate::deadlock;
use crate::explain;
use crate::say::say;
use crate::signals;
use crate::snapshot::RankSnapshot;
use crate::watch::Findings;
use nix::sys::signal::Signal;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wireup::layout::State;

/// How long nodes may take to answer before it is told without them.
const PATIENCE: Duration = Duration::from_secs(3);
/// The least time between two questions for lines of the source, for who looks from outside.
const LINES: Duration = Duration::from_millis(500);
/// A node that was not heard of for so long, or that has not read for so long, is not asked.
const PROMPT: Duration = Duration::from_millis(1500);

/// Why a report is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reason {
    /// SIGQUIT.
    Asked,
    /// A signal that ends the job.
    Signal(Signal),
    /// The time of `--timeout` is over.
    Timeout,
    /// Ranks can never go on.
    Stuck,
}

impl Reason {
    /// Why the report is made, where it is one of all ranks.
    fn occasion(self) -> Option<Occasion> {
        match self {
            Reason::Asked => Some(Occasion::Asked),
            Reason::Signal(_) => Some(Occasion::Signal),
            Reason::Timeout => Some(Occasion::Timeout),
            Reason::Stuck => None,
        }
    }
}

/// What was asked and told so far.
#[derive(Debug, Default)]
pub(super) struct Reports {
    /// None before it is known which rank runs where.
    overview: Option<Overview>,
    /// Reports for which the round that is under way was begun, and those that wait for the
    /// next.
    asked: Vec<Reason>,
    wanted: Vec<Reason>,
    /// What was found when ranks that are stuck were told of last.
    told: Option<Findings>,
    /// When nodes were asked last for what takes them long to find out.
    looked: Option<Instant>,
}

impl Reports {
    /// It is known now which rank runs on which host.
    pub(super) fn begin(&mut self, hosts: Vec<Arc<str>>) {
        self.overview = Some(Overview::new(hosts));
    }

    /// Takes a node's answer.
    pub(super) fn answered(&mut self, node: usize, seen: Option<Seen>) {
        if let (Some(overview), Some(seen)) = (&mut self.overview, seen) {
            overview.answered(node, seen);
        }
    }

    /// What was seen of all ranks last.
    pub(super) fn snapshots(&self) -> &[RankSnapshot] {
        self.overview.as_ref().map_or(&[], Overview::snapshots)
    }

    /// When the round that is under way was begun, by `CLOCK_MONOTONIC`.
    pub(super) fn asked_at(&self) -> Option<u64> {
        self.overview.as_ref().and_then(Overview::asked_at)
    }

    /// A node has ended, with these ranks.
    pub(super) fn ended(&mut self, node: usize, ranks: impl Iterator<Item = u32>) {
        if let Some(overview) = &mut self.overview {
            overview.ended(node, ranks);
        }
    }

    /// Whether the job ends once this report is there.
    pub(super) fn will_end(&self) -> bool {
        let ends = |reason: &Reason| matches!(reason, Reason::Signal(_) | Reason::Timeout);
        self.asked.iter().chain(&self.wanted).any(ends)
    }

    /// Gives up what was not told yet. Returns for which reasons the job was to end.
    pub(super) fn give_up(&mut self) -> Vec<Reason> {
        let mut all = std::mem::take(&mut self.asked);
        all.append(&mut self.wanted);
        all
    }
}

impl Job<'_> {
    /// What is done when ranks can never go on.
    fn on_deadlock(&self) -> OnDeadlock {
        let usual = match self.tests.is_used() {
            true => OnDeadlock::End, // nobody looks on
            false => OnDeadlock::default(),
        };
        self.global.on_deadlock.unwrap_or(usual)
    }

    /// Tells what all ranks do, as soon as their nodes have answered.
    pub(super) fn want(&mut self, reason: Reason) {
        self.reports.wanted.push(reason);
        self.look_at_ranks();
    }

    /// Asks nodes, and tells what they have answered.
    pub(super) fn look_at_ranks(&mut self) {
        if self.ending.is_some() {
            return;
        }
        let now = Instant::now();
        let on_deadlock = self.on_deadlock();
        let Some(overview) = &mut self.reports.overview else {
            let reasons = std::mem::take(&mut self.reports.wanted);
            return reasons
                .into_iter()
                .for_each(|reason| self.tell(reason, None));
        };
        if overview.is_asking() {
            let late = overview.waited() >= PATIENCE;
            if (overview.is_complete() || late)
                && let Some(view) = overview.conclude()
            {
                self.conclude(&view);
            }
            return;
        }
        let is_wanted = !self.reports.wanted.is_empty();
        // A trace needs to know how the clocks of hosts differ.
        let is_watched = self.board.is_watched();
        let watches = on_deadlock != OnDeadlock::Off || self.global.trace.is_some();
        let watches = (watches || is_watched) && overview.is_due(now, is_watched);
        if !is_wanted && !watches {
            return;
        }
        let prompt = |at: &usize| {
            let node = &self.nodes[*at];
            let is_prompt = node.heard.elapsed() < PROMPT && node.down.unread() < PROMPT;
            node.stage == Stage::Running && (is_prompt || !is_wanted)
        };
        let asked: Vec<usize> = (0..self.nodes.len()).filter(prompt).collect();
        if asked.is_empty() && !is_wanted {
            return;
        }
        let pause = self.reports.looked.is_none_or(|last| now - last >= LINES);
        let known = is_wanted || pause && self.board.wants_known();
        if known {
            self.reports.looked = Some(now);
        }
        let question = overview.begin(asked.clone(), known, is_watched);
        self.reports.asked = std::mem::take(&mut self.reports.wanted);
        for at in asked {
            self.nodes[at].down.send(Kind::Look, &question.write());
        }
        self.look_at_ranks(); // in case that there is nobody to ask
    }

    /// A round is over.
    fn conclude(&mut self, view: &View) {
        if self.board.is_watched() {
            let silent = self.silent(view).map(str::to_owned).collect();
            let shown = self.board.publish(Picture::of(view, silent));
            if let Err(why) = shown {
                say(&format!("what ranks do cannot be shown to lariat: {why}"));
            }
        }
        let reasons = std::mem::take(&mut self.reports.asked);
        for reason in &reasons {
            self.tell(*reason, Some(view));
        }
        let is_told = self.on_deadlock() != OnDeadlock::Off;
        if reasons.is_empty() && view.question.certain && is_told {
            self.judge(view);
        }
    }

    /// Shows what was seen last to who still looks: the job has ended.
    pub(super) fn show_last(&mut self) {
        if self.board.is_watched() {
            // Nobody can be told any more if that fails.
            let _ = self.board.publish(Picture {
                ranks: self.reports.snapshots().to_vec(),
                ..Picture::default()
            });
        }
    }

    /// Has ranks that can never go on told of, once that is certain.
    fn judge(&mut self, view: &View) {
        let Some(overview) = &mut self.reports.overview else {
            return;
        };
        let is_settled = overview
            .history()
            .are_settled(&view.findings, Instant::now());
        if !is_settled || self.reports.told.as_ref() == Some(&view.findings) {
            return;
        }
        self.reports.told = Some(view.findings.clone());
        if view.findings != Findings::default() {
            self.want(Reason::Stuck);
        }
    }

    fn tell(&mut self, reason: Reason, view: Option<&View>) {
        let text = view.map_or(String::new(), |view| self.report(view));
        if let (Some(view), Some(occasion)) = (view, reason.occasion()) {
            let (seen, found, known) = (&view.snapshots, &view.findings, &view.known);
            self.account
                .report(occasion, seen, found, known, text.trim());
        }
        self.flush(); // what ranks have printed before comes first
        match reason {
            Reason::Asked => say(&format!("SIGQUIT: the job goes on{text}")),
            Reason::Signal(signal) => {
                let uses_mpi = |s: &RankSnapshot| s.state != Some(State::Fresh);
                let is_told = view.is_some_and(|view| view.snapshots.iter().any(uses_mpi));
                let text = if is_told { text } else { String::new() };
                say(&format!("{}: ending the job{text}", signal.as_str()));
                self.fail(signals::exit_code(signal), None);
            }
            Reason::Timeout => {
                let seconds = self.deadline.map_or(0.0, |deadline| deadline.seconds);
                let colon = if text.is_empty() { "" } else { ":" };
                say(&format!(
                    "the job did not end within {seconds} s{colon}{text}"
                ));
                self.fail(124, None);
            }
            Reason::Stuck => self.tell_of_stuck(view),
        }
    }

    /// The report, each line after a line feed.
    fn report(&self, view: &View) -> String {
        let text = explain::report(&view.snapshots, &view.findings, &view.known);
        let mut text = format!("\n{}", text.trim_end());
        for host in self.silent(view) {
            text.push_str(&format!("\n{}", explain::silent(host)));
        }
        text
    }

    /// The hosts that run and have not answered.
    fn silent<'a>(&'a self, view: &'a View) -> impl Iterator<Item = &'a str> {
        let silent = (0..self.nodes.len()).filter(|at| {
            let running = self.nodes[*at].stage == Stage::Running;
            running && (view.missing.contains(at) || !view.asked.contains(at))
        });
        silent.map(|at| self.nodes[at].host.name.as_str())
    }

    fn tell_of_stuck(&mut self, view: Option<&View>) {
        let ends = self.on_deadlock() == OnDeadlock::End;
        let (Some(overview), Some(view)) = (&mut self.reports.overview, view) else {
            return;
        };
        let news = deadlock::news(
            overview.history(),
            (&view.snapshots, &view.findings),
            ends,
            Instant::now(),
            || view.known.clone(),
        );
        let Some((text, known)) = news else { return };
        say(&text);
        let (seen, found) = (&view.snapshots, &view.findings);
        self.account
            .report(Occasion::Stuck, seen, found, &known, &text);
        if ends {
            self.account.end(Ending::Deadlock);
            self.fail(deadlock::CODE, None);
        }
    }
}
