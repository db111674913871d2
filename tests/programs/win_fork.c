/* Ranks that fork while they have windows: the child reads what its parent has in
   them, and (with the argument "private") what it writes into memory that its
   parent owns is its own. */
#include "check.h"
#include <sys/wait.h>
#include <unistd.h>

static void ends_well(pid_t child)
{
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child, "fork");
    EQ(status, 0);
}

static int holds(const char *bytes, const char *wanted, size_t len)
{
    return memcmp(bytes, wanted, len) == 0;
}

int main(int argc, char **argv)
{
    int private = argc > 1 && !strcmp(argv[1], "private");
    enum { LEN = 300000, ROUNDS = 10 };
    char *wanted = room(LEN);
    START();
    for (int apart = 0; apart < 2; apart++) {
        MPI_Info info;
        MPI_Win win;
        MPI_Aint size;
        int unit;
        char *base, *at;
        MPI(MPI_Info_create(&info));
        MPI(MPI_Info_set(info, "alloc_shared_noncontig", apart ? "true" : "false"));
        MPI(MPI_Win_allocate_shared(LEN, 1, info, MPI_COMM_WORLD, &base, &win));
        MPI(MPI_Info_free(&info));
        int next = (rank + 1) % ranks;
        MPI(MPI_Win_shared_query(win, next, &size, &unit, &at));
        for (int i = 0; i < ROUNDS; i++) {
            fill(base, LEN, 100 * i + rank);
            MPI(MPI_Win_fence(0, win));
            fill(wanted, LEN, 100 * i + rank);
            pid_t child = fork();
            if (child == 0)
                _exit(holds(base, wanted, LEN) ? 0 : 3);
            ends_well(child);
            fill(wanted, LEN, 100 * i + next);
            child = fork();
            if (child == 0)
                _exit(holds(at, wanted, LEN) ? 0 : 4);
            ends_well(child);
            if (private && ranks > 1 && (apart || rank == 0)) {
                child = fork();
                if (child == 0) {
                    memset(base, 0x55, LEN);
                    _exit(0);
                }
                ends_well(child);
            }
            MPI(MPI_Win_fence(0, win));
            for (int r = 0; r < ranks; r++) {
                MPI(MPI_Win_shared_query(win, r, &size, &unit, &at));
                FILLED(at, LEN, 100 * i + r);
            }
            MPI(MPI_Win_shared_query(win, next, &size, &unit, &at));
            MPI(MPI_Win_lock(MPI_LOCK_EXCLUSIVE, 0, 0, win));
            MPI(MPI_Win_unlock(0, win));
            MPI(MPI_Win_fence(0, win));
        }
        MPI(MPI_Win_free(&win));
    }
    free(wanted);
    PASSED();
}
