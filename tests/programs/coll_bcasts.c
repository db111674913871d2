/* Broadcasts one after the other, so that roots run ahead of the others (MPI 5.0, section
   6.4): of many lengths, by changing roots, into buffers with holes, on communicators that
   come and go. */
#include "coll.h"

#include <string.h>

enum { MOST = 40000, BLOCK = 8, STRIDE = 16 };

static unsigned char buffer[MOST + STRIDE];
static unsigned seed = 7;

/* Alike at all ranks. */
static unsigned draw(unsigned below)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % below;
}

static int draw_length(void)
{
    switch (draw(6)) {
    case 0:
        return 8;
    case 1:
        return (int)draw(64);
    case 2:
        return 4096;
    case 3:
        return (int)draw(9000);
    case 4:
        return 32768;
    default:
        return (int)draw(MOST);
    }
}

/* From bytes side by side at the root into blocks at the others, or the reverse. */
static void with_gaps(MPI_Comm comm, int root, int length, unsigned char value, int gaps_at_root)
{
    int blocks = length / STRIDE, has_gaps = (rank == root) == gaps_at_root;
    MPI_Datatype blocked;
    MPI(MPI_Type_vector(blocks, BLOCK, STRIDE, MPI_BYTE, &blocked));
    MPI(MPI_Type_commit(&blocked));
    MPI(MPI_Bcast(buffer, has_gaps ? 1 : blocks * BLOCK, has_gaps ? blocked : MPI_BYTE, root, comm));
    MPI(MPI_Type_free(&blocked));
    if (rank == root)
        return;
    int length_here = has_gaps ? blocks * STRIDE : blocks * BLOCK;
    for (int i = 0; i < length_here; i++)
        EQ(buffer[i], has_gaps && i % STRIDE >= BLOCK ? 255 : value);
    EQ(buffer[length_here], 255);
}

static void broadcasts(MPI_Comm comm, int times)
{
    for (int i = 0; i < times; i++) {
        int root = draw(4) > 0 ? 0 : (int)draw((unsigned)ranks), length = draw_length();
        unsigned char value = (unsigned char)(i % 255);
        memset(buffer, rank == root ? value : 255, (size_t)length + STRIDE);
        if (i % 3 == 0 && length >= STRIDE) {
            with_gaps(comm, root, length, value, i % 2);
        } else {
            MPI(MPI_Bcast(buffer, length, MPI_BYTE, root, comm));
            for (int j = 0; j < length; j++)
                EQ(buffer[j], value);
            if (rank != root)
                EQ(buffer[length], 255);
        }
        if (draw(200) == 0)
            MPI(MPI_Barrier(comm));
    }
}

int main(int argc, char **argv)
{
    int times = argc > 1 ? atoi(argv[1]) : 1000;
    START();
    broadcasts(MPI_COMM_WORLD, times);
    for (int i = 0; i < 20; i++) {
        MPI_Comm comm;
        MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comm));
        broadcasts(comm, times / 10);
        MPI(MPI_Comm_free(&comm));
    }
    broadcasts(MPI_COMM_WORLD, times / 10);
    PASSED();
}
