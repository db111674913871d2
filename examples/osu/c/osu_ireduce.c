/* MPI_Ireduce against computation: how much of it overlaps. */
#include "bench.h"

static void start(const struct exchange *x, MPI_Request *request)
{
    MPI_Ireduce(x->send, x->receive, x->count, x->type, MPI_SUM, x->root, MPI_COMM_WORLD, request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_ireduce", .title = "MPI Non-blocking Reduce Latency Test",
                .family = OVERLAP, .reduces = true},
    .pattern = REDUCED,
    .start = start,
})
