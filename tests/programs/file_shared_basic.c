/* Shared file pointers (MPI 5.0, section 14.4.4): records of all ranks, each once; ordered
   accesses; seeking; the end of the file; subcommunicators; what is wrong. */
#include "file.h"

static char *path;

static MPI_File opened(MPI_Comm comm, int amode)
{
    MPI_File file;
    MPI(MPI_File_open(comm, path, amode, MPI_INFO_NULL, &file));
    return file;
}

static void removed(MPI_File *file)
{
    MPI(MPI_File_close(file));
    all_here();
    if (rank == 0)
        MPI(MPI_File_delete(path, MPI_INFO_NULL));
    all_here();
}

static MPI_Offset shared_position(MPI_File file)
{
    MPI_Offset at;
    MPI(MPI_File_get_position_shared(file, &at));
    return at;
}

/* Every rank appends records, blocking and not, and every record is there once. */
static void records(void)
{
    enum { N = 300 };
    int record[4];
    MPI_Status status;
    MPI_File file = opened(MPI_COMM_WORLD, MPI_MODE_CREATE | MPI_MODE_RDWR);
    MPI(MPI_File_set_view(file, 12, MPI_INT, MPI_INT, "native", MPI_INFO_NULL));
    static int under_way[N][4];
    MPI_Request requests[N];
    for (int i = 0; i < N; i++) {
        int len = 1 + i % 4;
        for (int j = 0; j < 4; j++)
            record[j] = under_way[i][j] = (rank * N + i) * 4 + len - 1;
        requests[i] = MPI_REQUEST_NULL;
        if (i % 2) {
            MPI(MPI_File_write_shared(file, record, len, MPI_INT, &status));
            EQ(count_of(&status, MPI_INT), len);
        } else {
            MPI(MPI_File_iwrite_shared(file, under_way[i], len, MPI_INT, &requests[i]));
        }
    }
    MPI(MPI_Waitall(N, requests, MPI_STATUSES_IGNORE));
    all_here();
    long total = (long)ranks * N / 4 * 10;
    EQ(shared_position(file), total);
    EQ(position(file), 0);
    int *all = malloc((size_t)total * sizeof *all);
    char *seen = calloc((size_t)ranks * N, 1);
    MPI(MPI_File_read_at(file, 0, all, (int)total, MPI_INT, &status));
    EQ(count_of(&status, MPI_INT), total);
    for (long at = 0; at < total;) {
        int value = all[at], len = value % 4 + 1;
        CHECK(value >= 0 && value / 4 < ranks * N, "%d", value);
        for (int j = 0; j < len; j++)
            EQ(all[at + j], value);
        EQ(seen[value / 4], 0);
        seen[value / 4] = 1;
        at += len;
    }
    /* read back: every int once, over all ranks, and then nothing */
    MPI(MPI_File_seek_shared(file, 0, MPI_SEEK_SET));
    EQ(shared_position(file), 0);
    all_here();
    long mine = 0, sum = 0;
    for (int i = 0;; i++) {
        int got;
        if (i % 2) {
            MPI_Request request;
            MPI(MPI_File_iread_shared(file, record, 3, MPI_INT, &request));
            MPI(MPI_Wait(&request, &status));
        } else {
            MPI(MPI_File_read_shared(file, record, 3, MPI_INT, &status));
        }
        got = count_of(&status, MPI_INT);
        if (got == 0)
            break;
        mine += got;
    }
    MPI(MPI_Allreduce(&mine, &sum, 1, MPI_LONG, MPI_SUM, MPI_COMM_WORLD));
    EQ(sum, total);
    EQ(shared_position(file), total);
    free(all);
    free(seen);
    removed(&file);
}

/* Parts lie in the order of the ranks. */
static void ordered(void)
{
    MPI_File file = opened(MPI_COMM_WORLD, MPI_MODE_CREATE | MPI_MODE_RDWR);
    MPI_Status status;
    int part[20], back[20];
    long at = 0, all = (long)ranks * (ranks + 1) / 2;
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i <= rank; i++)
            part[i] = round * 1000 + rank;
        MPI(MPI_File_write_ordered(file, part, rank + 1, MPI_INT, &status));
        EQ(count_of(&status, MPI_INT), rank + 1);
        at += all;
    }
    all_here();
    EQ(shared_position(file), at * 4);
    MPI(MPI_File_seek_shared(file, 0, MPI_SEEK_SET));
    for (int round = 0; round < 50; round++) {
        memset(back, 0, sizeof back);
        MPI(MPI_File_read_ordered(file, back, rank + 1, MPI_INT, &status));
        EQ(count_of(&status, MPI_INT), rank + 1);
        for (int i = 0; i <= rank; i++)
            EQ(back[i], round * 1000 + rank);
    }
    /* at the end: nothing for all; then for some */
    MPI(MPI_File_read_ordered(file, back, rank + 1, MPI_INT, &status));
    EQ(count_of(&status, MPI_INT), 0);
    EQ(shared_position(file), at * 4);
    MPI(MPI_File_seek_shared(file, -4, MPI_SEEK_END));
    MPI(MPI_File_read_ordered(file, back, 1, MPI_INT, &status));
    EQ(count_of(&status, MPI_INT), rank == 0);
    all_here();
    EQ(shared_position(file), at * 4);
    /* one is wrong, and the others are not kept */
    if (rank == ranks - 1) {
        FAILS(MPI_File_write_ordered(file, part, -1, MPI_INT, &status), MPI_ERR_COUNT);
    } else {
        MPI(MPI_File_write_ordered(file, part, 1, MPI_INT, &status));
        EQ(count_of(&status, MPI_INT), 1);
    }
    all_here();
    EQ(shared_position(file), (at + ranks - 1) * 4);
    removed(&file);
}

