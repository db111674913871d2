/* Half a round trip of blocking send and receive between two ranks. */
#include "bench.h"

static const struct program LATENCY_TEST = {
    .name = "osu_latency", .title = "MPI Latency Test", .family = LATENCY};
static const struct column COLUMNS[] = {{.title = "Latency (us)", .key = "latency_us", .plotted = true}};

int main(int argc, char **argv)
{
    bench_begin(argc, argv, &LATENCY_TEST);
    struct pair_buffers buffers = pair_buffers_new(1);
    struct pair pair = pair_of_rank(1);
    report_begin(COLUMNS, 1);
    for (size_t size = bench_first_size(); size <= options.max_size; size = bench_next_size(size)) {
        bool valid = !options.validate || pair_check_ping_pong(pair, &buffers, size);
        report_row(size, &(double){pair_ping_pong(pair, &buffers, size) * 1e6}, valid);
    }
    return bench_end();
}
