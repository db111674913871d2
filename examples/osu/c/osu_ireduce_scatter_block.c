/* MPI_Ireduce_scatter_block against computation: how much of it overlaps. */
#include "bench.h"

static void start(const struct exchange *x, MPI_Request *request)
{
    MPI_Ireduce_scatter_block(x->send, x->receive, x->count, x->type, MPI_SUM, MPI_COMM_WORLD,
                              request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_ireduce_scatter_block",
                .title = "MPI Non-blocking Reduce_scatter_block Latency Test",
                .family = OVERLAP, .reduces = true},
    .pattern = BLOCKS_REDUCED,
    .start = start,
})
