/* Spawns and disconnects many times; descriptors, mappings and processes stay as many.
   dyn_churn TURNS */
#include "check.h"
#include <dirent.h>
#include <unistd.h>

static int descriptors(void)
{
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");
    CHECK(dir, "%s", "");
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static int mappings(void)
{
    int n = 0, c;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps, "%s", "");
    while ((c = getc(maps)) != EOF)
        n += c == '\n';
    fclose(maps);
    return n;
}

int main(int argc, char **argv)
{
    MPI_Comm parent, inter, merged;
    char self[4096];
    int turns = argc > 1 ? atoi(argv[1]) : 100;
    START();
    MPI(MPI_Comm_get_parent(&parent));
    if (parent != MPI_COMM_NULL) {
        MPI(MPI_Intercomm_merge(parent, 1, &merged));
        MPI(MPI_Barrier(merged));
        MPI(MPI_Comm_disconnect(&merged));
        MPI(MPI_Comm_disconnect(&parent));
        MPI(MPI_Finalize());
        return 0;
    }
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    CHECK(n > 0, "%zd", n);
    self[n] = 0;
    int before = 0, maps = 0;
    for (int turn = 0; turn < turns; turn++) {
        MPI(MPI_Comm_spawn(self, MPI_ARGV_NULL, 2, MPI_INFO_NULL, 0, MPI_COMM_WORLD, &inter,
                           MPI_ERRCODES_IGNORE));
        MPI(MPI_Intercomm_merge(inter, 0, &merged));
        MPI(MPI_Barrier(merged));
        MPI(MPI_Comm_disconnect(&merged));
        MPI(MPI_Comm_disconnect(&inter));
        if (turn == turns / 4) {
            before = descriptors();
            maps = mappings();
        }
    }
    EQ(descriptors(), before);
    int now = mappings();
    CHECK(now <= maps + 8, "%d mappings, %d before", now, maps);
    PASSED();
}
