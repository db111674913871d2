//! `-H`, `-hosts`, `--hostfile`, `-f`. All ranks run on this machine, so that only its names
//! are accepted.

use crate::cli::JobOptions;

/// Checks all names. Returns how many ranks they offer together, if any of them says so.
///
/// # Errors
/// A name is another machine's, or a file cannot be read.
pub fn ranks(global: &JobOptions) -> Result<Option<u32>, String> {
    let own = nix::unistd::gethostname().unwrap_or_default();
    let own = own.to_string_lossy();
    let mut offered = None;
    if let Some(list) = &global.host {
        for entry in list.split(',').filter(|e| !e.trim().is_empty()) {
            add(&mut offered, entry, &own)?;
        }
    }
    if let Some(file) = &global.hostfile {
        let text = std::fs::read_to_string(file)
            .map_err(|why| format!("hostfile {}: {why}", file.display()))?;
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if !line.is_empty() {
                add(&mut offered, line, &own)
                    .map_err(|why| format!("hostfile {}: {why}", file.display()))?;
            }
        }
    }
    Ok(offered)
}

/// Checks one entry, `name`, `name:4` or `name slots=4 …`, and adds its ranks.
fn add(offered: &mut Option<u32>, entry: &str, own: &str) -> Result<(), String> {
    let mut words = entry.split_whitespace();
    let first = words.next().unwrap_or_default();
    let (name, mut slots) = match first.rsplit_once(':') {
        Some((name, n)) if !name.contains(':') => (name, Some(n)),
        _ => (first, None), // an IPv6 address has colons of its own
    };
    for word in words {
        slots = word.strip_prefix("slots=").or(slots);
    }
    if !is_local(name, own) {
        return Err(format!(
            "host {name} is not this machine ({own}): all ranks run here, \
             so only localhost or {own} can be named"
        ));
    }
    if let Some(n) = slots {
        let n = n.parse::<u32>().ok().filter(|n| *n > 0);
        let n = n.ok_or_else(|| format!("host {entry}: wanted a number of ranks, 1 or more"))?;
        *offered = Some(offered.unwrap_or(0).saturating_add(n));
    }
    Ok(())
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
    use super::ranks;
    use crate::cli::JobOptions;

    fn hosts(list: &str) -> Result<Option<u32>, String> {
        ranks(&JobOptions {
            host: Some(list.to_owned()),
            ..JobOptions::default()
        })
    }

    #[test]
    fn this_machine_only() {
        assert_eq!(hosts("localhost"), Ok(None));
        assert_eq!(hosts("localhost:2,127.0.0.1:3"), Ok(Some(5)));
        let said = hosts("localhost,other.example").unwrap_err();
        assert!(said.contains("other.example"), "{said}");
        assert!(hosts("localhost:0").is_err());
    }
}
