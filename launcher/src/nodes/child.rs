//! This mpirun as the coordinator of a job that a rank of a job on several hosts has had started
//! (`MPI_Comm_spawn`): a job on several hosts as any other, with agents of its own. The
//! coordinator of the job that has spawned it starts it, beside itself, and says on standard input
//! what is to run where ([`SpawnPlan`]). So it reaches hosts as that one does.

use super::coordinator;
use super::spawn_plan::{Child, SpawnPlan};
use crate::cli::{self, JobOptions, Request as CommandLine, StdinReader};
use crate::hosts::Host;
use crate::say::{self, Failure, failure, say};
use crate::spawned::{self, Spawned};
use std::io::Read;
use std::process::ExitCode;

/// Runs such a job.
pub fn run() -> ExitCode {
    let begun = Spawned::take().and_then(|spawned| {
        let mut bytes = Vec::new();
        let read = std::io::stdin().read_to_end(&mut bytes);
        read.map_err(|why| why.to_string())?;
        let plan = SpawnPlan::read(&bytes);
        let plan = plan.ok_or("what is to be spawned cannot be read")?;
        Ok(Child { spawned, plan })
    });
    let child = match begun {
        Ok(child) => child,
        Err(why) => {
            say(&why);
            return ExitCode::FAILURE;
        }
    };
    let told = child.spawned.try_clone();
    match run_job(child) {
        Ok(code) => ExitCode::from(code),
        Err(why) => {
            // The call that spawns returns it as an error.
            match &told {
                Some(told) => spawned::refuse(told, None, &why),
                None => say(&why.text),
            }
            ExitCode::from(why.code)
        }
    }
}

fn run_job(child: Child) -> Result<u8, Failure> {
    let SpawnPlan {
        user,
        request,
        sites,
        hosts,
        ..
    } = child.plan.clone();
    let words = request.args.get(1..).unwrap_or_default();
    let (job, programs) = spawned::parse(words).map_err(failure)?;
    let Ok(CommandLine::Run(user, _)) = cli::parse(&user) else {
        return Err(failure(
            "the command line of the spawning job cannot be read",
        ));
    };
    let global = JobOptions {
        host: None,
        launch: user.launch,
        interface: user.interface,
        prefix: user.prefix,
        rmk: user.rmk,
        stdin: Some(StdinReader::Nobody),
        ..job
    };
    if let Some(word) = programs.first().and_then(|one| one.program.first()) {
        say::name_spawned_job(&word.to_string_lossy());
    }
    let hosts: Vec<Host> = hosts
        .iter()
        .map(|at| &sites[*at as usize])
        .map(|site| Host {
            name: site.name.clone(),
            slots: Some(site.slots),
        })
        .collect();
    coordinator::run(&request.args, &global, &programs, &hosts, Some(child))
}
