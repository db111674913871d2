/* An erroneous program: rank 1 unmaps the buffer of a send that is pending. Its
   peer, which has done nothing wrong, does not die of it: the receive returns an
   error, or the job is ended with words that say why. Rank 0 prints what came of
   it. usage: gone_memory HOW   (all, part, protected, truncated) */
#include "places.h"
#include <signal.h>

int main(int argc, char **argv)
{
    enum { LEN = 4 << 20 };
    const char *how = argc > 1 ? argv[1] : "all";
    START();
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    MPI_Request request;
    if (rank == 1) {
        int fd = unnamed_file(LEN), truncated = !strcmp(how, "truncated");
        unsigned char *at = truncated ? mapped(LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd)
                                      : mapped(LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
        paint(at, LEN, 1);
        MPI(MPI_Isend(at, LEN, MPI_BYTE, 0, 1, MPI_COMM_WORLD, &request));
        if (!strcmp(how, "all"))
            EQ(munmap(at, LEN), 0);
        else if (!strcmp(how, "part"))
            EQ(munmap(at + LEN / 2, LEN / 4), 0);
        else if (!strcmp(how, "protected"))
            EQ(mprotect(at + LEN / 2, LEN / 4, PROT_NONE), 0);
        else if (truncated)
            EQ(ftruncate(fd, LEN / 2), 0);
        else
            CHECK(0, "no such way: %s", how);
        MPI(MPI_Send(NULL, 0, MPI_BYTE, 0, 2, MPI_COMM_WORLD));
        int code = MPI_Wait(&request, MPI_STATUS_IGNORE);
        fprintf(stderr, "rank 1: the send returned %d\n", code);
    } else if (rank == 0) {
        unsigned char *in = room(LEN);
        int class = MPI_SUCCESS;
        MPI(MPI_Recv(NULL, 0, MPI_BYTE, 1, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        int code = MPI_Recv(in, LEN, MPI_BYTE, 1, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        if (code != MPI_SUCCESS)
            MPI_Error_class(code, &class);
        size_t right = painted(in, LEN, 1);
        if (code == MPI_SUCCESS && right != LEN)
            printf("the receive succeeded with %zu right bytes of %d\n", right, LEN);
        else if (code == MPI_SUCCESS)
            printf("the receive got all of it\n");
        else
            printf("the receive returned an error of class %d\n", class);
        fflush(stdout);
    }
    MPI_Finalize();
    return 0;
}
