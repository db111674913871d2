/* Half a round trip of a message whose data lie in blocks of 8 bytes with gaps as large,
 * as the column of a matrix does. Sizes are those of the data. */
#include "bench.h"

enum { BLOCK = 8, STRIDE = 16, TAG = 1 };

static const struct program VECTOR_TEST = {
    .name = "osu_latency_vector", .title = "MPI Latency Test (vector of 8-byte blocks)",
    .family = LATENCY};
static const struct column COLUMNS[] = {{.title = "Latency (us)", .key = "latency_us", .plotted = true}};

static char *sent, *received;
static MPI_Datatype vector;

static void exchange(struct pair pair)
{
    if (pair.first)
        MPI_Send(sent, 1, vector, pair.peer, TAG, MPI_COMM_WORLD);
    MPI_Recv(received, 1, vector, pair.peer, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (!pair.first)
        MPI_Send(sent, 1, vector, pair.peer, TAG, MPI_COMM_WORLD);
}

/* The blocks must arrive, and the gaps stay what they were. */
static bool check(struct pair pair, size_t size)
{
    size_t bytes = size / BLOCK * STRIDE;
    bool valid = true;
    for (long round = 0; round < options.checked_rounds; round++) {
        buffer_fill(sent, bytes, round, rank);
        buffer_fill(received, bytes, round + 1, rank);
        exchange(pair);
        for (size_t i = 0; i < bytes; i++) {
            bool gap = i % STRIDE >= BLOCK;
            double right = buffer_value(gap ? round + 1 : round, gap ? rank : pair.peer, i);
            valid = valid && received[i] == (char)right;
        }
    }
    return all_valid(valid);
}

static double measure(struct pair pair, size_t size)
{
    long iterations = bench_iterations(size), warmup = bench_warmup(size);
    size_t bytes = size / BLOCK * STRIDE;
    double start = 0;
    MPI_Barrier(MPI_COMM_WORLD);
    for (long i = -warmup; i < iterations; i++) {
        if (i == 0)
            start = now();
        if (options.use == REWRITTEN_AND_READ)
            buffer_store(sent, bytes, i);
        if (options.use == REWRITTEN)
            start += buffer_rewrite(sent, bytes, i);
        exchange(pair);
        if (options.use == REWRITTEN_AND_READ)
            buffer_read(received, bytes);
    }
    return (now() - start) / (2.0 * (double)iterations);
}

int main(int argc, char **argv)
{
    bench_begin(argc, argv, &VECTOR_TEST);
    options.min_size = options.min_size < BLOCK ? BLOCK : options.min_size;
    if (options.max_size < BLOCK)
        bench_refuse("-m: the largest size, %zu, is below one block of %d bytes", options.max_size,
                     BLOCK);
    if (options.max_size > options.memory_limit / (2 * STRIDE / BLOCK))
        bench_refuse("two buffers of %zu bytes with gaps are more than -M allows (%zu bytes)",
                     options.max_size, options.memory_limit);
    size_t extent = options.max_size / BLOCK * STRIDE;
    sent = buffer_new(extent);
    received = buffer_new(extent);
    struct pair pair = pair_of_rank(1);
    report_begin(COLUMNS, 1);
    for (size_t size = bench_first_size(); size <= options.max_size; size = bench_next_size(size)) {
        MPI_Type_vector((int)(size / BLOCK), BLOCK, STRIDE, MPI_CHAR, &vector);
        MPI_Type_commit(&vector);
        bool valid = !options.validate || check(pair, size);
        report_row(size, &(double){measure(pair, size) * 1e6}, valid);
        MPI_Type_free(&vector);
    }
    return bench_end();
}
