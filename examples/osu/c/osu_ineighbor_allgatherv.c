/* MPI_Ineighbor_allgatherv against computation: how much of it overlaps. */
#include "bench.h"

static void start(const struct exchange *x, MPI_Request *request)
{
    MPI_Ineighbor_allgatherv(x->send, x->count, x->type, x->receive, x->counts, x->offsets, x->type,
                             x->peers.comm, request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_ineighbor_allgatherv",
                .title = "MPI Non-blocking Neighbor Allgatherv Latency Test",
                .family = OVERLAP, .neighbors = true},
    .pattern = ALL_GATHERED,
    .start = start,
})
