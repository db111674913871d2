/* Views: etypes and filetypes of every kind, what offsets mean in them, and what cannot be a
   view (MPI 5.0, section 14.3). */
#include "file.h"

static char *path;
static MPI_File file;

static void view(MPI_Offset disp, MPI_Datatype etype, MPI_Datatype filetype)
{
    MPI(MPI_File_set_view(file, disp, etype, filetype, "native", MPI_INFO_NULL));
}

static MPI_Offset byte_offset(MPI_Offset offset)
{
    MPI_Offset at;
    MPI(MPI_File_get_byte_offset(file, offset, &at));
    return at;
}

/* What is written through a view is read through it, and lies where its offsets say. */
static void round_trip(MPI_Offset disp, MPI_Datatype etype, MPI_Datatype filetype, int elements)
{
    int size, esize;
    MPI_Status status;
    MPI(MPI_Type_size(filetype, &size));
    MPI(MPI_Type_size(etype, &esize));
    int len = size * elements, etypes = len / esize;
    unsigned char *data = room(len), *back = room(len);
    fill(data, len, 40 + rank);
    all_here();
    view(disp, etype, filetype);
    MPI(MPI_File_write_at(file, 0, data, len, MPI_BYTE, &status));
    EQ(count_of(&status, etype), etypes);
    EQ(count_of(&status, MPI_BYTE), len);
    memset(back, 0, len);
    MPI(MPI_File_read_at(file, 0, back, len, MPI_BYTE, &status));
    FILLED(back, len, 40 + rank);
    /* Each etype by itself, at the place that its offset has. */
    for (int i = 0; i < etypes; i += etypes / 17 + 1) {
        MPI(MPI_File_read_at(file, i, back, esize, MPI_BYTE, &status));
        EQ(count_of(&status, etype), 1);
        CHECK(!memcmp(back, data + i * esize, esize), "etype %d", i);
        unsigned char there;
        EQ(bytes_at(path, byte_offset(i), &there, 1), 1);
        EQ(there, data[i * esize]);
    }
    /* Pointers of a part. */
    MPI(MPI_File_seek(file, etypes / 2, MPI_SEEK_SET));
    MPI(MPI_File_read(file, back, len - etypes / 2 * esize, MPI_BYTE, &status));
    CHECK(!memcmp(back, data + etypes / 2 * esize, len - etypes / 2 * esize), "second half");
    EQ(position(file), etypes);
    free(data);
    free(back);
    all_here();
}

static void kinds_of_filetypes(void)
{
    MPI_Datatype type, inner, commit[16];
    int n = 0;
    /* Columns of an array: each rank has some. */
    int sizes[2] = {6, 4 * ranks}, part[2] = {6, 4}, start[2] = {0, 4 * rank};
    MPI(MPI_Type_create_subarray(2, sizes, part, start, MPI_ORDER_C, MPI_DOUBLE, &commit[n++]));
    MPI(MPI_Type_create_subarray(2, sizes, part, start, MPI_ORDER_FORTRAN, MPI_SHORT, &commit[n++]));
    int whole[1] = {24 * ranks}, cyclic[1] = {MPI_DISTRIBUTE_CYCLIC}, blocks[1] = {3}, grid[1] = {ranks};
    MPI(MPI_Type_create_darray(ranks, rank, 1, whole, cyclic, blocks, grid, MPI_ORDER_C, MPI_INT,
                               &commit[n++]));
    /* Holes, and blocks of several lengths. */
    int lens[3] = {2, 1, 3}, at[3] = {8 * rank, 8 * rank + 3, 8 * rank + 5};
    MPI(MPI_Type_indexed(3, lens, at, MPI_INT, &inner));
    MPI(MPI_Type_create_resized(inner, 0, 32 * ranks, &commit[n++]));
    MPI(MPI_Type_free(&inner));
    /* One turn of each rank, by large-count calls. */
    MPI(MPI_Type_contiguous_c(5, MPI_LONG, &inner));
    MPI(MPI_Type_create_resized_c(inner, 0, 40 * ranks, &type));
    MPI_Aint far[1] = {40 * rank};
    MPI(MPI_Type_create_hindexed_block(1, 1, far, type, &inner));
    MPI(MPI_Type_create_resized(inner, 0, 40 * ranks, &commit[n++]));
    /* A structure of two. */
    int two[2] = {1, 2};
    MPI_Aint displs[2] = {16 * rank, 16 * rank + 4};
    MPI_Datatype both[2] = {MPI_INT, MPI_INT};
    MPI(MPI_Type_create_struct(2, two, displs, both, &inner));
    MPI(MPI_Type_create_resized(inner, 0, 16 * ranks, &commit[n++]));
    for (int i = 0; i < n; i++) {
        MPI(MPI_Type_commit(&commit[i]));
        int size;
        MPI_Datatype etype = i == 0 ? MPI_DOUBLE : i == 1 ? MPI_SHORT : i == 4 ? MPI_LONG : MPI_INT;
        MPI(MPI_Type_size(commit[i], &size));
        for (int count = 1; count < 20; count += 9)
            round_trip(i * 24, etype, commit[i], count);
        /* The same as an etype: a view without a finer unit. */
        round_trip(8, commit[i], commit[i], 3);
        MPI(MPI_Type_free(&commit[i])); /* the view keeps what it needs */
        byte_offset(3);
    }
}

