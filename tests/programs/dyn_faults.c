/* Connections that end in unusual ways, and calls around them. dyn_faults WHAT [FILE]
   null: a null output argument starts no job.
   siblings: children that have disconnected from their parent, and are connected to each
     other, outlive it.
   mprobe: a message of MPI_Mprobe is received after its communicator was freed.
   apart: MPI_Comm_disconnect waits for its own connection only.
   left: a message over a connection that the other side has closed is an error.
   queued: so are those that wait for room when it closes the connection.
   full: MPI_Comm_connect to a port whose queue is full lets other threads call MPI.
   descriptors: spawning fails while mpirun has no descriptor left, and works again then.
   handlers: children begin with the error handler of the key mpi_initial_errhandler.
   groups: groups of the same processes, reached by two connections, are identical. */
#define _GNU_SOURCE
#include "check.h"
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
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

/* `file`: appears once the child has freed the communicator. */
static void left(MPI_Comm parent, const char *file)
{
    static char bytes[1 << 16];
    char text[MPI_MAX_ERROR_STRING];
    int len, code, class;
    MPI_Request request;
    if (parent != MPI_COMM_NULL) {
        MPI(MPI_Comm_free(&parent));
        fclose(fopen(file, "w"));
        return;
    }
    MPI_Comm inter = spawn("left", file);
    MPI(MPI_Comm_set_errhandler(inter, MPI_ERRORS_RETURN));
    while (access(file, F_OK) != 0)
        usleep(10000);
    const int counts[] = {0, 8, 100, 500, 1000, 4000, 16000, sizeof bytes, sizeof bytes};
    for (int n = 0; n < 9; n++) {
        int count = counts[n];
        if (n == 8) {
            MPI(MPI_Send_init(bytes, count, MPI_CHAR, 0, 0, inter, &request));
            code = MPI_Start(&request);
        } else {
            code = MPI_Send(bytes, count, MPI_CHAR, 0, 0, inter);
        }
        MPI(MPI_Error_class(code, &class));
        CHECK(class == MPI_ERR_PROC_ABORTED, "%d bytes: %d", count, class);
        MPI(MPI_Error_string(code, text, &len));
        CHECK(strstr(text, "rank 0 of another job"), "%s", text);
    }
    MPI(MPI_Request_free(&request));
    MPI(MPI_Comm_free(&inter));
}

/* `file`: appears once messages of the parent wait for room. */
static void queued(MPI_Comm parent, const char *file)
{
    enum { MESSAGES = 20000, LEN = 1000 };
    static MPI_Request requests[MESSAGES];
    static MPI_Status statuses[MESSAGES];
    static char bytes[LEN];
    if (parent != MPI_COMM_NULL) {
        while (access(file, F_OK) != 0)
            usleep(10000);
        MPI(MPI_Comm_free(&parent));
        return;
    }
    MPI_Comm inter = spawn("queued", file);
    MPI(MPI_Comm_set_errhandler(inter, MPI_ERRORS_RETURN));
    for (int i = 0; i < MESSAGES; i++)
        MPI(MPI_Isend(bytes, LEN, MPI_CHAR, 0, 0, inter, &requests[i]));
    int done, class, failed = 0;
    MPI(MPI_Testall(MESSAGES, requests, &done, MPI_STATUSES_IGNORE));
    CHECK(!done, "no message waits for room");
    fclose(fopen(file, "w"));
    MPI(MPI_Error_class(MPI_Waitall(MESSAGES, requests, statuses), &class));
    EQ(class, MPI_ERR_IN_STATUS);
    for (int i = 0; i < MESSAGES; i++) {
        MPI(MPI_Error_class(statuses[i].MPI_ERROR, &class));
        failed += class == MPI_ERR_PROC_ABORTED;
        CHECK(failed ? class == MPI_ERR_PROC_ABORTED : class == MPI_SUCCESS, "%d: %d", i, class);
    }
    CHECK(failed, "all messages were sent");
    MPI(MPI_Comm_free(&inter));
}

static void *connect_to_nobody(void *code)
{
    MPI_Comm inter;
    *(int *)code = MPI_Comm_connect(port, MPI_INFO_NULL, 0, MPI_COMM_SELF, &inter);
    return NULL;
}

static void full(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int one = 1, got = 0, code = MPI_SUCCESS, class, waiting[64];
    pthread_t thread;
    snprintf(port, sizeof port, "lariat-port:%032x", (unsigned)getpid());
    strcpy(address.sun_path + 1, port);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(port));
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), n = 0;
    CHECK(bind(listener, (struct sockaddr *)&address, len) == 0, "%s", strerror(errno));
    CHECK(listen(listener, 0) == 0, "%s", strerror(errno));
    do {
        waiting[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        CHECK(n < 63, "the queue is never full");
    } while (connect(waiting[n++], (struct sockaddr *)&address, len) == 0);
    CHECK(errno == EAGAIN, "%s", strerror(errno));
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    pthread_create(&thread, NULL, connect_to_nobody, &code);
    for (int turn = 0; turn < 100; turn++) {
        MPI_Request request;
        MPI(MPI_Irecv(&got, 1, MPI_INT, 0, 0, MPI_COMM_SELF, &request));
        MPI(MPI_Send(&one, 1, MPI_INT, 0, 0, MPI_COMM_SELF));
        MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
        CHECK(got == one, "%d", got);
        usleep(1000);
    }
    close(listener);
    pthread_join(thread, NULL);
    MPI(MPI_Error_class(code, &class));
    CHECK(class == MPI_ERR_PORT, "%d", class);
    while (n > 0)
        close(waiting[--n]);
}

