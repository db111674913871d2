/* One kind of message over and over, between two ranks: what one of them enters is
 * recorded, and nothing until both are warm.
 *
 * usage: message send|pingpong|self|window|persistent|barrier|allreduce|bcast|
 *        reduce|gather|scatter|gatherv|scatterv|allgather|alltoall BYTES CALLS SETS
 *        message KIND BYTES CALLS steps FILE
 *
 * A rank that runs under callgrind (--instr-atstart=no) writes a profile for each of
 * SETS sets of CALLS calls. With `steps` it runs by itself, and what it executes in each
 * of CALLS calls is written to FILE.RANK (steps.h). In `send` rank 0 sends and rank 1 receives;
 * so they do in `window` and `persistent`, where a call is a window of WINDOW nonblocking
 * messages, all of which have come before rank 1 waits for them. */
#include "steps.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <valgrind/callgrind.h>

enum { TAG = 1, WINDOW = 64 };

static int rank, bytes;
/* In the shared heap, as all static data of a program. */
static _Alignas(4096) char out[16 << 20], in[16 << 20];

static void send_on(void)
{
    if (rank == 0)
        MPI_Send(out, bytes, MPI_CHAR, 1, TAG, MPI_COMM_WORLD);
    else
        MPI_Recv(in, bytes, MPI_CHAR, 0, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static void ping_pong(void)
{
    if (rank == 0)
        MPI_Send(out, bytes, MPI_CHAR, 1, TAG, MPI_COMM_WORLD);
    MPI_Recv(in, bytes, MPI_CHAR, 1 - rank, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (rank == 1)
        MPI_Send(out, bytes, MPI_CHAR, 0, TAG, MPI_COMM_WORLD);
}

static void to_self(void)
{
    MPI_Sendrecv(out, bytes, MPI_CHAR, rank, TAG, in, bytes, MPI_CHAR, rank, TAG, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
}

static void barrier(void)
{
    MPI_Barrier(MPI_COMM_WORLD);
}

static void allreduce(void)
{
    MPI_Allreduce(out, in, bytes / (int)sizeof(double), MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
}

static void bcast(void)
{
    MPI_Bcast(out, bytes, MPI_CHAR, 0, MPI_COMM_WORLD);
}

static void reduce(void)
{
    MPI_Reduce(out, in, bytes / (int)sizeof(double), MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
}

static void gather(void)
{
    MPI_Gather(out, bytes, MPI_CHAR, in, bytes, MPI_CHAR, 0, MPI_COMM_WORLD);
}

static void scatter(void)
{
    MPI_Scatter(out, bytes, MPI_CHAR, in, bytes, MPI_CHAR, 0, MPI_COMM_WORLD);
}

static void gatherv(void)
{
    int counts[] = {bytes, bytes}, displs[] = {0, bytes};
    MPI_Gatherv(out, bytes, MPI_CHAR, in, counts, displs, MPI_CHAR, 0, MPI_COMM_WORLD);
}

static void scatterv(void)
{
    int counts[] = {bytes, bytes}, displs[] = {0, bytes};
    MPI_Scatterv(out, counts, displs, MPI_CHAR, in, bytes, MPI_CHAR, 0, MPI_COMM_WORLD);
}

static void allgather(void)
{
    MPI_Allgather(out, bytes, MPI_CHAR, in, bytes, MPI_CHAR, MPI_COMM_WORLD);
}

static void alltoall(void)
{
    MPI_Alltoall(out, bytes, MPI_CHAR, in, bytes, MPI_CHAR, MPI_COMM_WORLD);
}

static void pause_outside(long milliseconds)
{
    struct timespec time = {.tv_nsec = milliseconds * 1000 * 1000};
    nanosleep(&time, NULL);
}

static void window(void)
{
    MPI_Request requests[WINDOW];
    MPI_Barrier(MPI_COMM_WORLD);
    for (int i = 0; i < WINDOW; i++)
        if (rank == 0)
            MPI_Isend(out, bytes, MPI_CHAR, 1, TAG, MPI_COMM_WORLD, &requests[i]);
        else
            MPI_Irecv(in, bytes, MPI_CHAR, 0, TAG, MPI_COMM_WORLD, &requests[i]);
    if (rank == 1)
        pause_outside(20);
    MPI_Waitall(WINDOW, requests, MPI_STATUSES_IGNORE);
}

static void persistent(void)
{
    static MPI_Request requests[WINDOW];
    static bool is_made;
    for (int i = 0; i < WINDOW && !is_made; i++)
        if (rank == 0)
            MPI_Send_init(out, bytes, MPI_CHAR, 1, TAG, MPI_COMM_WORLD, &requests[i]);
        else
            MPI_Recv_init(in, bytes, MPI_CHAR, 0, TAG, MPI_COMM_WORLD, &requests[i]);
    is_made = true;
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Startall(WINDOW, requests);
    if (rank == 1)
        pause_outside(20);
    MPI_Waitall(WINDOW, requests, MPI_STATUSES_IGNORE);
}

struct kind {
    const char *name;
    void (*call)(void);
    bool is_one_way;
};

static const struct kind KINDS[] = {
    {"send", send_on, true}, {"pingpong", ping_pong, false}, {"self", to_self, false},
    {"window", window, false}, {"persistent", persistent, false},
    {"barrier", barrier, false}, {"allreduce", allreduce, false}, {"bcast", bcast, false},
    {"reduce", reduce, false}, {"gather", gather, false}, {"scatter", scatter, false},
    {"gatherv", gatherv, false}, {"scatterv", scatterv, false},
    {"allgather", allgather, false}, {"alltoall", alltoall, false},
};

static const struct kind *kind(const char *name)
{
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        if (strcmp(KINDS[i].name, name) == 0)
            return &KINDS[i];
    fprintf(stderr, "message: there is no kind '%s'\n", name);
    exit(2);
}

/* A receiver that waits in MPI falls asleep, and would have to be woken for each message.
 * Outside of MPI it lets the sender go on, as long as there is room in its ring. */
static void wait_outside(void)
{
    pause_outside(100);
}

static void profile(const struct kind *kind, int calls, int sets)
{
    for (int set = 0; set < sets; set++) {
        MPI_Barrier(MPI_COMM_WORLD);
        if (kind->is_one_way && rank == 1)
            wait_outside();
        CALLGRIND_START_INSTRUMENTATION;
        for (int i = 0; i < calls; i++)
            kind->call();
        CALLGRIND_STOP_INSTRUMENTATION;
        CALLGRIND_DUMP_STATS;
        CALLGRIND_ZERO_STATS;
    }
}

static void record_steps(const struct kind *kind, int calls, const char *prefix)
{
    char name[4096];
    snprintf(name, sizeof name, "%s.%d", prefix, rank);
    FILE *file = fopen(name, "w");
    if (file == NULL) {
        perror(name);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    for (int i = 0; i < calls; i++) {
        MPI_Barrier(MPI_COMM_WORLD);
        steps_begin();
        kind->call();
        steps_end();
        steps_write(file, i);
    }
    fclose(file);
}

int main(int argc, char **argv)
{
    /* Longer than anything is learnt, or counted before it changes. */
    enum { WARM_UP = 600 };
    if (argc < 5) {
        fprintf(stderr, "usage: message KIND BYTES CALLS SETS|steps [FILE]\n");
        return 2;
    }
    const struct kind *what = kind(argv[1]);
    bytes = atoi(argv[2]);
    if (bytes < 0 || (size_t)bytes > sizeof out) {
        fprintf(stderr, "message: at most %zu bytes\n", sizeof out);
        return 2;
    }
    int calls = atoi(argv[3]);
    const char *steps_file = argc > 5 && strcmp(argv[4], "steps") == 0 ? argv[5] : NULL;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    for (int i = 0; i < WARM_UP; i++)
        what->call();
    if (steps_file)
        record_steps(what, calls, steps_file);
    else
        profile(what, calls, atoi(argv[4]));
    MPI_Finalize();
    return 0;
}
