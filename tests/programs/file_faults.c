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

/* A size beyond the limit is an error at all ranks; the signal that would end the job does not
   come. Files that are longer already may stay so. */
static void beyond_limit(void)
{
    enum { LIMIT = 60000 };
    char *path = in_folder("limited");
    MPI_File file;
    struct rlimit before, limit;
    signal(SIGXFSZ, SIG_DFL);
    EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = LIMIT;
    MPI(MPI_File_open(MPI_COMM_WORLD, path, MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE,
                      MPI_INFO_NULL, &file));
    for (int is_long = 0; is_long < 2; is_long++) {
        long size = is_long ? 2 * LIMIT : 100;
        MPI(MPI_File_set_size(file, size));
        if (rank == 0)
            EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
        int set = MPI_File_set_size(file, size + LIMIT);
        int allocated = MPI_File_preallocate(file, size + LIMIT);
        int same = MPI_File_set_size(file, size), there = MPI_File_preallocate(file, size);
        int most = is_long ? MPI_SUCCESS : MPI_File_set_size(file, LIMIT);
        if (rank == 0)
            EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
        FAILS(set, MPI_ERR_IO);
        says(set, "File too large");
        says(set, "limited");
        FAILS(allocated, MPI_ERR_IO);
        says(allocated, "File too large");
        MPI(same);
        MPI(there);
        MPI(most);
        all_here();
        EQ(size_of(path), is_long ? size : LIMIT);
        all_here();
    }
    MPI(MPI_File_close(&file));
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

/* The folder has room for a little less than 1 MiB. */
static void little_room(void)
{
    enum { LEN = 3 << 20 };
    char *bytes = room(LEN), *path = in_folder("little"), here;
    MPI_File file;
    MPI_Status status;
    MPI_Datatype turn;
    MPI_Offset at;
    int amode = MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE, got;
    memset(bytes, 'x', LEN);
    if (rank == 0) {
        MPI(MPI_File_open(MPI_COMM_SELF, path, amode, MPI_INFO_NULL, &file));
        FAILS(MPI_File_write(file, bytes, LEN, MPI_BYTE, &status), MPI_ERR_NO_SPACE);
        got = count_of(&status, MPI_BYTE);
        CHECK(got > 500000 && got < 1 << 20, "%d bytes", got);
        EQ(position(file), got);
        EQ(size_of(path), got);
        MPI(MPI_File_set_size(file, 0));
        FAILS(MPI_File_preallocate(file, LEN), MPI_ERR_NO_SPACE);
        MPI(MPI_File_set_size(file, 0));
        /* In pieces, with gaps that take space too. */
        MPI(MPI_Type_create_resized(MPI_INT, 0, 12, &turn));
        MPI(MPI_Type_commit(&turn));
        MPI(MPI_File_set_view(file, 4, MPI_INT, turn, "native", MPI_INFO_NULL));
        FAILS(MPI_File_write(file, bytes, LEN / 4, MPI_INT, &status), MPI_ERR_NO_SPACE);
        got = count_of(&status, MPI_INT);
        CHECK(got >= 0 && got < LEN / 4, "%d ints", got);
        EQ(position(file), got);
        if (got > 0) {
            MPI(MPI_File_get_byte_offset(file, got - 1, &at));
            EQ(bytes_at(path, at, &here, 1), 1);
            EQ(here, 'x');
            /* the file does not look as if all were there */
            EQ(size_of(path), at + 4);
        }
        MPI(MPI_Type_free(&turn));
        MPI(MPI_File_close(&file));
    }
    all_here();
    MPI(MPI_File_open(MPI_COMM_WORLD, path, amode, MPI_INFO_NULL, &file));
    MPI(MPI_Type_create_resized(MPI_INT, 0, 4 * ranks, &turn));
    MPI(MPI_Type_commit(&turn));
    MPI(MPI_File_set_view(file, 4 * rank, MPI_INT, turn, "native", MPI_INFO_NULL));
    int code = MPI_File_write_all(file, bytes, LEN / 4, MPI_INT, &status);
    got = count_of(&status, MPI_INT);
    CHECK(got >= 0 && got <= LEN / 4, "%d ints", got);
    /* Some rank could not write all that it had; it knows. */
    int all = code == MPI_SUCCESS, together;
    if (code != MPI_SUCCESS)
        FAILS(code, MPI_ERR_NO_SPACE);
    MPI(MPI_Allreduce(&all, &together, 1, MPI_INT, MPI_LAND, MPI_COMM_WORLD));
    EQ(together, 0);
    MPI(MPI_Type_free(&turn));
    MPI(MPI_File_close(&file));
    free(bytes);
}

/* The folder cannot be written. */
static void read_only(void)
{
    MPI_File file;
    char *path = in_folder("there"), *other = in_folder("new");
    FAILS(MPI_File_open(MPI_COMM_WORLD, other, MPI_MODE_CREATE | MPI_MODE_RDWR, MPI_INFO_NULL, &file),
          MPI_ERR_READ_ONLY);
    FAILS(MPI_File_open(MPI_COMM_WORLD, path, MPI_MODE_RDWR, MPI_INFO_NULL, &file), MPI_ERR_READ_ONLY);
    says(MPI_File_open(MPI_COMM_WORLD, path, MPI_MODE_WRONLY, MPI_INFO_NULL, &file), path);
    FAILS(MPI_File_delete(path, MPI_INFO_NULL), MPI_ERR_READ_ONLY);
    MPI(MPI_File_open(MPI_COMM_WORLD, path, MPI_MODE_RDONLY, MPI_INFO_NULL, &file));
    MPI(MPI_File_sync(file));
    MPI(MPI_File_close(&file));
}

int main(int argc, char **argv)
{
    START_FILES(argc, argv);
    if (argc > 2) {
        strcmp(argv[2], "little") ? read_only() : little_room();
        PASSED();
    }
    no_space();
    half();
    beyond_limit();
    signals();
    PASSED();
}
