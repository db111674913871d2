/* Windows for programs that also run on several hosts. */
#ifndef WINDOWS_H
#define WINDOWS_H

#include <mpi.h>
#include <stdlib.h>

/* Whether ranks are on several hosts, as whoever started the program says. */
static inline int several_hosts(void)
{
    return getenv("SEVERAL_HOSTS") != NULL;
}

/* A window of all ranks: of shared memory, unless they are on several hosts. */
static inline int allocate_window(MPI_Aint size, int unit, void *base, MPI_Win *win)
{
    if (several_hosts())
        return MPI_Win_allocate(size, unit, MPI_INFO_NULL, MPI_COMM_WORLD, base, win);
    return MPI_Win_allocate_shared(size, unit, MPI_INFO_NULL, MPI_COMM_WORLD, base, win);
}

/* An access fails with this class: when it is made, or, by a target on another host, when it is
   completed by CALL. */
#define ACCESS_FAILS(access, class_wanted, call)                               \
    do {                                                                       \
        int made_ = (access);                                                  \
        FAILS(made_ == MPI_SUCCESS && several_hosts() ? (call) : made_, class_wanted); \
    } while (0)

#endif
