/* Mean time of starting and waiting for what MPI_Reduce_scatter_init prepared. */
#include "bench.h"

static void prepare(const struct exchange *x, MPI_Request *request)
{
    MPI_Reduce_scatter_init(x->send, x->receive, x->counts, x->type, MPI_SUM, MPI_COMM_WORLD,
                            MPI_INFO_NULL, request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_reduce_scatter_persistent",
                .title = "MPI Persistent Reduce_scatter Latency Test",
                .family = COLLECTIVE, .reduces = true},
    .pattern = REDUCED_SCATTERED,
    .prepare = prepare,
})
