/* Mean time of MPI_Neighbor_allgather. */
#include "bench.h"

static void call(const struct exchange *x)
{
    MPI_Neighbor_allgather(x->send, x->count, x->type, x->receive, x->count, x->type,
                           x->peers.comm);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_neighbor_allgather", .title = "MPI Neighbor Allgather Latency Test",
                .family = COLLECTIVE, .neighbors = true},
    .pattern = ALL_GATHERED,
    .call = call,
})
