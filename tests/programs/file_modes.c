/* How files are opened, closed and deleted, what their size is, and what is wrong about that
   (MPI 5.0, section 14.2). A call fails on all ranks or on none. */
#include "file.h"
#include <pthread.h>
#include <stdatomic.h>

static char *path;

static int try_open(const char *name, int amode, MPI_File *file)
{
    return MPI_File_open(MPI_COMM_WORLD, name, amode, MPI_INFO_NULL, file);
}

static MPI_File opened(int amode)
{
    MPI_File file;
    MPI(try_open(path, amode, &file));
    return file;
}

static void wrong_modes(void)
{
    MPI_File file = MPI_FILE_NULL;
    int wrong[] = {0,
                   MPI_MODE_CREATE,
                   MPI_MODE_RDONLY | MPI_MODE_RDWR,
                   MPI_MODE_RDONLY | MPI_MODE_WRONLY | MPI_MODE_CREATE,
                   MPI_MODE_RDONLY | MPI_MODE_CREATE,
                   MPI_MODE_RDONLY | MPI_MODE_EXCL,
                   MPI_MODE_RDWR | MPI_MODE_SEQUENTIAL | MPI_MODE_CREATE,
                   MPI_MODE_RDWR | MPI_MODE_CREATE | 1 << 20};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        FAILS(try_open(path, wrong[i], &file), MPI_ERR_AMODE);
    says(try_open(path, MPI_MODE_CREATE, &file), "MPI_MODE_CREATE");
    EQ(size_of(path), -1);
    FAILS(try_open(path, MPI_MODE_RDONLY, &file), MPI_ERR_NO_SUCH_FILE);
    says(try_open(path, MPI_MODE_RDONLY, &file), path);
    FAILS(try_open(in_folder("no/such/folder"), MPI_MODE_CREATE | MPI_MODE_RDWR, &file),
          MPI_ERR_NO_SUCH_FILE);
    FAILS(try_open(folder, MPI_MODE_RDWR, &file), MPI_ERR_BAD_FILE);
    says(try_open(folder, MPI_MODE_RDONLY, &file), "directory");
    char *fifo = in_folder("fifo");
    if (rank == 0)
        EQ(mkfifo(fifo, 0600), 0);
    all_here();
    FAILS(try_open(fifo, MPI_MODE_RDONLY, &file), MPI_ERR_BAD_FILE);
    says(try_open(fifo, MPI_MODE_WRONLY | MPI_MODE_CREATE, &file), "FIFO");
    all_here();
    if (rank == 0)
        unlink(fifo);
    FAILS(try_open(NULL, MPI_MODE_RDONLY, &file), MPI_ERR_ARG);
    FAILS(try_open(path, MPI_MODE_RDONLY, NULL), MPI_ERR_ARG);
    CHECK(file == MPI_FILE_NULL, "the handle");
    /* What is wrong on one rank, all hear. */
    if (ranks > 1) {
        int mode = MPI_MODE_CREATE | (rank == 0 ? MPI_MODE_WRONLY : MPI_MODE_RDWR);
        FAILS(try_open(path, mode, &file), MPI_ERR_NOT_SAME);
        FAILS(try_open(path, rank == 1 ? 0 : MPI_MODE_RDWR | MPI_MODE_CREATE, &file), MPI_ERR_AMODE);
        FAILS(try_open(rank == 1 ? in_folder("other") : path, MPI_MODE_RDWR | MPI_MODE_CREATE, &file),
              MPI_ERR_NO_SUCH_FILE);
        EQ(size_of(path), -1); /* what was made for nothing is gone */
        MPI_Comm half, both;
        MPI(MPI_Comm_split(MPI_COMM_WORLD, rank == 0, 0, &half));
        MPI(MPI_Intercomm_create(half, 0, MPI_COMM_WORLD, rank == 0 ? 1 : 0, 3, &both));
        MPI(MPI_Comm_set_errhandler(both, MPI_ERRORS_RETURN));
        FAILS(MPI_File_open(both, path, MPI_MODE_RDWR | MPI_MODE_CREATE, MPI_INFO_NULL, &file),
              MPI_ERR_COMM);
        MPI(MPI_Comm_free(&both));
        MPI(MPI_Comm_free(&half));
    }
    FAILS(MPI_File_open(MPI_COMM_NULL, path, MPI_MODE_RDWR, MPI_INFO_NULL, &file), MPI_ERR_COMM);
    FAILS(MPI_File_close(&file), MPI_ERR_FILE);
    file = (MPI_File)MPI_COMM_WORLD;
    FAILS(MPI_File_close(&file), MPI_ERR_FILE);
    all_here();
}

