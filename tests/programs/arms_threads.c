/* Threads of one rank that exchange large messages at once, each with a thread
   of the other, out of heap, mappings and their own stacks.
   usage: arms_threads [ROUNDS] */
#include "places.h"
#include <pthread.h>

enum { THREADS = 4, MOST = 600000 };

static long rounds;
static int peer;

struct work {
    int number;
    MPI_Comm comm;
};

static void *exchange(void *argument)
{
    struct work *work = argument;
    unsigned char stack[2][MOST + 64];
    uint64_t state = (uint64_t)work->number + 1; /* the same at both ranks */
    for (long round = 0; round < rounds; round++) {
        size_t len = 1 + draw(&state, draw(&state, 2) ? MOST : 70000);
        enum place place = (enum place)draw(&state, 5);
        uint64_t seed = (uint64_t)round * 100 + (uint64_t)work->number * 10;
        unsigned char *out = stack[0], *in = stack[1];
        struct area areas[2];
        if (place < 4)
            for (int i = 0; i < 2; i++) {
                areas[i] = take_area(place == 3 ? ANONYMOUS : place, MOST + 64, 0, 0);
                *(i ? &in : &out) = areas[i].at;
            }
        paint(out, len, seed + (uint64_t)rank);
        memset(in, 0x5a, len + 64);
        MPI_Request requests[2];
        if (draw(&state, 2)) {
            MPI(MPI_Sendrecv(out, (int)len, MPI_BYTE, peer, work->number, in, (int)len, MPI_BYTE, peer,
                             work->number, work->comm, MPI_STATUS_IGNORE));
        } else {
            MPI(MPI_Isend(out, (int)len, MPI_BYTE, peer, work->number, work->comm, &requests[0]));
            MPI(MPI_Irecv(in, (int)len, MPI_BYTE, peer, work->number, work->comm, &requests[1]));
            MPI(MPI_Waitall(2, requests, MPI_STATUSES_IGNORE));
        }
        PAINTED(in, len, seed + (uint64_t)peer);
        ALL(in + len, 64, 0x5a);
        if (place < 4)
            for (int i = 0; i < 2; i++)
                give_area(areas[i]);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int provided;
    struct work work[THREADS];
    pthread_t threads[THREADS];
    rounds = number(argc, argv, 1, 60);
    MPI(MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &provided));
    EQ(provided, MPI_THREAD_MULTIPLE);
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    peer = rank ^ 1;
    for (int i = 0; i < THREADS; i++) {
        work[i] = (struct work){i, MPI_COMM_WORLD};
        if (i % 2)
            MPI(MPI_Comm_dup(MPI_COMM_WORLD, &work[i].comm));
    }
    for (int i = 0; i < THREADS && peer < ranks; i++)
        EQ(pthread_create(&threads[i], NULL, exchange, &work[i]), 0);
    for (int i = 0; i < THREADS && peer < ranks; i++)
        EQ(pthread_join(threads[i], NULL), 0);
    for (int i = 1; i < THREADS; i += 2)
        MPI(MPI_Comm_free(&work[i].comm));
    PASSED();
}
