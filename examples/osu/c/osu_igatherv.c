/* MPI_Igatherv against computation: how much of it overlaps. */
#include "bench.h"

static void start(const struct exchange *x, MPI_Request *request)
{
    MPI_Igatherv(x->send, x->count, x->type, x->receive, x->counts, x->offsets, x->type, x->root,
                 MPI_COMM_WORLD, request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_igatherv", .title = "MPI Non-blocking Gatherv Latency Test",
                .family = OVERLAP},
    .pattern = GATHERED,
    .start = start,
})
