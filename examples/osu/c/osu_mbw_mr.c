/* Bandwidth and message rate of several pairs at once; the slowest pair's time
 * counts. */
#include "bench.h"

static const struct program MESSAGE_RATE = {
    .name = "osu_mbw_mr", .title = "MPI Multiple Bandwidth / Message Rate Test",
    .family = BANDWIDTH, .many_pairs = true};
static const struct column COLUMNS[] = {
    {.title = "MB/s", .key = "mb_per_s", .plotted = true},
    {.title = "Messages/s", .key = "messages_per_s"},
};

int main(int argc, char **argv)
{
    bench_begin(argc, argv, &MESSAGE_RATE);
    struct pair_buffers buffers = pair_buffers_new((size_t)options.window);
    struct pair pair = pair_of_rank(options.pairs);
    report_begin(COLUMNS, 2);
    for (size_t size = bench_first_size(); size <= options.max_size; size = bench_next_size(size)) {
        bool valid = !options.validate || pair_check_windows(pair, &buffers, size, false);
        double seconds = pair_windows(pair, &buffers, size, false);
        double slowest = spread_over_ranks(pair.first ? seconds : 0).max;
        double messages = (double)bench_iterations(size) * options.window * options.pairs;
        report_row(size, (double[]){(double)size / 1e6 * messages / slowest, messages / slowest}, valid);
    }
    return bench_end();
}
