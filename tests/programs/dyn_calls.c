/* Each call of process creation and of connections with good and bad arguments. */
#include "check.h"
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

static MPI_Comm inter;

static void ports(void)
{
    char port[MPI_MAX_PORT_NAME], other[MPI_MAX_PORT_NAME];
    FAILS(MPI_Open_port(MPI_INFO_NULL, NULL), MPI_ERR_ARG);
    FAILS(MPI_Open_port((MPI_Info)(intptr_t)0x999000, port), MPI_ERR_INFO);
    MPI(MPI_Open_port(MPI_INFO_NULL, port));
    MPI(MPI_Open_port(MPI_INFO_ENV, other));
    CHECK(strcmp(port, other), "%s", port);
    MPI(MPI_Close_port(other));
    FAILS(MPI_Close_port(other), MPI_ERR_PORT);
    FAILS(MPI_Close_port("nonsense"), MPI_ERR_PORT);
    FAILS(MPI_Close_port(NULL), MPI_ERR_ARG);
    /* nobody is there any more */
    FAILS(MPI_Comm_connect(other, MPI_INFO_NULL, 0, MPI_COMM_SELF, &inter), MPI_ERR_PORT);
    FAILS(MPI_Comm_connect("nonsense", MPI_INFO_NULL, 0, MPI_COMM_SELF, &inter), MPI_ERR_PORT);
    FAILS(MPI_Comm_connect("lariat-port:0", MPI_INFO_NULL, 0, MPI_COMM_SELF, &inter), MPI_ERR_PORT);
    FAILS(MPI_Comm_connect(port, MPI_INFO_NULL, 1, MPI_COMM_SELF, &inter), MPI_ERR_ROOT);
    FAILS(MPI_Comm_connect(port, MPI_INFO_NULL, 0, MPI_COMM_NULL, &inter), MPI_ERR_COMM);
    FAILS(MPI_Comm_accept(other, MPI_INFO_NULL, 0, MPI_COMM_SELF, &inter), MPI_ERR_PORT);
    FAILS(MPI_Comm_accept("", MPI_INFO_NULL, 0, MPI_COMM_SELF, &inter), MPI_ERR_PORT);
    FAILS(MPI_Comm_accept(port, MPI_INFO_NULL, -1, MPI_COMM_SELF, &inter), MPI_ERR_ROOT);
    MPI(MPI_Close_port(port));
    /* all members hear of what is wrong at the root */
    FAILS(MPI_Comm_connect(rank == 0 ? other : NULL, MPI_INFO_NULL, 0, MPI_COMM_WORLD, &inter),
          MPI_ERR_PORT);
    FAILS(MPI_Comm_accept(rank == 0 ? other : NULL, MPI_INFO_NULL, 0, MPI_COMM_WORLD, &inter),
          MPI_ERR_PORT);
}

/* Ranks of one job meet at a port, too. */
static void within(void)
{
    char port[MPI_MAX_PORT_NAME] = "";
    if (ranks < 2)
        return;
    MPI_Comm part;
    MPI(MPI_Comm_split(MPI_COMM_WORLD, rank == 0, 0, &part));
    if (rank == 0)
        MPI(MPI_Open_port(MPI_INFO_NULL, port));
    MPI(MPI_Bcast(port, sizeof port, MPI_CHAR, 0, MPI_COMM_WORLD));
    if (rank == 0)
        MPI(MPI_Comm_accept(port, MPI_INFO_NULL, 0, part, &inter));
    else
        MPI(MPI_Comm_connect(port, MPI_INFO_NULL, 0, part, &inter));
    int others;
    MPI(MPI_Comm_remote_size(inter, &others));
    EQ(others, rank == 0 ? ranks - 1 : 1);
    MPI(MPI_Barrier(inter));
    MPI(MPI_Comm_disconnect(&inter));
    EQ(inter == MPI_COMM_NULL, 1);
    MPI(MPI_Comm_free(&part));
    if (rank == 0)
        MPI(MPI_Close_port(port));
}

