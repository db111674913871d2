/* A rank does to descriptors what programs do: closes those that it does not know,
   puts files of its own in their place, and runs with closed standard streams. Its
   messages arrive, communicators and windows are made, it forks, and its own files stay
   what they are.

     descriptors closes      closes all after MPI_Init and opens files
     descriptors closed      was started with closed standard streams
     descriptors children    what it starts does not inherit the job's files */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILES = 60, LARGE = 8 << 20 };

static int own[FILES];

static void replace_all(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    for (int fd = 3; fd < (int)limit.rlim_cur && fd < 70000; fd++)
        close(fd);
    for (int i = 0; i < FILES; i++) {
        char name[] = "/tmp/descriptors.XXXXXX";
        own[i] = mkstemp(name);
        CHECK(own[i] >= 0, "%s", name);
        unlink(name);
        EQ(write(own[i], "data", 4), 4);
    }
    /* nearly all numbers, so that those that were ours are among them */
    for (int fd = 128; fd < (int)limit.rlim_cur && fd < 70000; fd++)
        if (dup2(own[0], fd) < 0)
            break;
}

static void files_are_unchanged(void)
{
    for (int i = 0; i < FILES; i++) {
        struct stat about;
        char bytes[5] = "";
        EQ(fstat(own[i], &about), 0);
        EQ(about.st_size, 4);
        EQ(pread(own[i], bytes, 4, 0), 4);
        CHECK(strcmp(bytes, "data") == 0, "%s", bytes);
    }
}

static void exchange(char *out, char *in, int bytes)
{
    int next = (rank + 1) % ranks, last = (rank + ranks - 1) % ranks;
    memset(out, 1 + rank, bytes);
    MPI(MPI_Sendrecv(out, bytes, MPI_CHAR, next, 7, in, bytes, MPI_CHAR, last, 7,
                     MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    EQ(in[0], 1 + last);
    EQ(in[bytes - 1], 1 + last);
}

/* Everything for which the library needs its files. */
static void use_all(void)
{
    MPI_Comm made[300];
    for (int i = 0; i < 300; i++) {
        int one = 1, sum = 0;
        MPI(MPI_Comm_dup(MPI_COMM_WORLD, &made[i]));
        MPI(MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, made[i]));
        EQ(sum, ranks);
    }
    for (int i = 0; i < 300; i++)
        MPI(MPI_Comm_free(&made[i]));
    char *out = malloc(LARGE), *in = malloc(LARGE);
    exchange(out, in, LARGE);
    pid_t child = fork();
    if (child == 0)
        _exit(in[LARGE - 1] == 1 + (rank + ranks - 1) % ranks ? 0 : 1);
    int status = -1;
    EQ(waitpid(child, &status, 0), child);
    EQ(status, 0);
    exchange(out, in, LARGE);
    free(out);
    free(in);
    void *base;
    MPI_Win window;
    MPI(MPI_Win_allocate(1 << 22, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &base, &window));
    MPI(MPI_Win_free(&window));
}

static void streams_are_closed(void)
{
    for (int fd = 0; fd < 3; fd++)
        CHECK(fcntl(fd, F_GETFD) < 0 && errno == EBADF, "descriptor %d is open", fd);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    const char *report = argc > 2 ? argv[2] : "/dev/null";
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (strcmp(what, "closes") == 0) {
        replace_all();
        use_all();
        files_are_unchanged();
    } else if (strcmp(what, "closed") == 0) {
        streams_are_closed();
        use_all();
        streams_are_closed();
        /* nobody reads what it prints: it tells in a file that it came so far */
        int fd = open(report, O_WRONLY | O_APPEND);
        CHECK(fd >= 0, "%s", report);
        EQ(write(fd, "+", 1), 1);
        close(fd);
    } else if (strcmp(what, "children") == 0) {
        const char *names[] = {"LARIAT_SEGMENT", "LARIAT_HEAP_FILE"};
        for (int i = 0; i < 2; i++) {
            int fd = atoi(getenv(names[i]));
            CHECK(fd > 255, "%s=%d", names[i], fd);
            CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC, "%s=%d", names[i], fd);
        }
    }
    PASSED();
}
