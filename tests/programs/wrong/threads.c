/* Ranks with several threads of which none can go on. */
#include "wrong.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int value;

static void *receiver(void *unused)
{
    (void)unused;
    MPI_Recv(&value, 1, MPI_INT, 1, 7, WORLD, NO_STATUS);
    return NULL;
}

static void *sender(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    MPI_Send(&value, 1, MPI_INT, 0, 7, WORLD);
    return NULL;
}

/* two_receive_one_comes, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Recv for rank 1, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     rank 1 waits in MPI_Barrier on MPI_COMM_WORLD (collective no. 1); not there yet: rank 0 at LINE
     rank 0 has another thread, which sleeps until a thread of this rank wakes it (pthread_join, a lock)
     each waits for the next: 0 → 1 → 0
 */
static void two_receive_one_comes(void)
{
    pthread_t threads[2];
    for (int i = 0; rank == 0 && i < 2; i++)
        pthread_create(threads + i, NULL, receiver, NULL);
    for (int i = 0; rank == 0 && i < 2; i++)
        pthread_join(threads[i], NULL);
    if (rank == 1)
        MPI_Send(&value, 1, MPI_INT, 0, 7, WORLD);
    MPI_Barrier(WORLD);
}

/* sender_is_locked_out, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Recv for rank 1, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     rank 1 waits in MPI_Recv for rank 0, tag 8, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     rank 1 has another thread, which sleeps until a thread of this rank wakes it (pthread_join, a lock)
     each waits for the next: 0 → 1 → 0
 */
static void sender_is_locked_out(void)
{
    pthread_t thread;
    if (rank == 0)
        MPI_Recv(&value, 1, MPI_INT, 1, 7, WORLD, NO_STATUS);
    if (rank == 1) {
        pthread_mutex_lock(&lock);
        pthread_create(&thread, NULL, sender, NULL);
        MPI_Recv(&value, 1, MPI_INT, 0, 8, WORLD, NO_STATUS);
    }
}

static const struct fault faults[] = {FAULT(two_receive_one_comes), FAULT(sender_is_locked_out)};

RUN(MPI_THREAD_MULTIPLE)
