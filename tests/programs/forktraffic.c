/* Ranks that fork while large messages are under way in both directions. Each
   child finds its memory exactly as the parent's was at the fork, nobody writes
   to it after, and what it writes reaches nobody; some children live long. Forks
   by the thread that talks and by another one, with system, popen, posix_spawn
   and exec between them. usage: forktraffic [FORKS] [LENGTH of messages] */
#include "places.h"
#include <errno.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/wait.h>

enum { STILL = 10, FLYING = 2, LONG_LIVED = 4, MOST_LENGTH = 1 << 20 };

extern char **environ;

/* A buffer and what its bytes are, to be told to a child through its memory. */
struct known {
    unsigned char *at;
    size_t len;
    uint64_t sum;
};

static struct known still[STILL];            /* not touched by any message, of every kind */
static unsigned char *out[FLYING], *in[FLYING];
static unsigned char static_out[MOST_LENGTH], static_data[300000] = {7};
static size_t length;
static int left, right;
/* Memory that the program itself shares with its children, and what they add to it. */
enum { SHARED_LENGTH = 300000 };
static atomic_long *shared, forked;
static uint64_t state;

/* In a child: says what is wrong and ends. Nothing of MPI is called. */
#define WANT(condition, what, n)                                                                      \
    do {                                                                                              \
        if (!(condition)) {                                                                           \
            dprintf(2, "forktraffic.c:%d: child of rank %d: %s (%ld)\n", __LINE__, rank, what, (long)(n)); \
            _exit(1);                                                                                 \
        }                                                                                             \
    } while (0)

static void remember(struct known *known, unsigned char *at, size_t len)
{
    *known = (struct known){at, len, sum_of(at, len, 0)};
}

static void repaint_still(uint64_t seed)
{
    for (int i = 0; i < STILL; i++) {
        paint(still[i].at, still[i].len, seed + (uint64_t)i);
        still[i].sum = sum_of(still[i].at, still[i].len, 0);
    }
}

/* All memory of the program, that being received into included. */
static void scribble(unsigned char *own_stack, uint64_t seed)
{
    for (int i = 0; i < STILL; i++)
        paint(still[i].at, still[i].len, seed + (uint64_t)i);
    for (int i = 0; i < FLYING; i++) {
        paint(out[i], length, seed + 100 + (uint64_t)i);
        paint(in[i], length, seed + 200 + (uint64_t)i);
    }
    paint(static_data, sizeof static_data, seed + 300);
    memset(own_stack, (int)seed, 4096);
}

static void still_scribbled(uint64_t seed)
{
    for (int i = 0; i < STILL; i++)
        WANT(painted(still[i].at, still[i].len, seed + (uint64_t)i) == still[i].len,
             "somebody wrote to a buffer of the child's", i);
    for (int i = 0; i < FLYING; i++) {
        WANT(painted(out[i], length, seed + 100 + (uint64_t)i) == length,
             "somebody wrote to a send buffer of the child's", i);
        WANT(painted(in[i], length, seed + 200 + (uint64_t)i) == length,
             "a message came into the child's memory", i);
    }
    WANT(painted(static_data, sizeof static_data, seed + 300) == sizeof static_data,
         "somebody wrote to static data of the child's", 0);
}

/* The child's life. `expected` are sums that the parent took before the fork. */
static void child(const struct known *expected, int n, int long_lived)
{
    unsigned char own_stack[4096];
    atomic_fetch_add(&shared[SHARED_LENGTH / sizeof *shared - 1], 1);
    uint64_t arrived[FLYING], seed = (uint64_t)getpid() * 1000003u;
    for (int i = 0; i < n; i++)
        WANT(sum_of(expected[i].at, expected[i].len, 0) == expected[i].sum,
             "memory is not what the parent's was at the fork", i);
    /* what is being received is as far as it was at the fork, and no further */
    for (int i = 0; i < FLYING; i++)
        arrived[i] = sum_of(in[i], length, 0);
    usleep(200 + (unsigned)(seed % 1000));
    for (int i = 0; i < FLYING; i++)
        WANT(sum_of(in[i], length, 0) == arrived[i], "a message goes on coming to the child", i);
    scribble(own_stack, seed);
    for (int i = 0; i < 20; i++) { /* its heap works */
        size_t len = (size_t)1 << (i % 20);
        unsigned char *more = malloc(len);
        WANT(more, "no memory", len);
        paint(more, len, (uint64_t)i);
        WANT(painted(more, len, (uint64_t)i) == len, "memory of malloc does not hold", len);
        if (i % 3)
            free(more);
    }
    usleep(long_lived ? 50000 : 300);
    still_scribbled(seed);
    _exit(0);
}

