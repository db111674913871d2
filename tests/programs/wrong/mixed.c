/* Ranks that are in different collective calls: an error that names both sides, whichever
   kind of call it is. The last rank is the one that differs. */
#include "wrong.h"

static double in[64], out[64];
static int places[16], counts[16];
static MPI_Request request;
static MPI_Comm comm;

static int differs(void) { return rank == ranks - 1; }

static void wait_and_meet(void)
{
    MPI_Wait(&request, NO_STATUS);
    MPI_Barrier(WORLD);
}

static void ring(void)
{
    int periodic = 1;
    MPI_Cart_create(WORLD, 1, &ranks, &periodic, 0, &comm);
    MPI_Comm_set_name(comm, "ring");
}

/* nonblocking_calls, 3 ranks, exit 16:
   mpirun: rank * in MPI_Wait on MPI_COMM_WORLD: ranks differ in collective no. 1: *MPI_Ireduce*MPI_Ibcast* (MPI_ERR_OTHER)
     *nonblocking_calls at LINE, run at LINE, main at LINE
 */
static void nonblocking_calls(void)
{
    if (differs())
        MPI_Ibcast(in, 1, MPI_DOUBLE, 0, WORLD, &request);
    else
        MPI_Ireduce(in, out, 1, MPI_DOUBLE, MPI_SUM, 0, WORLD, &request);
    wait_and_meet();
}

/* five_ranks, 5 ranks, exit 16:
   mpirun: rank * in MPI_Wait on MPI_COMM_WORLD: ranks differ in collective no. 1: *MPI_Ialltoall; rank 4: MPI_Iallgather* (MPI_ERR_OTHER)
     *five_ranks at LINE, run at LINE, main at LINE
 */
static void five_ranks(void)
{
    if (differs())
        MPI_Iallgather(in, 1, MPI_DOUBLE, out, 1, MPI_DOUBLE, WORLD, &request);
    else
        MPI_Ialltoall(in, 1, MPI_DOUBLE, out, 1, MPI_DOUBLE, WORLD, &request);
    wait_and_meet();
}

/* neighbours, 3 ranks, exit 16:
   mpirun: rank * in MPI_Neighbor_all* on "ring": ranks differ in collective no. 1: *MPI_Neighbor_all*; rank 2: MPI_Neighbor_allgather* (MPI_ERR_OTHER)
     neighbours at LINE, run at LINE, main at LINE
 */
static void neighbours(void)
{
    ring();
    if (differs())
        MPI_Neighbor_allgather(in, 1, MPI_DOUBLE, out, 1, MPI_DOUBLE, comm);
    else
        MPI_Neighbor_alltoall(in, 1, MPI_DOUBLE, out, 1, MPI_DOUBLE, comm);
    MPI_Barrier(WORLD);
}

/* neighbours_and_all, 3 ranks, exit 16:
   mpirun: rank * in MPI_* on "ring": ranks differ in collective no. 1: *MPI_Allgather*MPI_Neighbor_allgather* (MPI_ERR_OTHER)
     neighbours_and_all at LINE, run at LINE, main at LINE
 */
static void neighbours_and_all(void)
{
    ring();
    if (differs())
        MPI_Neighbor_allgather(in, 1, MPI_DOUBLE, out, 1, MPI_DOUBLE, comm);
    else
        MPI_Allgather(in, 1, MPI_DOUBLE, out, 1, MPI_DOUBLE, comm);
    MPI_Barrier(WORLD);
}

/* nonblocking_neighbours, 3 ranks, exit 16:
   mpirun: rank * in MPI_* on "ring": ranks differ in collective no. 1: *MPI_*eighbor_allgather*MPI_*eighbor_allgather* (MPI_ERR_OTHER)
     nonblocking_neighbours at LINE, run at LINE, main at LINE
 */
static void nonblocking_neighbours(void)
{
    ring();
    if (differs()) {
        MPI_Ineighbor_allgather(in, 1, MPI_DOUBLE, out, 1, MPI_DOUBLE, comm, &request);
        MPI_Wait(&request, NO_STATUS);
    } else
        MPI_Neighbor_allgather(in, 1, MPI_DOUBLE, out, 1, MPI_DOUBLE, comm);
    MPI_Barrier(WORLD);
}

/* persistent_calls, 3 ranks, exit 16:
   mpirun: rank * in MPI_Wait on MPI_COMM_WORLD: ranks differ in collective no. 1: *MPI_Reduce_init*MPI_Bcast_init* (MPI_ERR_OTHER)
     *persistent_calls at LINE, run at LINE, main at LINE
 */
