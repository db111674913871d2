/* Buffers that the program touches while MPI uses them (mpirun --check). */
#include "wrong.h"
#include <sys/mman.h>

enum { COUNT = 1000, MANY = 100000 };

static int buffer[MANY], other[MANY];

/* send_is_changed, 2 ranks, exit 0, --check:
   mpirun: rank 0: the buffer of the send to rank 1, tag 7, on MPI_COMM_WORLD (4000 bytes at 0x*) was changed before the send was complete at LINE
 */
static void send_is_changed(void)
{
    MPI_Request request;
    if (rank == 0) {
        MPI_Isend(buffer, COUNT, MPI_INT, 1, 7, WORLD, &request);
        buffer[500] = 3;
        MPI_Wait(&request, NO_STATUS);
    } else
        MPI_Recv(buffer, COUNT, MPI_INT, 0, 7, WORLD, NO_STATUS);
}

/* large_send_is_changed, 2 ranks, exit 0, --check:
   mpirun: rank 0: the buffer of the send to rank 1, tag 8, on MPI_COMM_WORLD (400000 bytes at 0x*) was changed before the send was complete at LINE
 */
static void large_send_is_changed(void)
{
    MPI_Request requests[2];
    if (rank == 0) {
        MPI_Isend(buffer, MANY, MPI_INT, 1, 7, WORLD, requests);
        MPI_Isend(other, MANY, MPI_INT, 1, 8, WORLD, requests + 1);
        other[MANY - 1] = 3;
        MPI_Waitall(2, requests, NO_STATUSES);
    } else {
        MPI_Recv(buffer, MANY, MPI_INT, 0, 7, WORLD, NO_STATUS);
        MPI_Recv(buffer, MANY, MPI_INT, 0, 8, WORLD, NO_STATUS);
    }
}

/* receive_is_written, 2 ranks, exit 0, --check:
   mpirun: rank 0: the buffer of the receive from rank 1, tag 7, on MPI_COMM_WORLD (4000 bytes at 0x*) was written before the receive was complete at LINE
 */
static void receive_is_written(void)
{
    MPI_Request request;
    if (rank == 0) {
        MPI_Irecv(buffer, COUNT, MPI_INT, 1, 7, WORLD, &request);
        buffer[0] = 3;
        MPI_Barrier(WORLD);
        MPI_Wait(&request, NO_STATUS);
    } else {
        MPI_Barrier(WORLD);
        MPI_Send(buffer, COUNT, MPI_INT, 0, 7, WORLD);
    }
}

/* receives_overlap, 2 ranks, exit 0, --check:
   mpirun: rank 0: the buffers of the receive from rank 1, tag 8, on MPI_COMM_WORLD and of the receive from rank 1, tag 7, on MPI_COMM_WORLD, which is under way, overlap at LINE
 */
static void receives_overlap(void)
{
    MPI_Request requests[2];
    if (rank == 0) {
        MPI_Irecv(buffer, COUNT, MPI_INT, 1, 7, WORLD, requests);
        MPI_Irecv(buffer + COUNT - 1, COUNT, MPI_INT, 1, 8, WORLD, requests + 1);
        MPI_Barrier(WORLD);
        MPI_Waitall(2, requests, NO_STATUSES);
    } else {
        MPI_Barrier(WORLD);
        for (int tag = 7; tag < 9; tag++)
            MPI_Send(buffer, COUNT, MPI_INT, 0, tag, WORLD);
    }
}

/* send_from_what_is_received, 2 ranks, exit 0, --check:
   mpirun: rank 0: the buffers of the send to rank 1, tag 8, on MPI_COMM_WORLD and of the receive from rank 1, tag 7, on MPI_COMM_WORLD, which is under way, overlap at LINE
 */
static void send_from_what_is_received(void)
{
    MPI_Request request;
    if (rank == 0) {
        MPI_Irecv(buffer, COUNT, MPI_INT, 1, 7, WORLD, &request);
        MPI_Send(buffer, 1, MPI_INT, 1, 8, WORLD);
        MPI_Wait(&request, NO_STATUS);
    } else {
        MPI_Recv(buffer, 1, MPI_INT, 0, 8, WORLD, NO_STATUS);
        MPI_Send(buffer, COUNT, MPI_INT, 0, 7, WORLD);
    }
}

/* send_is_freed, 2 ranks, exit 0, --check:
   mpirun: rank 0: free gives back the buffer of the send to rank 1, tag 7, on MPI_COMM_WORLD (4000 bytes at 0x*) before the send is complete at LINE
 */
static void send_is_freed(void)
{
    MPI_Request request;
    if (rank == 0) {
        int *own = calloc(COUNT, sizeof *own);
        MPI_Isend(own, COUNT, MPI_INT, 1, 7, WORLD, &request);
        free(own);
        MPI_Wait(&request, NO_STATUS);
    } else {
        MPI_Recv(buffer, COUNT, MPI_INT, 0, 7, WORLD, NO_STATUS);
    }
}

