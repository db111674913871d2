/* A rank forks: a child that calls nothing of MPI, whether it exits or runs
   another program, disturbs nobody; one that calls MPI is told so, and the job
   goes on all the same. */
#include "check.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static int outcome(pid_t child)
{
    int status = -1;
    EQ(waitpid(child, &status, 0), child);
    return status;
}

static void talk(int n)
{
    int to = (rank + 1) % ranks, from = (rank + ranks - 1) % ranks, got = -1;
    for (int i = 0; i < n; i++) {
        MPI(MPI_Sendrecv(&i, 1, MPI_INT, to, 0, &got, 1, MPI_INT, from, 0, MPI_COMM_WORLD,
                         MPI_STATUS_IGNORE));
        EQ(got, i);
    }
    MPI(MPI_Barrier(MPI_COMM_WORLD));
}

int main(void)
{
    START();
    for (int round = 0; round < 3; round++) {
        int out = round, in = -1;
        MPI_Request requests[2];
        MPI(MPI_Irecv(&in, 1, MPI_INT, (rank + 1) % ranks, 9, MPI_COMM_WORLD, &requests[0]));
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            if (round == 0)
                exit(0); /* exit handlers of the library, if it had any, would run */
            execlp("true", "true", (char *)NULL);
            _exit(1);
        }
        MPI(MPI_Isend(&out, 1, MPI_INT, (rank + ranks - 1) % ranks, 9, MPI_COMM_WORLD,
                      &requests[1]));
        talk(200);
        MPI(MPI_Waitall(2, requests, MPI_STATUSES_IGNORE));
        EQ(in, round);
        EQ(outcome(child), 0);
    }
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        freopen("/dev/null", "w", stderr);
        MPI_Barrier(MPI_COMM_WORLD); /* fatal to the child alone */
        _exit(0);
    }
    int status = outcome(child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) != 0, "status %#x", status);
    talk(200);
    /* a child that lives on after the rank's end is no reason to wait */
    if (fork() == 0) {
        for (int i = 0; i < 3; i++)
            close(i);
        pause();
    }
    talk(10);
    PASSED();
}
