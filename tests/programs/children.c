/* A rank starts programs that use MPI themselves: each is a job of one, and none has
   anything to do with the rank's messages. */
#define _GNU_SOURCE
#include "check.h"

#include <sys/wait.h>
#include <unistd.h>

static int as_child(void)
{
    int size, one = 1, sum = 0;
    MPI_Init(NULL, NULL);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    MPI_Finalize();
    return size == 1 && sum == 1 ? 42 : 1;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "child") == 0)
        return as_child();
    START();
    char line[4096];
    /* by a shell, by a shell with no descriptors, and directly */
    const char *forms[] = {"'%s' child", "exec 3>&- 4>&-; '%s' child", "exec '%s' child"};
    for (int i = 0; i < 6; i++) {
        snprintf(line, sizeof line, forms[i % 3], argv[0]);
        int status = system(line);
        CHECK(WIFEXITED(status), "status %d", status);
        EQ(WEXITSTATUS(status), 42);
    }
    int me = rank, sum = -1;
    MPI(MPI_Allreduce(&me, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD));
    EQ(sum, ranks * (ranks - 1) / 2);
    PASSED();
}
