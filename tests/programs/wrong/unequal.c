/* Ranks that are in the same collective call, and give it other roots, lengths, types or
   operations: what is told with and without --check. The last rank differs. */
#include "wrong.h"

static double in[64], out[64];
static int counts[16], places[16], fewer[16], from[16];
static MPI_Request request;
static MPI_Comm comm;

static int differs(void) { return rank == ranks - 1; }

static void equal_counts(int count)
{
    for (int i = 0; i < ranks; i++) {
        counts[i] = fewer[i] = count;
        places[i] = from[i] = i * count;
    }
}

/* reduce_root, 4 ranks, exit 35:
   mpirun: rank 3 is in MPI_Finalize, but rank 0 waits for it in MPI_Reduce on MPI_COMM_WORLD (no. 1), which it has called already, but not alike: root, count or datatype differ (mpirun --check tells which). Ending the job.
     rank 0 waits in MPI_Reduce on MPI_COMM_WORLD (collective no. 1); past it already: rank 3 at LINE
 */
static void reduce_root(void)
{
    MPI_Reduce(in, out, 4, MPI_DOUBLE, MPI_SUM, differs(), WORLD);
}

/* reduce_root_checked, 4 ranks, exit 8, --check:
   mpirun: rank * in MPI_Reduce on MPI_COMM_WORLD: ranks differ in MPI_Reduce (collective no. 1): root is 0 at ranks 0-2, 1 at rank 3 <- alone (MPI_ERR_ROOT)
     reduce_root at LINE, reduce_root_checked at LINE, run at LINE, main at LINE
 */
static void reduce_root_checked(void) { reduce_root(); }

/* nothing_at_one, 4 ranks, exit 35:
   mpirun: rank 3 is in MPI_Finalize, but ranks 0-2 wait for it in MPI_Allreduce on MPI_COMM_WORLD (no. 1), which it has called already, but not alike: root, count or datatype differ (mpirun --check tells which). Ending the job.
     ranks 0-2 wait in MPI_Allreduce on MPI_COMM_WORLD (collective no. 1); past it already: rank 3 at LINE
 */
static void nothing_at_one(void)
{
    MPI_Allreduce(in, out, differs() ? 0 : 4, MPI_DOUBLE, MPI_SUM, WORLD);
}

/* nothing_at_one_checked, 4 ranks, exit 2, --check:
   mpirun: rank * in MPI_Allreduce on MPI_COMM_WORLD: ranks differ in MPI_Allreduce (collective no. 1): it is of 32 bytes at ranks 0-2, 0 bytes at rank 3 <- alone (MPI_ERR_COUNT)
     nothing_at_one at LINE, * at LINE, run at LINE, main at LINE
 */
static void nothing_at_one_checked(void) { nothing_at_one(); }

/* bcast_zero, 4 ranks, exit 2, --check:
   mpirun: rank * in MPI_Bcast on MPI_COMM_WORLD: ranks differ in MPI_Bcast (collective no. 1): it is of 32 bytes at ranks 0-2, 0 bytes at rank 3 <- alone (MPI_ERR_COUNT)
     bcast_zero at LINE, run at LINE, main at LINE
 */
static void bcast_zero(void) { MPI_Bcast(in, differs() ? 0 : 4, MPI_DOUBLE, 0, WORLD); }

/* bcast_type, 4 ranks, exit 3, --check:
   mpirun: rank * in MPI_Bcast on MPI_COMM_WORLD: ranks differ in MPI_Bcast (collective no. 1): it is of 2 MPI_DOUBLE at ranks 0-2, 4 MPI_FLOAT at rank 3 <- alone (MPI_ERR_TYPE)
     bcast_type at LINE, run at LINE, main at LINE
 */
static void bcast_type(void)
{
    MPI_Bcast(in, differs() ? 4 : 2, differs() ? MPI_FLOAT : MPI_DOUBLE, 0, WORLD);
}

/* gather_type, 3 ranks, exit 3, --check:
   mpirun: rank * in MPI_Gather on MPI_COMM_WORLD: ranks differ in MPI_Gather (collective no. 1): *sends 4 MPI_INT to *, which wants 2 MPI_DOUBLE (MPI_ERR_TYPE)
     gather_type at LINE, run at LINE, main at LINE
 */
static void gather_type(void)
{
    MPI_Gather(in, differs() ? 4 : 2, differs() ? MPI_INT : MPI_DOUBLE, out, 2, MPI_DOUBLE, 0, WORLD);
}

/* equal_signatures, 3 ranks, exit 0, --check:
 */
