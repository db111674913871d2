/* Collectives that not all ranks come to. */
#include "wrong.h"

static int in[64], out[64];

static void receive(int from) { MPI_Recv(in, 1, MPI_INT, from, 7, WORLD, NO_STATUS); }

/* barrier_missing, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     ranks 0-1 wait in MPI_Barrier on MPI_COMM_WORLD (collective no. 1); not there yet: rank 2 at LINE
     rank 2 waits in MPI_Recv for rank 0, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     each waits for the next: 0 → 2 → 0
 */
static void barrier_missing(void)
{
    if (rank == 2)
        receive(0);
    MPI_Barrier(WORLD);
}

/* barriers_cross, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Barrier on "second" (collective no. 1); not there yet: rank 1 at LINE
     rank 1 waits in MPI_Barrier on "first" (collective no. 1); not there yet: rank 0 at LINE
     each waits for the next: 0 → 1 → 0
 */
static void barriers_cross(void)
{
    MPI_Comm first, second;
    MPI_Comm_dup(WORLD, &first);
    MPI_Comm_dup(WORLD, &second);
    MPI_Comm_set_name(first, "first");
    MPI_Comm_set_name(second, "second");
    MPI_Barrier(rank ? first : second);
    MPI_Barrier(rank ? second : first);
}

/* between_groups, 4 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Barrier on "both" (collective no. 1); not there yet: rank 2 at LINE
     rank 1 waits in MPI_Barrier on the own group of "both" (collective no. 1); not there yet: rank 0 at LINE
     rank 0 of the own group of "both" (world rank 2) waits in MPI_Barrier on the own group of "both" (collective no. 1); not there yet: rank 3 at LINE
     rank 3 waits in MPI_Recv for rank 0, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     each waits for the next: 0 → 2 → 3 → 0
 */
static void between_groups(void)
{
    MPI_Comm half, both;
    MPI_Comm_split(WORLD, rank / 2, 0, &half);
    MPI_Intercomm_create(half, 0, WORLD, rank < 2 ? 2 : 0, 5, &both);
    MPI_Comm_set_name(both, "both");
    if (rank == 3)
        receive(0);
    MPI_Barrier(both);
}

/* ibarrier_missing, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     ranks 0, 2 wait in MPI_Wait for MPI_Ibarrier on MPI_COMM_WORLD (collective no. 1); not there yet: rank 1 at LINE
     rank 1 waits in MPI_Recv for rank 0, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     each waits for the next: 0 → 1 → 0
 */
static void ibarrier_missing(void)
{
    MPI_Request request;
    if (rank == 1)
        receive(0);
    MPI_Ibarrier(WORLD, &request);
    MPI_Wait(&request, NO_STATUS);
}

/* persistent_not_started, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     ranks 0-1 wait in MPI_Wait for MPI_Allreduce_init on MPI_COMM_WORLD (collective no. 1); not there yet: rank 2 at LINE
     rank 2 waits in MPI_Recv for rank 0, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     each waits for the next: 0 → 2 → 0
 */
static void persistent_not_started(void)
{
    MPI_Request request;
    MPI_Allreduce_init(in, out, 4, MPI_INT, MPI_SUM, WORLD, MPI_INFO_NULL, &request);
    if (rank == 2)
        receive(0);
    MPI_Start(&request);
    MPI_Wait(&request, NO_STATUS);
}

/* only_the_root, 3 ranks, exit 35:
   mpirun: rank * is in MPI_Finalize, but rank 0 waits for it in MPI_Reduce on MPI_COMM_WORLD (no. 1), which it can no longer call.
     Often an exception or an early return: see what rank * printed last (Python: run with -m mpi4py). Ending the job.
     rank 0 waits in MPI_Reduce on MPI_COMM_WORLD (collective no. 1); not there yet: rank * at LINE
 */
static void only_the_root(void)
{
    if (rank == 0)
        MPI_Reduce(in, out, 1, MPI_INT, MPI_SUM, 0, WORLD);
}

