/* Mean time of starting and waiting for what MPI_Reduce_init prepared. */
#include "bench.h"

static void prepare(const struct exchange *x, MPI_Request *request)
{
    MPI_Reduce_init(x->send, x->receive, x->count, x->type, MPI_SUM, x->root, MPI_COMM_WORLD,
                    MPI_INFO_NULL, request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_reduce_persistent", .title = "MPI Persistent Reduce Latency Test",
                .family = COLLECTIVE, .reduces = true},
    .pattern = REDUCED,
    .prepare = prepare,
})
