/* MPI_Ialltoallw against computation: how much of it overlaps. */
#include "bench.h"

static void start(const struct exchange *x, MPI_Request *request)
{
    MPI_Ialltoallw(x->send, x->counts, x->byte_offsets, x->types, x->receive, x->counts,
                   x->byte_offsets, x->types, MPI_COMM_WORLD, request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_ialltoallw", .title = "MPI Non-blocking All-to-Allw Latency Test",
                .family = OVERLAP},
    .pattern = ALL_TO_ALL,
    .start = start,
})
