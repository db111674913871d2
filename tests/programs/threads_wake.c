/* Threads of one rank that wait for each other: what one thread's call completes
   must wake another that sleeps for it, at once and not when its sleep is over:
   600 sleeps of a tenth of a second would be the end of the test's time. */
#include "check.h"
#include <pthread.h>
#include <unistd.h>

enum { ROUNDS = 600, BIG = 100000 };
static double longest;

static void pause_a_while(int i)
{
    usleep(200 + i * 37 % 700); /* long enough for the other to fall asleep */
}

/* Messages from one thread to another, by every way of receiving them. */
static void *sender(void *nothing)
{
    (void)nothing;
    char *big = room(BIG);
    fill(big, BIG, 5);
    for (int i = 0; i < ROUNDS; i++) {
        pause_a_while(i);
        double then = MPI_Wtime();
        switch (i % 4) {
        case 0:
            MPI(MPI_Send(&i, 1, MPI_INT, rank, 1, MPI_COMM_WORLD));
            break;
        case 1:
            MPI(MPI_Ssend(&i, 1, MPI_INT, rank, 1, MPI_COMM_WORLD));
            break;
        default:
            MPI(MPI_Send(big, BIG, MPI_BYTE, rank, 1, MPI_COMM_WORLD));
        }
        MPI(MPI_Recv(NULL, 0, MPI_BYTE, rank, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        double took = MPI_Wtime() - then;
        longest = took > longest ? took : longest;
    }
    free(big);
    return NULL;
}

static void receiver(void)
{
    char *big = room(BIG);
    for (int i = 0; i < ROUNDS; i++) {
        int n = -1;
        MPI_Message message;
        MPI_Status status;
        switch (i % 4) {
        case 0:
            MPI(MPI_Recv(&n, 1, MPI_INT, MPI_ANY_SOURCE, 1, MPI_COMM_WORLD, &status));
            EQ(n, i);
            break;
        case 1:
            MPI(MPI_Probe(rank, 1, MPI_COMM_WORLD, &status));
            pause_a_while(i); /* now the sender sleeps */
            MPI(MPI_Recv(&n, 1, MPI_INT, rank, 1, MPI_COMM_WORLD, &status));
            EQ(n, i);
            break;
        case 2:
            MPI(MPI_Mprobe(rank, 1, MPI_COMM_WORLD, &message, &status));
            pause_a_while(i);
            MPI(MPI_Mrecv(big, BIG, MPI_BYTE, &message, &status));
            FILLED(big, BIG, 5);
            break;
        default:
            MPI(MPI_Recv(big, BIG, MPI_BYTE, rank, 1, MPI_COMM_WORLD, &status));
            FILLED(big, BIG, 5);
        }
        pause_a_while(i + 1);
        MPI(MPI_Send(NULL, 0, MPI_BYTE, rank, 2, MPI_COMM_WORLD));
    }
    free(big);
}

/* A generalized request, and a receive that is cancelled, by another thread. */
static MPI_Request requests[2];
static int queried, freed;

static int query(void *state, MPI_Status *status)
{
    (void)state;
    queried++;
    MPI_Status_set_elements(status, MPI_BYTE, 3);
    MPI_Status_set_cancelled(status, 0);
    status->MPI_SOURCE = status->MPI_TAG = MPI_UNDEFINED;
    return MPI_SUCCESS;
}

static int release(void *state)
{
    (void)state;
    freed++;
    return MPI_SUCCESS;
}

static int cancel(void *state, int complete)
{
    (void)state;
    (void)complete;
    return MPI_SUCCESS;
}

static void *completer(void *copy)
{
    usleep(3000);
    MPI(MPI_Grequest_complete(((MPI_Request *)copy)[0]));
    usleep(3000);
    MPI(MPI_Cancel(&((MPI_Request *)copy)[1]));
    return NULL;
}

/* Several threads sleep at a time, and one leaves while the others go on. */
static void *crowd(void *number)
{
    int tag = 10 + (int)(intptr_t)number, peer = (rank + 1) % ranks;
    for (int i = 0; i < ROUNDS; i++) {
        int out = i, in = -1;
        if (rank % 2 == 0) {
            pause_a_while(i * tag);
            MPI(MPI_Send(&out, 1, MPI_INT, peer, tag, MPI_COMM_WORLD));
            MPI(MPI_Recv(&in, 1, MPI_INT, peer, tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        } else {
            MPI(MPI_Recv(&in, 1, MPI_INT, peer, tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
            pause_a_while(i * tag + 5);
            MPI(MPI_Send(&out, 1, MPI_INT, peer, tag, MPI_COMM_WORLD));
        }
        EQ(in, i);
    }
    return NULL;
}

int main(void)
{
    int provided;
    MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &provided);
    EQ(provided, MPI_THREAD_MULTIPLE);
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    pthread_t threads[4];
    pthread_create(threads, NULL, sender, NULL);
    receiver();
    pthread_join(threads[0], NULL);

    for (int i = 0; i < 100; i++) {
        MPI_Request copy[2];
        MPI_Status statuses[2];
        int count, cancelled;
        MPI(MPI_Grequest_start(query, release, cancel, NULL, &requests[0]));
        MPI(MPI_Irecv(&count, 1, MPI_INT, rank, 77, MPI_COMM_WORLD, &requests[1]));
        memcpy(copy, requests, sizeof copy);
        pthread_create(threads, NULL, completer, copy);
        MPI(MPI_Waitall(2, requests, statuses));
        pthread_join(threads[0], NULL);
        MPI(MPI_Get_count(&statuses[0], MPI_BYTE, &count));
        EQ(count, 3);
        EQ(queried, i + 1);
        EQ(freed, i + 1);
        MPI(MPI_Test_cancelled(&statuses[1], &cancelled));
        EQ(cancelled, 1);
    }
    /* freed before or after it was completed: free_fn is called, query_fn not */
    queried = freed = 0;
    for (int i = 0; i < 4; i++) {
        MPI(MPI_Grequest_start(query, release, cancel, NULL, &requests[0]));
        requests[1] = requests[0];
        if (i % 2) {
            MPI(MPI_Request_free(&requests[0]));
            EQ(freed, i);
            MPI(MPI_Grequest_complete(requests[1]));
        } else {
            MPI(MPI_Grequest_complete(requests[1]));
            MPI(MPI_Request_free(&requests[0]));
        }
        CHECK(requests[0] == MPI_REQUEST_NULL, "round %d", i);
        EQ(freed, i + 1);
        EQ(queried, 0);
    }
    if (ranks == 2) {
        for (intptr_t i = 0; i < 4; i++)
            pthread_create(&threads[i], NULL, crowd, (void *)i);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
    }
    if (getenv("SHOW_TIMES"))
        fprintf(stderr, "rank %d: the longest turn took %.1f ms\n", rank, longest * 1e3);
    PASSED();
}
