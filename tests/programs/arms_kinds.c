/* Large messages in every mode of sending into every kind of receive, truncated
   ones, cancelled ones, replaced ones, those to oneself.
   usage: arms_kinds [ROUNDS] */
#include "bytes.h"

enum { MOST = 3 << 20, GUARD = 64 };
enum { SEND, ISEND, SSEND, ISSEND, RSEND, BSEND, PERSISTENT_SEND, SENDS };
enum { IRECV, RECV, ANY_SOURCE, ANY_TAG, PROBED, MPROBED, PERSISTENT_RECV, TESTED, RECEIVES };

static unsigned char *out, *in;
static int peer;

static void send_as(int kind, const void *from, int len, int tag)
{
    MPI_Request request = MPI_REQUEST_NULL;
    switch (kind) {
    case SEND:
        MPI(MPI_Send(from, len, MPI_BYTE, peer, tag, MPI_COMM_WORLD));
        break;
    case ISEND:
        MPI(MPI_Isend(from, len, MPI_BYTE, peer, tag, MPI_COMM_WORLD, &request));
        break;
    case SSEND:
        MPI(MPI_Ssend(from, len, MPI_BYTE, peer, tag, MPI_COMM_WORLD));
        break;
    case ISSEND:
        MPI(MPI_Issend(from, len, MPI_BYTE, peer, tag, MPI_COMM_WORLD, &request));
        break;
    case RSEND: /* the receiver says when its receive is posted */
        MPI(MPI_Recv(NULL, 0, MPI_BYTE, peer, 2000, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        MPI(MPI_Rsend(from, len, MPI_BYTE, peer, tag, MPI_COMM_WORLD));
        break;
    case BSEND:
        MPI(MPI_Bsend(from, len, MPI_BYTE, peer, tag, MPI_COMM_WORLD));
        break;
    case PERSISTENT_SEND:
        MPI(MPI_Send_init(from, len, MPI_BYTE, peer, tag, MPI_COMM_WORLD, &request));
        MPI(MPI_Start(&request));
        MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
        MPI(MPI_Request_free(&request));
        break;
    }
    if (kind == ISEND || kind == ISSEND)
        MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
}

static void receive_as(int kind, void *to, int len, int most, int tag, int ready)
{
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Status status;
    MPI_Message message;
    int count = -1, done = 0;
    switch (kind) {
    case IRECV:
    case TESTED:
        MPI(MPI_Irecv(to, most, MPI_BYTE, peer, tag, MPI_COMM_WORLD, &request));
        break;
    case ANY_SOURCE:
        MPI(MPI_Irecv(to, most, MPI_BYTE, MPI_ANY_SOURCE, tag, MPI_COMM_WORLD, &request));
        break;
    case ANY_TAG:
        MPI(MPI_Irecv(to, most, MPI_BYTE, peer, MPI_ANY_TAG, MPI_COMM_WORLD, &request));
        break;
    case PERSISTENT_RECV:
        MPI(MPI_Recv_init(to, most, MPI_BYTE, peer, tag, MPI_COMM_WORLD, &request));
        MPI(MPI_Start(&request));
        break;
    case RECV:
        MPI(MPI_Recv(to, most, MPI_BYTE, peer, tag, MPI_COMM_WORLD, &status));
        break;
    case PROBED:
        MPI(MPI_Probe(peer, tag, MPI_COMM_WORLD, &status));
        MPI(MPI_Get_count(&status, MPI_BYTE, &count));
        EQ(count, len);
        MPI(MPI_Recv(to, count, MPI_BYTE, status.MPI_SOURCE, status.MPI_TAG, MPI_COMM_WORLD, &status));
        break;
    case MPROBED:
        MPI(MPI_Mprobe(MPI_ANY_SOURCE, tag, MPI_COMM_WORLD, &message, &status));
        MPI(MPI_Get_count(&status, MPI_BYTE, &count));
        EQ(count, len);
        MPI(MPI_Mrecv(to, most, MPI_BYTE, &message, &status));
        break;
    }
    if (ready)
        MPI(MPI_Send(NULL, 0, MPI_BYTE, peer, 2000, MPI_COMM_WORLD));
    if (kind == TESTED)
        while (!done)
            MPI(MPI_Test(&request, &done, &status));
    else if (request != MPI_REQUEST_NULL)
        MPI(MPI_Wait(&request, &status));
    if (kind == PERSISTENT_RECV)
        MPI(MPI_Request_free(&request));
    MPI(MPI_Get_count(&status, MPI_BYTE, &count));
    CHECK(count == len && status.MPI_TAG == tag && status.MPI_SOURCE == peer,
          "got %d bytes from %d with tag %d, wanted %d from %d with tag %d", count,
          status.MPI_SOURCE, status.MPI_TAG, len, peer, tag);
}

static void all_kinds(int len, int i_send)
{
    for (int send = 0; send < SENDS; send++)
        for (int receive = 0; receive < RECEIVES; receive++) {
            uint64_t seed = (uint64_t)len * 1000 + (uint64_t)(send * RECEIVES + receive);
            int tag = send * RECEIVES + receive;
            int waits = receive == RECV || receive == PROBED || receive == MPROBED;
            if (send == RSEND && waits)
                continue; /* they cannot say that they are posted */
            if (i_send) {
                paint(out, (size_t)len, seed);
                send_as(send, out, len, tag);
                memset(out, 0xee, (size_t)len);
            } else {
                int most = receive % 2 ? len : len + 1000; /* a receive may have more room */
                memset(in, 0x5a, (size_t)most + 2 * GUARD);
                receive_as(receive, in + GUARD, len, most, tag, send == RSEND);
                PAINTED(in + GUARD, (size_t)len, seed);
                ALL(in, GUARD, 0x5a);
                ALL(in + GUARD + len, (size_t)(most - len) + GUARD, 0x5a);
            }
        }
}

/* The receive gets an error and nothing beyond its room; the send and the next
   message are not concerned. */
static void truncated(int len, int most, int first, int i_send)
{
    MPI_Request request;
    uint64_t seed = (uint64_t)len * 77 + (uint64_t)most;
    if (i_send) {
        paint(out, (size_t)len, seed);
        if (first)
            MPI(MPI_Recv(NULL, 0, MPI_BYTE, peer, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        MPI(MPI_Isend(out, len, MPI_BYTE, peer, 5, MPI_COMM_WORLD, &request));
        if (!first)
            MPI(MPI_Send(NULL, 0, MPI_BYTE, peer, 1, MPI_COMM_WORLD));
        MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
        paint(out, (size_t)len, seed + 1);
        MPI(MPI_Send(out, len, MPI_BYTE, peer, 5, MPI_COMM_WORLD));
        return;
    }
    memset(in, 0x5a, (size_t)most + GUARD);
    if (!first)
        MPI(MPI_Recv(NULL, 0, MPI_BYTE, peer, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    MPI(MPI_Irecv(in, most, MPI_BYTE, peer, 5, MPI_COMM_WORLD, &request));
    if (first)
        MPI(MPI_Send(NULL, 0, MPI_BYTE, peer, 1, MPI_COMM_WORLD));
    FAILS(MPI_Wait(&request, MPI_STATUS_IGNORE), MPI_ERR_TRUNCATE);
    ALL(in + most, GUARD, 0x5a);
    MPI(MPI_Recv(in, len, MPI_BYTE, peer, 5, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    PAINTED(in, (size_t)len, seed + 1);
}

/* Announced, and taken back before anybody wanted it; the sender agrees with
   the receiver on what became of it, and the buffer is the sender's again. */
static void cancelled(int len, int i_send)
{
    MPI_Request requests[3];
    MPI_Status status;
    int gone[3], flag;
    if (i_send) {
        for (int i = 0; i < 3; i++) {
            unsigned char *part = out + i * len;
            paint(part, (size_t)len, (uint64_t)(len + i));
            MPI(MPI_Isend(part, len, MPI_BYTE, peer, 10 + i, MPI_COMM_WORLD, &requests[i]));
        }
        MPI(MPI_Cancel(&requests[1]));
        MPI(MPI_Wait(&requests[1], &status));
        MPI(MPI_Test_cancelled(&status, &gone[1]));
        memset(out + len, 0xee, (size_t)len);
        MPI(MPI_Send(&gone[1], 1, MPI_INT, peer, 20, MPI_COMM_WORLD));
        MPI(MPI_Waitall(2, (MPI_Request[]){requests[0], requests[2]}, MPI_STATUSES_IGNORE));
        return;
    }
    MPI(MPI_Recv(&gone[1], 1, MPI_INT, peer, 20, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    gone[0] = gone[2] = 0;
    for (int i = 2; i >= 0; i--) {
        if (gone[i])
            continue;
        MPI(MPI_Recv(in, len, MPI_BYTE, peer, 10 + i, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        PAINTED(in, (size_t)len, (uint64_t)(len + i));
    }
    MPI(MPI_Iprobe(peer, 11, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE));
    EQ(flag, 0);
}

/* Both ranks at once, in place; then with buffers of unlike lengths. */
static void replaced(int len)
{
    paint(in, (size_t)len, (uint64_t)(rank + len));
    memset(in + len, 0x5a, GUARD);
    MPI(MPI_Sendrecv_replace(in, len, MPI_BYTE, peer, 3, peer, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    PAINTED(in, (size_t)len, (uint64_t)(peer + len));
    ALL(in + len, GUARD, 0x5a);
    int mine = rank < peer ? len : len / 2, theirs = rank < peer ? len / 2 : len;
    paint(out, (size_t)mine, (uint64_t)(rank + 5));
    MPI(MPI_Sendrecv(out, mine, MPI_BYTE, peer, 4, in, theirs, MPI_BYTE, peer, 4, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE));
    PAINTED(in, (size_t)theirs, (uint64_t)(peer + 5));
}

static void to_oneself(int len)
{
    MPI_Request requests[2];
    paint(out, (size_t)len, (uint64_t)len);
    memset(in, 0x5a, (size_t)len + GUARD);
    MPI(MPI_Isend(out, len, MPI_BYTE, rank, 6, MPI_COMM_WORLD, &requests[0]));
    MPI(MPI_Irecv(in, len, MPI_BYTE, rank, 6, MPI_COMM_WORLD, &requests[1]));
    MPI(MPI_Waitall(2, requests, MPI_STATUSES_IGNORE));
    PAINTED(in, (size_t)len, (uint64_t)len);
    ALL(in + len, GUARD, 0x5a);
    MPI(MPI_Sendrecv_replace(in, len, MPI_BYTE, rank, 7, rank, 7, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    PAINTED(in, (size_t)len, (uint64_t)len);
}

/* Many of them before the first is asked for, asked for in another order. */
static void unexpected(int i_send)
{
    enum { N = 24 };
    static const int lens[] = {100000, 49152, 65537, 16384};
    MPI_Request requests[N];
    unsigned char *parts = room((size_t)N * 100000);
    for (int i = 0; i < N; i++) {
        unsigned char *part = parts + (size_t)i * 100000;
        int len = lens[i % 4];
        if (i_send) {
            paint(part, (size_t)len, (uint64_t)i);
            MPI(MPI_Isend(part, len, MPI_BYTE, peer, i, MPI_COMM_WORLD, &requests[i]));
        }
    }
    if (i_send) {
        MPI(MPI_Send(NULL, 0, MPI_BYTE, peer, 99, MPI_COMM_WORLD));
    } else {
        MPI(MPI_Recv(NULL, 0, MPI_BYTE, peer, 99, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        for (int i = 0; i < N; i++) {
            int tag = (i * 7 + 3) % N;
            MPI(MPI_Irecv(parts + (size_t)tag * 100000, lens[tag % 4], MPI_BYTE, peer, tag,
                          MPI_COMM_WORLD, &requests[tag]));
        }
    }
    MPI(MPI_Waitall(N, requests, MPI_STATUSES_IGNORE));
    for (int i = 0; i < N && !i_send; i++)
        PAINTED(parts + (size_t)i * 100000, (size_t)lens[i % 4], (uint64_t)i);
    free(parts);
}

int main(int argc, char **argv)
{
    static const int lens[] = {16384, 49151, 49153, 65536, 70001, 262144, 1000003};
    START();
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    long rounds = number(argc, argv, 1, 1);
    int n = sizeof lens / sizeof *lens, buffer_size = RECEIVES * (1100000 + MPI_BSEND_OVERHEAD);
    void *buffer = room((size_t)buffer_size);
    peer = rank ^ 1;
    out = room(MOST);
    in = room(MOST + 2 * GUARD);
    MPI(MPI_Buffer_attach(buffer, buffer_size));
    for (long round = 0; round < rounds && peer < ranks; round++)
        for (int turn = 0; turn < 2; turn++) {
            int i_send = (rank < peer) == (turn == 0);
            for (int i = 0; i < n; i++) {
                all_kinds(lens[i], i_send);
                for (int first = 0; first < 2; first++) {
                    truncated(lens[i], lens[i] - 1, first, i_send);
                    truncated(lens[i], lens[i] / 2 + 7, first, i_send);
                    truncated(lens[i], 16, first, i_send);
                    truncated(lens[i], 0, first, i_send);
                }
                cancelled(lens[i], i_send);
                replaced(lens[i]);
                to_oneself(lens[i]);
            }
            unexpected(i_send);
        }
    void *back = NULL;
    MPI(MPI_Buffer_detach(&back, &buffer_size));
    free(buffer);
    free(out);
    free(in);
    PASSED();
}
