/* Blocking receives of long messages, or of shorter ones that take long to copy since
   they were just written, one after the other, which tell their sender where the next
   one is to go before it is sent; and then something else comes, or comes late, or does
   not fit. Whatever was told of a buffer, nothing but its message is ever written there.
   Two ranks; the argument is the number of rounds. */
#define _GNU_SOURCE
#include "check.h"
#include <unistd.h>

enum { ROOM = 200 << 10, GUARD = 4096, BUFFERS = 3, UNTOUCHED = 0x5a };
enum { TAG = 7, OTHER = 8, READY = 9 };

enum surprise {
    AS_EXPECTED, SHORT, MEDIUM, EMPTY, OTHER_TAG_SHORT, OTHER_TAG_LONG, OTHER_COMM_LONG,
    LATE, TOO_LONG, SYNCHRONOUS, SCATTERED, TWO_AT_ONCE, BOTH_WAYS, ANY_SOURCE,
    TESTED, PROBED, KINDS
};

static MPI_Comm other;
static unsigned char *buffers[BUFFERS]; /* each with a guard before and after it */
static unsigned char *mine, *second;
static unsigned seed, state = 1;
static int least, most; /* bytes of the usual messages of a round */

/* The same numbers at both ranks. */
static unsigned draw(unsigned below)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % below;
}

static int usual_length(void)
{
    return least + (int)draw((unsigned)(most - least + 1));
}

/* Nothing may be written to a buffer of which no receive is under way. */
static void untouched(void)
{
    for (int b = 0; b < BUFFERS; b++)
        ALL(buffers[b], ROOM + 2 * GUARD, UNTOUCHED);
}

/* The message of this length and number is there, and nothing around it. */
static void is_there(unsigned char *buffer, size_t len, unsigned number)
{
    ALL(buffer - GUARD, GUARD, UNTOUCHED);
    FILLED(buffer, len, number);
    ALL(buffer + len, ROOM - len + GUARD, UNTOUCHED);
    memset(buffer, UNTOUCHED, len);
}

static void receive(unsigned char *to, int source, int tag, MPI_Comm comm, int len, int said,
                    unsigned number)
{
    MPI_Status status;
    int count = -1;
    MPI(MPI_Recv(to, ROOM, MPI_BYTE, source, tag, comm, &status));
    MPI(MPI_Get_count(&status, MPI_BYTE, &count));
    EQ(count, len);
    EQ(status.MPI_SOURCE, 0);
    EQ(status.MPI_TAG, said);
    is_there(to, (size_t)len, number);
}

/* The receiver is about to look for its message for so long when the sender sends, who
   has heard whatever the receiver has told. */
