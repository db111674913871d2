/* Spawning in a job on several hosts. hosts_spawn HOSTS SLOTS: a host for each letter of a list
   of names with commas, each of which has so many slots; all ranks of the job fill them. */
#include "traffic.h"
#include <unistd.h>

static char self[4096];
static char names[8][64]; /* of hosts, as the user has given them */
static int hosts, slots;

static int host_of(const char *own)
{
    /* Host k of a test is called NAME-k. */
    const char *dash = strrchr(own, '-');
    return dash ? atoi(dash + 1) - 1 : -1;
}

static int my_host(void)
{
    char own[MPI_MAX_PROCESSOR_NAME];
    int len;
    MPI(MPI_Get_processor_name(own, &len));
    return host_of(own);
}

/* Starts `count` of this program in `mode`, with an info key if there is one. */
static int begin(const char *mode, int count, const char *key, const char *value, int root,
                 MPI_Comm comm, MPI_Comm *inter, int *codes)
{
    char *args[] = {(char *)mode, NULL};
    MPI_Info info = MPI_INFO_NULL;
    if (key) {
        MPI(MPI_Info_create(&info));
        MPI(MPI_Info_set(info, key, value));
    }
    int code = MPI_Comm_spawn(self, args, count, info, root, comm, inter, codes);
    if (key)
        MPI(MPI_Info_free(&info));
    return code;
}

/* The hosts of the children, by rank; they send them. */
static void where(MPI_Comm inter, int *at)
{
    int others, i;
    MPI(MPI_Comm_remote_size(inter, &others));
    for (i = 0; i < others; i++)
        MPI(MPI_Recv(&at[i], 1, MPI_INT, i, 7, inter, MPI_STATUS_IGNORE));
}

static int child(const char *mode)
{
    MPI_Comm parent, all, inner;
    int i, n, value, *appnum, flag, mine = my_host(), others;
    MPI(MPI_Comm_get_parent(&parent));
    MPI(MPI_Comm_remote_size(parent, &others));
    MPI(MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_APPNUM, &appnum, &flag));
    EQ(flag, 1);
    if (!strcmp(mode, "where")) {
        for (i = 0; i < others; i++)
            MPI(MPI_Send(&mine, 1, MPI_INT, i, 7, parent));
    } else if (!strcmp(mode, "traffic")) {
        traffic_between(parent, 1);
    } else if (!strcmp(mode, "appnum")) {
        value = *appnum * 100 + rank;
        MPI(MPI_Gather(&value, 1, MPI_INT, NULL, 0, MPI_INT, 0, parent));
    } else if (!strcmp(mode, "merge")) {
        MPI(MPI_Intercomm_merge(parent, 1, &all));
        MPI(MPI_Comm_size(all, &n));
        MPI(MPI_Comm_rank(all, &i));
        EQ(n, others + ranks);
        int sum = 0, each = i + 1;
        MPI(MPI_Allreduce(&each, &sum, 1, MPI_INT, MPI_SUM, all));
        EQ(sum, n * (n + 1) / 2);
        MPI_Comm near;
        MPI(MPI_Comm_split_type(all, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &near));
        int here[2] = {mine, 1}, least, most, size;
        MPI(MPI_Comm_size(near, &size));
        MPI(MPI_Allreduce(here, &least, 1, MPI_INT, MPI_MIN, near));
        MPI(MPI_Allreduce(here, &most, 1, MPI_INT, MPI_MAX, near));
        EQ(least, most);
        MPI(MPI_Comm_free(&near));
        /* a window of both jobs */
        MPI_Win win;
        int *base;
        MPI(MPI_Win_allocate(sizeof(int), sizeof(int), MPI_INFO_NULL, all, &base, &win));
        *base = 0;
        MPI(MPI_Win_fence(0, win));
        MPI(MPI_Accumulate(&each, 1, MPI_INT, 0, 0, 1, MPI_INT, MPI_SUM, win));
        MPI(MPI_Win_fence(0, win));
        MPI(MPI_Win_free(&win));
        MPI(MPI_Comm_free(&all));
    } else if (!strcmp(mode, "deeper")) {
        MPI(begin("leaf", 2, NULL, NULL, ranks - 1, MPI_COMM_WORLD, &inner, MPI_ERRCODES_IGNORE));
        value = 0;
        MPI(MPI_Allreduce(&rank, &value, 1, MPI_INT, MPI_SUM, inner));
        EQ(value, 30 + 31);
        MPI(MPI_Comm_disconnect(&inner));
        MPI(MPI_Allreduce(&value, &n, 1, MPI_INT, MPI_MAX, parent));
        EQ(n, 5);
    } else if (!strcmp(mode, "leaf")) {
        value = 30 + rank;
        MPI(MPI_Allreduce(&value, &n, 1, MPI_INT, MPI_SUM, parent));
        EQ(n, others * (others - 1) / 2);
    } else if (!strcmp(mode, "free")) {
        value = 4711;
        MPI(MPI_Send(&value, 1, MPI_INT, 0, 3, parent));
        MPI(MPI_Comm_free(&parent));
    } else if (!strcmp(mode, "finalize")) {
        value = 4712;
        MPI(MPI_Send(&value, 1, MPI_INT, 0, 3, parent));
    } else if (!strcmp(mode, "first")) {
        MPI(MPI_Barrier(parent));
    } else {
        CHECK(0, "%s", mode);
    }
    if (!strcmp(mode, "free") || !strcmp(mode, "finalize")) {
        MPI(MPI_Finalize());
        return 0;
    }
    MPI(MPI_Comm_disconnect(&parent));
    MPI(MPI_Finalize());
    return 0;
}

