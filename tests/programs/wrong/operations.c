/* Buffers of collectives that are requests, and of partitions, which the program touches while
   MPI uses them (mpirun --check); partitioned messages that meet plain ones. */
#include "wrong.h"

enum { COUNT = 1000, MANY = 100000 };

static int in[MANY], out[MANY];
static MPI_Request request, requests[2];

/* sent_is_changed, 3 ranks, exit 0, --check:
   mpirun: rank 1: the buffer of MPI_Iallreduce (collective no. 1) on MPI_COMM_WORLD (4000 bytes at 0x*) was changed before the collective was complete at LINE
 */
static void sent_is_changed(void)
{
    MPI_Iallreduce(out, in, COUNT, MPI_INT, MPI_SUM, WORLD, &request);
    if (rank == 1)
        out[500] = 3;
    MPI_Wait(&request, NO_STATUS);
}

/* root_changes_what_it_sends, 3 ranks, exit 0, --check:
   mpirun: rank 0: the buffer of MPI_Ibcast (collective no. 1) on MPI_COMM_WORLD (400000 bytes at 0x*) was changed before the collective was complete at LINE
 */
static void root_changes_what_it_sends(void)
{
    MPI_Ibcast(out, MANY, MPI_INT, 0, WORLD, &request);
    if (rank == 0)
        out[MANY - 1] = 7;
    MPI_Wait(&request, NO_STATUS);
}

/* part_of_a_scatter_is_changed, 3 ranks, exit 0, --check:
   mpirun: rank 0: the buffer of MPI_Iscatterv (collective no. 1) on MPI_COMM_WORLD (80 bytes at 0x*) was changed before the collective was complete at LINE
 */
static void part_of_a_scatter_is_changed(void)
{
    int counts[3] = {10, 20, 30}, displs[3] = {0, 100, 200};
    MPI_Iscatterv(out, counts, displs, MPI_INT, in, counts[rank], MPI_INT, 0, WORLD, &request);
    out[50] = 1; /* between the parts */
    out[110] = 1;
    MPI_Wait(&request, NO_STATUS);
}

/* started_again_and_changed, 2 ranks, exit 0, --check:
   mpirun: rank 0: the buffer of MPI_Allgather_init (collective no. 1) on MPI_COMM_WORLD (4000 bytes at 0x*) was changed before the collective was complete at LINE
 */
static void started_again_and_changed(void)
{
    MPI_Allgather_init(out, COUNT, MPI_INT, in, COUNT, MPI_INT, WORLD, MPI_INFO_NULL, &request);
    for (int turn = 0; turn < 3; turn++) {
        out[turn] = turn; /* between two rounds */
        MPI_Start(&request);
        if (rank == 0 && turn == 1)
            out[7] = 5;
        MPI_Wait(&request, NO_STATUS);
    }
    MPI_Request_free(&request);
}

/* two_receive_into_one, 2 ranks, exit 0, --check:
   mpirun: rank 0: the buffers of MPI_Iallreduce (collective no. 2) on MPI_COMM_WORLD and of MPI_Iallreduce (collective no. 1) on MPI_COMM_WORLD, which is under way, overlap at LINE
   mpirun: rank 1: the buffers of MPI_Iallreduce (collective no. 2) on MPI_COMM_WORLD and of MPI_Iallreduce (collective no. 1) on MPI_COMM_WORLD, which is under way, overlap at LINE
 */
static void two_receive_into_one(void)
{
    MPI_Iallreduce(out, in, 4, MPI_INT, MPI_SUM, WORLD, requests);
    MPI_Iallreduce(out, in + 3, 4, MPI_INT, MPI_SUM, WORLD, requests + 1);
    MPI_Waitall(2, requests, NO_STATUSES);
}

/* message_into_a_collective, 2 ranks, exit 0, --check:
   mpirun: rank 0: the buffers of the receive from rank 1, tag 7, on MPI_COMM_WORLD and of MPI_Igather (collective no. 1) on MPI_COMM_WORLD, which is under way, overlap at LINE
 */
