//! The live view: draws a job at one moment into a frame. Pure.

use super::doing::Doing;
use super::sampler::Moment;
use super::table::{self, HEADS, Order, RIGHT, Row};
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Borders, Cell, Clear, Paragraph, Table, TableState, Wrap};

/// How the user looks at the job.
#[derive(Debug, Default)]
pub struct View {
    /// The chosen row and how far the table is scrolled.
    pub table: TableState,
    /// The order of the rows.
    pub order: Order,
    /// The rank whose details are shown, and those.
    pub details: Option<(u32, String)>,
    /// The keys are shown.
    pub help: bool,
    /// The picture stands still.
    pub paused: bool,
    /// Colours are wanted.
    pub colours: bool,
}

/// What is shown beside the ranks.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// The job's name.
    pub title: String,
    /// What the job has printed last, if it prints into the view.
    pub output: Option<String>,
    /// The job has ended.
    pub over: bool,
    /// What the keys do that end the view.
    pub keys: &'static str,
}

/// The text behind «?».
const HELP: &str = "\
↑ ↓ k j      choose a rank          PgUp PgDn Home End
enter        details of that rank, with the line of the source
s            sort by RANK, BLAME, WAITS, WORKS, SINCE
p            pause the picture (samples go on)
c            clear: count time from now on
?            this text

STATE        what the rank does now. works: outside of MPI, on a
             processor; outside: outside of MPI, asleep; in MPI: in a
             call, not waiting for long; waits; stuck: certain never
             to go on; stopped
FOR          for whom it waits; in a collective: who has not come yet
SINCE        how long this wait has lasted
WORKS WAITS MOVES
             the shares of its time outside of MPI, in MPI waiting for
             others, in MPI and not waiting
CPU          how much of a processor its process uses
BLAME        its share of all time that ranks waited, where it was at
             the end of the chain of waits
UNRECV       messages that came and that no receive has asked for";

impl View {
    /// The rank that is chosen, among these rows.
    pub fn chosen(&self, rows: &[Row]) -> Option<u32> {
        rows.get(self.table.selected()?).map(|row| row.rank)
    }

    /// The rows in the order that the user wants.
    pub fn sorted(&self, moment: &Moment) -> Vec<Row> {
        let mut rows = table::rows(moment);
        self.order.sort(&mut rows);
        rows
    }

    /// Draws the view.
    pub fn draw(&mut self, frame: &mut Frame, moment: &Moment, around: &Around) {
        let stuck = table::stuck(moment);
        let head = table::head(&around.title, moment);
        let head_len = u16::try_from(head.len()).unwrap_or(4);
        let [top, middle, low, bottom] = Layout::vertical([
            Constraint::Length(head_len),
            Constraint::Min(3),
            Constraint::Length(self.low_len(frame.area(), around)),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        let lines = head.into_iter().enumerate().map(|(at, line)| match at {
            0 => Line::styled(line, Modifier::BOLD),
            3 => Line::styled(line, self.style(Color::Red).add_modifier(Modifier::BOLD)),
            _ => Line::from(line),
        });
        frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), top);
        let state = match (around.over, self.paused, stuck.is_some()) {
            (true, ..) => "ended",
            (_, true, _) => "paused",
            (.., true) => "stuck",
            _ => "",
        };
        let state = Paragraph::new(state).alignment(Alignment::Right);
        let corner = Rect { height: 1, ..top };
        frame.render_widget(state.style(Modifier::BOLD), corner);
        self.draw_table(frame, middle, moment);
        self.draw_low(frame, low, around);
        let keys = format!(
            "{}  ↑↓ choose  enter details  s sort ({})  p pause  c clear  ? help",
            around.keys,
            self.order.column()
        );
        frame.render_widget(Paragraph::new(keys).style(Modifier::DIM), bottom);
        if self.help {
            draw_help(frame);
        }
    }

    /// Lines below the table.
    fn low_len(&self, area: Rect, around: &Around) -> u16 {
        match (&self.details, &around.output) {
            (Some(_), _) => (area.height / 3).max(4),
            (None, Some(_)) => (area.height / 4).max(4),
            (None, None) => 0,
        }
    }

    fn draw_table(&mut self, frame: &mut Frame, area: Rect, moment: &Moment) {
        let rows = self.sorted(moment);
        let shown = table::shown(moment);
        let widths: Vec<u16> = shown
            .iter()
            .map(|at| {
                let at = *at;
                let cells = rows.iter().map(|row| row.cells[at].chars().count());
                let widest = cells.chain([HEADS[at].len()]).max().unwrap_or(0);
                u16::try_from(widest).unwrap_or(u16::MAX)
            })
            .collect();
        let alignment = |at: usize| match RIGHT[at] {
            true => Alignment::Right,
            false => Alignment::Left,
        };
        let cell = |at: usize, text: String| Cell::from(Text::from(text).alignment(alignment(at)));
        let heads = shown.iter().map(|at| {
            let (at, head) = (*at, HEADS[*at]);
            let style = match head == self.order.column() {
                true => Modifier::BOLD | Modifier::UNDERLINED,
                false => Modifier::BOLD,
            };
            cell(at, head.to_owned()).style(style)
        });
        let heads = ratatui::widgets::Row::new(heads.collect::<Vec<_>>());
        let last = rows.len().saturating_sub(1);
        if let Some(at) = self.table.selected() {
            self.table.select(Some(at.min(last)));
        }
        let rows = rows.into_iter().map(|row| {
            let style = self.style_of(&row);
            let cells = shown.iter().map(|at| {
                let cell = cell(*at, row.cells[*at].clone());
                match HEADS[*at] {
                    "STATE" => cell.style(style),
                    _ => cell,
                }
            });
            ratatui::widgets::Row::new(cells.collect::<Vec<_>>())
        });
        let table = Table::new(rows, widths.iter().map(|w| Constraint::Length(*w)))
            .header(heads)
            .column_spacing(2)
            .row_highlight_style(Modifier::REVERSED);
        frame.render_stateful_widget(table, area, &mut self.table);
    }

