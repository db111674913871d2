/* Calls that do not fit each other, or are wrong by themselves: errors, not hangs. */
#include "wrong.h"

static double in[64], out[64];
static int counts[16], places[16];

static void equal_counts(int count)
{
    for (int i = 0; i < ranks; i++) {
        counts[i] = count;
        places[i] = i * count;
    }
}

/* barrier_and_bcast, 4 ranks, exit 16:
   mpirun: rank * in MPI_* on MPI_COMM_WORLD: ranks differ in collective no. 1: *MPI_Barrier*MPI_Bcast* (MPI_ERR_OTHER)
     * at LINE, main at LINE
 */
static void barrier_and_bcast(void)
{
    if (rank == 2)
        MPI_Bcast(in, 1, MPI_DOUBLE, 0, WORLD);
    else
        MPI_Barrier(WORLD);
    MPI_Barrier(WORLD);
}

/* barrier_and_bcast_checked, 4 ranks, exit 16, --check:
   mpirun: rank * in MPI_* on MPI_COMM_WORLD: ranks differ in collective no. 1: ranks 0-1, 3: MPI_Barrier; rank 2: MPI_Bcast <- alone (MPI_ERR_OTHER)
     * at LINE, main at LINE
 */
static void barrier_and_bcast_checked(void) { barrier_and_bcast(); }

/* other_order, 4 ranks, exit 16:
   mpirun: rank * in MPI_* on MPI_COMM_WORLD: ranks differ in collective no. 1: *MPI_Barrier*MPI_Reduce* (MPI_ERR_OTHER)
     * at LINE, main at LINE
 */
static void other_order(void)
{
    if (rank == 0)
        MPI_Reduce(in, out, 1, MPI_DOUBLE, MPI_SUM, 0, WORLD);
    MPI_Barrier(WORLD);
    if (rank != 0)
        MPI_Reduce(in, out, 1, MPI_DOUBLE, MPI_SUM, 0, WORLD);
}

/* ibarrier_and_barrier, 3 ranks, exit 16:
   mpirun: rank * in MPI_* on MPI_COMM_WORLD: ranks differ in collective no. 1: *MPI_*arrier*MPI_*arrier* (MPI_ERR_OTHER)
     * at LINE, main at LINE
 */
static void ibarrier_and_barrier(void)
{
    MPI_Request request;
    if (rank == 0) {
        MPI_Ibarrier(WORLD, &request);
        MPI_Wait(&request, NO_STATUS);
    } else
        MPI_Barrier(WORLD);
}

/* one_iteration_less, 4 ranks, exit 16:
   mpirun: rank * in MPI_* on MPI_COMM_WORLD: ranks differ in collective no. 11: *MPI_Allreduce*rank 3: * (MPI_ERR_OTHER)
     * at LINE, main at LINE
 */
static void one_iteration_less(void)
{
    for (int i = 0; i < (rank == 3 ? 10 : 11); i++)
        MPI_Allreduce(in, out, 1, MPI_DOUBLE, MPI_SUM, WORLD);
    MPI_Gather(in, 1, MPI_DOUBLE, out, 1, MPI_DOUBLE, 0, WORLD);
    MPI_Barrier(WORLD);
}

/* wrong_sum, 4 ranks, exit 16:
   mpirun: rank * in MPI_* on MPI_COMM_WORLD: ranks differ in collective no. 4: *MPI_Allreduce*rank 3: MPI_Barrier* (MPI_ERR_OTHER)
     * at LINE, main at LINE
 */
static void wrong_sum(void)
{
    for (int i = 0; i < 3; i++)
        MPI_Allreduce(in, out, 1, MPI_DOUBLE, MPI_SUM, WORLD);
    if (rank == 3)
        MPI_Barrier(WORLD);
    else
        MPI_Allreduce(in, out, 1, MPI_DOUBLE, MPI_SUM, WORLD);
    MPI_Barrier(WORLD);
}

/* two_nonblocking, 3 ranks, exit *:
   mpirun: rank * in MPI_* on *: *ranks differ in collective no. *: *MPI_I*MPI_I* (MPI_ERR_*
     * at LINE, main at LINE
 */