static void what_a_view_is(void)
{
    MPI_Datatype filetype, etype, two;
    MPI_Offset disp;
    char representation[MPI_MAX_DATAREP_STRING];
    int integers, addresses, types, combiner;
    MPI(MPI_File_get_view(file, &disp, &etype, &filetype, representation));
    MPI(MPI_Type_vector(2, 1, 2, MPI_INT, &two));
    MPI(MPI_Type_commit(&two));
    view(100 + rank, MPI_INT, two);
    MPI(MPI_File_get_view(file, &disp, &etype, &filetype, representation));
    EQ(disp, 100 + rank);
    CHECK(etype == MPI_INT, "etype");
    CHECK(!strcmp(representation, "native"), "%s", representation);
    MPI(MPI_Type_get_envelope(filetype, &integers, &addresses, &types, &combiner));
    EQ(combiner, MPI_COMBINER_VECTOR);
    MPI(MPI_Type_free(&filetype));
    MPI_Aint extent;
    MPI_Count large;
    MPI(MPI_File_get_type_extent(file, two, &extent));
    EQ(extent, 12);
    MPI(MPI_File_get_type_extent_c(file, two, &large));
    EQ(large, 12);
    FAILS(MPI_File_get_type_extent(file, MPI_DATATYPE_NULL, &extent), MPI_ERR_TYPE);
    MPI(MPI_File_set_view(file, 0, MPI_INT, MPI_INT, "internal", MPI_INFO_NULL));
    MPI(MPI_File_get_view(file, &disp, &etype, &filetype, representation));
    CHECK(!strcmp(representation, "internal"), "%s", representation);
    CHECK(filetype == MPI_INT, "filetype");
    MPI(MPI_Type_free(&two));
    all_here();
}

static int try_view(MPI_Offset disp, MPI_Datatype etype, MPI_Datatype filetype, const char *representation)
{
    return MPI_File_set_view(file, disp, etype, filetype, representation, MPI_INFO_NULL);
}

