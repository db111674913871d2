/* Two ranks join by a socket; several programs are spawned at once, with info keys. */
#include "traffic.h"
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Ranks 0 and 1 have a socket between them, and are of one job. */
static void join_within(void)
{
    MPI_Comm inter;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int size, sock = socket(AF_UNIX, SOCK_STREAM, 0), len;
    CHECK(sock >= 0, "%d", sock);
    long name = getpid();
    MPI(MPI_Bcast(&name, 1, MPI_LONG, 0, MPI_COMM_WORLD));
    len = snprintf(at.sun_path + 1, sizeof at.sun_path - 1, "lariat-test-%ld", name);
    socklen_t all = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
    if (rank == 0) {
        EQ(bind(sock, (struct sockaddr *)&at, all), 0);
        EQ(listen(sock, 1), 0);
    }
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    if (rank > 1)
        return;
    if (rank == 0) {
        int client = accept(sock, NULL, NULL);
        CHECK(client >= 0, "%d", client);
        close(sock);
        sock = client;
    } else {
        EQ(connect(sock, (struct sockaddr *)&at, all), 0);
    }
    MPI(MPI_Comm_join(sock, &inter));
    MPI(MPI_Comm_remote_size(inter, &size));
    EQ(size, 1);
    traffic_between(inter, rank);
    MPI(MPI_Comm_disconnect(&inter));
    /* the socket is the program's again */
    char byte = (char)(7 + rank);
    EQ(write(sock, &byte, 1), 1);
    EQ(read(sock, &byte, 1), 1);
    EQ(byte, 7 + !rank);
    close(sock);
}

int main(int argc, char **argv)
{
    MPI_Comm parent, inter, merged;
    char self[4096], dir[4096];
    int *appnum, flag, size, sum, *universe;
    START();
    MPI(MPI_Comm_get_parent(&parent));
    if (parent != MPI_COMM_NULL) {
        MPI(MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_APPNUM, &appnum, &flag));
        CHECK(flag && argc == 2, "%d", argc);
        EQ(*appnum, atoi(argv[1]));
        CHECK(getcwd(dir, sizeof dir), "%s", "");
        CHECK(!strcmp(dir, *appnum ? "/usr" : "/"), "%s", dir);
        MPI(MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_UNIVERSE_SIZE, &universe, &flag));
        CHECK(*universe >= ranks, "%d", *universe);
        MPI(MPI_Intercomm_merge(parent, 1, &merged));
        MPI(MPI_Allreduce(appnum, &sum, 1, MPI_INT, MPI_SUM, merged));
        MPI(MPI_Comm_free(&merged));
        MPI(MPI_Comm_disconnect(&parent));
        MPI(MPI_Finalize());
        return 0;
    }
    if (ranks > 1)
        join_within();
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    CHECK(n > 0, "%zd", n);
    self[n] = 0;
    char *base = strrchr(self, '/'), *first[] = {"0", NULL}, *second[] = {"1", NULL};
    char **args[] = {first, second};
    char *commands[] = {self, base + 1};
    int most[] = {1, 5}, codes[6], i;
    MPI_Info infos[2];
    MPI(MPI_Info_create(&infos[0]));
    MPI(MPI_Info_set(infos[0], "wdir", "/"));
    MPI(MPI_Info_create(&infos[1]));
    MPI(MPI_Info_set(infos[1], "wdir", "/usr"));
    MPI(MPI_Info_set(infos[1], "soft", "0:3:1,9"));
    *base = 0;
    MPI(MPI_Info_set(infos[1], "path", self));
    *base = '/';
    MPI(MPI_Comm_spawn_multiple(2, commands, args, most, infos, 0, MPI_COMM_WORLD, &inter, codes));
    MPI(MPI_Comm_remote_size(inter, &size));
    EQ(size, 4);
    for (i = 0; i < 6; i++)
        EQ(codes[i], i < 4 ? MPI_SUCCESS : MPI_ERR_SPAWN);
    MPI(MPI_Intercomm_merge(inter, 0, &merged));
    int none = 0;
    MPI(MPI_Allreduce(&none, &sum, 1, MPI_INT, MPI_SUM, merged));
    EQ(sum, 3);
    MPI(MPI_Comm_free(&merged));
    MPI(MPI_Comm_disconnect(&inter));
    MPI(MPI_Info_free(&infos[0]));
    MPI(MPI_Info_free(&infos[1]));
    PASSED();
}
