/* MPI_Ialltoallv against computation: how much of it overlaps. */
#include "bench.h"

static void start(const struct exchange *x, MPI_Request *request)
{
    MPI_Ialltoallv(x->send, x->counts, x->offsets, x->type, x->receive, x->counts, x->offsets,
                   x->type, MPI_COMM_WORLD, request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_ialltoallv", .title = "MPI Non-blocking All-to-Allv Latency Test",
                .family = OVERLAP},
    .pattern = ALL_TO_ALL,
    .start = start,
})