/* Which hosts children run on. */
static void placement(void)
{
    MPI_Comm inter;
    int codes[64], at[64], i, *universe, flag, n = hosts * slots;
    MPI(MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_UNIVERSE_SIZE, &universe, &flag));
    EQ(flag, 1);
    EQ(*universe, ranks > n ? ranks : n);
    memset(codes, -1, sizeof codes);
    /* all slots are taken: as the job is spread */
    MPI(begin("where", n, NULL, NULL, 0, MPI_COMM_WORLD, &inter, codes));
    where(inter, at);
    for (i = 0; i < n; i++) {
        EQ(codes[i], MPI_SUCCESS);
        EQ(at[i], i / slots);
    }
    MPI(MPI_Comm_disconnect(&inter));
    /* the last host, named by another rank than the first one */
    MPI(begin("where", 3, "host", rank == ranks - 1 ? names[hosts - 1] : "nonsense", ranks - 1,
              MPI_COMM_WORLD, &inter, MPI_ERRCODES_IGNORE));
    where(inter, at);
    for (i = 0; i < 3; i++)
        EQ(at[i], hosts - 1);
    MPI(MPI_Comm_disconnect(&inter));
    /* two hosts with numbers, and the one of the root */
    char list[256];
    snprintf(list, sizeof list, "%s:1,%s:2", names[hosts - 1], names[0]);
    MPI(begin("where", 3, "host", list, 0, MPI_COMM_WORLD, &inter, MPI_ERRCODES_IGNORE));
    where(inter, at);
    EQ(at[0], hosts - 1);
    EQ(at[1], 0);
    EQ(at[2], 0);
    MPI(MPI_Comm_disconnect(&inter));
    MPI(begin("where", 2, "host", "localhost", ranks - 1, MPI_COMM_WORLD, &inter,
              MPI_ERRCODES_IGNORE));
    where(inter, at);
    EQ(at[0], hosts - 1);
    EQ(at[1], hosts - 1);
    MPI(MPI_Comm_disconnect(&inter));
}

static void several_programs(void)
{
    MPI_Comm inter;
    char *commands[] = {self, self}, *args[] = {"appnum", NULL}, **argvs[] = {args, args};
    int most[] = {1, 2}, codes[3] = {-1, -1, -1}, got[3], i;
    MPI_Info infos[2];
    for (i = 0; i < 2; i++) {
        MPI(MPI_Info_create(&infos[i]));
        MPI(MPI_Info_set(infos[i], "host", names[hosts - 1 - i]));
    }
    MPI(MPI_Comm_spawn_multiple(2, commands, argvs, most, infos, 0, MPI_COMM_WORLD, &inter, codes));
    MPI(MPI_Gather(NULL, 0, MPI_INT, got, 1, MPI_INT, rank == 0 ? MPI_ROOT : MPI_PROC_NULL, inter));
    for (i = 0; i < 3; i++) {
        EQ(codes[i], MPI_SUCCESS);
        if (rank == 0)
            EQ(got[i], (i > 0) * 100 + i);
    }
    MPI(MPI_Comm_disconnect(&inter));
    for (i = 0; i < 2; i++)
        MPI(MPI_Info_free(&infos[i]));
}

static void says(int code, const char *one, const char *other)
{
    char text[MPI_MAX_ERROR_STRING];
    int len;
    MPI(MPI_Error_string(code, text, &len));
    CHECK(strstr(text, one) && strstr(text, other), "%s", text);
}

