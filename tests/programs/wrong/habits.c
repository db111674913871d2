/* What newcomers do, and what those who know more do in rarer chapters. */
#include "wrong.h"

enum { LARGE = 1 << 18 };

static int in[LARGE], out[LARGE], large[LARGE];
static MPI_Request request;
static MPI_Comm comm;
static MPI_Group all, part;
static MPI_Win win;
static MPI_File file;
static int *memory;

static void window(void) { MPI_Win_allocate(64, 4, MPI_INFO_NULL, WORLD, &memory, &win); }

static void group_of(int member)
{
    MPI_Comm_group(WORLD, &all);
    MPI_Group_incl(all, 1, &member, &part);
}

static void open_file(int mode)
{
    char path[64];
    int pid = getpid();
    MPI_Bcast(&pid, 1, MPI_INT, 0, WORLD);
    snprintf(path, sizeof path, "/tmp/lariat-habits-%d", pid);
    MPI_File_open(WORLD, path, mode | MPI_MODE_DELETE_ON_CLOSE, MPI_INFO_NULL, &file);
    if (rank == 0)
        unlink(path); /* what fails leaves nothing */
    MPI_File_set_errhandler(file, MPI_ERRORS_ARE_FATAL);
    MPI_Barrier(WORLD);
}

/* --- messages */

/* count_and_tag_swapped, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Barrier on MPI_COMM_WORLD (collective no. 1); not there yet: rank 1 at LINE
     rank 1 waits in MPI_Recv for rank 0, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     never received: at rank 1, from rank 0, tag 1, on MPI_COMM_WORLD, 28 bytes: tag 1 came, tag 7 is wanted
     each waits for the next: 0 → 1 → 0
 */
static void count_and_tag_swapped(void)
{
    if (rank == 0) {
        MPI_Send(out, 7, MPI_INT, 1, 1, WORLD); /* one number with tag 7 was meant */
        MPI_Barrier(WORLD);
    } else
        MPI_Recv(in, 1, MPI_INT, 0, 7, WORLD, NO_STATUS);
}

/* destination_and_tag_swapped, 2 ranks, exit 6:
   mpirun: rank 1 in MPI_Send on MPI_COMM_WORLD: dest is 7, but MPI_COMM_WORLD has ranks 0 to 1 (MPI_ERR_RANK)
     destination_and_tag_swapped at LINE, run at LINE, main at LINE
 */
static void destination_and_tag_swapped(void)
{
    if (rank == 1)
        MPI_Send(out, 1, MPI_INT, 7, 0, WORLD);
    MPI_Barrier(WORLD);
}

/* to_any_rank, 2 ranks, exit 6:
   mpirun: rank 1 in MPI_Send on MPI_COMM_WORLD: dest is -1 (MPI_ANY_SOURCE), but MPI_COMM_WORLD has ranks 0 to 1 (MPI_ERR_RANK)
     to_any_rank at LINE, run at LINE, main at LINE
 */
static void to_any_rank(void)
{
    if (rank == 1)
        MPI_Send(out, 1, MPI_INT, MPI_ANY_SOURCE, 7, WORLD);
    MPI_Barrier(WORLD);
}

/* no_buffer, 2 ranks, exit 1:
   mpirun: rank 1 in MPI_Recv on MPI_COMM_WORLD: the buffer of 3 elements is at a null pointer (MPI_ERR_BUFFER)
     no_buffer at LINE, run at LINE, main at LINE
 */
static void no_buffer(void)
{
    if (rank == 1)
        MPI_Recv(NULL, 3, MPI_INT, 0, 7, WORLD, NO_STATUS);
    MPI_Barrier(WORLD);
}

/* in_place_of_a_message, 2 ranks, exit 1:
   mpirun: rank 1 in MPI_Send on MPI_COMM_WORLD: the buffer is MPI_IN_PLACE, which only collectives take (MPI_ERR_BUFFER)
     in_place_of_a_message at LINE, run at LINE, main at LINE
 */
static void in_place_of_a_message(void)
{
    if (rank == 1)
        MPI_Send(MPI_IN_PLACE, 1, MPI_INT, 0, 7, WORLD);
    MPI_Barrier(WORLD);
}

