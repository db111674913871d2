/* Large messages in a steady state, for a tool that counts system calls: one
   that nobody else makes (write to descriptor -42) marks its begin and its end.
   usage: large_calls LENGTH MESSAGES */
#include "bytes.h"
#include <unistd.h>

int main(int argc, char **argv)
{
    START();
    size_t len = (size_t)number(argc, argv, 1, 1 << 20);
    long messages = number(argc, argv, 2, 200);
    unsigned char *buffer = room(len);
    memset(buffer, rank, len);
    for (int part = 0; part < 2; part++) {
        MPI(MPI_Barrier(MPI_COMM_WORLD));
        if (part && write(-42, "begin", 5) == 0)
            return 1;
        for (long i = 0; i < (part ? messages : messages / 4 + 4); i++) {
            if (rank == i % 2)
                MPI(MPI_Send(buffer, (int)len, MPI_BYTE, !rank, 1, MPI_COMM_WORLD));
            else
                MPI(MPI_Recv(buffer, (int)len, MPI_BYTE, !rank, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        }
        if (part && write(-42, "end", 3) == 0)
            return 1;
    }
    ALL(buffer, len, buffer[0]);
    free(buffer);
    PASSED();
}
