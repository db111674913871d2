/* What the kernel refuses or does by halves: no space, a limit on sizes, signals. */
#include "file.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>

static void on_alarm(int signal_number) { (void)signal_number; }

/* Nothing fits on /dev/full. */
static void no_space(void)
{
    MPI_File file;
    MPI_Status status;
    char bytes[100] = {0};
    MPI(MPI_File_open(MPI_COMM_SELF, "/dev/full", MPI_MODE_WRONLY, MPI_INFO_NULL, &file));
    FAILS(MPI_File_write_at(file, 0, bytes, 100, MPI_BYTE, &status), MPI_ERR_NO_SPACE);
    EQ(count_of(&status, MPI_BYTE), 0);
    says(MPI_File_write_at(file, 0, bytes, 100, MPI_BYTE, &status), "/dev/full");
    MPI(MPI_File_close(&file));
    int code = MPI_File_open(MPI_COMM_SELF, "/proc/version", MPI_MODE_RDWR, MPI_INFO_NULL, &file);
    CHECK(code != MPI_SUCCESS || MPI_File_close(&file) == MPI_SUCCESS, "/proc/version");
    FAILS(MPI_File_open(MPI_COMM_SELF, "/proc/self/status/x", MPI_MODE_RDONLY, MPI_INFO_NULL, &file),
          MPI_ERR_BAD_FILE);
}

/* A write that ends half-way says how far it came, and the pointer is there. */
static void half(void)
{
    enum { LEN = 100000, LIMIT = 60000 };
    char name[32], *bytes = room(LEN);
    MPI_File file;
    MPI_Status status;
    struct rlimit before, limit;
    snprintf(name, sizeof name, "half%d", rank);
    char *path = in_folder(name);
    signal(SIGXFSZ, SIG_IGN);
    EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = LIMIT;
    fill(bytes, LEN, rank);
    MPI(MPI_File_open(MPI_COMM_SELF, path, MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE,
                      MPI_INFO_NULL, &file));
    EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int code = MPI_File_write(file, bytes, LEN, MPI_BYTE, &status);
    EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    FAILS(code, MPI_ERR_IO);
    says(code, name);
    EQ(count_of(&status, MPI_BYTE), LIMIT);
    EQ(position(file), LIMIT);
    EQ(size_of(path), LIMIT);
    memset(bytes, 0, LEN);
    MPI(MPI_File_read_at(file, 0, bytes, LEN, MPI_BYTE, &status));
    EQ(count_of(&status, MPI_BYTE), LIMIT);
    FILLED(bytes, LIMIT, rank);
    MPI(MPI_File_close(&file));
    free(bytes);
}

/* Signals all the time. */
static void signals(void)
{
    enum { LEN = 8 << 20 };
    char *bytes = room(LEN), *path = in_folder("signals");
    MPI_File file;
    MPI_Status status;
    struct sigaction action = {.sa_handler = on_alarm}; /* no SA_RESTART */
    struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    EQ(sigaction(SIGALRM, &action, NULL), 0);
    EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
    MPI(MPI_File_open(MPI_COMM_WORLD, path, MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE,
                      MPI_INFO_NULL, &file));
    MPI(MPI_File_preallocate(file, LEN));
    for (int i = 0; i < 3; i++) {
        fill(bytes, LEN, 10 * rank + i);
        MPI(MPI_File_write_at(file, (MPI_Offset)LEN * rank, bytes, LEN, MPI_BYTE, &status));
        EQ(count_of(&status, MPI_BYTE), LEN);
        MPI(MPI_File_sync(file));
        memset(bytes, 0, LEN);
        MPI(MPI_File_read_at(file, (MPI_Offset)LEN * rank, bytes, LEN, MPI_BYTE, &status));
        EQ(count_of(&status, MPI_BYTE), LEN);
        FILLED(bytes, LEN, 10 * rank + i);
    }
    MPI(MPI_File_close(&file));
    EQ(setitimer(ITIMER_REAL, &never, NULL), 0);
    free(bytes);
}

int main(int argc, char **argv)
{
    START_FILES(argc, argv);
    no_space();
    half();
    signals();
    PASSED();
}
