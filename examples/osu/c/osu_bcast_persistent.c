/* Mean time of starting and waiting for what MPI_Bcast_init prepared. */
#include "bench.h"

static void prepare(const struct exchange *x, MPI_Request *request)
{
    MPI_Bcast_init(x->send, x->count, x->type, x->root, MPI_COMM_WORLD, MPI_INFO_NULL, request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_bcast_persistent", .title = "MPI Persistent Broadcast Latency Test",
                .family = COLLECTIVE},
    .pattern = FROM_ROOT,
    .prepare = prepare,
})
