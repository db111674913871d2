/* What larger codes do: neighbours that are wrong by one, groups and leaders that differ, epochs
   that overlap, errors that nobody looks at. */
#include "wrong.h"

enum { LARGE = 1 << 18 };

static int in[LARGE], out[LARGE];
static MPI_Request requests[4];
static MPI_Comm comm, half;
static MPI_Group all, part;
static MPI_Win win;
static MPI_File file;
static int *memory;

static int left(void) { return (rank + ranks - 1) % ranks; }
static int right(void) { return (rank + 1) % ranks; }

static void window(void)
{
    MPI_Win_allocate(64, 4, MPI_INFO_NULL, WORLD, &memory, &win);
    MPI_Win_set_name(win, "halo");
}

static void put(int target) { MPI_Put(out, 1, MPI_INT, target, 0, 1, MPI_INT, win); }

static void group_of(int count, const int *members)
{
    MPI_Comm_group(WORLD, &all);
    MPI_Group_incl(all, count, members, &part);
}

static void halves(void)
{
    MPI_Comm_split(WORLD, rank % 2, rank, &half);
    MPI_Comm_set_name(half, rank % 2 ? "odd" : "even");
}

/* --- neighbours */

/* halo_by_one, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Waitall, 1 of 2 requests open: receive from rank 1, tag 3, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     ranks 1-2 wait in MPI_Barrier on MPI_COMM_WORLD (collective no. 1); not there yet: rank 0 at LINE
     never received: at rank 0, from rank 2, tag 3, on MPI_COMM_WORLD, 4 bytes: it came from rank 2, rank 1 is waited for
     each waits for the next: 0 → 1 → 0
 */
static void halo_by_one(void)
{
    int before = rank == 0 ? ranks - 2 : rank - 1;
    MPI_Irecv(in, 1, MPI_INT, before, 3, WORLD, requests);
    MPI_Isend(out, 1, MPI_INT, right(), 3, WORLD, requests + 1);
    MPI_Waitall(2, requests, NO_STATUSES);
    MPI_Barrier(WORLD);
}

/* sides_are_mixed_up, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Waitall, 2 of 4 requests open: receive from rank 2, tag 0, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     rank 1 waits in MPI_Waitall, 2 of 4 requests open: receive from rank 0, tag 0, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     rank 2 waits in MPI_Waitall, 2 of 4 requests open: receive from rank 1, tag 0, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     never received: at rank 0, from rank *
     never received: at rank 0, from rank *
     never received: at rank 1, from rank *
     never received: at rank 1, from rank *
     never received: at rank 2, from rank *
     never received: at rank 2, from rank *
     each waits for the next: 0 → 2 → 1 → 0
 */
static void sides_are_mixed_up(void)
{
    MPI_Irecv(in, 1, MPI_INT, left(), 0, WORLD, requests);
    MPI_Irecv(in + 1, 1, MPI_INT, right(), 1, WORLD, requests + 1);
    MPI_Isend(out, 1, MPI_INT, left(), 0, WORLD, requests + 2);
    MPI_Isend(out, 1, MPI_INT, right(), 1, WORLD, requests + 3);
    MPI_Waitall(4, requests, NO_STATUSES);
}

/* ssend_ring, 5 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     ranks 0-4: each waits in MPI_Ssend for the rank after it to receive 10 MPI_DOUBLE, tag 9, on MPI_COMM_WORLD at LINE
     never received: at rank 0, from rank 4, tag 9, on MPI_COMM_WORLD, 80 bytes
     never received: at rank 1, from rank 0, tag 9, on MPI_COMM_WORLD, 80 bytes
     never received: at rank 2, from rank 1, tag 9, on MPI_COMM_WORLD, 80 bytes
     never received: at rank 3, from rank 2, tag 9, on MPI_COMM_WORLD, 80 bytes
     never received: at rank 4, from rank 3, tag 9, on MPI_COMM_WORLD, 80 bytes
     each waits for the next: 0 → 1 → 2 → 3 → 4 → 0
 */
static void ssend_ring(void)
{
    MPI_Ssend(out, 10, MPI_DOUBLE, right(), 9, WORLD);
    MPI_Recv(in, 10, MPI_DOUBLE, left(), 9, WORLD, NO_STATUS);
}

