/* Accesses of rank 0 to a window over memory of the program's at rank 1, which waits
 * in a barrier. Each access is followed by a flush, so that the time is that of an access
 * until it is over at the target. OSU's own programs let MPI allocate the window; these
 * bring the memory, as programs with arrays of their own do. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

enum { TARGET = 1 };

static double measure(const struct one_sided *what, char *buffer, size_t size, MPI_Win win)
{
    long iterations = bench_iterations(size), warmup = bench_warmup(size);
    double start = 0, elapsed = 0;
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0) {
        MPI_Win_lock(MPI_LOCK_SHARED, TARGET, 0, win);
        for (long i = -warmup; i < iterations; i++) {
            if (i == 0)
                start = now();
            what->access(buffer, size, win);
            MPI_Win_flush(TARGET, win);
        }
        elapsed = now() - start;
        MPI_Win_unlock(TARGET, win);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    return elapsed / (double)iterations;
}

/* Some accesses with contents that are known. */
static bool check(const struct one_sided *what, char *memory, char *buffer, size_t size, MPI_Win win)
{
    int valid = 1, source = what->gets ? TARGET : 0;
    char *own = rank == 0 ? buffer : memory;
    for (long i = 0; i < options.checked_rounds; i++) {
        long before = 41 * i, after;
        if (what->adds)
            memcpy(own, &before, sizeof before);
        else
            buffer_fill(own, size, rank == source ? i : i + 1, 0);
        MPI_Barrier(MPI_COMM_WORLD);
        if (rank == 0) {
            MPI_Win_lock(MPI_LOCK_EXCLUSIVE, TARGET, 0, win);
            what->access(buffer, size, win);
            MPI_Win_unlock(TARGET, win);
        }
        MPI_Barrier(MPI_COMM_WORLD);
        MPI_Win_lock(MPI_LOCK_SHARED, rank, 0, win);
        memcpy(&after, memory, sizeof after);
        if (what->adds)
            valid &= rank != TARGET || after == before + 1;
        else if (rank != source)
            valid &= buffer_check_from(own, size, i, 0);
        MPI_Win_unlock(rank, win);
        MPI_Barrier(MPI_COMM_WORLD);
    }
    int all = valid;
    MPI_Allreduce(&valid, &all, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    return all != 0;
}

int one_sided_main(int argc, char **argv, const struct one_sided *what)
{
    static const struct column COLUMNS[] = {
        {.title = "Latency (us)", .key = "latency_us", .plotted = true}};
    bench_begin(argc, argv, &what->program);
    if (what->adds) {
        options.min_size = options.max_size = sizeof(long);
        options.size_count = 0;
    }
    size_t most = options.max_size < sizeof(long) ? sizeof(long) : options.max_size;
    if (most > options.memory_limit / 2)
        bench_refuse("two buffers of %zu bytes are more than -M allows (%zu bytes)", most,
                     options.memory_limit);
    char *memory = malloc(most), *buffer = malloc(most);
    if (memory == NULL || buffer == NULL)
        MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
    memset(memory, 0, most);
    memset(buffer, 1, most);
    MPI_Win win;
    MPI_Win_create(memory, (MPI_Aint)most, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win);
    report_begin(COLUMNS, 1);
    for (size_t size = bench_first_size(); size <= options.max_size; size = bench_next_size(size)) {
        bool valid = !options.validate || check(what, memory, buffer, size, win);
        double value = measure(what, buffer, size, win) * 1e6;
        report_row(size, &value, valid);
    }
    MPI_Win_free(&win);
    free(memory);
    free(buffer);
    return bench_end();
}
