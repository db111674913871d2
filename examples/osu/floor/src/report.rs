//! The figures as columns and as JSON.

use crate::experiment::BufferUse;
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
        format!(
            "{{\"program\": \"floor\", \"cores\": [{}, {}], \"dirty\": {}, \"read\": {}, \"ping_pong_ns\": {:.2}, \"ping_pong_after_ns\": {:.2},\n \"rows\": [{}]}}\n",
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
            "{{\"size\": {}, \"mapped_one_us\": {:.5}, \"mapped_both_us\": {:.5}, \"cma_us\": {cma}, \"memcpy_us\": {:.5}}}",
            self.size,
            self.mapped_one * 1e6,
            self.mapped_both * 1e6,
            self.copy * 1e6
        )
    }
}
