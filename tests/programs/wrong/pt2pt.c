/* Sends and receives that can never match. */
#include "wrong.h"

enum { LARGE = 1 << 20 };

static int buffer[LARGE], other[LARGE];

static int left(void) { return (rank + ranks - 1) % ranks; }
static int right(void) { return (rank + 1) % ranks; }

/* recv_recv, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Recv for rank 1, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     rank 1 waits in MPI_Recv for rank 0, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     each waits for the next: 0 → 1 → 0
 */
static void recv_recv(void)
{
    MPI_Recv(buffer, 1, MPI_INT, 1 - rank, 7, WORLD, NO_STATUS);
    MPI_Send(buffer, 1, MPI_INT, 1 - rank, 7, WORLD);
}

/* recv_ring, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Recv for rank 2, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     rank 1 waits in MPI_Recv for rank 0, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     rank 2 waits in MPI_Recv for rank 1, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     each waits for the next: 0 → 2 → 1 → 0
 */
static void recv_ring(void)
{
    MPI_Recv(buffer, 1, MPI_INT, left(), 7, WORLD, NO_STATUS);
    MPI_Send(buffer, 1, MPI_INT, right(), 7, WORLD);
}

/* long_ring, 9 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     ranks 0-8: each waits in MPI_Recv for the rank before it, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     each waits for the next: 0 → 8 → 7 → 6 → 5 → 4 → 3 → 2 → 1 → 0
 */
static void long_ring(void)
{
    MPI_Recv(buffer, 1, MPI_INT, left(), 7, WORLD, NO_STATUS);
}

/* wrong_tag, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Recv for rank 1, tag 8, on MPI_COMM_WORLD, room for 3 MPI_DOUBLE at LINE
     rank 1 waits in MPI_Barrier on MPI_COMM_WORLD (collective no. 2); not there yet: rank 0 at LINE
     never received: at rank 0, from rank 1, tag 7, on MPI_COMM_WORLD, 24 bytes: tag 7 came, tag 8 is wanted
     each waits for the next: 0 → 1 → 0
 */
static void wrong_tag(void)
{
    double values[3] = {1, 2, 3};
    MPI_Barrier(WORLD);
    if (rank == 0)
        MPI_Recv(values, 3, MPI_DOUBLE, 1, 8, WORLD, NO_STATUS);
    else
        MPI_Send(values, 3, MPI_DOUBLE, 0, 7, WORLD);
    MPI_Barrier(WORLD);
}

/* wrong_comm, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Recv for rank 1, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     rank 1 waits in MPI_Barrier on MPI_COMM_WORLD (collective no. 2); not there yet: rank 0 at LINE
     never received: at rank 0, from rank 1, tag 7, on "halo", 4 bytes: it came on "halo", MPI_COMM_WORLD is waited for
     each waits for the next: 0 → 1 → 0
 */
static void wrong_comm(void)
{
    MPI_Comm halo;
    MPI_Comm_dup(WORLD, &halo);
    MPI_Comm_set_name(halo, "halo");
    if (rank == 0)
        MPI_Recv(buffer, 1, MPI_INT, 1, 7, WORLD, NO_STATUS);
    else
        MPI_Send(buffer, 1, MPI_INT, 0, 7, halo);
    MPI_Barrier(WORLD);
}

/* wrong_tag_and_comm, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Recv for rank 1, tag 8, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     rank 1 waits in MPI_Barrier on MPI_COMM_WORLD (collective no. 2); not there yet: rank 0 at LINE
     never received: at rank 0, from rank 1, tag 7, on "halo", 4 bytes: tag 7 on "halo" came, tag 8 on MPI_COMM_WORLD is wanted
     each waits for the next: 0 → 1 → 0
 */
static void wrong_tag_and_comm(void)
{
    MPI_Comm halo;
    MPI_Comm_dup(WORLD, &halo);
    MPI_Comm_set_name(halo, "halo");
    if (rank == 0)
        MPI_Recv(buffer, 1, MPI_INT, 1, 8, WORLD, NO_STATUS);
    else
        MPI_Send(buffer, 1, MPI_INT, 0, 7, halo);
    MPI_Barrier(WORLD);
}