static void wrong(void)
{
    MPI_Comm inter;
    int codes[4], i, code, class;
    static const struct { const char *key, *value; int class; } keys[] = {
        {"host", "no.such.host", MPI_ERR_SPAWN}, {"wdir", "/no/such/place", MPI_ERR_SPAWN},
        {"host", "a:b", MPI_ERR_SPAWN},          {"soft", "3:9", MPI_ERR_SPAWN},
        {"arch", "vax", MPI_ERR_SPAWN},
    };
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        memset(codes, -1, sizeof codes);
        code = begin("where", 2, keys[k].key, keys[k].value, 0, MPI_COMM_WORLD, &inter, codes);
        MPI(MPI_Error_class(code, &class));
        EQ(class, keys[k].class);
        EQ(inter == MPI_COMM_NULL, 1);
        for (i = 0; i < 2; i++)
            EQ(codes[i], MPI_ERR_SPAWN);
        EQ(codes[2], -1);
        says(code, keys[k].value, k == 0 ? names[hosts - 1] : keys[k].key);
    }
    /* missing, on each host and then on one alone */
    code = MPI_Comm_spawn("/no/such/program", MPI_ARGV_NULL, 2, MPI_INFO_NULL, 0, MPI_COMM_WORLD,
                          &inter, codes);
    MPI(MPI_Error_class(code, &class));
    EQ(class, MPI_ERR_SPAWN);
    says(code, "/no/such/program", "host ");
    char *commands[] = {"/bin/true", "/no/such/program"};
    int most[] = {1, 1};
    MPI_Info infos[] = {MPI_INFO_NULL, MPI_INFO_NULL};
    FAILS(MPI_Comm_spawn_multiple(2, commands, MPI_ARGVS_NULL, most, infos, ranks - 1,
                                  MPI_COMM_WORLD, &inter, codes), MPI_ERR_SPAWN);
    EQ(codes[1], MPI_ERR_SPAWN);
    /* one that ends without MPI_Init */
    FAILS(MPI_Comm_spawn("/bin/true", MPI_ARGV_NULL, 2, MPI_INFO_NULL, 0, MPI_COMM_WORLD, &inter,
                         MPI_ERRCODES_IGNORE), MPI_ERR_SPAWN);
}

