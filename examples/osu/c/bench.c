/* A program's beginning and end, the sizes, the clock. */
#define _GNU_SOURCE
#include "bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

const struct program *program;
int rank, ranks;
double init_seconds;

/* From this size on fewer iterations do, in bytes. */
static const size_t LARGE = 8192;

static _Noreturn void leave(int status)
{
    MPI_Finalize();
    exit(status);
}

_Noreturn void bench_refuse(const char *format, ...)
{
    if (rank == 0) {
        va_list arguments;
        va_start(arguments, format);
        fprintf(stderr, "%s: ", program->name);
        vfprintf(stderr, format, arguments);
        fputc('\n', stderr);
        va_end(arguments);
        fflush(stderr);
    }
    leave(EXIT_FAILURE);
}

static void check_ranks(void)
{
    bool paired = program->family == LATENCY || program->family == BANDWIDTH;
    if (paired && !program->many_pairs && ranks != 2)
        bench_refuse("runs on exactly 2 ranks, not on %d: start it with mpirun -n 2", ranks);
    if (paired && program->many_pairs) {
        if (ranks < 2)
            bench_refuse("needs at least 2 ranks: start it with mpirun -n 2");
        if (options.pairs == 0)
            options.pairs = ranks / 2;
        if (2 * options.pairs > ranks)
            bench_refuse("-p %d pairs need %d ranks, but there are %d", options.pairs,
                         2 * options.pairs, ranks);
    }
    if (!paired && program->family != STARTUP && ranks < 2)
        bench_refuse("measures nothing on 1 rank: start it with mpirun -n 2 or more");
}

void bench_begin(int argc, char **argv, const struct program *p)
{
    program = p;
    double start = now();
    int level = MPI_THREAD_MULTIPLE;
    if (p->threads)
        MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
    else
        MPI_Init(&argc, &argv);
    init_seconds = now() - start;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (level < MPI_THREAD_MULTIPLE)
        bench_refuse("needs MPI_THREAD_MULTIPLE, but this MPI gives only thread level %d", level);
    const char *mistake = options_read(argc, argv);
    if (mistake)
        bench_refuse("%s (-h shows the options)", mistake);
    if (options_wants_help()) {
        if (rank == 0)
            options_help();
        leave(EXIT_SUCCESS);
    }
    check_ranks();
}

int bench_end(void)
{
    int good = rank != 0 || report_end();
    MPI_Bcast(&good, 1, MPI_INT, 0, MPI_COMM_WORLD);
    MPI_Finalize();
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

static size_t smallest_size(void)
{
    size_t element = options.element.size, elements = (options.min_size + element - 1) / element;
    return program->reduces ? (elements ? elements : 1) * element : options.min_size;
}

size_t bench_first_size(void)
{
    sampling_begin();
    return smallest_size();
}

static size_t larger_size(size_t size)
{
    for (int i = 0; i < options.size_count; i++)
        if (options.sizes[i] > size)
            return options.sizes[i];
    return size == 0 ? 1 : options.size_count ? options.max_size + 1 : size * 2;
}

size_t bench_next_size(size_t size)
{
    size_t next = larger_size(size);
    sampling_end_size();
    return next > options.max_size && sampling_again() ? smallest_size() : next;
}

struct rounds { long iterations, warmup; };

static struct rounds default_rounds(size_t size)
{
    bool large = size > LARGE;
    switch (program->family) {
    case LATENCY:
        return large ? (struct rounds){1000, 10} : (struct rounds){10000, 100};
    case BANDWIDTH:
        return large ? (struct rounds){20, 2} : (struct rounds){100, 10};
    default:
        return large ? (struct rounds){100, 10} : (struct rounds){1000, 100};
    }
}

long bench_iterations(size_t size)
{
    if (options.seconds > 0)
        return sampling_iterations();
    return options.iterations < 0 ? default_rounds(size).iterations : options.iterations;
}

long bench_warmup(size_t size)
{
    if (options.seconds > 0 && options.warmup < 0)
        return sampling_warmup();
    return options.warmup < 0 ? default_rounds(size).warmup : options.warmup;
}

double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

bool all_valid(bool mine)
{
    int here = mine, everywhere;
    MPI_Allreduce(&here, &everywhere, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    return everywhere;
}

struct spread spread_over_ranks(double value)
{
    struct spread s = {0, 0, 0};
    MPI_Reduce(&value, &s.mean, 1, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
    MPI_Reduce(&value, &s.min, 1, MPI_DOUBLE, MPI_MIN, 0, MPI_COMM_WORLD);
    MPI_Reduce(&value, &s.max, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
    s.mean /= ranks;
    return s;
}