/* wrong_destination, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Recv for rank 1, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     ranks 1-2 wait in MPI_Barrier on MPI_COMM_WORLD (collective no. 1); not there yet: rank 0 at LINE
     never received: at rank 2, from rank 1, tag 7, on MPI_COMM_WORLD, 4 bytes: rank 0 waits for such a message
     each waits for the next: 0 → 1 → 0
 */
static void wrong_destination(void)
{
    if (rank == 1)
        MPI_Send(buffer, 1, MPI_INT, 2, 7, WORLD);
    if (rank == 0)
        MPI_Recv(buffer, 1, MPI_INT, 1, 7, WORLD, NO_STATUS);
    MPI_Barrier(WORLD);
}

/* wrong_source, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Recv for rank 2, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     ranks 1-2 wait in MPI_Barrier on MPI_COMM_WORLD (collective no. 1); not there yet: rank 0 at LINE
     never received: at rank 0, from rank 1, tag 7, on MPI_COMM_WORLD, 4 bytes: it came from rank 1, rank 2 is waited for
     each waits for the next: 0 → 2 → 0
 */
static void wrong_source(void)
{
    if (rank == 1)
        MPI_Send(buffer, 1, MPI_INT, 0, 7, WORLD);
    if (rank == 0)
        MPI_Recv(buffer, 1, MPI_INT, 2, 7, WORLD, NO_STATUS);
    MPI_Barrier(WORLD);
}

/* missing_sender, 4 ranks, exit 35:
   mpirun: rank 3 is in MPI_Finalize, but rank 0 waits for a message with tag 7 from it in MPI_Recv on MPI_COMM_WORLD, which it can no longer send.
     Often an exception or an early return: see what rank 3 printed last (Python: run with -m mpi4py). Ending the job.
     rank 0 waits in MPI_Recv for rank 3, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
 */
static void missing_sender(void)
{
    if (rank == 0)
        for (int i = 1; i < ranks; i++)
            MPI_Recv(buffer, 1, MPI_INT, i, 7, WORLD, NO_STATUS);
    else if (rank < ranks - 1)
        MPI_Send(buffer, 1, MPI_INT, 0, 7, WORLD);
}

/* missing_reply, 3 ranks, exit 35:
   mpirun: rank 0 is in MPI_Finalize, but rank 2 waits for a message with tag 2 from it in MPI_Recv on MPI_COMM_WORLD, which it can no longer send.
     Often an exception or an early return: see what rank 0 printed last (Python: run with -m mpi4py). Ending the job.
     rank 2 waits in MPI_Recv for rank 0, tag 2, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
 */
static void missing_reply(void)
{
    if (rank == 0) {
        for (int i = 1; i < ranks; i++)
            MPI_Recv(buffer, 1, MPI_INT, MPI_ANY_SOURCE, 1, WORLD, NO_STATUS);
        MPI_Send(buffer, 1, MPI_INT, 1, 2, WORLD); /* and none to rank 2 */
    } else {
        MPI_Send(buffer, 1, MPI_INT, 0, 1, WORLD);
        MPI_Recv(buffer, 1, MPI_INT, 0, 2, WORLD, NO_STATUS);
    }
}

/* from_itself, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Recv for itself, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     rank 1 waits in MPI_Barrier on MPI_COMM_WORLD (collective no. 1); not there yet: rank 0 at LINE
 */
static void from_itself(void)
{
    if (rank == 0)
        MPI_Recv(buffer, 1, MPI_INT, 0, 7, WORLD, NO_STATUS);
    MPI_Barrier(WORLD);
}

/* from_anybody, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     ranks 0-2 wait in MPI_Recv for any rank, any tag, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
 */
static void from_anybody(void)
{
    MPI_Recv(buffer, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, WORLD, NO_STATUS);
}

/* waitall, 4 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Waitall, 1 of 4 requests open: receive from rank 3, tag 1, on MPI_COMM_WORLD, room for 1000 MPI_INT at LINE
     ranks 1-3 wait in MPI_Allreduce on MPI_COMM_WORLD (collective no. 1); not there yet: rank 0 at LINE
     each waits for the next: 0 → 3 → 0
 */
