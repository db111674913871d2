/* Time of an MPI_Fetch_and_op that adds 1 to a word, with a flush. */
#include "bench.h"

static void access_target(void *buffer, size_t size, MPI_Win win)
{
    static const long one = 1;
    (void)size;
    MPI_Fetch_and_op(&one, buffer, MPI_LONG, 1, 0, MPI_SUM, win);
}

int main(int argc, char **argv)
{
    static const struct one_sided what = {
        .program = {.name = "osu_fop_latency", .title = "MPI_Fetch_and_op Latency Test", .family = LATENCY, .sizeless = true},
        .access = access_target, .adds = true};
    return one_sided_main(argc, argv, &what);
}
