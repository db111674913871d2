/* MPI_Igather against computation: how much of it overlaps. */
#include "bench.h"

static void start(const struct exchange *x, MPI_Request *request)
{
    MPI_Igather(x->send, x->count, x->type, x->receive, x->count, x->type, x->root, MPI_COMM_WORLD,
                request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_igather", .title = "MPI Non-blocking Gather Latency Test",
                .family = OVERLAP},
    .pattern = GATHERED,
    .start = start,
})