static void names(void)
{
    char service[100], port[MPI_MAX_PORT_NAME];
    snprintf(service, sizeof service, "a service of %d, with blanks: and @ signs", (int)getpid());
    FAILS(MPI_Lookup_name(service, MPI_INFO_NULL, port), MPI_ERR_NAME);
    FAILS(MPI_Unpublish_name(service, MPI_INFO_NULL, "port"), MPI_ERR_SERVICE);
    MPI(MPI_Publish_name(service, MPI_INFO_NULL, "any text that is a port"));
    FAILS(MPI_Publish_name(service, MPI_INFO_NULL, "any text that is a port"), MPI_ERR_SERVICE);
    MPI(MPI_Lookup_name(service, MPI_INFO_NULL, port));
    CHECK(!strcmp(port, "any text that is a port"), "%s", port);
    FAILS(MPI_Unpublish_name(service, MPI_INFO_NULL, "another"), MPI_ERR_SERVICE);
    MPI(MPI_Unpublish_name(service, MPI_INFO_NULL, "any text that is a port"));
    FAILS(MPI_Lookup_name(service, MPI_INFO_NULL, port), MPI_ERR_NAME);
    FAILS(MPI_Publish_name("", MPI_INFO_NULL, "port"), MPI_ERR_SERVICE);
    FAILS(MPI_Publish_name(NULL, MPI_INFO_NULL, "port"), MPI_ERR_ARG);
    FAILS(MPI_Lookup_name(NULL, MPI_INFO_NULL, port), MPI_ERR_ARG);
    FAILS(MPI_Lookup_name(service, (MPI_Info)(intptr_t)0x999000, port), MPI_ERR_INFO);
    /* rank 0 publishes for all, and one name is one process's */
    sprintf(service, "shared by all of %ld", (long)getppid());
    int zero = 0;
    MPI(MPI_Bcast(service, sizeof service, MPI_CHAR, zero, MPI_COMM_WORLD));
    if (rank == 0)
        MPI(MPI_Publish_name(service, MPI_INFO_NULL, "x"));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    MPI(MPI_Lookup_name(service, MPI_INFO_NULL, port));
    CHECK(!strcmp(port, "x"), "%s", port);
    if (rank != 0) {
        FAILS(MPI_Publish_name(service, MPI_INFO_NULL, "y"), MPI_ERR_SERVICE);
        FAILS(MPI_Unpublish_name(service, MPI_INFO_NULL, "x"), MPI_ERR_SERVICE);
    }
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    if (rank == 0)
        MPI(MPI_Unpublish_name(service, MPI_INFO_NULL, "x"));
}

