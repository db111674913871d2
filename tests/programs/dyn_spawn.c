/* Spawns itself: all traffic between parents and children, several times.
   dyn_spawn CHILDREN [TURNS [how]]; how: all, world, self, free */
#include "traffic.h"
#include <unistd.h>

static void child(MPI_Comm parent)
{
    char name[MPI_MAX_OBJECT_NAME];
    int len, flag, *appnum;
    MPI_Comm again;
    MPI(MPI_Comm_get_name(parent, name, &len));
    CHECK(!strcmp(name, "MPI_COMM_PARENT"), "%s", name);
    MPI(MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_APPNUM, &appnum, &flag));
    EQ(flag, 1);
    EQ(*appnum, 0);
    int full = 0;
    MPI(MPI_Bcast(&full, 1, MPI_INT, 0, parent));
    if (full)
        traffic(parent, 1);
    MPI(MPI_Barrier(parent));
    if (full != 2)
        MPI(MPI_Comm_disconnect(&parent));
    MPI(MPI_Comm_get_parent(&again));
    CHECK((again == MPI_COMM_NULL) == (full != 2), "%d", full);
}

int main(int argc, char **argv)
{
    MPI_Comm parent, inter;
    START();
    MPI(MPI_Comm_get_parent(&parent));
    if (parent != MPI_COMM_NULL) {
        CHECK(argc >= 3 && !strcmp(argv[1], "child") && !strcmp(argv[2], "a : b"), "%d", argc);
        child(parent);
        MPI(MPI_Finalize());
        return 0;
    }
    int children = argc > 1 ? atoi(argv[1]) : 2, turns = argc > 2 ? atoi(argv[2]) : 1;
    int last = argc > 3 && !strcmp(argv[3], "connected");
    int root = ranks - 1, others, i;
    int *codes = room(sizeof(int) * children);
    char *args[] = {"child", "a : b", "", NULL};
    MPI_Info info;
    MPI(MPI_Info_create(&info));
    MPI(MPI_Info_set(info, "wdir", "/"));
    MPI(MPI_Info_set(info, "host", "localhost"));
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    CHECK(n > 0, "%zd", n);
    self[n] = 0;
    for (int turn = 0; turn < turns; turn++) {
        for (i = 0; i < children; i++)
            codes[i] = -1;
        MPI(MPI_Comm_spawn(rank == root ? self : NULL, rank == root ? args : NULL, children,
                           rank == root ? info : MPI_INFO_NULL, root, MPI_COMM_WORLD, &inter,
                           turn % 2 ? MPI_ERRCODES_IGNORE : codes));
        if (turn % 2 == 0)
            for (i = 0; i < children; i++)
                EQ(codes[i], MPI_SUCCESS);
        MPI(MPI_Comm_remote_size(inter, &others));
        EQ(others, children);
        int full = turn == 0 ? 1 : 0;
        if (last && turn == turns - 1)
            full = 2;
        MPI(MPI_Bcast(&full, 1, MPI_INT, rank == 0 ? MPI_ROOT : MPI_PROC_NULL, inter));
        if (full)
            traffic(inter, 0);
        MPI(MPI_Barrier(inter));
        if (full != 2)
            MPI(MPI_Comm_disconnect(&inter));
    }
    MPI(MPI_Info_free(&info));
    PASSED();
}