/* Opens the file to append again and again while a thread of the last rank, as another program
   might, changes its size: all ranks begin at one place, which is that of the shared pointer. */
static atomic_int is_over;

static void *change_size(void *unused)
{
    (void)unused;
    for (unsigned i = 0; !is_over; i++) {
        EQ(truncate(path, i % 3 * 100), 0);
        usleep(20);
    }
    return NULL;
}

static void append_while_it_changes(void)
{
    MPI_File file = opened(MPI_MODE_CREATE | MPI_MODE_RDWR);
    MPI(MPI_File_close(&file));
    pthread_t thread;
    int changes = rank == ranks - 1;
    if (changes)
        EQ(pthread_create(&thread, NULL, change_size, NULL), 0);
    for (int i = 0; i < 100; i++) {
        file = opened(MPI_MODE_RDWR | MPI_MODE_APPEND);
        MPI_Offset at = position(file), least, most;
        MPI(MPI_Allreduce(&at, &least, 1, MPI_OFFSET, MPI_MIN, MPI_COMM_WORLD));
        MPI(MPI_Allreduce(&at, &most, 1, MPI_OFFSET, MPI_MAX, MPI_COMM_WORLD));
        EQ(least, most);
        MPI(MPI_File_get_position_shared(file, &at));
        EQ(at, most);
        MPI(MPI_File_close(&file));
    }
    is_over = 1;
    if (changes)
        EQ(pthread_join(thread, NULL), 0);
    all_here();
}

static void life(void)
{
    MPI_File file = opened(MPI_MODE_CREATE | MPI_MODE_EXCL | MPI_MODE_RDWR), other;
    int amode, result;
    MPI_Group group, world;
    MPI(MPI_File_get_amode(file, &amode));
    EQ(amode, MPI_MODE_CREATE | MPI_MODE_EXCL | MPI_MODE_RDWR);
    MPI(MPI_File_get_group(file, &group));
    MPI(MPI_Comm_group(MPI_COMM_WORLD, &world));
    MPI(MPI_Group_compare(group, world, &result));
    EQ(result, MPI_IDENT);
    MPI(MPI_Group_free(&group));
    MPI(MPI_Group_free(&world));
    CHECK(MPI_File_f2c(MPI_File_c2f(file)) == file, "through Fortran");
    CHECK(MPI_File_fromint(MPI_File_toint(file)) == file, "through an integer");
    CHECK(MPI_File_f2c(MPI_File_c2f(MPI_FILE_NULL)) == MPI_FILE_NULL, "through Fortran");
    FAILS(try_open(path, MPI_MODE_CREATE | MPI_MODE_EXCL | MPI_MODE_RDWR, &other), MPI_ERR_FILE_EXISTS);
    MPI_File closed = file;
    MPI(MPI_File_close(&file));
    CHECK(file == MPI_FILE_NULL, "the handle");
    FAILS(MPI_File_get_amode(closed, &amode), MPI_ERR_FILE);
    FAILS(MPI_File_close(&closed), MPI_ERR_FILE);

    /* With the prefix of a file system; deleted when closed. */
    char prefixed[1100];
    snprintf(prefixed, sizeof prefixed, "ufs:%s", path);
    MPI(try_open(prefixed, MPI_MODE_RDWR | MPI_MODE_UNIQUE_OPEN | MPI_MODE_DELETE_ON_CLOSE, &file));
    EQ(size_of(path), 0);
    MPI(MPI_File_close(&file));
    EQ(size_of(path), -1);
    all_here();
    if (rank == 0) {
        FAILS(MPI_File_delete(path, MPI_INFO_NULL), MPI_ERR_NO_SUCH_FILE);
        says(MPI_File_delete(path, MPI_INFO_NULL), path);
        FAILS(MPI_File_delete(NULL, MPI_INFO_NULL), MPI_ERR_ARG);
        CHECK(MPI_File_delete(folder, MPI_INFO_NULL) != MPI_SUCCESS, "a folder");
    }
    all_here();
}