static void two_nonblocking(void)
{
    MPI_Request requests[2];
    int reduces_first = rank != 1;
    if (reduces_first)
        MPI_Iallreduce(in, out, 1, MPI_DOUBLE, MPI_SUM, WORLD, requests);
    MPI_Ibcast(in + 8, 1, MPI_DOUBLE, 0, WORLD, requests + 1);
    if (!reduces_first)
        MPI_Iallreduce(in, out, 1, MPI_DOUBLE, MPI_SUM, WORLD, requests);
    MPI_Waitall(2, requests, NO_STATUSES);
}

/* dup_and_split, 4 ranks, exit 16:
   mpirun: rank * in MPI_* on *: ranks differ in collective no. 1: *MPI_Comm_dup*MPI_Comm_split* (MPI_ERR_OTHER)
     * at LINE, main at LINE
 */
static void dup_and_split(void)
{
    MPI_Comm other;
    if (rank == 3)
        MPI_Comm_split(WORLD, 0, 0, &other);
    else
        MPI_Comm_dup(WORLD, &other);
    MPI_Barrier(WORLD);
}

/* scan_and_exscan, 3 ranks, exit 16:
   mpirun: rank * in MPI_* on MPI_COMM_WORLD: ranks differ in collective no. 1: *MPI_*can*MPI_*can* (MPI_ERR_OTHER)
     * at LINE, main at LINE
 */
static void scan_and_exscan(void)
{
    if (rank == 1)
        MPI_Scan(in, out, 4, MPI_DOUBLE, MPI_SUM, WORLD);
    else
        MPI_Exscan(in, out, 4, MPI_DOUBLE, MPI_SUM, WORLD);
    MPI_Barrier(WORLD);
}

/* two_roots, 4 ranks, exit 8:
   mpirun: rank * in MPI_* on MPI_COMM_WORLD: ranks differ in MPI_Bcast (collective no. 1): rank * sent 8 bytes to rank *, which does not expect them; all must give the same root and the same length (MPI_ERR_ROOT)
     * at LINE, main at LINE
 */
static void two_roots(void)
{
    MPI_Bcast(in, 1, MPI_DOUBLE, rank < 2 ? 0 : 1, WORLD);
    MPI_Barrier(WORLD);
}

/* two_roots_checked, 4 ranks, exit 8, --check:
   mpirun: rank * in MPI_* on MPI_COMM_WORLD: ranks differ in MPI_Bcast (collective no. 1): root is 0 at ranks 0-1, 1 at ranks 2-3 (MPI_ERR_ROOT)
     * at LINE, main at LINE
 */
static void two_roots_checked(void) { two_roots(); }

/* two_operations, 4 ranks, exit 10, --check:
   mpirun: rank * in MPI_* on MPI_COMM_WORLD: ranks differ in MPI_Allreduce (collective no. 1): op is MPI_SUM at ranks 0, 2-3, MPI_MAX at rank 1 <- alone (MPI_ERR_OP)
     * at LINE, main at LINE
 */
static void two_operations(void)
{
    MPI_Allreduce(in, out, 4, MPI_DOUBLE, rank == 1 ? MPI_MAX : MPI_SUM, WORLD);
}

/* two_lengths, 4 ranks, exit 2:
   mpirun: rank * in MPI_* on MPI_COMM_WORLD: ranks differ in MPI_Allreduce (collective no. 1): it is of * bytes here, but of * at rank * (MPI_ERR_COUNT)
     * at LINE, main at LINE
 */
static void two_lengths(void)
{
    MPI_Allreduce(in, out, rank == 3 ? 5 : 4, MPI_DOUBLE, MPI_SUM, WORLD);
}

/* two_lengths_checked, 4 ranks, exit 2, --check:
   mpirun: rank * in MPI_* on MPI_COMM_WORLD: ranks differ in MPI_Allreduce (collective no. 1): it is of 32 bytes at ranks 0-2, 40 bytes at rank 3 <- alone (MPI_ERR_COUNT)
     * at LINE, main at LINE
 */
static void two_lengths_checked(void) { two_lengths(); }

/* two_types, 3 ranks, exit 3, --check:
   mpirun: rank * in MPI_* on MPI_COMM_WORLD: ranks differ in MPI_Allreduce (collective no. 1): it is of 2 MPI_DOUBLE at ranks 0-1, 2 MPI_* at rank 2 <- alone (MPI_ERR_TYPE)
     * at LINE, main at LINE
 */
