/* MPI_Ineighbor_allgather against computation: how much of it overlaps. */
#include "bench.h"

static void start(const struct exchange *x, MPI_Request *request)
{
    MPI_Ineighbor_allgather(x->send, x->count, x->type, x->receive, x->count, x->type,
                            x->peers.comm, request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_ineighbor_allgather",
                .title = "MPI Non-blocking Neighbor Allgather Latency Test",
                .family = OVERLAP, .neighbors = true},
    .pattern = ALL_GATHERED,
    .start = start,
})