/* large_to_itself, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Barrier on MPI_COMM_WORLD (collective no. 1); not there yet: rank 1 at LINE
     rank 1 waits in MPI_Send for itself to receive 262144 MPI_INT, tag 7, on MPI_COMM_WORLD at LINE
     never received: at rank 1, from rank 1, tag 7, on MPI_COMM_WORLD, 1048576 bytes
 */
static void large_to_itself(void)
{
    if (rank == 1) {
        MPI_Send(out, LARGE, MPI_INT, 1, 7, WORLD);
        MPI_Recv(in, LARGE, MPI_INT, 1, 7, WORLD, NO_STATUS);
    }
    MPI_Barrier(WORLD);
}

/* large_ones_in_another_order, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Send for rank 1 to receive 262144 MPI_INT, tag 1, on MPI_COMM_WORLD at LINE
     rank 1 waits in MPI_Recv for rank 0, tag 2, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     never received: at rank 1, from rank 0, tag 1, on MPI_COMM_WORLD, 1048576 bytes: tag 1 came, tag 2 is wanted
     each waits for the next: 0 → 1 → 0
 */
static void large_ones_in_another_order(void)
{
    if (rank == 0) {
        MPI_Send(large, LARGE, MPI_INT, 1, 1, WORLD);
        MPI_Send(out, 1, MPI_INT, 1, 2, WORLD);
    } else {
        MPI_Recv(in, 1, MPI_INT, 0, 2, WORLD, NO_STATUS);
        MPI_Recv(large, LARGE, MPI_INT, 0, 1, WORLD, NO_STATUS);
    }
}

/* an_earlier_receive_takes_it, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Recv for rank 1, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     rank 1 waits in MPI_Barrier on MPI_COMM_WORLD (collective no. 1); not there yet: rank 0 at LINE
     each waits for the next: 0 → 1 → 0
 */
static void an_earlier_receive_takes_it(void)
{
    if (rank == 0) {
        MPI_Irecv(out, 1, MPI_INT, 1, 7, WORLD, &request); /* and forgets it */
        MPI_Recv(in, 1, MPI_INT, 1, 7, WORLD, NO_STATUS);
    } else {
        MPI_Send(out, 1, MPI_INT, 0, 7, WORLD);
        MPI_Barrier(WORLD);
    }
}

/* type_is_freed, 2 ranks, exit 3:
   mpirun: rank 1 in MPI_Send on MPI_COMM_WORLD: handle 0x* is no datatype, or one that was freed (MPI_ERR_TYPE)
     type_is_freed at LINE, run at LINE, main at LINE
 */
static void type_is_freed(void)
{
    MPI_Datatype three, same;
    MPI_Type_contiguous(3, MPI_INT, &three);
    MPI_Type_commit(&three);
    same = three;
    MPI_Type_free(&three);
    if (rank == 1)
        MPI_Send(out, 1, same, 0, 7, WORLD);
    MPI_Barrier(WORLD);
}

/* attached_too_little, 2 ranks, exit 1:
   mpirun: rank 1 in MPI_Bsend on MPI_COMM_WORLD: the message of 400 bytes (and up to 512 bytes of overhead) does not fit what is free of the attached buffer of 100 bytes (MPI_ERR_BUFFER)
     attached_too_little at LINE, run at LINE, main at LINE
 */
static void attached_too_little(void)
{
    static char buffer[100];
    MPI_Buffer_attach(buffer, sizeof buffer);
    if (rank == 1)
        MPI_Bsend(out, 100, MPI_INT, 0, 7, WORLD);
    MPI_Barrier(WORLD);
}

/* unpacks_too_much, 2 ranks, exit 15:
   mpirun: rank 1 in MPI_Unpack on MPI_COMM_WORLD: 3 elements take 12 bytes, but from position 0 insize leaves 8 of 8 (MPI_ERR_TRUNCATE)
     unpacks_too_much at LINE, run at LINE, main at LINE
 */
static void unpacks_too_much(void)
{
    char packed[8] = "";
    int at = 0;
    if (rank == 1)
        MPI_Unpack(packed, sizeof packed, &at, in, 3, MPI_INT, WORLD);
    MPI_Barrier(WORLD);
}

/* --- requests */

/* waited_twice, 2 ranks, exit 7:
   mpirun: rank 0 in MPI_Wait on MPI_COMM_SELF: request 0x* is not a handle of a request, or was completed or freed (MPI_ERR_REQUEST)
     waited_twice at LINE, run at LINE, main at LINE
 */