static void two_types(void)
{
    MPI_Allreduce(in, out, 2, rank == 2 ? MPI_INT64_T : MPI_DOUBLE, MPI_SUM, WORLD);
}

/* scatterv, 4 ranks, exit 15:
   mpirun: rank 3 in MPI_Scatterv on MPI_COMM_WORLD: the message of 80 bytes from rank 0 in MPI_Scatterv (collective no. 1) does not fit the receive buffer of 56 bytes (MPI_ERR_TRUNCATE)
     scatterv at LINE, run at LINE, main at LINE
 */
static void scatterv(void)
{
    equal_counts(10);
    MPI_Scatterv(in, counts, places, MPI_DOUBLE, out, rank == 3 ? 7 : 10, MPI_DOUBLE, 0, WORLD);
    MPI_Barrier(WORLD);
}

/* scatterv_checked, 4 ranks, exit 2, --check:
   mpirun: rank * in MPI_* on MPI_COMM_WORLD: ranks differ in MPI_Scatterv (collective no. 1): *sends 80 bytes to *, which wants 56 (MPI_ERR_COUNT)
     * at LINE, main at LINE
 */
static void scatterv_checked(void) { scatterv(); }

/* alltoallv, 3 ranks, exit 2, --check:
   mpirun: rank * in MPI_* on MPI_COMM_WORLD: ranks differ in MPI_Alltoallv (collective no. 1): *sends 24 bytes to *, which wants 32 (MPI_ERR_COUNT)
     * at LINE, main at LINE
 */
static void alltoallv(void)
{
    static int fewer[16], from[16];
    equal_counts(4);
    memcpy(fewer, counts, sizeof fewer);
    memcpy(from, places, sizeof from);
    if (rank == 2)
        fewer[0] = 3;
    MPI_Alltoallv(in, fewer, from, MPI_DOUBLE, out, counts, places, MPI_DOUBLE, WORLD);
}

/* allgatherv, 3 ranks, exit 2, --check:
   mpirun: rank * in MPI_* on MPI_COMM_WORLD: ranks differ in MPI_Allgatherv (collective no. 1): *sends 32 bytes to *, which wants 16 (MPI_ERR_COUNT)
     * at LINE, main at LINE
 */
static void allgatherv(void)
{
    equal_counts(4);
    if (rank == 1)
        counts[0] = 2;
    MPI_Allgatherv(in, 4, MPI_DOUBLE, out, counts, places, MPI_DOUBLE, WORLD);
}

/* reduce_scatter, 3 ranks, exit 2, --check:
   mpirun: rank * in MPI_* on MPI_COMM_WORLD: ranks differ in MPI_Reduce_scatter (collective no. 1): recvcounts is not the same at rank * as here (MPI_ERR_COUNT)
     * at LINE, main at LINE
 */
static void reduce_scatter(void)
{
    equal_counts(2);
    if (rank == 1) {
        counts[0] = 1;
        counts[1] = 3;
    }
    MPI_Reduce_scatter(in, out, counts, MPI_DOUBLE, MPI_SUM, WORLD);
}

/* floats_as_double, 2 ranks, exit 3, --check:
   mpirun: rank 0 in MPI_Recv on MPI_COMM_WORLD: the message of 8 bytes from rank 1 with tag 7 was sent as 2 MPI_FLOAT, but the receive asks for 1 MPI_DOUBLE (MPI_ERR_TYPE)
     floats_as_double at LINE, run at LINE, main at LINE
 */
static void floats_as_double(void)
{
    float halves[2] = {1, 2};
    if (rank == 1)
        MPI_Send(halves, 2, MPI_FLOAT, 0, 7, WORLD);
    else
        MPI_Recv(out, 1, MPI_DOUBLE, 1, 7, WORLD, NO_STATUS);
}

/* bytes_as_double, 2 ranks, exit 0, --check:
   mpirun: rank 0: warning: the message from rank 1 with tag 7 was sent as 8 MPI_BYTE, but 1 MPI_DOUBLE are asked for: MPI_BYTE matches only MPI_BYTE at LINE
 */
