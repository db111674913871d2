/* Rank 1 dies in the way that is asked for, while the others wait for it.
   usage: dies HOW */
#include "check.h"
#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int deeper(volatile int *above)
{
    volatile int room[1024];
    room[0] = *above + 1;
    return room[0] > 0 ? deeper(room) + room[0] : 0;
}

static volatile int *volatile nowhere;

__attribute__((noinline)) static void store(void)
{
    *nowhere = 1;
}

static void handler(int signal)
{
    (void)signal;
    _exit(9);
}

static void die(const char *how)
{
    volatile int zero = 0;
    static int room[4];
    if (!strcmp(how, "null"))
        store();
    else if (!strcmp(how, "overflow"))
        deeper(&zero);
    else if (!strcmp(how, "assert"))
        assert(zero);
    else if (!strcmp(how, "divide"))
        zero = 7 / zero;
    else if (!strcmp(how, "inside"))
        MPI_Recv((void *)16, 4, MPI_INT, 0, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    else if (!strcmp(how, "sent"))
        raise(SIGSEGV);
    else if (!strcmp(how, "kill"))
        raise(SIGKILL);
    else if (!strcmp(how, "handled")) {
        signal(SIGSEGV, handler);
        store();
    } else if (!strcmp(how, "child")) { /* its death is not the rank's */
        if (fork() == 0)
            store();
        wait(NULL);
        MPI_Recv(room, 4, MPI_INT, 0, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        abort();
    } else
        CHECK(0, "no such way: %s", how);
}

int main(int argc, char **argv)
{
    int message[4] = {0};
    CHECK(argc == 2, "");
    MPI(MPI_Init(&argc, &argv));
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    if (rank == 0)
        MPI(MPI_Send(message, 4, MPI_INT, 1, 3, MPI_COMM_WORLD));
    if (rank == 1) {
        usleep(300000);
        MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
        die(argv[1]);
    }
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    MPI(MPI_Finalize());
    return 0;
}
