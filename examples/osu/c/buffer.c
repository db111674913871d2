/* Memory for messages: allocating, rewriting, filling and checking it. */
#define _GNU_SOURCE
#include "bench.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *buffer_new(size_t bytes)
{
    void *memory = NULL;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (posix_memalign(&memory, page, bytes ? bytes : 1) != 0) {
        fprintf(stderr, "%s: rank %d cannot allocate %zu bytes\n", program->name, rank, bytes);
        MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
    }
    memset(memory, 0, bytes ? bytes : 1);
    return memory;
}

/* What one reading of the clock costs, measured once. */
static double clock_cost(void)
{
    static double cost;
    if (cost == 0) {
        enum { READINGS = 1000 };
        double start = now();
        for (int i = 0; i < READINGS; i++)
            now();
        cost = (now() - start) / READINGS;
    }
    return cost;
}

void buffer_store(void *buffer, size_t bytes, long round)
{
    /* Numbers stay small and normal for reductions; bytes take whole words. */
    size_t size = options.element.size;
    if (options.element.type == MPI_FLOAT) {
        for (size_t i = 0; i < bytes / size; i++)
            ((float *)buffer)[i] = (float)((i + (size_t)round) & 15);
    } else if (options.element.type == MPI_DOUBLE) {
        for (size_t i = 0; i < bytes / size; i++)
            ((double *)buffer)[i] = (double)((int)(i + (size_t)round) & 15);
    } else if (options.element.type == MPI_INT) {
        for (size_t i = 0; i < bytes / size; i++)
            ((int *)buffer)[i] = (int)((i + (size_t)round) & 15);
    } else {
        size_t words = bytes / sizeof(uint64_t);
        for (size_t i = 0; i < words; i++)
            ((uint64_t *)buffer)[i] = i + (uint64_t)round;
        for (size_t i = words * sizeof(uint64_t); i < bytes; i++)
            ((char *)buffer)[i] = (char)(i + (size_t)round);
    }
    /* The stores must be done, not postponed into what the caller times. */
    __asm__ volatile("" ::: "memory");
}

double buffer_rewrite(void *buffer, size_t bytes, long round)
{
    double cost = clock_cost();
    double start = now();
    buffer_store(buffer, bytes, round);
    return now() - start + cost;
}

void buffer_read(const void *buffer, size_t bytes)
{
    const char *at = buffer;
    size_t words = bytes / sizeof(uint64_t);
    uint64_t sum = 0;
    for (size_t i = 0; i < words; i++)
        sum += ((const uint64_t *)buffer)[i];
    for (size_t i = words * sizeof(uint64_t); i < bytes; i++)
        sum += (unsigned char)at[i];
    __asm__ volatile("" : : "r"(sum)); /* the sum counts as used */
}

double buffer_value(long round, int sender, size_t index)
{
    uint32_t mixed = (uint32_t)index * 2654435761u + (uint32_t)sender * 40503u
                     + (uint32_t)round * 2246822519u;
    return (double)((mixed >> 13) & 0x7f);
}

void buffer_fill(void *buffer, size_t bytes, long round, int sender)
{
    size_t size = options.element.size;
    for (size_t i = 0; i < bytes / size; i++) {
        double value = buffer_value(round, sender, i);
        if (options.element.type == MPI_FLOAT)
            ((float *)buffer)[i] = (float)value;
        else if (options.element.type == MPI_DOUBLE)
            ((double *)buffer)[i] = value;
        else if (options.element.type == MPI_INT)
            ((int *)buffer)[i] = (int)value;
        else
            ((char *)buffer)[i] = (char)value;
    }
}

static double element_at(const void *buffer, size_t index)
{
    if (options.element.type == MPI_FLOAT)
        return (double)((const float *)buffer)[index];
    if (options.element.type == MPI_DOUBLE)
        return ((const double *)buffer)[index];
    if (options.element.type == MPI_INT)
        return ((const int *)buffer)[index];
    return ((const char *)buffer)[index];
}

bool buffer_check(const void *buffer, size_t bytes,
                  double (*expected)(const void *context, size_t index), const void *context)
{
    size_t count = bytes / options.element.size;
    for (size_t i = 0; i < count; i++) {
        double want = expected(context, i), have = element_at(buffer, i);
        if (have != want) {
            fprintf(stderr, "%s: rank %d: element %zu of %zu is %g, should be %g\n", program->name,
                    rank, i, count, have, want);
            return false;
        }
    }
    return true;
}

struct origin { long round; int sender; };

static double value_from(const void *context, size_t index)
{
    const struct origin *origin = context;
    return buffer_value(origin->round, origin->sender, index);
}

bool buffer_check_from(const void *buffer, size_t bytes, long round, int sender)
{
    struct origin origin = {round, sender};
    return buffer_check(buffer, bytes, value_from, &origin);
}
