/* Mean time of MPI_Reduce. */
#include "bench.h"

static void call(const struct exchange *x)
{
    MPI_Reduce(x->send, x->receive, x->count, x->type, MPI_SUM, x->root, MPI_COMM_WORLD);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_reduce", .title = "MPI Reduce Latency Test",
                .family = COLLECTIVE, .reduces = true},
    .pattern = REDUCED,
    .call = call,
})