static void ended_well(pid_t pid)
{
    int status = -1;
    pid_t got;
    do
        got = waitpid(pid, &status, 0);
    while (got < 0 && errno == EINTR);
    CHECK(got == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0, "child %d: status %#x", (int)pid,
          status);
}

/* Forks, and waits for the child or for one that was left to live before. */
static void fork_one(const struct known *expected, int n, pid_t *living, long turn)
{
    int long_lived = turn % 10 == 3;
    pid_t pid = fork();
    CHECK(pid >= 0, "fork: %s", strerror(errno));
    if (pid == 0)
        child(expected, n, long_lived);
    atomic_fetch_add(&forked, 1);
    if (long_lived) {
        pid_t *slot = &living[turn / 10 % LONG_LIVED];
        if (*slot)
            ended_well(*slot);
        *slot = pid;
    } else {
        ended_well(pid);
    }
}

/* What programs do beside fork. */
static void other_ways(long turn)
{
    char line[64] = "";
    char *words[] = {"sh", "-c", "exit 0", NULL};
    pid_t pid;
    switch (turn % 4) {
    case 0:
        EQ(system("exit 3"), 3 << 8);
        break;
    case 1: {
        FILE *pipe = popen("echo from the shell", "r");
        CHECK(pipe && fgets(line, sizeof line, pipe), "popen");
        CHECK(!strcmp(line, "from the shell\n"), "%s", line);
        EQ(pclose(pipe), 0);
        break;
    }
    case 2:
        EQ(posix_spawnp(&pid, "sh", NULL, NULL, words, environ), 0);
        ended_well(pid);
        break;
    default:
        pid = fork();
        CHECK(pid >= 0, "fork: %s", strerror(errno));
        if (pid == 0) {
            execvp("sh", words);
            _exit(1);
        }
        ended_well(pid);
    }
}

/* A second thread that forks as often as it can, with memory of its own to check. */
static atomic_int stop;
static atomic_long forks_of_thread;

static void *forking_thread(void *unused)
{
    struct known mine[3];
    pid_t living[LONG_LIVED] = {0};
    unsigned char stack[100000];
    unsigned char *heap = room(200000), *map = mapped(300000, PROT_READ | PROT_WRITE,
                                                     MAP_PRIVATE | MAP_ANONYMOUS, -1);
    (void)unused;
    for (long turn = 0; !atomic_load(&stop); turn++) {
        paint(stack, sizeof stack, (uint64_t)turn);
        paint(heap, 200000, (uint64_t)turn + 1);
        paint(map, 300000, (uint64_t)turn + 2);
        remember(&mine[0], stack, sizeof stack);
        remember(&mine[1], heap, 200000);
        remember(&mine[2], map, 300000);
        fork_one(mine, 3, living, turn);
        atomic_fetch_add(&forks_of_thread, 1);
    }
    for (int i = 0; i < LONG_LIVED; i++)
        if (living[i])
            ended_well(living[i]);
    free(heap);
    munmap(map, 300000);
    return NULL;
}