/* The lowest number that is no descriptor of process `pid`. */
static rlim_t lowest_free(int pid)
{
    char path[64];
    for (rlim_t fd = 0;; fd++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, (int)fd);
        char target[8];
        if (readlink(path, target, sizeof target) < 0)
            return fd;
    }
}

static void descriptors(MPI_Comm parent)
{
    MPI_Comm inter;
    struct rlimit before, none;
    int pid = atoi(getenv("LARIAT_LAUNCHER_PID")), class, len;
    char text[MPI_MAX_ERROR_STRING];
    char *args[] = {"descriptors", NULL};
    if (parent != MPI_COMM_NULL) {
        MPI(MPI_Comm_disconnect(&parent));
        return;
    }
    inter = spawn("descriptors", ""); /* mpirun has come to its loop then */
    MPI(MPI_Comm_disconnect(&inter));
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    CHECK(prlimit(pid, RLIMIT_NOFILE, NULL, &before) == 0, "%s", strerror(errno));
    none = before;
    none.rlim_cur = lowest_free(pid);
    CHECK(prlimit(pid, RLIMIT_NOFILE, &none, NULL) == 0, "%s", strerror(errno));
    for (int turn = 0; turn < 3; turn++) {
        int code = MPI_Comm_spawn(self, args, 1, MPI_INFO_NULL, 0, MPI_COMM_SELF, &inter,
                                  MPI_ERRCODES_IGNORE);
        MPI(MPI_Error_class(code, &class));
        CHECK(class == MPI_ERR_SPAWN, "%d", class);
        MPI(MPI_Error_string(code, text, &len));
        CHECK(strstr(text, "open files"), "%s", text);
    }
    CHECK(prlimit(pid, RLIMIT_NOFILE, &before, NULL) == 0, "%s", strerror(errno));
    inter = spawn("descriptors", "");
    MPI(MPI_Comm_disconnect(&inter));
}

static int handler_of(MPI_Comm comm)
{
    MPI_Errhandler handler;
    int which;
    MPI(MPI_Comm_get_errhandler(comm, &handler));
    which = handler == MPI_ERRORS_ARE_FATAL ? 0 : handler == MPI_ERRORS_ABORT ? 1
            : handler == MPI_ERRORS_RETURN  ? 2
                                            : 3;
    MPI(MPI_Errhandler_free(&handler));
    return which;
}

static void handlers(MPI_Comm parent)
{
    const char *keys[] = {"mpi_errors_are_fatal", "MPI_ERRORS_ABORT", "mpi_errors_return", NULL,
                          "mpi_errors_vanish"};
    const int wanted[] = {0, 1, 2, 0, 0};
    MPI_Comm inter;
    char *args[] = {"handlers", NULL};
    int got[3], class;
    if (parent != MPI_COMM_NULL) {
        got[0] = handler_of(MPI_COMM_WORLD);
        got[1] = handler_of(MPI_COMM_SELF);
        got[2] = handler_of(parent);
        MPI(MPI_Send(got, 3, MPI_INT, 0, 0, parent));
        MPI(MPI_Comm_disconnect(&parent));
        return;
    }
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    for (int n = 0; n < 5; n++) {
        MPI_Info info = MPI_INFO_NULL;
        if (keys[n]) {
            MPI(MPI_Info_create(&info));
            MPI(MPI_Info_set(info, "mpi_initial_errhandler", keys[n]));
        }
        int code = MPI_Comm_spawn(self, args, 1, info, 0, MPI_COMM_SELF, &inter,
                                  MPI_ERRCODES_IGNORE);
        if (keys[n])
            MPI(MPI_Info_free(&info));
        MPI(MPI_Error_class(code, &class));
        if (n == 4) {
            CHECK(class == MPI_ERR_INFO_VALUE, "%d", class);
            break;
        }
        CHECK(code == MPI_SUCCESS, "%d", class);
        MPI(MPI_Recv(got, 3, MPI_INT, 0, 0, inter, MPI_STATUS_IGNORE));
        for (int at = 0; at < 3; at++)
            CHECK(got[at] == wanted[n], "%d %d: %d", n, at, got[at]);
        MPI(MPI_Comm_disconnect(&inter));
    }
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
    int level;
    MPI(MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level));
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
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
    else if (!strcmp(what, "left"))
        left(parent, role);
    else if (!strcmp(what, "queued"))
        queued(parent, role);
    else if (!strcmp(what, "full"))
        full();
    else if (!strcmp(what, "descriptors"))
        descriptors(parent);
    else if (!strcmp(what, "handlers"))
        handlers(parent);
    else
        CHECK(0, "what is %s?", what);
    if (parent == MPI_COMM_NULL)
        PASSED();
    MPI(MPI_Finalize());
    return 0;
}
