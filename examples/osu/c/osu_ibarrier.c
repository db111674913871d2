/* MPI_Ibarrier against computation: how much of it overlaps. */
#include "bench.h"

static void start(const struct exchange *x, MPI_Request *request)
{
    (void)x;
    MPI_Ibarrier(MPI_COMM_WORLD, request);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_ibarrier", .title = "MPI Non-blocking Barrier Latency Test",
                .family = OVERLAP, .sizeless = true},
    .pattern = TO_NONE,
    .start = start,
})
