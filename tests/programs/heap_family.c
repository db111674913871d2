/* The malloc family and the mapping calls as a program uses them, on one thread and
 * on several, before and beside forks. No MPI is called: it runs with the preloaded
 * library, with or without a job, and must behave the same without it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int checks;

#define CHECK(what) \
    do { \
        __sync_fetch_and_add(&checks, 1); \
        if (!(what)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); \
            abort(); \
        } \
    } while (0)

/* What the compiler cannot see through: these calls are not to be optimised away. */
static void *volatile hidden;

static void *seen(void *block)
{
    hidden = block;
    return hidden;
}

static int all(const char *block, size_t len, int value)
{
    for (size_t at = 0; at < len; at++)
        if (block[at] != (char)value)
            return 0;
    return 1;
}

static sigjmp_buf back;

static void fault(int signal)
{
    (void)signal;
    siglongjmp(back, 1);
}

/* Whether touching a byte faults. */
static int faults(volatile char *at)
{
    struct sigaction ours = {.sa_handler = fault}, old_segv, old_bus;
    sigaction(SIGSEGV, &ours, &old_segv);
    sigaction(SIGBUS, &ours, &old_bus);
    int faulted = sigsetjmp(back, 1);
    if (!faulted)
        *at;
    sigaction(SIGSEGV, &old_segv, NULL);
    sigaction(SIGBUS, &old_bus, NULL);
    return faulted;
}

static void blocks(void)
{
    static const size_t size[] = {0, 1, 100, 4095, 8191, 8192, 8193, 100000, 1 << 20, 40 << 20};
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        size_t len = size[i];
        char *block = seen(malloc(len));
        CHECK(block && (uintptr_t)block % 16 == 0);
        CHECK(malloc_usable_size(block) >= len);
        memset(block, 1, malloc_usable_size(block));
        errno = 77;
        free(block);
        CHECK(errno == 77);

        block = seen(calloc(len, 1));
        CHECK(block && all(block, len, 0));
        memset(block, 2, len);
        /* Up, down and across the boundary between small and large. */
        for (size_t k = 0; k < sizeof size / sizeof *size; k++) {
            size_t kept = len < size[k] ? len : size[k];
            if (size[k] == 0)
                continue;
            char *moved = seen(realloc(block, size[k]));
            CHECK(moved && all(moved, kept, 2));
            memset(moved, 2, size[k]);
            block = moved;
            len = size[k];
        }
        free(block);
    }
    for (size_t align = 8; align <= 4 << 20; align *= 2) {
        for (size_t len = 100; len < 3 << 20; len = len * 7 + align) {
            void *block = NULL;
            CHECK(posix_memalign(&block, align, len) == 0 && (uintptr_t)block % align == 0);
            memset(block, 3, len);
            void *second = seen(memalign(align, len));
            CHECK(second && (uintptr_t)second % align == 0);
            void *third = seen(aligned_alloc(align, len));
            CHECK(third && (uintptr_t)third % align == 0);
            memset(second, 4, len);
            free(third);
            CHECK(all(block, len, 3) && all(second, len, 4));
            block = seen(realloc(block, 2 * len));
            CHECK(all(block, len, 3));
            free(block);
            free(second);
        }
    }
    size_t page = sysconf(_SC_PAGESIZE);
    void *block = seen(valloc(50000));
    CHECK((uintptr_t)block % page == 0);
    free(block);
    block = seen(pvalloc(50000));
    CHECK((uintptr_t)block % page == 0 && malloc_usable_size(block) >= 13 * page);
    free(block);
    CHECK(malloc_usable_size(NULL) == 0);
    free(NULL);
}

