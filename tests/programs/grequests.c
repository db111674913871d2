/* Generalized requests (MPI 5.0, 13.2): the user's functions are called when and
   with what the standard says. */
#include "check.h"

typedef struct State {
    int queried, freed, cancelled, complete_at_cancel;
} State;

static int query(void *extra, MPI_Status *status)
{
    ((State *)extra)->queried++;
    MPI(MPI_Status_set_elements(status, MPI_INT, 5));
    MPI(MPI_Status_set_cancelled(status, 0));
    status->MPI_SOURCE = 3;
    status->MPI_TAG = 7;
    return MPI_SUCCESS;
}

static int release(void *extra)
{
    ((State *)extra)->freed++;
    return MPI_SUCCESS;
}

static int cancel(void *extra, int complete)
{
    ((State *)extra)->cancelled++;
    ((State *)extra)->complete_at_cancel = complete;
    return MPI_SUCCESS;
}

static int fails(void *extra)
{
    (void)extra;
    return MPI_ERR_OTHER;
}

int main(void)
{
    START();
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    MPI_Request request, pair[2];
    MPI_Status status;
    State state = {0, 0, 0, -1};
    int flag = -1, count = -1;
    MPI(MPI_Grequest_start(query, release, cancel, &state, &request));
    MPI(MPI_Test(&request, &flag, &status));
    EQ(flag, 0);
    EQ(state.queried + state.freed, 0);
    /* cancel_fn learns whether the request is complete; it is called either way. */
    MPI(MPI_Cancel(&request));
    EQ(state.cancelled, 1);
    EQ(state.complete_at_cancel, 0);
    MPI(MPI_Grequest_complete(request));
    MPI(MPI_Cancel(&request));
    EQ(state.cancelled, 2);
    EQ(state.complete_at_cancel, 1);
    EQ(state.freed, 0);
    MPI(MPI_Request_get_status(request, &flag, &status));
    EQ(flag, 1);
    EQ(state.freed, 0);
    MPI(MPI_Wait(&request, &status));
    CHECK(request == MPI_REQUEST_NULL, "");
    EQ(state.freed, 1);
    CHECK(state.queried >= 1, "%d", state.queried);
    MPI(MPI_Get_count(&status, MPI_INT, &count));
    EQ(count, 5);
    EQ(status.MPI_SOURCE, 3);
    EQ(status.MPI_TAG, 7);

    /* Freed before it is complete: free_fn waits for that, and the
       handle stays for it. */
    MPI_Request same;
    state.freed = 0;
    MPI(MPI_Grequest_start(query, release, cancel, &state, &request));
    same = request;
    MPI(MPI_Request_free(&request));
    CHECK(request == MPI_REQUEST_NULL, "");
    EQ(state.freed, 0);
    MPI(MPI_Grequest_complete(same));
    EQ(state.freed, 1);
    MPI(MPI_Grequest_start(query, release, cancel, &state, &request));
    MPI(MPI_Grequest_complete(request));
    EQ(state.freed, 1);
    MPI(MPI_Request_free(&request));
    EQ(state.freed, 2);

    /* Among others, with a function that fails. */
    MPI(MPI_Grequest_start(query, fails, cancel, &state, &pair[0]));
    MPI(MPI_Irecv(&count, 1, MPI_INT, 0, 1, MPI_COMM_SELF, &pair[1]));
    MPI(MPI_Send(&rank, 1, MPI_INT, 0, 1, MPI_COMM_SELF));
    MPI(MPI_Grequest_complete(pair[0]));
    MPI_Status statuses[2];
    FAILS(MPI_Waitall(2, pair, statuses), MPI_ERR_IN_STATUS);
    EQ(statuses[0].MPI_ERROR, MPI_ERR_OTHER);
    EQ(statuses[1].MPI_ERROR, MPI_SUCCESS);
    EQ(count, rank);
    PASSED();
}