static void waited_twice(void)
{
    if (rank == 0) {
        MPI_Request same;
        MPI_Irecv(in, 1, MPI_INT, 1, 7, WORLD, &request);
        same = request;
        MPI_Wait(&request, NO_STATUS);
        MPI_Wait(&same, NO_STATUS);
    } else
        MPI_Ssend(out, 1, MPI_INT, 0, 7, WORLD);
    MPI_Barrier(WORLD);
}

/* requests_never_set, 2 ranks, exit 7:
   mpirun: rank 1 in MPI_Waitall on MPI_COMM_SELF (rank 0 there): request 0x* is not a handle of a request, or was completed or freed (MPI_ERR_REQUEST)
     requests_never_set at LINE, run at LINE, main at LINE
 */
static void requests_never_set(void)
{
    MPI_Request requests[3];
    memset(requests, 0x5a, sizeof requests);
    if (rank == 1)
        MPI_Waitall(3, requests, NO_STATUSES);
    MPI_Barrier(WORLD);
}

/* started_twice, 2 ranks, exit 7:
   mpirun: rank 1 in MPI_Start on MPI_COMM_SELF (rank 0 there): request is started already (MPI_ERR_REQUEST)
     started_twice at LINE, run at LINE, main at LINE
 */
static void started_twice(void)
{
    if (rank == 1) {
        MPI_Recv_init(in, 1, MPI_INT, 0, 7, WORLD, &request);
        MPI_Start(&request);
        MPI_Start(&request);
    }
    MPI_Barrier(WORLD);
}

/* ready_twice, 2 ranks, exit 13:
   mpirun: rank 1 in MPI_Pready on MPI_COMM_WORLD: partition 1 is ready already: each becomes ready once after a start (MPI_ERR_ARG)
     ready_twice at LINE, run at LINE, main at LINE
 */
static void ready_twice(void)
{
    if (rank == 1) {
        MPI_Psend_init(out, 2, 1, MPI_INT, 0, 7, WORLD, MPI_INFO_NULL, &request);
        MPI_Start(&request);
        MPI_Pready(1, request);
        MPI_Pready(1, request);
    }
    MPI_Barrier(WORLD);
}

/* --- collectives */

/* one_is_not_there_yet, 4 ranks, exit 16:
   mpirun: rank * in MPI_B* on MPI_COMM_WORLD: ranks differ in collective no. 1: *MPI_B*MPI_B*; not seen: rank*3 (MPI_ERR_OTHER)
     one_is_not_there_yet at LINE, run at LINE, main at LINE
 */
static void one_is_not_there_yet(void)
{
    if (rank == 3)
        sleep(3);
    if (rank == 2)
        MPI_Bcast(in, 1, MPI_INT, 0, WORLD);
    else
        MPI_Barrier(WORLD);
}

/* in_place_to_receive, 2 ranks, exit 1:
   mpirun: rank 1 in MPI_Allreduce on MPI_COMM_WORLD: recvbuf cannot be MPI_IN_PLACE here (MPI_ERR_BUFFER)
     in_place_to_receive at LINE, run at LINE, main at LINE
 */
static void in_place_to_receive(void)
{
    if (rank == 1)
        MPI_Allreduce(out, MPI_IN_PLACE, 1, MPI_INT, MPI_SUM, WORLD);
    MPI_Barrier(WORLD);
}

/* logical_and_of_doubles, 2 ranks, exit 10:
   mpirun: rank 1 in MPI_Allreduce on MPI_COMM_WORLD: op MPI_LAND is not defined for datatype MPI_DOUBLE: it takes C integers and logical values (MPI_ERR_OP)
     logical_and_of_doubles at LINE, run at LINE, main at LINE
 */
static void logical_and_of_doubles(void)
{
    double a = 1, b;
    if (rank == 1)
        MPI_Allreduce(&a, &b, 1, MPI_DOUBLE, MPI_LAND, WORLD);
    MPI_Barrier(WORLD);
}

/* sum_of_a_derived_type, 2 ranks, exit 10:
   mpirun: rank 1 in MPI_Allreduce on MPI_COMM_WORLD: op MPI_SUM is defined for predefined datatypes only, not for a derived one of 12 bytes: make an operation with MPI_Op_create (MPI_ERR_OP)
     sum_of_a_derived_type at LINE, run at LINE, main at LINE
 */
