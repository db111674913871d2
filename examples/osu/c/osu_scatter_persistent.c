/* Mean time of starting and waiting for what MPI_Scatter_init prepared. */
#include "bench.h"

static void prepare(const struct exchange *x, MPI_Request *request)
{
    MPI_Scatter_init(x->send, x->count, x->type, x->receive, x->count, x->type, x->root,
                     MPI_COMM_WORLD, MPI_INFO_NULL, request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_scatter_persistent", .title = "MPI Persistent Scatter Latency Test",
                .family = COLLECTIVE},
    .pattern = SCATTERED,
    .prepare = prepare,
})
