/* What is wrong about windows is said by its class, with the value (MPI 5.0,
   chapter 12), and leaves the window as it was. */
#include "check.h"
#include "windows.h"

static void says(int code, const char *what)
{
    char text[MPI_MAX_ERROR_STRING];
    int len;
    MPI(MPI_Error_string(code, text, &len));
    CHECK(strstr(text, what), "%s does not say %s", text, what);
}

static void user(void *in, void *inout, int *len, MPI_Datatype *type)
{
    (void)in, (void)inout, (void)len, (void)type;
}

int main(void)
{
    START();
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    MPI_Win win = MPI_WIN_NULL;
    int *base, unit, flag, x = 1, y = 2;
    MPI_Aint size;
    MPI_Group group, self;
    MPI_Info info;

    FAILS(MPI_Win_allocate_shared(-5, 4, MPI_INFO_NULL, MPI_COMM_WORLD, &base, &win), MPI_ERR_SIZE);
    says(MPI_Win_allocate_shared(-5, 4, MPI_INFO_NULL, MPI_COMM_WORLD, &base, &win), "-5");
    FAILS(MPI_Win_allocate_shared(8, 0, MPI_INFO_NULL, MPI_COMM_WORLD, &base, &win), MPI_ERR_DISP);
    FAILS(MPI_Win_allocate_shared(8, -4, MPI_INFO_NULL, MPI_COMM_WORLD, &base, &win), MPI_ERR_DISP);
    FAILS(MPI_Win_allocate_shared(8, 4, MPI_INFO_NULL, MPI_COMM_NULL, &base, &win), MPI_ERR_COMM);
    FAILS(MPI_Win_allocate_shared(8, 4, MPI_INFO_NULL, MPI_COMM_WORLD, NULL, &win), MPI_ERR_ARG);
    FAILS(MPI_Win_allocate_shared(8, 4, MPI_INFO_NULL, MPI_COMM_WORLD, &base, NULL), MPI_ERR_ARG);
    MPI(MPI_Info_create(&info));
    MPI(MPI_Info_set(info, "mpi_minimum_memory_alignment", "24"));
    FAILS(MPI_Win_allocate_shared(8, 4, info, MPI_COMM_WORLD, &base, &win), MPI_ERR_INFO_VALUE);
    MPI(MPI_Info_free(&info));
    if (ranks > 1 && !several_hosts())
        FAILS(MPI_Win_allocate_shared((MPI_Aint)1 << 62, 4, MPI_INFO_NULL, MPI_COMM_WORLD, &base, &win),
              MPI_ERR_SIZE);
    if (ranks > 1) {
        MPI_Comm half, both;
        MPI(MPI_Comm_split(MPI_COMM_WORLD, rank == 0, 0, &half));
        MPI(MPI_Intercomm_create(half, 0, MPI_COMM_WORLD, rank == 0 ? 1 : 0, 3, &both));
        MPI(MPI_Comm_set_errhandler(both, MPI_ERRORS_RETURN));
        FAILS(MPI_Win_allocate_shared(8, 4, MPI_INFO_NULL, both, &base, &win), MPI_ERR_COMM);
        MPI(MPI_Comm_free(&both));
        MPI(MPI_Comm_free(&half));
    }
    FAILS(MPI_Win_free(&win), MPI_ERR_WIN);
    FAILS(MPI_Win_fence(0, MPI_WIN_NULL), MPI_ERR_WIN);
    FAILS(MPI_Win_lock_all(0, (MPI_Win)MPI_COMM_WORLD), MPI_ERR_WIN);

    MPI(allocate_window(10 * sizeof(int), sizeof(int), &base, &win));
    MPI(MPI_Win_set_errhandler(win, MPI_ERRORS_RETURN));
    MPI(MPI_Win_set_name(win, "ledger"));
    FAILS(MPI_Win_shared_query(win, ranks, &size, &unit, &base), MPI_ERR_RANK);
    FAILS(MPI_Win_shared_query(win, -7, &size, &unit, &base), MPI_ERR_RANK);

    /* Without an epoch. */
    FAILS(MPI_Put(&x, 1, MPI_INT, 0, 0, 1, MPI_INT, win), MPI_ERR_RMA_SYNC);
    says(MPI_Put(&x, 1, MPI_INT, 0, 0, 1, MPI_INT, win), "ledger");
    FAILS(MPI_Get(&x, 1, MPI_INT, 0, 0, 1, MPI_INT, win), MPI_ERR_RMA_SYNC);
    FAILS(MPI_Accumulate(&x, 1, MPI_INT, 0, 0, 1, MPI_INT, MPI_SUM, win), MPI_ERR_RMA_SYNC);
    FAILS(MPI_Fetch_and_op(&x, &y, MPI_INT, 0, 0, MPI_SUM, win), MPI_ERR_RMA_SYNC);
    FAILS(MPI_Compare_and_swap(&x, &x, &y, MPI_INT, 0, 0, win), MPI_ERR_RMA_SYNC);
    FAILS(MPI_Win_complete(win), MPI_ERR_RMA_SYNC);
    FAILS(MPI_Win_wait(win), MPI_ERR_RMA_SYNC);
    FAILS(MPI_Win_test(win, &flag), MPI_ERR_RMA_SYNC);
    FAILS(MPI_Win_unlock(0, win), MPI_ERR_RMA_SYNC);
    FAILS(MPI_Win_unlock_all(win), MPI_ERR_RMA_SYNC);
    FAILS(MPI_Win_flush(0, win), MPI_ERR_RMA_SYNC);
    FAILS(MPI_Win_flush_all(win), MPI_ERR_RMA_SYNC);
    FAILS(MPI_Win_flush_local(0, win), MPI_ERR_RMA_SYNC);
    FAILS(MPI_Win_flush_local_all(win), MPI_ERR_RMA_SYNC);

    /* Locks. */
    FAILS(MPI_Win_lock(MPI_LOCK_SHARED, ranks, 0, win), MPI_ERR_RANK);
    FAILS(MPI_Win_lock(MPI_LOCK_SHARED, -1, 0, win), MPI_ERR_RANK);
    FAILS(MPI_Win_lock(77, 0, 0, win), MPI_ERR_LOCKTYPE);
    says(MPI_Win_lock(77, 0, 0, win), "77");
    FAILS(MPI_Win_lock(MPI_LOCK_SHARED, 0, MPI_MODE_NOSTORE, win), MPI_ERR_ASSERT);
    FAILS(MPI_Win_lock_all(1, win), MPI_ERR_ASSERT);
    MPI(MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, win));
    FAILS(MPI_Win_lock(MPI_LOCK_EXCLUSIVE, 0, 0, win), MPI_ERR_RMA_SYNC);
    FAILS(MPI_Win_lock_all(0, win), MPI_ERR_RMA_SYNC);
    FAILS(MPI_Win_fence(0, win), MPI_ERR_RMA_SYNC);
    FAILS(MPI_Win_free(&win), MPI_ERR_RMA_SYNC);
    if (ranks > 1) {
        FAILS(MPI_Win_flush(1, win), MPI_ERR_RMA_SYNC);
        FAILS(MPI_Put(&x, 1, MPI_INT, 1, 0, 1, MPI_INT, win), MPI_ERR_RMA_SYNC);
    }
    MPI(MPI_Win_flush(0, win));

    /* Ranges and types. */
    FAILS(MPI_Put(&x, 1, MPI_INT, 0, 10, 1, MPI_INT, win), MPI_ERR_RMA_RANGE);
    FAILS(MPI_Get(&x, 1, MPI_INT, 0, -1, 1, MPI_INT, win), MPI_ERR_DISP);
    FAILS(MPI_Put(&x, 1, MPI_INT, 0, (MPI_Aint)1 << 62, 1, MPI_INT, win), MPI_ERR_RMA_RANGE);
    FAILS(MPI_Put(&x, 1, MPI_INT, 0, 9, 2, MPI_INT, win), MPI_ERR_RMA_RANGE);
    says(MPI_Put(&x, 1, MPI_INT, 0, 10, 1, MPI_INT, win), "40 to 44");
    FAILS(MPI_Put(&x, 1, MPI_INT, 0, 0, 2, MPI_INT, win), MPI_ERR_TRUNCATE);
    FAILS(MPI_Put(&x, -1, MPI_INT, 0, 0, 1, MPI_INT, win), MPI_ERR_COUNT);
    FAILS(MPI_Put(&x, 1, MPI_DATATYPE_NULL, 0, 0, 1, MPI_INT, win), MPI_ERR_TYPE);
    FAILS(MPI_Put(NULL, 1, MPI_INT, 0, 0, 1, MPI_INT, win), MPI_ERR_BUFFER);
    FAILS(MPI_Accumulate(&x, 1, MPI_INT, 0, 0, 1, MPI_FLOAT, MPI_SUM, win), MPI_ERR_TYPE);
    FAILS(MPI_Accumulate(&x, 4, MPI_BYTE, 0, 0, 4, MPI_BYTE, MPI_SUM, win), MPI_ERR_OP);
    FAILS(MPI_Accumulate(&x, 1, MPI_INT, 0, 0, 1, MPI_INT, MPI_OP_NULL, win), MPI_ERR_OP);
    FAILS(MPI_Compare_and_swap(&x, &x, &y, MPI_FLOAT, 0, 0, win), MPI_ERR_TYPE);
    MPI_Op own;
    MPI(MPI_Op_create(user, 1, &own));
    FAILS(MPI_Accumulate(&x, 1, MPI_INT, 0, 0, 1, MPI_INT, own, win), MPI_ERR_OP);
    MPI(MPI_Op_free(&own));
    MPI_Datatype mixed;
    MPI(MPI_Type_create_struct(2, (int[]){1, 1}, (MPI_Aint[]){0, 4},
                               (MPI_Datatype[]){MPI_INT, MPI_FLOAT}, &mixed));
    FAILS(MPI_Put(&x, 1, mixed, 0, 0, 1, mixed, win), MPI_ERR_TYPE); /* not committed */
    MPI(MPI_Type_commit(&mixed));
    FAILS(MPI_Accumulate(base, 1, mixed, 0, 0, 1, mixed, MPI_SUM, win), MPI_ERR_TYPE);
    FAILS(MPI_Fetch_and_op(base, base, mixed, 0, 0, MPI_SUM, win), MPI_ERR_TYPE);
    MPI(MPI_Type_free(&mixed));
    MPI(MPI_Win_unlock(0, win));

    MPI(MPI_Win_lock_all(0, win));
    FAILS(MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, win), MPI_ERR_RMA_SYNC);
    FAILS(MPI_Win_unlock(0, win), MPI_ERR_RMA_SYNC);
    MPI(MPI_Win_unlock_all(win));

    /* Active target. */
    FAILS(MPI_Win_fence(1, win), MPI_ERR_ASSERT);
    FAILS(MPI_Win_fence(MPI_MODE_NOCHECK, win), MPI_ERR_ASSERT);
    MPI(MPI_Win_fence(0, win));
    MPI_Request request;
    FAILS(MPI_Rput(&x, 1, MPI_INT, 0, 0, 1, MPI_INT, win, &request), MPI_ERR_RMA_SYNC);
    MPI(MPI_Put(&x, 1, MPI_INT, rank, 0, 1, MPI_INT, win));
    MPI(MPI_Win_fence(MPI_MODE_NOSUCCEED, win));
    FAILS(MPI_Put(&x, 1, MPI_INT, rank, 0, 1, MPI_INT, win), MPI_ERR_RMA_SYNC);
    MPI(MPI_Comm_group(MPI_COMM_WORLD, &group));
    MPI(MPI_Comm_group(MPI_COMM_SELF, &self));
    FAILS(MPI_Win_post(MPI_GROUP_NULL, 0, win), MPI_ERR_GROUP);
    FAILS(MPI_Win_post(self, MPI_MODE_NOSUCCEED, win), MPI_ERR_ASSERT);
    FAILS(MPI_Win_start(self, MPI_MODE_NOSTORE, win), MPI_ERR_ASSERT);
    MPI(MPI_Win_post(self, MPI_MODE_NOPUT, win));
    FAILS(MPI_Win_post(self, 0, win), MPI_ERR_RMA_SYNC);
    FAILS(MPI_Win_fence(0, win), MPI_ERR_RMA_SYNC);
    MPI(MPI_Win_test(win, &flag));
    EQ(flag, 0);
    MPI(MPI_Win_start(self, 0, win));
    FAILS(MPI_Win_start(self, 0, win), MPI_ERR_RMA_SYNC);
    FAILS(MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, win), MPI_ERR_RMA_SYNC);
    FAILS(MPI_Win_lock_all(0, win), MPI_ERR_RMA_SYNC);
    if (ranks > 1)
        FAILS(MPI_Put(&x, 1, MPI_INT, (rank + 1) % ranks, 0, 1, MPI_INT, win), MPI_ERR_RMA_SYNC);
    FAILS(MPI_Win_free(&win), MPI_ERR_RMA_SYNC);
    MPI(MPI_Put(&x, 1, MPI_INT, rank, 0, 1, MPI_INT, win));
    MPI(MPI_Win_complete(win));
    MPI(MPI_Win_wait(win));

    /* A window of some does not know the others. */
    MPI_Win alone;
    MPI(MPI_Win_allocate_shared(4, 4, MPI_INFO_NULL, MPI_COMM_SELF, &base, &alone));
    MPI(MPI_Win_set_errhandler(alone, MPI_ERRORS_RETURN));
    if (ranks > 1) {
        FAILS(MPI_Win_post(group, 0, alone), MPI_ERR_GROUP);
        FAILS(MPI_Win_start(group, 0, alone), MPI_ERR_GROUP);
    }
    MPI(MPI_Win_free(&alone));

    MPI(MPI_Win_lock(MPI_LOCK_SHARED, MPI_PROC_NULL, 0, win));
    MPI(MPI_Win_unlock(MPI_PROC_NULL, win));
    MPI_Win stale = win;
    MPI(MPI_Win_free(&win));
    FAILS(MPI_Win_free(&stale), MPI_ERR_WIN);
    FAILS(MPI_Win_fence(0, stale), MPI_ERR_WIN);
    MPI(MPI_Group_free(&group));
    MPI(MPI_Group_free(&self));
    PASSED();
}
