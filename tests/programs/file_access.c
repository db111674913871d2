/* Accesses of one process, by offset and by its pointer: what is where, what was counted,
   and where the pointer is afterwards (MPI 5.0, sections 14.4.2 and 14.4.3). */
#include "file.h"

static char *path;

static MPI_File opened(int amode)
{
    MPI_File file;
    MPI(MPI_File_open(MPI_COMM_WORLD, path, amode, MPI_INFO_NULL, &file));
    return file;
}

/* Each rank writes ints of its own by offset, and reads its neighbour's. */
static void by_offset(void)
{
    MPI_File file = opened(MPI_MODE_CREATE | MPI_MODE_RDWR);
    MPI_Status status;
    int mine[100], theirs[100], next = (rank + 1) % ranks;
    for (int i = 0; i < 100; i++)
        mine[i] = 1000 * rank + i;
    MPI(MPI_File_write_at(file, 400 * rank, mine, 100, MPI_INT, &status));
    EQ(count_of(&status, MPI_INT), 100);
    MPI(MPI_File_sync(file));
    all_here();
    MPI(MPI_File_read_at(file, 400 * next, theirs, 100, MPI_INT, &status));
    EQ(count_of(&status, MPI_INT), 100);
    for (int i = 0; i < 100; i++)
        EQ(theirs[i], 1000 * next + i);
    MPI_Offset size;
    MPI(MPI_File_get_size(file, &size));
    EQ(size, 400 * ranks);
    EQ(position(file), 0);
    MPI(MPI_File_close(&file));
    CHECK(file == MPI_FILE_NULL, "the handle");
    EQ(size_of(path), 400 * ranks);
    int here;
    EQ(bytes_at(path, 400 * rank + 4, &here, 4), 4);
    EQ(here, 1000 * rank + 1);
    all_here();
}

/* At and behind the end of the file: what was read is counted, and the pointer moves by
   that. */
static void at_the_end(void)
{
    MPI_File file = opened(MPI_MODE_RDWR);
    MPI_Status status;
    int some[100];
    MPI_Offset end = 400 * ranks;
    memset(some, 7, sizeof some);
    MPI(MPI_File_read_at(file, end - 40, some, 100, MPI_INT, &status));
    EQ(count_of(&status, MPI_INT), 10);
    ALL(some + 10, 360, 7);
    MPI(MPI_File_read_at(file, end - 6, some, 100, MPI_INT, &status));
    EQ(count_of(&status, MPI_INT), MPI_UNDEFINED);
    EQ(count_of(&status, MPI_BYTE), 6);
    MPI(MPI_File_read_at(file, end, some, 100, MPI_INT, &status));
    EQ(count_of(&status, MPI_INT), 0);
    MPI(MPI_File_read_at(file, end + 1000000, some, 100, MPI_INT, &status));
    EQ(count_of(&status, MPI_INT), 0);
    MPI(MPI_File_seek(file, -12, MPI_SEEK_END));
    EQ(position(file), end - 12);
    MPI(MPI_File_read(file, some, 100, MPI_INT, &status));
    EQ(count_of(&status, MPI_INT), 3);
    EQ(position(file), end);
    MPI(MPI_File_read(file, some, 100, MPI_INT, &status));
    EQ(count_of(&status, MPI_INT), 0);
    EQ(position(file), end);
    MPI_Count elements;
    MPI(MPI_File_seek(file, -12, MPI_SEEK_CUR));
    MPI(MPI_File_read_c(file, some, 2, MPI_INT, &status));
    MPI(MPI_Get_count_c(&status, MPI_INT, &elements));
    EQ(elements, 2);
    MPI(MPI_Get_elements_c(&status, MPI_INT, &elements));
    EQ(elements, 2);
    EQ(position(file), end - 4);
    MPI(MPI_File_read(file, some, 0, MPI_INT, &status));
    EQ(count_of(&status, MPI_INT), 0);
    EQ(position(file), end - 4);
    MPI(MPI_File_read(file, NULL, 0, MPI_INT, MPI_STATUS_IGNORE));
    MPI(MPI_File_close(&file));
    all_here();
}

/* A file that ends inside an etype: every pointer counts that etype as read, so that a loop
   that reads until nothing comes ends, and all pointers agree on where the end is. */
static void cut_etype(void)
{
    MPI_File file = opened(MPI_MODE_RDWR);
    MPI_Status status;
    MPI_Offset shared;
    int some[4], reads = 0;
    MPI(MPI_File_set_size(file, 10));
    MPI(MPI_File_set_view(file, 0, MPI_INT, MPI_INT, "native", MPI_INFO_NULL));
    MPI(MPI_File_seek(file, 0, MPI_SEEK_END));
    EQ(position(file), 3);
    MPI(MPI_File_seek(file, 0, MPI_SEEK_SET));
    MPI(MPI_File_read(file, some, 4, MPI_INT, &status));
    EQ(count_of(&status, MPI_BYTE), 10);
    EQ(position(file), 3);
    MPI(MPI_File_read(file, some, 4, MPI_INT, &status));
    EQ(count_of(&status, MPI_BYTE), 0);
    EQ(position(file), 3);
    MPI(MPI_File_seek(file, 0, MPI_SEEK_SET));
    MPI(MPI_File_read_all(file, some, 4, MPI_INT, &status));
    EQ(count_of(&status, MPI_BYTE), 10);
    EQ(position(file), 3);
    MPI(MPI_File_seek(file, 1, MPI_SEEK_SET));
    do {
        MPI(MPI_File_read(file, some, 1, MPI_INT, &status));
        CHECK(reads++ < 3, "the end is not met");
    } while (count_of(&status, MPI_BYTE) > 0);
    EQ(reads, 3);
    EQ(position(file), 3);
    if (rank == 0) {
        MPI(MPI_File_read_shared(file, some, 4, MPI_INT, &status));
        EQ(count_of(&status, MPI_BYTE), 10);
    }
    all_here();
    MPI(MPI_File_get_position_shared(file, &shared));
    EQ(shared, 3);
    MPI(MPI_File_close(&file));
    all_here();
}