static void waitall(void)
{
    MPI_Request requests[4];
    int next = rank + 1 < ranks ? rank + 1 : MPI_PROC_NULL;
    int before = rank ? rank - 1 : MPI_PROC_NULL;
    MPI_Irecv(buffer, 1000, MPI_INT, left(), 1, WORLD, requests + 0); /* periodic here only */
    MPI_Irecv(buffer + 1000, 1000, MPI_INT, next, 2, WORLD, requests + 1);
    MPI_Isend(other, 1000, MPI_INT, before, 2, WORLD, requests + 2);
    MPI_Isend(other, 1000, MPI_INT, next, 1, WORLD, requests + 3);
    MPI_Waitall(4, requests, NO_STATUSES);
    MPI_Allreduce(other, buffer, 1, MPI_INT, MPI_MAX, WORLD);
}

/* waitall_one_left, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Waitall, 1 of 2 requests open: receive from rank 2, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     ranks 1-2 wait in MPI_Barrier on MPI_COMM_WORLD (collective no. 1); not there yet: rank 0 at LINE
     each waits for the next: 0 → 2 → 0
 */
static void waitall_one_left(void)
{
    MPI_Request requests[2];
    if (rank == 0) {
        MPI_Irecv(buffer + 0, 1, MPI_INT, 1, 7, WORLD, requests + 0);
        MPI_Irecv(buffer + 1, 1, MPI_INT, 2, 7, WORLD, requests + 1);
        MPI_Waitall(2, requests, NO_STATUSES);
    }
    if (rank == 1) {
        usleep(1000000);
        MPI_Send(buffer, 1, MPI_INT, 0, 7, WORLD);
    }
    MPI_Barrier(WORLD);
}

/* waitany, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Waitany, 2 of 2 requests open: receive from one of ranks 1-2, on MPI_COMM_WORLD at LINE
     ranks 1-2 wait in MPI_Barrier on MPI_COMM_WORLD (collective no. 1); not there yet: rank 0 at LINE
 */
static void waitany(void)
{
    MPI_Request requests[2];
    int which;
    if (rank == 0) {
        MPI_Irecv(buffer + 0, 1, MPI_INT, 1, 7, WORLD, requests + 0);
        MPI_Irecv(buffer + 1, 1, MPI_INT, 2, 7, WORLD, requests + 1);
        MPI_Waitany(2, requests, &which, NO_STATUS);
    }
    MPI_Barrier(WORLD);
}

/* waitsome, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Waitsome, 2 of 2 requests open: receive from rank 1, on MPI_COMM_WORLD at LINE
     ranks 1-2 wait in MPI_Recv for rank 0, tag 9, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     each waits for the next: 0 → 1 → 0
 */
static void waitsome(void)
{
    MPI_Request requests[2];
    int count, which[2];
    if (rank == 0) {
        MPI_Irecv(buffer + 0, 1, MPI_INT, 1, 7, WORLD, requests + 0);
        MPI_Irecv(buffer + 1, 1, MPI_INT, 1, 8, WORLD, requests + 1);
        MPI_Waitsome(2, requests, &count, which, NO_STATUSES);
    } else
        MPI_Recv(buffer, 1, MPI_INT, 0, 9, WORLD, NO_STATUS);
}

/* probe, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Probe for rank 1, tag 5, on MPI_COMM_WORLD at LINE
     rank 1 waits in MPI_Barrier on MPI_COMM_WORLD (collective no. 1); not there yet: rank 0 at LINE
     never received: at rank 0, from rank 1, tag 4, on MPI_COMM_WORLD, 8 bytes: tag 4 came, tag 5 is wanted
     each waits for the next: 0 → 1 → 0
 */
static void probe(void)
{
    if (rank == 0)
        MPI_Probe(1, 5, WORLD, NO_STATUS);
    else
        MPI_Send(buffer, 2, MPI_INT, 0, 4, WORLD);
    MPI_Barrier(WORLD);
}

