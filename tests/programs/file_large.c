/* One access of more than 2^31 elements and more than 4 GiB, by each way that bytes go: of one
   rank, nonblocking, collective, and through a view with holes that ends far behind 4 GiB.
   usage: file_large FOLDER [staged]: collective accesses go through memory in common */
#include "file.h"
#include <sys/mman.h>

static char *path;
static const long long LEN = (1LL << 32) + 12345;

/* The marks in the data: the rest is zero. */
static const long long marks[] = {0, 4095, 1LL << 30, (1LL << 31) - 1, 1LL << 31, (1LL << 32) - 1,
                                  1LL << 32, (1LL << 32) + 12344};
enum { MARKS = sizeof marks / sizeof *marks };

static void counted(MPI_Status *status, MPI_Count want)
{
    MPI_Count count;
    MPI(MPI_Get_count_c(status, MPI_BYTE, &count));
    EQ(count, want);
}

static void marked(char *data, int add)
{
    for (int i = 0; i < MARKS; i++)
        data[marks[i]] = (char)(i + 1 + add);
}

static void check_marks(const char *data, int add, const char *what)
{
    for (int i = 0; i < MARKS; i++)
        CHECK(data[marks[i]] == i + 1 + add, "%s: byte %lld is %d", what, marks[i], data[marks[i]]);
}

int main(int argc, char **argv)
{
    START_FILES(argc, argv);
    path = in_folder("large");
    /* pages that are only read take no memory */
    char *data = mmap(NULL, (size_t)LEN, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(data != MAP_FAILED, "no room");
    MPI_File file;
    MPI_Status status;
    MPI_Request request;
    MPI_Info info = MPI_INFO_NULL;
    if (argc > 2) {
        MPI(MPI_Info_create(&info));
        MPI(MPI_Info_set(info, "romio_cb_write", "enable"));
        MPI(MPI_Info_set(info, "romio_cb_read", "enable"));
    }
    MPI(MPI_File_open(MPI_COMM_WORLD, path, MPI_MODE_CREATE | MPI_MODE_RDWR, info, &file));
    if (argc > 2)
        MPI(MPI_Info_free(&info));
    if (rank == 0) {
        marked(data, 0);
        MPI(MPI_File_write_at_c(file, 0, data, LEN, MPI_BYTE, &status));
        counted(&status, LEN);
        EQ(size_of(path), LEN);
        memset(data, 0, 1);
        data[1LL << 31] = 0;
        MPI(MPI_File_read_at_c(file, 0, data, LEN, MPI_BYTE, &status));
        counted(&status, LEN);
        check_marks(data, 0, "read_at");
        marked(data, 10);
        MPI(MPI_File_iwrite_at_c(file, 0, data, LEN, MPI_BYTE, &request));
        MPI(MPI_Wait(&request, &status));
        counted(&status, LEN);
        char byte = 0;
        EQ(bytes_at(path, 1LL << 32, &byte, 1), 1);
        EQ(byte, 17);
    }
    all_here();
    /* collective: rank 0 all of it, the others a byte behind it */
    MPI_Count n = rank ? 1 : LEN;
    MPI(MPI_File_seek(file, rank ? LEN + rank : 0, MPI_SEEK_SET));
    marked(data, 20);
    MPI(MPI_File_write_all_c(file, data, n, MPI_BYTE, &status));
    counted(&status, n);
    EQ(position(file), rank ? LEN + rank + 1 : LEN);
    MPI(MPI_File_read_at_all_c(file, rank ? LEN + rank : 0, data, n, MPI_BYTE, &status));
    counted(&status, n);
    if (rank == 0)
        check_marks(data, 20, "read_at_all");
    /* a view whose pieces lie a gigabyte apart */
    MPI_Datatype type;
    MPI(MPI_Type_create_resized(MPI_INT, 0, 1L << 30, &type));
    MPI(MPI_Type_commit(&type));
    MPI(MPI_File_set_view(file, 8 * rank, MPI_INT, type, "native", MPI_INFO_NULL));
    int some[9], back[9];
    for (int i = 0; i < 9; i++)
        some[i] = rank * 100 + i;
    MPI(MPI_File_write_all(file, some, 9, MPI_INT, MPI_STATUS_IGNORE));
    MPI(MPI_File_read_at_all(file, 0, back, 9, MPI_INT, &status));
    EQ(count_of(&status, MPI_INT), 9);
    CHECK(memcmp(some, back, sizeof some) == 0, "the view's ints");
    EQ(bytes_at(path, (8LL << 30) + 8 * rank, back, 4), 4);
    EQ(back[0], rank * 100 + 8);
    MPI(MPI_Type_free(&type));
    MPI(MPI_File_close(&file));
    all_here();
    if (rank == 0)
        MPI(MPI_File_delete(path, MPI_INFO_NULL));
    all_here();
    munmap(data, (size_t)LEN);
    PASSED();
}
