/* A receiver that reaches its peer's memory does not need the peer: it has the
   message while the sender computes, out of MPI, until a signal tells it that
   the message is there. usage: alone [ROUNDS] */
#include "bytes.h"
#include <signal.h>
#include <time.h>
#include <unistd.h>

enum { LEN = 1 << 20, PATIENCE = 60 /* seconds after which it will never come */ };

static volatile sig_atomic_t told;

static void on_signal(int signal)
{
    (void)signal;
    told++;
}

int main(int argc, char **argv)
{
    START();
    long rounds = number(argc, argv, 1, 20);
    int pid = (int)getpid(), theirs, peer = rank ^ 1;
    unsigned char *buffer = room(LEN);
    signal(SIGUSR1, on_signal);
    EQ(ranks, 2);
    MPI(MPI_Sendrecv(&pid, 1, MPI_INT, peer, 1, &theirs, 1, MPI_INT, peer, 1, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE));
    for (long round = 0; round < rounds; round++) {
        MPI_Request request;
        size_t len = round % 3 == 0 ? LEN : round % 3 == 1 ? 70000 : 250001;
        if (rank == round % 2) {
            time_t begin = time(NULL);
            int before = told;
            paint(buffer, len, (uint64_t)round);
            MPI(MPI_Isend(buffer, (int)len, MPI_BYTE, peer, 2, MPI_COMM_WORLD, &request));
            for (volatile long work = 0; told == before; work++)
                CHECK(time(NULL) - begin < PATIENCE,
                      "the receiver waits for a sender that computes (%zu bytes, round %ld)", len, round);
            MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
        } else {
            memset(buffer, 0x5a, len);
            MPI(MPI_Recv(buffer, (int)len, MPI_BYTE, peer, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
            EQ(kill(theirs, SIGUSR1), 0);
            PAINTED(buffer, len, (uint64_t)round);
        }
    }
    free(buffer);
    PASSED();
}
