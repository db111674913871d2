/* Two ranks at a time: ping-pong for latencies, windows for bandwidths.
 *
 * With --dirty each send has a buffer that was rewritten just before. In a
 * ping-pong both rewritings lie on the way of the round trip, so each rank
 * clocks its own and both are taken off the elapsed time. In a window every
 * message has its own buffer, all of them rewritten before the window starts;
 * a rank takes off its own rewriting, the peer's passing at the same time.
 *
 * With --read the receiver also reads what it got, in a window before it
 * acknowledges it, and nothing is taken off: what a copy saves or costs the
 * caches of the two shows in the time of the loop. */
#include "bench.h"

#include <stdlib.h>

enum { TAG_DATA = 1, TAG_BACK = 1, TAG_WINDOW = 100, TAG_ACK = 101 };

struct pair pair_of_rank(int pairs)
{
    if (rank >= 2 * pairs)
        return (struct pair){MPI_PROC_NULL, false, true};
    bool first = rank < pairs;
    return (struct pair){first ? rank + pairs : rank - pairs, first, false};
}

struct pair_buffers pair_buffers_new(size_t messages)
{
    enum buffer_use most = options.patterns ? REWRITTEN_AND_READ : options.use;
    size_t send_slots = options.validate || most >= REWRITTEN ? messages : 1;
    size_t receive_slots = options.validate || most >= REWRITTEN_AND_READ ? messages : 1;
    size_t slots = send_slots + receive_slots;
    if (options.max_size > options.memory_limit / slots)
        bench_refuse("%zu buffers of %zu bytes are more than -M allows (%zu bytes): "
                     "ask for smaller messages (-m) or a smaller window (-W)",
                     slots, options.max_size, options.memory_limit);
    struct pair_buffers b = {0};
    b.send = buffer_new(send_slots * options.max_size);
    b.receive = buffer_new(receive_slots * options.max_size);
    return b;
}

struct uses pair_uses(void)
{
    if (options.patterns)
        return (struct uses){LEFT_ALONE, BUFFER_USES};
    return (struct uses){options.use, options.use + 1};
}

/* --- ping-pong -------------------------------------------------------------- */

static void send_to(struct pair pair, const struct pair_buffers *b, size_t size)
{
    MPI_Send(b->send, (int)size, MPI_CHAR, pair.peer, TAG_DATA, MPI_COMM_WORLD);
}

static void receive_from(struct pair pair, const struct pair_buffers *b, size_t size)
{
    MPI_Recv(b->receive, (int)size, MPI_CHAR, pair.peer, TAG_BACK, MPI_COMM_WORLD,
             MPI_STATUS_IGNORE);
}

static void receive_and_use(struct pair pair, const struct pair_buffers *b, size_t size)
{
    receive_from(pair, b, size);
    if (options.use == REWRITTEN_AND_READ)
        buffer_read(b->receive, size);
}

