/* Time of an MPI_Get with a flush. */
#include "bench.h"

static void access_target(void *buffer, size_t size, MPI_Win win)
{
    MPI_Get(buffer, (int)size, MPI_CHAR, 1, 0, (int)size, MPI_CHAR, win);
}

int main(int argc, char **argv)
{
    static const struct one_sided what = {
        .program = {.name = "osu_get_latency", .title = "MPI_Get Latency Test", .family = LATENCY},
        .access = access_target, .gets = true};
    return one_sided_main(argc, argv, &what);
}
