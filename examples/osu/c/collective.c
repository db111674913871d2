/* Collective benchmarks: buffers, right answers and the timing of blocking calls.
 *
 * Every rank takes the time of each call alone; between calls stands a barrier
 * that is not timed. A rank's mean over the iterations is averaged over the
 * ranks; -f adds the smallest and the largest of those means. --dirty rewrites
 * what is sent before that barrier. --read does it within the time of the call, as
 * it does the reading of what was received. With --back-to-back there is no barrier, and
 * the whole loop is timed. --patterns shows all of these. A persistent call is prepared once per size;
 * starting it and waiting for it is what takes the time. */
#include "bench.h"

#include <stdint.h>
#include <stdlib.h>

/* How many blocks a buffer holds: for every peer one, or just one. */
struct shape { bool send_per_peer, receive_per_peer, one_buffer; };

static struct shape shape_of(enum pattern pattern)
{
    switch (pattern) {
    case FROM_ROOT:
        return (struct shape){.one_buffer = true};
    case SCATTERED:
    case BLOCKS_REDUCED:
        return (struct shape){.send_per_peer = true};
    case GATHERED:
    case ALL_GATHERED:
        return (struct shape){.receive_per_peer = true};
    case ALL_TO_ALL:
        return (struct shape){.send_per_peer = true, .receive_per_peer = true};
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
    bool not_first = pattern == EXSCANNED;
    return pattern != TO_NONE && (!root_only || rank == root) && (!not_first || rank > 0);
}

static int most_peers(const struct peers *peers)
{
    return peers->ins > peers->outs ? peers->ins : peers->outs;
}

/* The first ranks take one element more where the ranks do not divide `count`. */
static void share_out(struct exchange *x, bool divided)
{
    int offset = 0;
    for (int p = 0; p < most_peers(&x->peers); p++) {
        x->counts[p] = divided ? x->count / ranks + (p < x->count % ranks) : x->count;
        x->offsets[p] = offset;
        x->addresses[p] = (MPI_Aint)offset * (MPI_Aint)options.element.size;
        x->byte_offsets[p] = (int)x->addresses[p];
        offset += x->counts[p];
    }
}

static struct exchange exchange_new(const struct program *p, struct shape shape)
{
    struct exchange x = {.type = options.element.type};
    x.peers = p->neighbors ? peers_neighbors() : peers_all();
    size_t sent = shape.send_per_peer ? (size_t)x.peers.outs : 1;
    size_t received = shape.receive_per_peer ? (size_t)x.peers.ins : 1;
    /* The rank with the most decides for all: they refuse together. */
    uint64_t most = sent + received;
    MPI_Allreduce(MPI_IN_PLACE, &most, 1, MPI_UINT64_T, MPI_MAX, MPI_COMM_WORLD);
    if (options.max_size > options.memory_limit / (most ? most : 1))
        bench_refuse("%ju blocks of %zu bytes are more than -M allows (%zu bytes): "
                     "ask for smaller messages (-m)",
                     (uintmax_t)most, options.max_size, options.memory_limit);
    x.send = buffer_new(options.max_size * sent);
    x.receive = shape.one_buffer ? x.send : buffer_new(options.max_size * received);
    size_t peers = (size_t)most_peers(&x.peers);
    x.counts = buffer_new(peers * sizeof *x.counts);
    x.offsets = buffer_new(peers * sizeof *x.offsets);
    x.byte_offsets = buffer_new(peers * sizeof *x.byte_offsets);
    x.addresses = buffer_new(peers * sizeof *x.addresses);
    x.types = buffer_new(peers * sizeof *x.types);
    for (size_t i = 0; i < peers; i++)
        x.types[i] = x.type;
    return x;
}

/* --- right answers ---------------------------------------------------------- */

struct answer {
    enum pattern pattern;
    const struct exchange *x;
    long round;
};

/* Of the ranks below `end`. */
static double sum_of_ranks(int end, long round, size_t index)
{
    double sum = 0;
    for (int r = 0; r < end; r++)
        sum += buffer_value(round, r, index);
    return sum;
}

/* What stands in the receive buffer before, and stays where nobody sends. */
static double wrong_value(long round, size_t index)
{
    return buffer_value(round + 1, rank + 1, index);
}

static double right_value(const void *context, size_t index)
{
    const struct answer *a = context;
    const struct peers *peers = &a->x->peers;
    size_t count = (size_t)a->x->count;
    size_t mine = (size_t)rank * count;
    size_t block = index / count, within = index % count;
    switch (a->pattern) {
    case FROM_ROOT:
        return buffer_value(a->round, a->x->root, index);
    case SCATTERED:
        return buffer_value(a->round, a->x->root, mine + index);
    case GATHERED:
    case ALL_GATHERED:
        if (peers->sources[block] == MPI_PROC_NULL)
            return wrong_value(a->round, index);
        return buffer_value(a->round, peers->sources[block], within);
    case ALL_TO_ALL:
        if (peers->sources[block] == MPI_PROC_NULL)
            return wrong_value(a->round, index);
        return buffer_value(a->round, peers->sources[block],
                            (size_t)peers->slots[block] * count + within);
    case REDUCED_SCATTERED:
        return sum_of_ranks(ranks, a->round, (size_t)a->x->offsets[rank] + index);
    case BLOCKS_REDUCED:
        return sum_of_ranks(ranks, a->round, mine + index);
    case SCANNED:
        return sum_of_ranks(rank + 1, a->round, index);
    case EXSCANNED:
        return sum_of_ranks(rank, a->round, index);
    default:
        return sum_of_ranks(ranks, a->round, index);
    }
}

/* The call from beginning to end; `request` is the prepared one, if any. */
static inline void perform(const struct collective *c, const struct exchange *x,
                           MPI_Request *request)
{
    if (c->call) {
        c->call(x);
        return;
    }
    if (c->prepare)
        MPI_Start(request);
    else
        c->start(x, request);
    MPI_Wait(request, MPI_STATUS_IGNORE);
}

static bool check(const struct collective *c, const struct exchange *x, MPI_Request *request,
                  size_t send_bytes, size_t receive_bytes)
{
    bool valid = true;
    for (long round = 0; round < options.checked_rounds; round++) {
        struct answer answer = {c->pattern, x, round};
        /* Wrong contents where the result goes, so that nothing passes by chance. */
        buffer_fill(x->receive, receive_bytes, round + 1, rank + 1); /* wrong_value */
        if (contributes(c->pattern, x->root))
            buffer_fill(x->send, send_bytes, round, rank);
        perform(c, x, request);
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

/* What --patterns shows. */
static const struct column PATTERN_COLUMNS[] = {
    {.title = "Left alone (us)", .key = "latency_us", .plotted = true},
    {.title = "Back to back (us)", .key = "back_to_back_us", .plotted = true},
    {.title = "Rewritten (us)", .key = "rewritten_us", .plotted = true},
    {.title = "And read (us)", .key = "read_us", .plotted = true},
};

/* One size of a blocking collective: the call, and how much of its buffers this rank
 * rewrites and reads where the buffers are used. */
struct task {
    const struct collective *c;
    const struct exchange *x;
    MPI_Request *request;
    size_t size, sent_bytes, received_bytes;
};

/* Mean microseconds of a call at this rank. */
static double time_calls(const struct task *t, enum buffer_use use, bool back_to_back)
{
    long iterations = bench_iterations(t->size), warmup = bench_warmup(t->size);
    size_t dirty_bytes = use >= REWRITTEN ? t->sent_bytes : 0;
    size_t read_bytes = use == REWRITTEN_AND_READ ? t->received_bytes : 0;
    double timed = 0, loop = 0;
    MPI_Barrier(MPI_COMM_WORLD);
    for (long i = -warmup; i < iterations; i++) {
        if (i == 0)
            loop = now();
        double start = back_to_back ? 0 : now();
        if (use == REWRITTEN_AND_READ && dirty_bytes > 0)
            buffer_store(t->x->send, dirty_bytes, i);
        perform(t->c, t->x, t->request);
        if (read_bytes > 0)
            buffer_read(t->x->receive, read_bytes);
        if (!back_to_back && i >= 0)
            timed += now() - start;
        if (use == REWRITTEN && dirty_bytes > 0) {
            double rewriting = buffer_rewrite(t->x->send, dirty_bytes, i);
            loop += rewriting;
        }
        if (t->c->pattern != TO_NONE && !back_to_back)
            MPI_Barrier(MPI_COMM_WORLD);
    }
    if (back_to_back)
        timed = now() - loop;
    return timed * 1e6 / (double)iterations;
}

static void measure(const struct task *t, bool valid)
{
    if (!options.patterns) {
        struct spread s = spread_over_ranks(time_calls(t, options.use, options.back_to_back));
        double iterations = (double)bench_iterations(t->size);
        report_row(t->size, (double[]){s.mean, s.min, s.max, iterations}, valid);
        return;
    }
    double values[] = {
        spread_over_ranks(time_calls(t, LEFT_ALONE, false)).mean,
        spread_over_ranks(time_calls(t, LEFT_ALONE, true)).mean,
        spread_over_ranks(time_calls(t, REWRITTEN, false)).mean,
        spread_over_ranks(time_calls(t, REWRITTEN_AND_READ, false)).mean,
    };
    report_row(t->size, values, valid);
}

int collective_main(int argc, char **argv, const struct collective *c)
{
    struct shape shape = shape_of(c->pattern);
    bench_begin(argc, argv, &c->program);
    struct exchange x = exchange_new(&c->program, shape);
    if (c->start)
        overlap_begin_report();
    else if (options.patterns)
        report_begin(PATTERN_COLUMNS, sizeof PATTERN_COLUMNS / sizeof *PATTERN_COLUMNS);
    else
        report_begin(LATENCY_COLUMNS, options.full ? 4 : 1);
    for (size_t size = bench_first_size(); size <= options.max_size; size = bench_next_size(size)) {
        size_t element = options.element.size;
        x.count = (int)(size / element);
        share_out(&x, c->pattern == REDUCED_SCATTERED);
        size_t block = (size_t)x.count * element;
        size_t send_bytes = shape.send_per_peer ? block * (size_t)x.peers.outs : block;
        size_t receive_bytes = shape.receive_per_peer ? block * (size_t)x.peers.ins
                               : c->pattern == REDUCED_SCATTERED ? (size_t)x.counts[rank] * element
                                                                 : block;
        MPI_Request request = MPI_REQUEST_NULL;
        if (c->prepare)
            c->prepare(&x, &request);
        bool valid = !options.validate || check(c, &x, &request, send_bytes, receive_bytes);
        struct task task = {
            .c = c, .x = &x, .request = &request, .size = size,
            .sent_bytes = contributes(c->pattern, x.root) ? send_bytes : 0,
            .received_bytes = gets_result(c->pattern, x.root) ? receive_bytes : 0};
        if (c->start)
            overlap_measure(c, &x, size, options.use >= REWRITTEN ? task.sent_bytes : 0, valid);
        else
            measure(&task, valid);
        if (c->prepare)
            MPI_Request_free(&request);
    }
    peers_free(&x.peers);
    return bench_end();
}
