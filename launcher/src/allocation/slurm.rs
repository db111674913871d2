//! How many ranks a Slurm allocation is for, where the command line does not say. Pure: the
//! caller hands in the environment.

use super::nodelist;
use crate::hosts::Host;

/// A variable, and its value.
type Variable = (&'static str, u32);

/// Variables with the tasks of the job or of its step. Which of them Slurm sets depends on
/// its version and on how the allocation was made.
const TASKS: [&str; 3] = ["SLURM_NTASKS", "SLURM_NPROCS", "SLURM_STEP_NUM_TASKS"];

/// The number of ranks that the allocation is for. None if there is no allocation, or if it
/// does not say. `get` returns a variable's value.
///
/// # Errors
/// A value is no number, the allocation has several machines, or one step has started mpirun
/// several times.
pub fn ranks(get: impl Fn(&str) -> Option<String>) -> Result<Option<u32>, String> {
    let number = |name: &'static str| -> Result<Option<Variable>, String> {
        let Some(text) = get(name).filter(|t| !t.trim().is_empty()) else {
            return Ok(None);
        };
        Ok(Some((name, super::number(name, &text)?)))
    };
    let first = |names: &[&'static str]| -> Result<Option<Variable>, String> {
        for name in names {
            if let Some(found) = number(name)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    };
    let step = first(&["SLURM_STEP_NUM_TASKS"])?;
    let task = get("SLURM_PROCID").and_then(|t| t.trim().parse::<u32>().ok());
    if let (Some((_, count @ 2..)), Some(task @ 1..)) = (step, task) {
        return Err(format!(
            "this is task {task} of a Slurm step that has started mpirun {count} times: \
             start it once (srun -n 1, or without srun), or say -n RANKS for each"
        ));
    }
    let tasks = first(&TASKS)?;
    let whole: &[_] = &["SLURM_NNODES", "SLURM_JOB_NUM_NODES"];
    let own: &[_] = &[
        "SLURM_STEP_NUM_NODES",
        "SLURM_NNODES",
        "SLURM_JOB_NUM_NODES",
    ];
    let in_step = step.map(|s| s.1) == tasks.map(|t| t.1) && step.is_some();
    if let Some((name, nodes @ 2..)) = first(if in_step { own } else { whole })? {
        let tasks = tasks.map_or(String::new(), |(name, n)| {
            format!(" and {n} tasks ({name})")
        });
        return Err(format!(
            "this Slurm allocation has {nodes} nodes ({name}){tasks}: say -n RANKS for this one, or \
             --host $(scontrol show hostnames | paste -sd,) for all of them"
        ));
    }
    let tasks = match tasks {
        Some(tasks) => Some(tasks),
        None => first(&["SLURM_NTASKS_PER_NODE"])?,
    };
    if tasks.is_some() {
        return Ok(tasks.map(|t| t.1));
    }
    // Without a number of tasks Slurm gives a node so many as it has places: `2`, `1(x3)`.
    let name = "SLURM_TASKS_PER_NODE";
    let Some(text) = get(name) else {
        return Ok(None);
    };
    let first = text.split(['(', ',']).next().unwrap_or_default();
    super::number(name, first).map(Some)
}

/// The nodes of the allocation, each with as many slots as it has tasks. None if there is no
/// allocation.
///
/// # Errors
/// A value has no meaning, or one step has started mpirun several times.
pub fn hosts(get: impl Fn(&str) -> Option<String>) -> Result<Option<Vec<Host>>, String> {
    let get = |name: &str| get(name).filter(|text| !text.trim().is_empty());
    if get("SLURM_JOB_ID").or_else(|| get("SLURM_JOBID")).is_none() {
        return Ok(None);
    }
    // A step that is as large as the job is what mpirun was started for.
    let in_step = get("SLURM_STEP_NUM_TASKS").is_some()
        && get("SLURM_STEP_NUM_TASKS") == get("SLURM_NTASKS").or_else(|| get("SLURM_NPROCS"));
    let (lists, counts): (&[&str], &str) = match in_step {
        true => (&["SLURM_STEP_NODELIST"], "SLURM_STEP_TASKS_PER_NODE"),
        false => (
            &["SLURM_JOB_NODELIST", "SLURM_NODELIST"],
            "SLURM_TASKS_PER_NODE",
        ),
    };
    let Some((name, list)) = lists.iter().find_map(|name| Some((name, get(name)?))) else {
        return Ok(None);
    };
    let names = nodelist::names(&list).ok_or_else(|| {
        format!("{name}={list:?}: wanted a list of nodes, as a[1-3],b; --host LIST overrides it")
    })?;
    let slots = get(counts).and_then(|text| nodelist::numbers(&text));
    let slots = slots.filter(|slots| slots.len() == names.len() && !slots.contains(&0));
    let hosts = names.into_iter().enumerate().map(|(at, name)| Host {
        name,
        slots: slots.as_ref().map(|slots| slots[at]),
    });
    Ok(Some(hosts.collect()))
}

/// The nodes of the allocation, each with the processors that it has there, if they are known.
pub fn processors(get: impl Fn(&str) -> Option<String>) -> Vec<(String, Option<u32>)> {
    let list = get("SLURM_JOB_NODELIST").or_else(|| get("SLURM_NODELIST"));
    let is_job = get("SLURM_JOB_ID").or_else(|| get("SLURM_JOBID")).is_some();
    let names = list.filter(|_| is_job);
    let names = names.and_then(|list| nodelist::names(&list));
    let names = names.unwrap_or_default();
    let counts = get("SLURM_JOB_CPUS_PER_NODE").and_then(|text| nodelist::numbers(&text));
    let counts = counts.filter(|counts| counts.len() == names.len());
    let count = |at: usize| counts.as_ref().map(|counts| counts[at]);
    let all = names.into_iter().enumerate();
    all.map(|(at, name)| (name, count(at))).collect()
}

#[cfg(test)]
mod tests {
    use super::{hosts, processors, ranks};

    fn of(list: &[(&str, &str)]) -> Result<Option<u32>, String> {
        ranks(|name| {
            let found = list.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_allocation_says_how_many() {
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(
            of(&[("SLURM_NTASKS", "6"), ("SLURM_NNODES", "1")]),
            Ok(Some(6))
        );
        assert_eq!(of(&[("SLURM_NPROCS", "5")]), Ok(Some(5)));
        assert_eq!(of(&[("SLURM_STEP_NUM_TASKS", "4")]), Ok(Some(4)));
        assert_eq!(
            of(&[("SLURM_NTASKS", ""), ("SLURM_NTASKS_PER_NODE", "3")]),
            Ok(Some(3))
        );
        // without a number of tasks
        assert_eq!(of(&[("SLURM_TASKS_PER_NODE", "2")]), Ok(Some(2)));
        assert_eq!(of(&[("SLURM_TASKS_PER_NODE", "2(x1)")]), Ok(Some(2)));
        // an interactive step of one task in an allocation of four
        let step = [("SLURM_STEP_NUM_TASKS", "1"), ("SLURM_NTASKS", "4")];
        assert_eq!(of(&step), Ok(Some(4)));
        // a step on one node of an allocation of two
        let step = [
            ("SLURM_STEP_NUM_TASKS", "4"),
            ("SLURM_NTASKS", "4"),
            ("SLURM_STEP_NUM_NODES", "1"),
            ("SLURM_NNODES", "2"),
            ("SLURM_PROCID", "0"),
        ];
        assert_eq!(of(&step), Ok(Some(4)));
    }

    #[test]
    fn the_allocation_says_where() {
        let of = |list: &[(&str, &str)]| {
            let found = hosts(|name| {
                let found = list.iter().find(|(n, _)| *n == name);
                found.map(|(_, value)| (*value).to_owned())
            });
            found.map(|found| {
                let all = found.unwrap_or_default().into_iter();
                let all = all.map(|host| format!("{}:{:?}", host.name, host.slots));
                all.collect::<Vec<_>>().join(" ")
            })
        };
        let job = [
            ("SLURM_JOB_ID", "7"),
            ("SLURM_JOB_NODELIST", "n[1-2]"),
            ("SLURM_TASKS_PER_NODE", "3,1"),
            ("SLURM_NTASKS", "4"),
        ];
        assert_eq!(of(&job).unwrap(), "n1:Some(3) n2:Some(1)");
        assert_eq!(of(&job[1..]).unwrap(), "", "no job");
        assert_eq!(of(&job[..2]).unwrap(), "n1:None n2:None");
        let step = [
            ("SLURM_STEP_NUM_TASKS", "4"),
            ("SLURM_STEP_NODELIST", "n2"),
            ("SLURM_STEP_TASKS_PER_NODE", "4"),
        ];
        assert_eq!(of(&[&job[..], &step].concat()).unwrap(), "n2:Some(4)");
        let counted = [&job[..], &[("SLURM_JOB_CPUS_PER_NODE", "8(x2)")]].concat();
        let counted = processors(|name| {
            let found = counted.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        let two = [("n1".to_owned(), Some(8)), ("n2".to_owned(), Some(8))];
        assert_eq!(counted, two);
        assert_eq!(processors(|_| None), []);
        let said = of(&[("SLURM_JOB_ID", "7"), ("SLURM_JOB_NODELIST", "n[1")]).unwrap_err();
        assert!(
            said.contains("SLURM_JOB_NODELIST") && said.contains("n[1"),
            "{said}"
        );
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        for (list, words) in [
            (&[("SLURM_NTASKS", "many")][..], ["SLURM_NTASKS", "many"]),
            (&[("SLURM_NTASKS", "0")], ["SLURM_NTASKS", "\"0\""]),
            (
                &[("SLURM_NTASKS", "8"), ("SLURM_JOB_NUM_NODES", "2")],
                ["2 nodes", "8 tasks"],
            ),
            (&[("SLURM_NNODES", "3")], ["3 nodes", "SLURM_NNODES"]),
            (
                &[("SLURM_STEP_NUM_TASKS", "4"), ("SLURM_PROCID", "2")],
                ["task 2", "4 times"],
            ),
        ] {
            let said = of(list).unwrap_err();
            assert!(words.iter().all(|w| said.contains(w)), "{list:?}: {said}");
        }
    }
}
