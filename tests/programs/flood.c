/* A sender far ahead of its receiver: memory for what was not asked for stays
   bounded, and nothing fails or is lost. The receiver does other things first,
   then takes the messages in another order than they came. */
#include "check.h"
#include <sys/resource.h>
#include <time.h>

static long peak_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

int main(void)
{
    START();
    enum { LEN = 16 << 10, COUNT = 16 << 10 }; /* 256 MiB in all */
    char *buffer = room(LEN);
    struct timespec moment = {0, 300000000};
    if (rank == 0) {
        for (int to = 1; to < ranks; to++)
            nanosleep(&moment, NULL);
        long before = peak_kib();
        for (int from = ranks - 1; from > 0; from--) {
            int tag = -1;
            MPI(MPI_Recv(&tag, 1, MPI_INT, from, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
            for (int i = 0; i < COUNT; i++) {
                MPI(MPI_Recv(buffer, LEN, MPI_BYTE, from, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
                if (i % 64 == 0)
                    FILLED(buffer, LEN, (unsigned)(from * COUNT + i));
            }
        }
        long grown = peak_kib() - before;
        CHECK(grown < 200 << 10, "%ld KiB for messages nobody asked for yet", grown);
    } else {
        MPI_Request marker;
        MPI(MPI_Isend(&rank, 1, MPI_INT, 0, 1, MPI_COMM_WORLD, &marker));
        for (int i = 0; i < COUNT; i++) {
            if (i % 64 == 0)
                fill(buffer, LEN, (unsigned)(rank * COUNT + i));
            MPI(MPI_Send(buffer, LEN, MPI_BYTE, 0, 0, MPI_COMM_WORLD));
        }
        MPI(MPI_Wait(&marker, MPI_STATUS_IGNORE));
    }
    PASSED();
}
