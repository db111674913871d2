/* Every send mode, blocking and nonblocking, at every size and several
   alignments, from each even rank to the next and back (MPI 5.0, 3.2 to 3.7). */
#include "check.h"
#include "sizes.h"

enum { STANDARD, SYNCHRONOUS, BUFFERED, READY, MODES };
enum { GUARD = 64 };

static void send(int mode, int blocking, const void *buffer, int len, int to, int tag)
{
    MPI_Request request;
    if (blocking) {
        switch (mode) {
        case STANDARD: MPI(MPI_Send(buffer, len, MPI_BYTE, to, tag, MPI_COMM_WORLD)); break;
        case SYNCHRONOUS: MPI(MPI_Ssend(buffer, len, MPI_BYTE, to, tag, MPI_COMM_WORLD)); break;
        case BUFFERED: MPI(MPI_Bsend(buffer, len, MPI_BYTE, to, tag, MPI_COMM_WORLD)); break;
        case READY: MPI(MPI_Rsend(buffer, len, MPI_BYTE, to, tag, MPI_COMM_WORLD)); break;
        }
        return;
    }
    switch (mode) {
    case STANDARD: MPI(MPI_Isend(buffer, len, MPI_BYTE, to, tag, MPI_COMM_WORLD, &request)); break;
    case SYNCHRONOUS: MPI(MPI_Issend(buffer, len, MPI_BYTE, to, tag, MPI_COMM_WORLD, &request)); break;
    case BUFFERED: MPI(MPI_Ibsend(buffer, len, MPI_BYTE, to, tag, MPI_COMM_WORLD, &request)); break;
    case READY: MPI(MPI_Irsend(buffer, len, MPI_BYTE, to, tag, MPI_COMM_WORLD, &request)); break;
    }
    MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    CHECK(request == MPI_REQUEST_NULL, "");
}

int main(void)
{
    START();
    size_t most = sizes[SIZES - 1] + 2 * GUARD + 64;
    unsigned char *out = room(most), *in = room(most);
    int attached = 2 * ((int)sizes[SIZES - 1] + MPI_BSEND_OVERHEAD);
    void *attach = room((size_t)attached);
    MPI(MPI_Buffer_attach(attach, attached));

    int peer = rank ^ 1, first = rank % 2 == 0;
    if (peer < ranks) {
        unsigned seed = 0;
        for (int at = 0; at < SIZES; at++)
            for (int offset = 0; offset < 9; offset = offset * 2 + 1)
                for (int mode = 0; mode < MODES; mode++)
                    for (int blocking = 0; blocking < 2; blocking++) {
                        size_t size = sizes[at];
                        int len = (int)size, tag = ++seed % 32768;
                        if (size > 1 << 20 && (offset > 1 || blocking))
                            continue;
                        unsigned char *from = out + offset, *to = in + GUARD + (8 - offset);
                        MPI_Request request;
                        MPI_Status status;
                        memset(in, 0xa5, size + 2 * GUARD + 8);
                        fill(from, size, seed * 2 + (unsigned)first);
                        /* The receive is posted first, as ready mode wants: the
                           empty message back says that it is. */
                        for (int turn = 0; turn < 2; turn++) {
                            if ((turn == 0) == first) {
                                MPI(MPI_Recv(NULL, 0, MPI_BYTE, peer, 32767, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
                                send(mode, blocking, from, len, peer, tag);
                            } else {
                                MPI(MPI_Irecv(to, len, MPI_BYTE, peer, tag, MPI_COMM_WORLD, &request));
                                MPI(MPI_Send(NULL, 0, MPI_BYTE, peer, 32767, MPI_COMM_WORLD));
                                MPI(MPI_Wait(&request, &status));
                                int count = -1;
                                MPI(MPI_Get_count(&status, MPI_BYTE, &count));
                                EQ(count, len);
                                EQ(status.MPI_SOURCE, peer);
                                EQ(status.MPI_TAG, tag);
                                FILLED(to, size, seed * 2 + (unsigned)!first);
                                ALL(in, (size_t)(to - in), 0xa5);
                                ALL(to + size, GUARD, 0xa5);
                            }
                        }
                        FILLED(from, size, seed * 2 + (unsigned)first);
                    }
    }
    void *back;
    int back_len;
    MPI(MPI_Buffer_detach(&back, &back_len));
    CHECK(back == attach, "%p, wanted %p", back, attach);
    EQ(back_len, attached);
    PASSED();
}
