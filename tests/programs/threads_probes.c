/* MPI_THREAD_MULTIPLE: threads that send, and threads that race for what comes: by matched
   probes, blocking and nonblocking receives, persistent ones, and receives that they cancel
   at once. Every message is received once, whole. usage: threads_probes [MESSAGES] */
#include "check.h"
#include <pthread.h>

enum { SENDERS = 2, TAKERS = 4, HEAD = 16, MOST_LEN = 150000, MOST_RANKS = 16, MOST_MESSAGES = 4096 };

static int messages = 20; /* of each sender to each rank */
static MPI_Comm comm;
static unsigned char seen[MOST_RANKS][SENDERS][MOST_MESSAGES];
static int tickets; /* one for each message that comes */

/* The length of a message: most are short. */
static int length_of(int number)
{
    unsigned draw = (unsigned)number * 2654435761u >> 20;
    return HEAD + (draw % 16 == 0 ? (int)(draw * 31 % (MOST_LEN - HEAD)) : draw % 4 == 0 ? (int)(draw * 7 % 12000) : (int)(draw % 60));
}

static void *send(void *argument)
{
    int me = (int)(intptr_t)argument;
    unsigned char *bytes = room(MOST_LEN);
    for (int i = 0; i < messages * ranks; i++) {
        int to = (rank + i) % ranks, number = i / ranks, len = length_of(number), head[] = {rank, me, number, len};
        MPI_Request request;
        memcpy(bytes, head, sizeof head);
        fill(bytes + HEAD, (size_t)(len - HEAD), (unsigned)(number * 7 + me + rank));
        switch ((i + me) % 4) {
        case 0:
            MPI(MPI_Ssend(bytes, len, MPI_BYTE, to, me, comm));
            break;
        case 1:
            MPI(MPI_Isend(bytes, len, MPI_BYTE, to, me, comm, &request));
            MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
            break;
        default:
            MPI(MPI_Send(bytes, len, MPI_BYTE, to, me, comm));
        }
    }
    free(bytes);
    return NULL;
}

/* Receives one message, of any sender. */
static void take(int how, unsigned char *bytes, MPI_Request *persistent, MPI_Status *status)
{
    MPI_Message message = MPI_MESSAGE_NULL;
    MPI_Request request, two[2];
    int flag = 0, index = -1;
    switch (how) {
    case 0:
        MPI(MPI_Mprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &message, status));
        MPI(MPI_Mrecv(bytes, MOST_LEN, MPI_BYTE, &message, status));
        break;
    case 1:
        while (!flag)
            MPI(MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &flag, &message, status));
        MPI(MPI_Imrecv(bytes, MOST_LEN, MPI_BYTE, &message, &request));
        for (flag = 0; !flag;)
            MPI(MPI_Test(&request, &flag, status));
        break;
    case 2: /* what a probe sees may be another thread's by now */
        MPI(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &flag, MPI_STATUS_IGNORE));
        MPI(MPI_Recv(bytes, MOST_LEN, MPI_BYTE, MPI_ANY_SOURCE, MPI_ANY_TAG, comm, status));
        break;
    case 3: /* again and again, until one is too late to be cancelled */
        do {
            MPI(MPI_Irecv(bytes, MOST_LEN, MPI_BYTE, MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &request));
            MPI(MPI_Cancel(&request));
            MPI(MPI_Wait(&request, status));
            MPI(MPI_Test_cancelled(status, &flag));
        } while (flag);
        break;
    case 4:
        two[0] = MPI_REQUEST_NULL;
        MPI(MPI_Irecv(bytes, MOST_LEN, MPI_BYTE, MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &two[1]));
        MPI(MPI_Waitany(2, two, &index, status));
        EQ(index, 1);
        break;
    default:
        MPI(MPI_Start(persistent));
        while (!flag)
            MPI(MPI_Request_get_status(*persistent, &flag, MPI_STATUS_IGNORE));
        MPI(MPI_Wait(persistent, status));
    }
}

static void *receive(void *argument)
{
    int me = (int)(intptr_t)argument, all = messages * SENDERS * ranks;
    unsigned char *bytes = room(MOST_LEN);
    MPI_Request persistent;
    MPI(MPI_Recv_init(bytes, MOST_LEN, MPI_BYTE, MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &persistent));
    for (int ticket; (ticket = __atomic_fetch_add(&tickets, 1, __ATOMIC_RELAXED)) < all;) {
        MPI_Status status;
        int head[4], len = -1;
        take((ticket + me) % 6, bytes, &persistent, &status);
        memcpy(head, bytes, sizeof head);
        MPI(MPI_Get_count(&status, MPI_BYTE, &len));
        EQ(status.MPI_SOURCE, head[0]);
        EQ(status.MPI_TAG, head[1]);
        EQ(len, head[3]);
        CHECK(head[2] >= 0 && head[2] < messages && len == length_of(head[2]), "number %d", head[2]);
        FILLED(bytes + HEAD, (size_t)(len - HEAD), (unsigned)(head[2] * 7 + head[1] + head[0]));
        EQ(__atomic_fetch_add(&seen[head[0]][head[1]][head[2]], 1, __ATOMIC_RELAXED), 0);
    }
    MPI(MPI_Request_free(&persistent));
    free(bytes);
    return NULL;
}

int main(int argc, char **argv)
{
    int level = -1, flag = 1;
    pthread_t threads[SENDERS + TAKERS];
    messages = argc > 1 ? atoi(argv[1]) : messages;
    MPI(MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &level));
    EQ(level, MPI_THREAD_MULTIPLE);
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    CHECK(ranks <= MOST_RANKS && messages <= MOST_MESSAGES, "%d ranks, %d messages", ranks, messages);
    MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comm));
    for (intptr_t i = 0; i < SENDERS + TAKERS; i++)
        EQ(pthread_create(&threads[i], NULL, i < SENDERS ? send : receive, (void *)(i < SENDERS ? i : i - SENDERS)), 0);
    for (int i = 0; i < SENDERS + TAKERS; i++)
        EQ(pthread_join(threads[i], NULL), 0);
    for (int r = 0; r < ranks; r++)
        for (int t = 0; t < SENDERS; t++)
            ALL(seen[r][t], (size_t)messages, 1);
    MPI(MPI_Barrier(comm));
    MPI(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &flag, MPI_STATUS_IGNORE));
    EQ(flag, 0);
    MPI(MPI_Comm_free(&comm));
    PASSED();
}