static void bytes_as_double(void)
{
    for (int i = 0; i < 3; i++)
        if (rank == 1)
            MPI_Send(in, 8, MPI_BYTE, 0, 7, WORLD);
        else
            MPI_Recv(out, 1, MPI_DOUBLE, 1, 7, WORLD, NO_STATUS);
}

/* char_as_byte, 2 ranks, exit 0, --check:
   mpirun: rank 0: warning: the message from rank 1 with tag 7 was sent as 2 MPI_CHAR, but 2 MPI_BYTE are asked for: MPI_BYTE matches only MPI_BYTE at LINE
 */
static void char_as_byte(void)
{
    if (rank == 1)
        MPI_Send(in, 2, MPI_CHAR, 0, 7, WORLD);
    else
        MPI_Recv(out, 2, MPI_BYTE, 1, 7, WORLD, NO_STATUS);
}

/* too_long_on_a_part, 4 ranks, exit 15:
   mpirun: rank 1 in MPI_Recv on "odd" (rank 0 there): the message of 16 bytes from rank 1 with tag 7 does not fit the receive buffer of 8 bytes (MPI_ERR_TRUNCATE)
     too_long_on_a_part at LINE, run at LINE, main at LINE
 */
static void too_long_on_a_part(void)
{
    MPI_Comm half;
    MPI_Comm_split(WORLD, rank % 2, 0, &half);
    MPI_Comm_set_name(half, rank % 2 ? "odd" : "even");
    if (rank == 3)
        MPI_Send(in, 2, MPI_DOUBLE, 0, 7, half);
    if (rank == 1)
        MPI_Recv(out, 1, MPI_DOUBLE, 1, 7, half, NO_STATUS);
}

/* too_long, 2 ranks, exit 15:
   mpirun: rank 0 in MPI_Recv on MPI_COMM_WORLD: the message of 80 bytes from rank 1 with tag 7 does not fit the receive buffer of 64 bytes (MPI_ERR_TRUNCATE)
     too_long at LINE, run at LINE, main at LINE
 */
static void too_long(void)
{
    if (rank == 1)
        MPI_Send(in, 10, MPI_DOUBLE, 0, 7, WORLD);
    else
        MPI_Recv(out, 8, MPI_DOUBLE, 1, 7, WORLD, NO_STATUS);
}

/* no_such_rank, 2 ranks, exit 6:
   mpirun: rank 1 in MPI_Send on MPI_COMM_WORLD: dest is 2, but MPI_COMM_WORLD has ranks 0 to 1 (MPI_ERR_RANK)
     no_such_rank at LINE, run at LINE, main at LINE
 */
static void no_such_rank(void)
{
    if (rank == 1)
        MPI_Send(in, 1, MPI_DOUBLE, rank + 1, 7, WORLD);
    MPI_Barrier(WORLD);
}

/* no_such_tag, 2 ranks, exit 4:
   mpirun: rank 0 in MPI_Send on MPI_COMM_WORLD: tag is -5, but must be 0 to MPI_TAG_UB (2147483647) (MPI_ERR_TAG)
     no_such_tag at LINE, run at LINE, main at LINE
 */
static void no_such_tag(void)
{
    if (rank == 0)
        MPI_Send(in, 1, MPI_DOUBLE, 1, -5, WORLD);
    MPI_Barrier(WORLD);
}

/* no_such_root, 3 ranks, exit 8:
   mpirun: rank 2 in MPI_Bcast on MPI_COMM_WORLD: root is 3, but MPI_COMM_WORLD has ranks 0 to 2 (MPI_ERR_ROOT)
     no_such_root at LINE, run at LINE, main at LINE
 */
static void no_such_root(void)
{
    MPI_Bcast(in, 1, MPI_DOUBLE, rank == 2 ? 3 : 0, WORLD);
}

/* not_committed, 2 ranks, exit 3:
   mpirun: rank 1 in MPI_Send on MPI_COMM_WORLD: datatype 0x1f03 is not committed; call MPI_Type_commit first (MPI_ERR_TYPE)
     not_committed at LINE, run at LINE, main at LINE
 */
static void not_committed(void)
{
    MPI_Datatype column;
    MPI_Type_vector(4, 1, 4, MPI_DOUBLE, &column);
    if (rank == 1)
        MPI_Send(in, 1, column, 0, 7, WORLD);
    else
        MPI_Recv(out, 4, MPI_DOUBLE, 1, 7, WORLD, NO_STATUS);
}

