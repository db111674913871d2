/* MPI_Ibarrier against computation: how much of it overlaps. */
#include "bench.h"

static void start(const struct exchange *x, MPI_Request *request)
{
    (void)x;
    MPI_Ibarrier(MPI_COMM_WORLD, request);
}

static const struct collective TEST = {
    .program = {.name = "osu_ibarrier", .title = "MPI Non-blocking Barrier Latency Test",
                .family = OVERLAP, .sizeless = true},
    .pattern = TO_NONE,
    .start = start,
};

int main(int argc, char **argv)
{
    return collective_main(argc, argv, &TEST);
}