static void persistent_calls(void)
{
    if (differs())
        MPI_Bcast_init(in, 1, MPI_DOUBLE, 0, WORLD, MPI_INFO_NULL, &request);
    else
        MPI_Reduce_init(in, out, 1, MPI_DOUBLE, MPI_SUM, 0, WORLD, MPI_INFO_NULL, &request);
    MPI_Start(&request);
    wait_and_meet();
}

/* persistent_neighbours, 3 ranks, exit 16:
   mpirun: rank * in MPI_Wait on "ring": ranks differ in collective no. 1: *MPI_Neighbor_all*_init; rank 2: MPI_Neighbor_allgather_init* (MPI_ERR_OTHER)
     *persistent_neighbours at LINE, run at LINE, main at LINE
 */
static void persistent_neighbours(void)
{
    ring();
    if (differs())
        MPI_Neighbor_allgather_init(in, 1, MPI_DOUBLE, out, 1, MPI_DOUBLE, comm, MPI_INFO_NULL, &request);
    else
        MPI_Neighbor_alltoall_init(in, 1, MPI_DOUBLE, out, 1, MPI_DOUBLE, comm, MPI_INFO_NULL, &request);
    MPI_Start(&request);
    wait_and_meet();
}

/* persistent_and_nonblocking, 2 ranks, exit 16:
   mpirun: rank * in MPI_* on MPI_COMM_WORLD: ranks differ in collective no. 1: *MPI_Ibcast*MPI_Bcast_init* (MPI_ERR_OTHER)
     * at LINE, main at LINE
 */
static void persistent_and_nonblocking(void)
{
    if (differs()) {
        MPI_Bcast_init(in, 1, MPI_DOUBLE, 0, WORLD, MPI_INFO_NULL, &request);
        MPI_Start(&request);
    } else
        MPI_Ibcast(in, 1, MPI_DOUBLE, 0, WORLD, &request);
    wait_and_meet();
}

/* persistent_in_any_order, 3 ranks, exit 0:
 */
static void persistent_in_any_order(void)
{
    MPI_Request both[2];
    int first = differs();
    MPI_Barrier_init(WORLD, MPI_INFO_NULL, both + first);
    MPI_Bcast_init(in, 1, MPI_DOUBLE, 0, WORLD, MPI_INFO_NULL, both + 1 - first);
    MPI_Startall(2, both);
    MPI_Waitall(2, both, NO_STATUSES);
}

/* dup_and_barrier, 3 ranks, exit 16:
   mpirun: rank * in MPI_* on MPI_COMM_WORLD: ranks differ in collective no. 1: *MPI_Comm_dup*MPI_Barrier* (MPI_ERR_OTHER)
     dup_and_barrier at LINE, run at LINE, main at LINE
 */
static void dup_and_barrier(void)
{
    if (!differs()) /* a rank is missing */
        MPI_Comm_dup(WORLD, &comm);
    MPI_Barrier(WORLD);
}

/* dup_and_idup, 2 ranks, exit 16:
   mpirun: rank * in MPI_* on MPI_COMM_WORLD: ranks differ in collective no. 1: *MPI_Comm_idup*MPI_Comm_dup* (MPI_ERR_OTHER)
     dup_and_idup at LINE, run at LINE, main at LINE
 */
static void dup_and_idup(void)
{
    if (differs())
        MPI_Comm_dup(WORLD, &comm);
    else {
        MPI_Comm_idup(WORLD, &comm, &request);
        MPI_Wait(&request, NO_STATUS);
    }
}

/* create_and_split, 3 ranks, exit 16:
   mpirun: rank * in MPI_Comm_* on MPI_COMM_WORLD: ranks differ in collective no. 1: *MPI_Comm_split; rank 2: MPI_Comm_create* (MPI_ERR_OTHER)
     create_and_split at LINE, run at LINE, main at LINE
 */
static void create_and_split(void)
{
    MPI_Group all;
    MPI_Comm_group(WORLD, &all);
    if (differs())
        MPI_Comm_create(WORLD, all, &comm);
    else
        MPI_Comm_split(WORLD, 0, 0, &comm);
}

/* grid_and_graph, 3 ranks, exit 16:
   mpirun: rank * in MPI_*_create on MPI_COMM_WORLD: ranks differ in collective no. 1: *MPI_Graph_create*MPI_Cart_create* (MPI_ERR_OTHER)
     grid_and_graph at LINE, run at LINE, main at LINE
 */
static void grid_and_graph(void)
{
    int periodic = 1;
    for (int i = 0; i < ranks; i++) {
        counts[i] = i + 1;
        places[i] = (i + 1) % ranks;
    }
    if (differs())
        MPI_Cart_create(WORLD, 1, &ranks, &periodic, 0, &comm);
    else
        MPI_Graph_create(WORLD, ranks, counts, places, 0, &comm);
}

