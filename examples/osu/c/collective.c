/* Collective benchmarks: buffers, right answers and the timing of blocking calls.
 *
 * Every rank takes the time of each call alone; between calls stands a barrier
 * that is not timed. A rank's mean over the iterations is averaged over the
 * ranks; -f adds the smallest and the largest of those means. --dirty rewrites
 * what is sent before that barrier. */
#include "bench.h"

#include <stdlib.h>

/* How many blocks a buffer holds: for every rank one, or just one. */
struct shape { bool send_per_rank, receive_per_rank, one_buffer; };

static struct shape shape_of(enum pattern pattern)
{
    switch (pattern) {
    case FROM_ROOT:
        return (struct shape){.one_buffer = true};
    case SCATTERED:
        return (struct shape){.send_per_rank = true};
    case GATHERED:
    case ALL_GATHERED:
        return (struct shape){.receive_per_rank = true};
    case ALL_TO_ALL:
        return (struct shape){.send_per_rank = true, .receive_per_rank = true};
    default:
        return (struct shape){0};
    }
}

/* Whether this rank gives data into, or gets data out of the call. */
static bool contributes(enum pattern pattern, int root)
{
    bool root_only = pattern == FROM_ROOT || pattern == SCATTERED;
    return pattern != TO_NONE && (!root_only || rank == root);
}

static bool gets_result(enum pattern pattern, int root)
{
    bool root_only = pattern == GATHERED || pattern == REDUCED;
    return pattern != TO_NONE && (!root_only || rank == root);
}

/* The first ranks take one element more where the ranks do not divide `count`. */
static void share_out(struct exchange *x, bool divided)
{
    int offset = 0;
    for (int r = 0; r < ranks; r++) {
        x->counts[r] = divided ? x->count / ranks + (r < x->count % ranks) : x->count;
        x->offsets[r] = offset;
        offset += x->counts[r];
    }
}

static size_t blocks(bool per_rank)
{
    return per_rank ? (size_t)ranks : 1;
}

static struct exchange exchange_new(enum pattern pattern)
{
    struct shape shape = shape_of(pattern);
    size_t most = blocks(shape.send_per_rank) + blocks(shape.receive_per_rank);
    if (options.max_size > options.memory_limit / most)
        bench_refuse("%zu blocks of %zu bytes are more than -M allows (%zu bytes): "
                     "ask for smaller messages (-m)",
                     most, options.max_size, options.memory_limit);
    struct exchange x = {.type = options.element.type};
    x.send = buffer_new(options.max_size * blocks(shape.send_per_rank));
    x.receive = shape.one_buffer ? x.send
                                 : buffer_new(options.max_size * blocks(shape.receive_per_rank));
    x.counts = buffer_new((size_t)ranks * sizeof *x.counts);
    x.offsets = buffer_new((size_t)ranks * sizeof *x.offsets);
    return x;
}

/* --- right answers ---------------------------------------------------------- */

struct answer {
    enum pattern pattern;
    const struct exchange *x;
    long round;
};

static double sum_over_ranks(long round, size_t index)
{
    double sum = 0;
    for (int r = 0; r < ranks; r++)
        sum += buffer_value(round, r, index);
    return sum;
}

static double right_value(const void *context, size_t index)
{
    const struct answer *a = context;
    size_t count = (size_t)a->x->count;
    size_t mine = (size_t)rank * count;
    switch (a->pattern) {
    case FROM_ROOT:
        return buffer_value(a->round, a->x->root, index);
    case SCATTERED:
        return buffer_value(a->round, a->x->root, mine + index);
    case GATHERED:
    case ALL_GATHERED:
        return buffer_value(a->round, (int)(index / count), index % count);
    case ALL_TO_ALL:
        return buffer_value(a->round, (int)(index / count), mine + index % count);
    case REDUCED_SCATTERED:
        return sum_over_ranks(a->round, (size_t)a->x->offsets[rank] + index);
    default:
        return sum_over_ranks(a->round, index);
    }
}

static void perform(const struct collective *c, const struct exchange *x)
{
    if (c->call) {
        c->call(x);
        return;
    }
    MPI_Request request;
    c->start(x, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
}

static bool check(const struct collective *c, const struct exchange *x, size_t send_bytes,
                  size_t receive_bytes)
{
    bool valid = true;
    for (long round = 0; round < options.checked_rounds; round++) {
        struct answer answer = {c->pattern, x, round};
        /* Wrong contents where the result goes, so that nothing passes by chance. */
        buffer_fill(x->receive, receive_bytes, round + 1, rank + 1);
        if (contributes(c->pattern, x->root))
            buffer_fill(x->send, send_bytes, round, rank);
        perform(c, x);
        if (gets_result(c->pattern, x->root))
            valid = buffer_check(x->receive, receive_bytes, right_value, &answer) && valid;
    }
    return all_valid(valid);
}

/* --- timing ----------------------------------------------------------------- */

static const struct column LATENCY_COLUMNS[] = {
    {.title = "Avg Latency(us)", .key = "latency_us", .plotted = true},
    {.title = "Min Latency(us)", .key = "min_latency_us", .plotted = true},
    {.title = "Max Latency(us)", .key = "max_latency_us", .plotted = true},
    {.title = "Iterations", .key = "iterations", .whole = true},
};

static void measure(const struct collective *c, const struct exchange *x, size_t size,
                    size_t dirty_bytes, bool valid)
{
    long iterations = bench_iterations(size), warmup = bench_warmup(size);
    double timed = 0;
    MPI_Barrier(MPI_COMM_WORLD);
    for (long i = -warmup; i < iterations; i++) {
        double start = now();
        c->call(x);
        double stop = now();
        if (i >= 0)
            timed += stop - start;
        if (dirty_bytes > 0)
            buffer_rewrite(x->send, dirty_bytes, i);
        if (c->pattern != TO_NONE)
            MPI_Barrier(MPI_COMM_WORLD);
    }
    struct spread s = spread_over_ranks(timed * 1e6 / (double)iterations);
    report_row(size, (double[]){s.mean, s.min, s.max, (double)iterations}, valid);
}

int collective_main(int argc, char **argv, const struct collective *c)
{
    struct shape shape = shape_of(c->pattern);
    bench_begin(argc, argv, &c->program);
    struct exchange x = exchange_new(c->pattern);
    if (c->call)
        report_begin(LATENCY_COLUMNS, options.full ? 4 : 1);
    else
        overlap_begin_report();
    for (size_t size = bench_first_size(); size <= options.max_size; size = bench_next_size(size)) {
        size_t element = options.element.size;
        x.count = (int)(size / element);
        share_out(&x, c->pattern == REDUCED_SCATTERED);
        size_t block = (size_t)x.count * element;
        size_t send_bytes = block * blocks(shape.send_per_rank);
        size_t receive_bytes = c->pattern == REDUCED_SCATTERED ? (size_t)x.counts[rank] * element
                                                              : block * blocks(shape.receive_per_rank);
        bool valid = !options.validate || check(c, &x, send_bytes, receive_bytes);
        size_t dirty_bytes = options.dirty && contributes(c->pattern, x.root) ? send_bytes : 0;
        if (c->call)
            measure(c, &x, size, dirty_bytes, valid);
        else
            overlap_measure(c, &x, size, dirty_bytes, valid);
    }
    return bench_end();
}
