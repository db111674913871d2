/* A rank's address space: small after MPI_Init, and no larger than what it has and what its
   peers have sent it, however large that is.

   usage: address_space MIB, of messages */
#include "check.h"

/* The size of this process's address space, in MiB. */
static long size(void)
{
    char line[256];
    long kib = -1;
    FILE *file = fopen("/proc/self/status", "r");
    CHECK(file != NULL, "/proc/self/status");
    while (file && fgets(line, sizeof line, file))
        sscanf(line, "VmSize: %ld", &kib);
    if (file)
        fclose(file);
    return kib >> 10;
}

int main(int argc, char **argv)
{
    START();
    long most = argc > 1 ? atol(argv[1]) : 64, before = size();
    CHECK(before < 200, "%ld MiB at the start", before);
    for (long mib = 1; mib <= most; mib *= 2) {
        size_t n = (size_t)mib << 20;
        char *out = malloc(n), *in = malloc(n);
        memset(out, rank + (int)mib, n);
        int to = (rank + 1) % ranks, from = (rank + ranks - 1) % ranks;
        MPI(MPI_Sendrecv(out, (int)n, MPI_BYTE, to, 0, in, (int)n, MPI_BYTE, from, 0,
                         MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        for (size_t i = 0; i < n; i += 1000)
            EQ(in[i], (char)(from + (int)mib));
        free(out);
        free(in);
    }
    /* own buffers, those of peers, and a half more for growing */
    long after = size(), room = before + (4 * 3 / 2 + ranks) * most + 64;
    CHECK(after < room, "%ld MiB at the end, %ld at the start", after, before);
    PASSED();
}
