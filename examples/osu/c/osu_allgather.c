/* Mean time of MPI_Allgather. */
#include "bench.h"

static void call(const struct exchange *x)
{
    MPI_Allgather(x->send, x->count, x->type, x->receive, x->count, x->type, MPI_COMM_WORLD);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_allgather", .title = "MPI Allgather Latency Test",
                .family = COLLECTIVE},
    .pattern = ALL_GATHERED,
    .call = call,
})