static void equal_signatures(void)
{
    MPI_Datatype pair, spread;
    MPI_Type_contiguous(2, MPI_DOUBLE, &pair);
    MPI_Type_vector(2, 1, 3, MPI_DOUBLE, &spread);
    MPI_Type_commit(&pair);
    MPI_Type_commit(&spread);
    MPI_Bcast(in, differs() ? 2 : 1, differs() ? MPI_DOUBLE : pair, 0, WORLD);
    MPI_Gather(in, 1, differs() ? spread : pair, out, 2, MPI_DOUBLE, 0, WORLD);
    MPI_Allreduce(MPI_IN_PLACE, out, 2, MPI_DOUBLE, MPI_SUM, WORLD);
    MPI_Bcast(in, 0, differs() ? MPI_INT : MPI_DOUBLE, 0, WORLD);
    MPI_Type_free(&pair);
    MPI_Type_free(&spread);
}

/* nonblocking_root, 3 ranks, exit 8, --check:
   mpirun: rank * in MPI_Wait on MPI_COMM_WORLD: ranks differ in MPI_Ibcast (collective no. 1): root is 0 at ranks 0-1, 1 at rank 2 <- alone (MPI_ERR_ROOT)
     nonblocking_root at LINE, run at LINE, main at LINE
 */
static void nonblocking_root(void)
{
    MPI_Ibcast(in, 2, MPI_DOUBLE, differs(), WORLD, &request);
    MPI_Wait(&request, NO_STATUS);
}

/* persistent_length, 3 ranks, exit 2, --check:
   mpirun: rank * in MPI_Wait on MPI_COMM_WORLD: ranks differ in MPI_Allreduce_init (collective no. 1): it is of 16 bytes at ranks 0-1, 24 bytes at rank 2 <- alone (MPI_ERR_COUNT)
     persistent_length at LINE, run at LINE, main at LINE
 */
static void persistent_length(void)
{
    MPI_Allreduce_init(in, out, 2 + differs(), MPI_DOUBLE, MPI_SUM, WORLD, MPI_INFO_NULL, &request);
    MPI_Start(&request);
    MPI_Wait(&request, NO_STATUS);
}

/* nonblocking_operation, 5 ranks, exit 10, --check:
   mpirun: rank * in MPI_Wait on MPI_COMM_WORLD: ranks differ in MPI_Iallreduce (collective no. 1): op is MPI_SUM at ranks 0-3, MPI_MAX at rank 4 <- alone (MPI_ERR_OP)
     nonblocking_operation at LINE, run at LINE, main at LINE
 */
static void nonblocking_operation(void)
{
    MPI_Iallreduce(in, out, 2, MPI_DOUBLE, differs() ? MPI_MAX : MPI_SUM, WORLD, &request);
    MPI_Wait(&request, NO_STATUS);
}

/* nonblocking_counts, 3 ranks, exit 2, --check:
   mpirun: rank * in MPI_Wait on MPI_COMM_WORLD: ranks differ in MPI_Ialltoallv (collective no. 1): *sends 8 bytes to *, which wants 16 (MPI_ERR_COUNT)
     nonblocking_counts at LINE, run at LINE, main at LINE
 */
static void nonblocking_counts(void)
{
    equal_counts(2);
    if (differs())
        fewer[0] = 1;
    MPI_Ialltoallv(in, fewer, from, MPI_DOUBLE, out, counts, places, MPI_DOUBLE, WORLD, &request);
    MPI_Wait(&request, NO_STATUS);
}

/* gatherv_counts, 3 ranks, exit 2, --check:
   mpirun: rank * in MPI_Gatherv on MPI_COMM_WORLD: ranks differ in MPI_Gatherv (collective no. 1): *sends 24 bytes to *, which wants 16 (MPI_ERR_COUNT)
     gatherv_counts at LINE, run at LINE, main at LINE
 */
static void gatherv_counts(void)
{
    equal_counts(2);
    MPI_Gatherv(in, 2 + differs(), MPI_DOUBLE, out, counts, places, MPI_DOUBLE, 0, WORLD);
}

/* neighbour_counts, 3 ranks, exit 2, --check:
   mpirun: rank * in MPI_Neighbor_alltoallv on "ring": ranks differ in MPI_Neighbor_alltoallv (collective no. 1): *sends 24 bytes to *, which wants 16 (MPI_ERR_COUNT)
     neighbour_counts at LINE, run at LINE, main at LINE
 */
static void neighbour_counts(void)
{
    int periodic = 1;
    equal_counts(2);
    MPI_Cart_create(WORLD, 1, &ranks, &periodic, 0, &comm);
    MPI_Comm_set_name(comm, "ring");
    if (differs())
        fewer[0] = 3;
    MPI_Neighbor_alltoallv(in, fewer, from, MPI_DOUBLE, out, counts, places, MPI_DOUBLE, comm);
}

/* graph_of_one_side, 4 ranks, exit 2, --check:
   mpirun: rank * in MPI_Neighbor_allgather on *: ranks differ in MPI_Neighbor_allgather (collective no. 1): *sends 8 bytes to *, which wants 0 (MPI_ERR_COUNT)
     graph_of_one_side at LINE, run at LINE, main at LINE
 */
