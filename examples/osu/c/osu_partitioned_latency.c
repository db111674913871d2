/* Half a round trip of a partitioned message whose partitions all become ready one after
 * the other. Sizes are those of the whole message. */
#include "bench.h"

enum { PARTITIONS = 16 };

static const struct program PARTITIONED_LATENCY_TEST = {
    .name = "osu_partitioned_latency", .title = "MPI Partitioned Latency Test (16 partitions)",
    .family = LATENCY};
static const struct column COLUMNS[] = {{.title = "Latency (us)", .key = "latency_us", .plotted = true}};

static MPI_Request send, receive;
static int partitions;

static void send_all(void)
{
    for (int i = 0; i < partitions; i++)
        MPI_Pready(i, send);
    MPI_Wait(&send, MPI_STATUS_IGNORE);
}

static void exchange(bool first)
{
    MPI_Start(&receive);
    MPI_Start(&send);
    if (first)
        send_all();
    MPI_Wait(&receive, MPI_STATUS_IGNORE);
    if (!first)
        send_all();
}

static void open_channel(struct pair pair, const struct pair_buffers *buffers, size_t size)
{
    partitions = size >= PARTITIONS && size % PARTITIONS == 0 ? PARTITIONS : 1;
    MPI_Count count = (MPI_Count)(size / (size_t)partitions);
    MPI_Precv_init(buffers->receive, partitions, count, MPI_CHAR, pair.peer, 1, MPI_COMM_WORLD,
                   MPI_INFO_NULL, &receive);
    MPI_Psend_init(buffers->send, partitions, count, MPI_CHAR, pair.peer, 1, MPI_COMM_WORLD,
                   MPI_INFO_NULL, &send);
}

static void close_channel(void)
{
    MPI_Request_free(&send);
    MPI_Request_free(&receive);
    MPI_Barrier(MPI_COMM_WORLD);
}

static bool check(struct pair pair, const struct pair_buffers *buffers, size_t size)
{
    bool valid = true;
    for (long round = 0; round < options.checked_rounds; round++) {
        buffer_fill(buffers->send, size, round, rank);
        exchange(pair.first);
        valid &= buffer_check_from(buffers->receive, size, round, pair.peer);
        MPI_Barrier(MPI_COMM_WORLD);
    }
    return all_valid(valid);
}

int main(int argc, char **argv)
{
    bench_begin(argc, argv, &PARTITIONED_LATENCY_TEST);
    struct pair_buffers buffers = pair_buffers_new(1);
    struct pair pair = pair_of_rank(1);
    report_begin(COLUMNS, 1);
    for (size_t size = bench_first_size(); size <= options.max_size; size = bench_next_size(size)) {
        open_channel(pair, &buffers, size);
        bool valid = !options.validate || check(pair, &buffers, size);
        long iterations = bench_iterations(size), warmup = bench_warmup(size);
        double seconds = 0, began = 0;
        for (long round = 0; round < warmup + iterations; round++) {
            if (round == warmup) {
                MPI_Barrier(MPI_COMM_WORLD);
                began = now();
            }
            if (options.use != LEFT_ALONE)
                seconds -= buffer_rewrite(buffers.send, size, round);
            if (round < warmup)
                seconds = 0;
            exchange(pair.first);
            if (options.use == REWRITTEN_AND_READ)
                buffer_read(buffers.receive, size);
        }
        seconds += now() - began;
        double value = seconds / (double)iterations / 2 * 1e6;
        report_row(size, &value, valid);
        close_channel();
    }
    return bench_end();
}