/* odd_number_of_ranks, 3 ranks, exit 6:
   mpirun: rank 2 in MPI_Sendrecv on MPI_COMM_WORLD: source is 3, but MPI_COMM_WORLD has ranks 0 to 2 (MPI_ERR_RANK)
     odd_number_of_ranks at LINE, run at LINE, main at LINE
 */
static void odd_number_of_ranks(void)
{
    int peer = rank % 2 ? rank - 1 : rank + 1;
    MPI_Sendrecv(out, 1, MPI_INT, peer, 0, in, 1, MPI_INT, peer, 0, WORLD, NO_STATUS);
    MPI_Barrier(WORLD);
}

/* shifted_along_another_dimension, 4 ranks, exit 35:
   mpirun: rank 2 is in MPI_Finalize, but rank 3 waits for a message with tag 2 from it in MPI_Sendrecv on "grid", which it can no longer send.
     Often an exception or an early return: see what rank 2 printed last (Python: run with -m mpi4py). Ending the job.
     rank 1 waits in MPI_Sendrecv for rank 3, tag 2, on "grid", room for 1 MPI_DOUBLE at LINE
     rank 3 waits in MPI_Sendrecv for rank 2, tag 2, on "grid", room for 1 MPI_DOUBLE at LINE
     never received: at rank 2, from rank 3, tag 2, on "grid", 8 bytes: rank 1 waits for such a message
     never received: at rank 3, from rank 1, tag 2, on "grid", 8 bytes: it came from rank 1, rank 2 is waited for
 */
static void shifted_along_another_dimension(void)
{
    int dims[2] = {2, 2}, periods[2] = {1, 1}, source, target;
    MPI_Cart_create(WORLD, 2, dims, periods, 0, &comm);
    MPI_Comm_set_name(comm, "grid");
    MPI_Cart_shift(comm, rank == 3, 1, &source, &target);
    MPI_Sendrecv(out, 1, MPI_DOUBLE, target, 2, in, 1, MPI_DOUBLE, source, 2, comm, NO_STATUS);
}

/* no_end_for_one_worker, 4 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     ranks 0-2 wait in MPI_Barrier on MPI_COMM_WORLD (collective no. 1); not there yet: rank 3 at LINE
     rank 3 waits in MPI_Recv for rank 0, any tag, on MPI_COMM_WORLD, room for 262144 MPI_INT at LINE
     each waits for the next: 0 → 3 → 0
 */
static void no_end_for_one_worker(void)
{
    if (rank > 0)
        MPI_Recv(in, LARGE, MPI_INT, 0, MPI_ANY_TAG, WORLD, NO_STATUS);
    for (int worker = 1; rank == 0 && worker < ranks - 1; worker++)
        MPI_Send(out, 0, MPI_INT, worker, 99, WORLD);
    MPI_Barrier(WORLD);
}

/* send_and_receive_in_place, 2 ranks, exit 0, --check:
   mpirun: rank 0: the buffers of the send to rank 1, tag 0, on MPI_COMM_WORLD and of the receive from rank 1, tag 0, on MPI_COMM_WORLD, which is under way, overlap at LINE
   mpirun: rank 1: the buffers of the send to rank 0, tag 0, on MPI_COMM_WORLD and of the receive from rank 0, tag 0, on MPI_COMM_WORLD, which is under way, overlap at LINE
 */
static void send_and_receive_in_place(void)
{
    MPI_Sendrecv(in, 4, MPI_INT, 1 - rank, 0, in, 4, MPI_INT, 1 - rank, 0, WORLD, NO_STATUS);
}

/* count_overflows, 2 ranks, exit 2:
   mpirun: rank 1 in MPI_Send on MPI_COMM_WORLD: count -2147483648 is negative (MPI_ERR_COUNT)
     count_overflows at LINE, run at LINE, main at LINE
 */
static void count_overflows(void)
{
    unsigned rows = 1 << 20, columns = 1 << 11;
    if (rank == 1)
        MPI_Send(out, (int)(rows * columns), MPI_INT, 0, 4, WORLD);
    MPI_Barrier(WORLD);
}

/* request_is_reused, 2 ranks, exit 0, --check:
   mpirun: at MPI_Finalize rank 1 left: 1 receive from rank 0 tag 1 on MPI_COMM_WORLD
 */
