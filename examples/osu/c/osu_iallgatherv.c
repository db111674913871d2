/* MPI_Iallgatherv against computation: how much of it overlaps. */
#include "bench.h"

static void start(const struct exchange *x, MPI_Request *request)
{
    MPI_Iallgatherv(x->send, x->count, x->type, x->receive, x->counts, x->offsets, x->type,
                    MPI_COMM_WORLD, request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_iallgatherv", .title = "MPI Non-blocking Allgatherv Latency Test",
                .family = OVERLAP},
    .pattern = ALL_GATHERED,
    .start = start,
})
