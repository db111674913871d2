use super::*;

/// Packages × level-3 caches in each × cores in each, a rank on each core.
fn machine(packages: u32, caches: u32, cores: u32) -> Vec<Place> {
    let core = |n: u32| [n / cores / caches, n / cores / caches, n / cores, n];
    (0..packages * caches * cores).map(core).collect()
}

/// The same in another order, which depends on `seed` only.
fn shuffled(mut places: Vec<Place>, seed: u64) -> Vec<Place> {
    let mut state = seed;
    for i in (1..places.len()).rev() {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        places.swap(i, usize::try_from(state >> 33).unwrap() % (i + 1));
    }
    places
}

fn grid(dims: &[i32], ring: bool) -> Cart {
    let periods = vec![i32::from(ring); dims.len()];
    cart::grid(dims, &periods).unwrap()
}

fn identity(n: usize) -> Vec<usize> {
    (0..n).collect()
}

/// Checks that `order` is one; what it costs, and what the order of ranks does.
fn costs(edges: &[Edge], places: &[Place], order: &[usize]) -> (u128, u128) {
    let mut members = order.to_vec();
    members.sort_unstable();
    assert_eq!(members, identity(places.len()), "{order:?}");
    let before = cost(edges, places, &identity(places.len()));
    (cost(edges, places, order), before)
}

#[test]
fn distance_is_the_way_up_to_what_is_shared() {
    let places = machine(2, 2, 4);
    assert_eq!(distance(&places[0], &places[0]), 0);
    assert_eq!(distance(&places[0], &places[3]), 1);
    assert_eq!(distance(&places[0], &places[4]), 2);
    assert_eq!(distance(&places[0], &places[8]), 4);
    let (free, package) = ([ANYWHERE; LEVELS], [0, ANYWHERE, ANYWHERE, ANYWHERE]);
    assert_eq!(distance(&free, &free), 4, "nobody knows that they share");
    assert_eq!(distance(&package, &places[1]), 3);
}

#[test]
fn shuffled_grids_get_cheaper() {
    let grids: [&[i32]; 6] = [&[4, 4], &[8, 2], &[3, 5], &[2, 2, 4], &[16], &[2, 8, 1]];
    for places in [machine(2, 2, 4), machine(4, 1, 4), machine(1, 8, 2)] {
        for (dims, ring) in grids.iter().flat_map(|d| [(d, false), (d, true)]) {
            let grid = grid(dims, ring);
            let count = size(cart::size(&grid));
            for seed in 1..20 {
                let places = &shuffled(places.clone(), seed)[..count];
                let order = for_cart(&grid, places);
                let (after, before) = costs(&cart_edges(&grid), places, &order);
                assert!(after < before, "{dims:?} {ring} {seed}: {after} {before}");
            }
        }
    }
}

#[test]
fn blocks_have_the_least_surface() {
    // Four quarters of 2 × 2, of which a row of blocks is one package.
    let places = machine(2, 2, 4);
    let grid = grid(&[4, 4], false);
    let order = for_cart(&grid, &places);
    let (after, before) = costs(&cart_edges(&grid), &places, &order);
    // 16 edges in quarters, 4 between those of a package, 4 between packages
    assert_eq!(after, 16 + 4 * 2 + 4 * 4);
    assert_eq!(before, 12 + 8 * 2 + 4 * 4);
    for part in [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13]] {
        let cache = part.map(|node| places[order[node]][2]);
        assert!(cache.iter().all(|c| *c == cache[0]), "{order:?}");
    }
    // However the ranks are placed, it comes to the same.
    for seed in 1..20 {
        let places = shuffled(places.clone(), seed);
        let order = for_cart(&grid, &places);
        assert_eq!(cost(&cart_edges(&grid), &places, &order), after);
    }
}

