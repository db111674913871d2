//! The small languages inside option values: `--bind-to`, `--map-by`, `--output`, `--stdin`
//! and numbers. Pure.

use std::path::{Path, PathBuf};

/// An object of the machine that ranks are mapped by or bound to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Object {
    /// A hardware thread.
    Hwthread,
    /// A core with all its hardware threads.
    Core,
    /// The cores that share a level-3 cache.
    L3cache,
    /// A NUMA node.
    Numa,
    /// A processor package (socket).
    Package,
}

/// What a rank is bound to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BindTo {
    /// Nothing: it may run wherever mpirun may.
    Nothing,
    /// So many objects of this kind. The number is 1 without a suffix as in `core:2`.
    To(Object, u32),
}

/// How ranks are laid out over the machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MapBy {
    /// One after the other, core by core.
    Slot,
    /// In turn over the hosts; on each, core by core.
    Node,
    /// In turn over the objects of this kind.
    Object(Object),
    /// So many ranks on each object of this kind.
    PerResource(u32, Object),
    /// So many ranks on the machine, core by core.
    PerMachine(u32),
    /// Rank i on the i-th of these processors (the kernel's numbers).
    List(Vec<u32>),
}

/// `--map-by` with its qualifier.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mapping {
    /// How ranks are laid out.
    pub by: MapBy,
    /// Cores for each rank (`PE=n`), by default 1.
    pub cores: u32,
}

/// Who reads mpirun's standard input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StdinReader {
    /// One rank, by number.
    Rank(u32),
    /// Every rank gets a copy.
    All,
    /// Nobody.
    Nobody,
}

/// `--output`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OutputOptions {
    /// Rank and stream before each line.
    pub tag: bool,
    /// The time before each line.
    pub timestamp: bool,
    /// Standard error goes to standard output.
    pub merge: bool,
    /// Pass bytes on as they come, not by whole lines.
    pub raw: bool,
    /// Output that goes to files does not go to mpirun's own output.
    pub nocopy: bool,
    /// `DIR/rank.N/stdout` and `stderr`.
    pub dir: Option<String>,
    /// `FILE.N.out` and `FILE.N.err`.
    pub file: Option<String>,
}

/// A number of ranks.
pub fn count(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(n) if n > 0 && i32::try_from(n).is_ok() => Ok(n),
        _ => Err(format!("wanted a number of ranks, from 1 to {}", i32::MAX)),
    }
}

/// A number of rounds of `--tune`.
pub fn rounds(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(n) if (1..=1000).contains(&n) => Ok(n),
        _ => Err("wanted a number from 1 to 1000".to_owned()),
    }
}

/// The name of an output file.
pub fn pattern(text: &str) -> Result<String, String> {
    match text {
        "" => Err("wanted the name of a file, with %r for the rank".to_owned()),
        name => Ok(name.to_owned()),
    }
}

/// A time in seconds.
pub fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(s) if s.is_finite() && s > 0.0 => Ok(s),
        _ => Err("wanted a number of seconds above 0".to_owned()),
    }
}

/// Seconds between two tables or pictures.
pub fn interval(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("wanted seconds from 0.1 to 86400".to_owned()),
    }
}

/// `--report`: the form of the report, and a file to write.
pub fn report(text: &str) -> Result<PathBuf, String> {
    match text.split_once(':') {
        Some(("json", name)) => file(name),
        Some((form, _)) => Err(format!("the form {form} is not known; it is json:FILE")),
        None => Err(format!("{text} names no form; it is json:FILE")),
    }
}

/// `--profile`, `--trace`: a file to write.
pub fn file(text: &str) -> Result<PathBuf, String> {
    match Path::new(text) {
        path if text.is_empty() || path.is_dir() || text.ends_with('/') => {
            Err("wanted the name of a file".to_owned())
        }
        path => Ok(path.to_path_buf()),
    }
}

/// `--set`: a setting's name in lowercase, and its value, which is checked here.
pub fn setting(text: &str) -> Result<(String, String), String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err("wanted NAME=VALUE".to_owned());
    };
    let (name, value) = (name.trim().to_lowercase(), value.trim());
    wireup::settings::Settings::default()
        .set(&name, value)
        .map_err(|wanted| format!("wanted {wanted}"))?;
    Ok((name, value.to_owned()))
}

/// Ranks that are listed; none: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RankList(pub Vec<u32>);

/// `--gdb`.
pub fn ranks(text: &str) -> Result<RankList, String> {
    match text {
        "" => Ok(RankList::default()),
        _ => numbers(text)
            .map(RankList)
            .ok_or_else(|| "wanted ranks, such as 0,2,4-7".to_owned()),
    }
}

/// `--stdin`.
pub fn stdin(text: &str) -> Result<StdinReader, String> {
    match text {
        "all" => Ok(StdinReader::All),
        "none" => Ok(StdinReader::Nobody),
        _ => text
            .parse()
            .map(StdinReader::Rank)
            .map_err(|_| "wanted a rank, all or none".to_owned()),
    }
}

fn object(word: &str) -> Option<Object> {
    Some(match word {
        "hwthread" | "thread" | "hwt" | "pu" => Object::Hwthread,
        "core" | "cpu" => Object::Core,
        "l3cache" | "l3" => Object::L3cache,
        "numa" => Object::Numa,
        "package" | "socket" => Object::Package,
        _ => return None,
    })
}

