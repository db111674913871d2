/* Times malloc and free by size and pattern: nanoseconds of processor time for a
 * pair with one touch per page, the median of several rounds. Run it with the
 * shared heap and without, and compare.
 *
 *   heap_speed [threads]
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 5, BATCH = 64, SLOTS = 256 };

static int threads = 1;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

struct work {
    void (*run)(size_t size, int count, uint64_t seed);
    size_t size;
    int count;
    uint64_t seed;
};

static void touch(char *block, size_t size)
{
    for (size_t at = 0; at < size; at += 4096)
        ((volatile char *)block)[at] = 1;
}

/* One block, again and again. */
static void loop(size_t size, int count, uint64_t seed)
{
    (void)seed;
    for (int i = 0; i < count; i++) {
        char *block = malloc(size);
        touch(block, size);
        free(block);
    }
}

/* Many blocks at once, given back in order. */
static void batch(size_t size, int count, uint64_t seed)
{
    (void)seed;
    char *block[BATCH];
    for (int i = 0; i < count; i += BATCH) {
        for (int k = 0; k < BATCH; k++) {
            block[k] = malloc(size);
            touch(block[k], size);
        }
        for (int k = 0; k < BATCH; k++)
            free(block[k]);
    }
}

/* Blocks of mixed sizes around `size`, replaced at random. */
static void mixed(size_t size, int count, uint64_t seed)
{
    char *block[SLOTS] = {0};
    for (int i = 0; i < count; i++) {
        int k = next(&seed) % SLOTS;
        free(block[k]);
        size_t len = size / 2 + next(&seed) % size;
        block[k] = malloc(len);
        touch(block[k], len);
    }
    for (int k = 0; k < SLOTS; k++)
        free(block[k]);
}

static void *thread(void *argument)
{
    struct work *work = argument;
    work->run(work->size, work->count, work->seed);
    return NULL;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double measure(struct work work)
{
    double taken[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t id[64];
        struct work each[64];
        double begin = now();
        for (int t = 0; t < threads; t++) {
            each[t] = work;
            each[t].seed = 88172645463325252ull + t;
            pthread_create(&id[t], NULL, thread, &each[t]);
        }
        for (int t = 0; t < threads; t++)
            pthread_join(id[t], NULL);
        taken[round] = (now() - begin) / ((double)work.count * threads);
    }
    qsort(taken, ROUNDS, sizeof taken[0], ascending);
    return taken[ROUNDS / 2];
}

int main(int argc, char **argv)
{
    if (argc > 1)
        threads = atoi(argv[1]);
    if (threads < 1 || threads > 64) {
        fprintf(stderr, "%s threads: wanted 1 to 64\n", argv[1]);
        return 2;
    }
    static const size_t size[] = {8 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20};
    printf("%10s %12s %12s %12s\n", "bytes", "loop", "batch", "mixed");
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        int count = 1 << 14;
        if (size[i] >= 256 << 10)
            count = 1 << 10;
        if (size[i] >= 1 << 20)
            count = 1 << 8;
        printf("%10zu", size[i]);
        printf(" %12.1f", measure((struct work){loop, size[i], count, 0}));
        printf(" %12.1f", measure((struct work){batch, size[i], count, 0}));
        printf(" %12.1f\n", measure((struct work){mixed, size[i], count, 0}));
    }
    return 0;
}
