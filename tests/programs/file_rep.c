/* Data representations (MPI 5.0, section 14.5): what is in the file, where it is, and how it
   is counted, for "external32", "internal" and one that the program registers. */
#include "file.h"

static char *path;
static MPI_File file;

static void view(MPI_Datatype etype, MPI_Datatype filetype, const char *representation)
{
    MPI(MPI_File_set_view(file, 0, etype, filetype, representation, MPI_INFO_NULL));
}

static MPI_Offset byte_offset(MPI_Offset offset)
{
    MPI_Offset at;
    MPI(MPI_File_get_byte_offset(file, offset, &at));
    return at;
}

static MPI_Aint extent_of(MPI_Datatype type)
{
    MPI_Aint extent;
    MPI(MPI_File_get_type_extent(file, type, &extent));
    return extent;
}

/* Longs have 4 bytes there: they lie where the offset says, and are counted whole. */
static void longs(void)
{
    MPI_Status status;
    long mine[6], got[6];
    unsigned char bytes[4];
    view(MPI_LONG, MPI_LONG, "external32");
    EQ(extent_of(MPI_LONG), 4);
    EQ(byte_offset(6 * rank + 1), 4 * (6 * rank + 1));
    for (int i = 0; i < 6; i++)
        mine[i] = i % 2 ? -(100 * rank + i) : 100 * rank + i;
    MPI(MPI_File_write_at(file, 6 * rank, mine, 6, MPI_LONG, &status));
    EQ(count_of(&status, MPI_LONG), 6);
    all_here();
    EQ(size_of(path), 24 * ranks);
    EQ(bytes_at(path, byte_offset(6 * rank + 2), bytes, 4), 4);
    EQ(bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3], mine[2]);
    MPI(MPI_File_seek(file, 6 * rank, MPI_SEEK_SET));
    MPI(MPI_File_read(file, got, 6, MPI_LONG, &status));
    EQ(count_of(&status, MPI_LONG), 6);
    EQ(position(file), 6 * rank + 6);
    CHECK(!memcmp(mine, got, sizeof got), "the longs");
    /* At the end of the file, whole ones are counted. */
    MPI(MPI_File_read_at(file, 6 * ranks - 2, got, 6, MPI_LONG, &status));
    EQ(count_of(&status, MPI_LONG), 2);
    MPI_Count elements;
    MPI(MPI_Get_elements_c(&status, MPI_LONG, &elements));
    EQ(elements, 2);
    all_here();
    /* The forms of a collective, of a request, of the shared pointer. */
    MPI_Request request;
    memset(got, 0, sizeof got);
    MPI(MPI_File_read_at_all(file, 6 * rank, got, 6, MPI_LONG, &status));
    EQ(count_of(&status, MPI_LONG), 6);
    CHECK(!memcmp(mine, got, sizeof got), "the longs");
    memset(got, 0, sizeof got);
    MPI(MPI_File_iread_at(file, 6 * rank, got, 6, MPI_LONG, &request));
    MPI(MPI_Wait(&request, &status));
    EQ(count_of(&status, MPI_LONG), 6);
    CHECK(!memcmp(mine, got, sizeof got), "the longs");
    MPI(MPI_File_iwrite_at_all(file, 6 * rank, mine, 6, MPI_LONG, &request));
    MPI(MPI_Wait(&request, &status));
    EQ(count_of(&status, MPI_LONG), 6);
    memset(got, 0, sizeof got);
    MPI(MPI_File_read_ordered(file, got, 6, MPI_LONG, &status));
    EQ(count_of(&status, MPI_LONG), 6);
    CHECK(!memcmp(mine, got, sizeof got), "the longs");
    memset(got, 0, sizeof got);
    MPI(MPI_File_read_at_all_begin(file, 6 * rank, got, 6, MPI_LONG));
    MPI(MPI_File_read_at_all_end(file, got, &status));
    EQ(count_of(&status, MPI_LONG), 6);
    CHECK(!memcmp(mine, got, sizeof got), "the longs");
    all_here();
}

