/* Mean time of MPI_Allreduce. */
#include "bench.h"

static void call(const struct exchange *x)
{
    MPI_Allreduce(x->send, x->receive, x->count, x->type, MPI_SUM, MPI_COMM_WORLD);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_allreduce", .title = "MPI Allreduce Latency Test",
                .family = COLLECTIVE, .reduces = true},
    .pattern = ALL_REDUCED,
    .call = call,
})
