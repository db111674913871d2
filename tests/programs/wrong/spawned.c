/* Jobs that spawn another one, with which something is wrong. */
#include "wrong.h"

static int buffer[4];
static MPI_Comm parent, children;

/* Spawns two children, which run the same fault. Whether this is the job that spawns. */
static int is_parent(const char *fault)
{
    static char program[4096];
    char *words[] = {(char *)fault, NULL};
    MPI_Comm_get_parent(&parent);
    if (parent != MPI_COMM_NULL)
        return 0;
    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0)
        abort();
    MPI_Comm_spawn(program, words, 2, MPI_INFO_NULL, 0, WORLD, &children, MPI_ERRCODES_IGNORE);
    return 1;
}

/* child_crashes, 2 ranks, exit 139:
   mpirun: spawned job of *spawned: rank 1 killed by SIGSEGV at address 0x0, not in MPI (last call MPI_Comm_get_parent)
     child_crashes at LINE, run at LINE, main at LINE*
   mpirun: the spawned job of *spawned has failed (exit code 139) while it was connected to this one: ending the job
 */
static void child_crashes(void)
{
    if (is_parent("child_crashes"))
        MPI_Recv(buffer, 1, MPI_INT, 1, 8, children, NO_STATUS);
    else if (rank == 1)
        *(volatile int *)NULL = 1;
    else
        MPI_Recv(buffer, 1, MPI_INT, 0, 8, parent, NO_STATUS);
}

/* child_leaves, 2 ranks, exit *:
   mpirun: spawned job of *spawned: rank 1 is in MPI_Finalize, but rank 0 waits for it in MPI_Barrier on the own group of MPI_COMM_PARENT (no. 1), which it can no longer call.
     Often an exception or an early return: see what rank 1 printed last (Python: run with -m mpi4py). Ending the job.
     rank 0 waits in MPI_Barrier on the own group of MPI_COMM_PARENT (collective no. 1); not there yet: rank 1 at LINE
   mpirun: *connected*
 */
static void child_leaves(void)
{
    if (is_parent("child_leaves"))
        MPI_Barrier(children);
    else if (rank == 0)
        MPI_Barrier(parent);
}

/* children_hang, 1 ranks, exit *:
   mpirun: spawned job of *spawned: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Recv for rank 1, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     rank 1 waits in MPI_Recv for rank 0, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     each waits for the next: 0 → 1 → 0
   mpirun: *connected*
 */
static void children_hang(void)
{
    if (is_parent("children_hang"))
        MPI_Recv(buffer, 1, MPI_INT, 0, 8, children, NO_STATUS);
    else
        MPI_Recv(buffer, 1, MPI_INT, 1 - rank, 7, WORLD, NO_STATUS);
}

/* each_waits_for_the_other_job, 1 ranks, exit 124, --timeout=3:
   mpirun: the job did not end within 3 s:
     rank 0 waits in MPI_Recv for rank 1 of another job, tag 8, on an intercommunicator of 1 and 2 (context N) at LINE
   mpirun: spawned job of *spawned: SIGTERM: ending the job
     ranks 0-1 wait in MPI_Recv for rank 0 of another job, tag 7, on MPI_COMM_PARENT at LINE
 */
static void each_waits_for_the_other_job(void)
{
    if (is_parent("each_waits_for_the_other_job"))
        MPI_Recv(buffer, 1, MPI_INT, 1, 8, children, NO_STATUS);
    else
        MPI_Recv(buffer, 1, MPI_INT, 0, 7, parent, NO_STATUS);
}

/* too_long_for_a_child, 2 ranks, exit 15:
   mpirun: spawned job of *spawned: rank 1 in MPI_Recv on MPI_COMM_PARENT: the message of 16 bytes from rank 0 with tag 3 does not fit the receive buffer of 4 bytes (MPI_ERR_TRUNCATE)
     too_long_for_a_child at LINE, run at LINE, main at LINE
   mpirun: the spawned job of *spawned has failed (exit code 15) while it was connected to this one: ending the job
 */
static void too_long_for_a_child(void)
{
    if (is_parent("too_long_for_a_child")) {
        if (rank == 0)
            MPI_Send(buffer, 4, MPI_INT, 1, 3, children);
        MPI_Barrier(children);
    } else {
        if (rank == 1)
            MPI_Recv(buffer, 1, MPI_INT, 0, 3, parent, NO_STATUS);
        MPI_Barrier(parent);
    }
}

static const struct fault faults[] = {
    FAULT(child_crashes),           FAULT(child_leaves),         FAULT(children_hang),
    FAULT(each_waits_for_the_other_job), FAULT(too_long_for_a_child),
};

RUN(MPI_THREAD_SINGLE)
