/* Mean time of MPI_Alltoallv. */
#include "bench.h"

static void call(const struct exchange *x)
{
    MPI_Alltoallv(x->send, x->counts, x->offsets, x->type, x->receive, x->counts, x->offsets,
                  x->type, MPI_COMM_WORLD);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_alltoallv", .title = "MPI All-to-Allv Latency Test",
                .family = COLLECTIVE},
    .pattern = ALL_TO_ALL,
    .call = call,
})
