/* Connections that end in unusual ways, and calls around them. dyn_faults WHAT [FILE]
   null: a null output argument starts no job.
   siblings: children that have disconnected from their parent, and are connected to each
     other, outlive it.
   mprobe: a message of MPI_Mprobe is received after its communicator was freed.
   apart: MPI_Comm_disconnect waits for its own connection only.
   groups: groups of the same processes, reached by two connections, are identical. */
#include "check.h"
#include <unistd.h>

enum { BIG = 8 << 20 };
static char self[4096], port[MPI_MAX_PORT_NAME];

static MPI_Comm spawn(const char *what, const char *role)
{
    MPI_Comm inter;
    char *args[] = {(char *)what, (char *)role, NULL};
    MPI(MPI_Comm_spawn(self, args, 1, MPI_INFO_NULL, 0, MPI_COMM_SELF, &inter,
                       MPI_ERRCODES_IGNORE));
    return inter;
}

static void null(void)
{
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    int got = MPI_Comm_spawn(self, MPI_ARGV_NULL, 1, MPI_INFO_NULL, 0, MPI_COMM_SELF, NULL,
                             MPI_ERRCODES_IGNORE);
    CHECK(got != MPI_SUCCESS, "%d", got);
    /* A child would have to come to MPI_Finalize with this process. */
}

static void siblings(MPI_Comm parent, const char *role)
{
    MPI_Comm x, y;
    int value = 0;
    if (parent == MPI_COMM_NULL) {
        x = spawn("siblings", "serve");
        y = spawn("siblings", "visit");
        MPI(MPI_Recv(port, sizeof port, MPI_CHAR, 0, 0, x, MPI_STATUS_IGNORE));
        MPI(MPI_Send(port, sizeof port, MPI_CHAR, 0, 0, y));
        MPI(MPI_Comm_disconnect(&x));
        MPI(MPI_Comm_disconnect(&y));
        return;
    }
    if (!strcmp(role, "serve")) {
        MPI(MPI_Open_port(MPI_INFO_NULL, port));
        MPI(MPI_Send(port, sizeof port, MPI_CHAR, 0, 0, parent));
        MPI(MPI_Comm_accept(port, MPI_INFO_NULL, 0, MPI_COMM_SELF, &x));
    } else {
        MPI(MPI_Recv(port, sizeof port, MPI_CHAR, 0, 0, parent, MPI_STATUS_IGNORE));
        MPI(MPI_Comm_connect(port, MPI_INFO_NULL, 0, MPI_COMM_SELF, &x));
    }
    MPI(MPI_Comm_disconnect(&parent));
    sleep(3); /* longer than the launcher gives those that are still connected */
    if (!strcmp(role, "serve"))
        MPI(MPI_Send(&value, 1, MPI_INT, 0, 0, x));
    else
        MPI(MPI_Recv(&value, 1, MPI_INT, 0, 0, x, MPI_STATUS_IGNORE));
    MPI(MPI_Comm_disconnect(&x));
    printf("%s lives on\n", role);
}

static void mprobe(MPI_Comm parent)
{
    char *bytes = calloc(1, BIG);
    if (parent != MPI_COMM_NULL) {
        MPI_Request request;
        memset(bytes, 7, BIG);
        MPI(MPI_Isend(bytes, BIG, MPI_CHAR, 0, 3, parent, &request));
        MPI(MPI_Comm_free(&parent));
        MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
        return;
    }
    MPI_Comm inter = spawn("mprobe", "child"), other;
    MPI_Message message;
    MPI(MPI_Mprobe(0, 3, inter, &message, MPI_STATUS_IGNORE));
    MPI(MPI_Comm_free(&inter));
    MPI(MPI_Comm_dup(MPI_COMM_SELF, &other)); /* its end looks for connections to close */
    MPI(MPI_Comm_free(&other));
    MPI(MPI_Mrecv(bytes, BIG, MPI_CHAR, &message, MPI_STATUS_IGNORE));
    CHECK(bytes[0] == 7 && bytes[BIG - 1] == 7, "%d %d", bytes[0], bytes[BIG - 1]);
    free(bytes);
}

/* `file`: appears when the child with that role is to send. */
static void apart(MPI_Comm parent, const char *file)
{
    int value = 0;
    if (parent != MPI_COMM_NULL) {
        if (*file) {
            while (access(file, F_OK) != 0)
                usleep(10000);
            value = 7;
            MPI(MPI_Send(&value, 1, MPI_INT, 0, 1, parent));
        }
        MPI(MPI_Comm_disconnect(&parent));
        return;
    }
    MPI_Comm x = spawn("apart", file), y = spawn("apart", "");
    MPI_Request receive;
    MPI(MPI_Irecv(&value, 1, MPI_INT, 0, 1, x, &receive));
    MPI(MPI_Comm_free(&x));
    MPI(MPI_Comm_disconnect(&y));
    fclose(fopen(file, "w"));
    MPI(MPI_Wait(&receive, MPI_STATUS_IGNORE));
    CHECK(value == 7, "%d", value);
}

static void groups(MPI_Comm parent)
{
    MPI_Comm inter = parent, other, a, b;
    MPI_Group of_a, of_b;
    int is_child = parent != MPI_COMM_NULL, same;
    if (is_child) {
        MPI(MPI_Recv(port, sizeof port, MPI_CHAR, 0, 0, inter, MPI_STATUS_IGNORE));
        MPI(MPI_Comm_connect(port, MPI_INFO_NULL, 0, MPI_COMM_SELF, &other));
    } else {
        MPI(MPI_Open_port(MPI_INFO_NULL, port));
        inter = spawn("groups", "child");
        MPI(MPI_Send(port, sizeof port, MPI_CHAR, 0, 0, inter));
        MPI(MPI_Comm_accept(port, MPI_INFO_NULL, 0, MPI_COMM_SELF, &other));
    }
    for (int high = 0; high < 2; high++) {
        MPI(MPI_Intercomm_merge(inter, is_child ? high : !high, &a));
        MPI(MPI_Intercomm_merge(other, is_child ? high : !high, &b));
        MPI(MPI_Comm_group(a, &of_a));
        MPI(MPI_Comm_group(b, &of_b));
        MPI(MPI_Group_compare(of_a, of_b, &same));
        CHECK(same == MPI_IDENT, "%d", same);
        MPI(MPI_Comm_compare(a, b, &same));
        CHECK(same == MPI_CONGRUENT, "%d", same);
        MPI(MPI_Group_free(&of_a));
        MPI(MPI_Group_free(&of_b));
        MPI(MPI_Comm_free(&a));
        MPI(MPI_Comm_free(&b));
    }
}

int main(int argc, char **argv)
{
    MPI_Comm parent;
    START();
    CHECK(argc >= 2, "%d", argc);
    const char *what = argv[1], *role = argc > 2 ? argv[2] : "";
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    CHECK(n > 0, "%zd", n);
    self[n] = 0;
    MPI(MPI_Comm_get_parent(&parent));
    if (!strcmp(what, "null"))
        null();
    else if (!strcmp(what, "siblings"))
        siblings(parent, role);
    else if (!strcmp(what, "mprobe"))
        mprobe(parent);
    else if (!strcmp(what, "apart"))
        apart(parent, role);
    else if (!strcmp(what, "groups"))
        groups(parent);
    else
        CHECK(0, "what is %s?", what);
    if (parent == MPI_COMM_NULL)
        PASSED();
    MPI(MPI_Finalize());
    return 0;
}
