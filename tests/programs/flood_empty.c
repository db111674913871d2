/* Messages without any bytes cost memory too: a sender of millions of them waits
   for a receiver that does something else, instead of filling its memory. */
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
    enum { COUNT = 3 << 19 };
    if (rank == 0) {
        long before = peak_kib();
        MPI_Status status;
        /* meanwhile the others' messages come in */
        MPI(MPI_Recv(NULL, 0, MPI_BYTE, 2, 1, MPI_COMM_WORLD, &status));
        long grown = peak_kib() - before;
        CHECK(grown < 150 << 10, "%ld KiB for messages of no bytes", grown);
        for (int i = 0; i < COUNT; i++) {
            MPI(MPI_Recv(NULL, 0, MPI_BYTE, 1, MPI_ANY_TAG, MPI_COMM_WORLD, &status));
            EQ(status.MPI_TAG, 3 + i % 1000);
        }
    } else if (rank == 1) {
        for (int i = 0; i < COUNT; i++)
            MPI(MPI_Send(NULL, 0, MPI_BYTE, 0, 3 + i % 1000, MPI_COMM_WORLD));
    } else if (rank == 2) {
        struct timespec moment = {2, 0};
        nanosleep(&moment, NULL);
        MPI(MPI_Send(NULL, 0, MPI_BYTE, 0, 1, MPI_COMM_WORLD));
    }
    PASSED();
}