/* mprobe, 2 ranks, exit 35:
   mpirun: rank 1 is in MPI_Finalize, but rank 0 waits for a message with tag 5 from it in MPI_Mprobe on MPI_COMM_WORLD, which it can no longer send.
     Often an exception or an early return: see what rank 1 printed last (Python: run with -m mpi4py). Ending the job.
     rank 0 waits in MPI_Mprobe for rank 1, tag 5, on MPI_COMM_WORLD at LINE
 */
static void mprobe(void)
{
    MPI_Message message;
    if (rank == 0)
        MPI_Mprobe(1, 5, WORLD, &message, NO_STATUS);
}

/* ssend_ssend, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Ssend for rank 1 to receive 1 MPI_INT, tag 7, on MPI_COMM_WORLD at LINE
     rank 1 waits in MPI_Ssend for rank 0 to receive 1 MPI_INT, tag 7, on MPI_COMM_WORLD at LINE
     never received: at rank 0, from rank 1, tag 7, on MPI_COMM_WORLD, 4 bytes
     never received: at rank 1, from rank 0, tag 7, on MPI_COMM_WORLD, 4 bytes
     each waits for the next: 0 → 1 → 0
 */
static void ssend_ssend(void)
{
    MPI_Ssend(buffer, 1, MPI_INT, 1 - rank, 7, WORLD);
    MPI_Recv(other, 1, MPI_INT, 1 - rank, 7, WORLD, NO_STATUS);
}

/* large_sends, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Send for rank 1 to receive 1048576 MPI_INT, tag 7, on MPI_COMM_WORLD at LINE
     rank 1 waits in MPI_Send for rank 2 to receive 1048576 MPI_INT, tag 7, on MPI_COMM_WORLD at LINE
     rank 2 waits in MPI_Send for rank 0 to receive 1048576 MPI_INT, tag 7, on MPI_COMM_WORLD at LINE
     never received: at rank 0, from rank 2, tag 7, on MPI_COMM_WORLD, 4194304 bytes
     never received: at rank 1, from rank 0, tag 7, on MPI_COMM_WORLD, 4194304 bytes
     never received: at rank 2, from rank 1, tag 7, on MPI_COMM_WORLD, 4194304 bytes
     each waits for the next: 0 → 1 → 2 → 0
 */
static void large_sends(void)
{
    MPI_Send(buffer, LARGE, MPI_INT, right(), 7, WORLD);
    MPI_Recv(other, LARGE, MPI_INT, left(), 7, WORLD, NO_STATUS);
}

/* sendrecv_turned, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Sendrecv for rank 1, tag 3, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     rank 1 waits in MPI_Sendrecv for rank 2, tag 3, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     rank 2 waits in MPI_Sendrecv for rank 0, tag 3, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     never received: at rank 0, from rank 2, tag 3, on MPI_COMM_WORLD, 4 bytes: it came from rank 2, rank 1 is waited for
     never received: at rank 1, from rank 0, tag 3, on MPI_COMM_WORLD, 4 bytes: it came from rank 0, rank 2 is waited for
     never received: at rank 2, from rank 1, tag 3, on MPI_COMM_WORLD, 4 bytes: it came from rank 1, rank 0 is waited for
     each waits for the next: 0 → 1 → 2 → 0
 */
static void sendrecv_turned(void)
{
    MPI_Sendrecv(buffer, 1, MPI_INT, right(), 3, other, 1, MPI_INT, right(), 3, WORLD, NO_STATUS);
}

/* issend_wait, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Barrier on MPI_COMM_WORLD (collective no. 1); not there yet: rank 1 at LINE
     rank 1 waits in MPI_Wait for rank 0 to receive 4 MPI_INT, tag 7, on MPI_COMM_WORLD at LINE
     never received: at rank 0, from rank 1, tag 7, on MPI_COMM_WORLD, 16 bytes
     each waits for the next: 0 → 1 → 0
 */
static void issend_wait(void)
{
    MPI_Request request;
    if (rank == 1) {
        MPI_Issend(buffer, 4, MPI_INT, 0, 7, WORLD, &request);
        MPI_Wait(&request, NO_STATUS);
    }
    MPI_Barrier(WORLD);
}

