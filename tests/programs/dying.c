/* The last rank ends in a state of the message protocol, while the others go on
   as long as they can. usage: dying STATE HOW [AFTER]
   AFTER is the number of microseconds after which it ends, where that is while
   messages move (0, the default: a random one). */
#include "bytes.h"
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { LARGE = 1 << 20, LONG = 32 << 20 };

static unsigned char *out, *in;
static const char *how;
static unsigned after;

static void end(void)
{
    if (!strcmp(how, "kill"))
        kill(getpid(), SIGKILL);
    else if (!strcmp(how, "segv"))
        *(volatile int *)16 = 1;
    else if (!strcmp(how, "abort"))
        abort();
    else if (!strcmp(how, "exit0"))
        exit(0);
    else if (!strcmp(how, "exit3"))
        exit(3);
    else if (!strcmp(how, "_exit0"))
        _exit(0);
    else if (!strcmp(how, "_exit3"))
        _exit(3);
    fprintf(stderr, "no such end: %s\n", how);
    _exit(98);
}

static void *end_soon(void *unused)
{
    (void)unused;
    usleep(after);
    end();
    return NULL;
}

static void on_alarm(int signal)
{
    (void)signal;
    end();
}

/* The rank ends while its main thread is in MPI: by a signal, where what is to
   be called may be called from a handler, or by another thread. */
static void end_meanwhile(void)
{
    pthread_t thread;
    if (!strcmp(how, "exit0") || !strcmp(how, "exit3")) {
        EQ(pthread_create(&thread, NULL, end_soon, NULL), 0);
        return;
    }
    signal(SIGALRM, on_alarm);
    struct itimerval timer = {{0, 0}, {0, (int)after + 1}};
    EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static void exchange(int peer, size_t len)
{
    MPI_Request requests[4];
    for (;;) {
        MPI(MPI_Irecv(in, (int)len, MPI_BYTE, peer, 1, MPI_COMM_WORLD, &requests[0]));
        MPI(MPI_Irecv(in + LONG, (int)len, MPI_BYTE, peer, 2, MPI_COMM_WORLD, &requests[1]));
        MPI(MPI_Isend(out, (int)len, MPI_BYTE, peer, 1, MPI_COMM_WORLD, &requests[2]));
        MPI(MPI_Isend(out + LONG, (int)len, MPI_BYTE, peer, 2, MPI_COMM_WORLD, &requests[3]));
        MPI(MPI_Waitall(4, requests, MPI_STATUSES_IGNORE));
    }
}

/* What the rank that ends does, and its peer (rank 0) and the others. */
static void play(const char *state, int dies)
{
    int peer = dies ? 0 : ranks - 1;
    MPI_Request request;
    if (!strcmp(state, "announced")) { /* and never received */
        if (dies) {
            MPI(MPI_Isend(out, LARGE, MPI_BYTE, peer, 1, MPI_COMM_WORLD, &request));
            MPI(MPI_Send(NULL, 0, MPI_BYTE, peer, 2, MPI_COMM_WORLD));
            end();
        }
        MPI(MPI_Recv(NULL, 0, MPI_BYTE, peer, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        usleep(after * 10);
        MPI_Recv(in, LARGE, MPI_BYTE, peer, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Recv(in, LARGE, MPI_BYTE, peer, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    } else if (!strcmp(state, "fetched")) { /* the peer copies, the rank is out of MPI */
        if (dies) {
            MPI(MPI_Isend(out, LONG, MPI_BYTE, peer, 1, MPI_COMM_WORLD, &request));
            MPI(MPI_Send(NULL, 0, MPI_BYTE, peer, 2, MPI_COMM_WORLD));
            usleep(after);
            end();
        }
        MPI(MPI_Recv(NULL, 0, MPI_BYTE, peer, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        MPI_Recv(in, LONG, MPI_BYTE, peer, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Recv(in, LONG, MPI_BYTE, peer, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    } else if (!strcmp(state, "sending")) { /* both copy, the one that ends sends */
        if (dies) {
            end_meanwhile();
            for (;;)
                MPI(MPI_Send(out, LONG, MPI_BYTE, peer, 1, MPI_COMM_WORLD));
        }
        for (;;)
            MPI_Recv(in, LONG, MPI_BYTE, peer, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    } else if (!strcmp(state, "receiving")) {
        if (dies) {
            end_meanwhile();
            for (;;)
                MPI(MPI_Recv(in, LONG, MPI_BYTE, peer, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        }
        for (;;)
            MPI_Send(out, LONG, MPI_BYTE, peer, 1, MPI_COMM_WORLD);
    } else if (!strcmp(state, "exchanging")) {
        if (dies)
            end_meanwhile();
        exchange(peer, LARGE + 17);
    } else if (!strcmp(state, "posted")) { /* a receive that is never sent to; then it is */
        if (dies) {
            MPI(MPI_Irecv(in, LARGE, MPI_BYTE, peer, 1, MPI_COMM_WORLD, &request));
            MPI(MPI_Send(NULL, 0, MPI_BYTE, peer, 2, MPI_COMM_WORLD));
            usleep(after);
            end();
        }
        MPI(MPI_Recv(NULL, 0, MPI_BYTE, peer, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        usleep(after);
        for (;;)
            MPI_Send(out, LARGE, MPI_BYTE, peer, 1, MPI_COMM_WORLD);
    } else if (!strcmp(state, "unexpected")) { /* messages both ways that nobody asks for */
        for (int i = 0; i < 50; i++)
            MPI(MPI_Isend(out, i % 2 ? LARGE : 20000, MPI_BYTE, peer, 5, MPI_COMM_WORLD, &request));
        if (dies) {
            usleep(after);
            end();
        }
        for (;;)
            MPI_Recv(in, LARGE, MPI_BYTE, peer, 6, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    } else if (!strcmp(state, "collective")) {
        if (dies)
            end_meanwhile();
        for (;;) {
            MPI_Allreduce(out, in, LARGE, MPI_BYTE, MPI_BOR, MPI_COMM_WORLD);
            MPI_Bcast(out, LARGE, MPI_BYTE, 0, MPI_COMM_WORLD);
            MPI_Alltoall(out, LARGE / 8, MPI_BYTE, in, LARGE / 8, MPI_BYTE, MPI_COMM_WORLD);
        }
    } else {
        fprintf(stderr, "no such state: %s\n", state);
        _exit(98);
    }
}

int main(int argc, char **argv)
{
    const char *state = argc > 1 ? argv[1] : "";
    struct timespec now;
    START();
    how = argc > 2 ? argv[2] : "kill";
    clock_gettime(CLOCK_MONOTONIC, &now);
    after = (unsigned)number(argc, argv, 3, 0);
    if (after == 0)
        after = (unsigned)mixed((uint64_t)now.tv_nsec) % 20000 + 100;
    out = room(2 * LONG);
    in = room(2 * LONG);
    paint(out, 2 * LONG, (uint64_t)rank);
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    if (rank == 0 || rank == ranks - 1 || !strcmp(state, "collective"))
        play(state, rank == ranks - 1);
    /* the others wait for what never comes */
    MPI_Recv(in, LARGE, MPI_BYTE, MPI_ANY_SOURCE, 77, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Finalize();
    return 0;
}
