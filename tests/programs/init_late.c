/* Ranks that come to MPI_Init one after the other, at the thread level that is
   named: each waits there for those that come later.
   usage: init_late LEVEL (0 single … 3 multiple) */
#include "check.h"
#include <time.h>

int main(int argc, char **argv)
{
    static const int levels[] = {MPI_THREAD_SINGLE, MPI_THREAD_FUNNELED, MPI_THREAD_SERIALIZED,
                                 MPI_THREAD_MULTIPLE};
    const char *rank_text = getenv("LARIAT_RANK");
    int wanted = levels[argc > 1 ? atoi(argv[1]) & 3 : 0], provided = -1, all = 0;
    struct timespec while_others_wait = {0, 20000000L * (rank_text ? atoi(rank_text) : 0)};
    nanosleep(&while_others_wait, NULL);
    MPI(MPI_Init_thread(&argc, &argv, wanted, &provided));
    EQ(provided, wanted);
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    MPI(MPI_Allreduce(&rank, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD));
    EQ(all, ranks * (ranks - 1) / 2);
    PASSED();
}
