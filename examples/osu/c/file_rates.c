/* How fast ranks write one file together and read it back: MiB per second over all ranks, the
   best of several rounds and their median.

   interleaved  every rank has every n-th piece of the file; MPI_File_write_all, _read_all
   contiguous   every rank has one part of the file; MPI_File_write_at, _read_at

   usage: file_rates FILE MIB ROUNDS PIECE…      a piece of 0 bytes: contiguous */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int rank, ranks;

static void check(int code, const char *what)
{
    if (code != MPI_SUCCESS) {
        char text[MPI_MAX_ERROR_STRING];
        int len;
        MPI_Error_string(code, text, &len);
        fprintf(stderr, "file_rates: rank %d: %s: %s\n", rank, what, text);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
}
#define DO(call) check((call), #call)

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The byte i of rank's data in this round. */
static char byte_of(int of, long i, int round) { return (char)(of * 31 + i * 7 + i / 4096 + round); }

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (argc < 5) {
        if (rank == 0)
            fprintf(stderr, "usage: file_rates FILE MIB ROUNDS PIECE...\n");
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    int rounds = atoi(argv[3]);
    double *times[3];
    for (int i = 0; i < 3; i++)
        times[i] = malloc(sizeof(double) * (size_t)rounds);
    if (rank == 0)
        printf("%-8s %12s %12s %12s   (MiB/s, medians)\n", "piece", "new file", "written over", "read");
    for (int a = 4; a < argc; a++) {
        long piece = atol(argv[a]);
        long len = (atol(argv[2]) << 20) / ranks;
        if (piece)
            len -= len % piece;
        char *data = malloc((size_t)len), *back = malloc((size_t)len);
        memset(back, 0, (size_t)len);
        MPI_Datatype block, type;
        MPI_Type_contiguous(piece ? (int)piece : 1, MPI_BYTE, &block);
        MPI_Type_create_resized(block, 0, piece ? piece * ranks : 1, &type);
        MPI_Type_commit(&type);
        for (int round = 0; round < rounds; round++) {
            for (long i = 0; i < len; i++)
                data[i] = byte_of(rank, i, round);
            MPI_File file;
            if (rank == 0)
                MPI_File_delete(argv[1], MPI_INFO_NULL);
            MPI_Barrier(MPI_COMM_WORLD);
            DO(MPI_File_open(MPI_COMM_WORLD, argv[1], MPI_MODE_CREATE | MPI_MODE_RDWR,
                             MPI_INFO_NULL, &file));
            MPI_Offset first = piece ? rank * piece : 0;
            DO(MPI_File_set_view(file, first, MPI_BYTE, type, "native", MPI_INFO_NULL));
            for (int part = 0; part < 3; part++) {
                DO(MPI_File_seek(file, 0, MPI_SEEK_SET));
                MPI_Barrier(MPI_COMM_WORLD);
                double begin = MPI_Wtime();
                if (piece && part < 2)
                    DO(MPI_File_write_all(file, data, (int)len, MPI_BYTE, MPI_STATUS_IGNORE));
                else if (piece)
                    DO(MPI_File_read_all(file, back, (int)len, MPI_BYTE, MPI_STATUS_IGNORE));
                else if (part < 2)
                    DO(MPI_File_write_at(file, rank * len, data, (int)len, MPI_BYTE,
                                         MPI_STATUS_IGNORE));
                else
                    DO(MPI_File_read_at(file, rank * len, back, (int)len, MPI_BYTE,
                                        MPI_STATUS_IGNORE));
                double mine = MPI_Wtime() - begin;
                MPI_Allreduce(&mine, &times[part][round], 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
            }
            if (memcmp(data, back, (size_t)len)) {
                fprintf(stderr, "file_rates: rank %d: other bytes came back\n", rank);
                MPI_Abort(MPI_COMM_WORLD, 1);
            }
            DO(MPI_File_close(&file));
        }
        if (rank == 0) {
            double all = (double)len * ranks / (1 << 20);
            for (int part = 0; part < 3; part++)
                qsort(times[part], (size_t)rounds, sizeof(double), by_size);
            printf("%-8ld", piece);
            for (int part = 0; part < 3; part++)
                printf(" %12.0f", all / times[part][rounds / 2]);
            printf("\n");
            fflush(stdout);
            MPI_File_delete(argv[1], MPI_INFO_NULL);
        }
        MPI_Type_free(&block);
        MPI_Type_free(&type);
        free(data);
        free(back);
    }
    MPI_Finalize();
    return 0;
}
