/* MPI_Ineighbor_alltoall against computation: how much of it overlaps. */
#include "bench.h"

static void start(const struct exchange *x, MPI_Request *request)
{
    MPI_Ineighbor_alltoall(x->send, x->count, x->type, x->receive, x->count, x->type, x->peers.comm,
                           request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_ineighbor_alltoall",
                .title = "MPI Non-blocking Neighbor All-to-All Latency Test",
                .family = OVERLAP, .neighbors = true},
    .pattern = ALL_TO_ALL,
    .start = start,
})
