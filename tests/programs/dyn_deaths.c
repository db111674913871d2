/* What becomes of connected jobs when a process dies. dyn_deaths WHO HOW
   WHO: child, parent, none. HOW: kill, exit, abort, wait (of the parent: waits for a
   message; of the child: sleeps), apart (the child lives on after a disconnect). */
#include "check.h"
#include <signal.h>
#include <unistd.h>

static void die(const char *how)
{
    if (!strcmp(how, "kill"))
        raise(SIGKILL);
    if (!strcmp(how, "exit"))
        _exit(7);
    if (!strcmp(how, "abort"))
        MPI_Abort(MPI_COMM_WORLD, 5);
}

int main(int argc, char **argv)
{
    MPI_Comm parent, inter;
    char self[4096];
    int value;
    START();
    CHECK(argc >= 3, "%d", argc);
    const char *who = argv[1], *how = argv[2];
    MPI(MPI_Comm_get_parent(&parent));
    if (parent != MPI_COMM_NULL) {
        MPI(MPI_Barrier(parent));
        if (!strcmp(how, "apart")) {
            MPI(MPI_Comm_disconnect(&parent));
            sleep(2);
            printf("child %d lives on\n", rank);
            MPI(MPI_Finalize());
            return 0;
        }
        if (!strcmp(who, "child") && rank == 1)
            die(how);
        MPI(MPI_Recv(&value, 1, MPI_INT, 0, 1, parent, MPI_STATUS_IGNORE));
        return 3;
    }
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    CHECK(n > 0, "%zd", n);
    self[n] = 0;
    MPI(MPI_Comm_spawn(self, argv + 1, 2, MPI_INFO_NULL, 0, MPI_COMM_WORLD, &inter,
                       MPI_ERRCODES_IGNORE));
    MPI(MPI_Barrier(inter));
    if (!strcmp(how, "apart")) {
        MPI(MPI_Comm_disconnect(&inter));
        PASSED();
    }
    printf("all are up\n");
    fflush(stdout);
    if (!strcmp(who, "parent") && rank == 0)
        die(how);
    MPI(MPI_Recv(&value, 1, MPI_INT, 0, 1, inter, MPI_STATUS_IGNORE));
    return 3;
}