static void graph_of_one_side(void)
{
    int before = (rank + ranks - 1) % ranks, after = (rank + 1) % ranks;
    MPI_Dist_graph_create_adjacent(WORLD, !differs(), &before, MPI_UNWEIGHTED, 1, &after,
                                   MPI_UNWEIGHTED, MPI_INFO_NULL, 0, &comm);
    MPI_Neighbor_allgather(in, 1, MPI_DOUBLE, out, 1, MPI_DOUBLE, comm);
}

static void make_intercommunicator(void)
{
    MPI_Comm half;
    MPI_Comm_split(WORLD, rank % 2, 0, &half);
    MPI_Intercomm_create(half, 0, WORLD, 1 - rank % 2, 5, &comm);
    MPI_Comm_set_name(comm, "both");
}

/* two_sides_are_root, 4 ranks, exit 8, --check:
   mpirun: rank * in MPI_Bcast on "both"*: ranks differ in MPI_Bcast (collective no. 1): root is MPI_* at this rank and MPI_* at rank * of the other group, where all must give the root's rank (MPI_ERR_ROOT)
     two_sides_are_root at LINE, run at LINE, main at LINE
 */
static void two_sides_are_root(void)
{
    make_intercommunicator();
    MPI_Bcast(in, 1, MPI_DOUBLE, rank < 2 ? MPI_ROOT : MPI_PROC_NULL, comm);
}

/* between_groups_mixed, 4 ranks, exit 16:
   mpirun: rank * in MPI_* on "both"*: ranks differ in collective no. 1: *MPI_*; this rank: MPI_* (MPI_ERR_OTHER)
     between_groups_mixed at LINE, run at LINE, main at LINE
 */
static void between_groups_mixed(void)
{
    make_intercommunicator();
    if (rank % 2)
        MPI_Barrier(comm);
    else
        MPI_Allreduce(in, out, 1, MPI_DOUBLE, MPI_SUM, comm);
}

/* buffers_are_the_same, 2 ranks, exit 1:
   mpirun: rank * in MPI_Allreduce on MPI_COMM_WORLD: sendbuf and recvbuf share memory; pass MPI_IN_PLACE where the call allows it (MPI_ERR_BUFFER)
     buffers_are_the_same at LINE, run at LINE, main at LINE
 */
static void buffers_are_the_same(void)
{
    MPI_Allreduce(in, in, 2, MPI_DOUBLE, MPI_SUM, WORLD);
}

/* in_place_at_no_root, 3 ranks, exit 1:
   mpirun: rank 2 in MPI_Gather on MPI_COMM_WORLD: sendbuf cannot be MPI_IN_PLACE here (MPI_ERR_BUFFER)
     in_place_at_no_root at LINE, run at LINE, main at LINE
 */
static void in_place_at_no_root(void)
{
    MPI_Gather(differs() ? MPI_IN_PLACE : in, 2, MPI_DOUBLE, out, 2, MPI_DOUBLE, 0, WORLD);
}

/* types_of_a_put, 2 ranks, exit 3, --check:
   mpirun: rank 0 in MPI_Put on *: the origin has 2 MPI_DOUBLE, the target 4 MPI_INT: the basic types must be the same (MPI_ERR_TYPE)
     types_of_a_put at LINE, run at LINE, main at LINE
 */
static void types_of_a_put(void)
{
    MPI_Win win;
    MPI_Win_create(in, sizeof in, 8, MPI_INFO_NULL, WORLD, &win);
    MPI_Win_fence(0, win);
    if (rank == 0) {
        MPI_Put(out, 16, MPI_BYTE, 1, 0, 2, MPI_DOUBLE, win); /* no harm on one machine */
        MPI_Put(out, 2, MPI_DOUBLE, 1, 0, 4, MPI_INT, win);
    }
    MPI_Win_fence(0, win);
}

static const struct fault faults[] = {
    FAULT(reduce_root),           FAULT(reduce_root_checked),    FAULT(nothing_at_one),
    FAULT(nothing_at_one_checked), FAULT(bcast_zero),            FAULT(bcast_type),
    FAULT(gather_type),           FAULT(equal_signatures),       FAULT(nonblocking_root),
    FAULT(persistent_length),     FAULT(nonblocking_operation),  FAULT(nonblocking_counts),
    FAULT(gatherv_counts),        FAULT(neighbour_counts),       FAULT(graph_of_one_side),
    FAULT(two_sides_are_root),    FAULT(between_groups_mixed),   FAULT(buffers_are_the_same),
    FAULT(in_place_at_no_root),   FAULT(types_of_a_put),
};

RUN(MPI_THREAD_SINGLE)
