/* A message longer than the buffer it is received into: the error is returned
 * first, so that its text can be shown; then it is left to the default handler,
 * which ends the job. */
#include <mpi.h>
#include <stdio.h>

enum { SENT = 8, ROOM = 4, TAG = 7 };

int main(int argc, char **argv)
{
    int rank, size, numbers[SENT] = {0};
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (size < 2) {
        fprintf(stderr, "truncation: start it with mpirun -n 2\n");
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    if (rank == 0) {
        MPI_Send(numbers, SENT, MPI_INT, 1, TAG, MPI_COMM_WORLD);
        MPI_Send(numbers, SENT, MPI_INT, 1, TAG, MPI_COMM_WORLD);
    } else if (rank == 1) {
        char text[MPI_MAX_ERROR_STRING];
        int length, class;
        MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
        int code = MPI_Recv(numbers, ROOM, MPI_INT, 0, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Error_class(code, &class);
        MPI_Error_string(code, text, &length);
        printf("returned, %s: %s\n", class == MPI_ERR_TRUNCATE ? "MPI_ERR_TRUNCATE" : "WRONG CLASS",
               text);
        fflush(stdout);
        MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
        MPI_Recv(numbers, ROOM, MPI_INT, 0, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        printf("WRONG: the fatal error did not end the job\n");
    }
    MPI_Finalize();
    return 0;
}
