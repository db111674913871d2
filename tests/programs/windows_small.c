/* Windows of short messages whose lengths and tags change at every step, so that they share
   cells of a ring, take several, or go through its bulk area, in any order: received before
   they are sent and after, by plain and by persistent requests, from a named source and from
   any. Each is checked, and each status. One in a window is too long for its receive. */
#include "bytes.h"

#include <stdbool.h>

enum { WINDOW = 48, MOST = 700, TAGS = 3 };

static unsigned char out[WINDOW][MOST], in[WINDOW][MOST + 8];

/* Mostly a few lengths in a row, so that messages find others of their length before them. */
static int length_of(long round, int i)
{
    static const int lens[] = {8, 0, 1, 8, 4, 40, 41, 96, 97, 152, 208, 264, 265, 700, 16, 7};
    uint64_t z = mixed((uint64_t)round * 1000 + (uint64_t)(i / 3));
    return i % 8 == 7 ? (int)(z % (MOST + 1)) : lens[z % (sizeof lens / sizeof *lens)];
}

static int tag_of(long round, int i)
{
    return (int)(mixed((uint64_t)round + (uint64_t)(i / 4) * 77) % TAGS);
}

static uint64_t seed_of(long round, int i, int from)
{
    return (uint64_t)round * 4096 + (uint64_t)i * 8 + (uint64_t)from;
}

static void start_sends(long round, int peer, bool persistent, MPI_Request *requests)
{
    for (int i = 0; i < WINDOW; i++) {
        int len = length_of(round, i), tag = tag_of(round, i);
        paint(out[i], (size_t)len, seed_of(round, i, rank));
        if (persistent)
            MPI(MPI_Send_init(out[i], len, MPI_BYTE, peer, tag, MPI_COMM_WORLD, &requests[i]));
        else
            MPI(MPI_Isend(out[i], len, MPI_BYTE, peer, tag, MPI_COMM_WORLD, &requests[i]));
    }
    if (persistent)
        MPI(MPI_Startall(WINDOW, requests));
}

static void start_receives(long round, int source, bool persistent, MPI_Request *requests)
{
    for (int i = 0; i < WINDOW; i++) {
        int len = length_of(round, i), tag = tag_of(round, i);
        memset(in[i], 0x55, sizeof in[i]);
        if (persistent)
            MPI(MPI_Recv_init(in[i], len, MPI_BYTE, source, tag, MPI_COMM_WORLD, &requests[i]));
        else
            MPI(MPI_Irecv(in[i], len, MPI_BYTE, source, tag, MPI_COMM_WORLD, &requests[i]));
    }
    if (persistent)
        MPI(MPI_Startall(WINDOW, requests));
}

static void check_received(long round, int peer, const MPI_Status *statuses)
{
    for (int i = 0; i < WINDOW; i++) {
        int len = length_of(round, i), count = -1;
        MPI(MPI_Get_count(&statuses[i], MPI_BYTE, &count));
        EQ(count, len);
        EQ(statuses[i].MPI_SOURCE, peer);
        EQ(statuses[i].MPI_TAG, tag_of(round, i));
        PAINTED(in[i], (size_t)len, seed_of(round, i, peer));
        EQ(in[i][len], 0x55);
    }
}

static void window(long round, int peer)
{
    MPI_Request sends[WINDOW], receives[WINDOW];
    MPI_Status statuses[WINDOW];
    bool persistent = round % 4 == 3, late = round % 3 == 1;
    int source = round % 5 == 4 ? MPI_ANY_SOURCE : peer;
    if (late) {
        start_sends(round, peer, persistent, sends);
        MPI(MPI_Barrier(MPI_COMM_WORLD)); /* the messages are there */
    }
    start_receives(round, source, persistent, receives);
    if (!late)
        start_sends(round, peer, persistent, sends);
    MPI(MPI_Waitall(WINDOW, receives, statuses));
    check_received(round, peer, statuses);
    MPI(MPI_Waitall(WINDOW, sends, MPI_STATUSES_IGNORE));
    for (int i = 0; i < WINDOW; i++)
        if (persistent) {
            MPI(MPI_Request_free(&receives[i]));
            MPI(MPI_Request_free(&sends[i]));
        } else {
            CHECK(receives[i] == MPI_REQUEST_NULL && sends[i] == MPI_REQUEST_NULL, "request %d", i);
        }
}

/* The message in the middle does not fit, and the others are as if it did. */
static void too_long(int peer, bool late)
{
    enum { COUNT = 5, LONG = 2 };
    MPI_Request sends[COUNT], receives[COUNT];
    MPI_Status statuses[COUNT];
    int64_t values[COUNT], got[COUNT] = {-1, -1, -1, -1, -1};
    for (int i = 0; i < COUNT; i++) {
        values[i] = 100 * rank + i;
        if (late)
            MPI(MPI_Isend(&values[i], 8, MPI_BYTE, peer, 9, MPI_COMM_WORLD, &sends[i]));
    }
    if (late)
        MPI(MPI_Barrier(MPI_COMM_WORLD));
    for (int i = 0; i < COUNT; i++)
        MPI(MPI_Irecv(&got[i], i == LONG ? 4 : 8, MPI_BYTE, peer, 9, MPI_COMM_WORLD, &receives[i]));
    for (int i = 0; i < COUNT && !late; i++)
        MPI(MPI_Isend(&values[i], 8, MPI_BYTE, peer, 9, MPI_COMM_WORLD, &sends[i]));
    FAILS(MPI_Waitall(COUNT, receives, statuses), MPI_ERR_IN_STATUS);
    for (int i = 0; i < COUNT; i++) {
        EQ(statuses[i].MPI_ERROR, i == LONG ? MPI_ERR_TRUNCATE : MPI_SUCCESS);
        if (i == LONG)
            EQ(got[i] >> 32, -1);
        else
            EQ(got[i], 100 * peer + i);
    }
    MPI(MPI_Waitall(COUNT, sends, MPI_STATUSES_IGNORE));
}

int main(void)
{
    START();
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    int peer = rank ^ 1;
    EQ(ranks % 2, 0);
    for (long round = 0; round < 240; round++)
        window(round, peer);
    too_long(peer, false);
    too_long(peer, true);
    PASSED();
}
