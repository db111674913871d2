/* Mean time of MPI_Barrier. */
#include "bench.h"

static void call(const struct exchange *x)
{
    (void)x;
    MPI_Barrier(MPI_COMM_WORLD);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_barrier", .title = "MPI Barrier Latency Test",
                .family = COLLECTIVE, .sizeless = true},
    .pattern = TO_NONE,
    .call = call,
})
