/* MPI_Iscatter against computation: how much of it overlaps. */
#include "bench.h"

static void start(const struct exchange *x, MPI_Request *request)
{
    MPI_Iscatter(x->send, x->count, x->type, x->receive, x->count, x->type, x->root, MPI_COMM_WORLD,
                 request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_iscatter", .title = "MPI Non-blocking Scatter Latency Test",
                .family = OVERLAP},
    .pattern = SCATTERED,
    .start = start,
})