static void spawns(void)
{
    int codes[5] = {-1, -1, -1, -1, -1};
    MPI_Info info;
    MPI_Comm parent;
    MPI(MPI_Comm_get_parent(&parent));
    EQ(parent == MPI_COMM_NULL, 1);
    FAILS(MPI_Comm_get_parent(NULL), MPI_ERR_ARG);
    FAILS(MPI_Comm_spawn("/no/such/program", MPI_ARGV_NULL, 2, MPI_INFO_NULL, 0, MPI_COMM_SELF, &inter,
                         codes), MPI_ERR_SPAWN);
    EQ(codes[0], MPI_ERR_SPAWN);
    EQ(codes[1], MPI_ERR_SPAWN);
    EQ(codes[2], -1);
    /* a program that ends without MPI_Init */
    FAILS(MPI_Comm_spawn("true", MPI_ARGV_NULL, 2, MPI_INFO_NULL, 0, MPI_COMM_SELF, &inter,
                         MPI_ERRCODES_IGNORE), MPI_ERR_SPAWN);
    FAILS(MPI_Comm_spawn("true", MPI_ARGV_NULL, 0, MPI_INFO_NULL, 0, MPI_COMM_SELF, &inter, codes),
          MPI_ERR_ARG);
    FAILS(MPI_Comm_spawn("true", MPI_ARGV_NULL, -1, MPI_INFO_NULL, 0, MPI_COMM_SELF, &inter, codes),
          MPI_ERR_ARG);
    FAILS(MPI_Comm_spawn(NULL, MPI_ARGV_NULL, 1, MPI_INFO_NULL, 0, MPI_COMM_SELF, &inter, codes),
          MPI_ERR_ARG);
    FAILS(MPI_Comm_spawn("", MPI_ARGV_NULL, 1, MPI_INFO_NULL, 0, MPI_COMM_SELF, &inter, codes),
          MPI_ERR_ARG);
    FAILS(MPI_Comm_spawn("true", MPI_ARGV_NULL, 1, MPI_INFO_NULL, 5, MPI_COMM_SELF, &inter, codes),
          MPI_ERR_ROOT);
    FAILS(MPI_Comm_spawn("true", MPI_ARGV_NULL, 1, MPI_INFO_NULL, 0, MPI_COMM_NULL, &inter, codes),
          MPI_ERR_COMM);
    FAILS(MPI_Comm_spawn("true", MPI_ARGV_NULL, 1, (MPI_Info)(intptr_t)0x999000, 0, MPI_COMM_SELF,
                         &inter, codes), MPI_ERR_INFO);
    static const struct { const char *key, *value; int class; } wrong[] = {
        {"host", "no.such.host", MPI_ERR_SPAWN}, {"wdir", "/no/such/place", MPI_ERR_SPAWN},
        {"soft", "many", MPI_ERR_INFO_VALUE},    {"soft", "3:9", MPI_ERR_SPAWN},
        {"arch", "vax", MPI_ERR_SPAWN},          {"file", "/no/such/file", MPI_ERR_INFO_VALUE},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        MPI(MPI_Info_create(&info));
        MPI(MPI_Info_set(info, wrong[i].key, wrong[i].value));
        FAILS(MPI_Comm_spawn("true", MPI_ARGV_NULL, 2, info, 0, MPI_COMM_SELF, &inter, codes),
              wrong[i].class);
        MPI(MPI_Info_free(&info));
    }
    /* of several programs, one is to blame */
    char *commands[] = {"true", "/no/such/program"};
    int most[] = {2, 3};
    MPI_Info infos[] = {MPI_INFO_NULL, MPI_INFO_NULL};
    FAILS(MPI_Comm_spawn_multiple(2, commands, MPI_ARGVS_NULL, most, infos, 0, MPI_COMM_SELF, &inter,
                                  codes), MPI_ERR_SPAWN);
    EQ(codes[4], MPI_ERR_SPAWN);
    FAILS(MPI_Comm_spawn_multiple(0, commands, MPI_ARGVS_NULL, most, infos, 0, MPI_COMM_SELF, &inter,
                                  codes), MPI_ERR_ARG);
    FAILS(MPI_Comm_spawn_multiple(2, NULL, MPI_ARGVS_NULL, most, infos, 0, MPI_COMM_SELF, &inter,
                                  codes), MPI_ERR_ARG);
    FAILS(MPI_Comm_spawn_multiple(2, commands, MPI_ARGVS_NULL, NULL, infos, 0, MPI_COMM_SELF, &inter,
                                  codes), MPI_ERR_ARG);
    /* all members hear of what is wrong at the root */
    FAILS(MPI_Comm_spawn(rank == ranks - 1 ? "/no/such/program" : NULL, MPI_ARGV_NULL, 1, MPI_INFO_NULL,
                         ranks - 1, MPI_COMM_WORLD, &inter, codes), MPI_ERR_SPAWN);
    EQ(codes[0], MPI_ERR_SPAWN);
}

static void joins(void)
{
    int pair[2], class;
    MPI_Comm both;
    FAILS(MPI_Comm_join(-1, &inter), MPI_ERR_ARG);
    FAILS(MPI_Comm_join(0, &inter), MPI_ERR_ARG);
    EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
    FAILS(MPI_Comm_join(pair[0], &inter), MPI_ERR_ARG);
    close(pair[0]);
    close(pair[1]);
    /* the other side is gone */
    EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    close(pair[1]);
    int code = MPI_Comm_join(pair[0], &both);
    MPI_Error_class(code, &class);
    EQ(class, MPI_ERR_ARG);
    close(pair[0]);
    FAILS(MPI_Comm_disconnect(NULL), MPI_ERR_ARG);
    both = MPI_COMM_WORLD;
    FAILS(MPI_Comm_disconnect(&both), MPI_ERR_COMM);
    both = MPI_COMM_NULL;
    FAILS(MPI_Comm_disconnect(&both), MPI_ERR_COMM);
    MPI(MPI_Comm_dup(MPI_COMM_WORLD, &both));
    MPI(MPI_Comm_disconnect(&both));
    EQ(both == MPI_COMM_NULL, 1);
}

int main(void)
{
    START();
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    int *universe, flag;
    MPI(MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_UNIVERSE_SIZE, &universe, &flag));
    EQ(flag, 1);
    CHECK(*universe >= ranks, "%d", *universe);
    ports();
    within();
    names();
    spawns();
    joins();
    PASSED();
}
