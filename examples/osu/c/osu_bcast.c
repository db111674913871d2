/* Mean time of MPI_Bcast. */
#include "bench.h"

static void call(const struct exchange *x)
{
    MPI_Bcast(x->send, x->count, x->type, x->root, MPI_COMM_WORLD);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_bcast", .title = "MPI Broadcast Latency Test",
                .family = COLLECTIVE},
    .pattern = FROM_ROOT,
    .call = call,
})