/* Memory with holes on the one side, a stream of bytes on the other. */
static void scattered_memory(void)
{
    MPI_File file = opened(MPI_MODE_RDWR);
    MPI_Datatype every_third;
    MPI_Status status;
    int memory[90], linear[30];
    MPI(MPI_Type_vector(10, 1, 3, MPI_INT, &every_third));
    MPI(MPI_Type_create_resized(every_third, 0, 30 * sizeof(int), &every_third));
    MPI(MPI_Type_commit(&every_third));
    for (int i = 0; i < 90; i++)
        memory[i] = 100 * rank + i;
    MPI(MPI_File_seek(file, 120 * rank, MPI_SEEK_SET));
    MPI(MPI_File_write(file, memory, 3, every_third, &status));
    EQ(count_of(&status, every_third), 3);
    EQ(position(file), 120 * rank + 120);
    all_here();
    MPI(MPI_File_read_at_c(file, 120 * rank, linear, 30, MPI_INT, &status));
    for (int i = 0; i < 30; i++)
        EQ(linear[i], 100 * rank + 3 * i);
    memset(memory, 0x55, sizeof memory);
    MPI(MPI_File_read_at(file, 120 * rank, memory, 3, every_third, &status));
    for (int i = 0; i < 90; i++)
        EQ(memory[i], i % 3 ? 0x55555555 : 100 * rank + i);
    MPI(MPI_Type_free(&every_third));
    MPI(MPI_File_close(&file));
    all_here();
}

/* A strided view: pieces of the ranks take turns. Gaps of a new file are zero. */
static void interleaved(void)
{
    if (rank == 0)
        MPI(MPI_File_delete(path, MPI_INFO_NULL));
    all_here();
    MPI_File file = opened(MPI_MODE_CREATE | MPI_MODE_RDWR);
    MPI_Datatype turn;
    MPI_Status status;
    int data[60], n = ranks + 1;
    MPI_Offset offset;
    MPI(MPI_Type_create_resized(MPI_INT, 0, n * sizeof(int), &turn));
    MPI(MPI_Type_commit(&turn));
    MPI(MPI_File_set_view(file, 8 + 4 * rank, MPI_INT, turn, "native", MPI_INFO_NULL));
    for (int i = 0; i < 60; i++)
        data[i] = 100000 + 100 * i + rank;
    MPI(MPI_File_write(file, data, 50, MPI_INT, &status));
    EQ(position(file), 50);
    MPI(MPI_File_get_byte_offset(file, 7, &offset));
    EQ(offset, 8 + 4 * rank + 7 * 4 * n);
    MPI(MPI_File_get_byte_offset(file, 0, &offset));
    EQ(offset, 8 + 4 * rank);
    all_here();
    MPI(MPI_File_read_at(file, 3, data, 60, MPI_INT, &status));
    EQ(count_of(&status, MPI_INT), 47);
    for (int i = 0; i < 47; i++)
        EQ(data[i], 100000 + 100 * (i + 3) + rank);
    MPI(MPI_File_seek(file, 0, MPI_SEEK_END));
    EQ(position(file), rank == ranks - 1 ? 50 : 50);
    MPI(MPI_File_seek(file, -50, MPI_SEEK_END));
    EQ(position(file), 0);
    FAILS(MPI_File_seek(file, -51, MPI_SEEK_END), MPI_ERR_ARG);
    EQ(position(file), 0);
    MPI(MPI_File_set_view(file, 0, MPI_INT, MPI_INT, "native", MPI_INFO_NULL));
    int all[2 + 50 * 9];
    MPI(MPI_File_read(file, all, 2 + 50 * n, MPI_INT, &status));
    EQ(count_of(&status, MPI_INT), 2 + 50 * n - 1);
    EQ(all[0] | all[1], 0);
    for (int i = 0; i < 50 * n - 1; i++)
        EQ(all[2 + i], i % n == ranks ? 0 : 100000 + 100 * (i / n) + i % n);
    MPI(MPI_Type_free(&turn));
    MPI(MPI_File_close(&file));
    all_here();
}

int main(int argc, char **argv)
{
    START_FILES(argc, argv);
    path = in_folder("access");
    by_offset();
    at_the_end();
    scattered_memory();
    interleaved();
    cut_etype();
    if (rank == 0)
        MPI(MPI_File_delete(path, MPI_INFO_NULL));
    PASSED();
}