static void sum_of_a_derived_type(void)
{
    MPI_Datatype three;
    MPI_Type_contiguous(3, MPI_INT, &three);
    MPI_Type_commit(&three);
    if (rank == 1)
        MPI_Allreduce(out, in, 1, three, MPI_SUM, WORLD);
    MPI_Barrier(WORLD);
}

/* root_wants_the_whole_of_each, 3 ranks, exit 2:
   mpirun: rank 0 in MPI_Gather on MPI_COMM_WORLD: ranks differ in MPI_Gather (collective no. 1): rank * sent 16 bytes, but this rank is to receive 48 (MPI_ERR_COUNT)
     root_wants_the_whole_of_each at LINE, run at LINE, main at LINE
 */
static void root_wants_the_whole_of_each(void)
{
    MPI_Gather(out, 4, MPI_INT, in, 4 * ranks, MPI_INT, 0, WORLD);
}

/* parts_overlap, 2 ranks, exit 1, --check:
   mpirun: rank 1 in MPI_Alltoallv on MPI_COMM_WORLD: two parts of recvbuf share memory: 0x*-0x* and 0x*-0x* (MPI_ERR_BUFFER)
     parts_overlap at LINE, run at LINE, main at LINE
 */
static void parts_overlap(void)
{
    int counts[2] = {2, 2}, sent[2] = {0, 2}, received[2] = {0, 1};
    int two[2] = {0, 2};
    MPI_Alltoallv(out, counts, sent, MPI_INT, in, counts, rank == 1 ? received : two, MPI_INT, WORLD);
}

/* split_without_one, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     ranks 0, 2 wait in MPI_Comm_split on MPI_COMM_WORLD (collective no. 1); not there yet: rank 1 at LINE
     rank 1 waits in MPI_Recv for rank 0, tag 3, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     each waits for the next: 0 → 1 → 0
 */
static void split_without_one(void)
{
    if (rank == 1)
        MPI_Recv(in, 1, MPI_INT, 0, 3, WORLD, NO_STATUS);
    else
        MPI_Comm_split(WORLD, 0, rank, &comm);
}

/* no_communicator_after_a_split, 2 ranks, exit 5:
   mpirun: rank 1 in MPI_Barrier on MPI_COMM_SELF (rank 0 there): comm is MPI_COMM_NULL (MPI_ERR_COMM)
     no_communicator_after_a_split at LINE, run at LINE, main at LINE
 */
static void no_communicator_after_a_split(void)
{
    MPI_Comm_split(WORLD, rank == 1 ? MPI_UNDEFINED : 0, rank, &comm);
    if (rank == 1)
        MPI_Barrier(comm);
    MPI_Barrier(WORLD);
}

/* a_root_of_the_world, 4 ranks, exit 8:
   mpirun: rank 3 in MPI_Bcast on "odd" (rank 1 there): root is 3, but "odd" has ranks 0 to 1 (MPI_ERR_ROOT)
     a_root_of_the_world at LINE, run at LINE, main at LINE
 */
static void a_root_of_the_world(void)
{
    MPI_Comm_split(WORLD, rank % 2, rank, &comm);
    MPI_Comm_set_name(comm, rank % 2 ? "odd" : "even");
    if (rank == 3)
        MPI_Bcast(in, 1, MPI_INT, 3, comm);
    MPI_Barrier(WORLD);
}

/* no_side_has_the_root, 4 ranks, exit 8, --check:
   mpirun: rank * in MPI_Bcast on an intercommunicator of 2 and 2*: ranks differ in MPI_Bcast (collective no. 1): root is 0 at this rank and 0 at rank * of the other group: the group of the root must give MPI_ROOT there and MPI_PROC_NULL at its other ranks (MPI_ERR_ROOT)
     no_side_has_the_root at LINE, run at LINE, main at LINE
 */
static void no_side_has_the_root(void)
{
    MPI_Comm half;
    MPI_Comm_split(WORLD, rank % 2, rank, &half);
    MPI_Intercomm_create(half, 0, WORLD, 1 - rank % 2, 5, &comm);
    MPI_Bcast(in, 4, MPI_INT, 0, comm);
}