/* Messages both ways around the ring, with a fork while they are under way. */
static void round_of(long turn, pid_t *living, int forks)
{
    MPI_Request requests[2 * FLYING];
    struct known expected[STILL + FLYING];
    for (int i = 0; i < FLYING; i++) {
        int from = i % 2 ? right : left;
        MPI(MPI_Irecv(in[i], (int)length, MPI_BYTE, from, i, MPI_COMM_WORLD, &requests[i]));
    }
    for (int i = 0; i < FLYING; i++) {
        int to = i % 2 ? left : right;
        paint(out[i], length, (uint64_t)turn * 1000 + (uint64_t)(rank * 10 + i));
        MPI(MPI_Isend(out[i], (int)length, MPI_BYTE, to, i, MPI_COMM_WORLD, &requests[FLYING + i]));
    }
    int flag, tests = (int)draw(&state, 6);
    for (int i = 0; i < tests; i++) /* a part of them is moved before the fork */
        MPI(MPI_Testall(2 * FLYING, requests, &flag, MPI_STATUSES_IGNORE));
    if (forks) {
        if (turn % 8 == 0)
            repaint_still(draw64(&state));
        memcpy(expected, still, sizeof still);
        for (int i = 0; i < FLYING; i++)
            remember(&expected[STILL + i], out[i], length);
        fork_one(expected, STILL + FLYING, living, turn);
        if (turn % 16 == 5)
            other_ways(turn / 16);
    }
    MPI(MPI_Waitall(2 * FLYING, requests, MPI_STATUSES_IGNORE));
    for (int i = 0; i < FLYING; i++) {
        int from = i % 2 ? right : left;
        PAINTED(in[i], length, (uint64_t)turn * 1000 + (uint64_t)(from * 10 + i));
        PAINTED(out[i], length, (uint64_t)turn * 1000 + (uint64_t)(rank * 10 + i));
    }
    for (int i = 0; i < STILL && forks; i++)
        EQ(sum_of(still[i].at, still[i].len, 0), still[i].sum);
}

int main(int argc, char **argv)
{
    static const enum place kinds[STILL] = {MALLOC, CALLOC, GROWN, ALIGNED, ANONYMOUS, FILE_PRIVATE,
                                            ALLOC_MEM, DATA, BSS, STACK};
    unsigned char stack[2][STATIC_AREA];
    pid_t living[LONG_LIVED] = {0};
    pthread_t thread;
    int provided, all_done;
    long forks = number(argc, argv, 1, 40), turn = 0;
    length = (size_t)number(argc, argv, 2, MOST_LENGTH);
    area_stack[0] = stack[0], area_stack[1] = stack[1];
    MPI(MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &provided));
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    CHECK(length <= MOST_LENGTH, "messages of %zu bytes", length);
    right = (rank + 1) % ranks;
    left = (rank + ranks - 1) % ranks;
    state = (uint64_t)rank * 77 + 5;
    for (int i = 0; i < STILL; i++)
        still[i] = (struct known){take_area(kinds[i], 100000 + 4321 * (size_t)i, 0, 0).at,
                                  100000 + 4321 * (size_t)i, 0};
    repaint_still(1);
    shared = (atomic_long *)take_area(ANON_SHARED, SHARED_LENGTH, 0, 0).at;
    out[0] = room(length), in[0] = room(length);
    out[1] = static_out, in[1] = room(length);
    fflush(NULL);
    for (; turn < forks; turn++)
        round_of(turn, living, 1);
    /* then from a thread while this one talks, as many times, until all have done */
    EQ(pthread_create(&thread, NULL, forking_thread, NULL), 0);
    do {
        round_of(turn++, living, 0);
        int done = atomic_load(&forks_of_thread) >= forks / 2 + 1;
        MPI(MPI_Allreduce(&done, &all_done, 1, MPI_INT, MPI_LAND, MPI_COMM_WORLD));
    } while (!all_done);
    atomic_store(&stop, 1);
    EQ(pthread_join(thread, NULL), 0);
    for (int i = 0; i < LONG_LIVED; i++)
        if (living[i])
            ended_well(living[i]);
    EQ(atomic_load(&shared[SHARED_LENGTH / sizeof *shared - 1]), atomic_load(&forked));
    PASSED();
}
