/* Two jobs that were started separately meet at a port, whose name goes through a file.
   dyn_ports serve FILE [TURNS], dyn_ports visit FILE [TURNS] */
#include "traffic.h"
#include <unistd.h>

static void put(const char *file, const char *name)
{
    char temporary[4096];
    snprintf(temporary, sizeof temporary, "%s.new", file);
    FILE *out = fopen(temporary, "w");
    CHECK(out, "%s", temporary);
    fputs(name, out);
    fclose(out);
    rename(temporary, file);
}

static void get(const char *file, char *name)
{
    FILE *in;
    while (!(in = fopen(file, "r")))
        usleep(10000);
    CHECK(fgets(name, MPI_MAX_PORT_NAME, in), "%s", file);
    fclose(in);
}

int main(int argc, char **argv)
{
    char port[MPI_MAX_PORT_NAME] = "";
    MPI_Comm inter;
    START();
    CHECK(argc >= 3, "dyn_ports serve|visit FILE");
    int serves = !strcmp(argv[1], "serve");
    int turns = argc > 3 ? atoi(argv[3]) : 2;
    int root = serves ? ranks - 1 : 0;
    if (rank == root) {
        if (serves) {
            MPI(MPI_Open_port(MPI_INFO_NULL, port));
            put(argv[2], port);
        } else {
            get(argv[2], port);
        }
    }
    for (int turn = 0; turn < turns; turn++) {
        if (serves)
            MPI(MPI_Comm_accept(port, MPI_INFO_NULL, root, MPI_COMM_WORLD, &inter));
        else
            MPI(MPI_Comm_connect(port, MPI_INFO_NULL, root, MPI_COMM_WORLD, &inter));
        if (turn < 2)
            traffic(inter, serves);
        else
            MPI(MPI_Barrier(inter));
        if (turn % 2)
            MPI(MPI_Comm_disconnect(&inter));
        else
            MPI(MPI_Comm_free(&inter));
        EQ(inter == MPI_COMM_NULL, 1);
    }
    if (serves && rank == root)
        MPI(MPI_Close_port(port));
    PASSED();
}
