/* MPI_Ialltoall against computation: how much of it overlaps. */
#include "bench.h"

static void start(const struct exchange *x, MPI_Request *request)
{
    MPI_Ialltoall(x->send, x->count, x->type, x->receive, x->count, x->type, MPI_COMM_WORLD,
                  request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_ialltoall", .title = "MPI Non-blocking All-to-All Latency Test",
                .family = OVERLAP},
    .pattern = ALL_TO_ALL,
    .start = start,
})
