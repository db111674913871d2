//! What the coordinator of a spawned job is told by that of the job that has spawned it
//! ([`super::child`]): what is to run, and where.

use super::sites::Site;
use crate::packed::{Reader, Writer};
use crate::spawned::Spawned;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use wireup::spawning::{HEAD, Request};

/// The option that such an mpirun is started with.
pub const OPTION: &str = "--spawned-over-hosts";

/// What is to be started, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SpawnPlan {
    /// The command line of the mpirun that the user has started: how hosts are reached.
    pub user: Vec<OsString>,
    /// What the rank wants.
    pub request: Request,
    /// The hosts, with the ranks that they have once this job runs.
    pub(super) sites: Vec<Site>,
    /// Those of them on which it runs.
    pub hosts: Vec<u32>,
    /// By rank: which of these, its rank there, and its program.
    pub ranks: Vec<(u32, u32, u32)>,
}

impl SpawnPlan {
    /// As it is told.
    pub fn write(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.list(&self.user, |to, word| to.bytes(word));
        to.bytes(OsStr::from_bytes(&self.request.write()[HEAD..]));
        to.list(&self.sites, |to, site| {
            to.text(&site.name);
            to.text(&site.own);
            to.number(site.slots);
            to.number(site.used);
        });
        to.list(&self.hosts, |to, host| to.number(*host));
        to.list(&self.ranks, |to, (host, local, program)| {
            [*host, *local, *program]
                .into_iter()
                .for_each(|number| to.number(number));
        });
        to.0
    }

    /// What [`SpawnPlan::write`] has made.
    pub fn read(bytes: &[u8]) -> Option<SpawnPlan> {
        let mut from = Reader(bytes);
        let plan = SpawnPlan {
            user: from.list(Reader::bytes)?,
            request: Request::read(&from.bytes()?.into_vec())?,
            sites: from.list(|from| {
                Some(Site {
                    name: from.text()?,
                    own: from.text()?,
                    slots: from.number()?,
                    used: from.number()?,
                })
            })?,
            hosts: from.list(Reader::number)?,
            ranks: from.list(|from| Some((from.number()?, from.number()?, from.number()?)))?,
        };
        let are_known = plan
            .hosts
            .iter()
            .all(|at| (*at as usize) < plan.sites.len());
        let are_placed = plan
            .ranks
            .iter()
            .all(|rank| (rank.0 as usize) < plan.hosts.len());
        (from.0.is_empty() && are_known && are_placed).then_some(plan)
    }
}

/// A spawned job, as its coordinator has it.
pub struct Child {
    /// What ties it to what has spawned it.
    pub(super) spawned: Spawned,
    /// What is to run.
    pub(super) plan: SpawnPlan,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_come_as_they_went() {
        let site = |name: &str, slots| Site {
            name: name.to_owned(),
            own: format!("{name}.x"),
            slots,
            used: 1,
        };
        let plan = SpawnPlan {
            user: vec!["-H".into(), OsString::from_vec(vec![0xff])],
            request: Request {
                dir: "/d".into(),
                args: vec!["--spawned".into()],
                env: vec!["A=b".into()],
            },
            sites: vec![site("a", 2), site("b", 3)],
            hosts: vec![1],
            ranks: vec![(0, 0, 0), (0, 1, 2)],
        };
        let bytes = plan.write();
        assert_eq!(SpawnPlan::read(&bytes), Some(plan.clone()));
        for cut in 0..bytes.len() {
            assert_eq!(SpawnPlan::read(&bytes[..cut]), None, "{cut}");
        }
        let mut wrong = plan.clone();
        wrong.hosts = vec![2];
        assert_eq!(SpawnPlan::read(&wrong.write()), None);
        wrong = plan;
        wrong.ranks[1].0 = 1;
        assert_eq!(SpawnPlan::read(&wrong.write()), None);
    }
}
