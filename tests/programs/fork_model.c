/* Memory against a model: blocks and mappings that are made, written, sent, received, put
   to, resized, given back and forked at random, by one thread or beside others that do the
   same to blocks of their own. The model has a seed for each 4 KiB; 0 stands for zeros.
   Children check all that they have, write over some of it, give some back, and live on for
   a while, one of them to the end. Some are forked by _Fork, or while a page is locked. No byte is ever another than the model says.

   usage: fork_model OPERATIONS SEED [THREADS] */
#define _GNU_SOURCE
#include "check.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHUNK = 4096, PIECES = 48, CHUNKS = 512, CHILDREN = 4, WORDS = CHUNK / 8 };

enum kind { NONE, BLOCK, MAPPING };

/* A block or a mapping, and what each of its chunks holds. */
static struct piece {
    enum kind kind;
    char *at;
    int n;
    uint32_t seed[CHUNKS];
} pieces[PIECES];

static uint64_t state, together;
static uint32_t next_seed = 1;

static uint64_t draw(uint64_t *from)
{
    *from ^= *from << 13;
    *from ^= *from >> 7;
    *from ^= *from << 17;
    return *from >> 11;
}

static int below(int n)
{
    return (int)(draw(&state) % (uint64_t)n);
}

static uint64_t word(uint32_t seed, int i)
{
    return seed == 0 ? 0 : ((uint64_t)seed << 32 | (uint32_t)i) * 0x9e3779b97f4a7c15u;
}

static void put(char *at, uint32_t seed)
{
    for (int i = 0; i < WORDS; i++)
        ((uint64_t *)at)[i] = word(seed, i);
}

/* Whether a chunk holds what its seed says; where it does not, says so. */
static int right(const char *at, uint32_t seed, const char *who)
{
    for (int i = 0; i < WORDS; i++)
        if (((const uint64_t *)at)[i] != word(seed, i)) {
            fprintf(stderr, "rank %d, %s: word %d at %p is %llx, wanted %llx (seed %u)\n", rank,
                    who, i, (void *)at, (unsigned long long)((const uint64_t *)at)[i],
                    (unsigned long long)word(seed, i), seed);
            return 0;
        }
    return 1;
}

static int all_right(const char *who)
{
    for (int p = 0; p < PIECES; p++)
        for (int c = 0; pieces[p].kind != NONE && c < pieces[p].n; c++)
            if (!right(pieces[p].at + (size_t)c * CHUNK, pieces[p].seed[c], who))
                return 0;
    return 1;
}

static void write_some(struct piece *piece)
{
    int from = below(piece->n), n = 1 + below(piece->n - from);
    for (int c = from; c < from + n; c++)
        put(piece->at + (size_t)c * CHUNK, piece->seed[c] = next_seed++);
}

static void make(struct piece *piece)
{
    int n = 1 << below(10);
    n = n > CHUNKS ? CHUNKS : n + below(n) > CHUNKS ? n : n + below(n);
    n = n > CHUNKS ? CHUNKS : n;
    size_t len = (size_t)n * CHUNK;
    int zero = 0;
    switch (below(4)) {
    case 0:
        piece->at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(piece->at != MAP_FAILED, "mmap");
        piece->kind = MAPPING;
        zero = 1;
        break;
    case 1:
        piece->at = calloc(1, len);
        piece->kind = BLOCK;
        zero = 1;
        break;
    case 2:
        CHECK(posix_memalign((void **)&piece->at, (size_t)64 << below(8), len) == 0, "memory");
        piece->kind = BLOCK;
        break;
    default:
        piece->at = malloc(len);
        piece->kind = BLOCK;
    }
    CHECK(piece->at != NULL, "memory");
    piece->n = n;
    for (int c = 0; c < n; c++)
        if (zero && below(2))
            piece->seed[c] = 0;
        else
            put(piece->at + (size_t)c * CHUNK, piece->seed[c] = next_seed++);
}

static void give(struct piece *piece)
{
    if (piece->kind == MAPPING)
        EQ(munmap(piece->at, (size_t)piece->n * CHUNK), 0);
    else
        free(piece->at);
    piece->kind = NONE;
}

static void resize(struct piece *piece)
{
    int n = 1 + below(CHUNKS);
    size_t old = (size_t)piece->n * CHUNK, len = (size_t)n * CHUNK;
    char *at = piece->kind == MAPPING ? mremap(piece->at, old, len, MREMAP_MAYMOVE)
                                      : realloc(piece->at, len);
    CHECK(at != NULL && at != MAP_FAILED, "%zu bytes", len);
    piece->at = at;
    for (int c = piece->n; c < n; c++)
        if (piece->kind == MAPPING)
            piece->seed[c] = 0;
        else
            put(at + (size_t)c * CHUNK, piece->seed[c] = next_seed++);
    piece->n = n;
}

