/* Half a round trip while several pairs play at once, mean over their ranks. */
#include "bench.h"

static const struct program MULTI_LATENCY = {
    .name = "osu_multi_lat", .title = "MPI Multi Latency Test", .family = LATENCY, .many_pairs = true};
static const struct column COLUMNS[] = {{.title = "Latency (us)", .key = "latency_us", .plotted = true}};

int main(int argc, char **argv)
{
    bench_begin(argc, argv, &MULTI_LATENCY);
    struct pair_buffers buffers = pair_buffers_new(1);
    struct pair pair = pair_of_rank(options.pairs);
    report_begin(COLUMNS, 1);
    for (size_t size = bench_first_size(); size <= options.max_size; size = bench_next_size(size)) {
        bool valid = !options.validate || pair_check_ping_pong(pair, &buffers, size);
        double of_all = spread_over_ranks(pair_ping_pong(pair, &buffers, size)).mean * ranks;
        report_row(size, &(double){of_all / (2 * options.pairs) * 1e6}, valid);
    }
    return bench_end();
}
