/* Two jobs that were started separately meet at a port, whose name is in a file. */
#ifndef MEET_H
#define MEET_H

#include "check.h"
#include <unistd.h>

/* `role`: serve, or visit. */
static void meet(const char *role, const char *meeting, MPI_Comm *both)
{
    char port[MPI_MAX_PORT_NAME] = "", ready[1100];
    MPI_Comm other;
    int serves = !strcmp(role, "serve");
    snprintf(ready, sizeof ready, "%s.new", meeting);
    if (serves) {
        if (rank == 0) {
            MPI(MPI_Open_port(MPI_INFO_NULL, port));
            FILE *file = fopen(ready, "w");
            fputs(port, file);
            fclose(file);
            EQ(rename(ready, meeting), 0);
        }
        MPI(MPI_Comm_accept(port, MPI_INFO_NULL, 0, MPI_COMM_WORLD, &other));
        if (rank == 0) {
            MPI(MPI_Close_port(port));
            unlink(meeting);
        }
    } else {
        if (rank == 0) {
            FILE *file;
            while (!(file = fopen(meeting, "r")))
                usleep(1000);
            CHECK(fgets(port, sizeof port, file), "%s", meeting);
            fclose(file);
        }
        MPI(MPI_Comm_connect(port, MPI_INFO_NULL, 0, MPI_COMM_WORLD, &other));
    }
    MPI(MPI_Intercomm_merge(other, !serves, both));
    MPI(MPI_Comm_free(&other));
}

#endif