static void request_is_reused(void)
{
    if (rank == 1) {
        MPI_Irecv(in, 1, MPI_INT, 0, 1, WORLD, requests);
        MPI_Irecv(in + 1, 1, MPI_INT, 0, 2, WORLD, requests);
        MPI_Wait(requests, NO_STATUS);
    } else {
        MPI_Send(out, 1, MPI_INT, 1, 1, WORLD);
        MPI_Send(out, 1, MPI_INT, 1, 2, WORLD);
    }
}

/* waited_for_after_it_was_freed, 2 ranks, exit 7:
   mpirun: rank 1 in MPI_Waitall on MPI_COMM_SELF (rank 0 there): request 0x* is not a handle of a request, or was completed or freed (MPI_ERR_REQUEST)
     waited_for_after_it_was_freed at LINE, run at LINE, main at LINE
 */
static void waited_for_after_it_was_freed(void)
{
    if (rank == 1) {
        MPI_Irecv(in, 1, MPI_INT, 0, 1, WORLD, requests);
        requests[1] = requests[0];
        MPI_Request_free(requests);
        MPI_Waitall(2, requests, NO_STATUSES);
    }
    MPI_Barrier(WORLD);
}

/* --- collectives */

/* each_is_root, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     ranks 0-2 wait in MPI_Reduce on MPI_COMM_WORLD (collective no. 1) at LINE
     nobody is missing in MPI_Reduce on MPI_COMM_WORLD (collective no. 1): the calls are not alike, in root, count or datatype (mpirun --check tells in which)
     each waits for the next: 0 → 1 → 0
 */
static void each_is_root(void)
{
    MPI_Reduce(in, out, 4, MPI_INT, MPI_SUM, rank, WORLD);
    MPI_Barrier(WORLD);
}

/* each_is_root_checked, 3 ranks, exit 8, --check:
   mpirun: rank * in MPI_Reduce on MPI_COMM_WORLD: ranks differ in MPI_Reduce (collective no. 1): root is 0 at rank 0, 1 at rank 1, 2 at rank 2 (MPI_ERR_ROOT)
     each_is_root at LINE, each_is_root_checked at LINE, run at LINE, main at LINE
 */
static void each_is_root_checked(void) { each_is_root(); }

/* gathers_less_of_one, 4 ranks, exit 15:
   mpirun: rank 0 in MPI_Gatherv on MPI_COMM_WORLD: the message of 16 bytes from rank 2 in MPI_Gatherv (collective no. 1) does not fit the receive buffer of 8 bytes (MPI_ERR_TRUNCATE)
     gathers_less_of_one at LINE, run at LINE, main at LINE
 */
static void gathers_less_of_one(void)
{
    int counts[4] = {4, 4, 2, 4}, places[4] = {0, 4, 8, 12};
    MPI_Gatherv(out, 4, MPI_INT, in, counts, places, MPI_INT, 0, WORLD);
    MPI_Barrier(WORLD);
}

/* root_scatters_the_total, 2 ranks, exit 15:
   mpirun: rank 1 in MPI_Scatter on MPI_COMM_WORLD: the message of 32 bytes from rank 0 in MPI_Scatter (collective no. 1) does not fit the receive buffer of 16 bytes (MPI_ERR_TRUNCATE)
     root_scatters_the_total at LINE, run at LINE, main at LINE
 */
static void root_scatters_the_total(void)
{
    MPI_Scatter(out, 4 * ranks, MPI_INT, in, 4, MPI_INT, 0, WORLD);
    MPI_Barrier(WORLD);
}

/* in_another_order_of_communicators, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     ranks 0, 2 wait in MPI_Allreduce on "rows" (collective no. 1); not there yet: rank 1 at LINE
     rank 1 waits in MPI_Allreduce on "columns" (collective no. 1); not there yet: rank* at LINE
     each waits for the next: 0 → 1 → 0
 */
static void in_another_order_of_communicators(void)
{
    MPI_Comm comms[2];
    for (int i = 0; i < 2; i++) {
        MPI_Comm_dup(WORLD, comms + i);
        MPI_Comm_set_name(comms[i], i ? "columns" : "rows");
    }
    for (int i = 0; i < 2; i++)
        MPI_Allreduce(out, in, 1, MPI_INT, MPI_SUM, comms[rank == 1 ? 1 - i : i]);
}

/* --- making communicators */

/* other_members, 3 ranks, exit 9, --check:
   mpirun: rank * in MPI_Comm_create on MPI_COMM_WORLD: ranks differ in MPI_Comm_create (collective no. 1): group has ranks * at this rank, but ranks * at rank *: all that are in it must give the same group, in the same order (MPI_ERR_GROUP)
     other_members at LINE, run at LINE, main at LINE
 */
