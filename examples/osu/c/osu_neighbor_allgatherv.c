/* Mean time of MPI_Neighbor_allgatherv. */
#include "bench.h"

static void call(const struct exchange *x)
{
    MPI_Neighbor_allgatherv(x->send, x->count, x->type, x->receive, x->counts, x->offsets, x->type,
                            x->peers.comm);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_neighbor_allgatherv", .title = "MPI Neighbor Allgatherv Latency Test",
                .family = COLLECTIVE, .neighbors = true},
    .pattern = ALL_GATHERED,
    .call = call,
})