static void receiver_first(unsigned us)
{
    double since;
    int found;
    if (rank == 1) {
        MPI(MPI_Send(NULL, 0, MPI_BYTE, 0, READY, MPI_COMM_WORLD));
        return;
    }
    MPI(MPI_Recv(NULL, 0, MPI_BYTE, 1, READY, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    for (since = MPI_Wtime(); MPI_Wtime() < since + us * 1e-6;)
        MPI(MPI_Iprobe(1, READY, MPI_COMM_WORLD, &found, MPI_STATUS_IGNORE));
}

/* The next receive is of a message like the ones before. */
static void usual_messages(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        int len = usual_length();
        unsigned char *to = buffers[draw(BUFFERS)] + GUARD;
        seed++;
        if (rank == 0) {
            fill(mine, (size_t)len, seed);
            MPI(MPI_Send(mine, len, MPI_BYTE, 1, TAG, MPI_COMM_WORLD));
        } else {
            receive(to, 0, TAG, MPI_COMM_WORLD, len, TAG, seed);
        }
    }
}

static void surprise(enum surprise kind)
{
    int len = usual_length(), before = 1 + (int)draw(3000);
    unsigned char *to = buffers[draw(BUFFERS)] + GUARD;
    int any_tag = draw(2) && kind != OTHER_TAG_SHORT && kind != OTHER_TAG_LONG;
    int tag = any_tag ? MPI_ANY_TAG : TAG, source = kind == ANY_SOURCE ? MPI_ANY_SOURCE : 0;
    MPI_Comm comm = MPI_COMM_WORLD;
    MPI_Request requests[2];
    unsigned late = 200 + draw(2000), delay = draw(40);

    seed += 2;
    fill(mine, ROOM + 1, seed);
    fill(second, ROOM, seed - 1);
    if (draw(3))
        receiver_first(delay);
    if (rank == 0 && kind == LATE)
        usleep(late);
    switch (kind) {
    case SHORT: len = (int)draw(2000); break;
    case MEDIUM: len = 4096 + (int)draw(44 << 10); break;
    case EMPTY: len = 0; break;
    default: break;
    }
    switch (kind) {
    case OTHER_TAG_LONG:
    case OTHER_COMM_LONG:
        before = (64 << 10) + (int)draw(100 << 10);
        /* fall through */
    case OTHER_TAG_SHORT:
        comm = kind == OTHER_COMM_LONG ? other : MPI_COMM_WORLD;
        if (rank == 0) {
            MPI(MPI_Isend(second, before, MPI_BYTE, 1, OTHER, comm, &requests[0]));
            MPI(MPI_Send(mine, len, MPI_BYTE, 1, TAG, MPI_COMM_WORLD));
            MPI(MPI_Wait(&requests[0], MPI_STATUS_IGNORE));
        } else {
            receive(to, 0, tag, MPI_COMM_WORLD, len, TAG, seed);
            receive(to, 0, OTHER, comm, before, OTHER, seed - 1);
        }
        return;
    case TOO_LONG:
        if (rank == 0) {
            MPI(MPI_Send(mine, ROOM + 1, MPI_BYTE, 1, TAG, MPI_COMM_WORLD));
        } else {
            MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
            FAILS(MPI_Recv(to, ROOM, MPI_BYTE, 0, tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE),
                  MPI_ERR_TRUNCATE);
            MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
            ALL(to - GUARD, GUARD, UNTOUCHED);
            ALL(to + ROOM, GUARD, UNTOUCHED);
            memset(to, UNTOUCHED, ROOM);
        }
        return;
    case SYNCHRONOUS:
        if (rank == 0) {
            MPI(MPI_Ssend(mine, len, MPI_BYTE, 1, TAG, MPI_COMM_WORLD));
        } else {
            receive(to, 0, tag, MPI_COMM_WORLD, len, TAG, seed);
        }
        return;
    case SCATTERED: {
        /* Every other block of 512 bytes. */
        int blocks = len / 512 / 2;
        len = blocks * 512;
        if (rank == 0) {
            MPI_Datatype type;
            MPI(MPI_Type_vector(blocks, 512, 1024, MPI_BYTE, &type));
            MPI(MPI_Type_commit(&type));
            for (int b = 0; b < blocks; b++)
                memcpy(second + b * 1024, mine + b * 512, 512);
            MPI(MPI_Send(second, 1, type, 1, TAG, MPI_COMM_WORLD));
            MPI(MPI_Type_free(&type));
        } else {
            receive(to, 0, tag, MPI_COMM_WORLD, len, TAG, seed);
        }
        return;
    }
    case TWO_AT_ONCE:
        if (rank == 0) {
            MPI(MPI_Isend(second, len, MPI_BYTE, 1, TAG, MPI_COMM_WORLD, &requests[0]));
            MPI(MPI_Isend(mine, len, MPI_BYTE, 1, TAG, MPI_COMM_WORLD, &requests[1]));
            MPI(MPI_Waitall(2, requests, MPI_STATUSES_IGNORE));
        } else {
            receive(to, 0, tag, MPI_COMM_WORLD, len, TAG, seed - 1);
            receive(to, 0, tag, MPI_COMM_WORLD, len, TAG, seed);
        }
        return;
    case BOTH_WAYS: {
        int peer = 1 - rank;
        MPI(MPI_Isend(rank ? second : mine, len, MPI_BYTE, peer, TAG, MPI_COMM_WORLD, &requests[0]));
        MPI(MPI_Recv(to, ROOM, MPI_BYTE, peer, tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        MPI(MPI_Wait(&requests[0], MPI_STATUS_IGNORE));
        is_there(to, (size_t)len, seed - (unsigned)peer);
        return;
    }
    case TESTED:
    case PROBED:
        if (rank == 0) {
            MPI(MPI_Send(mine, len, MPI_BYTE, 1, TAG, MPI_COMM_WORLD));
        } else if (kind == PROBED) {
            MPI(MPI_Probe(0, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
            receive(to, 0, tag, MPI_COMM_WORLD, len, TAG, seed);
        } else {
            int done = 0;
            MPI(MPI_Irecv(to, ROOM, MPI_BYTE, 0, tag, MPI_COMM_WORLD, &requests[0]));
            while (!done)
                MPI(MPI_Test(&requests[0], &done, MPI_STATUS_IGNORE));
            is_there(to, (size_t)len, seed);
        }
        return;
    default:
        if (rank == 0)
            MPI(MPI_Send(mine, len, MPI_BYTE, 1, TAG, MPI_COMM_WORLD));
        else
            receive(to, source, tag, MPI_COMM_WORLD, len, TAG, seed);
    }
}

int main(int count, char **arguments)
{
    int rounds = count > 1 ? atoi(arguments[1]) : 200;
    START();
    MPI(MPI_Comm_dup(MPI_COMM_WORLD, &other));
    for (int b = 0; b < BUFFERS; b++) {
        buffers[b] = room(ROOM + 2 * GUARD);
        memset(buffers[b], UNTOUCHED, ROOM + 2 * GUARD);
    }
    mine = room(2 * ROOM);
    second = room(2 * ROOM);
    for (int round = 0; round < rounds && rank < 2; round++) {
        /* After a surprise, some go untold; and that the shorter ones take long is only
           found out after some. */
        int is_short = round % 3 == 2;
        least = is_short ? 8 << 10 : 64 << 10;
        most = is_short ? (16 << 10) - 1 : ROOM;
        usual_messages((is_short && round < 30 ? 60 : 10) + draw(12));
        surprise(round % 2 ? (enum surprise)draw(KINDS)
                           : (enum surprise)((round / 2) % KINDS));
        if (round % 8 == 0)
            untouched();
    }
    untouched();
    PASSED();
}
