//! Carries out the plans of many ranks in one thread, with messages that are
//! late, early, and out of step as a seed says. A message is copied when it
//! matches (rendezvous) or in two moves (eager), so that a plan that touches a
//! buffer too early is found out; one that can wait for ever is a deadlock here.

use super::block::Block;
use super::memory;
use super::plan::{Channel, Plan, Step};
use std::collections::HashMap;

/// A small generator (splitmix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }
}

struct Message {
    owner: usize,
    block: Block,
    done: bool,
    /// An eager send's data.
    data: Option<Vec<u8>>,
}

#[derive(PartialEq, Eq, Hash, Clone, Copy)]
struct Route {
    from: usize,
    to: usize,
    local: bool,
    second: bool,
}

/// Ranks `0..first` are one group; those above, if any, the remote one.
pub(super) struct Simulation<'a> {
    plans: &'a [Plan],
    first: usize,
    next: Vec<usize>,
    pending: Vec<Vec<usize>>,
    messages: Vec<Message>,
    sends: HashMap<Route, Vec<usize>>,
    receives: HashMap<Route, Vec<usize>>,
    random: Random,
    eager: bool,
}

/// Carries out `plans`.
///
/// # Panics
/// On deadlock, messages left over, and lengths that differ.
pub(super) fn run(plans: &[Plan], first: usize, seed: u64) {
    let mut simulation = Simulation {
        plans,
        first,
        next: vec![0; plans.len()],
        pending: vec![Vec::new(); plans.len()],
        messages: Vec::new(),
        sends: HashMap::new(),
        receives: HashMap::new(),
        random: Random(seed),
        eager: seed.is_multiple_of(2),
    };
    simulation.go();
}

impl Simulation<'_> {
    fn go(&mut self) {
        loop {
            let runnable: Vec<usize> = (0..self.plans.len()).filter(|i| self.can_go(*i)).collect();
            let routes: Vec<Route> = self
                .sends
                .keys()
                .filter(|route| self.receives.contains_key(route))
                .copied()
                .collect();
            let choices = runnable.len() + routes.len();
            if choices == 0 {
                break;
            }
            let choice = self.random.below(choices);
            match runnable.get(choice) {
                Some(proc) => self.step(*proc),
                None => self.deliver(routes[choice - runnable.len()]),
            }
        }
        for (proc, plan) in self.plans.iter().enumerate() {
            assert_eq!(
                self.next[proc],
                plan.steps.len(),
                "deadlock: rank {proc} waits"
            );
        }
        assert!(self.sends.is_empty(), "messages that nobody received");
        assert!(self.receives.is_empty(), "receives that nobody answered");
    }

    fn can_go(&self, proc: usize) -> bool {
        match self.plans[proc].steps.get(self.next[proc]) {
            None => false,
            Some(Step::Wait) => self.pending[proc].iter().all(|m| self.messages[*m].done),
            Some(_) => true,
        }
    }

    fn peer(&self, proc: usize, rank: u32, channel: Channel) -> usize {
        let rank = rank as usize;
        let inter = self.first < self.plans.len();
        let in_first = proc < self.first;
        match (inter, channel.local == in_first) {
            (false, _) => rank,
            (true, true) => rank,
            (true, false) => rank + self.first,
        }
    }

    fn post(&mut self, owner: usize, block: Block, data: Option<Vec<u8>>) -> usize {
        let done = data.is_some();
        self.messages.push(Message {
            owner,
            block,
            done,
            data,
        });
        self.pending[owner].push(self.messages.len() - 1);
        self.messages.len() - 1
    }

    fn step(&mut self, proc: usize) {
        let step = self.plans[proc].steps[self.next[proc]];
        self.next[proc] += 1;
        match step {
            Step::Wait => self.pending[proc].clear(),
            Step::Compare => {}
            Step::Send { to, block, channel } => {
                let to = self.peer(proc, to, channel);
                let route = route(proc, to, channel);
                let data = self.eager.then(|| self.pack(proc, &block));
                let message = self.post(proc, block, data);
                self.sends.entry(route).or_default().push(message);
            }
            Step::Receive {
                from,
                block,
                channel,
            } => {
                let from = self.peer(proc, from, channel);
                let route = route(from, proc, channel);
                let message = self.post(proc, block, None);
                self.receives.entry(route).or_default().push(message);
            }
            // SAFETY: the test's buffers outlive the simulation.
            Step::Copy { from, to } => unsafe {
                memory::copy(&from, &to, &self.plans[proc].types);
            },
            Step::Reduce { input, inout } => {
                assert_eq!(input.count, inout.count);
                let reducer = self.plans[proc].reducer.as_ref().unwrap();
                // SAFETY: as above.
                unsafe { reducer.apply(input.addr, inout.addr, inout.count) };
            }
            Step::Combine { left, right, out } => {
                let reducer = self.plans[proc].reducer.as_ref().unwrap();
                // SAFETY: as above.
                unsafe { reducer.combine(left, right, out.addr, out.count) };
            }
        }
    }

    fn pack(&self, proc: usize, block: &Block) -> Vec<u8> {
        let mut data = vec![0; block.len()];
        let packed = Block::bytes(data.as_mut_ptr(), data.len());
        // SAFETY: as above; the vector has the block's length.
        unsafe { memory::copy(block, &packed, &self.plans[proc].types) };
        data
    }

    fn deliver(&mut self, route: Route) {
        let send = take(&mut self.sends, route);
        let receive = take(&mut self.receives, route);
        let owner = self.messages[send].owner;
        let data = self.messages[send].data.take();
        let mut data = data.unwrap_or_else(|| self.pack(owner, &self.messages[send].block));
        let into = &self.messages[receive];
        assert_eq!(data.len(), into.block.len(), "both sides' lengths");
        let packed = Block::bytes(data.as_mut_ptr(), data.len());
        // SAFETY: as above.
        unsafe { memory::copy(&packed, &into.block, &self.plans[into.owner].types) };
        self.messages[send].done = true;
        self.messages[receive].done = true;
    }
}

fn route(from: usize, to: usize, channel: Channel) -> Route {
    Route {
        from,
        to,
        local: channel.local,
        second: channel.second,
    }
}

fn take(lists: &mut HashMap<Route, Vec<usize>>, route: Route) -> usize {
    let list = lists.get_mut(&route).unwrap();
    let message = list.remove(0);
    if list.is_empty() {
        lists.remove(&route);
    }
    message
}
