/* The Wait and Test families (MPI 5.0, 3.7.3 to 3.7.6), with null requests,
   ignored statuses, and requests that complete in any order. */
#include "check.h"

enum { N = 12 };

static void check_empty(const MPI_Status *status)
{
    int count = -1, cancelled = -1;
    EQ(status->MPI_SOURCE, MPI_ANY_SOURCE);
    EQ(status->MPI_TAG, MPI_ANY_TAG);
    EQ(status->MPI_ERROR, MPI_SUCCESS);
    MPI(MPI_Get_count(status, MPI_BYTE, &count));
    EQ(count, 0);
    MPI(MPI_Test_cancelled(status, &cancelled));
    EQ(cancelled, 0);
}

/* Rank 0 sends N numbers to every other rank when it is told which first. */
static void serve(int backwards)
{
    int order = 0;
    for (int to = 1; to < ranks; to++) {
        MPI(MPI_Recv(&order, 1, MPI_INT, to, 500, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        for (int i = 0; i < N; i++) {
            int tag = backwards ? N - 1 - i : i, value = 100 * to + tag;
            MPI(MPI_Send(&value, 1, MPI_INT, 0 + to, tag, MPI_COMM_WORLD));
        }
    }
}

static void post(MPI_Request *requests, int *values)
{
    for (int i = 0; i < N; i++) {
        values[i] = -1;
        MPI(MPI_Irecv(&values[i], 1, MPI_INT, 0, i, MPI_COMM_WORLD, &requests[i]));
    }
}

static void ask(void)
{
    int go = 1;
    MPI(MPI_Send(&go, 1, MPI_INT, 0, 500, MPI_COMM_WORLD));
}

static void received(const int *values, const MPI_Status *statuses)
{
    for (int i = 0; i < N; i++) {
        EQ(values[i], 100 * rank + i);
        if (statuses) {
            EQ(statuses[i].MPI_SOURCE, 0);
            EQ(statuses[i].MPI_TAG, i);
        }
    }
}

static void nothing(void)
{
    MPI_Request none[3] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL, MPI_REQUEST_NULL};
    MPI_Status status, statuses[3];
    int flag = -1, index = -7, count = -7, indices[3];
    memset(&status, 77, sizeof status);
    MPI(MPI_Wait(&none[0], &status));
    check_empty(&status);
    memset(&status, 77, sizeof status);
    MPI(MPI_Test(&none[0], &flag, &status));
    EQ(flag, 1);
    check_empty(&status);
    memset(&status, 77, sizeof status);
    MPI(MPI_Waitany(3, none, &index, &status));
    EQ(index, MPI_UNDEFINED);
    check_empty(&status);
    index = -7;
    MPI(MPI_Waitany(0, NULL, &index, &status));
    EQ(index, MPI_UNDEFINED);
    flag = -1;
    MPI(MPI_Testany(3, none, &index, &flag, &status));
    EQ(flag, 1);
    EQ(index, MPI_UNDEFINED);
    check_empty(&status);
    memset(statuses, 77, sizeof statuses);
    MPI(MPI_Waitall(3, none, statuses));
    for (int i = 0; i < 3; i++)
        check_empty(&statuses[i]);
    flag = -1;
    MPI(MPI_Testall(3, none, &flag, statuses));
    EQ(flag, 1);
    MPI(MPI_Testall(0, NULL, &flag, MPI_STATUSES_IGNORE));
    EQ(flag, 1);
    MPI(MPI_Waitsome(3, none, &count, indices, statuses));
    EQ(count, MPI_UNDEFINED);
    MPI(MPI_Testsome(3, none, &count, indices, statuses));
    EQ(count, MPI_UNDEFINED);
    MPI(MPI_Waitsome(0, NULL, &count, NULL, MPI_STATUSES_IGNORE));
    EQ(count, MPI_UNDEFINED);
    flag = -1;
    memset(&status, 77, sizeof status);
    MPI(MPI_Request_get_status(MPI_REQUEST_NULL, &flag, &status));
    EQ(flag, 1);
    check_empty(&status);
    memset(&status, 77, sizeof status);
    MPI(MPI_Request_get_status_any(3, none, &index, &flag, &status));
    EQ(flag, 1);
    EQ(index, MPI_UNDEFINED);
    check_empty(&status);
}

/* MPI_ERROR is touched only by a call for several operations of which one
   failed (3.2.5): then it says the error of each. */
static void errors(void)
{
    MPI_Request requests[3];
    MPI_Status statuses[3];
    int values[4] = {1, 2, 3, 4}, got[3];
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    for (int i = 0; i < 3; i++)
        statuses[i].MPI_ERROR = 77;
    MPI(MPI_Irecv(got, 1, MPI_INT, 0, 0, MPI_COMM_SELF, &requests[0]));
    MPI(MPI_Send(values, 1, MPI_INT, 0, 0, MPI_COMM_SELF));
    MPI(MPI_Wait(&requests[0], statuses));
    EQ(statuses[0].MPI_ERROR, 77);
    for (int words = 1; words <= 2; words++) {
        for (int i = 0; i < 3; i++)
            MPI(MPI_Irecv(&got[i], 1, MPI_INT, 0, i, MPI_COMM_SELF, &requests[i]));
        for (int i = 0; i < 3; i++)
            MPI(MPI_Send(values, i == 1 ? words : 1, MPI_INT, 0, i, MPI_COMM_SELF));
        if (words == 1)
            MPI(MPI_Waitall(3, requests, statuses));
        else
            FAILS(MPI_Waitall(3, requests, statuses), MPI_ERR_IN_STATUS);
        for (int i = 0; i < 3; i++) {
            int failed = i == 1 ? MPI_ERR_TRUNCATE : MPI_SUCCESS;
            EQ(statuses[i].MPI_SOURCE, 0);
            EQ(statuses[i].MPI_ERROR, words == 1 ? 77 : failed);
        }
    }
}

int main(void)
{
    START();
    nothing();
    errors();
    MPI_Request requests[N];
    MPI_Status statuses[N];
    int values[N], flag, index, count, indices[N], seen[N];
    for (int backwards = 0; backwards < 2; backwards++) {
        for (int way = 0; way < 8; way++) {
            if (rank == 0) {
                serve(backwards);
                continue;
            }
            post(requests, values);
            /* Nothing was asked for, so nothing can be complete. */
            MPI(MPI_Test(&requests[0], &flag, MPI_STATUS_IGNORE));
            EQ(flag, 0);
            CHECK(requests[0] != MPI_REQUEST_NULL, "");
            MPI(MPI_Testall(N, requests, &flag, statuses));
            EQ(flag, 0);
            MPI(MPI_Testany(N, requests, &index, &flag, MPI_STATUS_IGNORE));
            EQ(flag, 0);
            EQ(index, MPI_UNDEFINED);
            MPI(MPI_Testsome(N, requests, &count, indices, MPI_STATUSES_IGNORE));
            EQ(count, 0);
            MPI(MPI_Request_get_status(requests[N - 1], &flag, MPI_STATUS_IGNORE));
            EQ(flag, 0);
            ask();
            memset(seen, 0, sizeof seen);
            int left = N;
            switch (way) {
            case 0:
                for (int i = 0; i < N; i++) {
                    MPI(MPI_Wait(&requests[i], &statuses[i]));
                    CHECK(requests[i] == MPI_REQUEST_NULL, "");
                }
                received(values, statuses);
                break;
            case 1:
                MPI(MPI_Waitall(N, requests, statuses));
                received(values, statuses);
                break;
            case 2:
                MPI(MPI_Waitall(N, requests, MPI_STATUSES_IGNORE));
                received(values, NULL);
                break;
            case 3:
                for (; left; left--) {
                    MPI_Status status;
                    MPI(MPI_Waitany(N, requests, &index, &status));
                    CHECK(index >= 0 && index < N, "%d", index);
                    EQ(seen[index]++, 0);
                    EQ(status.MPI_TAG, index);
                    CHECK(requests[index] == MPI_REQUEST_NULL, "");
                }
                received(values, NULL);
                break;
            case 4:
                while (left) {
                    MPI(MPI_Waitsome(N, requests, &count, indices, statuses));
                    CHECK(count > 0 && count <= left, "%d of %d", count, left);
                    for (int i = 0; i < count; i++) {
                        EQ(seen[indices[i]]++, 0);
                        EQ(statuses[i].MPI_TAG, indices[i]);
                    }
                    left -= count;
                }
                received(values, NULL);
                break;
            case 5:
                for (; left; left--) {
                    do
                        MPI(MPI_Testany(N, requests, &index, &flag, MPI_STATUS_IGNORE));
                    while (!flag);
                    EQ(seen[index]++, 0);
                }
                received(values, NULL);
                break;
            case 6:
                do
                    MPI(MPI_Testall(N, requests, &flag, statuses));
                while (!flag);
                received(values, statuses);
                break;
            case 7:
                while (left) {
                    MPI(MPI_Testsome(N, requests, &count, indices, statuses));
                    for (int i = 0; i < count; i++)
                        EQ(seen[indices[i]]++, 0);
                    left -= count;
                }
                received(values, NULL);
                break;
            }
            for (int i = 0; i < N; i++)
                CHECK(requests[i] == MPI_REQUEST_NULL, "request %d", i);
        }
    }

    /* A status may be had before the request is given back. */
    int peer = rank ^ 1, got = -1;
    if (peer < ranks) {
        MPI_Request send, receive;
        MPI_Status status;
        MPI(MPI_Irecv(&got, 1, MPI_INT, peer, 3, MPI_COMM_WORLD, &receive));
        MPI(MPI_Isend(&rank, 1, MPI_INT, peer, 3, MPI_COMM_WORLD, &send));
        do
            MPI(MPI_Request_get_status(receive, &flag, &status));
        while (!flag);
        EQ(status.MPI_SOURCE, peer);
        CHECK(receive != MPI_REQUEST_NULL, "");
        EQ(got, peer);
        MPI(MPI_Test(&receive, &flag, MPI_STATUS_IGNORE));
        EQ(flag, 1);
        CHECK(receive == MPI_REQUEST_NULL, "");
        MPI(MPI_Wait(&send, MPI_STATUS_IGNORE));

        /* A freed request goes on by itself. */
        static int freed[50000];
        freed[0] = rank;
        MPI(MPI_Irecv(&got, 1, MPI_INT, peer, 4, MPI_COMM_WORLD, &receive));
        MPI(MPI_Isend(freed, 1, MPI_INT, peer, 4, MPI_COMM_WORLD, &send));
        MPI(MPI_Request_free(&send));
        CHECK(send == MPI_REQUEST_NULL, "");
        MPI(MPI_Wait(&receive, MPI_STATUS_IGNORE));
        EQ(got, peer);
        static int large[50000];
        MPI(MPI_Isend(freed, 50000, MPI_INT, peer, 5, MPI_COMM_WORLD, &send));
        MPI(MPI_Request_free(&send));
        MPI(MPI_Recv(large, 50000, MPI_INT, peer, 5, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        EQ(large[0], peer);
        /* The peer has it all: its answer to this says so. */
        MPI(MPI_Sendrecv(NULL, 0, MPI_INT, peer, 6, NULL, 0, MPI_INT, peer, 6, MPI_COMM_WORLD,
                         MPI_STATUS_IGNORE));
    }
    PASSED();
}
