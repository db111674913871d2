//! A plot as SVG: sizes along x (powers of two), values along y (powers of ten).

use std::fmt::Write;

/// One line of the plot, a value per size.
pub struct Series {
    pub name: &'static str,
    pub values: Vec<f64>,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 480.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = WIDTH - 24.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = HEIGHT - 56.0;
const COLOURS: [&str; 4] = ["#0b62a4", "#d1495b", "#2e8b57", "#e08e0b"];

/// Logarithms of what the axes span.
struct Axes {
    x: (f64, f64),
    y: (f64, f64),
}

/// Size 0 has no logarithm: it stands one step left of size 1.
fn log_size(size: usize) -> f64 {
    if size == 0 {
        -1.0
    } else {
        (size as f64).log2()
    }
}

impl Axes {
    fn new(sizes: &[usize], series: &[Series]) -> Axes {
        let logs = || {
            let values = series.iter().flat_map(|series| &series.values);
            values
                .filter(|&&value| value > 0.0)
                .map(|value| value.log10())
        };
        let low = logs().fold(f64::INFINITY, f64::min).floor();
        let low = if low.is_finite() { low } else { 0.0 };
        let high = logs().fold(low + 1.0, f64::max).ceil();
        let end = |size: Option<&usize>| log_size(size.copied().unwrap_or(1));
        Axes {
            x: (end(sizes.first()), end(sizes.last())),
            y: (low, high),
        }
    }

    fn at_x(&self, size: usize) -> f64 {
        let range = (self.x.1 - self.x.0).max(1.0);
        LEFT + (log_size(size) - self.x.0) / range * (RIGHT - LEFT)
    }

    fn at_y(&self, value: f64) -> f64 {
        BOTTOM - (value.log10() - self.y.0) / (self.y.1 - self.y.0) * (BOTTOM - TOP)
    }

    fn grid(&self, svg: &mut String, sizes: &[usize]) {
        let mut across = |class: &str, value: f64| {
            let y = self.at_y(value);
            _ = write!(
                svg,
                "<line class='{class}' x1='{LEFT}' y1='{y:.1}' x2='{RIGHT}' y2='{y:.1}'/>"
            );
            if class == "grid" {
                let (x, y) = (LEFT - 8.0, y + 4.0);
                _ = write!(
                    svg,
                    "<text x='{x}' y='{y:.1}' text-anchor='end'>{value}</text>"
                );
            }
            svg.push('\n');
        };
        for decade in self.y.0 as i32..=self.y.1 as i32 {
            let value = 10f64.powi(decade);
            across("grid", value);
            if f64::from(decade) < self.y.1 {
                (2..10).for_each(|step| across("fine", value * f64::from(step)));
            }
        }
        for size in sizes.iter().step_by(if sizes.len() > 12 { 2 } else { 1 }) {
            let (x, y) = (self.at_x(*size), BOTTOM + 18.0);
            _ = write!(
                svg,
                "<line class='grid' x1='{x:.1}' y1='{TOP}' x2='{x:.1}' y2='{BOTTOM}'/>"
            );
            _ = writeln!(
                svg,
                "<text x='{x:.1}' y='{y}' text-anchor='middle'>{}</text>",
                short(*size)
            );
        }
    }

    fn line(&self, svg: &mut String, sizes: &[usize], series: &Series, colour: &str) {
        let points: Vec<(f64, f64)> = sizes
            .iter()
            .zip(&series.values)
            .filter(|&(_, &value)| value > 0.0)
            .map(|(&size, &value)| (self.at_x(size), self.at_y(value)))
            .collect();
        let path: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let path = path.join(" ");
        _ = writeln!(
            svg,
            "<polyline fill='none' stroke='{colour}' stroke-width='2' points='{path}'/>"
        );
        for (x, y) in points {
            _ = writeln!(
                svg,
                "<circle cx='{x:.1}' cy='{y:.1}' r='3' fill='{colour}'/>"
            );
        }
    }
}

fn short(size: usize) -> String {
    match size {
        0..1024 => size.to_string(),
        1024..1_048_576 => format!("{}K", size >> 10),
        _ => format!("{}M", size >> 20),
    }
}

/// Draws the series over the sizes.
pub fn draw(title: &str, sizes: &[usize], series: &[Series]) -> String {
    let axes = Axes::new(sizes, series);
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' \
         font-family='sans-serif' font-size='12'>\n\
         <style>.grid{{stroke:#bbb}}.fine{{stroke:#eee}}</style>\n\
         <rect width='{WIDTH}' height='{HEIGHT}' fill='white'/>\n"
    );
    axes.grid(&mut svg, sizes);
    for (series, colour) in series.iter().zip(COLOURS.iter().cycle()) {
        axes.line(&mut svg, sizes, series, colour);
    }
    for (index, (series, colour)) in series.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let y = TOP + 18.0 + 18.0 * index as f64;
        let (bar, text) = (LEFT + 14.0, LEFT + 34.0);
        _ = write!(
            svg,
            "<rect x='{bar}' y='{}' width='14' height='4' fill='{colour}'/>",
            y - 6.0
        );
        _ = writeln!(svg, "<text x='{text}' y='{y}'>{}</text>", series.name);
    }
    let (middle, foot) = (WIDTH / 2.0, HEIGHT - 12.0);
    _ = writeln!(
        svg,
        "<text x='{middle}' y='28' font-size='16' text-anchor='middle'>{title}</text>"
    );
    _ = writeln!(
        svg,
        "<text x='{middle}' y='{foot}' text-anchor='middle'>message size (bytes)</text>\n</svg>"
    );
    svg
}