/// `--bind-to`: an object, with `:N` for several, or `none`.
pub fn bind(text: &str) -> Result<BindTo, String> {
    const SYNTAX: &str =
        "wanted one of hwthread core l3cache numa package socket board none, core:2 for two cores";
    let lower = text.to_lowercase();
    let (word, qualifier) = lower.split_once(':').unwrap_or((&lower, ""));
    let count = match qualifier {
        "" | "overload-allowed" | "if-supported" => 1,
        n => n.parse::<u32>().ok().filter(|n| *n > 0).ok_or(SYNTAX)?,
    };
    match word {
        "none" | "board" | "node" | "machine" => Ok(BindTo::Nothing),
        _ => object(word)
            .map(|o| BindTo::To(o, count))
            .ok_or_else(|| SYNTAX.to_owned()),
    }
}

/// `--map-by`.
pub fn map(text: &str) -> Result<Mapping, String> {
    const SYNTAX: &str = "wanted slot, core, hwthread, l3cache, numa, package, socket or node, \
        each with :PE=N if wanted, or ppr:N:OBJECT, or pe-list=P,P-P";
    let lower = text.to_lowercase();
    let mut words = lower.split(':');
    let first = words.next().unwrap_or_default();
    let mut cores = 1;
    let by = if let Some(list) = first.strip_prefix("pe-list=") {
        MapBy::List(numbers(list).ok_or(SYNTAX)?)
    } else if first == "ppr" {
        let n = words.next().and_then(|n| n.parse::<u32>().ok());
        let n = n.filter(|n| *n > 0).ok_or(SYNTAX)?;
        match words.next().unwrap_or_default() {
            "node" | "board" | "machine" => MapBy::PerMachine(n),
            word => MapBy::PerResource(n, object(word).ok_or(SYNTAX)?),
        }
    } else {
        match first {
            "slot" => MapBy::Slot,
            "node" | "board" | "machine" => MapBy::Node,
            word => MapBy::Object(object(word).ok_or(SYNTAX)?),
        }
    };
    for word in words {
        match word {
            "oversubscribe" | "nooversubscribe" | "overload-allowed" | "span" | "ordered" => {}
            _ => {
                let n = word.strip_prefix("pe=").unwrap_or(word).parse::<u32>();
                cores = n.ok().filter(|n| *n > 0).ok_or(SYNTAX)?;
            }
        }
    }
    Ok(Mapping { by, cores })
}

/// The numbers of a list such as `0,2,4-7`, in the order in which they are written.
pub fn numbers(list: &str) -> Option<Vec<u32>> {
    let mut out = Vec::new();
    for part in list.trim().split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (from.trim().parse::<u32>().ok()?, to.trim().parse().ok()?);
        if from > to || to - from > 1 << 20 {
            return None;
        }
        out.extend(from..=to);
    }
    Some(out)
}

/// `--output`: words separated by commas, or by colons as Open MPI writes qualifiers.
pub fn output(text: &str) -> Result<OutputOptions, String> {
    let mut out = OutputOptions::default();
    for word in text.split([',', ':']) {
        match word {
            "tag" | "tag-detailed" | "tag-fullname" => out.tag = true,
            "timestamp" => out.timestamp = true,
            "merge" | "merge-stderr-to-stdout" => out.merge = true,
            "raw" => out.raw = true,
            "nocopy" => out.nocopy = true,
            "copy" => out.nocopy = false,
            _ => match word.split_once('=') {
                Some(("dir" | "directory", d)) if !d.is_empty() => out.dir = Some(d.to_owned()),
                Some(("file" | "filename", f)) if !f.is_empty() => out.file = Some(f.to_owned()),
                _ => {
                    return Err(format!(
                        "{word} is none of tag, timestamp, merge, raw, nocopy, dir=DIR, file=FILE"
                    ));
                }
            },
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_in_all_spellings() {
        let plain = |by| Mapping { by, cores: 1 };
        assert_eq!(map("slot"), Ok(plain(MapBy::Slot)));
        assert_eq!(map("Socket"), Ok(plain(MapBy::Object(Object::Package))));
        let two = Mapping {
            by: MapBy::Object(Object::Numa),
            cores: 2,
        };
        assert_eq!(map("numa:PE=2"), Ok(two.clone()));
        assert_eq!(map("numa:2"), Ok(two));
        assert_eq!(
            map("ppr:2:l3cache:oversubscribe"),
            Ok(plain(MapBy::PerResource(2, Object::L3cache)))
        );
        assert_eq!(
            map("pe-list=0,4-6"),
            Ok(plain(MapBy::List(vec![0, 4, 5, 6])))
        );
        assert!(map("pe-list=6-4").is_err() && map("chair").is_err() && map("core:PE=0").is_err());
    }

    #[test]
    fn binds_in_all_spellings() {
        assert_eq!(bind("core:2"), Ok(BindTo::To(Object::Core, 2)));
        assert_eq!(
            bind("core:overload-allowed"),
            Ok(BindTo::To(Object::Core, 1))
        );
        assert_eq!(bind("none"), Ok(BindTo::Nothing));
        assert!(bind("core:0").is_err() && bind("l9cache").is_err());
    }

    #[test]
    fn output_words() {
        let out = output("tag,timestamp,dir=x:nocopy").unwrap();
        assert!(out.tag && out.timestamp && out.nocopy);
        assert_eq!(out.dir.as_deref(), Some("x"));
        assert!(output("dir=").is_err());
    }
}
