/* Traffic for the storms, every byte of it checked. usage: storm KIND ROUNDS [SEED]
   KIND is one of those in the table below, or "all": one after the other. */
#include "bytes.h"
#include <sys/wait.h>
#include <unistd.h>

enum { LARGE = 2 << 20, SMALL = 500, CELLS = 64 };

static unsigned char *out, *in;
static uint64_t state; /* the same on every rank */
static int right, left;

/* Messages of every length to one side, from the other. */
static void ring(int round, size_t most)
{
    size_t len = draw64(&state) % most + 1;
    paint(out, len, (uint64_t)round * 100 + (uint64_t)rank);
    MPI(MPI_Sendrecv(out, (int)len, MPI_BYTE, right, 1, in, (int)most, MPI_BYTE, left, 1,
                     MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    PAINTED(in, len, (uint64_t)round * 100 + (uint64_t)left);
}

static void small(int round)
{
    for (int i = 0; i < 40; i++)
        ring(round * 40 + i, SMALL);
}

static void large(int round)
{
    ring(round, LARGE);
}

/* Many at a time, received in another order than sent. */
static void crossing(int round)
{
    enum { MANY = 16, LENGTH = 30000 };
    MPI_Request requests[2 * MANY];
    for (int i = 0; i < MANY; i++) {
        paint(out + i * LENGTH, LENGTH, (uint64_t)(round * MANY + i) * 7 + (uint64_t)rank);
        MPI(MPI_Isend(out + i * LENGTH, LENGTH, MPI_BYTE, right, i, MPI_COMM_WORLD, &requests[i]));
    }
    for (int i = MANY - 1; i >= 0; i--)
        MPI(MPI_Irecv(in + i * LENGTH, LENGTH, MPI_BYTE, left, i, MPI_COMM_WORLD, &requests[MANY + i]));
    MPI(MPI_Waitall(2 * MANY, requests, MPI_STATUSES_IGNORE));
    for (int i = 0; i < MANY; i++)
        PAINTED(in + i * LENGTH, LENGTH, (uint64_t)(round * MANY + i) * 7 + (uint64_t)left);
}

static void collectives(int round)
{
    int sum = -1, mine = rank + round, root = (int)draw(&state, (unsigned)ranks);
    size_t len = draw64(&state) % LARGE + 1;
    MPI(MPI_Allreduce(&mine, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD));
    EQ(sum, ranks * (ranks - 1) / 2 + ranks * round);
    if (rank == root)
        paint(out, len, (uint64_t)round);
    MPI(MPI_Bcast(out, (int)len, MPI_BYTE, root, MPI_COMM_WORLD));
    PAINTED(out, len, (uint64_t)round);
    size_t part = 1 + draw64(&state) % (LARGE / (size_t)ranks);
    for (int i = 0; i < ranks; i++)
        paint(out + (size_t)i * part, part, (uint64_t)(round * ranks + rank) * 64 + (uint64_t)i);
    MPI(MPI_Alltoall(out, (int)part, MPI_BYTE, in, (int)part, MPI_BYTE, MPI_COMM_WORLD));
    for (int i = 0; i < ranks; i++)
        PAINTED(in + (size_t)i * part, part, (uint64_t)(round * ranks + i) * 64 + (uint64_t)rank);
    MPI(MPI_Barrier(MPI_COMM_WORLD));
}

static void windows(int round)
{
    MPI_Win win;
    long *cells, got = -1, one = 1, total;
    MPI(MPI_Win_allocate(CELLS * sizeof *cells, sizeof *cells, MPI_INFO_NULL, MPI_COMM_WORLD, &cells, &win));
    memset(cells, 0, CELLS * sizeof *cells);
    MPI(MPI_Win_fence(0, win));
    long value = round * 1000 + rank;
    MPI(MPI_Put(&value, 1, MPI_LONG, right, 1, 1, MPI_LONG, win));
    MPI(MPI_Win_fence(0, win));
    EQ(cells[1], round * 1000 + left);
    MPI(MPI_Get(&got, 1, MPI_LONG, right, 1, 1, MPI_LONG, win));
    MPI(MPI_Win_fence(0, win));
    EQ(got, round * 1000 + rank);
    MPI(MPI_Win_lock_all(0, win));
    for (int i = 0; i < 20; i++)
        MPI(MPI_Accumulate(&one, 1, MPI_LONG, i % ranks, 2, 1, MPI_LONG, MPI_SUM, win));
    MPI(MPI_Win_unlock_all(win));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    MPI(MPI_Win_lock(MPI_LOCK_SHARED, rank, 0, win));
    MPI(MPI_Allreduce(&cells[2], &total, 1, MPI_LONG, MPI_SUM, MPI_COMM_WORLD));
    MPI(MPI_Win_unlock(rank, win));
    EQ(total, 20 * ranks);
    MPI(MPI_Win_free(&win));
}

static void communicators(int round)
{
    MPI_Comm comms[4];
    MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comms[0]));
    MPI(MPI_Comm_split(comms[0], rank % 2, -rank, &comms[1]));
    MPI(MPI_Comm_split(MPI_COMM_WORLD, 0, rank, &comms[2]));
    MPI(MPI_Comm_dup(comms[1], &comms[3]));
    for (int i = 0; i < 4; i++) {
        int size, sum = 0, one = 1;
        MPI(MPI_Comm_size(comms[i], &size));
        MPI(MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, comms[i]));
        EQ(sum, size);
    }
    for (int i = 0; i < 4; i++)
        MPI(MPI_Comm_free(&comms[(i + round) % 4]));
}

/* A child that lives as long as a round. */
static void children(int round)
{
    unsigned char first = out[0];
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        usleep(3000);
        _exit(out[0] == first ? 0 : 1); /* its own copy */
    }
    ring(round, SMALL);
    int status = -1;
    EQ(waitpid(child, &status, 0), child);
    if (WIFEXITED(status)) /* else a storm has met it */
        EQ(WEXITSTATUS(status), 0);
}

static const struct { const char *name; void (*run)(int); } kinds[] = {
    {"small", small},     {"large", large},       {"crossing", crossing},
    {"coll", collectives}, {"windows", windows},   {"comms", communicators},
    {"children", children},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "all";
    int known = !strcmp(name, "all");
    long rounds = number(argc, argv, 2, 1);
    START();
    state = (uint64_t)number(argc, argv, 3, 1);
    right = (rank + 1) % ranks, left = (rank + ranks - 1) % ranks;
    out = room(LARGE), in = room(LARGE);
    memset(out, 0, LARGE), memset(in, 0, LARGE);
    for (int i = 0; i < KINDS; i++)
        if (!strcmp(name, "all") || !strcmp(name, kinds[i].name)) {
            known = 1;
            for (int round = 0; round < (int)rounds; round++)
                kinds[i].run(round);
        }
    CHECK(known, "no such kind: %s", name);
    PASSED();
}
