/* Atomic mode (MPI 5.0, section 14.6.1): what several write to one place is of one of them. */
#include "file.h"

enum { LEN = 100000, ROUNDS = 30 };
static MPI_File file;
static char mine[LEN], got[LEN];

static void of_one(int len, int round)
{
    for (int i = 1; i < len; i++)
        if (got[i] != got[0])
            CHECK(got[i] == got[0], "round %d: byte 0 is %c, byte %d is %c", round, got[0], i, got[i]);
}

/* All write and read one place, each in its own way. */
static void together(int len, const char *how)
{
    MPI_Status status;
    MPI_Request request;
    for (int round = 0; round < ROUNDS; round++) {
        switch (*how) {
        case 'i':
            MPI(MPI_File_iwrite_at(file, 0, mine, len, MPI_CHAR, &request));
            MPI(MPI_Wait(&request, &status));
            break;
        case 'c':
            MPI(MPI_File_write_at_all(file, 0, mine, len, MPI_CHAR, &status));
            break;
        default:
            MPI(MPI_File_write_at(file, 0, mine, len, MPI_CHAR, &status));
        }
        EQ(count_of(&status, MPI_CHAR), len);
        MPI(MPI_File_read_at(file, 0, got, len, MPI_CHAR, &status));
        EQ(count_of(&status, MPI_CHAR), len);
        of_one(len, round);
    }
    all_here();
}

int main(int argc, char **argv)
{
    START_FILES(argc, argv);
    int flag = -1;
    char *path = in_folder("atomic");
    MPI(MPI_File_open(MPI_COMM_WORLD, path, MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE,
                      MPI_INFO_NULL, &file));
    MPI(MPI_File_get_atomicity(file, &flag));
    EQ(flag, 0);
    MPI(MPI_File_set_atomicity(file, 1));
    MPI(MPI_File_get_atomicity(file, &flag));
    EQ(flag, 1);
    FAILS(MPI_File_get_atomicity(file, NULL), MPI_ERR_ARG);
    FAILS(MPI_File_set_atomicity(MPI_FILE_NULL, 1), MPI_ERR_FILE);
    if (ranks > 1)
        FAILS(MPI_File_set_atomicity(file, rank == 0), MPI_ERR_NOT_SAME);
    memset(mine, 'a' + rank, sizeof mine);
    together(LEN, "alone");
    together(LEN, "i");
    together(LEN, "c");
    /* In pieces, of which others see all or none. */
    MPI_Datatype pieces;
    MPI(MPI_Type_vector(500, 10, 20, MPI_CHAR, &pieces));
    MPI(MPI_Type_commit(&pieces));
    MPI(MPI_File_set_view(file, 0, MPI_CHAR, pieces, "native", MPI_INFO_NULL));
    together(5000, "alone");
    together(5000, "c");
    MPI(MPI_Type_free(&pieces));
    MPI(MPI_File_set_atomicity(file, 0));
    MPI(MPI_File_close(&file));
    PASSED();
}
