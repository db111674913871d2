/* Mean time of MPI_Alltoallw. */
#include "bench.h"

static void call(const struct exchange *x)
{
    MPI_Alltoallw(x->send, x->counts, x->byte_offsets, x->types, x->receive, x->counts,
                  x->byte_offsets, x->types, MPI_COMM_WORLD);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_alltoallw", .title = "MPI All-to-Allw Latency Test",
                .family = COLLECTIVE},
    .pattern = ALL_TO_ALL,
    .call = call,
})
