/* Cancelling (MPI 5.0, 3.8.4): a receive that nothing matched is gone, one that
   was matched is not; an operation either completes or was cancelled. */
#include "check.h"
#include <sched.h>

int main(void)
{
    START();
    int a = -1, b = -1, cancelled = -1, peer = rank ^ 1, value = 10 + rank;
    MPI_Request request, other;
    MPI_Status status;

    MPI(MPI_Irecv(&a, 1, MPI_INT, MPI_ANY_SOURCE, 1, MPI_COMM_WORLD, &request));
    MPI(MPI_Cancel(&request));
    CHECK(request != MPI_REQUEST_NULL, "cancelling does not complete");
    MPI(MPI_Wait(&request, &status));
    MPI(MPI_Test_cancelled(&status, &cancelled));
    EQ(cancelled, 1);
    EQ(a, -1);

    if (peer < ranks) {
        /* The cancelled one does not take the message of the next. */
        MPI(MPI_Irecv(&a, 1, MPI_INT, peer, 2, MPI_COMM_WORLD, &request));
        MPI(MPI_Irecv(&b, 1, MPI_INT, peer, 2, MPI_COMM_WORLD, &other));
        MPI(MPI_Cancel(&request));
        MPI(MPI_Wait(&request, &status));
        MPI(MPI_Test_cancelled(&status, &cancelled));
        EQ(cancelled, 1);
        MPI(MPI_Sendrecv(NULL, 0, MPI_INT, peer, 9, NULL, 0, MPI_INT, peer, 9, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        MPI(MPI_Send(&value, 1, MPI_INT, peer, 2, MPI_COMM_WORLD));
        MPI(MPI_Wait(&other, &status));
        MPI(MPI_Test_cancelled(&status, &cancelled));
        EQ(cancelled, 0);
        EQ(a, -1);
        EQ(b, 10 + peer);

        /* Too late: it has its message. */
        MPI(MPI_Irecv(&a, 1, MPI_INT, peer, 3, MPI_COMM_WORLD, &request));
        MPI(MPI_Send(&value, 1, MPI_INT, peer, 3, MPI_COMM_WORLD));
        int flag = 0;
        while (!flag)
            MPI(MPI_Request_get_status(request, &flag, MPI_STATUS_IGNORE));
        MPI(MPI_Cancel(&request));
        MPI(MPI_Wait(&request, &status));
        MPI(MPI_Test_cancelled(&status, &cancelled));
        EQ(cancelled, 0);
        EQ(a, 10 + peer);

        /* A send is cancelled, or it is received: never both, never neither.
           The receiver is told which. */
        static int large[100000];
        for (int i = 0; i < 20; i++) {
            int count = i % 2 ? 100000 : 1, tag = 100 + i;
            if (rank % 2 == 0) {
                MPI(MPI_Isend(large, count, MPI_INT, peer, tag, MPI_COMM_WORLD, &request));
                MPI(MPI_Cancel(&request));
                MPI(MPI_Sendrecv(NULL, 0, MPI_INT, peer, 5, NULL, 0, MPI_INT, peer, 5, MPI_COMM_WORLD,
                                 MPI_STATUS_IGNORE));
                int done = 0; /* the peer may have a say in it: give it time */
                for (int tries = 0; !done && tries < 10000; tries++) {
                    MPI(MPI_Test(&request, &done, &status));
                    sched_yield();
                }
                if (!done) { /* not cancelled: it waits for its receive */
                    cancelled = 0;
                    MPI(MPI_Send(&cancelled, 1, MPI_INT, peer, 6, MPI_COMM_WORLD));
                    MPI(MPI_Wait(&request, &status));
                    MPI(MPI_Test_cancelled(&status, &cancelled));
                    EQ(cancelled, 0);
                } else {
                    MPI(MPI_Test_cancelled(&status, &cancelled));
                    MPI(MPI_Send(&cancelled, 1, MPI_INT, peer, 6, MPI_COMM_WORLD));
                }
            } else {
                int gone = -1;
                MPI(MPI_Sendrecv(NULL, 0, MPI_INT, peer, 5, NULL, 0, MPI_INT, peer, 5, MPI_COMM_WORLD,
                                 MPI_STATUS_IGNORE));
                MPI(MPI_Recv(&gone, 1, MPI_INT, peer, 6, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
                MPI(MPI_Iprobe(peer, tag, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE));
                EQ(flag, !gone);
                if (!gone)
                    MPI(MPI_Recv(large, count, MPI_INT, peer, tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
            }
        }
    }

    /* A persistent receive: the start is cancelled, the request lives on. */
    MPI(MPI_Recv_init(&a, 1, MPI_INT, MPI_ANY_SOURCE, 7, MPI_COMM_WORLD, &request));
    for (int i = 0; i < 3; i++) {
        MPI(MPI_Start(&request));
        MPI(MPI_Cancel(&request));
        MPI(MPI_Wait(&request, &status));
        MPI(MPI_Test_cancelled(&status, &cancelled));
        EQ(cancelled, 1);
        CHECK(request != MPI_REQUEST_NULL, "");
    }
    MPI(MPI_Request_free(&request));
    PASSED();
}