double pair_ping_pong(struct pair pair, const struct pair_buffers *b, size_t size)
{
    long iterations = bench_iterations(size), warmup = bench_warmup(size);
    double start = 0, rewriting = 0, of_peer = 0;
    MPI_Barrier(MPI_COMM_WORLD);
    if (pair.idle)
        return 0;
    for (long i = -warmup; i < iterations; i++) {
        if (i == 0) {
            rewriting = 0;
            start = now();
        }
        if (!pair.first)
            receive_and_use(pair, b, size);
        if (options.use == REWRITTEN)
            rewriting += buffer_rewrite(b->send, size, i);
        if (options.use == REWRITTEN_AND_READ)
            buffer_store(b->send, size, i);
        send_to(pair, b, size);
        if (pair.first)
            receive_and_use(pair, b, size);
    }
    double elapsed = now() - start;
    if (options.use == REWRITTEN)
        MPI_Sendrecv(&rewriting, 1, MPI_DOUBLE, pair.peer, TAG_ACK, &of_peer, 1, MPI_DOUBLE,
                     pair.peer, TAG_ACK, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    return (elapsed - rewriting - of_peer) / (2.0 * (double)iterations);
}

bool pair_check_ping_pong(struct pair pair, const struct pair_buffers *b, size_t size)
{
    bool valid = true;
    for (long i = 0; !pair.idle && i < options.checked_rounds; i++) {
        buffer_fill(b->send, size, i, rank);
        buffer_fill(b->receive, size, i + 1, rank);
        if (pair.first)
            send_to(pair, b, size);
        receive_from(pair, b, size);
        if (!pair.first)
            send_to(pair, b, size);
        valid = buffer_check_from(b->receive, size, i, pair.peer) && valid;
    }
    return all_valid(valid);
}

/* --- windows ---------------------------------------------------------------- */

static MPI_Request *window_requests(void)
{
    static MPI_Request *requests;
    if (requests == NULL)
        requests = malloc(2 * (size_t)options.window * sizeof *requests);
    if (requests == NULL)
        MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
    return requests;
}

/* One window. Going one way, the receiver acknowledges it with four bytes. */
static void exchange_window(struct pair pair, const struct pair_buffers *b, size_t size,
                            bool both_ways, bool reads)
{
    MPI_Request *requests = window_requests();
    int pending = 0;
    bool sends = pair.first || both_ways, receives = !pair.first || both_ways;
    for (int w = 0; receives && w < options.window; w++)
        MPI_Irecv(b->receive + (size_t)w * b->receive_stride, (int)size, MPI_CHAR, pair.peer,
                  TAG_WINDOW, MPI_COMM_WORLD, &requests[pending++]);
    for (int w = 0; sends && w < options.window; w++)
        MPI_Isend(b->send + (size_t)w * b->send_stride, (int)size, MPI_CHAR, pair.peer, TAG_WINDOW,
                  MPI_COMM_WORLD, &requests[pending++]);
    MPI_Waitall(pending, requests, MPI_STATUSES_IGNORE);
    if (reads && receives)
        buffer_read(b->receive, (size_t)options.window * size);
    if (both_ways)
        return;
    char ack[4] = {0};
    if (pair.first)
        MPI_Recv(ack, sizeof ack, MPI_CHAR, pair.peer, TAG_ACK, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    else
        MPI_Send(ack, sizeof ack, MPI_CHAR, pair.peer, TAG_ACK, MPI_COMM_WORLD);
}

double pair_windows(struct pair pair, struct pair_buffers *b, size_t size, bool both_ways)
{
    long iterations = bench_iterations(size), warmup = bench_warmup(size);
    bool sends = pair.first || both_ways, reads = options.use == REWRITTEN_AND_READ;
    double start = 0, rewriting = 0;
    b->send_stride = options.use >= REWRITTEN ? size : 0;
    b->receive_stride = reads ? size : 0;
    MPI_Barrier(MPI_COMM_WORLD);
    for (long i = -warmup; i < iterations; i++) {
        if (i == 0) {
            MPI_Barrier(MPI_COMM_WORLD);
            rewriting = 0;
            start = now();
        }
        if (pair.idle)
            continue;
        if (sends && options.use == REWRITTEN)
            rewriting += buffer_rewrite(b->send, (size_t)options.window * size, i);
        if (sends && reads)
            buffer_store(b->send, (size_t)options.window * size, i);
        exchange_window(pair, b, size, both_ways, reads);
    }
    return now() - start - rewriting;
}

bool pair_check_windows(struct pair pair, struct pair_buffers *b, size_t size, bool both_ways)
{
    bool valid = true, receives = !pair.first || both_ways;
    size_t bytes = (size_t)options.window * size;
    b->send_stride = b->receive_stride = size;
    for (long i = 0; !pair.idle && i < options.checked_rounds; i++) {
        buffer_fill(b->send, bytes, i, rank);
        buffer_fill(b->receive, bytes, i + 1, rank);
        exchange_window(pair, b, size, both_ways, false);
        valid = (!receives || buffer_check_from(b->receive, bytes, i, pair.peer)) && valid;
    }
    return all_valid(valid);
}

int pair_bandwidth_main(int argc, char **argv, const struct program *p, bool both_ways)
{
    static const struct column COLUMNS[] = {{.title = "Bandwidth (MB/s)", .key = "mb_per_s", .plotted = true}};
    static const struct column PATTERNS[BUFFER_USES] = {
        {.title = "Left alone (MB/s)", .key = "mb_per_s", .plotted = true},
        {.title = "Rewritten (MB/s)", .key = "rewritten_mb_per_s", .plotted = true},
        {.title = "And read (MB/s)", .key = "read_mb_per_s", .plotted = true},
    };
    bench_begin(argc, argv, p);
    struct pair_buffers buffers = pair_buffers_new((size_t)options.window);
    struct pair pair = pair_of_rank(1);
    struct uses uses = pair_uses();
    report_begin(options.patterns ? PATTERNS : COLUMNS, (int)(uses.end - uses.first));
    for (size_t size = bench_first_size(); size <= options.max_size; size = bench_next_size(size)) {
        bool valid = !options.validate || pair_check_windows(pair, &buffers, size, both_ways);
        double messages = (double)bench_iterations(size) * options.window * (both_ways ? 2 : 1);
        double values[BUFFER_USES];
        for (enum buffer_use use = uses.first; use < uses.end; use++) {
            options.use = use;
            double seconds = pair_windows(pair, &buffers, size, both_ways);
            values[use - uses.first] = (double)size / 1e6 * messages / seconds;
        }
        report_row(size, values, valid);
    }
    return bench_end();
}