static void sizes(void)
{
    MPI_File file = opened(MPI_MODE_CREATE | MPI_MODE_RDWR);
    MPI_Offset size;
    MPI(MPI_File_set_size(file, 1000));
    MPI(MPI_File_get_size(file, &size));
    EQ(size, 1000);
    MPI(MPI_File_preallocate(file, 5000));
    MPI(MPI_File_get_size(file, &size));
    EQ(size, 5000);
    MPI(MPI_File_preallocate(file, 10));
    MPI(MPI_File_preallocate(file, 0));
    MPI(MPI_File_get_size(file, &size));
    EQ(size, 5000);
    MPI(MPI_File_set_size(file, 10));
    EQ(size_of(path), 10);
    FAILS(MPI_File_set_size(file, -1), MPI_ERR_ARG);
    FAILS(MPI_File_preallocate(file, -1), MPI_ERR_ARG);
    FAILS(MPI_File_get_size(file, NULL), MPI_ERR_ARG);
    if (ranks > 1) {
        FAILS(MPI_File_set_size(file, 10 + rank), MPI_ERR_NOT_SAME);
        FAILS(MPI_File_set_size(file, rank ? 10 : -1), MPI_ERR_ARG);
    }
    MPI(MPI_File_get_size(file, &size));
    EQ(size, 10);
    all_here();
    /* Beyond 4 GiB: the file has a hole, and takes no space. */
    MPI_Offset far = (MPI_Offset)5 << 30;
    int word = 4711 + rank, got = 0;
    MPI(MPI_File_write_at(file, far + 4 * rank, &word, 1, MPI_INT, MPI_STATUS_IGNORE));
    MPI(MPI_File_read_at(file, far + 4 * rank, &got, 1, MPI_INT, MPI_STATUS_IGNORE));
    EQ(got, word);
    MPI(MPI_File_sync(file));
    all_here();
    MPI(MPI_File_get_size(file, &size));
    EQ(size, far + 4 * ranks);
    MPI(MPI_File_close(&file));
    all_here();
}

