/* MPI_Iscatterv against computation: how much of it overlaps. */
#include "bench.h"

static void start(const struct exchange *x, MPI_Request *request)
{
    MPI_Iscatterv(x->send, x->counts, x->offsets, x->type, x->receive, x->count, x->type, x->root,
                  MPI_COMM_WORLD, request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_iscatterv", .title = "MPI Non-blocking Scatterv Latency Test",
                .family = OVERLAP},
    .pattern = SCATTERED,
    .start = start,
})
