/* Mean time of MPI_Barrier. */
#include "bench.h"

static void call(const struct exchange *x)
{
    (void)x;
    MPI_Barrier(MPI_COMM_WORLD);
}

static const struct collective TEST = {
    .program = {.name = "osu_barrier", .title = "MPI Barrier Latency Test",
                .family = COLLECTIVE, .sizeless = true},
    .pattern = TO_NONE,
    .call = call,
};

int main(int argc, char **argv)
{
    return collective_main(argc, argv, &TEST);
}
