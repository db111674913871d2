/* An erroneous program: rank 1 takes the memory of a send or a receive away while
   it is pending. Its peer, which has done nothing wrong, does not die of it: its
   call returns, with an error or without, or the job is ended with words that say
   why. Rank 0 prints what came of it.
   usage: gone_memory WHOSE HOW   (send, receive; all, part, protected, truncated) */
#include "places.h"

enum { LEN = 4 << 20 };

/* A buffer, and what becomes of it. */
static void *memory(const char *how, int *fd)
{
    *fd = unnamed_file(LEN);
    if (!strcmp(how, "truncated"))
        return mapped(LEN, PROT_READ | PROT_WRITE, MAP_SHARED, *fd);
    return mapped(LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static void take_away(unsigned char *at, int fd, const char *how)
{
    if (!strcmp(how, "all"))
        EQ(munmap(at, LEN), 0);
    else if (!strcmp(how, "part"))
        EQ(munmap(at + LEN / 2, LEN / 4), 0);
    else if (!strcmp(how, "protected"))
        EQ(mprotect(at + LEN / 2, LEN / 4, PROT_NONE), 0);
    else if (!strcmp(how, "truncated"))
        EQ(ftruncate(fd, LEN / 2), 0);
    else
        CHECK(0, "no such way: %s", how);
}

static void wrong(int sends, const char *how)
{
    MPI_Request request;
    int fd;
    unsigned char *at = memory(how, &fd);
    paint(at, LEN, 1);
    if (sends)
        MPI(MPI_Isend(at, LEN, MPI_BYTE, 0, 1, MPI_COMM_WORLD, &request));
    else
        MPI(MPI_Irecv(at, LEN, MPI_BYTE, 0, 1, MPI_COMM_WORLD, &request));
    take_away(at, fd, how);
    MPI(MPI_Send(NULL, 0, MPI_BYTE, 0, 2, MPI_COMM_WORLD));
    int code = MPI_Wait(&request, MPI_STATUS_IGNORE);
    fprintf(stderr, "rank 1: MPI_Wait returned %d\n", code);
}

static void right(int sends)
{
    unsigned char *buffer = room(LEN);
    int class = MPI_SUCCESS, code;
    const char *call = sends ? "send" : "receive";
    paint(buffer, LEN, 2);
    MPI(MPI_Recv(NULL, 0, MPI_BYTE, 1, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    if (sends)
        code = MPI_Send(buffer, LEN, MPI_BYTE, 1, 1, MPI_COMM_WORLD);
    else
        code = MPI_Recv(buffer, LEN, MPI_BYTE, 1, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (code != MPI_SUCCESS)
        MPI_Error_class(code, &class);
    if (code == MPI_SUCCESS)
        printf("the %s succeeded with %zu right bytes of %d\n", call, painted(buffer, LEN, sends ? 2 : 1),
               LEN);
    else
        printf("the %s returned an error of class %d\n", call, class);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const char *whose = argc > 1 ? argv[1] : "send", *how = argc > 2 ? argv[2] : "all";
    START();
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    int wrong_sends = !strcmp(whose, "send");
    if (rank == 1)
        wrong(wrong_sends, how);
    else if (rank == 0)
        right(!wrong_sends);
    MPI_Finalize();
    return 0;
}
