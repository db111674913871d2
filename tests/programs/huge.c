/* Messages beyond what one system call moves (2 GiB) and an int counts, one
   piece and scattered. Takes three times its length of memory; the length is in
   MiB. usage: huge [LENGTH] */
#include "places.h"

int main(int argc, char **argv)
{
    START();
    size_t mib = (size_t)number(argc, argv, 1, 2100), len = mib << 20;
    MPI_Status status;
    MPI_Count count = -1;
    MPI_Datatype rows;
    EQ(ranks, 2);
    unsigned char *memory = room(len + len / 2);
    /* one piece; then rows of 512 KiB with a hole of 256 KiB behind each, at the
       sender, and at last at both */
    MPI(MPI_Type_create_hvector_c((MPI_Count)mib * 2, 1 << 19, 3 << 18, MPI_BYTE, &rows));
    MPI(MPI_Type_commit(&rows));
    for (int kind = 0; kind < 3; kind++) {
        int scattered = kind == 2 || (kind == 1 && rank == 0);
        MPI_Datatype type = scattered ? rows : MPI_BYTE;
        MPI_Count n = scattered ? 1 : (MPI_Count)len;
        if (rank == 0) {
            for (size_t i = 0; i < 2 * mib; i++)
                paint(memory + i * (scattered ? 3u << 18 : 1u << 19), 1 << 19, i + (size_t)kind * 100000);
            MPI(MPI_Send_c(memory, n, type, 1, 1, MPI_COMM_WORLD));
        } else {
            memset(memory, 0x5a, len + len / 2);
            MPI(MPI_Recv_c(memory, n, type, 0, 1, MPI_COMM_WORLD, &status));
            MPI(MPI_Get_count_c(&status, MPI_BYTE, &count));
            EQ(count, len);
            for (size_t i = 0; i < 2 * mib; i++)
                PAINTED(memory + i * (scattered ? 3u << 18 : 1u << 19), 1 << 19,
                        i + (size_t)kind * 100000);
        }
    }
    MPI(MPI_Type_free(&rows));
    free(memory);
    PASSED();
}
