/* Mean time of MPI_Reduce_scatter. */
#include "bench.h"

static void call(const struct exchange *x)
{
    MPI_Reduce_scatter(x->send, x->receive, x->counts, x->type, MPI_SUM, MPI_COMM_WORLD);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_reduce_scatter", .title = "MPI Reduce_scatter Latency Test",
                .family = COLLECTIVE, .reduces = true},
    .pattern = REDUCED_SCATTERED,
    .call = call,
})
