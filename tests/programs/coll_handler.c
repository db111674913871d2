/* The error of a nonblocking or persistent collective is raised on the collective's
   communicator (MPI 5.0, 9.3), whichever call completes it: MPI_COMM_SELF and
   MPI_COMM_WORLD keep the handlers that end the job. */
#include "check.h"

static int raised;

static void note(MPI_Comm *comm, int *code, ...)
{
    int class_;
    MPI_Error_class(*code, &class_);
    CHECK(class_ == MPI_ERR_TRUNCATE || class_ == MPI_ERR_IN_STATUS, "class %d", class_);
    CHECK(*comm != MPI_COMM_NULL && *comm != MPI_COMM_SELF, "whose handler?");
    raised++;
}

int main(void)
{
    START();
    int data[10] = { 0 }, flag = 0, index;
    MPI_Comm comm;
    MPI_Errhandler handler;
    MPI_Request request;
    MPI_Status status;
    MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comm));
    MPI(MPI_Comm_create_errhandler(note, &handler));
    MPI(MPI_Comm_set_errhandler(comm, handler));
    int wrong = rank != 0;
    for (int how = 0; how < 5; how++) {
        if (how < 4)
            MPI(MPI_Ibcast(data, rank == 0 ? 10 : 1, MPI_INT, 0, comm, &request));
        else {
            MPI(MPI_Bcast_init(data, rank == 0 ? 10 : 1, MPI_INT, 0, comm, MPI_INFO_NULL, &request));
            MPI(MPI_Start(&request));
        }
        raised = 0;
        int code = MPI_SUCCESS, class_;
        switch (how) {
        case 1:
            while (!flag && code == MPI_SUCCESS)
                code = MPI_Test(&request, &flag, &status);
            break;
        case 2:
            code = MPI_Waitany(1, &request, &index, &status);
            break;
        case 3:
            code = MPI_Waitall(1, &request, &status);
            break;
        default:
            code = MPI_Wait(&request, &status);
        }
        MPI_Error_class(code, &class_);
        EQ(class_, !wrong ? MPI_SUCCESS : how == 3 ? MPI_ERR_IN_STATUS : MPI_ERR_TRUNCATE);
        EQ(how == 3 || raised == wrong, 1);
        if (how == 4)
            MPI(MPI_Request_free(&request));
        MPI(MPI_Barrier(MPI_COMM_WORLD));
    }
    MPI(MPI_Errhandler_free(&handler));
    MPI(MPI_Comm_free(&comm));
    PASSED();
}
