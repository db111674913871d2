/* Bandwidth one way: windows of messages, each acknowledged. */
#include "bench.h"

static const struct program BANDWIDTH_TEST = {
    .name = "osu_bw", .title = "MPI Bandwidth Test", .family = BANDWIDTH, .has_patterns = true};

int main(int argc, char **argv)
{
    return pair_bandwidth_main(argc, argv, &BANDWIDTH_TEST, false);
}
