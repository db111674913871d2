/* How long MPI_Init takes: mean, smallest and largest over the ranks. */
#include "bench.h"

#include <stdio.h>

static const struct program INIT = {
    .name = "osu_init", .title = "MPI Init Test", .family = STARTUP, .sizeless = true};
static const struct column COLUMNS[] = {
    {.title = "Avg Init(ms)", .key = "init_ms"},
    {.title = "Min Init(ms)", .key = "min_init_ms"},
    {.title = "Max Init(ms)", .key = "max_init_ms"},
};

int main(int argc, char **argv)
{
    bench_begin(argc, argv, &INIT);
    struct spread s = spread_over_ranks(init_seconds * 1e3);
    report_begin(COLUMNS, 3);
    report_row(0, (double[]){s.mean, s.min, s.max}, true);
    if (rank == 0 && !options.json)
        printf("# OSU-style %s (Lariat)\nnprocs: %d, min: %.2f ms, max: %.2f ms, avg: %.2f ms\n",
               program->title, ranks, s.min, s.max, s.mean);
    return bench_end();
}