/* receive_is_freed, 2 ranks, exit 0, --check:
   mpirun: rank 0: free gives back the buffer of the receive from any rank, any tag, on MPI_COMM_WORLD (400000 bytes at 0x*) before the receive is complete at LINE
 */
static void receive_is_freed(void)
{
    MPI_Request request;
    if (rank == 0) {
        int *own = calloc(MANY, sizeof *own);
        MPI_Irecv(own, MANY, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, WORLD, &request);
        free(own);
        MPI_Cancel(&request);
        MPI_Wait(&request, NO_STATUS);
    }
}

/* send_is_unmapped, 2 ranks, exit 0, --check:
   mpirun: rank 0: munmap gives back the buffer of the send to rank 1, tag 7, on MPI_COMM_WORLD (4000 bytes at 0x*) before the send is complete at LINE
 */
static void send_is_unmapped(void)
{
    MPI_Request request;
    size_t len = 1 << 20;
    if (rank == 0) {
        char *own = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        MPI_Isend(own + 4096, COUNT, MPI_INT, 1, 7, WORLD, &request);
        munmap(own, len);
        MPI_Wait(&request, NO_STATUS);
    } else {
        MPI_Recv(buffer, COUNT, MPI_INT, 0, 7, WORLD, NO_STATUS);
    }
}

/* part_is_reallocated, 2 ranks, exit 0, --check:
   mpirun: rank 0: realloc gives back the buffer of the send to rank 1, tag 7, on MPI_COMM_WORLD (40 bytes at 0x*) before the send is complete at LINE
 */
static void part_is_reallocated(void)
{
    MPI_Request request;
    if (rank == 0) {
        int *own = calloc(COUNT, sizeof *own);
        MPI_Isend(own + 50, 10, MPI_INT, 1, 7, WORLD, &request);
        own = realloc(own, (size_t)MANY * sizeof *own);
        MPI_Wait(&request, NO_STATUS);
        free(own);
    } else {
        MPI_Recv(buffer, COUNT, MPI_INT, 0, 7, WORLD, NO_STATUS);
    }
}

/* all_is_right, 3 ranks, exit 0, --check:
 */
static void all_is_right(void)
{
    MPI_Request requests[4];
    int left = (rank + ranks - 1) % ranks, right = (rank + 1) % ranks;
    for (int turn = 0; turn < 50; turn++) {
        int count = turn % 2 ? COUNT / 2 : MANY / 2;
        MPI_Irecv(other, count, MPI_INT, left, 1, WORLD, requests);
        MPI_Irecv(other + count, count, MPI_INT, right, 2, WORLD, requests + 1);
        MPI_Isend(buffer, count, MPI_INT, right, 1, WORLD, requests + 2);
        MPI_Isend(buffer, count, MPI_INT, left, 2, WORLD, requests + 3);
        MPI_Waitall(4, requests, NO_STATUSES);
        for (int i = 0; i < count; i++)
            buffer[i] = other[i] = turn;
        MPI_Send_init(buffer, COUNT, MPI_INT, right, 3, WORLD, requests);
        MPI_Recv_init(other, COUNT, MPI_INT, left, 3, WORLD, requests + 1);
        for (int again = 0; again < 3; again++) {
            buffer[again] = other[again] = again;
            MPI_Startall(2, requests);
            MPI_Waitall(2, requests, NO_STATUSES);
        }
        MPI_Request_free(requests);
        MPI_Request_free(requests + 1);
        MPI_Isend(buffer, COUNT, MPI_INT, right, 4, WORLD, requests);
        MPI_Request_free(requests);
        MPI_Recv(other, COUNT, MPI_INT, left, 4, WORLD, NO_STATUS);
        MPI_Send(other, 1, MPI_INT, left, 5, WORLD); /* the answer: it may be used again */
        MPI_Recv(other, 1, MPI_INT, right, 5, WORLD, NO_STATUS);
        buffer[7] = turn;
        int *own = calloc(COUNT, sizeof *own);
        MPI_Isend(own, COUNT, MPI_INT, right, 6, WORLD, requests);
        MPI_Recv(other, COUNT, MPI_INT, left, 6, WORLD, NO_STATUS);
        MPI_Wait(requests, NO_STATUS);
        free(own);
    }
}

static const struct fault faults[] = {
    FAULT(send_is_changed),  FAULT(large_send_is_changed),      FAULT(receive_is_written),
    FAULT(receives_overlap), FAULT(send_from_what_is_received), FAULT(send_is_freed),
    FAULT(receive_is_freed), FAULT(send_is_unmapped),           FAULT(part_is_reallocated),
    FAULT(all_is_right),
};

RUN(MPI_THREAD_SINGLE)
