/* Probe, Iprobe and the matched forms (MPI 5.0, 3.8). */
#include "check.h"

static void check_status(const MPI_Status *status, int source, int tag, int bytes)
{
    int count = -1;
    MPI(MPI_Get_count(status, MPI_BYTE, &count));
    EQ(status->MPI_SOURCE, source);
    EQ(status->MPI_TAG, tag);
    EQ(count, bytes);
}

int main(void)
{
    START();
    static const int sizes[] = {0, 3, 64, 5000, 70000, 2000000};
    char *buffer = room(2000000);
    MPI_Status status;
    MPI_Message message;
    int flag = -1, peer = rank ^ 1;
    for (int i = 0; i < 6 && peer < ranks; i++) {
        int size = sizes[i], base = 10 * i; /* a later round's messages may be here already */
        if (rank % 2 == 0) {
            fill(buffer, (size_t)size, (unsigned)i);
            MPI_Request sends[6];
            for (int round = 0; round < 6; round++)
                MPI(MPI_Isend(buffer, size, MPI_BYTE, peer, base + round, MPI_COMM_WORLD, &sends[round]));
            MPI(MPI_Waitall(6, sends, MPI_STATUSES_IGNORE));
            continue;
        }
        /* Probe shows the message and leaves it; again and again. */
        for (int again = 0; again < 2; again++) {
            MPI(MPI_Probe(peer, base, MPI_COMM_WORLD, &status));
            check_status(&status, peer, base, size);
        }
        MPI(MPI_Recv(buffer, size, MPI_BYTE, peer, base, MPI_COMM_WORLD, &status));
        FILLED(buffer, (size_t)size, (unsigned)i);

        for (flag = 0; !flag;)
            MPI(MPI_Iprobe(MPI_ANY_SOURCE, base + 1, MPI_COMM_WORLD, &flag, &status));
        check_status(&status, peer, base + 1, size);
        memset(buffer, 0, (size_t)size);
        MPI(MPI_Recv(buffer, size, MPI_BYTE, status.MPI_SOURCE, status.MPI_TAG, MPI_COMM_WORLD, &status));
        FILLED(buffer, (size_t)size, (unsigned)i);

        /* A matched message is nobody else's: the next probe does not see it. */
        MPI(MPI_Mprobe(peer, base + 2, MPI_COMM_WORLD, &message, &status));
        check_status(&status, peer, base + 2, size);
        CHECK(message != MPI_MESSAGE_NULL && message != MPI_MESSAGE_NO_PROC, "");
        MPI(MPI_Iprobe(peer, base + 2, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE));
        EQ(flag, 0);
        memset(buffer, 0, (size_t)size);
        MPI(MPI_Mrecv(buffer, size, MPI_BYTE, &message, &status));
        check_status(&status, peer, base + 2, size);
        CHECK(message == MPI_MESSAGE_NULL, "");
        FILLED(buffer, (size_t)size, (unsigned)i);

        for (flag = 0; !flag;)
            MPI(MPI_Improbe(MPI_ANY_SOURCE, base + 3, MPI_COMM_WORLD, &flag, &message, &status));
        check_status(&status, peer, base + 3, size);
        MPI_Request request;
        memset(buffer, 0, (size_t)size);
        MPI(MPI_Imrecv(buffer, size, MPI_BYTE, &message, &request));
        CHECK(message == MPI_MESSAGE_NULL, "");
        MPI(MPI_Wait(&request, &status));
        check_status(&status, peer, base + 3, size);
        FILLED(buffer, (size_t)size, (unsigned)i);

        /* Two are there: matching the first leaves the second for a receive
           that was posted after it. */
        MPI(MPI_Mprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &message, &status));
        check_status(&status, peer, base + 4, size);
        MPI(MPI_Recv(buffer, size, MPI_BYTE, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &status));
        check_status(&status, peer, base + 5, size);
        MPI(MPI_Mrecv(buffer, size, MPI_BYTE, &message, MPI_STATUS_IGNORE));
        FILLED(buffer, (size_t)size, (unsigned)i);
    }

    /* Nothing there. */
    MPI(MPI_Iprobe(MPI_ANY_SOURCE, 77, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE));
    EQ(flag, 0);
    MPI(MPI_Improbe(MPI_ANY_SOURCE, 77, MPI_COMM_WORLD, &flag, &message, MPI_STATUS_IGNORE));
    EQ(flag, 0);

    /* From nobody. */
    MPI(MPI_Probe(MPI_PROC_NULL, 3, MPI_COMM_WORLD, &status));
    check_status(&status, MPI_PROC_NULL, MPI_ANY_TAG, 0);
    MPI(MPI_Iprobe(MPI_PROC_NULL, 3, MPI_COMM_WORLD, &flag, &status));
    EQ(flag, 1);
    check_status(&status, MPI_PROC_NULL, MPI_ANY_TAG, 0);
    MPI(MPI_Mprobe(MPI_PROC_NULL, 3, MPI_COMM_WORLD, &message, &status));
    CHECK(message == MPI_MESSAGE_NO_PROC, "");
    MPI(MPI_Mrecv(NULL, 0, MPI_BYTE, &message, &status));
    check_status(&status, MPI_PROC_NULL, MPI_ANY_TAG, 0);
    CHECK(message == MPI_MESSAGE_NULL, "");
    MPI(MPI_Improbe(MPI_PROC_NULL, 3, MPI_COMM_WORLD, &flag, &message, &status));
    EQ(flag, 1);
    CHECK(message == MPI_MESSAGE_NO_PROC, "");
    MPI_Request request;
    MPI(MPI_Imrecv(NULL, 0, MPI_BYTE, &message, &request));
    MPI(MPI_Wait(&request, &status));
    check_status(&status, MPI_PROC_NULL, MPI_ANY_TAG, 0);
    PASSED();
}
