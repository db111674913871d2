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

/* child_leaves, 2 ranks, exit 35:
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

/* children_hang, 1 ranks, exit 35:
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

/* each_waits_for_the_other_job, 1 ranks, exit 35:
   mpirun: stuck: no rank of this job, or of those that it is connected to, can move any more. Ending the job.
     rank 0 waits in MPI_Recv for rank 1 of another job, tag 8, on an intercommunicator of 1 and 2 (context N) at LINE
     the job of spawned each_waits_for_the_other_job (mpirun is process *):
       ranks 0-1 wait in MPI_Recv for rank 0 of another job, tag 7, on MPI_COMM_PARENT at LINE
 */
static void each_waits_for_the_other_job(void)
{
    if (is_parent("each_waits_for_the_other_job"))
        MPI_Recv(buffer, 1, MPI_INT, 1, 8, children, NO_STATUS);
    else
        MPI_Recv(buffer, 1, MPI_INT, 0, 7, parent, NO_STATUS);
}

/* from_any_of_the_other_job, 2 ranks, exit 35:
   mpirun: stuck: no rank of this job, or of those that it is connected to, can move any more. Ending the job.
     ranks 0-1 wait in MPI_Recv for any rank, any tag, on an intercommunicator of 2 and 2 (context N), room for 1 MPI_INT at LINE
     the job of spawned from_any_of_the_other_job (mpirun is process *):
       ranks 0-1 wait in MPI_Recv for rank 0 of another job, tag 7, on MPI_COMM_PARENT at LINE
 */
static void from_any_of_the_other_job(void)
{
    if (is_parent("from_any_of_the_other_job"))
        MPI_Recv(buffer, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, children, NO_STATUS);
    else
        MPI_Recv(buffer, 1, MPI_INT, 0, 7, parent, NO_STATUS);
}

/* barrier_of_both_jobs, 2 ranks, exit 35:
   mpirun: stuck: no rank of this job, or of those that it is connected to, can move any more. Ending the job.
     rank 0 waits in MPI_Barrier for rank 0 of another job on an intercommunicator of 2 and 2 (context N) at LINE
     rank 1 waits in MPI_Barrier on the own group of an intercommunicator of 2 and 2 (context N) (collective no. 1); not there yet: rank 0 at LINE
     the job of spawned barrier_of_both_jobs (mpirun is process *):
       rank 0 waits in MPI_Barrier on the own group of MPI_COMM_PARENT (collective no. 1); not there yet: rank 1 at LINE
       rank 1 waits in MPI_Recv for rank 0 of another job, tag 7, on MPI_COMM_PARENT at LINE
 */
static void barrier_of_both_jobs(void)
{
    if (is_parent("barrier_of_both_jobs"))
        MPI_Barrier(children);
    else if (rank == 1)
        MPI_Recv(buffer, 1, MPI_INT, 0, 7, parent, NO_STATUS);
    else
        MPI_Barrier(parent);
}

/* on_a_merged_communicator, 2 ranks, exit 35:
   mpirun: stuck: no rank of this job, or of those that it is connected to, can move any more. Ending the job.
     rank 0 waits in MPI_Barrier for rank 2 of another job on "all" at LINE
     rank 1 waits in MPI_Barrier for rank 3 of another job on "all" at LINE
     the job of spawned on_a_merged_communicator (mpirun is process *):
       rank 2 of "all" (world rank 0) waits in MPI_Recv for rank 0 of another job, tag 7, on "all" at LINE
       rank 3 of "all" (world rank 1) waits in MPI_Barrier on "all" (collective no. 1); not there yet: rank 0 at LINE
 */
static void on_a_merged_communicator(void)
{
    MPI_Comm all;
    int spawns = is_parent("on_a_merged_communicator");
    MPI_Intercomm_merge(spawns ? children : parent, !spawns, &all);
    MPI_Comm_set_name(all, "all");
    MPI_Comm_rank(all, &rank);
    if (rank == 2)
        MPI_Recv(buffer, 1, MPI_INT, 0, 7, all, NO_STATUS);
    MPI_Barrier(all);
}

/* a_slow_child, 1 ranks, exit 0:
 */
static void a_slow_child(void)
{
    if (is_parent("a_slow_child")) {
        MPI_Recv(buffer, 1, MPI_INT, MPI_ANY_SOURCE, 8, children, NO_STATUS);
        MPI_Comm_disconnect(&children);
        return;
    }
    if (rank == 1) {
        usleep(4000000);
        MPI_Send(buffer, 1, MPI_INT, 0, 9, WORLD);
    } else {
        MPI_Recv(buffer, 1, MPI_INT, 1, 9, WORLD, NO_STATUS);
        MPI_Send(buffer, 1, MPI_INT, 0, 8, parent);
    }
    MPI_Comm_disconnect(&parent);
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
    FAULT(from_any_of_the_other_job), FAULT(barrier_of_both_jobs),
    FAULT(on_a_merged_communicator), FAULT(a_slow_child),
    FAULT(each_waits_for_the_other_job), FAULT(too_long_for_a_child),
};

RUN(MPI_THREAD_SINGLE)