/* Lets go of a part of a mapping: what is in it, or it with its end. */
static void let_go(struct piece *piece)
{
    if (piece->kind != MAPPING)
        return;
    int from = below(piece->n), n = 1 + below(piece->n - from);
    if (from > 0 && below(3) == 0) {
        EQ(munmap(piece->at + (size_t)from * CHUNK, (size_t)(piece->n - from) * CHUNK), 0);
        piece->n = from;
        return;
    }
    EQ(madvise(piece->at + (size_t)from * CHUNK, (size_t)n * CHUNK, MADV_DONTNEED), 0);
    memset(piece->seed + from, 0, (size_t)n * sizeof *piece->seed);
}

static struct piece *any(void)
{
    struct piece *piece = &pieces[below(PIECES)];
    if (piece->kind == NONE)
        make(piece);
    return piece;
}

/* Anything that one process does alone. */
static void alone(void)
{
    struct piece *piece = any();
    switch (below(12)) {
    case 0:
    case 1:
        give(piece);
        break;
    case 2:
        resize(piece);
        break;
    case 3:
        let_go(piece);
        break;
    case 4:
    case 5: {
        int c = below(piece->n);
        CHECK(right(piece->at + (size_t)c * CHUNK, piece->seed[c], "alone"), "wrong");
        break;
    }
    default:
        write_some(piece);
    }
}

/* ---- children ---- */

/* Chunks into which a message may be on its way. */
static struct piece *receiving;
static int receiving_from, receiving_to;

static struct {
    pid_t pid;
    int end;
} children[CHILDREN];

/* A child that has the memory of the beginning, and is there until the end. */
static pid_t oldest;
static int oldest_end;

static void begin_oldest(void)
{
    int ends[2];
    EQ(pipe(ends), 0);
    fflush(NULL);
    oldest = fork();
    CHECK(oldest >= 0, "fork");
    if (oldest == 0) {
        char byte;
        close(ends[1]);
        int ended = read(ends[0], &byte, 1) == 0;
        _exit(!ended || !all_right("the oldest child"));
    }
    close(ends[0]);
    oldest_end = ends[1];
}

static void end_oldest(void)
{
    int status = -1;
    close(oldest_end);
    EQ(waitpid(oldest, &status, 0), oldest);
    CHECK(status == 0, "the oldest child: status %#x", status);
}

