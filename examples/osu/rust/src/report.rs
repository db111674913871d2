//! Results: OSU's columns on stdout, JSON, and the data of the plot.

use crate::{Bench, Family, plot};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

/// A column of values.
#[derive(Clone, Copy)]
pub struct Column {
    /// As OSU heads it.
    pub title: &'static str,
    /// In JSON.
    pub key: &'static str,
    decimals: usize,
    plotted: bool,
}

impl Column {
    pub const fn plotted(title: &'static str, key: &'static str) -> Column {
        Column {
            title,
            key,
            decimals: 2,
            plotted: true,
        }
    }

    pub const fn value(title: &'static str, key: &'static str) -> Column {
        Column {
            title,
            key,
            decimals: 2,
            plotted: false,
        }
    }

    pub const fn count(title: &'static str, key: &'static str) -> Column {
        Column {
            title,
            key,
            decimals: 0,
            plotted: false,
        }
    }
}

struct Row {
    size: usize,
    values: Vec<f64>,
    valid: bool,
}

/// What was measured so far.
pub struct Report {
    columns: Vec<Column>,
    rows: Vec<Row>,
}

/// Whether this rank prints columns as they come.
fn prints(bench: &Bench) -> bool {
    let json_on_stdout = matches!(bench.options.json, Some(None));
    bench.rank() == 0 && bench.program.family != Family::Startup && !json_on_stdout
}

/// A closed stdout ends the output, not the measurement.
fn say(text: &str) {
    _ = writeln!(io::stdout(), "{text}").and_then(|()| io::stdout().flush());
}

impl Report {
    /// Prints the head of the table.
    pub fn begin(bench: &Bench, columns: &[Column]) -> Report {
        let report = Report {
            columns: columns.to_vec(),
            rows: Vec::new(),
        };
        if prints(bench) {
            say(&report.head(bench));
        }
        report
    }

    fn head(&self, bench: &Bench) -> String {
        let mut head = format!("# OSU-style {} (Lariat, in Rust)\n", bench.program.title);
        if bench.options.dirty {
            head += "# Buffers rewritten before each send, the rewriting not counted\n";
        }
        if bench.options.read {
            head += "# What is sent is rewritten, what is received is read, all of it counted\n";
        }
        if bench.program.many_pairs {
            _ = write!(head, "# [ pairs: {} ]", bench.options.pairs.unwrap_or(1));
            if bench.program.family == Family::Bandwidth {
                _ = write!(head, " [ window size: {} ]", bench.options.window());
            }
            head.push('\n');
        }
        _ = write!(
            head,
            "{:<10}",
            if bench.program.sizeless {
                "#"
            } else {
                "# Size"
            }
        );
        for column in &self.columns {
            _ = write!(head, "{:>20}", column.title);
        }
        if bench.options.validate {
            _ = write!(head, "{:>20}", "Validation");
        }
        head
    }

    /// Takes one line, a value per column.
    pub fn row(&mut self, bench: &Bench, size: usize, values: &[f64], valid: bool) {
        if prints(bench) {
            let size = if bench.program.sizeless {
                String::new()
            } else {
                size.to_string()
            };
            let mut line = format!("{size:<10}");
            for (column, value) in self.columns.iter().zip(values) {
                _ = write!(line, "{value:>20.*}", column.decimals);
            }
            if bench.options.validate {
                _ = write!(line, "{:>20}", if valid { "Pass" } else { "Fail" });
            }
            say(&line);
        }
        self.rows.push(Row {
            size,
            values: values.to_vec(),
            valid,
        });
    }

    /// Writes JSON and plot at rank 0; false if a file could not be written or
    /// a check failed.
    pub fn end(&self, bench: &Bench) -> bool {
        if bench.rank() != 0 {
            return true;
        }
        let json = match &bench.options.json {
            None => true,
            Some(None) => {
                say(self.json(bench).trim_end());
                true
            }
            Some(Some(file)) => write_file(bench, file, &self.json(bench)),
        };
        let plot = match &bench.options.plot {
            None => true,
            Some(file) => write_file(bench, file, &self.plot(bench)),
        };
        json && plot && self.rows.iter().all(|row| row.valid)
    }

    fn json(&self, bench: &Bench) -> String {
        let library = mpi::environment::library_version().unwrap_or_default();
        let library = library.lines().next().unwrap_or_default();
        let rows: Vec<String> = self
            .rows
            .iter()
            .map(|row| self.json_row(bench, row))
            .collect();
        format!(
            "{{\"program\": \"{}\", \"title\": \"{}\", \"library\": {}, \"ranks\": {}, \"dirty\": {}, \"read\": {},\n \"rows\": [\n  {}\n]}}\n",
            bench.program.name,
            bench.program.title,
            json_string(library),
            bench.ranks(),
            bench.options.rewrites(),
            bench.options.read,
            rows.join(",\n  ")
        )
    }

    fn json_row(&self, bench: &Bench, row: &Row) -> String {
        let mut fields = Vec::new();
        if !bench.program.sizeless {
            fields.push(format!("\"size\": {}", row.size));
        }
        for (column, value) in self.columns.iter().zip(&row.values) {
            fields.push(format!("\"{}\": {value:.5}", column.key));
        }
        if bench.options.validate {
            fields.push(format!("\"valid\": {}", row.valid));
        }
        format!("{{{}}}", fields.join(", "))
    }

    fn plot(&self, bench: &Bench) -> String {
        let sizes: Vec<usize> = self.rows.iter().map(|row| row.size).collect();
        let of_column = |index: usize| self.rows.iter().map(|row| row.values[index]).collect();
        let series: Vec<plot::Series> = (0..self.columns.len())
            .filter(|&index| self.columns[index].plotted)
            .map(|index| plot::Series {
                name: self.columns[index].title,
                values: of_column(index),
            })
            .collect();
        let title = format!("{}, {} ranks", bench.program.title, bench.ranks());
        plot::draw(&title, &sizes, &series)
    }
}

fn json_string(text: &str) -> String {
    let escaped: String = text
        .chars()
        .filter(|c| !c.is_control())
        .flat_map(|c| {
            matches!(c, '"' | '\\')
                .then_some('\\')
                .into_iter()
                .chain([c])
        })
        .collect();
    format!("\"{escaped}\"")
}

fn write_file(bench: &Bench, file: &Path, text: &str) -> bool {
    let written = std::fs::write(file, text);
    if let Err(error) = &written {
        eprintln!(
            "{}: cannot write '{}': {error}",
            bench.program.name,
            file.display()
        );
    }
    written.is_ok()
}
