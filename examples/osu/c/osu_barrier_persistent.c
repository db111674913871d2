/* Mean time of starting and waiting for what MPI_Barrier_init prepared. */
#include "bench.h"

static void prepare(const struct exchange *x, MPI_Request *request)
{
    (void)x;
    MPI_Barrier_init(MPI_COMM_WORLD, MPI_INFO_NULL, request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_barrier_persistent", .title = "MPI Persistent Barrier Latency Test",
                .family = COLLECTIVE, .sizeless = true},
    .pattern = TO_NONE,
    .prepare = prepare,
})
