//! Which members of a group are on which host.

/// The ranks of a group, by host.
#[derive(Debug)]
pub struct Hosts {
    /// The ranks on each host, rising. Hosts are in the order of their first ranks.
    members: Vec<Vec<u32>>,
    /// By rank: the host, and the place among its members.
    places: Vec<(u32, u32)>,
    is_in_order: bool,
}

impl Hosts {
    /// `nodes`: by rank, a number that only ranks on the same host share.
    #[must_use]
    pub fn new(nodes: &[u32]) -> Hosts {
        let mut known: Vec<u32> = Vec::new();
        let mut members: Vec<Vec<u32>> = Vec::new();
        let mut places = Vec::with_capacity(nodes.len());
        for (node, rank) in nodes.iter().zip(0u32..) {
            // Ranks of one host often follow one another.
            let at = known.iter().rposition(|other| other == node);
            let host = at.unwrap_or_else(|| {
                known.push(*node);
                members.push(Vec::new());
                known.len() - 1
            });
            places.push((count(host), count(members[host].len())));
            members[host].push(rank);
        }
        let is_in_order = places.is_sorted();
        Hosts {
            members,
            places,
            is_in_order,
        }
    }

    /// How many hosts there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.members.len()
    }

    /// The ranks on a host, rising.
    #[must_use]
    pub fn members(&self, host: usize) -> &[u32] {
        &self.members[host]
    }

    /// All hosts' ranks.
    pub fn iter(&self) -> impl Iterator<Item = &[u32]> {
        self.members.iter().map(Vec::as_slice)
    }

    /// The host of a rank, and its place among the ranks there.
    #[must_use]
    pub fn place(&self, rank: u32) -> (usize, u32) {
        let (host, place) = self.places[rank as usize];
        (host as usize, place)
    }

    /// The other ranks on the host of `rank`, the next one first, and the place of each.
    #[must_use]
    pub fn others_here(&self, rank: u32) -> Vec<(u32, usize)> {
        let (host, place) = self.place(rank);
        let mates = self.members(host);
        let behind = (place as usize + 1..mates.len()).chain(0..place as usize);
        behind.map(|place| (mates[place], place)).collect()
    }

    /// Whether the ranks of each host follow one another.
    #[must_use]
    pub fn is_in_order(&self) -> bool {
        self.is_in_order
    }

    /// The number of ranks on the host with the fewest.
    #[must_use]
    pub fn fewest(&self) -> u32 {
        count(self.iter().map(<[u32]>::len).min().unwrap_or(0))
    }

    /// The number of ranks on the host with the most.
    #[must_use]
    pub fn most(&self) -> u32 {
        count(self.iter().map(<[u32]>::len).max().unwrap_or(0))
    }

    /// For ranks that are counted host by host: where each host begins, and the end.
    #[must_use]
    pub fn starts(&self) -> Vec<usize> {
        let mut end = 0;
        let begins = self.iter().map(|members| {
            end += members.len();
            end
        });
        std::iter::once(0).chain(begins).collect()
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_found_by_host() {
        let hosts = Hosts::new(&[7, 7, 3, 3, 3]);
        assert!(hosts.is_in_order());
        assert_eq!((hosts.count(), hosts.fewest(), hosts.most()), (2, 2, 3));
        assert_eq!((hosts.members(1), hosts.place(3)), (&[2, 3, 4][..], (1, 1)));
        assert_eq!(hosts.starts(), [0, 2, 5]);
        let turns = Hosts::new(&[4, 5, 4, 5]);
        assert!(!turns.is_in_order());
        assert_eq!((turns.members(0), turns.place(3)), (&[0, 2][..], (1, 1)));
    }
}
