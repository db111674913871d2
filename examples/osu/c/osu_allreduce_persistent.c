/* Mean time of starting and waiting for what MPI_Allreduce_init prepared. */
#include "bench.h"

static void prepare(const struct exchange *x, MPI_Request *request)
{
    MPI_Allreduce_init(x->send, x->receive, x->count, x->type, MPI_SUM, MPI_COMM_WORLD,
                       MPI_INFO_NULL, request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_allreduce_persistent",
                .title = "MPI Persistent Allreduce Latency Test",
                .family = COLLECTIVE, .reduces = true},
    .pattern = ALL_REDUCED,
    .prepare = prepare,
})
