/* Bandwidth both ways at once, the two directions added. */
#include "bench.h"

static const struct program BOTH_WAYS = {
    .name = "osu_bibw", .title = "MPI Bi-Directional Bandwidth Test", .family = BANDWIDTH, .has_patterns = true};

int main(int argc, char **argv)
{
    return pair_bandwidth_main(argc, argv, &BOTH_WAYS, true);
}
