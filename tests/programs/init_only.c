/* MPI comes up and goes down. With an argument, the program itself does something wrong
   that a checker of memory finds, on rank 0: a leak; a receive buffer that is shorter
   than it says; a branch on bytes that were never written.
   usage: init_only [leak | short | undefined] */
#include "check.h"

int main(int argc, char **argv)
{
    const char *wrong = argc > 1 ? argv[1] : "";
    START();
    if (!strcmp(wrong, "leak") && rank == 0) {
        char *volatile lost = room(100);
        lost = NULL;
        (void)lost;
    }
    if (!strcmp(wrong, "short")) {
        enum { LEN = 100000 };
        char *buffer = room(rank == 0 ? LEN - 10 : LEN);
        memset(buffer, 1, LEN - 10);
        if (rank == 0)
            MPI(MPI_Recv(buffer, LEN, MPI_BYTE, 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        else {
            memset(buffer, 1, LEN);
            MPI(MPI_Send(buffer, LEN, MPI_BYTE, 0, 0, MPI_COMM_WORLD));
        }
        free(buffer);
    }
    if (!strcmp(wrong, "undefined") && rank == 0) {
        char *buffer = room(100);
        MPI(MPI_Sendrecv(NULL, 0, MPI_BYTE, 0, 0, buffer, 100, MPI_BYTE, 0, 0,
                         MPI_COMM_SELF, MPI_STATUS_IGNORE));
        if (((volatile char *)buffer)[50] == 3)
            puts("three");
        free(buffer);
    }
    PASSED();
}