/* Each rank for itself, then a part, while the others do something else. */
static void parts(void)
{
    MPI_Comm inter, part, more[3];
    int i, at[64], value = 0;
    MPI(begin("where", 1, NULL, NULL, 0, MPI_COMM_SELF, &inter, MPI_ERRCODES_IGNORE));
    where(inter, at);
    CHECK(at[0] >= 0 && at[0] < hosts, "%d", at[0]);
    MPI(MPI_Comm_disconnect(&inter));
    MPI(MPI_Comm_split(MPI_COMM_WORLD, rank == 0, 0, &part));
    if (rank) {
        MPI(begin("traffic", 2, NULL, NULL, 0, part, &inter, MPI_ERRCODES_IGNORE));
        traffic_between(inter, 0);
        MPI(MPI_Comm_disconnect(&inter));
        if (rank == 1)
            MPI(MPI_Send(&rank, 1, MPI_INT, 0, 1, MPI_COMM_WORLD));
    } else {
        MPI(MPI_Recv(&value, 1, MPI_INT, 1, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        EQ(value, 1);
    }
    MPI(MPI_Comm_free(&part));
    /* several at once */
    for (i = 0; i < 3; i++)
        MPI(begin("where", 1, NULL, NULL, i % ranks, MPI_COMM_WORLD, &more[i], MPI_ERRCODES_IGNORE));
    for (i = 2; i >= 0; i--) {
        where(more[i], at);
        MPI(MPI_Comm_disconnect(&more[i]));
    }
}

static void merged(void)
{
    MPI_Comm inter, all;
    int n, i, sum = 0, size;
    MPI(begin("merge", 2, NULL, NULL, 0, MPI_COMM_WORLD, &inter, MPI_ERRCODES_IGNORE));
    MPI(MPI_Intercomm_merge(inter, 0, &all));
    MPI(MPI_Comm_size(all, &n));
    MPI(MPI_Comm_rank(all, &i));
    EQ(n, ranks + 2);
    EQ(i, rank);
    int each = i + 1;
    MPI(MPI_Allreduce(&each, &sum, 1, MPI_INT, MPI_SUM, all));
    EQ(sum, n * (n + 1) / 2);
    MPI_Comm near;
    MPI(MPI_Comm_split_type(all, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &near));
    int mine = my_host(), least, most;
    MPI(MPI_Comm_size(near, &size));
    EQ(size, slots); /* children map no segment in common with this job */
    MPI(MPI_Allreduce(&mine, &least, 1, MPI_INT, MPI_MIN, near));
    MPI(MPI_Allreduce(&mine, &most, 1, MPI_INT, MPI_MAX, near));
    EQ(least, most);
    MPI(MPI_Comm_free(&near));
    MPI_Win win;
    int *base;
    MPI(MPI_Win_allocate(sizeof(int), sizeof(int), MPI_INFO_NULL, all, &base, &win));
    *base = 0;
    MPI(MPI_Win_fence(0, win));
    MPI(MPI_Accumulate(&each, 1, MPI_INT, 0, 0, 1, MPI_INT, MPI_SUM, win));
    MPI(MPI_Win_fence(0, win));
    if (rank == 0)
        EQ(*base, n * (n + 1) / 2);
    MPI(MPI_Win_free(&win));
    MPI(MPI_Comm_free(&all));
    MPI(MPI_Comm_disconnect(&inter));
}

static void deeper(void)
{
    MPI_Comm inter;
    int n;
    MPI(begin("deeper", 2, NULL, NULL, 0, MPI_COMM_WORLD, &inter, MPI_ERRCODES_IGNORE));
    int five = 5;
    MPI(MPI_Allreduce(&five, &n, 1, MPI_INT, MPI_MAX, inter));
    EQ(n, 30 + 31);
    MPI(MPI_Comm_disconnect(&inter));
}

/* A message of a child that has nothing more to do with this job. */
static void last_words(void)
{
    MPI_Comm inter;
    int i, value, free = 0;
    MPI(begin("free", 2, NULL, NULL, 0, MPI_COMM_WORLD, &inter, MPI_ERRCODES_IGNORE));
    if (rank == 0) {
        usleep(300000);
        for (i = 1; i >= 0; i--) {
            MPI(MPI_Recv(&value, 1, MPI_INT, i, 3, inter, MPI_STATUS_IGNORE));
            EQ(value, 4711);
        }
    }
    MPI(MPI_Comm_free(&inter));
    MPI(MPI_Bcast(&free, 1, MPI_INT, 0, MPI_COMM_WORLD));
    /* and of one that finalizes while it is connected, as this job does */
    MPI(begin("finalize", 2, NULL, NULL, 0, MPI_COMM_WORLD, &inter, MPI_ERRCODES_IGNORE));
    if (rank == 0)
        for (i = 0; i < 2; i++) {
            MPI(MPI_Recv(&value, 1, MPI_INT, i, 3, inter, MPI_STATUS_IGNORE));
            EQ(value, 4712);
        }
}

/* Two parts of this job meet at a port. */
static void ports(void)
{
    char port[MPI_MAX_PORT_NAME] = "";
    MPI_Comm part, inter;
    int others;
    if (rank == 0)
        MPI(MPI_Open_port(MPI_INFO_NULL, port));
    MPI(MPI_Bcast(port, sizeof port, MPI_CHAR, 0, MPI_COMM_WORLD));
    MPI(MPI_Comm_split(MPI_COMM_WORLD, rank == 0, 0, &part));
    if (rank == 0)
        MPI(MPI_Comm_accept(port, MPI_INFO_NULL, 0, part, &inter));
    else
        MPI(MPI_Comm_connect(port, MPI_INFO_NULL, 0, part, &inter));
    MPI(MPI_Comm_remote_size(inter, &others));
    EQ(others, rank == 0 ? ranks - 1 : 1);
    traffic_between(inter, rank == 0);
    MPI(MPI_Comm_disconnect(&inter));
    MPI(MPI_Comm_free(&part));
    if (rank == 0)
        MPI(MPI_Close_port(port));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    FAILS(MPI_Comm_connect(port, MPI_INFO_NULL, 0, MPI_COMM_SELF, &inter), MPI_ERR_PORT);
    FAILS(MPI_Comm_connect("lariat-port:00112233445566778899aabbccddeeff", MPI_INFO_NULL, 0,
                           MPI_COMM_SELF, &inter), MPI_ERR_UNSUPPORTED_OPERATION);
    FAILS(MPI_Comm_connect("lariat-port:00112233445566778899aabbccddeeff@1.2.3", MPI_INFO_NULL, 0,
                           MPI_COMM_SELF, &inter), MPI_ERR_PORT);
}

int main(int argc, char **argv)
{
    MPI_Comm parent;
    START();
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    CHECK(n > 0, "%zd", n);
    self[n] = 0;
    MPI(MPI_Comm_get_parent(&parent));
    if (parent != MPI_COMM_NULL) {
        CHECK(argc == 2, "%d", argc);
        return child(argv[1]);
    }
    CHECK(argc >= 3, "%d", argc);
    for (char *name = strtok(argv[1], ","); name; name = strtok(NULL, ","))
        snprintf(names[hosts++], sizeof names[0], "%s", name);
    slots = atoi(argv[2]);
    const char *what = argc > 3 ? argv[3] : "all";
    int all = !strcmp(what, "all");
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    if (all || !strcmp(what, "placement"))
        placement();
    if (all || !strcmp(what, "several"))
        several_programs();
    if (all || !strcmp(what, "wrong"))
        wrong();
    if (all || !strcmp(what, "parts"))
        parts();
    if (all || !strcmp(what, "merged"))
        merged();
    if (all || !strcmp(what, "deeper"))
        deeper();
    if (all || !strcmp(what, "ports"))
        ports();
    if (all || !strcmp(what, "last"))
        last_words();
    PASSED();
}
