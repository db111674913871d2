/* Loops around calls that look and do not wait, on more ranks than processors: a
   token goes round, and each rank looks for it in another way. Every call must in
   the end find it, and must let the rank run that has it. */
#include "check.h"

static int token = 7;

static void by_iprobe(MPI_Request *request, MPI_Status *status)
{
    int found = 0, source = (rank + ranks - 1) % ranks;
    (void)request;
    while (!found)
        MPI(MPI_Iprobe(source, 0, MPI_COMM_WORLD, &found, status));
    MPI(MPI_Recv(&token, 1, MPI_INT, source, 0, MPI_COMM_WORLD, status));
}

static void by_improbe(MPI_Request *request, MPI_Status *status)
{
    int found = 0;
    MPI_Message message;
    (void)request;
    while (!found)
        MPI(MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &found, &message,
                        status));
    MPI(MPI_Mrecv(&token, 1, MPI_INT, &message, status));
}

static void by_test(MPI_Request *request, MPI_Status *status)
{
    for (int done = 0; !done;)
        MPI(MPI_Test(request, &done, status));
}

static void by_testany(MPI_Request *request, MPI_Status *status)
{
    MPI_Request both[2] = {MPI_REQUEST_NULL, *request};
    for (int done = 0, which = 0; !done;)
        MPI(MPI_Testany(2, both, &which, &done, status));
}

static void by_testall(MPI_Request *request, MPI_Status *status)
{
    MPI_Request both[2] = {*request, MPI_REQUEST_NULL};
    MPI_Status statuses[2];
    for (int done = 0; !done;)
        MPI(MPI_Testall(2, both, &done, statuses));
    *status = statuses[0];
}

static void by_testsome(MPI_Request *request, MPI_Status *status)
{
    for (int done = 0, which; !done;)
        MPI(MPI_Testsome(1, request, &done, &which, status));
}

static void by_get_status(MPI_Request *request, MPI_Status *status)
{
    for (int done = 0; !done;)
        MPI(MPI_Request_get_status(*request, &done, MPI_STATUS_IGNORE));
    MPI(MPI_Wait(request, status));
}

static void (*const ways[])(MPI_Request *, MPI_Status *) = {
    by_iprobe, by_improbe, by_test, by_testany, by_testall, by_testsome, by_get_status};
enum { WAYS = sizeof ways / sizeof *ways, LAPS = 30 * WAYS };

int main(void)
{
    START();
    int next = (rank + 1) % ranks, before = (rank + ranks - 1) % ranks;
    for (int lap = 0; lap < LAPS; lap++) {
        int way = (lap + rank) % WAYS;
        MPI_Request request = MPI_REQUEST_NULL;
        MPI_Status status;
        int sent = lap * ranks;
        if (way >= 2) /* the others are for messages without a receive */
            MPI(MPI_Irecv(&token, 1, MPI_INT, before, 0, MPI_COMM_WORLD, &request));
        MPI_Request going = MPI_REQUEST_NULL;
        if (rank == 0)
            MPI(MPI_Isend(&sent, 1, MPI_INT, next, 0, MPI_COMM_WORLD, &going));
        ways[way](&request, &status);
        EQ(status.MPI_SOURCE, before);
        EQ(token, lap * ranks + before);
        if (rank != 0) {
            sent = token + 1;
            MPI(MPI_Send(&sent, 1, MPI_INT, next, 0, MPI_COMM_WORLD));
        }
        MPI(MPI_Wait(&going, MPI_STATUS_IGNORE));
    }
    PASSED();
}
