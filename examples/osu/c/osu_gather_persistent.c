/* Mean time of starting and waiting for what MPI_Gather_init prepared. */
#include "bench.h"

static void prepare(const struct exchange *x, MPI_Request *request)
{
    MPI_Gather_init(x->send, x->count, x->type, x->receive, x->count, x->type, x->root,
                    MPI_COMM_WORLD, MPI_INFO_NULL, request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_gather_persistent", .title = "MPI Persistent Gather Latency Test",
                .family = COLLECTIVE},
    .pattern = GATHERED,
    .prepare = prepare,
})
