/* Mean time of MPI_Gatherv. */
#include "bench.h"

static void call(const struct exchange *x)
{
    MPI_Gatherv(x->send, x->count, x->type, x->receive, x->counts, x->offsets, x->type, x->root,
                MPI_COMM_WORLD);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_gatherv", .title = "MPI Gatherv Latency Test",
                .family = COLLECTIVE},
    .pattern = GATHERED,
    .call = call,
})