static void wrong_views(void)
{
    MPI_Datatype type, none;
    MPI_Offset at;
    int one[2] = {1, 1}, backward[2] = {2, 0}, twice[2] = {0, 0}, negative[2] = {-2, 0};
    view(7, MPI_INT, MPI_INT);
    FAILS(try_view(0, MPI_INT, MPI_INT, "nonsense"), MPI_ERR_UNSUPPORTED_DATAREP);
    FAILS(try_view(-5, MPI_INT, MPI_INT, "native"), MPI_ERR_ARG);
    FAILS(try_view(MPI_DISPLACEMENT_CURRENT, MPI_INT, MPI_INT, "native"), MPI_ERR_ARG);
    FAILS(try_view(0, MPI_INT, MPI_INT, NULL), MPI_ERR_ARG);
    FAILS(try_view(0, MPI_DATATYPE_NULL, MPI_INT, "native"), MPI_ERR_TYPE);
    FAILS(try_view(0, MPI_INT, MPI_DATATYPE_NULL, "native"), MPI_ERR_TYPE);
    FAILS(try_view(0, MPI_DOUBLE, MPI_INT, "native"), MPI_ERR_TYPE);
    MPI(MPI_Type_contiguous(2, MPI_INT, &type));
    FAILS(try_view(0, MPI_INT, type, "native"), MPI_ERR_TYPE); /* not committed */
    FAILS(try_view(0, type, type, "native"), MPI_ERR_TYPE);
    MPI(MPI_Type_free(&type));
    int *wrong[] = {backward, twice, negative};
    for (int i = 0; i < 3; i++) {
        MPI(MPI_Type_indexed(2, one, wrong[i], MPI_INT, &type));
        MPI(MPI_Type_commit(&type));
        FAILS(try_view(0, MPI_INT, type, "native"), MPI_ERR_TYPE);
        MPI(MPI_Type_free(&type));
    }
    MPI(MPI_Type_contiguous(0, MPI_INT, &none));
    MPI(MPI_Type_commit(&none));
    FAILS(try_view(0, none, MPI_INT, "native"), MPI_ERR_TYPE);
    if (ranks > 1) {
        FAILS(try_view(0, MPI_INT, MPI_INT, rank ? "native" : "internal"), MPI_ERR_NOT_SAME);
        FAILS(try_view(0, rank ? MPI_INT : MPI_SHORT, MPI_INT, "native"), MPI_ERR_NOT_SAME);
        FAILS(try_view(rank ? 0 : -2, MPI_INT, MPI_INT, "native"), MPI_ERR_ARG);
    }
    /* The view is what it was. */
    EQ(byte_offset(2), 15);
    FAILS(MPI_File_get_byte_offset(file, -1, &at), MPI_ERR_ARG);
    FAILS(MPI_File_get_byte_offset(file, INT64_MAX, &at), MPI_ERR_ARG);
    FAILS(MPI_File_get_byte_offset(file, 0, NULL), MPI_ERR_ARG);

    /* Accesses that a view does not allow. */
    int word[4] = {0};
    MPI_Status status;
    FAILS(MPI_File_read_at(file, 0, word, 3, MPI_SHORT, &status), MPI_ERR_IO);
    FAILS(MPI_File_read_at(file, -1, word, 1, MPI_INT, &status), MPI_ERR_ARG);
    FAILS(MPI_File_read_at(file, INT64_MAX / 4, word, 1, MPI_INT, &status), MPI_ERR_ARG);
    FAILS(MPI_File_read_at(file, 0, word, -1, MPI_INT, &status), MPI_ERR_COUNT);
    FAILS(MPI_File_read_at(file, 0, word, 1, MPI_DATATYPE_NULL, &status), MPI_ERR_TYPE);
    FAILS(MPI_File_write(file, word, -1, MPI_INT, &status), MPI_ERR_COUNT);
    FAILS(MPI_File_seek(file, 0, 12345), MPI_ERR_ARG);
    FAILS(MPI_File_seek(file, -1, MPI_SEEK_SET), MPI_ERR_ARG);
    FAILS(MPI_File_get_position(file, NULL), MPI_ERR_ARG);
    FAILS(MPI_File_read(MPI_FILE_NULL, word, 1, MPI_INT, &status), MPI_ERR_FILE);
    /* Nothing to see: an access of nothing is right, any other is not. */
    view(0, MPI_INT, none);
    MPI(MPI_File_read_at(file, 0, word, 0, MPI_INT, &status));
    FAILS(MPI_File_read_at(file, 0, word, 1, MPI_INT, &status), MPI_ERR_IO);
    MPI(MPI_Type_free(&none));
    all_here();
}

/* Far into a filetype of a million pieces, without a walk there; holes stay as they are. */
static void many_pieces(void)
{
    MPI_Datatype pieces, type;
    MPI_Status status;
    int word[3] = {1, 2, 3};
    MPI(MPI_Type_vector(1000000, 1, 3, MPI_INT, &pieces));
    MPI(MPI_Type_create_resized(pieces, 0, 12000000, &type));
    MPI(MPI_Type_commit(&type));
    view(0, MPI_INT, type);
    EQ(byte_offset(5000001), 5 * 12000000LL + 12);
    MPI_Offset far = 2000000000LL;
    EQ(byte_offset(far), 2000 * 12000000LL);
    if (rank == 0)
        MPI(MPI_File_write_at(file, far - 1, word, 3, MPI_INT, &status));
    all_here();
    int got[3];
    MPI(MPI_File_read_at(file, far - 1, got, 3, MPI_INT, &status));
    EQ(count_of(&status, MPI_INT), 3);
    CHECK(!memcmp(word, got, sizeof got), "the words");
    MPI(MPI_File_seek(file, 0, MPI_SEEK_END));
    EQ(position(file), far + 2);
    MPI(MPI_Type_free(&pieces));
    MPI(MPI_Type_free(&type));
    all_here();
    view(0, MPI_BYTE, MPI_BYTE);
    MPI(MPI_File_set_size(file, 0));
}

int main(int argc, char **argv)
{
    START_FILES(argc, argv);
    path = in_folder("views");
    MPI(MPI_File_open(MPI_COMM_WORLD, path, MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE,
                      MPI_INFO_NULL, &file));
    what_a_view_is();
    kinds_of_filetypes();
    wrong_views();
    many_pieces();
    MPI(MPI_File_close(&file));
    PASSED();
}
