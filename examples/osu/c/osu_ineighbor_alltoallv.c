/* MPI_Ineighbor_alltoallv against computation: how much of it overlaps. */
#include "bench.h"

static void start(const struct exchange *x, MPI_Request *request)
{
    MPI_Ineighbor_alltoallv(x->send, x->counts, x->offsets, x->type, x->receive, x->counts,
                            x->offsets, x->type, x->peers.comm, request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_ineighbor_alltoallv",
                .title = "MPI Non-blocking Neighbor All-to-Allv Latency Test",
                .family = OVERLAP, .neighbors = true},
    .pattern = ALL_TO_ALL,
    .start = start,
})