/* not_started, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Wait for rank 1, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     rank 1 waits in MPI_Barrier on MPI_COMM_WORLD (collective no. 1); not there yet: rank 0 at LINE
     each waits for the next: 0 → 1 → 0
 */
static void not_started(void)
{
    MPI_Request request;
    if (rank == 0) {
        MPI_Recv_init(buffer, 1, MPI_INT, 1, 7, WORLD, &request);
        MPI_Start(&request);
        MPI_Wait(&request, NO_STATUS);
    } else {
        MPI_Send_init(buffer, 1, MPI_INT, 0, 7, WORLD, &request);
        MPI_Barrier(WORLD);
    }
}

/* part_not_ready, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Wait for rank 1, tag 7, on MPI_COMM_WORLD, partitioned at LINE
     rank 1 waits in MPI_Barrier on MPI_COMM_WORLD (collective no. 1); not there yet: rank 0 at LINE
     each waits for the next: 0 → 1 → 0
 */
static void part_not_ready(void)
{
    MPI_Request request;
    if (rank == 0) {
        MPI_Precv_init(buffer, 2, 1, MPI_INT, 1, 7, WORLD, MPI_INFO_NULL, &request);
        MPI_Start(&request);
    } else {
        MPI_Psend_init(buffer, 2, 1, MPI_INT, 0, 7, WORLD, MPI_INFO_NULL, &request);
        MPI_Start(&request);
        MPI_Pready(0, request); /* and never partition 1 */
        MPI_Barrier(WORLD);
    }
    MPI_Wait(&request, NO_STATUS);
}

/* rank_of_another_comm, 4 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     ranks 0-2 wait in MPI_Barrier on MPI_COMM_WORLD (collective no. 2); not there yet: rank 3 at LINE
     rank 1 of "odd" (world rank 3) waits in MPI_Recv for rank 0 (world rank 1), tag 7, on "odd", room for 1 MPI_INT at LINE
     never received: at rank 3, from rank 1, tag 7, on MPI_COMM_WORLD, 4 bytes
     each waits for the next: 3 → 1 → 3
 */
static void rank_of_another_comm(void)
{
    MPI_Comm half;
    MPI_Comm_split(WORLD, rank % 2, 0, &half);
    MPI_Comm_set_name(half, rank % 2 ? "odd" : "even");
    if (rank == 3)
        MPI_Recv(buffer, 1, MPI_INT, 0, 7, half, NO_STATUS);
    if (rank == 1)
        MPI_Send(buffer, 1, MPI_INT, 3, 7, WORLD); /* rank 3 of the world, not of half */
    MPI_Barrier(WORLD);
}

/* part_of_the_job, 3 ranks, exit 35:
   mpirun: stuck: ranks 0-1 can never move again, whatever the others do. Ending the job.
     rank 0 waits in MPI_Recv for rank 1, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     rank 1 waits in MPI_Recv for rank 0, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     each waits for the next: 0 → 1 → 0
 */
static void part_of_the_job(void)
{
    if (rank < 2)
        MPI_Recv(buffer, 1, MPI_INT, 1 - rank, 7, WORLD, NO_STATUS);
    for (;;)
        usleep(10000); /* at work for ever */
}

static const struct fault faults[] = {
    FAULT(recv_recv),        FAULT(recv_ring),      FAULT(long_ring),
    FAULT(wrong_tag_and_comm), FAULT(wrong_destination),
    FAULT(wrong_tag),        FAULT(wrong_comm),     FAULT(wrong_source),
    FAULT(missing_sender),   FAULT(missing_reply),  FAULT(from_itself),
    FAULT(from_anybody),     FAULT(waitall),        FAULT(waitall_one_left),
    FAULT(waitany),          FAULT(waitsome),       FAULT(probe),
    FAULT(mprobe),           FAULT(ssend_ssend),    FAULT(large_sends),
    FAULT(sendrecv_turned),  FAULT(issend_wait),    FAULT(not_started),
    FAULT(part_not_ready),   FAULT(rank_of_another_comm), FAULT(part_of_the_job),
};

RUN(MPI_THREAD_SINGLE)
