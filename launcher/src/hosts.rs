//! `-H`, `-hosts`, `--hostfile`, `-f`: which hosts a job is to run on, in the spellings of
//! both common launchers.

use crate::cli::JobOptions;

/// A host that was named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Host {
    /// Its name, perhaps with a user in front: `user@name`.
    pub name: String,
    /// How many ranks it offers, if that was said.
    pub slots: Option<u32>,
}

impl Host {
    /// Whether it is this machine.
    pub fn is_local(&self) -> bool {
        is_this_machine(&self.name)
    }
}

/// Whether a host's name is one of this machine's.
pub fn is_this_machine(name: &str) -> bool {
    let own = nix::unistd::gethostname().unwrap_or_default();
    is_local(name, &own.to_string_lossy())
}

/// The hosts that the options name, each once.
///
/// # Errors
/// A number is none, or a file cannot be read.
pub fn list(global: &JobOptions) -> Result<Vec<Host>, String> {
    let mut hosts = match &global.host {
        Some(list) => of_list(list)?,
        None => Vec::new(),
    };
    if let Some(file) = &global.hostfile {
        let text = std::fs::read_to_string(file)
            .map_err(|why| format!("hostfile {}: {why}", file.display()))?;
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if !line.is_empty() {
                let host =
                    entry(line).map_err(|why| format!("hostfile {}: {why}", file.display()))?;
                add(&mut hosts, host);
            }
        }
    }
    Ok(hosts)
}

/// The hosts of a list with commas. One without a number offers one rank for each time that
/// it is named.
///
/// # Errors
/// A number is none.
pub fn of_list(list: &str) -> Result<Vec<Host>, String> {
    let mut hosts = Vec::new();
    for one in list.split(',').filter(|one| !one.trim().is_empty()) {
        let host = entry(one.trim())?;
        let slots = host.slots.or(Some(1));
        add(&mut hosts, Host { slots, ..host });
    }
    Ok(hosts)
}

/// The hosts of a list with commas, as they stand there.
///
/// # Errors
/// A number is none.
pub fn as_named(list: &str) -> Result<Vec<Host>, String> {
    let entries = list.split(',').map(str::trim);
    entries.filter(|one| !one.is_empty()).map(entry).collect()
}

/// How many ranks the hosts of a job on this machine offer together, if any of the entries
/// says so.
///
/// # Errors
/// As [`list`], or a host is another machine.
pub fn ranks(global: &JobOptions) -> Result<Option<u32>, String> {
    let hosts = list(global)?;
    if let Some(other) = hosts.iter().find(|host| !host.is_local()) {
        return Err(format!(
            "host {} is not this machine, on which all ranks of this job run",
            other.name
        ));
    }
    let says = |text: &str| text.contains(':') && !text.starts_with("::");
    let listed = global.host.as_deref().is_some_and(says);
    let offered = hosts.iter().filter_map(|host| host.slots);
    let offered: u32 = offered.fold(0, u32::saturating_add);
    let counts = listed || global.hostfile.is_some();
    Ok((counts && offered > 0).then_some(offered))
}

/// Adds a host, or its slots to those that it has.
fn add(hosts: &mut Vec<Host>, host: Host) {
    match hosts.iter_mut().find(|known| known.name == host.name) {
        Some(known) => {
            known.slots = match (known.slots, host.slots) {
                (Some(a), Some(b)) => Some(a.saturating_add(b)),
                (a, b) => a.or(b),
            };
        }
        None => hosts.push(host),
    }
}

/// One entry: `name`, `name:4` or `name slots=4 …`.
fn entry(entry: &str) -> Result<Host, String> {
    let mut words = entry.split_whitespace();
    let first = words.next().unwrap_or_default();
    let (name, mut slots) = match first.rsplit_once(':') {
        Some((name, n)) if !name.contains(':') || name.ends_with(']') => (name, Some(n)),
        _ => (first, None), // an IPv6 address has colons of its own
    };
    for word in words {
        slots = word.strip_prefix("slots=").or(slots);
    }
    let number = |n: &str| n.parse::<u32>().ok().filter(|n| *n > 0);
    let slots = match slots {
        Some(n) => Some(
            number(n)
                .ok_or_else(|| format!("host {entry}: wanted a number of ranks, 1 or more"))?,
        ),
        None => None,
    };
    if name.is_empty() || name.starts_with('-') {
        return Err(format!(
            "host {entry:?}: wanted a name, and :RANKS if wanted"
        ));
    }
    Ok(Host {
        name: name.to_owned(),
        slots,
    })
}

fn is_local(name: &str, own: &str) -> bool {
    let short = |n: &str| n.split('.').next().unwrap_or_default().to_lowercase();
    let name = name.rsplit('@').next().unwrap_or(name);
    matches!(
        name,
        "localhost" | "localhost.localdomain" | "::1" | "[::1]" | "ip6-localhost"
    ) || name.starts_with("127.")
        || name.eq_ignore_ascii_case(own)
        || (!name.starts_with(|c: char| c.is_ascii_digit()) && short(name) == short(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(list: &str) -> Result<Option<u32>, String> {
        ranks(&JobOptions {
            host: Some(list.to_owned()),
            ..JobOptions::default()
        })
    }

    #[test]
    fn names_of_this_machine_offer_ranks() {
        assert_eq!(hosts("localhost"), Ok(None));
        assert_eq!(hosts("localhost:2,127.0.0.1:3"), Ok(Some(5)));
        assert!(hosts("localhost:0").is_err());
        assert!(hosts("-x:2").is_err());
        let said = hosts("localhost,other.example").unwrap_err();
        assert!(said.contains("other.example"), "{said}");
    }

    #[test]
    fn both_dialects_are_read() {
        let host = |name: &str, slots| Host {
            name: name.to_owned(),
            slots,
        };
        assert_eq!(entry("a:4"), Ok(host("a", Some(4))));
        assert_eq!(
            entry("u@a.b slots=3 max_slots=9"),
            Ok(host("u@a.b", Some(3)))
        );
        assert_eq!(entry("a"), Ok(host("a", None)));
        assert_eq!(entry("fe80::1"), Ok(host("fe80::1", None)));
        assert!(entry("a slots=x").is_err());
        assert_eq!(
            of_list("a,b:2,a").unwrap(),
            [host("a", Some(2)), host("b", Some(2))]
        );
        assert!(!host("other.example", None).is_local());
        assert!(host("localhost", None).is_local());
    }

    #[test]
    fn files_are_read_and_named_in_errors() {
        let file = std::env::temp_dir().join(format!("hosts-{}", std::process::id()));
        std::fs::write(&file, "# all\na:2\nb slots=1\n\nc # last\n").unwrap();
        let options = JobOptions {
            hostfile: Some(file.clone()),
            ..JobOptions::default()
        };
        let names: Vec<_> = list(&options)
            .unwrap()
            .into_iter()
            .map(|h| h.name)
            .collect();
        assert_eq!(names, ["a", "b", "c"]);
        std::fs::write(&file, "a:none\n").unwrap();
        let said = list(&options).unwrap_err();
        assert!(
            said.contains("hostfile") && said.contains("a:none"),
            "{said}"
        );
        std::fs::remove_file(&file).unwrap();
    }
}
