/* Mean time of MPI_Exscan. */
#include "bench.h"

static void call(const struct exchange *x)
{
    MPI_Exscan(x->send, x->receive, x->count, x->type, MPI_SUM, MPI_COMM_WORLD);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_exscan", .title = "MPI Exscan Latency Test",
                .family = COLLECTIVE, .reduces = true},
    .pattern = EXSCANNED,
    .call = call,
})