/* Filetypes in elements are scaled; the memory has holes of its own. */
static void strided(void)
{
    MPI_Datatype turn, record, memory;
    MPI_Status status;
    if (rank == 0)
        EQ(truncate(path, 0), 0);
    all_here();
    int one = 1, at = rank;
    MPI(MPI_Type_indexed(1, &one, &at, MPI_LONG, &record));
    MPI_Datatype whole;
    int size[1] = {ranks}, part[1] = {1}, start[1] = {rank};
    MPI(MPI_Type_create_subarray(1, size, part, start, MPI_ORDER_C, MPI_LONG, &whole));
    MPI(MPI_Type_dup(whole, &turn));
    MPI(MPI_Type_commit(&turn));
    view(MPI_LONG, turn, "external32");
    EQ(extent_of(turn), 4 * ranks);
    EQ(extent_of(record), 4);
    long longs[40], got[40];
    struct { short tag; double value; } records[4], back[4];
    memset(records, 0, sizeof records);
    for (int i = 0; i < 40; i++)
        longs[i] = 1000 * rank + i;
    MPI(MPI_Type_vector(20, 1, 2, MPI_LONG, &memory));
    MPI(MPI_Type_commit(&memory));
    MPI(MPI_File_write(file, longs, 1, memory, &status));
    EQ(count_of(&status, memory), 1);
    EQ(position(file), 20);
    EQ(byte_offset(3), 4 * (3 * ranks + rank));
    all_here();
    memset(got, -1, sizeof got);
    MPI(MPI_File_read_at(file, 5, got, 40, MPI_LONG, &status));
    EQ(count_of(&status, MPI_LONG), 15);
    for (int i = 0; i < 15; i++)
        EQ(got[i], 1000 * rank + 2 * (i + 5));
    EQ(got[15], -1);
    all_here();
    /* Values of several sizes in one element. */
    MPI_Datatype kinds[2] = {MPI_SHORT, MPI_DOUBLE}, pair;
    int lens[2] = {1, 1};
    MPI_Aint in_memory[2] = {0, 8}, in_file[2] = {0, 2};
    MPI_Datatype etype, filetype;
    MPI(MPI_Type_create_struct(2, lens, in_memory, kinds, &pair));
    MPI(MPI_Type_create_struct(2, lens, in_file, kinds, &etype));
    MPI(MPI_Type_create_resized(etype, 0, 10, &filetype));
    MPI(MPI_Type_commit(&pair));
    MPI(MPI_Type_commit(&filetype));
    view(filetype, filetype, "external32");
    for (int i = 0; i < 4; i++) {
        records[i].tag = (short)(10 * rank + i);
        records[i].value = rank + i / 8.0;
    }
    MPI(MPI_File_write_at(file, 4 * rank, records, 4, pair, &status));
    EQ(count_of(&status, pair), 4);
    all_here();
    unsigned char bytes[10];
    EQ(bytes_at(path, 40 * rank + 10, bytes, 10), 10);
    EQ(bytes[0] << 8 | bytes[1], 10 * rank + 1);
    memset(back, 0, sizeof back);
    MPI(MPI_File_read_at(file, 4 * rank, back, 4, pair, &status));
    CHECK(!memcmp(records, back, sizeof back), "the records");
    MPI_Datatype types[] = {turn, record, whole, memory, pair, etype, filetype};
    for (int i = 0; i < 7; i++)
        MPI(MPI_Type_free(&types[i]));
    all_here();
}

static int state = 4711, reads, writes;

static int extent(MPI_Datatype type, MPI_Aint *bytes, void *extra)
{
    int size;
    CHECK(extra == &state, "the extra state");
    MPI(MPI_Type_size(type, &size));
    *bytes = 2 * size;
    return MPI_SUCCESS;
}

/* In the file an int is 7 more, and -1 follows it. */
static int from_file(void *memory, MPI_Datatype type, int count, void *bytes, MPI_Offset position,
                     void *extra)
{
    int *ints = memory, *pairs = bytes, size;
    CHECK(extra == &state, "the extra state");
    MPI(MPI_Type_size(type, &size));
    EQ(size % 4, 0);
    for (int i = 0; i < count; i++)
        ints[position + i] = pairs[2 * i] - 7;
    reads++;
    return MPI_SUCCESS;
}

static int to_file(void *memory, MPI_Datatype type, MPI_Count count, void *bytes, MPI_Offset position,
                   void *extra)
{
    int *ints = memory, *pairs = bytes;
    CHECK(extra == &state && type != MPI_DATATYPE_NULL, "the extra state");
    for (MPI_Count i = 0; i < count; i++) {
        pairs[2 * i] = ints[position + i] + 7;
        pairs[2 * i + 1] = -1;
    }
    writes++;
    return MPI_SUCCESS;
}

static int from_file_c(void *memory, MPI_Datatype type, MPI_Count count, void *bytes,
                       MPI_Offset position, void *extra)
{
    return from_file(memory, type, (int)count, bytes, position, extra);
}

static int fails(void *memory, MPI_Datatype type, int count, void *bytes, MPI_Offset position,
                 void *extra)
{
    (void)memory, (void)type, (void)count, (void)bytes, (void)position, (void)extra;
    return MPI_ERR_OTHER;
}

static int same_extent(MPI_Datatype type, MPI_Aint *bytes, void *extra)
{
    MPI_Aint lower;
    (void)extra;
    return MPI_Type_get_extent(type, &lower, bytes);
}

static int no_extent(MPI_Datatype type, MPI_Aint *bytes, void *extra)
{
    (void)type, (void)bytes, (void)extra;
    return MPI_ERR_OTHER;
}

