/* MPI_Iallgather against computation: how much of it overlaps. */
#include "bench.h"

static void start(const struct exchange *x, MPI_Request *request)
{
    MPI_Iallgather(x->send, x->count, x->type, x->receive, x->count, x->type, MPI_COMM_WORLD,
                   request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_iallgather", .title = "MPI Non-blocking Allgather Latency Test",
                .family = OVERLAP},
    .pattern = ALL_GATHERED,
    .start = start,
})