static void reap(int i)
{
    int status = -1;
    if (children[i].pid == 0)
        return;
    close(children[i].end);
    EQ(waitpid(children[i].pid, &status, 0), children[i].pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child: status %#x", status);
    children[i].pid = 0;
}

static void forks(void)
{
    static char page[CHUNK];
    int i = below(CHILDREN), ends[2], lives = below(2), nested = below(8) == 0;
    int raw = below(6) == 0, locked = below(6) == 0;
    reap(i);
    EQ(pipe(ends), 0);
    fflush(NULL);
    if (locked) /* nothing is frozen then; without the right to it, it is a fork like others */
        mlock(page, sizeof page);
    pid_t pid = raw ? _Fork() : fork();
    CHECK(pid >= 0, "fork");
    if (locked && pid != 0)
        munlock(page, sizeof page);
    if (pid == 0) {
        close(ends[1]);
        close(oldest_end);
        for (int j = 0; j < CHILDREN; j++)
            if (children[j].pid != 0)
                close(children[j].end);
        char byte;
        state ^= (uint64_t)getpid() << 20;
        /* whether the child has what comes is open; it is its own in any case */
        for (int c = receiving_from; receiving != NULL && c < receiving_to; c++)
            put(receiving->at + (size_t)c * CHUNK, receiving->seed[c] = next_seed++);
        if (below(2) && !all_right("child, at once"))
            _exit(1);
        for (int k = raw ? 0 : below(40); k > 0; k--)
            alone(); /* which a child of _Fork may not do */
        if (nested && !raw) {
            pid_t grandchild = fork();
            for (int k = below(20); k > 0; k--)
                alone();
            int fine = all_right(grandchild == 0 ? "grandchild" : "its parent");
            if (grandchild == 0)
                _exit(!fine);
            int status = -1;
            if (waitpid(grandchild, &status, 0) != grandchild || status != 0 || !fine)
                _exit(2);
        }
        if (lives && read(ends[0], &byte, 1) != 0)
            _exit(3);
        _exit(!all_right("child, at last"));
    }
    close(ends[0]);
    children[i].pid = pid;
    children[i].end = ends[1];
    if (!lives && below(2))
        reap(i);
}

/* ---- what ranks do together ---- */

static void exchange(void)
{
    struct piece *out = any(), *in = any();
    while (in == out)
        in = any();
    int from = below(out->n), to = below(in->n), there;
    int n = 1 + below(out->n - from), room = in->n - to;
    MPI(MPI_Sendrecv(&room, 1, MPI_INT, !rank, 0, &there, 1, MPI_INT, !rank, 0, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE));
    n = n > there ? there : n;
    MPI_Status status;
    uint32_t seeds[CHUNKS];
    MPI_Request requests[2];
    MPI(MPI_Irecv(in->at + (size_t)to * CHUNK, room * CHUNK, MPI_BYTE, !rank, 1, MPI_COMM_WORLD,
                  &requests[0]));
    receiving = in, receiving_from = to, receiving_to = in->n;
    if (below(4) == 0)
        forks();
    receiving = NULL;
    MPI(MPI_Isend(out->at + (size_t)from * CHUNK, n * CHUNK, MPI_BYTE, !rank, 1, MPI_COMM_WORLD,
                  &requests[1]));
    MPI(MPI_Waitall(2, requests, MPI_STATUSES_IGNORE));
    MPI(MPI_Sendrecv(out->seed + from, n, MPI_UINT32_T, !rank, 2, seeds, CHUNKS, MPI_UINT32_T,
                     !rank, 2, MPI_COMM_WORLD, &status));
    int got = 0;
    MPI(MPI_Get_count(&status, MPI_UINT32_T, &got));
    memcpy(in->seed + to, seeds, (size_t)got * sizeof *seeds);
    for (int c = to; c < to + got; c++)
        CHECK(right(in->at + (size_t)c * CHUNK, in->seed[c], "received"), "wrong");
}

/* A window over memory that may have been through forks, and a fork while peers put. */
static void window(void)
{
    struct piece *piece = any();
    int n = piece->n, there;
    MPI_Win win;
    MPI(MPI_Win_create(piece->at, (MPI_Aint)n * CHUNK, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win));
    MPI(MPI_Sendrecv(&n, 1, MPI_INT, !rank, 0, &there, 1, MPI_INT, !rank, 0, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE));
    for (int round = 0; round < 2; round++) {
        char chunk[CHUNK] __attribute__((aligned(8)));
        uint32_t seed = next_seed++, theirs = 0;
        int at = below(there), here = 0;
        put(chunk, seed);
        MPI(MPI_Win_fence(0, win));
        MPI(MPI_Put(chunk, CHUNK, MPI_BYTE, !rank, (MPI_Aint)at * CHUNK, CHUNK, MPI_BYTE, win));
        MPI(MPI_Win_fence(0, win));
        MPI(MPI_Sendrecv(&seed, 1, MPI_UINT32_T, !rank, 3, &theirs, 1, MPI_UINT32_T, !rank, 3,
                         MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        MPI(MPI_Sendrecv(&at, 1, MPI_INT, !rank, 4, &here, 1, MPI_INT, !rank, 4, MPI_COMM_WORLD,
                         MPI_STATUS_IGNORE));
        piece->seed[here] = theirs;
        for (int c = 0; c < piece->n; c++)
            CHECK(right(piece->at + (size_t)c * CHUNK, piece->seed[c], "put to"), "wrong");
        if (round == 0 && below(2))
            forks();
    }
    MPI(MPI_Win_free(&win));
}

/* ---- other threads ---- */

static volatile int stop;

static void *churn(void *argument)
{
    uint64_t own = 77 + (uint64_t)(uintptr_t)argument;
    uint32_t seed = 1u << 31;
    while (!stop) {
        int n = 2 + (int)(draw(&own) % 64);
        char *at = malloc((size_t)n * CHUNK);
        for (int c = 0; c < n; c++)
            put(at + (size_t)c * CHUNK, seed + (uint32_t)c);
        sched_yield();
        for (int round = 0; round < 3; round++)
            for (int c = 0; c < n; c++) {
                if (!right(at + (size_t)c * CHUNK, seed + (uint32_t)c, "thread"))
                    abort();
                if (draw(&own) % 2)
                    put(at + (size_t)c * CHUNK, seed + (uint32_t)c);
            }
        free(at);
        seed += 100;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int provided;
    long operations = argc > 1 ? atol(argv[1]) : 2000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    int threads = argc > 3 ? atoi(argv[3]) : 0;
    pthread_t others[8];
    MPI(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided));
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    together = seed * 0x9e3779b97f4a7c15u | 1;
    state = together ^ ((uint64_t)(rank + 1) << 40);
    for (int i = 0; i < threads && i < 8; i++)
        pthread_create(&others[i], NULL, churn, (void *)(uintptr_t)i);
    for (int i = 0; i < 200; i++)
        alone();
    begin_oldest();
    for (long i = 0; i < operations; i++) {
        alone();
        switch (draw(&together) % 16) {
        case 0:
        case 1:
            if (ranks == 2)
                exchange();
            break;
        case 2:
            if (ranks == 2 && draw(&together) % 8 == 0)
                window();
            break;
        case 3:
            forks();
            break;
        case 4:
            reap(below(CHILDREN));
            break;
        }
        if (i % 500 == 0)
            CHECK(all_right("parent"), "wrong");
    }
    CHECK(all_right("parent, at last"), "wrong");
    stop = 1;
    for (int i = 0; i < threads && i < 8; i++)
        pthread_join(others[i], NULL);
    for (int i = 0; i < CHILDREN; i++)
        reap(i);
    end_oldest();
    PASSED();
}