/* freed_communicator, 2 ranks, exit 5:
   mpirun: rank 0 in MPI_Send on MPI_COMM_SELF: comm 0x1f01 is not a handle of a communicator, or was freed (MPI_ERR_COMM)
     freed_communicator at LINE, run at LINE, main at LINE
 */
static void freed_communicator(void)
{
    MPI_Comm copy, stale;
    MPI_Comm_dup(WORLD, &copy);
    stale = copy;
    MPI_Comm_free(&copy);
    if (rank == 0)
        MPI_Send(in, 1, MPI_DOUBLE, 1, 7, stale);
    MPI_Barrier(WORLD);
}

/* unlock_without_lock, 2 ranks, exit 50:
   mpirun: rank 1 in MPI_Win_unlock on a window of 2: rank 0 of a window of 2 is not locked by MPI_Win_lock (MPI_ERR_RMA_SYNC)
     unlock_without_lock at LINE, run at LINE, main at LINE
 */
static void unlock_without_lock(void)
{
    int *memory;
    MPI_Win win;
    MPI_Win_allocate(64, 4, MPI_INFO_NULL, WORLD, &memory, &win);
    if (rank == 1)
        MPI_Win_unlock(0, win);
    MPI_Barrier(WORLD);
}

/* put_outside_of_an_epoch, 2 ranks, exit 50:
   mpirun: rank 1 in MPI_Put on a window of 2: no access epoch to rank 0 of a window of 2 is open: MPI_Win_fence, MPI_Win_start or MPI_Win_lock must come first (MPI_ERR_RMA_SYNC)
     put_outside_of_an_epoch at LINE, run at LINE, main at LINE
 */
static void put_outside_of_an_epoch(void)
{
    int *memory;
    MPI_Win win;
    MPI_Win_allocate(64, 4, MPI_INFO_NULL, WORLD, &memory, &win);
    if (rank == 1)
        MPI_Put(in, 1, MPI_DOUBLE, 0, 0, 1, MPI_DOUBLE, win);
    MPI_Barrier(WORLD);
}

/* put_beyond_the_end, 2 ranks, exit 48:
   mpirun: rank 1 in MPI_Put on a window of 2: 9 elements of 8 bytes at target_disp 0 (unit 4) take bytes 0 to 72 of what rank 0 has in a window of 2, which is 64 bytes (MPI_ERR_RMA_RANGE)
     put_beyond_the_end at LINE, run at LINE, main at LINE
 */
static void put_beyond_the_end(void)
{
    int *memory;
    MPI_Win win;
    MPI_Win_allocate(64, 4, MPI_INFO_NULL, WORLD, &memory, &win);
    MPI_Win_fence(0, win);
    if (rank == 1)
        MPI_Put(in, 9, MPI_DOUBLE, 0, 0, 9, MPI_DOUBLE, win);
    MPI_Win_fence(0, win);
}

static const struct fault faults[] = {
    FAULT(barrier_and_bcast),   FAULT(barrier_and_bcast_checked), FAULT(other_order),
    FAULT(ibarrier_and_barrier), FAULT(one_iteration_less),       FAULT(wrong_sum),
    FAULT(two_nonblocking),     FAULT(dup_and_split),             FAULT(scan_and_exscan),
    FAULT(two_roots),           FAULT(two_roots_checked),         FAULT(two_operations),
    FAULT(two_lengths),         FAULT(two_lengths_checked),       FAULT(two_types),
    FAULT(scatterv),            FAULT(scatterv_checked),          FAULT(alltoallv),
    FAULT(allgatherv),          FAULT(reduce_scatter),            FAULT(floats_as_double),
    FAULT(char_as_byte),        FAULT(too_long_on_a_part),
    FAULT(bytes_as_double),     FAULT(too_long),                  FAULT(no_such_rank),
    FAULT(no_such_tag),         FAULT(no_such_root),              FAULT(not_committed),
    FAULT(freed_communicator),  FAULT(unlock_without_lock),
    FAULT(put_outside_of_an_epoch), FAULT(put_beyond_the_end),
};

RUN(MPI_THREAD_SINGLE)
