/* A file system of one MiB gets full: every call returns at every rank, those whose bytes did
   not get there with MPI_ERR_NO_SPACE and a count of those that did. */
#include "file.h"

enum { MIB = 1 << 20 };

static char *path;

static MPI_File opened(void)
{
    MPI_File file;
    MPI(MPI_File_open(MPI_COMM_WORLD, path, MPI_MODE_CREATE | MPI_MODE_RDWR, MPI_INFO_NULL,
                      &file));
    return file;
}

static void removed(MPI_File *file)
{
    MPI(MPI_File_close(file));
    if (rank == 0)
        MPI(MPI_File_delete(path, MPI_INFO_NULL));
    all_here();
}

/* The code of a call of which each rank asked for `asked` bytes. */
static void judged(int code, MPI_Status *status, int asked, int all_fail)
{
    int count = count_of(status, MPI_BYTE), failed = code != MPI_SUCCESS, failures;
    if (failed) {
        FAILS(code, MPI_ERR_NO_SPACE);
        says(code, path);
        CHECK(count < asked, "%d of %d", count, asked);
    } else {
        EQ(count, asked);
    }
    MPI(MPI_Allreduce(&failed, &failures, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD));
    CHECK(failures >= (all_fail ? ranks : 1), "%d ranks of %d failed", failures, ranks);
}

int main(int argc, char **argv)
{
    START_FILES(argc, argv);
    path = in_folder("full");
    char *bytes = malloc(2 * MIB), *back = malloc(2 * MIB);
    memset(bytes, rank + 1, 2 * MIB);
    MPI_Status status;
    MPI_Request request;
    MPI_File file;

    file = opened();
    judged(MPI_File_write_at(file, rank * 2 * MIB, bytes, 2 * MIB, MPI_BYTE, &status), &status,
           2 * MIB, 1);
    removed(&file);

    file = opened();
    MPI(MPI_File_iwrite_at(file, rank * 2 * MIB, bytes, 2 * MIB, MPI_BYTE, &request));
    judged(MPI_Wait(&request, &status), &status, 2 * MIB, 1);
    removed(&file);

    file = opened();
    judged(MPI_File_write_at_all(file, rank * 2 * MIB, bytes, 2 * MIB, MPI_BYTE, &status), &status,
           2 * MIB, 1);
    MPI_Offset at;
    MPI(MPI_File_get_position(file, &at));
    EQ(at, 0);
    removed(&file);

    file = opened();
    judged(MPI_File_write_ordered(file, bytes, 2 * MIB, MPI_BYTE, &status), &status, 2 * MIB, 0);
    removed(&file);

    /* interleaved, with and without gaps: what is counted is there */
    for (int gap = 0; gap < 64; gap += 32) {
        file = opened();
        MPI_Datatype block, type;
        MPI(MPI_Type_contiguous(32, MPI_BYTE, &block));
        MPI(MPI_Type_create_resized(block, 0, ranks * (32 + gap), &type));
        MPI(MPI_Type_commit(&type));
        MPI(MPI_File_set_view(file, rank * (32 + gap), MPI_BYTE, type, "native", MPI_INFO_NULL));
        judged(MPI_File_write_all(file, bytes, 2 * MIB, MPI_BYTE, &status), &status, 2 * MIB, 1);
        int there = count_of(&status, MPI_BYTE);
        EQ(position(file), there);
        MPI(MPI_File_read_at(file, 0, back, there, MPI_BYTE, &status));
        EQ(count_of(&status, MPI_BYTE), there);
        CHECK(memcmp(bytes, back, (size_t)there) == 0, "what was counted is not there");
        MPI(MPI_Type_free(&block));
        MPI(MPI_Type_free(&type));
        removed(&file);
    }
    free(bytes);
    free(back);
    PASSED();
}
