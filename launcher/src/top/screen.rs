//! The terminal while the view is on it.

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::{Frame, Terminal};
use std::fs::File;
use std::io::{self, BufWriter};
use std::os::fd::AsFd;
use std::sync::Once;

/// A terminal that shows the view: in raw mode, on its other screen. Dropping it gives the
/// terminal back as it was.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<File>>>,
    out: File,
    on: bool,
}

impl Screen {
    /// Takes the terminal behind `out`. Keys come from standard input if that is a terminal,
    /// else from the controlling terminal.
    ///
    /// # Errors
    /// There is none, or it cannot do that.
    pub fn open(out: impl AsFd) -> io::Result<Screen> {
        let out = File::from(out.as_fd().try_clone_to_owned()?);
        let mut screen = Screen {
            terminal: terminal(&out)?,
            out,
            on: false,
        };
        screen.enter()?;
        Ok(screen)
    }

    /// Takes the terminal again after [`Screen::leave`].
    ///
    /// # Errors
    /// It cannot be had any more.
    pub fn enter(&mut self) -> io::Result<()> {
        restore_at_panic(&self.out);
        enable_raw_mode()?;
        self.on = true;
        execute!(self.out, EnterAlternateScreen, Hide, Clear(ClearType::All))?;
        // A new one draws everything. `Terminal::clear` would ask the terminal where its
        // cursor is, through standard output.
        self.terminal = terminal(&self.out)?;
        Ok(())
    }

    /// Gives the terminal back.
    pub fn leave(&mut self) {
        if std::mem::take(&mut self.on) {
            give_back(&self.out);
        }
    }

    /// Draws, in the terminal's present size.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame)) -> io::Result<()> {
        self.terminal.draw(draw).map(drop)
    }
}

fn terminal(out: &File) -> io::Result<Terminal<CrosstermBackend<BufWriter<File>>>> {
    Terminal::new(CrosstermBackend::new(BufWriter::new(out.try_clone()?)))
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Whatever fails here, there is nobody to tell.
fn give_back(mut out: &File) {
    let _ = execute!(out, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// A panic ends the process at once. What it says must be readable.
fn restore_at_panic(out: &File) {
    static ONCE: Once = Once::new();
    let Ok(out) = out.try_clone() else { return };
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |what| {
            give_back(&out);
            before(what);
        }));
    });
}