/* grid_is_too_large, 2 ranks, exit 12:
   mpirun: rank 1 in MPI_Cart_create on MPI_COMM_WORLD: the grid has 8 processes, but MPI_COMM_WORLD has 2 (MPI_ERR_DIMS)
     grid_is_too_large at LINE, run at LINE, main at LINE
 */
static void grid_is_too_large(void)
{
    int dims[2] = {2, 4}, periods[2] = {0, 0};
    if (rank == 1)
        MPI_Cart_create(WORLD, 2, dims, periods, 0, &comm);
    MPI_Barrier(WORLD);
}

/* grids_differ, 2 ranks, exit 11:
   mpirun: rank 1 in MPI_Cart_create on MPI_COMM_WORLD: ranks differ in MPI_Cart_create: it makes a grid of 2 x 1 (periodic in dimension 0) at this rank, but a grid of 1 x 2 at rank 0 (MPI_ERR_TOPOLOGY)
     grids_differ at LINE, run at LINE, main at LINE
 */
static void grids_differ(void)
{
    int dims[2] = {rank + 1, 2 - rank}, periods[2] = {rank, 0};
    MPI_Cart_create(WORLD, 2, dims, periods, 0, &comm);
    MPI_Barrier(comm);
}

/* graphs_differ, 2 ranks, exit 11:
   mpirun: rank 1 in MPI_Graph_create on MPI_COMM_WORLD: ranks differ in MPI_Graph_create: it makes a graph of 2 nodes and 2 edges (checksum *) at this rank, but a graph of 2 nodes and 2 edges (checksum *) at rank 0 (MPI_ERR_TOPOLOGY)
     graphs_differ at LINE, run at LINE, main at LINE
 */
static void graphs_differ(void)
{
    int index[2] = {1, 2}, edges[2] = {1, rank};
    MPI_Graph_create(WORLD, 2, index, edges, 0, &comm);
    MPI_Barrier(comm);
}

/* no_topology, 2 ranks, exit 11:
   mpirun: rank 1 in MPI_Neighbor_allgather on MPI_COMM_WORLD: MPI_COMM_WORLD has no topology, which a neighbourhood collective needs (MPI_ERR_TOPOLOGY)
     no_topology at LINE, run at LINE, main at LINE
 */
static void no_topology(void)
{
    if (rank == 1)
        MPI_Neighbor_allgather(out, 1, MPI_INT, in, 1, MPI_INT, WORLD);
    MPI_Barrier(WORLD);
}

/* --- windows */

/* bytes_as_displacement, 2 ranks, exit 48:
   mpirun: rank 1 in MPI_Put on a window of 2: 1 elements of 4 bytes at target_disp 60 (unit 4) take bytes 240 to 244 of what rank 0 has in a window of 2, which is 64 bytes (MPI_ERR_RMA_RANGE)
     bytes_as_displacement at LINE, run at LINE, main at LINE
 */
static void bytes_as_displacement(void)
{
    window();
    MPI_Win_fence(0, win);
    if (rank == 1)
        MPI_Put(out, 1, MPI_INT, 0, 60, 1, MPI_INT, win);
    MPI_Win_fence(0, win);
}

/* swap_of_doubles, 2 ranks, exit 3:
   mpirun: rank 1 in MPI_Compare_and_swap on a window of 2: MPI_Compare_and_swap takes an integer, character, logical value or byte, not MPI_DOUBLE (MPI_ERR_TYPE)
     swap_of_doubles at LINE, run at LINE, main at LINE
 */
static void swap_of_doubles(void)
{
    double a = 1, b = 2, c;
    window();
    MPI_Win_lock_all(0, win);
    if (rank == 1)
        MPI_Compare_and_swap(&a, &b, &c, MPI_DOUBLE, 0, 0, win);
    MPI_Win_unlock_all(win);
    MPI_Barrier(WORLD);
}

/* flush_without_lock, 2 ranks, exit 50:
   mpirun: rank 1 in MPI_Win_flush on a window of 2: rank 0 of a window of 2 is not locked by this process: only what is locked can be flushed (MPI_ERR_RMA_SYNC)
     flush_without_lock at LINE, run at LINE, main at LINE
 */
static void flush_without_lock(void)
{
    window();
    if (rank == 1)
        MPI_Win_flush(0, win);
    MPI_Barrier(WORLD);
}

