//! PBS, LSF and Grid Engine: they list the hosts of an allocation, each as often as it has
//! places for ranks, or with a number.

use super::number;
use crate::hosts::is_this_machine;

/// PBS and Torque: a file with a line for each rank, or numbers.
///
/// # Errors
/// As [`super::find`].
pub fn pbs(get: impl Fn(&str) -> Option<String>) -> Result<Option<u32>, String> {
    if let Some(file) = get("PBS_NODEFILE") {
        let text = std::fs::read_to_string(&file)
            .map_err(|why| format!("PBS_NODEFILE={file}: {why}; -n RANKS overrides it"))?;
        let hosts = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let hosts: Vec<(&str, u32)> = hosts.map(|host| (host, 1)).collect();
        if !hosts.is_empty() {
            return sum("PBS", &hosts, "--hostfile $PBS_NODEFILE").map(Some);
        }
    }
    if get("PBS_JOBID").is_none() {
        return Ok(None);
    }
    first(get, &["PBS_NP", "NCPUS"])
}

/// LSF: a list of hosts and numbers in turn, a list of hosts, or a number.
///
/// # Errors
/// As [`super::find`].
pub fn lsf(get: impl Fn(&str) -> Option<String>) -> Result<Option<u32>, String> {
    if let Some(list) = get("LSB_MCPU_HOSTS") {
        let words: Vec<&str> = list.split_whitespace().collect();
        let pairs = words.chunks(2).map(|pair| match pair {
            [host, n] => Ok((*host, number("LSB_MCPU_HOSTS", n)?)),
            _ => Err(format!(
                "LSB_MCPU_HOSTS={list:?}: wanted hosts and numbers in turn; -n RANKS overrides it"
            )),
        });
        let hosts: Vec<(&str, u32)> = pairs.collect::<Result<_, _>>()?;
        return sum("LSF", &hosts, "--host $(echo $LSB_HOSTS | tr ' ' ,)").map(Some);
    }
    if let Some(list) = get("LSB_HOSTS") {
        let hosts: Vec<(&str, u32)> = list.split_whitespace().map(|host| (host, 1)).collect();
        return sum("LSF", &hosts, "--host $(echo $LSB_HOSTS | tr ' ' ,)").map(Some);
    }
    first(get, &["LSB_DJOB_NUMPROC"])
}

/// Grid Engine: a file with host, number and more on each line, or a number.
///
/// # Errors
/// As [`super::find`].
pub fn sge(get: impl Fn(&str) -> Option<String>) -> Result<Option<u32>, String> {
    if let Some(file) = get("PE_HOSTFILE") {
        let text = std::fs::read_to_string(&file)
            .map_err(|why| format!("PE_HOSTFILE={file}: {why}; -n RANKS overrides it"))?;
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let hosts = lines.map(|line| {
            let mut words = line.split_whitespace();
            let host = words.next().unwrap_or_default();
            Ok((
                host,
                number("a line of PE_HOSTFILE", words.next().unwrap_or_default())?,
            ))
        });
        let hosts: Vec<(&str, u32)> = hosts.collect::<Result<_, String>>()?;
        if !hosts.is_empty() {
            return sum("Grid Engine", &hosts, "--host NAME:RANKS,…").map(Some);
        }
    }
    match get("SGE_TASK_ID").or_else(|| get("SGE_ROOT")) {
        Some(_) => first(get, &["NSLOTS"]),
        None => Ok(None),
    }
}

/// The first of these variables that is set, as a number.
fn first(get: impl Fn(&str) -> Option<String>, names: &[&str]) -> Result<Option<u32>, String> {
    let found = names.iter().find_map(|name| Some((*name, get(name)?)));
    found.map(|(name, text)| number(name, &text)).transpose()
}

/// The places of an allocation whose hosts are this machine.
fn sum(system: &str, hosts: &[(&str, u32)], all: &str) -> Result<u32, String> {
    if let Some((other, _)) = hosts.iter().find(|(host, _)| !is_this_machine(host)) {
        return Err(format!(
            "this {system} allocation has host {other}, which is not this machine: say {all} for a \
             job on all of its hosts, or -n RANKS for one on this machine"
        ));
    }
    let sum = hosts
        .iter()
        .fold(0_u32, |sum, (_, n)| sum.saturating_add(*n));
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<'a>(list: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| {
            let found = list.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    fn file(name: &str, text: &str) -> String {
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn files_of_hosts() {
        let here = file("pbs-here", "localhost\nlocalhost\n\nlocalhost\n");
        assert_eq!(pbs(with(&[("PBS_NODEFILE", &here)])), Ok(Some(3)));
        let far = file("pbs-far", "localhost\nother.example\n");
        let said = pbs(with(&[("PBS_NODEFILE", &far)])).unwrap_err();
        assert!(
            said.contains("other.example") && said.contains("--hostfile"),
            "{said}"
        );
        let pe = file("pe", "localhost 3 all.q@x UNDEFINED\n");
        assert_eq!(sge(with(&[("PE_HOSTFILE", &pe)])), Ok(Some(3)));
        for path in [here, far, pe] {
            std::fs::remove_file(path).unwrap();
        }
        assert!(
            pbs(with(&[("PBS_NODEFILE", "/no/such")]))
                .unwrap_err()
                .contains("/no/such")
        );
    }

    #[test]
    fn lists_and_numbers() {
        assert_eq!(
            lsf(with(&[("LSB_MCPU_HOSTS", "localhost 4 127.0.0.1 2")])),
            Ok(Some(6))
        );
        assert_eq!(
            lsf(with(&[("LSB_HOSTS", "localhost localhost")])),
            Ok(Some(2))
        );
        assert!(lsf(with(&[("LSB_MCPU_HOSTS", "localhost 4 a")])).is_err());
        assert!(lsf(with(&[("LSB_MCPU_HOSTS", "localhost x")])).is_err());
        assert_eq!(pbs(with(&[("NCPUS", "4")])), Ok(None), "no job of PBS");
        assert_eq!(
            pbs(with(&[("NCPUS", "4"), ("PBS_JOBID", "1")])),
            Ok(Some(4))
        );
        assert_eq!(
            sge(with(&[("NSLOTS", "4"), ("SGE_ROOT", "/x")])),
            Ok(Some(4))
        );
        assert!(sge(with(&[("NSLOTS", "0"), ("SGE_ROOT", "/x")])).is_err());
    }
}
