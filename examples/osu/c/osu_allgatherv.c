/* Mean time of MPI_Allgatherv. */
#include "bench.h"

static void call(const struct exchange *x)
{
    MPI_Allgatherv(x->send, x->count, x->type, x->receive, x->counts, x->offsets, x->type,
                   MPI_COMM_WORLD);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_allgatherv", .title = "MPI Allgatherv Latency Test",
                .family = COLLECTIVE},
    .pattern = ALL_GATHERED,
    .call = call,
})
