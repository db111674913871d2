/* While ranks exchange messages of all sizes, the last rank overwrites bytes of the job
   segment, which it finds among its own mappings: what a wild pointer may do. Nothing is
   checked but that each message that comes has come in time to be looked at; what is
   wanted of mpirun is up to the test.
   usage: scribbles SEED BYTES PLACE MILLISECONDS
   PLACE: head, records or arena */
#include "check.h"
#include <unistd.h>

enum { LARGE = 300000, HEAD = 4096, RECORD = 512 };

static uint64_t state;

static uint64_t draw(void)
{
    state += 0x9e3779b97f4a7c15;
    uint64_t z = state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* Where the segment is mapped, and how much of it has pages. */
static unsigned char *segment(size_t *len)
{
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned char *found = NULL;
    while (maps && fgets(line, sizeof line, maps))
        if (strstr(line, "lariat-job")) {
            found = (unsigned char *)strtoull(line, NULL, 16);
            break;
        }
    if (maps)
        fclose(maps);
    CHECK(found, "");
    uint64_t end; /* the arena's, as the head says before it is overwritten */
    memcpy(&end, found + 72, sizeof end);
    *len = end;
    return found;
}

int main(int argc, char **argv)
{
    CHECK(argc == 5, "");
    MPI(MPI_Init(&argc, &argv));
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    state = strtoull(argv[1], NULL, 0);
    int bytes = atoi(argv[2]), scribbler = rank == ranks - 1;
    double span = atof(argv[4]) / 1000;
    static char out[LARGE], in[LARGE];
    size_t len, from = 0, to;
    int right = (rank + 1) % ranks, left = (rank + ranks - 1) % ranks;
    unsigned char *base = segment(&len);
    to = len;
    if (!strcmp(argv[3], "head"))
        to = HEAD;
    else if (!strcmp(argv[3], "records"))
        from = HEAD, to = HEAD + RECORD * (size_t)ranks;
    else
        from = HEAD + RECORD * (size_t)ranks;
    double start = MPI_Wtime(), last = start;
    for (int turn = 0, stop = 0; !stop; turn++) {
        static const int sizes[] = {1, 30, 5000, 20000, LARGE};
        for (int i = 0; i < 5; i++)
            MPI_Sendrecv(out, sizes[i], MPI_CHAR, right, i, in, LARGE, MPI_CHAR, left, i,
                         MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        int mine = MPI_Wtime() - start > span;
        MPI_Allreduce(&mine, &stop, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
        if (scribbler && MPI_Wtime() - last > span / 4) {
            for (int i = 0; i < bytes; i++)
                base[from + draw() % (to - from)] = (unsigned char)draw();
            last = MPI_Wtime();
        }
    }
    PASSED();
}
