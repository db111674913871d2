/* Half a round trip of blocking send and receive between two ranks. */
#include "bench.h"

static const struct program LATENCY_TEST = {
    .name = "osu_latency", .title = "MPI Latency Test", .family = LATENCY,
    .has_patterns = true};
static const struct column COLUMNS[] = {{.title = "Latency (us)", .key = "latency_us", .plotted = true}};
static const struct column PATTERNS[BUFFER_USES] = {
    {.title = "Left alone (us)", .key = "latency_us", .plotted = true},
    {.title = "Rewritten (us)", .key = "rewritten_us", .plotted = true},
    {.title = "And read (us)", .key = "read_us", .plotted = true},
};

int main(int argc, char **argv)
{
    bench_begin(argc, argv, &LATENCY_TEST);
    struct pair_buffers buffers = pair_buffers_new(1);
    struct pair pair = pair_of_rank(1);
    struct uses uses = pair_uses();
    report_begin(options.patterns ? PATTERNS : COLUMNS, (int)(uses.end - uses.first));
    for (size_t size = bench_first_size(); size <= options.max_size; size = bench_next_size(size)) {
        bool valid = !options.validate || pair_check_ping_pong(pair, &buffers, size);
        double values[BUFFER_USES];
        for (enum buffer_use use = uses.first; use < uses.end; use++) {
            options.use = use;
            values[use - uses.first] = pair_ping_pong(pair, &buffers, size) * 1e6;
        }
        report_row(size, values, valid);
    }
    return bench_end();
}