/* locked_twice, 2 ranks, exit 50:
   mpirun: rank 1 in MPI_Win_lock on a window of 2: rank 0 of a window of 2 cannot be locked: MPI_Win_lock has locked rank 0 (MPI_ERR_RMA_SYNC)
     locked_twice at LINE, run at LINE, main at LINE
 */
static void locked_twice(void)
{
    window();
    if (rank == 1) {
        MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, win);
        MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, win);
    }
    MPI_Barrier(WORLD);
}

/* put_beside_the_group, 3 ranks, exit 50:
   mpirun: rank 0 in MPI_Put on a window of 3: no access epoch to rank 2 of a window of 3 is open: MPI_Win_fence, MPI_Win_start or MPI_Win_lock must come first (MPI_ERR_RMA_SYNC)
     put_beside_the_group at LINE, run at LINE, main at LINE
 */
static void put_beside_the_group(void)
{
    window();
    if (rank == 0) {
        group_of(1);
        MPI_Win_start(part, 0, win);
        MPI_Put(out, 1, MPI_INT, 2, 0, 1, MPI_INT, win);
        MPI_Win_complete(win);
    } else if (rank == 1) {
        group_of(0);
        MPI_Win_post(part, 0, win);
        MPI_Win_wait(win);
    }
    MPI_Barrier(WORLD);
}

/* all_start_and_nobody_posts, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Win_start for rank 1 to call MPI_Win_post, on window "halo" at LINE
     rank 1 waits in MPI_Win_start for rank 2 to call MPI_Win_post, on window "halo" at LINE
     rank 2 waits in MPI_Win_start for rank 0 to call MPI_Win_post, on window "halo" at LINE
     each waits for the next: 0 → 1 → 2 → 0
 */
static void all_start_and_nobody_posts(void)
{
    window();
    MPI_Win_set_name(win, "halo");
    group_of((rank + 1) % ranks);
    MPI_Win_start(part, 0, win);
    MPI_Win_post(part, 0, win);
    MPI_Win_complete(win);
}

/* freed_in_a_lock, 2 ranks, exit 50:
   mpirun: rank 1 in MPI_Win_free on a window of 2: a window of 2 cannot be freed: MPI_Win_lock has locked rank 0 (MPI_ERR_RMA_SYNC)
     freed_in_a_lock at LINE, run at LINE, main at LINE
 */
static void freed_in_a_lock(void)
{
    window();
    if (rank == 1)
        MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, win);
    if (rank == 1)
        MPI_Win_free(&win);
    MPI_Barrier(WORLD);
}

/* --- files */

/* read_only, 2 ranks, exit 20:
   mpirun: rank 1 in MPI_File_read_at on file "/tmp/lariat-habits-*": file "/tmp/lariat-habits-*" was opened with MPI_MODE_WRONLY (MPI_ERR_ACCESS)
     read_only at LINE, run at LINE, main at LINE
 */
static void read_only(void)
{
    open_file(MPI_MODE_CREATE | MPI_MODE_WRONLY);
    if (rank == 1)
        MPI_File_read_at(file, 0, in, 1, MPI_INT, NO_STATUS);
    MPI_Barrier(WORLD);
}

/* half_an_etype, 2 ranks, exit 35:
   mpirun: rank 1 in MPI_File_write_at on file "/tmp/lariat-habits-*": 4 bytes are accessed, but the view's etype has 8: only whole etypes can be (MPI_ERR_IO)
     half_an_etype at LINE, run at LINE, main at LINE
 */
static void half_an_etype(void)
{
    open_file(MPI_MODE_CREATE | MPI_MODE_RDWR);
    MPI_File_set_view(file, 0, MPI_DOUBLE, MPI_DOUBLE, "native", MPI_INFO_NULL);
    if (rank == 1)
        MPI_File_write_at(file, 0, out, 1, MPI_INT, NO_STATUS);
    MPI_Barrier(WORLD);
}

/* closed_by_one, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Barrier on MPI_COMM_WORLD (collective no. 4); not there yet: ranks 1-2 at LINE
     ranks 1-2 wait in MPI_File_close on file "/tmp/lariat-habits-*" (collective no. 1); not there yet: rank 0 at LINE
     each waits for the next: 0 → 1 → 0
 */