static void other_members(void)
{
    group_of(2, (int[]){0, rank == 2 ? 2 : 1});
    MPI_Comm_create(WORLD, part, &comm);
    MPI_Barrier(WORLD);
}

/* another_order, 3 ranks, exit 9:
   mpirun: rank 2 in MPI_Comm_create on MPI_COMM_WORLD: ranks differ in MPI_Comm_create: group has ranks 0, 2, 1 at this rank, but ranks 0-2 at rank 0: all that are in it must give the same group, in the same order (MPI_ERR_GROUP)
     another_order at LINE, run at LINE, main at LINE
 */
static void another_order(void)
{
    group_of(3, rank == 2 ? (int[]){0, 2, 1} : (int[]){0, 1, 2});
    MPI_Comm_create(WORLD, part, &comm);
    MPI_Barrier(WORLD);
}

/* groups_apart, 4 ranks, exit 0, --check:
 */
static void groups_apart(void)
{
    group_of(2, rank % 2 ? (int[]){3, 1} : (int[]){0, 2});
    MPI_Comm_create(WORLD, part, &comm);
    MPI_Barrier(comm);
    MPI_Comm_free(&comm);
    MPI_Group_free(&part);
    MPI_Group_free(&all);
}

/* tags_of_a_group, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     ranks 0, 2 wait in MPI_Barrier on a communicator of 3* (collective no. 1); not there yet: rank 1 at LINE
     rank 1 waits in MPI_Comm_create_group for rank 0, tag 6, on MPI_COMM_WORLD at LINE
     never received: at rank 1, from rank 0, tag 5, on MPI_COMM_WORLD, of MPI_Comm_create_group: tag 5 came, tag 6 is wanted
     each waits for the next: 0 → 1 → 0
 */
static void tags_of_a_group(void)
{
    MPI_Comm_group(WORLD, &all);
    MPI_Comm_create_group(WORLD, all, rank == 1 ? 6 : 5, &comm);
    MPI_Barrier(comm);
}

/* tags_of_leaders, 4 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Intercomm_create for rank 1, tag 5, on MPI_COMM_WORLD at LINE
     rank 1 waits in MPI_Intercomm_create for rank 0, tag 6, on MPI_COMM_WORLD at LINE
     rank 1 of "even" (world rank 2) waits in MPI_Intercomm_create on "even" (collective no. 1); not there yet: rank 0 at LINE
     rank 1 of "odd" (world rank 3) waits in MPI_Intercomm_create on "odd" (collective no. 1); not there yet: rank 1 at LINE
     never received: at rank 0, from rank 1, tag 6, on MPI_COMM_WORLD, of MPI_Intercomm_create: tag 6 came, tag 5 is wanted
     never received: at rank 1, from rank 0, tag 5, on MPI_COMM_WORLD, of MPI_Intercomm_create: tag 5 came, tag 6 is wanted
     each waits for the next: 0 → 1 → 0
 */
static void tags_of_leaders(void)
{
    halves();
    MPI_Intercomm_create(half, 0, WORLD, 1 - rank % 2, 5 + rank % 2, &comm);
}

/* another_leader, 4 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Intercomm_create for rank 1, tag 5, on MPI_COMM_WORLD at LINE
     rank 1 waits in MPI_Intercomm_create for rank 2, tag 5, on MPI_COMM_WORLD at LINE
     rank 1 of "even" (world rank 2) waits in MPI_Intercomm_create on "even" (collective no. 1); not there yet: rank 0 at LINE
     rank 1 of "odd" (world rank 3) waits in MPI_Intercomm_create on "odd" (collective no. 1); not there yet: rank 1 at LINE
     never received: at rank 1, from rank 0, tag 5, on MPI_COMM_WORLD, of MPI_Intercomm_create: it came from rank 0, rank 2 is waited for
     never received: at rank 2, from rank 1, tag 5, on MPI_COMM_WORLD, of MPI_Intercomm_create*
     each waits for the next: 0 → 1 → 2 → 0
 */
static void another_leader(void)
{
    halves();
    MPI_Intercomm_create(half, 0, WORLD, rank % 2 ? 2 : 1, 5, &comm);
}

