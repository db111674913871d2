/* A file of processes of two jobs that were started separately: one serves the other at a
   port, whose name they exchange by a file.
   usage: file_jobs FOLDER serve|visit FILE */
#include "file.h"
#include "meet.h"

int main(int argc, char **argv)
{
    START_FILES(argc, argv);
    MPI_Comm both;
    MPI_File file;
    MPI_Status status;
    MPI_Offset at;
    int me, all, word;
    meet(argv[2], argv[3], &both);
    MPI(MPI_Comm_rank(both, &me));
    MPI(MPI_Comm_size(both, &all));
    char *path = in_folder("jobs");
    for (int round = 0; round < 3; round++) {
        MPI(MPI_File_open(both, path, MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE,
                          MPI_INFO_NULL, &file));
        /* In the order of ranks, at the pointer that all share. */
        MPI(MPI_File_set_view(file, 0, MPI_INT, MPI_INT, "native", MPI_INFO_NULL));
        MPI(MPI_File_write_ordered(file, &me, 1, MPI_INT, &status));
        MPI(MPI_File_get_position_shared(file, &at));
        EQ(at, all);
        MPI(MPI_Barrier(both));
        MPI(MPI_File_read_at_all(file, (me + 1) % all, &word, 1, MPI_INT, &status));
        EQ(word, (me + 1) % all);
        /* Each takes its part, in any order. */
        MPI(MPI_File_seek_shared(file, 0, MPI_SEEK_SET));
        MPI(MPI_File_write_shared(file, &me, 1, MPI_INT, &status));
        MPI(MPI_Barrier(both));
        MPI(MPI_File_get_position_shared(file, &at));
        EQ(at, all);
        long sum = 0;
        for (int i = 0; i < all; i++) {
            MPI(MPI_File_read_at(file, i, &word, 1, MPI_INT, &status));
            sum += word;
        }
        EQ(sum, (long)all * (all - 1) / 2);
        /* Pieces of all take turns in a collective access. */
        MPI_Datatype turn;
        int mine[3000];
        MPI(MPI_Type_create_resized(MPI_INT, 0, 4 * all, &turn));
        MPI(MPI_Type_commit(&turn));
        MPI(MPI_File_set_view(file, 4 * me, MPI_INT, turn, "native", MPI_INFO_NULL));
        for (int i = 0; i < 3000; i++)
            mine[i] = 10000 * me + i;
        MPI(MPI_File_write_all(file, mine, 3000, MPI_INT, &status));
        EQ(count_of(&status, MPI_INT), 3000);
        MPI(MPI_Barrier(both));
        MPI(MPI_File_set_view(file, 0, MPI_INT, MPI_INT, "native", MPI_INFO_NULL));
        MPI(MPI_File_read_at(file, 1000 * all, mine, all, MPI_INT, &status));
        for (int i = 0; i < all; i++)
            EQ(mine[i], 10000 * i + 1000);
        MPI(MPI_File_set_atomicity(file, 1));
        MPI(MPI_Type_free(&turn));
        /* Wrong at one of them, all hear. */
        FAILS(MPI_File_set_size(file, me == all - 1 ? -1 : 10), MPI_ERR_ARG);
        MPI(MPI_File_close(&file));
        EQ(size_of(path), -1);
        MPI(MPI_Barrier(both));
    }
    MPI(MPI_Comm_disconnect(&both));
    PASSED();
}