static void refusals(void)
{
    volatile size_t huge = SIZE_MAX / 2, half = SIZE_MAX / 2 + 2;
    void *none = NULL;
    errno = 0;
    CHECK(!seen(malloc(huge)) && errno == ENOMEM);
    CHECK(!seen(calloc(half, 2)));
    errno = 0;
    CHECK(!seen(reallocarray(NULL, half, 2)) && errno == ENOMEM);
    CHECK(posix_memalign(&none, 24, 100000) == EINVAL);
    CHECK(posix_memalign(&none, 4, 100000) == EINVAL);
    CHECK(posix_memalign(&none, 64, huge) == ENOMEM);
    char *block = seen(malloc(100000));
    memset(block, 5, 100000);
    CHECK(!seen(realloc(seen(block), huge)));
    CHECK(all(block, 100000, 5));
    char *same = seen(reallocarray(block, 1000, 200));
    CHECK(all(same, 100000, 5));
    free(same);
}

static char *map(size_t len)
{
    char *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED);
    return at;
}

static void mappings(void)
{
    size_t page = sysconf(_SC_PAGESIZE), len = 1 << 20;
    char *at = map(len);
    CHECK((uintptr_t)at % page == 0 && all(at, len, 0));
    memset(at, 6, len);
    CHECK(madvise(at + page, 3 * page, MADV_DONTNEED) == 0);
    CHECK(all(at, page, 6) && all(at + page, 3 * page, 0) && all(at + 4 * page, page, 6));
    CHECK(munmap(at + 8 * page, 2 * page) == 0);
    CHECK(faults(at + 8 * page) && faults(at + 10 * page - 1));
    CHECK(!faults(at + 8 * page - 1) && !faults(at + 10 * page));
    CHECK(munmap(at + 8 * page, 2 * page) == 0);
    CHECK(mprotect(at + 16 * page, page, PROT_NONE) == 0);
    CHECK(faults(at + 16 * page));
    CHECK(munmap(at, len) == 0);
    CHECK(faults(at) && faults(at + len - 1));

    at = map(len);
    memset(at, 7, len);
    char *longer = mremap(at, len, 4 * len, MREMAP_MAYMOVE);
    CHECK(longer != MAP_FAILED && all(longer, len, 7) && all(longer + len, 3 * len, 0));
    char *shorter = mremap(longer, 4 * len, len / 2, 0);
    CHECK(shorter == longer && all(shorter, len / 2, 7) && faults(shorter + len / 2));
    char *goal = map(len);
    memset(goal, 8, len);
    char *moved = mremap(shorter, len / 2, len / 2, MREMAP_MAYMOVE | MREMAP_FIXED, goal);
    CHECK(moved == goal && all(goal, len / 2, 7) && all(goal + len / 2, len / 2, 8));
    CHECK(faults(shorter));
    CHECK(munmap(goal, len) == 0 && faults(goal) && faults(goal + len - 1));

    /* Over a part of ours, by MAP_FIXED: anonymous, and without access. */
    at = map(len);
    memset(at, 9, len);
    CHECK(mmap(at + page, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
               0) == at + page);
    CHECK(all(at, page, 9) && all(at + page, page, 0) && all(at + 2 * page, page, 9));
    CHECK(mmap(at + 4 * page, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
          at + 4 * page);
    CHECK(faults(at + 4 * page) && !faults(at + 5 * page));
    FILE *file = tmpfile();
    CHECK(file && ftruncate(fileno(file), 2 * page) == 0);
    CHECK(mmap(at + 8 * page, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fileno(file),
               0) == at + 8 * page);
    CHECK(all(at + 8 * page, 2 * page, 0));
    at[8 * page] = 1;
    char byte = 0;
    CHECK(pread(fileno(file), &byte, 1, 0) == 1 && byte == 1);
    CHECK(munmap(at, len) == 0 && faults(at + 8 * page) && faults(at));
    fclose(file);

    at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    CHECK(at != MAP_FAILED && all(at, len, 0));
    CHECK(munmap(at, len) == 0);
    CHECK(munmap(at + 1, page) == -1 && errno == EINVAL);
    CHECK(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
          errno == EINVAL);
}

static void *churn(void *argument)
{
    uint64_t state = (uintptr_t)argument * 7919 + 1;
    char *block[32] = {0};
    size_t len[32] = {0};
    for (int i = 0; i < 3000; i++) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        int k = state >> 59;
        CHECK(!block[k] || (block[k][0] == (char)k && block[k][len[k] - 1] == (char)k));
        if (state >> 40 & 1) {
            free(block[k]);
            block[k] = NULL;
        }
        len[k] = 1 + (state >> 20) % (300 << 10);
        block[k] = realloc(block[k], len[k]);
        block[k][0] = block[k][len[k] - 1] = k;
    }
    for (int k = 0; k < 32; k++)
        free(block[k]);
    return NULL;
}