static void what_modes_forbid(void)
{
    int word = 5;
    MPI_Offset at;
    MPI_Status status;
    MPI_File file = opened(MPI_MODE_RDWR);
    MPI(MPI_File_set_size(file, 100));
    MPI(MPI_File_close(&file));

    file = opened(MPI_MODE_RDONLY);
    FAILS(MPI_File_write_at(file, 0, &word, 1, MPI_INT, &status), MPI_ERR_READ_ONLY);
    FAILS(MPI_File_write(file, &word, 1, MPI_INT, &status), MPI_ERR_READ_ONLY);
    FAILS(MPI_File_set_size(file, 0), MPI_ERR_READ_ONLY);
    FAILS(MPI_File_preallocate(file, 10), MPI_ERR_READ_ONLY);
    says(MPI_File_write_at(file, 0, &word, 1, MPI_INT, &status), "MPI_MODE_RDONLY");
    MPI(MPI_File_sync(file));
    MPI(MPI_File_close(&file));

    file = opened(MPI_MODE_WRONLY | MPI_MODE_APPEND);
    EQ(position(file), 100);
    MPI(MPI_File_get_position_shared(file, &at));
    EQ(at, 100);
    FAILS(MPI_File_read_at(file, 0, &word, 1, MPI_INT, &status), MPI_ERR_ACCESS);
    FAILS(MPI_File_read(file, &word, 1, MPI_INT, &status), MPI_ERR_ACCESS);
    MPI(MPI_File_set_view(file, 0, MPI_INT, MPI_INT, "native", MPI_INFO_NULL));
    EQ(position(file), 0);
    MPI(MPI_File_close(&file));

    file = opened(MPI_MODE_RDONLY | MPI_MODE_SEQUENTIAL);
    FAILS(MPI_File_read_at(file, 0, &word, 1, MPI_INT, &status), MPI_ERR_UNSUPPORTED_OPERATION);
    FAILS(MPI_File_read(file, &word, 1, MPI_INT, &status), MPI_ERR_UNSUPPORTED_OPERATION);
    FAILS(MPI_File_seek(file, 0, MPI_SEEK_SET), MPI_ERR_UNSUPPORTED_OPERATION);
    FAILS(MPI_File_get_position(file, &at), MPI_ERR_UNSUPPORTED_OPERATION);
    FAILS(MPI_File_seek_shared(file, 0, MPI_SEEK_SET), MPI_ERR_UNSUPPORTED_OPERATION);
    char bytes[8];
    MPI(MPI_File_read_shared(file, bytes, 8, MPI_BYTE, &status));
    EQ(count_of(&status, MPI_BYTE), 8);
    all_here();
    MPI(MPI_File_set_view(file, MPI_DISPLACEMENT_CURRENT, MPI_BYTE, MPI_BYTE, "native", MPI_INFO_NULL));
    MPI_Datatype etype, filetype;
    char representation[MPI_MAX_DATAREP_STRING];
    MPI(MPI_File_get_view(file, &at, &etype, &filetype, representation));
    EQ(at, 8 * ranks);
    FAILS(MPI_File_set_view(file, 3, MPI_BYTE, MPI_BYTE, "native", MPI_INFO_NULL), MPI_ERR_ARG);
    MPI(MPI_File_close(&file));
    all_here();
}

/* Of one rank, and of some. */
static void other_groups(void)
{
    MPI_File file;
    char name[32];
    MPI_Comm half;
    snprintf(name, sizeof name, "self%d", rank);
    char *own = in_folder(name);
    int amode = MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE;
    MPI(MPI_File_open(MPI_COMM_SELF, own, amode, MPI_INFO_NULL, &file));
    MPI(MPI_File_write(file, &rank, 1, MPI_INT, MPI_STATUS_IGNORE));
    EQ(size_of(own), 4);
    MPI(MPI_File_close(&file));
    EQ(size_of(own), -1);
    MPI(MPI_Comm_split(MPI_COMM_WORLD, rank % 2, -rank, &half));
    snprintf(name, sizeof name, "half%d", rank % 2);
    MPI(MPI_File_open(half, in_folder(name), amode, MPI_INFO_NULL, &file));
    MPI(MPI_Comm_free(&half));
    MPI_Group group;
    int size, here;
    MPI(MPI_File_get_group(file, &group));
    MPI(MPI_Group_size(group, &size));
    MPI(MPI_Group_rank(group, &here));
    EQ(size, (ranks + 1 - rank % 2) / 2);
    EQ(here, size - 1 - rank / 2);
    MPI(MPI_Group_free(&group));
    MPI(MPI_File_set_size(file, 77));
    MPI(MPI_File_close(&file));
    EQ(size_of(in_folder(name)), -1);
    all_here();
}

int main(int argc, char **argv)
{
    START_FILES(argc, argv);
    path = in_folder("modes");
    wrong_modes();
    life();
    sizes();
    what_modes_forbid();
    other_groups();
    append_while_it_changes();
    if (rank == 0)
        MPI(MPI_File_delete(path, MPI_INFO_NULL));
    PASSED();
}
