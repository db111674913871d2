/* Whether a communicator is what it should be: its size and rank, messages
   around a ring, and a reduction over all. */
#ifndef COMMS_H
#define COMMS_H

#include "check.h"

__attribute__((unused)) static void works_(const char *file, int line, MPI_Comm comm, int size, int own)
{
    int got_size = -1, got_rank = -1, token = -1, sum = -1;
    MPI(MPI_Comm_size(comm, &got_size));
    MPI(MPI_Comm_rank(comm, &got_rank));
    if (got_size != size || (own >= 0 && got_rank != own)) {
        check_failed(file, line);
        fprintf(stderr, "rank %d of %d, wanted %d of %d", got_rank, got_size, own, size);
        check_abort();
    }
    int to = (got_rank + 1) % size, from = (got_rank + size - 1) % size;
    MPI(MPI_Sendrecv(&got_rank, 1, MPI_INT, to, 3, &token, 1, MPI_INT, from, 3, comm, MPI_STATUS_IGNORE));
    EQ(token, from);
    MPI(MPI_Allreduce(&got_rank, &sum, 1, MPI_INT, MPI_SUM, comm));
    EQ(sum, size * (size - 1) / 2);
}
/* own: the rank this process should have, -1: whatever. */
#define WORKS(comm, size, own) works_(__FILE__, __LINE__, comm, size, own)

/* Every process of the other side hears from every one of this side. */
__attribute__((unused)) static void talks_(const char *file, int line, MPI_Comm inter, int local, int remote)
{
    int size = -1, others = -1, own = -1, flag = 0;
    MPI(MPI_Comm_size(inter, &size));
    MPI(MPI_Comm_remote_size(inter, &others));
    MPI(MPI_Comm_rank(inter, &own));
    MPI(MPI_Comm_test_inter(inter, &flag));
    EQ(flag, 1);
    if (size != local || others != remote) {
        check_failed(file, line);
        fprintf(stderr, "%d and %d processes, wanted %d and %d", size, others, local, remote);
        check_abort();
    }
    MPI_Request *sends = malloc((size_t)others * sizeof *sends);
    for (int i = 0; i < others; i++)
        MPI(MPI_Isend(&own, 1, MPI_INT, i, 8, inter, &sends[i]));
    for (int i = 0; i < others; i++) {
        int got = -1;
        MPI_Status status;
        MPI(MPI_Recv(&got, 1, MPI_INT, i, 8, inter, &status));
        EQ(got, i);
        EQ(status.MPI_SOURCE, i);
    }
    MPI(MPI_Waitall(others, sends, MPI_STATUSES_IGNORE));
    free(sends);
    MPI(MPI_Barrier(inter));
}
#define TALKS(inter, local, remote) talks_(__FILE__, __LINE__, inter, local, remote)

/* The handle is MPI_COMM_NULL. */
#define NONE(comm) CHECK((comm) == MPI_COMM_NULL, "%p", (void *)(comm))

__attribute__((unused)) static int compare(MPI_Comm a, MPI_Comm b)
{
    int result = -1;
    MPI(MPI_Comm_compare(a, b, &result));
    return result;
}

#endif
