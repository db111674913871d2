//! The table of a rank's regions, as `mpirun --report-regions` prints it.

use super::lines::Line;
use super::maps::{Region, RegionKind};
use std::fmt::Write;
use std::io;

/// A mapping and the bytes of it that are in memory.
struct Resident {
    start: usize,
    end: usize,
    bytes: usize,
}

/// Bytes in memory of each of `regions`, in their order. A mapping that belongs to
/// several regions in part counts in each by its share of addresses.
pub fn resident(regions: &[Region]) -> io::Result<Vec<usize>> {
    let mappings = parse_smaps(&std::fs::read_to_string("/proc/self/smaps")?);
    Ok(regions
        .iter()
        .map(|region| resident_in(region, &mappings))
        .collect())
}

fn resident_in(region: &Region, mappings: &[Resident]) -> usize {
    let parts = mappings.iter().filter_map(|mapping| {
        let start = region.start.max(mapping.start);
        let end = region.end().min(mapping.end);
        let share = end.checked_sub(start).filter(|n| *n > 0)? as u128;
        let bytes = mapping.bytes as u128 * share / (mapping.end - mapping.start) as u128;
        usize::try_from(bytes).ok()
    });
    parts.sum()
}

fn parse_smaps(text: &str) -> Vec<Resident> {
    let mut found: Vec<Resident> = Vec::new();
    for line in text.lines() {
        if let Some(mapping) = Line::parse(line.as_bytes()) {
            found.push(Resident {
                start: mapping.start,
                end: mapping.end,
                bytes: 0,
            });
        } else if let (Some(rest), Some(last)) = (line.strip_prefix("Rss:"), found.last_mut()) {
            let kilobytes = rest.trim().trim_end_matches(" kB").parse::<usize>();
            last.bytes = kilobytes.unwrap_or(0) << 10;
        }
    }
    found
}

/// The table of `rank`: a line for each region, with its addresses, size, bytes in
/// memory (`-` where `resident` does not say) and the arm by which peers reach it.
pub fn table(
    rank: u32,
    regions: &[Region],
    resident: Option<&[usize]>,
    arm: impl Fn(&Region) -> String,
) -> String {
    let mut text = format!("rank {rank}: regions\n");
    let mut last = None;
    for (i, region) in regions.iter().enumerate() {
        let kind = match last == Some(region.kind) {
            true => "",
            false => name(region.kind),
        };
        last = Some(region.kind);
        let in_memory = resident
            .and_then(|all| all.get(i))
            .map_or("-".to_owned(), |n| size(*n));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  {kind:<16} {:>14x}-{:<14x} {:>9} {in_memory:>9}  {:<8} {}",
            region.start,
            region.end(),
            size(region.len),
            arm(region),
            region.what
        );
    }
    text
}

/// A region's name in the table.
pub fn name(kind: RegionKind) -> &'static str {
    match kind {
        RegionKind::Internal => "internal buffers",
        RegionKind::Static => "static data",
        RegionKind::Stack => "stack",
        RegionKind::Heap => "heap",
        RegionKind::Text => "text",
        RegionKind::Whole => "whole",
    }
}

/// Bytes with a unit, whole where they are whole: `132 KiB`, `1.5 MiB`.
pub fn size(bytes: usize) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut scale = 1usize;
    while unit + 1 < UNITS.len() && bytes / scale >= 1024 {
        (scale, unit) = (scale << 10, unit + 1);
    }
    let tenths = (bytes % scale) * 10 / scale;
    match tenths {
        0 => format!("{} {}", bytes / scale, UNITS[unit]),
        _ => format!("{}.{tenths} {}", bytes / scale, UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (132 << 10, "132 KiB"),
            (3 << 19, "1.5 MiB"),
            ((1 << 47) - 4096, "127.9 TiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn resident_bytes_are_those_of_the_mappings() {
        let text = "1000-3000 rw-p 00000000 00:00 0 \nSize: 8 kB\nRss:   4 kB\nPss: 1 kB\n\
                    5000-6000 r--p 00000000 00:00 7   /x\nRss: 4 kB\n";
        let region = |start, len| Region {
            kind: RegionKind::Heap,
            start,
            len,
            what: "x".to_owned(),
        };
        let mappings = parse_smaps(text);
        assert_eq!(resident_in(&region(0x1000, 0x2000), &mappings), 4096);
        assert_eq!(resident_in(&region(0x1000, 0x1000), &mappings), 2048);
        assert_eq!(resident_in(&region(0x0, 0x10000), &mappings), 8192);
        assert_eq!(resident_in(&region(0x3000, 0x1000), &mappings), 0);
    }

    #[test]
    fn the_table_has_a_line_for_each_region() {
        let region = |kind, start: usize, what: &str| Region {
            kind,
            start,
            len: 0x21000,
            what: what.to_owned(),
        };
        let regions = [
            region(RegionKind::Static, 0x40_0000, "program"),
            region(RegionKind::Static, 0x7f00_0000_0000, "libc.so.6"),
            region(RegionKind::Heap, 0x50_0000, "[heap]"),
        ];
        let arm = |r: &Region| if r.what == "program" { "shared" } else { "cma" }.to_owned();
        let text = table(3, &regions, Some(&[4096, 8192, 0]), arm);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[0].contains("rank 3"));
        let words: Vec<_> = lines[1].split_whitespace().collect();
        assert_eq!(
            words,
            [
                "static",
                "data",
                "400000-421000",
                "132",
                "KiB",
                "4",
                "KiB",
                "shared",
                "program"
            ]
        );
        assert!(
            lines[2]
                .trim_start()
                .starts_with("7f0000000000-7f0000021000")
        );
        assert!(lines[3].contains("heap") && lines[3].contains("cma"));
    }
}
