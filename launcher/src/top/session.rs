//! The live view from turn to turn: samples, keys, pictures.

use super::sampler::{Moment, Sampler};
use super::screen::Screen;
use super::table;
use super::view::{Around, View};
use crate::explain::{self, Known};
use crate::inspect::Watched;
use crate::outside::Outside;
use crate::source::Lines;
use nix::sys::signal::Signal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::io;
use std::time::{Duration, Instant};

/// The longest wait for a key: who shows the view may have something else to look at.
const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// What the user wants, as far as the session does not do it itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// To leave the view.
    Leave,
    /// What the terminal would have sent a signal for: Ctrl-C, Ctrl-\ or Ctrl-Z.
    Signal(Signal),
}

/// A user who looks at a job.
pub struct Session<'a> {
    watched: &'a Watched,
    interval: Duration,
    sampler: Sampler,
    view: View,
    moment: Moment,
    /// When there is news to show.
    next: Instant,
    /// The picture is not the one on the screen any more.
    stale: bool,
    /// The job has ended: nothing changes any more.
    over: bool,
    /// The frames that the details tell of, with their lines.
    known: (Vec<u64>, Known),
}

impl<'a> Session<'a> {
    /// A session that shows news after each `interval`.
    pub fn new(watched: &'a Watched, interval: Duration) -> Session<'a> {
        let mut sampler = Sampler::default();
        Session {
            watched,
            interval,
            moment: sampler.moment(watched),
            sampler,
            view: View {
                colours: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
                ..View::default()
            },
            next: Instant::now(),
            stale: true,
            over: false,
            known: (Vec::new(), Known::default()),
        }
    }

    /// The job has ended: the last picture stays.
    pub fn end(&mut self) {
        if !std::mem::replace(&mut self.over, true) {
            self.moment = self.sampler.moment(self.watched);
            self.stale = true;
        }
    }

    /// Takes a sample if one is due, and draws nothing.
    pub fn sample(&mut self) {
        self.sampler.sample(self.watched);
    }

    /// What there is to show at the end.
    pub fn last(&mut self) -> Moment {
        self.sampler.moment(self.watched)
    }

    /// The picture has to be drawn anew.
    pub fn refresh(&mut self) {
        self.stale = true;
    }

    /// Takes a sample if one is due, draws if there is news, and waits for a moment for keys.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn turn(
        &mut self,
        screen: &mut Screen,
        around: &dyn Fn() -> Around,
    ) -> io::Result<Option<Wish>> {
        if !self.over {
            self.sampler.sample(self.watched);
        }
        let now = Instant::now();
        if now >= self.next {
            self.next = now + self.interval;
            if !self.over && !self.view.paused {
                self.moment = self.sampler.moment(self.watched);
            }
            self.stale = true; // what is around may be new
        }
        if std::mem::take(&mut self.stale) {
            self.look_at_details();
            let around = around();
            screen.draw(|frame| self.view.draw(frame, &self.moment, &around))?;
        }
        let due = match self.over {
            true => self.next,
            false => self.next.min(self.sampler.due()),
        };
        let wait = due.saturating_duration_since(Instant::now());
        let mut wish = None;
        let mut wait = wait.min(LONGEST_WAIT);
        while wish.is_none() && event::poll(wait)? {
            self.stale = true;
            if let Event::Key(key) = event::read()?
                && key.kind != KeyEventKind::Release
            {
                wish = self.key(key);
            }
            wait = Duration::ZERO;
        }
        Ok(wish)
    }

    fn key(&mut self, key: KeyEvent) -> Option<Wish> {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => Some(Wish::Signal(Signal::SIGINT)),
                KeyCode::Char('\\' | '4') => Some(Wish::Signal(Signal::SIGQUIT)),
                KeyCode::Char('z') => Some(Wish::Signal(Signal::SIGTSTP)),
                _ => None,
            };
        }
        if std::mem::take(&mut self.view.help) {
            return None;
        }
        let rows = self.view.sorted(&self.moment);
        let last = rows.len().saturating_sub(1);
        let at = self.view.table.selected();
        let mut choose = |row: usize| self.view.table.select(Some(row.min(last)));
        match key.code {
            KeyCode::Char('q') => return Some(Wish::Leave),
            KeyCode::Esc if self.view.details.is_none() => return Some(Wish::Leave),
            KeyCode::Esc => self.view.details = None,
            KeyCode::Down | KeyCode::Char('j') => choose(at.map_or(0, |at| at + 1)),
            KeyCode::Up | KeyCode::Char('k') => choose(at.map_or(last, |at| at.saturating_sub(1))),
            KeyCode::PageDown => choose(at.unwrap_or(0) + 10),
            KeyCode::PageUp => choose(at.unwrap_or(0).saturating_sub(10)),
            KeyCode::Home => choose(0),
            KeyCode::End => choose(last),
            KeyCode::Enter if self.view.details.is_some() => self.view.details = None,
            KeyCode::Enter => {
                choose(at.unwrap_or(0));
                let chosen = self.view.chosen(&rows);
                self.view.details = chosen.map(|rank| (rank, String::new()));
            }
            KeyCode::Char('s') => self.view.order = self.view.order.next(),
            KeyCode::Char('p') => self.view.paused = !self.view.paused,
            KeyCode::Char('c') => self.sampler.clear(),
            KeyCode::Char('?' | 'h') => self.view.help = true,
            _ => {}
        }
        None
    }

    /// Brings the details up to date: of the rank that is chosen now.
    fn look_at_details(&mut self) {
        self.sampler.want_known(self.view.details.is_some());
        if self.view.details.is_none() {
            return;
        }
        let rows = self.view.sorted(&self.moment);
        let Some(rank) = self.view.chosen(&rows) else {
            return;
        };
        let one = std::slice::from_ref(&self.moment.look.snapshots[rank as usize]);
        if let Watched::Hosts(_) = self.watched {
            self.known.1 = self.sampler.known().cloned().unwrap_or_default();
            self.view.details = Some((rank, self.details(rank)));
            return;
        }
        let frames = one[0].waits.iter().flat_map(|wait| &wait.shown.frames);
        let frames: Vec<u64> = std::iter::once(u64::from(rank))
            .chain(frames.copied())
            .collect();
        if self.known.0 != frames {
            self.known = (frames, Known::default());
            self.known.1.lines = Lines::find(one); // reads files: only when it must
        }
        self.known.1.outside = Outside::find(one);
        self.view.details = Some((rank, self.details(rank)));
    }

    fn details(&self, rank: u32) -> String {
        let mut text = explain::of_rank(&self.moment.look.snapshots, rank, &self.known.1);
        let tally = &self.moment.tally.ranks[rank as usize];
        text.push_str(&table::waited_for(tally));
        text
    }
}
