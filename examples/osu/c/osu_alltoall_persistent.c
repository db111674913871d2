/* Mean time of starting and waiting for what MPI_Alltoall_init prepared. */
#include "bench.h"

static void prepare(const struct exchange *x, MPI_Request *request)
{
    MPI_Alltoall_init(x->send, x->count, x->type, x->receive, x->count, x->type, MPI_COMM_WORLD,
                      MPI_INFO_NULL, request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_alltoall_persistent",
                .title = "MPI Persistent All-to-All Latency Test",
                .family = COLLECTIVE},
    .pattern = ALL_TO_ALL,
    .prepare = prepare,
})
