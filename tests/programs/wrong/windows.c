/* Windows whose members wait for each other for ever. */
#include "wrong.h"

static MPI_Win make(const char *name)
{
    int *memory;
    MPI_Win win;
    MPI_Win_allocate(64, 4, MPI_INFO_NULL, WORLD, &memory, &win);
    MPI_Win_set_name(win, name);
    return win;
}

static MPI_Group only(int member)
{
    MPI_Group all, one;
    MPI_Comm_group(WORLD, &all);
    MPI_Group_incl(all, 1, &member, &one);
    return one;
}

/* fence_missing, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     ranks 0-1 wait in MPI_Win_fence on window "halo"; not there yet: rank 2 at LINE
     rank 2 waits in MPI_Barrier on MPI_COMM_WORLD (collective no. 2); not there yet: rank 0 at LINE
     each waits for the next: 0 → 2 → 0
 */
static void fence_missing(void)
{
    MPI_Win win = make("halo");
    MPI_Win_fence(0, win);
    if (rank != 2)
        MPI_Win_fence(0, win);
    MPI_Barrier(WORLD);
    MPI_Win_free(&win);
}

/* fence_too_late, 3 ranks, exit 35:
   mpirun: rank 1 is in MPI_Finalize, but ranks 0, 2 wait for it in MPI_Win_fence on window "halo", which it can no longer call.
     Often an exception or an early return: see what rank 1 printed last (Python: run with -m mpi4py). Ending the job.
     ranks 0, 2 wait in MPI_Win_fence on window "halo"; not there yet: rank 1 at LINE
 */
static void fence_too_late(void)
{
    MPI_Win win = make("halo");
    if (rank != 1)
        MPI_Win_fence(0, win);
}

/* start_without_post, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Win_start for rank 1 to call MPI_Win_post, on window "halo" at LINE
     rank 1 waits in MPI_Barrier on MPI_COMM_WORLD (collective no. 2); not there yet: rank 0 at LINE
     each waits for the next: 0 → 1 → 0
 */
static void start_without_post(void)
{
    MPI_Win win = make("halo");
    if (rank == 0) {
        MPI_Win_start(only(1), 0, win);
        MPI_Win_complete(win);
    }
    MPI_Barrier(WORLD);
}

/* wait_without_complete, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Win_wait for rank 1 to call MPI_Win_complete, on window "halo" at LINE
     rank 1 waits in MPI_Barrier on MPI_COMM_WORLD (collective no. 2); not there yet: rank 0 at LINE
     each waits for the next: 0 → 1 → 0
 */
static void wait_without_complete(void)
{
    MPI_Win win = make("halo");
    if (rank == 0) {
        MPI_Win_post(only(1), 0, win);
        MPI_Win_wait(win);
    }
    MPI_Barrier(WORLD);
}

/* lock_never_unlocked, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     ranks 0-1 wait in MPI_Barrier on MPI_COMM_WORLD (collective no. 3); not there yet: rank 2 at LINE
     rank 2 waits in MPI_Win_lock (exclusive) at rank 0 of window "table"; held by rank 1, which is in MPI_Barrier at LINE
     each waits for the next: 2 → 1 → 2
 */
static void lock_never_unlocked(void)
{
    MPI_Win win = make("table");
    if (rank == 1)
        MPI_Win_lock(MPI_LOCK_EXCLUSIVE, 0, 0, win);
    MPI_Barrier(WORLD);
    if (rank == 2) {
        MPI_Win_lock(MPI_LOCK_EXCLUSIVE, 0, 0, win);
        MPI_Win_unlock(0, win);
    }
    MPI_Barrier(WORLD);
}

/* shared_lock_waits, 3 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Win_lock_all (shared) at rank 2 of window "table"; held by rank 1, which is in MPI_Barrier at LINE
     ranks 1-2 wait in MPI_Barrier on MPI_COMM_WORLD (collective no. 3); not there yet: rank 0 at LINE
     each waits for the next: 0 → 1 → 0
 */
static void shared_lock_waits(void)
{
    MPI_Win win = make("table");
    if (rank == 1)
        MPI_Win_lock(MPI_LOCK_EXCLUSIVE, 2, 0, win);
    MPI_Barrier(WORLD);
    if (rank == 0) {
        MPI_Win_lock_all(0, win);
        MPI_Win_unlock_all(win);
    }
    MPI_Barrier(WORLD);
}

/* locks_cross, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Win_lock (exclusive) at rank 0 of window "second"; held by rank 1, which is in MPI_Win_lock at LINE
     rank 1 waits in MPI_Win_lock (exclusive) at rank 0 of window "first"; held by rank 0, which is in MPI_Win_lock at LINE
     each waits for the next: 0 → 1 → 0
 */
static void locks_cross(void)
{
    MPI_Win win[2] = {make("first"), make("second")};
    MPI_Win_lock(MPI_LOCK_EXCLUSIVE, 0, 0, win[rank]);
    MPI_Barrier(WORLD);
    MPI_Win_lock(MPI_LOCK_EXCLUSIVE, 0, 0, win[1 - rank]);
}

/* free_missing, 2 ranks, exit 35:
   mpirun: stuck: no rank can move any more. Ending the job.
     rank 0 waits in MPI_Win_free on window "halo"; not there yet: rank 1 at LINE
     rank 1 waits in MPI_Recv for rank 0, tag 7, on MPI_COMM_WORLD, room for 1 MPI_INT at LINE
     each waits for the next: 0 → 1 → 0
 */
static void free_missing(void)
{
    int value;
    MPI_Win win = make("halo");
    if (rank == 1)
        MPI_Recv(&value, 1, MPI_INT, 0, 7, WORLD, NO_STATUS);
    MPI_Win_free(&win);
}

static const struct fault faults[] = {
    FAULT(fence_missing),         FAULT(fence_too_late),      FAULT(start_without_post),
    FAULT(wait_without_complete), FAULT(lock_never_unlocked), FAULT(shared_lock_waits),
    FAULT(locks_cross),           FAULT(free_missing),
};

RUN(MPI_THREAD_SINGLE)
