/* MPI_Ineighbor_alltoallw against computation: how much of it overlaps. */
#include "bench.h"

static void start(const struct exchange *x, MPI_Request *request)
{
    MPI_Ineighbor_alltoallw(x->send, x->counts, x->addresses, x->types, x->receive, x->counts,
                            x->addresses, x->types, x->peers.comm, request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_ineighbor_alltoallw",
                .title = "MPI Non-blocking Neighbor All-to-Allw Latency Test",
                .family = OVERLAP, .neighbors = true},
    .pattern = ALL_TO_ALL,
    .start = start,
})
