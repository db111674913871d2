/* MPI_Ibcast against computation: how much of it overlaps. */
#include "bench.h"

static void start(const struct exchange *x, MPI_Request *request)
{
    MPI_Ibcast(x->send, x->count, x->type, x->root, MPI_COMM_WORLD, request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_ibcast", .title = "MPI Non-blocking Broadcast Latency Test",
                .family = OVERLAP},
    .pattern = FROM_ROOT,
    .start = start,
})