/* local_leaders_differ, 4 ranks, exit 13, --check:
   mpirun: rank * in MPI_Intercomm_create on "even"*: ranks differ in MPI_Intercomm_create: local_leader is * at this rank, but * at rank * of the local communicator (MPI_ERR_ARG)
     local_leaders_differ at LINE, run at LINE, main at LINE
 */
static void local_leaders_differ(void)
{
    halves();
    MPI_Intercomm_create(half, rank == 2, WORLD, 1 - rank % 2, 5, &comm);
}

/* outside_of_the_grid, 2 ranks, exit 13:
   mpirun: rank 1 in MPI_Cart_rank on "grid": coords[0] is 2, but that dimension has 0 to 1 and is not periodic (MPI_ERR_ARG)
     outside_of_the_grid at LINE, run at LINE, main at LINE
 */
static void outside_of_the_grid(void)
{
    int size = 2, periodic = 0, coord = 2, at;
    MPI_Cart_create(WORLD, 1, &size, &periodic, 0, &comm);
    MPI_Comm_set_name(comm, "grid");
    if (rank == 1)
        MPI_Cart_rank(comm, &coord, &at);
    MPI_Barrier(comm);
}

/* --- windows */

/* lock_among_fences, 2 ranks, exit 50, --check:
   mpirun: rank 1 in MPI_Win_lock on halo: rank 0 of halo cannot be locked: there were accesses since MPI_Win_fence, and no fence has completed them (MPI_ERR_RMA_SYNC)
     lock_among_fences at LINE, run at LINE, main at LINE
 */
static void lock_among_fences(void)
{
    window();
    MPI_Win_fence(0, win);
    if (rank == 1) {
        put(0);
        MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, win);
        put(0);
        MPI_Win_unlock(0, win);
    }
    MPI_Win_fence(0, win);
}

/* lock_behind_a_fence, 2 ranks, exit 0, --check:
 */
static void lock_behind_a_fence(void)
{
    window();
    MPI_Win_fence(0, win);
    put(right());
    MPI_Win_fence(0, win);
    MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, win);
    put(0);
    MPI_Win_unlock(0, win);
    MPI_Win_fence(0, win);
    MPI_Win_free(&win);
}

/* last_fence_is_missing, 2 ranks, exit 50, --check:
   mpirun: rank * in MPI_Win_free on halo: halo cannot be freed: there were accesses since MPI_Win_fence, and no fence has completed them (MPI_ERR_RMA_SYNC)
     last_fence_is_missing at LINE, run at LINE, main at LINE
 */
static void last_fence_is_missing(void)
{
    window();
    MPI_Win_fence(0, win);
    put(right());
    MPI_Win_free(&win);
}

/* started_among_fences, 2 ranks, exit 50, --check:
   mpirun: rank 0 in MPI_Win_start on halo: halo cannot be started: there were accesses since MPI_Win_fence, and no fence has completed them (MPI_ERR_RMA_SYNC)
     started_among_fences at LINE, run at LINE, main at LINE
 */
static void started_among_fences(void)
{
    window();
    group_of(1, (int[]){1 - rank});
    MPI_Win_fence(0, win);
    if (rank == 0) {
        put(1);
        MPI_Win_start(part, 0, win);
        MPI_Win_complete(win);
    } else {
        MPI_Win_post(part, 0, win);
        MPI_Win_wait(win);
    }
}

/* posted_to_others, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Win_start for rank 1 to call MPI_Win_post, on window "halo" at LINE
     rank 1 waits in MPI_Win_wait for rank 2 to call MPI_Win_complete, on window "halo" at LINE
     rank 2 waits in MPI_Barrier on MPI_COMM_WORLD (collective no. 2); not there yet: rank* at LINE
     each waits for the next: 0 → 1 → 2 → 0
 */
static void posted_to_others(void)
{
    window();
    if (rank == 0) {
        group_of(1, (int[]){1});
        MPI_Win_start(part, 0, win);
        MPI_Win_complete(win);
    } else if (rank == 1) {
        group_of(1, (int[]){2});
        MPI_Win_post(part, 0, win);
        MPI_Win_wait(win);
    }
    MPI_Barrier(WORLD);
}

/* posted_to_one_more, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     ranks 0, 2 wait in MPI_Barrier on MPI_COMM_WORLD (collective no. 2); not there yet: rank 1 at LINE
     rank 1 waits in MPI_Win_wait for rank 2 to call MPI_Win_complete, on window "halo" at LINE
     each waits for the next: 1 → 2 → 1
 */
