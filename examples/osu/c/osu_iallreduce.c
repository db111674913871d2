/* MPI_Iallreduce against computation: how much of it overlaps. */
#include "bench.h"

static void start(const struct exchange *x, MPI_Request *request)
{
    MPI_Iallreduce(x->send, x->receive, x->count, x->type, MPI_SUM, MPI_COMM_WORLD, request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_iallreduce", .title = "MPI Non-blocking Allreduce Latency Test",
                .family = OVERLAP, .reduces = true},
    .pattern = ALL_REDUCED,
    .start = start,
})
