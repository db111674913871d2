/* One rank misbehaves as the first argument says, while the others wait for
   it in a receive, or do what the second one says. */
#include "check.h"
#include <signal.h>
#include <unistd.h>

static void misbehave(const char *how)
{
    static char small[10], large[200000];
    if (!strcmp(how, "segv"))
        *(volatile int *)16 = 1;
    else if (!strcmp(how, "kill"))
        raise(SIGKILL);
    else if (!strcmp(how, "exit0"))
        exit(0);
    else if (!strcmp(how, "exit3"))
        exit(3);
    else if (!strcmp(how, "_exit0"))
        _exit(0);
    else if (!strcmp(how, "abort"))
        abort();
    else if (!strcmp(how, "mpi_abort"))
        MPI_Abort(MPI_COMM_WORLD, 7);
    else if (!strcmp(how, "overflow")) {
        MPI_Sendrecv(large, 1000, MPI_BYTE, rank, 4, small, 10, MPI_BYTE, rank, 4, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE);
    } else if (!strcmp(how, "bad_rank"))
        MPI_Send(small, 1, MPI_BYTE, 4711, 4, MPI_COMM_WORLD);
    else if (!strcmp(how, "overflow_from_0"))
        MPI_Recv(small, 10, MPI_BYTE, 0, 23, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    else if (!strcmp(how, "finalize_twice")) {
        MPI_Finalize();
        MPI_Finalize();
    } else if (!strcmp(how, "hang"))
        MPI_Recv(small, 10, MPI_BYTE, 0, 66, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    else if (!strcmp(how, "spin"))
        for (volatile int on = 1; on;)
            ;
    else
        fprintf(stderr, "no such misbehaviour: %s\n", how), exit(98);
}

int main(int argc, char **argv)
{
    static char large[200000];
    const char *how = argc > 1 ? argv[1] : "", *others = argc > 2 ? argv[2] : "wait";
    START();
    /* All have met: everybody is inside MPI when it happens. */
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    if (rank == 0) {
        printf("up\n");
        fflush(stdout);
    }
    if (rank == (ranks > 1)) {
        if (strcmp(how, "overflow_from_0") && strcmp(how, "hang"))
            usleep(50000);
        misbehave(how);
    } else if (!strcmp(how, "overflow_from_0") && rank == 0)
        MPI_Send(large, 20000, MPI_BYTE, 1, 23, MPI_COMM_WORLD);
    if (!strcmp(others, "send")) /* a rendezvous that the peer never takes */
        MPI_Ssend(large, 200000, MPI_BYTE, 1, 67, MPI_COMM_WORLD);
    else if (!strcmp(others, "barrier"))
        MPI_Barrier(MPI_COMM_WORLD);
    else if (!strcmp(others, "spin"))
        for (volatile int on = 1; on;)
            ;
    else if (strcmp(others, "leave"))
        MPI_Recv(large, 10, MPI_BYTE, ranks > 1, 67, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Finalize();
    return 0;
}
