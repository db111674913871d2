/* Programs with faults: each file of this folder has many, and its argument chooses one.
   Above each fault stands how it is run and what must be said of it, which
   tests/tests/wrong.rs reads:

       NAME, RANKS ranks, exit CODE[, OPTIONS]:
       the lines on stderr, one level further in

   Process ids, times, context ids and line numbers are left out; a line number must be that
   of the call. "*" stands for any text. */
#include <mpi.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORLD MPI_COMM_WORLD
#define NO_STATUS MPI_STATUS_IGNORE
#define NO_STATUSES MPI_STATUSES_IGNORE

static int rank, ranks;

struct fault {
    const char *name;
    void (*run)(void);
};

#define FAULT(name) {#name, name}

/* Runs the fault of this name between MPI_Init and MPI_Finalize. */
static inline int run(int argc, char **argv, int level, const struct fault *faults, int count)
{
    int provided;
    MPI_Init_thread(&argc, &argv, level, &provided);
    MPI_Comm_rank(WORLD, &rank);
    MPI_Comm_size(WORLD, &ranks);
    for (int i = 0; i < count; i++)
        if (argc == 2 && !strcmp(faults[i].name, argv[1])) {
            faults[i].run();
            MPI_Finalize();
            return 0;
        }
    fprintf(stderr, "no such fault\n");
    return 1;
}

#define RUN(level) \
    int main(int argc, char **argv) \
    { \
        return run(argc, argv, level, faults, (int)(sizeof faults / sizeof *faults)); \
    }