static void forks(void)
{
    char *block = malloc(1 << 20), *mapped = map(1 << 20);
    for (int i = 0; i < 20; i++) {
        memset(block, i, 1 << 20);
        memset(mapped, i, 1 << 20);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            int right = all(block, 1 << 20, i) && all(mapped, 1 << 20, i);
            memset(block, 99, 1 << 20);
            memset(mapped, 99, 1 << 20);
            munmap(mapped, 1 << 20);
            free(block);
            char *fresh = malloc(8 << 20);
            memset(fresh, 99, 8 << 20);
            churn((void *)1);
            _exit(right ? 0 : 1);
        }
        churn((void *)2);
        int status;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
        CHECK(all(block, 1 << 20, i) && all(mapped, 1 << 20, i));
    }
    free(block);
    munmap(mapped, 1 << 20);
}

/* Whether memory is the shared heap's. */
static int is_shared(const void *block)
{
    char line[512];
    int shared = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx", &from, &to) == 2 && (uintptr_t)block >= from &&
            (uintptr_t)block < to)
            shared = strstr(line, "lariat-heap") != NULL;
    }
    if (maps)
        fclose(maps);
    return shared;
}

/* What is short is shared if it is aligned to pages, and only then. */
static void short_blocks(int shared)
{
    size_t page = sysconf(_SC_PAGESIZE);
    void *aligned[6] = {valloc(8), pvalloc(8), memalign(page, 8), aligned_alloc(4 * page, 8)};
    CHECK(posix_memalign(&aligned[4], page, 0) == 0 && posix_memalign(&aligned[5], page, 3000) == 0);
    for (int i = 0; i < 6; i++) {
        CHECK((uintptr_t)aligned[i] % page == 0 && is_shared(aligned[i]) == shared);
        for (int k = 0; k < i; k++)
            CHECK(aligned[k] != aligned[i]);
    }
    memset(aligned[5], 10, 3000);
    aligned[5] = realloc(aligned[5], 7000);
    CHECK(all(aligned[5], 3000, 10));
    void *others[3] = {malloc(8), calloc(8, 8), memalign(page / 2, 8)};
    for (int i = 0; i < 3; i++)
        CHECK(!is_shared(others[i]));
    for (int i = 0; i < 6; i++)
        free(aligned[i]);
    for (int i = 0; i < 3; i++)
        free(others[i]);
}

int main(int argc, char **argv)
{
    blocks();
    refusals();
    mappings();
    pthread_t id[8];
    for (uintptr_t t = 0; t < 8; t++)
        CHECK(pthread_create(&id[t], NULL, churn, (void *)t) == 0);
    for (int t = 0; t < 8; t++)
        pthread_join(id[t], NULL);
    forks();
    /* Whether the memory was the shared heap's: the test looks at this line. */
    char *block = malloc(100000);
    int shared = is_shared(block);
    short_blocks(shared);
    printf("%s\n", shared ? "shared" : "private");
    if (argc > 1 && !strcmp(argv[1], "twice")) {
        free(seen(block));
        free(block);
    }
    fprintf(stderr, "%d checks passed\n", checks);
    return 0;
}