    /// The details of a rank, or what the job has printed last.
    fn draw_low(&self, frame: &mut Frame, area: Rect, around: &Around) {
        let (title, text, scroll) = match (&self.details, &around.output) {
            (Some((rank, text)), _) => (format!(" rank {rank} "), text.as_str(), 0),
            (None, Some(output)) => {
                let lines = u16::try_from(output.lines().count()).unwrap_or(u16::MAX);
                let room = area.height.saturating_sub(1);
                (
                    " output ".to_owned(),
                    output.as_str(),
                    lines.saturating_sub(room),
                )
            }
            (None, None) => return,
        };
        let block = Block::new().borders(Borders::TOP).title(title);
        let paragraph = Paragraph::new(text).block(block).scroll((scroll, 0));
        let paragraph = match self.details.is_some() {
            true => paragraph.wrap(Wrap { trim: false }),
            false => paragraph,
        };
        frame.render_widget(paragraph, area);
    }

    /// A colour that can be read on dark and on light: never the ground's, never yellow.
    fn style(&self, colour: Color) -> Style {
        match self.colours {
            true => Style::new().fg(colour),
            false => Style::new(),
        }
    }

    fn style_of(&self, row: &Row) -> Style {
        match row.doing {
            _ if row.stuck => self.style(Color::Red).add_modifier(Modifier::BOLD),
            Doing::Works => self.style(Color::Green),
            Doing::Moves => self.style(Color::Cyan),
            Doing::Waits => self.style(Color::Magenta),
            Doing::Starts | Doing::Left => Style::new().add_modifier(Modifier::DIM),
        }
    }
}

fn draw_help(frame: &mut Frame) {
    let area = frame.area();
    let lines = u16::try_from(HELP.lines().count()).unwrap_or(u16::MAX);
    let columns = HELP.lines().map(|line| line.chars().count()).max();
    let columns = u16::try_from(columns.unwrap_or(0)).unwrap_or(u16::MAX);
    let width = (columns + 4).min(area.width);
    let height = (lines + 2).min(area.height);
    let middle = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    let block = Block::bordered().title(" keys and columns: any key closes this ");
    frame.render_widget(Clear, middle);
    let text: String = HELP.lines().map(|line| format!(" {line}\n")).collect();
    frame.render_widget(Paragraph::new(text).block(block), middle);
}

#[cfg(test)]
mod tests {
    use super::super::table::tests::moment;
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn drawn(view: &mut View, around: &Around, (width, height): (u16, u16)) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal
            .draw(|frame| view.draw(frame, &moment(), around))
            .unwrap();
        let buffer = terminal.backend().buffer();
        let lines = buffer.content().chunks(usize::from(width));
        lines
            .map(|line| line.iter().map(|cell| cell.symbol()).collect::<String>())
            .map(|line| line.trim_end().to_owned())
            .collect()
    }

    fn around() -> Around {
        Around {
            title: "job 42: 3 ranks of solve".to_owned(),
            keys: "q leave",
            ..Around::default()
        }
    }

    #[test]
    fn ranks_heads_and_keys_are_drawn() {
        let mut view = View::default();
        let lines = drawn(&mut view, &around(), (100, 12));
        assert_eq!(lines[0], "job 42: 3 ranks of solve");
        assert!(lines[2].contains("waiting, 100% of it for rank 2"));
        assert!(lines[3].starts_with("RANK  STATE  CALL      FOR"));
        assert!(lines[4].starts_with("   0  waits  MPI_Recv  rank 2   1.2 s"));
        assert!(lines[11].starts_with("q leave  ↑↓ choose"));
        view.order = Order::Blame;
        let lines = drawn(&mut view, &around(), (100, 12));
        assert!(lines[4].starts_with("   2  works"));
    }

    #[test]
    fn details_output_and_help_have_their_place() {
        let mut around = around();
        around.output = Some((0..50).map(|n| format!("line {n}\n")).collect());
        let mut view = View::default();
        let all = drawn(&mut view, &around, (80, 24)).join("\n");
        assert!(all.contains("output") && all.contains("line 49") && !all.contains("line 3\n"));
        view.details = Some((1, "waits in MPI_Recv\n  at solve.c:7".to_owned()));
        let all = drawn(&mut view, &around, (80, 24)).join("\n");
        assert!(all.contains("rank 1") && all.contains("at solve.c:7") && !all.contains("line 49"));
        view.help = true;
        let all = drawn(&mut view, &around, (80, 30)).join("\n");
        assert!(all.contains("the end of the chain of waits"));
    }

    #[test]
    fn no_size_is_too_small() {
        let mut view = View {
            help: true,
            ..View::default()
        };
        view.table.select(Some(99));
        for size in [(1, 1), (2, 3), (10, 4), (300, 2)] {
            drawn(&mut view, &around(), size);
        }
        assert_eq!(view.table.selected(), Some(2));
    }
}