/* one_iteration_less, 4 ranks, exit 35:
   mpirun: rank 3 is in MPI_Finalize, but ranks 0-2 wait for it in MPI_Barrier on MPI_COMM_WORLD (no. 11), which it can no longer call.
     Often an exception or an early return: see what rank 3 printed last (Python: run with -m mpi4py). Ending the job.
     ranks 0-2 wait in MPI_Barrier on MPI_COMM_WORLD (collective no. 11); not there yet: rank 3 at LINE
 */
static void one_iteration_less(void)
{
    for (int i = 0; i < (rank == 3 ? 10 : 11); i++)
        MPI_Barrier(WORLD);
}

/* dup_missing, 3 ranks, exit 35:
   mpirun: rank 2 is in MPI_Finalize, but rank 1 waits for a message with tag 7 from it in MPI_Recv on MPI_COMM_WORLD, which it can no longer send.
     Often an exception or an early return: see what rank 2 printed last (Python: run with -m mpi4py). Ending the job.
     rank 1 waits in MPI_Recv for rank 2, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
 */
static void dup_missing(void)
{
    MPI_Comm copy;
    if (rank == 1)
        receive(2);
    MPI_Comm_dup(WORLD, &copy);
}

/* neighbours_missing, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     ranks 0-1 wait in MPI_Neighbor_allgather on "ring" (collective no. 1); not there yet: rank 2 at LINE
     rank 2 waits in MPI_Recv for rank 0, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     each waits for the next: 0 → 2 → 0
 */
static void neighbours_missing(void)
{
    MPI_Comm ring;
    int periodic = 1;
    MPI_Cart_create(WORLD, 1, &ranks, &periodic, 0, &ring);
    MPI_Comm_set_name(ring, "ring");
    if (rank == 2)
        receive(0);
    MPI_Neighbor_allgather(in, 1, MPI_INT, out, 1, MPI_INT, ring);
}

/* file_write_missing, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_File_write_at_all on file "/tmp/lariat-wrong-file" (collective no. 1); not there yet: rank 1 at LINE
     rank 1 waits in MPI_Recv for rank 0, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     each waits for the next: 0 → 1 → 0
 */
static void file_write_missing(void)
{
    MPI_File file;
    MPI_File_open(WORLD, "/tmp/lariat-wrong-file", MPI_MODE_CREATE | MPI_MODE_RDWR |
                  MPI_MODE_DELETE_ON_CLOSE, MPI_INFO_NULL, &file);
    remove("/tmp/lariat-wrong-file");
    if (rank == 1)
        receive(0);
    MPI_File_write_at_all(file, 4 * rank, in, 1, MPI_INT, NO_STATUS);
    MPI_File_close(&file);
}

/* bcast_without_root, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Recv for rank 2, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     ranks 1-2 wait in MPI_Bcast on MPI_COMM_WORLD (collective no. 1); not there yet: rank 0 at LINE
     each waits for the next: 0 → 2 → 0
 */
static void bcast_without_root(void)
{
    if (rank == 0)
        receive(2);
    MPI_Bcast(in, 64, MPI_INT, 0, WORLD);
}

/* sub_communicator, 4 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     ranks 0, 2 wait in MPI_Barrier on MPI_COMM_WORLD (collective no. 2); not there yet: ranks 1, 3 at LINE
     rank 0 of "odd" (world rank 1) waits in MPI_Allreduce on "odd" (collective no. 1); not there yet: rank 3 at LINE
     rank 3 waits in MPI_Recv for rank 1, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     each waits for the next: 1 → 3 → 1
 */
static void sub_communicator(void)
{
    MPI_Comm half;
    MPI_Comm_split(WORLD, rank % 2, 0, &half);
    MPI_Comm_set_name(half, rank % 2 ? "odd" : "even");
    if (rank == 3)
        receive(1);
    MPI_Allreduce(in, out, 1, MPI_INT, MPI_SUM, half);
    MPI_Barrier(WORLD);
}

static const struct fault faults[] = {
    FAULT(barrier_missing),        FAULT(barriers_cross),     FAULT(between_groups),
    FAULT(ibarrier_missing),       FAULT(persistent_not_started), FAULT(only_the_root),
    FAULT(one_iteration_less),     FAULT(dup_missing),        FAULT(neighbours_missing),
    FAULT(file_write_missing),     FAULT(bcast_without_root), FAULT(sub_communicator),
};

RUN(MPI_THREAD_SINGLE)
