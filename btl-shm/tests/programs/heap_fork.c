/* Forks of a program whose malloc and mmap give shared memory, of which it knows
 * nothing: plainly, on stacks from malloc and from mmap, and while other threads
 * allocate. Children go on allocating.
 *
 * usage: heap_fork rounds */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno); \
            _exit(1);                                                          \
        }                                                                      \
    } while (0)

enum { BLOCKS = 200 };
static char *block[BLOCKS];
static size_t len[BLOCKS];
static int mark[BLOCKS];

/* Mappings of the heap file that are shared with others. */
static int file_mappings(void)
{
    char line[512], access[8];
    int n = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps))
        n += strstr(line, "lariat-heap") != NULL && sscanf(line, "%*s %7s", access) == 1 &&
             access[3] == 's';
    fclose(maps);
    return n;
}

static void fill(int i, int with)
{
    mark[i] = with;
    memset(block[i], with, len[i]);
}

static int right(int i)
{
    for (size_t j = 0; j < len[i]; j++)
        if (block[i][j] != (char)mark[i])
            return 0;
    return 1;
}

static unsigned seed = 1;
static unsigned rnd(void) { return seed = seed * 1664525 + 1013904223; }
static void churn(int times)
{
    for (int k = 0; k < times; k++) {
        int i = (rnd() >> 8) % BLOCKS;
        size_t n = (size_t)(rnd() >> 8) % (rnd() % 10 ? 60000 : 2000000) + 1;
        if (block[i])
            CHECK(right(i));
        if (rnd() % 3 == 0) {
            block[i] = realloc(block[i], n);
            CHECK(block[i]);
        } else {
            free(block[i]);
            block[i] = rnd() % 2 ? calloc(n, 1) : malloc(n);
            CHECK(block[i]);
        }
        len[i] = n;
        fill(i, rnd() >> 16);
    }
}

static void child(void)
{
    CHECK(file_mappings() == 0);
    for (int i = 0; i < BLOCKS; i++)
        CHECK(right(i));
    churn(300);
    char *m = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(m != MAP_FAILED && m[5] == 0);
    memset(m, 1, 1 << 20);
    CHECK(!madvise(m, 1 << 20, MADV_DONTNEED) && m[5] == 0);
    CHECK(!munmap(m, 1 << 20));
    CHECK(file_mappings() == 0);
    for (int i = 0; i < BLOCKS; i++) {
        CHECK(right(i));
        memset(block[i], 0xee, len[i]);
        free(block[i]);
    }
    _exit(0);
}

static void storm(int times)
{
    for (int k = 0; k < times; k++) {
        churn(50);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (!pid)
            child();
        churn(50);
        int status;
        CHECK(waitpid(pid, &status, 0) == pid && status == 0);
        for (int i = 0; i < BLOCKS; i++)
            CHECK(right(i));
    }
}

static ucontext_t outside, inside;
static int rounds;
static void coroutine(void) { storm(rounds); }
static void on_stack(char *stack, size_t n)
{
    CHECK(stack && !getcontext(&inside));
    inside.uc_stack.ss_sp = stack;
    inside.uc_stack.ss_size = n;
    inside.uc_link = &outside;
    makecontext(&inside, coroutine, 0);
    CHECK(!swapcontext(&outside, &inside));
}

static volatile int busy = 1;
static void *allocate(void *unused)
{
    while (busy) {
        char *a = malloc(20000), *b = malloc(300000);
        memset(a, 1, 20000);
        memset(b, 1, 300000);
        char *c = mmap(NULL, 1 << 18, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        c[0] = 1;
        munmap(c, 1 << 18);
        free(a);
        free(b);
    }
    return unused;
}

int main(int argc, char **argv)
{
    rounds = argc > 1 ? atoi(argv[1]) : 50;
    churn(1000);
    for (int i = 0; i < BLOCKS; i++)
        if (!block[i]) {
            block[i] = malloc(len[i] = 10000);
            fill(i, i);
        }
    CHECK(file_mappings() > 0);
    storm(rounds);
    on_stack(malloc(1 << 18), 1 << 18);
    char *s = mmap(NULL, 1 << 18, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(!mprotect(s, 4096, PROT_NONE));
    on_stack(s, 1 << 18);
    pthread_t t[3];
    for (int i = 0; i < 3; i++)
        CHECK(!pthread_create(&t[i], NULL, allocate, NULL));
    storm(rounds);
    busy = 0;
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    for (int i = 0; i < 20; i++) {
        CHECK(system("true") == 0);
        FILE *p = popen("echo hi", "r");
        char text[10];
        CHECK(fgets(text, 10, p) && !strcmp(text, "hi\n") && pclose(p) == 0);
    }
    puts("ok");
    return 0;
}
