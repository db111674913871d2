/* Mean time of MPI_Scatterv. */
#include "bench.h"

static void call(const struct exchange *x)
{
    MPI_Scatterv(x->send, x->counts, x->offsets, x->type, x->receive, x->count, x->type, x->root,
                 MPI_COMM_WORLD);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_scatterv", .title = "MPI Scatterv Latency Test",
                .family = COLLECTIVE},
    .pattern = SCATTERED,
    .call = call,
})