static void message_into_a_collective(void)
{
    MPI_Igather(out, 4, MPI_INT, in, 4, MPI_INT, 0, WORLD, requests);
    if (rank == 0)
        MPI_Irecv(in + 4, 1, MPI_INT, 1, 7, WORLD, requests + 1);
    else
        MPI_Isend(out, 1, MPI_INT, 0, 7, WORLD, requests + 1);
    MPI_Waitall(2, requests, NO_STATUSES);
}

/* buffer_is_freed, 2 ranks, exit 0, --check:
   mpirun: rank 0: free gives back the buffer of MPI_Ireduce (collective no. 1) on MPI_COMM_WORLD (400000 bytes at 0x*) before the collective is complete at LINE
 */
static void buffer_is_freed(void)
{
    int *memory = calloc(MANY, sizeof *memory);
    MPI_Ireduce(rank == 0 ? memory : out, in, MANY, MPI_INT, MPI_SUM, 1, WORLD, &request);
    if (rank == 0)
        free(memory);
    MPI_Wait(&request, NO_STATUS);
    if (rank == 1)
        free(memory);
}

/* collectives_are_left, 2 ranks, exit 0, --check:
   mpirun: at MPI_Finalize rank 0 left: 1 MPI_Iallreduce request on MPI_COMM_WORLD (collective no. 1); 1 MPI_Bcast_init request on MPI_COMM_WORLD never freed
   mpirun: at MPI_Finalize rank 1 left: 1 MPI_Iallreduce request on MPI_COMM_WORLD (collective no. 1); 1 MPI_Bcast_init request on MPI_COMM_WORLD never freed
 */
static void collectives_are_left(void)
{
    int done = 0;
    MPI_Iallreduce(out, in, 4, MPI_INT, MPI_SUM, WORLD, &request);
    while (!done)
        MPI_Request_get_status(request, &done, NO_STATUS);
    in[0] = out[0] = 1; /* it is complete, and only left */
    MPI_Bcast_init(in, 4, MPI_INT, 0, WORLD, MPI_INFO_NULL, requests);
    MPI_Start(requests);
    MPI_Wait(requests, NO_STATUS);
}

/* right_collectives, 3 ranks, exit 0, --check:
 */
static void right_collectives(void)
{
    int counts[3] = {1, 2, 3}, displs[3] = {0, 1, 3};
    MPI_Ibcast(in, COUNT, MPI_INT, 0, WORLD, requests);
    MPI_Iallreduce(MPI_IN_PLACE, in + COUNT, COUNT, MPI_INT, MPI_SUM, WORLD, requests + 1);
    MPI_Waitall(2, requests, NO_STATUSES);
    in[0] = in[COUNT] = 1;
    MPI_Ireduce(out, rank == 1 ? in : NULL, COUNT, MPI_INT, MPI_SUM, 1, WORLD, requests);
    MPI_Igather(out, 4, MPI_INT, rank == 1 ? in + COUNT : NULL, 4, MPI_INT, 1, WORLD, requests + 1);
    MPI_Waitall(2, requests, NO_STATUSES);
    MPI_Iallgatherv(out, counts[rank], MPI_INT, in, counts, displs, MPI_INT, WORLD, requests);
    MPI_Ialltoall(MPI_IN_PLACE, 0, MPI_INT, in + COUNT, 5, MPI_INT, WORLD, requests + 1);
    MPI_Waitall(2, requests, NO_STATUSES);
    MPI_Ireduce_scatter(out, in, counts, MPI_INT, MPI_SUM, WORLD, requests);
    MPI_Iexscan(out + COUNT, in + COUNT, 5, MPI_INT, MPI_SUM, WORLD, requests + 1);
    MPI_Request_free(requests); /* when it is over is known by the barriers */
    MPI_Wait(requests + 1, NO_STATUS);
    MPI_Barrier(WORLD);
}

/* partition_is_changed, 2 ranks, exit 0, --check:
   mpirun: rank 0: the buffer of partition 1 of the partitioned send to rank 1, tag 7, on MPI_COMM_WORLD (4000 bytes at 0x*) was changed after MPI_Pready, before the send was complete at LINE
 */
