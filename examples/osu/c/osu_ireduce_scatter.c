/* MPI_Ireduce_scatter against computation: how much of it overlaps. */
#include "bench.h"

static void start(const struct exchange *x, MPI_Request *request)
{
    MPI_Ireduce_scatter(x->send, x->receive, x->counts, x->type, MPI_SUM, MPI_COMM_WORLD, request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_ireduce_scatter",
                .title = "MPI Non-blocking Reduce_scatter Latency Test",
                .family = OVERLAP, .reduces = true},
    .pattern = REDUCED_SCATTERED,
    .start = start,
})