static void seeking(void)
{
    MPI_File file = opened(MPI_COMM_WORLD, MPI_MODE_CREATE | MPI_MODE_RDWR);
    MPI_Offset at;
    MPI(MPI_File_set_size(file, 1000));
    MPI(MPI_File_set_view(file, 0, MPI_SHORT, MPI_SHORT, "native", MPI_INFO_NULL));
    MPI(MPI_File_seek_shared(file, 10, MPI_SEEK_SET));
    EQ(shared_position(file), 10);
    all_here();
    MPI(MPI_File_seek_shared(file, 5, MPI_SEEK_CUR));
    EQ(shared_position(file), 15);
    all_here();
    MPI(MPI_File_seek_shared(file, -100, MPI_SEEK_END));
    EQ(shared_position(file), 400);
    all_here();
    FAILS(MPI_File_seek_shared(file, -1, MPI_SEEK_SET), MPI_ERR_ARG);
    FAILS(MPI_File_seek_shared(file, 0, 12345), MPI_ERR_ARG);
    if (ranks > 1) {
        FAILS(MPI_File_seek_shared(file, rank, MPI_SEEK_SET), MPI_ERR_NOT_SAME);
        int whence = rank ? MPI_SEEK_CUR : MPI_SEEK_SET;
        FAILS(MPI_File_seek_shared(file, 1, whence), MPI_ERR_NOT_SAME);
    }
    EQ(shared_position(file), 400);
    FAILS(MPI_File_get_position_shared(file, NULL), MPI_ERR_ARG);
    FAILS(MPI_File_get_position_shared(MPI_FILE_NULL, &at), MPI_ERR_FILE);
    FAILS(MPI_File_seek_shared(MPI_FILE_NULL, 0, MPI_SEEK_SET), MPI_ERR_FILE);
    all_here();
    /* a view sets all pointers to its beginning */
    MPI(MPI_File_set_view(file, 0, MPI_INT, MPI_INT, "native", MPI_INFO_NULL));
    EQ(shared_position(file), 0);
    MPI(MPI_File_close(&file));
    /* appending: all pointers are at the end first */
    file = opened(MPI_COMM_WORLD, MPI_MODE_RDWR | MPI_MODE_APPEND);
    EQ(shared_position(file), 1000);
    MPI(MPI_File_close(&file));
    int some[2];
    file = opened(MPI_COMM_WORLD, MPI_MODE_RDONLY);
    FAILS(MPI_File_write_shared(file, some, 1, MPI_INT, MPI_STATUS_IGNORE), MPI_ERR_READ_ONLY);
    FAILS(MPI_File_write_ordered(file, some, 1, MPI_INT, MPI_STATUS_IGNORE), MPI_ERR_READ_ONLY);
    FAILS(MPI_File_read_shared(file, some, -1, MPI_INT, MPI_STATUS_IGNORE), MPI_ERR_COUNT);
    FAILS(MPI_File_read_shared(file, some, 1, MPI_DATATYPE_NULL, MPI_STATUS_IGNORE),
          MPI_ERR_TYPE);
    EQ(shared_position(file), 0);
    MPI(MPI_File_close(&file));
    /* sequential: nothing but the shared pointer */
    all_here();
    file = opened(MPI_COMM_WORLD, MPI_MODE_WRONLY | MPI_MODE_SEQUENTIAL);
    MPI(MPI_File_write_shared(file, some, 2, MPI_INT, MPI_STATUS_IGNORE));
    MPI(MPI_File_write_ordered(file, some, 2, MPI_INT, MPI_STATUS_IGNORE));
    FAILS(MPI_File_write_all(file, some, 1, MPI_INT, MPI_STATUS_IGNORE),
          MPI_ERR_UNSUPPORTED_OPERATION);
    FAILS(MPI_File_seek_shared(file, 0, MPI_SEEK_SET), MPI_ERR_UNSUPPORTED_OPERATION);
    removed(&file);
}

/* Each half has a file and a pointer of its own; and one file opened twice has two. */
static void subcommunicators(void)
{
    MPI_Comm half;
    int size, place;
    MPI(MPI_Comm_split(MPI_COMM_WORLD, rank % 2, -rank, &half));
    MPI(MPI_Comm_size(half, &size));
    MPI(MPI_Comm_rank(half, &place));
    char name[32];
    snprintf(name, sizeof name, "half%d", rank % 2);
    char *whole = path;
    path = in_folder(name);
    MPI_File one = opened(half, MPI_MODE_CREATE | MPI_MODE_RDWR);
    MPI_File two = opened(half, MPI_MODE_RDWR);
    MPI(MPI_File_write_ordered(one, &rank, 1, MPI_INT, MPI_STATUS_IGNORE));
    MPI(MPI_Barrier(half));
    EQ(shared_position(one), 4 * size);
    EQ(shared_position(two), 0);
    int got = -1;
    MPI(MPI_File_read_ordered(two, &got, 1, MPI_INT, MPI_STATUS_IGNORE));
    EQ(got, rank);
    MPI(MPI_File_close(&two));
    MPI(MPI_File_close(&one));
    MPI(MPI_Barrier(half));
    if (place == 0)
        MPI(MPI_File_delete(path, MPI_INFO_NULL));
    MPI(MPI_Comm_free(&half));
    path = whole;
    all_here();
}

int main(int argc, char **argv)
{
    START_FILES(argc, argv);
    path = in_folder("shared");
    records();
    ordered();
    seeking();
    subcommunicators();
    PASSED();
}
