/* Mean time of MPI_Neighbor_alltoallv. */
#include "bench.h"

static void call(const struct exchange *x)
{
    MPI_Neighbor_alltoallv(x->send, x->counts, x->offsets, x->type, x->receive, x->counts,
                           x->offsets, x->type, x->peers.comm);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_neighbor_alltoallv", .title = "MPI Neighbor All-to-Allv Latency Test",
                .family = COLLECTIVE, .neighbors = true},
    .pattern = ALL_TO_ALL,
    .call = call,
})
