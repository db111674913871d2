/* Mean time of MPI_Scatter. */
#include "bench.h"

static void call(const struct exchange *x)
{
    MPI_Scatter(x->send, x->count, x->type, x->receive, x->count, x->type, x->root, MPI_COMM_WORLD);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_scatter", .title = "MPI Scatter Latency Test",
                .family = COLLECTIVE},
    .pattern = SCATTERED,
    .call = call,
})