static void the_programs(void)
{
    MPI_Status status;
    MPI_Request request;
    int mine[8], got[8];
    MPI(MPI_Register_datarep_c("twice", from_file_c, to_file, extent, &state));
    FAILS(MPI_Register_datarep("twice", from_file, NULL, extent, &state), MPI_ERR_DUP_DATAREP);
    FAILS(MPI_Register_datarep("native", from_file, NULL, extent, &state), MPI_ERR_DUP_DATAREP);
    FAILS(MPI_Register_datarep("external32", from_file, NULL, extent, &state), MPI_ERR_DUP_DATAREP);
    FAILS(MPI_Register_datarep(NULL, from_file, NULL, extent, &state), MPI_ERR_ARG);
    FAILS(MPI_Register_datarep("", from_file, NULL, extent, &state), MPI_ERR_ARG);
    FAILS(MPI_Register_datarep("none", from_file, NULL, NULL, &state), MPI_ERR_ARG);
    char name[300];
    memset(name, 'x', sizeof name);
    name[299] = 0;
    FAILS(MPI_Register_datarep(name, from_file, NULL, extent, &state), MPI_ERR_ARG);

    if (rank == 0)
        EQ(truncate(path, 0), 0);
    view(MPI_INT, MPI_INT, "twice");
    EQ(extent_of(MPI_INT), 8);
    EQ(byte_offset(3), 24);
    for (int i = 0; i < 8; i++)
        mine[i] = 100 * rank + i;
    MPI(MPI_File_write_at(file, 8 * rank, mine, 8, MPI_INT, &status));
    EQ(count_of(&status, MPI_INT), 8);
    EQ(writes, 1);
    all_here();
    EQ(bytes_at(path, 64 * rank + 8, got, 8), 8);
    EQ(got[0], mine[1] + 7);
    EQ(got[1], -1);
    MPI(MPI_File_read_at(file, 8 * rank, got, 8, MPI_INT, &status));
    EQ(count_of(&status, MPI_INT), 8);
    EQ(reads, 1);
    CHECK(!memcmp(mine, got, sizeof got), "the ints");
    MPI(MPI_File_read_at(file, 8 * ranks - 3, got, 8, MPI_INT, &status));
    EQ(count_of(&status, MPI_INT), 3);
    memset(got, 0, sizeof got);
    MPI(MPI_File_iread_at(file, 8 * rank, got, 8, MPI_INT, &request));
    int flag = 0;
    while (!flag)
        MPI(MPI_Request_get_status(request, &flag, &status));
    CHECK(!memcmp(mine, got, sizeof got), "the ints");
    MPI(MPI_Wait(&request, &status));
    EQ(count_of(&status, MPI_INT), 8);
    EQ(reads, 3);
    MPI(MPI_File_write_at_all(file, 8 * rank, mine, 8, MPI_INT, &status));
    EQ(count_of(&status, MPI_INT), 8);
    all_here();

    /* Without functions the data is native; a function may fail. */
    MPI(MPI_Register_datarep("plain", MPI_CONVERSION_FN_NULL, MPI_CONVERSION_FN_NULL, same_extent, NULL));
    view(MPI_INT, MPI_INT, "plain");
    MPI(MPI_File_write_at(file, 8 * rank, mine, 8, MPI_INT, &status));
    EQ(count_of(&status, MPI_INT), 8);
    MPI(MPI_File_read_at(file, 8 * rank, got, 8, MPI_INT, &status));
    CHECK(!memcmp(mine, got, sizeof got), "the ints");
    EQ(bytes_at(path, 32 * rank, got, 32), 32);
    CHECK(!memcmp(mine, got, sizeof got), "the bytes");
    MPI(MPI_Register_datarep("broken", fails, fails, same_extent, NULL));
    view(MPI_INT, MPI_INT, "broken");
    FAILS(MPI_File_read_at(file, 0, got, 8, MPI_INT, &status), MPI_ERR_CONVERSION);
    FAILS(MPI_File_write_at(file, 0, got, 8, MPI_INT, &status), MPI_ERR_CONVERSION);
    MPI(MPI_Register_datarep("lost", fails, fails, no_extent, NULL));
    FAILS(MPI_File_set_view(file, 0, MPI_INT, MPI_INT, "lost", MPI_INFO_NULL), MPI_ERR_CONVERSION);
    MPI(MPI_Register_datarep("lame", MPI_CONVERSION_FN_NULL, MPI_CONVERSION_FN_NULL, extent, &state));
    view(MPI_INT, MPI_INT, "lame");
    FAILS(MPI_File_write_at(file, 0, got, 8, MPI_INT, &status), MPI_ERR_CONVERSION);
    all_here();
}

int main(int argc, char **argv)
{
    START_FILES(argc, argv);
    path = in_folder("rep");
    MPI(MPI_File_open(MPI_COMM_WORLD, path, MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE,
                      MPI_INFO_NULL, &file));
    longs();
    strided();
    the_programs();
    MPI(MPI_File_close(&file));
    PASSED();
}