/* two_kinds_of_windows, 3 ranks, exit 16:
   mpirun: rank * in MPI_Win_* on MPI_COMM_WORLD: ranks differ in collective no. 1: *MPI_Win_allocate*MPI_Win_create* (MPI_ERR_OTHER)
     two_kinds_of_windows at LINE, run at LINE, main at LINE
 */
static void two_kinds_of_windows(void)
{
    MPI_Win win;
    double *memory;
    if (differs())
        MPI_Win_create(in, sizeof in, 8, MPI_INFO_NULL, WORLD, &win);
    else
        MPI_Win_allocate(64, 8, MPI_INFO_NULL, WORLD, &memory, &win);
}

/* window_and_barrier, 2 ranks, exit 16:
   mpirun: rank * in MPI_* on MPI_COMM_WORLD: ranks differ in collective no. 1: *MPI_Win_allocate*MPI_Barrier* (MPI_ERR_OTHER)
     window_and_barrier at LINE, run at LINE, main at LINE
 */
static void window_and_barrier(void)
{
    MPI_Win win;
    double *memory;
    if (differs())
        MPI_Barrier(WORLD);
    else
        MPI_Win_allocate(64, 8, MPI_INFO_NULL, WORLD, &memory, &win);
}

static MPI_File open_file(const char *path)
{
    MPI_File file;
    MPI_File_open(WORLD, path, MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE,
                  MPI_INFO_NULL, &file);
    remove(path);
    MPI_File_set_errhandler(file, MPI_ERRORS_ARE_FATAL);
    return file;
}

/* reads_and_writes, 3 ranks, exit 16:
   mpirun: rank * in MPI_File_*_at_all on *: ranks differ in collective no. 1: ranks 0-1: a collective write; rank 2: a collective read <- alone (MPI_ERR_OTHER)
     reads_and_writes at LINE, run at LINE, main at LINE
 */
static void reads_and_writes(void)
{
    MPI_File file = open_file("/tmp/lariat-mixed-access");
    if (differs())
        MPI_File_read_at_all(file, 0, in, 1, MPI_DOUBLE, NO_STATUS);
    else
        MPI_File_write_at_all(file, 8 * rank, in, 1, MPI_DOUBLE, NO_STATUS);
}

/* view_and_close, 3 ranks, exit 16:
   mpirun: rank * in MPI_File_* on *: ranks differ in collective no. 1: *MPI_File_set_view*MPI_File_close* (MPI_ERR_OTHER)
     view_and_close at LINE, run at LINE, main at LINE
 */
static void view_and_close(void)
{
    MPI_File file = open_file("/tmp/lariat-mixed-view");
    if (differs())
        MPI_File_close(&file);
    else
        MPI_File_set_view(file, 0, MPI_BYTE, MPI_BYTE, "native", MPI_INFO_NULL);
}

/* size_and_sync, 3 ranks, exit 16:
   mpirun: rank * in MPI_File_* on *: ranks differ in collective no. 1: *MPI_File_set_size*MPI_File_sync* (MPI_ERR_OTHER)
     size_and_sync at LINE, run at LINE, main at LINE
 */
static void size_and_sync(void)
{
    MPI_File file = open_file("/tmp/lariat-mixed-size");
    if (differs())
        MPI_File_sync(file);
    else
        MPI_File_set_size(file, 100);
}

/* on_a_part_of_the_job, 3 ranks, exit 16:
   mpirun: rank * in MPI_* on "workers" (rank * there): ranks differ in collective no. 1: rank 0: MPI_Bcast; rank 1: MPI_Barrier (MPI_ERR_OTHER)
     on_a_part_of_the_job at LINE, run at LINE, main at LINE
 */
static void on_a_part_of_the_job(void)
{
    MPI_Comm_split(WORLD, rank == 0, rank, &comm);
    MPI_Comm_set_name(comm, rank ? "workers" : "master");
    if (rank == 0)
        return;
    if (differs())
        MPI_Barrier(comm);
    else
        MPI_Bcast(in, 1, MPI_DOUBLE, 0, comm);
    MPI_Barrier(comm);
}

static const struct fault faults[] = {
    FAULT(nonblocking_calls),       FAULT(five_ranks),             FAULT(neighbours),
    FAULT(neighbours_and_all),      FAULT(nonblocking_neighbours), FAULT(persistent_calls),
    FAULT(persistent_neighbours),   FAULT(persistent_and_nonblocking),
    FAULT(persistent_in_any_order), FAULT(dup_and_barrier),        FAULT(dup_and_idup),
    FAULT(create_and_split),        FAULT(grid_and_graph),         FAULT(two_kinds_of_windows),
    FAULT(window_and_barrier),      FAULT(reads_and_writes),       FAULT(view_and_close),
    FAULT(size_and_sync),           FAULT(on_a_part_of_the_job),
};

RUN(MPI_THREAD_SINGLE)
