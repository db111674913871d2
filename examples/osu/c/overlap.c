/* Nonblocking collectives: how much of the communication hides behind computing.
 *
 * First the call with its wait alone gives the pure communication time. Then
 * each rank computes for as long between the start and the wait, and
 *
 *   overlap = 100 - (overall - compute) / pure * 100, at least 0 percent.
 *
 * With -t N the computation is cut into N + 1 pieces with an MPI_Test between. */
#include "bench.h"

static const struct column COLUMNS[] = {
    {.title = "Overall(us)", .key = "overall_us", .plotted = true},
    {.title = "Compute(us)", .key = "compute_us", .plotted = true},
    {.title = "Pure Comm.(us)", .key = "pure_us", .plotted = true},
    {.title = "Overlap(%)", .key = "overlap_percent"},
};

static const struct column FULL_COLUMNS[] = {
    {.title = "Overall(us)", .key = "overall_us", .plotted = true},
    {.title = "Compute(us)", .key = "compute_us", .plotted = true},
    {.title = "Coll. Init(us)", .key = "init_us"},
    {.title = "MPI_Test(us)", .key = "test_us"},
    {.title = "MPI_Wait(us)", .key = "wait_us"},
    {.title = "Pure Comm.(us)", .key = "pure_us", .plotted = true},
    {.title = "Max Pure(us)", .key = "max_pure_us"},
    {.title = "Overlap(%)", .key = "overlap_percent"},
};

void overlap_begin_report(void)
{
    if (options.full)
        report_begin(FULL_COLUMNS, 8);
    else
        report_begin(COLUMNS, 4);
}

static volatile double sink;

/* Floating-point work in cache for `seconds`; returns what it really took. */
static double compute(double seconds)
{
    double start = now(), passed, x = 1.0;
    do {
        for (int i = 0; i < 16; i++)
            x = x * 1.000001 + 1e-9;
        passed = now() - start;
    } while (passed < seconds);
    sink = x;
    return passed;
}

struct times { double overall, compute, start, test, wait; };

static void add(struct times *sum, const struct times *t)
{
    sum->overall += t->overall;
    sum->compute += t->compute;
    sum->start += t->start;
    sum->test += t->test;
    sum->wait += t->wait;
}

/* One call with `work` seconds of computing inside. */
static struct times run_once(const struct collective *c, const struct exchange *x, double work)
{
    struct times t = {0};
    MPI_Request request;
    double begin = now();
    c->start(x, &request);
    double started = now();
    for (int piece = 0; work > 0 && piece <= options.test_calls; piece++) {
        t.compute += compute(work / (options.test_calls + 1));
        if (piece < options.test_calls) {
            int done;
            double before = now();
            MPI_Test(&request, &done, MPI_STATUS_IGNORE);
            t.test += now() - before;
        }
    }
    double waiting = now();
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    double end = now();
    t.start = started - begin;
    t.wait = end - waiting;
    t.overall = end - begin;
    return t;
}

/* Mean of one call's times over the iterations. */
static struct times run_many(const struct collective *c, const struct exchange *x, size_t size,
                             size_t dirty_bytes, double work)
{
    long iterations = bench_iterations(size), warmup = bench_warmup(size);
    struct times sum = {0};
    MPI_Barrier(MPI_COMM_WORLD);
    for (long i = -warmup; i < iterations; i++) {
        struct times t = run_once(c, x, work);
        if (i >= 0)
            add(&sum, &t);
        if (dirty_bytes > 0)
            buffer_rewrite(x->send, dirty_bytes, i);
        MPI_Barrier(MPI_COMM_WORLD);
    }
    double scale = 1e6 / (double)iterations;
    return (struct times){sum.overall * scale, sum.compute * scale, sum.start * scale,
                          sum.test * scale, sum.wait * scale};
}

void overlap_measure(const struct collective *c, const struct exchange *x, size_t size,
                     size_t dirty_bytes, bool valid)
{
    struct times pure_times = run_many(c, x, size, dirty_bytes, 0);
    struct times t = run_many(c, x, size, dirty_bytes, pure_times.overall * 1e-6);
    struct spread pure = spread_over_ranks(pure_times.overall);
    double overall = spread_over_ranks(t.overall).mean;
    double computing = spread_over_ranks(t.compute).mean;
    double start = spread_over_ranks(t.start).mean;
    double test = spread_over_ranks(t.test).mean;
    double wait = spread_over_ranks(t.wait).mean;
    double overlap = 100.0 - (overall - computing) / pure.mean * 100.0;
    if (overlap < 0)
        overlap = 0;
    if (options.full)
        report_row(size,
                   (double[]){overall, computing, start, test, wait, pure.mean, pure.max, overlap},
                   valid);
    else
        report_row(size, (double[]){overall, computing, pure.mean, overlap}, valid);
}
