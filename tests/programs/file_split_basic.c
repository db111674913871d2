/* Split collective accesses (MPI 5.0, section 14.4.5): what they move, which calls may stand
   between begin and end, and pairs that do not match. */
#include "file.h"

static char *path;

int main(int argc, char **argv)
{
    START_FILES(argc, argv);
    path = in_folder("split");
    enum { LEN = 3000 };
    unsigned char out[LEN], in[LEN], other[8];
    MPI_Status status;
    MPI_File file;
    MPI_Request request;
    fill(out, LEN, (unsigned)rank);
    MPI(MPI_File_open(MPI_COMM_WORLD, path, MPI_MODE_CREATE | MPI_MODE_RDWR, MPI_INFO_NULL,
                      &file));
    MPI_Datatype block, type;
    MPI(MPI_Type_contiguous(10, MPI_BYTE, &block));
    MPI(MPI_Type_create_resized(block, 0, 10 * ranks, &type));
    MPI(MPI_Type_commit(&type));
    MPI(MPI_File_set_view(file, 10 * rank, MPI_BYTE, type, "native", MPI_INFO_NULL));

    MPI(MPI_File_write_all_begin(file, out, LEN, MPI_BYTE));
    /* accesses of one process may stand between, other collective ones may not */
    FAILS(MPI_File_write_all(file, out, 1, MPI_BYTE, &status), MPI_ERR_IO);
    FAILS(MPI_File_read_at_all(file, 0, in, 1, MPI_BYTE, &status), MPI_ERR_IO);
    FAILS(MPI_File_read_ordered(file, in, 1, MPI_BYTE, &status), MPI_ERR_IO);
    FAILS(MPI_File_write_all_begin(file, out, LEN, MPI_BYTE), MPI_ERR_IO);
    FAILS(MPI_File_read_ordered_begin(file, in, LEN, MPI_BYTE), MPI_ERR_IO);
    FAILS(MPI_File_read_all_end(file, out, &status), MPI_ERR_IO);
    FAILS(MPI_File_write_at_all_end(file, out, &status), MPI_ERR_IO);
    FAILS(MPI_File_write_ordered_end(file, out, &status), MPI_ERR_IO);
    FAILS(MPI_File_write_all_end(file, other, &status), MPI_ERR_BUFFER);
    int code = MPI_File_close(&file);
    CHECK(code != MPI_SUCCESS && file != MPI_FILE_NULL, "closed in between");
    MPI(MPI_File_iread_at(file, 0, other, 0, MPI_BYTE, &request));
    MPI(MPI_Wait(&request, &status));
    MPI(MPI_File_write_all_end(file, out, &status));
    EQ(count_of(&status, MPI_BYTE), LEN);
    EQ(position(file), LEN);
    FAILS(MPI_File_write_all_end(file, out, &status), MPI_ERR_IO);
    all_here();

    MPI(MPI_File_seek(file, 0, MPI_SEEK_SET));
    MPI(MPI_File_read_all_begin(file, in, LEN, MPI_BYTE));
    MPI(MPI_File_read_all_end(file, in, &status));
    EQ(count_of(&status, MPI_BYTE), LEN);
    FILLED(in, LEN, (unsigned)rank);

    MPI(MPI_File_write_at_all_begin(file, LEN, out, LEN, MPI_BYTE));
    MPI(MPI_File_write_at_all_end(file, out, &status));
    EQ(count_of(&status, MPI_BYTE), LEN);
    all_here();
    memset(in, 0, LEN);
    MPI(MPI_File_read_at_all_begin(file, LEN + 100, in, LEN, MPI_BYTE));
    MPI(MPI_File_read_at_all_end(file, in, &status));
    EQ(count_of(&status, MPI_BYTE), LEN - 100);
    CHECK(memcmp(in, out + 100, LEN - 100) == 0, "the bytes");

    MPI(MPI_File_set_view(file, 0, MPI_BYTE, MPI_BYTE, "native", MPI_INFO_NULL));
    MPI(MPI_File_write_ordered_begin(file, out, LEN, MPI_BYTE));
    MPI(MPI_File_write_ordered_end(file, out, &status));
    EQ(count_of(&status, MPI_BYTE), LEN);
    all_here();
    MPI(MPI_File_seek_shared(file, 0, MPI_SEEK_SET));
    MPI(MPI_File_read_ordered_begin(file, in, LEN, MPI_BYTE));
    MPI(MPI_File_read_ordered_end(file, in, &status));
    EQ(count_of(&status, MPI_BYTE), LEN);
    FILLED(in, LEN, (unsigned)rank);

    /* arguments that are wrong begin nothing, and keep nobody */
    if (rank == 0) {
        FAILS(MPI_File_write_at_all_begin(file, -1, out, LEN, MPI_BYTE), MPI_ERR_ARG);
        FAILS(MPI_File_write_at_all_end(file, out, &status), MPI_ERR_IO);
    } else {
        MPI(MPI_File_write_at_all_begin(file, 0, out, LEN, MPI_BYTE));
        MPI(MPI_File_write_at_all_end(file, out, MPI_STATUS_IGNORE));
    }
    FAILS(MPI_File_write_all_begin(file, out, -1, MPI_BYTE), MPI_ERR_COUNT);
    FAILS(MPI_File_read_all_begin(file, in, 1, MPI_DATATYPE_NULL), MPI_ERR_TYPE);
    FAILS(MPI_File_read_all_end(MPI_FILE_NULL, in, &status), MPI_ERR_FILE);
    FAILS(MPI_File_read_ordered_begin(MPI_FILE_NULL, in, 1, MPI_BYTE), MPI_ERR_FILE);

    MPI(MPI_Type_free(&block));
    MPI(MPI_Type_free(&type));
    MPI(MPI_File_close(&file));
    all_here();
    if (rank == 0)
        MPI(MPI_File_delete(path, MPI_INFO_NULL));
    all_here();
    PASSED();
}
