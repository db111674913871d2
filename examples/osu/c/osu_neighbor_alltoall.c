/* Mean time of MPI_Neighbor_alltoall. */
#include "bench.h"

static void call(const struct exchange *x)
{
    MPI_Neighbor_alltoall(x->send, x->count, x->type, x->receive, x->count, x->type, x->peers.comm);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_neighbor_alltoall", .title = "MPI Neighbor All-to-All Latency Test",
                .family = COLLECTIVE, .neighbors = true},
    .pattern = ALL_TO_ALL,
    .call = call,
})