static void closed_by_one(void)
{
    open_file(MPI_MODE_CREATE | MPI_MODE_RDWR);
    if (rank > 0)
        MPI_File_close(&file);
    MPI_Barrier(WORLD);
}

/* begun_twice, 2 ranks, exit 35:
   mpirun: rank 1 in MPI_File_read_all_begin on file "/tmp/lariat-habits-*": a split collective access to file "/tmp/lariat-habits-*" has begun and not ended: until then no other collective access is allowed (MPI_ERR_IO)
     begun_twice at LINE, run at LINE, main at LINE
 */
static void begun_twice(void)
{
    open_file(MPI_MODE_CREATE | MPI_MODE_RDWR);
    MPI_File_write_all_begin(file, out, 1, MPI_INT);
    if (rank == 1)
        MPI_File_read_all_begin(file, in, 1, MPI_INT);
    MPI_Barrier(WORLD);
}

/* --- attributes, threads, beginning and end */

/* keyval_of_another_kind, 2 ranks, exit 36:
   mpirun: rank 1 in MPI_Comm_set_attr on MPI_COMM_WORLD: keyval 4096 was created for objects of kind Datatype, not Comm (MPI_ERR_KEYVAL)
     keyval_of_another_kind at LINE, run at LINE, main at LINE
 */
static void keyval_of_another_kind(void)
{
    int key;
    MPI_Type_create_keyval(MPI_TYPE_NULL_COPY_FN, MPI_TYPE_NULL_DELETE_FN, &key, NULL);
    if (rank == 1)
        MPI_Comm_set_attr(WORLD, key, NULL);
    MPI_Barrier(WORLD);
}

static void *meets_itself(void *unused)
{
    MPI_Barrier(MPI_COMM_SELF);
    return unused;
}

/* another_thread_calls, 2 ranks, exit 0, --check:
   mpirun: rank 1: MPI_Barrier is called by another thread than MPI_Init was, but the thread level is MPI_THREAD_SINGLE: ask for MPI_THREAD_SERIALIZED or MPI_THREAD_MULTIPLE in MPI_Init_thread at LINE
 */
static void another_thread_calls(void)
{
    pthread_t thread;
    if (rank == 1) {
        pthread_create(&thread, NULL, meets_itself, NULL);
        pthread_join(thread, NULL);
    }
}

/* finalized_twice, 2 ranks, exit 16:
   mpirun: rank 1 in MPI_Finalize: called after MPI_Finalize, while no session is open (MPI_ERR_OTHER)
     run at LINE, main at LINE
 */
static void finalized_twice(void)
{
    MPI_Barrier(WORLD);
    if (rank == 1) {
        MPI_Finalize();
    }
}

static const struct fault faults[] = {
    FAULT(count_and_tag_swapped), FAULT(destination_and_tag_swapped), FAULT(to_any_rank),
    FAULT(no_buffer), FAULT(in_place_of_a_message), FAULT(large_to_itself),
    FAULT(large_ones_in_another_order), FAULT(an_earlier_receive_takes_it), FAULT(type_is_freed),
    FAULT(attached_too_little), FAULT(unpacks_too_much), FAULT(waited_twice),
    FAULT(requests_never_set), FAULT(started_twice), FAULT(ready_twice),
    FAULT(one_is_not_there_yet), FAULT(in_place_to_receive), FAULT(logical_and_of_doubles),
    FAULT(sum_of_a_derived_type), FAULT(root_wants_the_whole_of_each), FAULT(parts_overlap),
    FAULT(split_without_one), FAULT(no_communicator_after_a_split), FAULT(a_root_of_the_world),
    FAULT(no_side_has_the_root), FAULT(grid_is_too_large), FAULT(grids_differ),
    FAULT(graphs_differ), FAULT(no_topology), FAULT(bytes_as_displacement),
    FAULT(swap_of_doubles), FAULT(flush_without_lock), FAULT(locked_twice),
    FAULT(put_beside_the_group), FAULT(all_start_and_nobody_posts), FAULT(freed_in_a_lock),
    FAULT(read_only), FAULT(half_an_etype), FAULT(closed_by_one), FAULT(begun_twice),
    FAULT(keyval_of_another_kind), FAULT(another_thread_calls), FAULT(finalized_twice),
};

RUN(MPI_THREAD_SINGLE)