static void posted_to_one_more(void)
{
    window();
    if (rank == 0) {
        group_of(1, (int[]){1});
        MPI_Win_start(part, 0, win);
        MPI_Win_complete(win);
    } else if (rank == 1) {
        group_of(2, (int[]){0, 2});
        MPI_Win_post(part, 0, win);
        MPI_Win_wait(win);
    }
    MPI_Barrier(WORLD);
}

/* posted_twice, 2 ranks, exit 50:
   mpirun: rank 1 in MPI_Win_post on halo: halo is posted already: MPI_Win_wait must come first (MPI_ERR_RMA_SYNC)
     posted_twice at LINE, run at LINE, main at LINE
 */
static void posted_twice(void)
{
    window();
    if (rank == 1) {
        group_of(1, (int[]){0});
        MPI_Win_post(part, 0, win);
        MPI_Win_post(part, 0, win);
    }
    MPI_Barrier(WORLD);
}

/* not_attached, 2 ranks, exit 48:
   mpirun: rank 1 in MPI_Put on a window of 2: the 4 bytes at 0x* of rank 0 are not all attached to a window of 2: 0x* is not (MPI_ERR_RMA_RANGE)
     put at LINE, not_attached at LINE, run at LINE, main at LINE
 */
static void not_attached(void)
{
    MPI_Win_create_dynamic(MPI_INFO_NULL, WORLD, &win);
    MPI_Win_fence(0, win);
    if (rank == 1)
        put(0);
    MPI_Win_fence(0, win);
}

/* --- files, and what is not looked at */

/* nobody_looks_whether_it_is_open, 2 ranks, exit 0, --check:
   mpirun: rank 0: MPI_File_open returns an error, and the job goes on: *cannot open "/no/such/folder/file"* (MPI_ERR_NO_SUCH_FILE) at LINE
   mpirun: rank 1: MPI_File_open returns an error, and the job goes on: *cannot open "/no/such/folder/file"* (MPI_ERR_NO_SUCH_FILE) at LINE
   mpirun: rank 0: MPI_File_read_all returns an error, and the job goes on: fh is MPI_FILE_NULL (MPI_ERR_FILE) at LINE
   mpirun: rank 1: MPI_File_read_all returns an error, and the job goes on: fh is MPI_FILE_NULL (MPI_ERR_FILE) at LINE
 */
static void nobody_looks_whether_it_is_open(void)
{
    file = MPI_FILE_NULL;
    MPI_File_open(WORLD, "/no/such/folder/file", MPI_MODE_RDONLY, MPI_INFO_NULL, &file);
    MPI_File_read_all(file, in, 1, MPI_INT, NO_STATUS);
}

/* looks_whether_it_is_there, 2 ranks, exit 0, --check:
 */
static void looks_whether_it_is_there(void)
{
    MPI_File_set_errhandler(MPI_FILE_NULL, MPI_ERRORS_RETURN);
    if (MPI_File_open(WORLD, "/no/such/folder/file", MPI_MODE_RDONLY, MPI_INFO_NULL, &file) == 0)
        abort();
}

static const struct fault faults[] = {
    FAULT(halo_by_one), FAULT(sides_are_mixed_up), FAULT(ssend_ring), FAULT(odd_number_of_ranks),
    FAULT(shifted_along_another_dimension), FAULT(no_end_for_one_worker),
    FAULT(send_and_receive_in_place), FAULT(count_overflows), FAULT(request_is_reused),
    FAULT(waited_for_after_it_was_freed), FAULT(each_is_root), FAULT(each_is_root_checked),
    FAULT(gathers_less_of_one), FAULT(root_scatters_the_total),
    FAULT(in_another_order_of_communicators), FAULT(other_members),
    FAULT(another_order), FAULT(groups_apart), FAULT(tags_of_a_group), FAULT(tags_of_leaders),
    FAULT(another_leader), FAULT(local_leaders_differ), FAULT(outside_of_the_grid),
    FAULT(lock_among_fences), FAULT(lock_behind_a_fence), FAULT(last_fence_is_missing),
    FAULT(started_among_fences), FAULT(posted_to_others), FAULT(posted_to_one_more),
    FAULT(posted_twice), FAULT(not_attached), FAULT(nobody_looks_whether_it_is_open),
    FAULT(looks_whether_it_is_there),
};

RUN(MPI_THREAD_SINGLE)
