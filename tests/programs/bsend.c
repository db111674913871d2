/* Buffered mode (MPI 5.0, 3.6): a buffered send never waits for its receiver,
   wants room, and detaching waits until the messages are away. */
#include "check.h"

int main(void)
{
    START();
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN)); /* of calls without a communicator */
    enum { LEN = 200000, MESSAGES = 5 };
    int peer = rank ^ 1, packed = 0;
    char *out = room(LEN), *in = room(LEN);

    /* No buffer: an error, not a wait. */
    if (peer < ranks)
        FAILS(MPI_Bsend(out, 1000, MPI_BYTE, peer, 1, MPI_COMM_WORLD), MPI_ERR_BUFFER);

    MPI(MPI_Pack_size(LEN, MPI_BYTE, MPI_COMM_WORLD, &packed));
    int size = MESSAGES * (packed + MPI_BSEND_OVERHEAD);
    void *attached = room((size_t)size), *back = NULL;
    MPI(MPI_Buffer_attach(attached, size));
    CHECK(MPI_Buffer_attach(attached, size) != MPI_SUCCESS, "one is attached already");
    for (int round = 0; round < 4 && peer < ranks; round++) {
        /* Both sides send all before either receives. */
        for (int i = 0; i < MESSAGES; i++) {
            fill(out, LEN, (unsigned)(rank * 100 + round * MESSAGES + i));
            MPI(MPI_Bsend(out, LEN, MPI_BYTE, peer, i, MPI_COMM_WORLD));
            memset(out, 0, LEN); /* free to use again at once */
        }
        for (int i = 0; i < MESSAGES; i++) {
            MPI(MPI_Recv(in, LEN, MPI_BYTE, peer, MESSAGES - 1 - i, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
            FILLED(in, LEN, (unsigned)(peer * 100 + round * MESSAGES + MESSAGES - 1 - i));
        }
        /* The peer's turn is over before the room is used again. */
        int got = -1;
        MPI(MPI_Sendrecv(&rank, 1, MPI_INT, peer, 50, &got, 1, MPI_INT, peer, 50, MPI_COMM_WORLD,
                         MPI_STATUS_IGNORE));
    }
    /* More than there is room for. */
    if (peer < ranks) {
        char *huge = room((size_t)size + 1);
        FAILS(MPI_Bsend(huge, size + 1, MPI_BYTE, peer, 60, MPI_COMM_WORLD), MPI_ERR_BUFFER);
        free(huge);
    }
    int back_size = 0;
    MPI(MPI_Buffer_detach(&back, &back_size));
    CHECK(back == attached, "%p, wanted %p", back, attached);
    EQ(back_size, size);

    /* What is in the buffer when it is detached is still delivered. */
    if (peer < ranks) {
        MPI(MPI_Buffer_attach(attached, size));
        fill(out, LEN, 7);
        MPI_Request receive;
        MPI(MPI_Irecv(in, LEN, MPI_BYTE, peer, 70, MPI_COMM_WORLD, &receive));
        MPI(MPI_Bsend(out, LEN, MPI_BYTE, peer, 70, MPI_COMM_WORLD));
        MPI(MPI_Buffer_detach(&back, &back_size));
        memset(attached, 0xee, (size_t)size);
        MPI(MPI_Wait(&receive, MPI_STATUS_IGNORE));
        FILLED(in, LEN, 7);
    }
    PASSED();
}