#[test]
fn in_turn_over_two_cores() {
    let places: Vec<Place> = (0..6).map(|rank| [0, 0, 0, rank % 2]).collect();
    assert_eq!(for_cart(&grid(&[6], false), &places), [0, 2, 4, 1, 3, 5]);
}

#[test]
fn nothing_moves_without_a_reason() {
    let free = vec![[ANYWHERE; LEVELS]; 12];
    let together = vec![[0; LEVELS]; 12];
    for places in [free, together] {
        assert_eq!(for_cart(&grid(&[3, 4], true), &places), identity(12));
    }
    assert_eq!(
        for_cart(&grid(&[16], false), &machine(2, 2, 4)),
        identity(16)
    );
    assert_eq!(for_cart(&grid(&[], false), &machine(1, 1, 1)), [0]);
    assert!(for_cart(&grid(&[0, 3], false), &[]).is_empty());
    assert!(for_graph(&[], &[]).is_empty());
    assert_eq!(for_graph(&[], &machine(2, 1, 2)), identity(4));
}

#[test]
fn never_dearer_whatever_the_places() {
    let mut state = 11_u64;
    let mut below = |n: u64| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) % n
    };
    for _ in 0..300 {
        let dims: Vec<i32> = (0..1 + below(3))
            .map(|_| i32::try_from(1 + below(4)).unwrap())
            .collect();
        let grid = grid(&dims, below(2) == 0);
        let count = size(cart::size(&grid));
        let places: Vec<Place> = (0..count)
            .map(|_| {
                [2, 2, 3, 5].map(|n| match below(7) {
                    0 => ANYWHERE,
                    _ => u32::try_from(below(n)).unwrap(),
                })
            })
            .collect();
        let order = for_cart(&grid, &places);
        let (after, before) = costs(&cart_edges(&grid), &places, &order);
        assert!(after <= before, "{dims:?} {places:?}");
        let edges: Vec<Edge> = (0..3 * count)
            .map(|_| Edge {
                from: size(i32::try_from(below(count as u64)).unwrap()),
                to: size(i32::try_from(below(count as u64)).unwrap()),
                weight: below(u64::from(u32::MAX)),
            })
            .collect();
        let order = for_graph(&edges, &places);
        let (after, before) = costs(&edges, &places, &order);
        assert!(after <= before, "{edges:?} {places:?}");
        assert_eq!(order, for_graph(&edges, &places));
    }
}

#[test]
fn clusters_of_a_graph_find_their_objects() {
    // Four cliques of four, node n in clique n % 4, chained by light edges.
    let mut edges = Vec::new();
    for (from, to) in (0..16).flat_map(|a| (0..a).map(move |b| (a, b))) {
        if from % 4 == to % 4 {
            edges.push(Edge {
                from,
                to,
                weight: 9,
            });
        }
    }
    for from in 0..3 {
        let to = from + 1;
        edges.push(Edge {
            from,
            to,
            weight: 1,
        });
    }
    for seed in 1..20 {
        let places = shuffled(machine(2, 2, 4), seed);
        let order = for_graph(&edges, &places);
        let (after, before) = costs(&edges, &places, &order);
        assert!(after < before);
        // 24 heavy edges within caches; light: two inside packages, one across
        assert_eq!(after, 24 * 9 + 2 + 4 + 2, "{order:?}");
    }
}

#[test]
fn edges_are_those_of_the_topology() {
    let ring = cart_edges(&grid(&[3], true));
    let ends: Vec<(usize, usize)> = ring.iter().map(|e| (e.from, e.to)).collect();
    assert_eq!(ends, [(0, 1), (1, 2), (2, 0)]);
    let four = graph::graph(&[2, 3, 4, 6], &[1, 3, 0, 3, 0, 2]).unwrap();
    let ends: Vec<(usize, usize)> = graph_edges(&four).iter().map(|e| (e.from, e.to)).collect();
    assert_eq!(ends, [(0, 1), (0, 3), (1, 0), (2, 3), (3, 0), (3, 2)]);
}
