/* Mean time of starting and waiting for what MPI_Allgather_init prepared. */
#include "bench.h"

static void prepare(const struct exchange *x, MPI_Request *request)
{
    MPI_Allgather_init(x->send, x->count, x->type, x->receive, x->count, x->type, MPI_COMM_WORLD,
                       MPI_INFO_NULL, request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_allgather_persistent",
                .title = "MPI Persistent Allgather Latency Test",
                .family = COLLECTIVE},
    .pattern = ALL_GATHERED,
    .prepare = prepare,
})
