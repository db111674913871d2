/* Mean time of MPI_Neighbor_alltoallw. */
#include "bench.h"

static void call(const struct exchange *x)
{
    MPI_Neighbor_alltoallw(x->send, x->counts, x->addresses, x->types, x->receive, x->counts,
                           x->addresses, x->types, x->peers.comm);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_neighbor_alltoallw", .title = "MPI Neighbor All-to-Allw Latency Test",
                .family = COLLECTIVE, .neighbors = true},
    .pattern = ALL_TO_ALL,
    .call = call,
})
