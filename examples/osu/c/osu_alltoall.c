/* Mean time of MPI_Alltoall. */
#include "bench.h"

static void call(const struct exchange *x)
{
    MPI_Alltoall(x->send, x->count, x->type, x->receive, x->count, x->type, MPI_COMM_WORLD);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_alltoall", .title = "MPI All-to-All Latency Test",
                .family = COLLECTIVE},
    .pattern = ALL_TO_ALL,
    .call = call,
})
