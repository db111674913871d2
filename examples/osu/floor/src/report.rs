//! The figures as columns and as JSON.

use crate::experiment::BufferUse;
use crate::primitives::Primitives;
use std::fmt::Write;

/// All that was measured; times in seconds.
pub struct Limits {
    pub cores: [usize; 2],
    pub buffer_use: BufferUse,
    /// Half a round trip of a cache line, a line per direction.
    pub ping_pong: f64,
    /// The same at the end: another value tells that a virtual machine's cores
    /// were moved meanwhile.
    pub ping_pong_after: f64,
    pub primitives: Option<Primitives>,
    pub rows: Vec<Row>,
}

/// One size.
pub struct Row {
    pub size: usize,
    pub mapped_one: f64,
    pub mapped_both: f64,
    /// Absent where `process_vm_readv` is not permitted.
    pub cma: Option<f64>,
    pub copy: f64,
    /// Half a round trip of a cache line before and after.
    pub probes: [f64; 2],
}

const HEADS: [&str; 4] = [
    "Mapped, one (us)",
    "Mapped, both (us)",
    "CMA read (us)",
    "memcpy alone (us)",
];

impl Limits {
    /// The benchmarks' columns.
    pub fn columns(&self) -> String {
        let mut text = format!(
            "# Raw limits between cores {} and {} (Lariat)\n# Cache-line ping-pong: {:.1} ns half round trip, {:.1} ns at the end\n",
            self.cores[0],
            self.cores[1],
            self.ping_pong * 1e9,
            self.ping_pong_after * 1e9
        );
        text += match self.buffer_use {
            BufferUse::LeftAlone => "",
            BufferUse::Rewritten => {
                "# Buffers rewritten before each transfer, the rewriting not counted\n"
            }
            BufferUse::RewrittenAndRead => {
                "# Buffers rewritten before each transfer and read after it, all of it counted\n"
            }
        };
        if let Some(primitives) = &self.primitives {
            text += &primitives.columns();
        }
        if !self.rows.is_empty() {
            text += "# Size    ";
            HEADS.iter().for_each(|head| _ = write!(text, "{head:>20}"));
            text.push('\n');
        }
        for row in &self.rows {
            _ = write!(text, "{:<10}", row.size);
            for value in [
                Some(row.mapped_one),
                Some(row.mapped_both),
                row.cma,
                Some(row.copy),
            ] {
                _ = match value {
                    Some(seconds) => write!(text, "{:>20.3}", seconds * 1e6),
                    None => write!(text, "{:>20}", "-"),
                };
            }
            text.push('\n');
        }
        text
    }

    /// One JSON object; times in the units that the keys name.
    pub fn json(&self) -> String {
        let rows: Vec<String> = self.rows.iter().map(Row::json).collect();
        let primitives = self.primitives.as_ref().map_or(String::new(), |p| {
            format!(" \"primitives\": {},\n", p.json())
        });
        format!(
            "{{\"program\": \"floor\", \"cores\": [{}, {}], \"dirty\": {}, \"read\": {}, \"ping_pong_ns\": {:.2}, \"ping_pong_after_ns\": {:.2},\n{primitives} \"rows\": [{}]}}\n",
            self.cores[0],
            self.cores[1],
            self.buffer_use != BufferUse::LeftAlone,
            self.buffer_use == BufferUse::RewrittenAndRead,
            self.ping_pong * 1e9,
            self.ping_pong_after * 1e9,
            rows.join(",\n  ")
        )
    }
}

impl Row {
    fn json(&self) -> String {
        let cma = self
            .cma
            .map_or("null".into(), |seconds| format!("{:.5}", seconds * 1e6));
        format!(
            "{{\"size\": {}, \"mapped_one_us\": {:.5}, \"mapped_both_us\": {:.5}, \"cma_us\": {cma}, \"memcpy_us\": {:.5}, \"probe_ns\": [{:.1}, {:.1}]}}",
            self.size,
            self.mapped_one * 1e6,
            self.mapped_both * 1e6,
            self.copy * 1e6,
            self.probes[0] * 1e9,
            self.probes[1] * 1e9
        )
    }
}

impl Primitives {
    fn columns(&self) -> String {
        let mut text = format!(
            "# One line that both write: {:.1} ns half round trip\n# Lines one way: {:.1} ns each\n# Woken by futex on another core: {:.2} us half round trip\n# Core handed over by sched_yield: {:.2} us half round trip\n",
            self.shared_line * 1e9,
            self.stream_line * 1e9,
            self.futex_wake * 1e6,
            self.yield_hand_over * 1e6
        );
        for (count, seconds) in &self.starts {
            _ = writeln!(
                text,
                "# Start to end of {count} processes: {:.3} ms",
                seconds * 1e3
            );
        }
        text
    }

    fn json(&self) -> String {
        let starts: Vec<String> = self
            .starts
            .iter()
            .map(|(count, seconds)| format!("\"{count}\": {:.5}", seconds * 1e3))
            .collect();
        format!(
            "{{\"shared_line_ns\": {:.2}, \"stream_line_ns\": {:.2}, \"futex_wake_us\": {:.4}, \"yield_us\": {:.4}, \"starts_ms\": {{{}}}}}",
            self.shared_line * 1e9,
            self.stream_line * 1e9,
            self.futex_wake * 1e6,
            self.yield_hand_over * 1e6,
            starts.join(", ")
        )
    }
}
