/* Mean time of MPI_Reduce_scatter_block. */
#include "bench.h"

static void call(const struct exchange *x)
{
    MPI_Reduce_scatter_block(x->send, x->receive, x->count, x->type, MPI_SUM, MPI_COMM_WORLD);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_reduce_scatter_block",
                .title = "MPI Reduce_scatter_block Latency Test",
                .family = COLLECTIVE, .reduces = true},
    .pattern = BLOCKS_REDUCED,
    .call = call,
})
