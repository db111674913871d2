/* Mean time of MPI_Gather. */
#include "bench.h"

static void call(const struct exchange *x)
{
    MPI_Gather(x->send, x->count, x->type, x->receive, x->count, x->type, x->root, MPI_COMM_WORLD);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_gather", .title = "MPI Gather Latency Test",
                .family = COLLECTIVE},
    .pattern = GATHERED,
    .call = call,
})