static void partition_is_changed(void)
{
    if (rank == 0) {
        MPI_Psend_init(out, 3, COUNT, MPI_INT, 1, 7, WORLD, MPI_INFO_NULL, &request);
        MPI_Start(&request);
        MPI_Pready(1, request);
        out[0] = 3; /* partition 0 is not ready yet */
        out[COUNT] = 3;
        MPI_Pready(0, request);
        MPI_Pready(2, request);
    } else {
        MPI_Precv_init(in, 3, COUNT, MPI_INT, 0, 7, WORLD, MPI_INFO_NULL, &request);
        MPI_Start(&request);
    }
    MPI_Wait(&request, NO_STATUS);
    out[0] = 4;
    MPI_Request_free(&request);
}

/* partitions_are_left, 2 ranks, exit 0, --check:
   mpirun: at MPI_Finalize rank 0 left: 1 partitioned send on MPI_COMM_WORLD never freed
   mpirun: at MPI_Finalize rank 1 left: 1 partitioned receive on MPI_COMM_WORLD never freed
 */
static void partitions_are_left(void)
{
    if (rank == 0)
        MPI_Psend_init(out, 2, COUNT, MPI_INT, 1, 7, WORLD, MPI_INFO_NULL, &request);
    else
        MPI_Precv_init(in, 2, COUNT, MPI_INT, 0, 7, WORLD, MPI_INFO_NULL, &request);
    MPI_Start(&request);
    if (rank == 0)
        MPI_Pready_range(0, 1, request);
    MPI_Wait(&request, NO_STATUS);
}

/* partitioned_to_plain, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Wait for rank 1 to receive a partitioned message, tag 7, on MPI_COMM_WORLD at LINE
     rank 1 waits in MPI_Recv for rank 0, tag 7, on MPI_COMM_WORLD, room for 2000 MPI_INT at LINE
     never received: at rank 1, from rank 0, tag 7, on MPI_COMM_WORLD, 8000 bytes, partitioned: a partitioned message came, a plain one is wanted: they never match
     each waits for the next: 0 → 1 → 0
 */
static void partitioned_to_plain(void)
{
    if (rank == 0) {
        MPI_Psend_init(out, 2, COUNT, MPI_INT, 1, 7, WORLD, MPI_INFO_NULL, &request);
        MPI_Start(&request);
        MPI_Pready_range(0, 1, request);
        MPI_Wait(&request, NO_STATUS);
    } else
        MPI_Recv(in, 2 * COUNT, MPI_INT, 0, 7, WORLD, NO_STATUS);
}

/* plain_to_partitioned, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Ssend for rank 1 to receive 1000 MPI_INT, tag 7, on MPI_COMM_WORLD at LINE
     rank 1 waits in MPI_Wait for rank 0, tag 7, on MPI_COMM_WORLD, partitioned at LINE
     never received: at rank 1, from rank 0, tag 7, on MPI_COMM_WORLD, 4000 bytes: a plain message came, a partitioned one is wanted: they never match
     each waits for the next: 0 → 1 → 0
 */
static void plain_to_partitioned(void)
{
    if (rank == 0)
        MPI_Ssend(out, COUNT, MPI_INT, 1, 7, WORLD);
    else {
        MPI_Precv_init(in, 2, COUNT / 2, MPI_INT, 0, 7, WORLD, MPI_INFO_NULL, &request);
        MPI_Start(&request);
        MPI_Wait(&request, NO_STATUS);
    }
}

static const struct fault faults[] = {
    FAULT(sent_is_changed),       FAULT(root_changes_what_it_sends),
    FAULT(part_of_a_scatter_is_changed),
    FAULT(started_again_and_changed), FAULT(two_receive_into_one),
    FAULT(message_into_a_collective), FAULT(buffer_is_freed),
    FAULT(collectives_are_left),  FAULT(right_collectives),
    FAULT(partition_is_changed),  FAULT(partitions_are_left),
    FAULT(partitioned_to_plain),  FAULT(plain_to_partitioned),
};

RUN(MPI_THREAD_SINGLE)
