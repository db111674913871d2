//! Gather and scatter, and their v-forms (MPI 5.0, sections 6.5 and 6.6).

use super::block::Block;
use super::plan::Plan;
use crate::error::Result;

/// The root exchanges with every other rank itself. `block(i)` is the root's
/// part for rank i; `own` is a rank's own part, `None` where that is in place.
pub(super) fn linear_gather(
    plan: &mut Plan,
    own: Option<Block>,
    root: u32,
    block: impl Fn(u32) -> Block,
) {
    if plan.rank == root {
        for peer in (0..plan.size).filter(|peer| *peer != root) {
            plan.receive(peer, block(peer));
        }
        if let Some(own) = own {
            plan.copy(own, block(root));
        }
    } else if let Some(own) = own {
        plan.send(root, own);
    }
    plan.wait();
}

/// As [`linear_gather`], the other way round.
pub(super) fn linear_scatter(
    plan: &mut Plan,
    own: Option<Block>,
    root: u32,
    block: impl Fn(u32) -> Block,
) {
    if plan.rank == root {
        for peer in (0..plan.size).filter(|peer| *peer != root) {
            plan.send(peer, block(peer));
        }
        if let Some(own) = own {
            plan.copy(block(root), own);
        }
    } else if let Some(own) = own {
        plan.receive(root, own);
    }
    plan.wait();
}

/// Who is where in a binomial tree over the ranks counted from the root: the
/// parent's place, one's children's, and how many ranks are at and below a
/// place.
struct Tree {
    place: u32,
    size: u32,
    root: u32,
    /// The lowest set bit of the place; past the size for the root.
    reach: u32,
}

impl Tree {
    fn new(plan: &Plan, root: u32) -> Tree {
        let place = (plan.rank + plan.size - root) % plan.size;
        let reach = if place == 0 {
            plan.size.next_power_of_two()
        } else {
            1 << place.trailing_zeros()
        };
        Tree {
            place,
            size: plan.size,
            root,
            reach,
        }
    }

    fn rank(&self, place: u32) -> u32 {
        (place + self.root) % self.size
    }

    fn parent(&self) -> Option<u32> {
        (self.place != 0).then(|| self.rank(self.place - self.reach))
    }

    /// Ranks at this place and below.
    fn subtree(&self) -> u32 {
        self.reach.min(self.size - self.place)
    }

    /// Children: their rank, their distance from this place, and their
    /// subtree's size. The farthest first.
    fn children(&self) -> impl Iterator<Item = (u32, u32, u32)> + '_ {
        let mut distance = self.reach;
        std::iter::from_fn(move || {
            while distance > 1 {
                distance /= 2;
                let child = self.place + distance;
                if child < self.size {
                    let subtree = distance.min(self.size - child);
                    return Some((self.rank(child), distance, subtree));
                }
            }
            None
        })
    }
}

/// Along a binomial tree, packed. `all` is the root's whole receive buffer,
/// `each` elements of its type per rank.
///
/// # Errors
/// No memory for the parts of the ranks below.
pub(super) fn binomial_gather(
    plan: &mut Plan,
    own: Block,
    root: u32,
    all: Block,
    each: usize,
) -> Result<()> {
    let tree = Tree::new(plan, root);
    let len = own.len();
    if tree.subtree() == 1 {
        if let Some(parent) = tree.parent() {
            plan.send(parent, own);
        } else {
            plan.copy(own, all);
        }
        plan.wait();
        return Ok(());
    }
    let packed = plan.temp(len * tree.subtree() as usize)?;
    for (child, distance, subtree) in tree.children() {
        let part = packed.slice(len * distance as usize, len * subtree as usize);
        plan.receive(child, part);
    }
    plan.copy(own, packed.slice(0, len));
    plan.wait();
    match tree.parent() {
        Some(parent) => plan.send(parent, packed),
        None => {
            // Places root..size, then 0..root, are two runs of ranks.
            let upper = (plan.size - root) as usize;
            let root = root as usize;
            plan.copy(
                packed.slice(0, len * upper),
                all.slice(root * each, upper * each),
            );
            plan.copy(
                packed.slice(len * upper, len * root),
                all.slice(0, root * each),
            );
        }
    }
    plan.wait();
    Ok(())
}

/// As [`binomial_gather`], the other way round; `own` is `None` at a root whose
/// part stays in place, and `len` is the bytes of a part.
///
/// # Errors
/// No memory for the parts of the ranks below.
pub(super) fn binomial_scatter(
    plan: &mut Plan,
    own: Option<Block>,
    root: u32,
    all: Block,
    each: usize,
    len: usize,
) -> Result<()> {
    let tree = Tree::new(plan, root);
    let parts = tree.subtree() as usize;
    if parts == 1 {
        match (tree.parent(), own) {
            (Some(parent), Some(own)) => plan.receive(parent, own),
            (None, Some(own)) => plan.copy(all, own),
            (_, None) => {}
        }
        plan.wait();
        return Ok(());
    }
    let packed = plan.temp(len * parts)?;
    match tree.parent() {
        Some(parent) => {
            plan.receive(parent, packed);
            plan.wait();
        }
        None => {
            let upper = (plan.size - root) as usize;
            let root = root as usize;
            plan.copy(
                all.slice(root * each, upper * each),
                packed.slice(0, len * upper),
            );
            plan.copy(
                all.slice(0, root * each),
                packed.slice(len * upper, len * root),
            );
        }
    }
    for (child, distance, subtree) in tree.children() {
        let part = packed.slice(len * distance as usize, len * subtree as usize);
        plan.send(child, part);
    }
    if let Some(own) = own {
        plan.copy(packed.slice(0, len), own);
    }
    plan.wait();
    Ok(())
}
