/* process_vm_readv and process_vm_writev work, and from some moment on they do
   not: messages come all the same. usage: cma_refused WHEN [ROUNDS]
   WHEN: start (before MPI_Init), between (two messages), amid (one, by another
   thread). */
#include "bytes.h"
#include "refuse.h"
#include <pthread.h>

enum { MOST = 8 << 20 };

static unsigned char *out, *in;

static void *refuse_soon(void *unused)
{
    (void)unused;
    usleep(3000);
    refuse(ENOSYS);
    return NULL;
}

static void exchange(int peer, uint64_t round)
{
    static const size_t lens[] = {100, 16384, 65537, 300001, 1 << 20, MOST};
    for (int i = 0; i < 6; i++) {
        MPI_Request requests[2];
        MPI_Datatype halves;
        uint64_t seed = round * 100 + (uint64_t)i * 10;
        size_t len = lens[i] / 2 * 2;
        paint(out, len, seed + (uint64_t)rank);
        memset(in, 0x5a, len + 64);
        MPI(MPI_Irecv(in, (int)len, MPI_BYTE, peer, 1, MPI_COMM_WORLD, &requests[0]));
        MPI(MPI_Isend(out, (int)len, MPI_BYTE, peer, 1, MPI_COMM_WORLD, &requests[1]));
        MPI(MPI_Waitall(2, requests, MPI_STATUSES_IGNORE));
        PAINTED(in, len, seed + (uint64_t)peer);
        ALL(in + len, 64, 0x5a);
        /* into two halves with a gap, which many arms do in another way */
        MPI(MPI_Type_create_hvector(2, (int)(len / 2), (MPI_Aint)(len / 2 + 64), MPI_BYTE, &halves));
        MPI(MPI_Type_commit(&halves));
        memset(in, 0x5a, len + 64);
        MPI(MPI_Sendrecv(out, (int)len, MPI_BYTE, peer, 2, in, 1, halves, peer, 2, MPI_COMM_WORLD,
                         MPI_STATUS_IGNORE));
        ALL(in + len / 2, 64, 0x5a);
        memmove(in + len / 2, in + len / 2 + 64, len / 2);
        PAINTED(in, len, seed + (uint64_t)peer);
        MPI(MPI_Type_free(&halves));
    }
}

int main(int argc, char **argv)
{
    const char *when = argc > 1 ? argv[1] : "start";
    long rounds = number(argc, argv, 2, 4);
    pthread_t thread;
    if (!strcmp(when, "start"))
        refuse(EPERM);
    START();
    int peer = rank ^ 1, amid = !strcmp(when, "amid");
    out = room(MOST);
    in = room(MOST + 64);
    CHECK(peer < ranks, "%d ranks: an even number is wanted", ranks);
    for (long round = 0; round < rounds; round++) {
        if (amid && round == 1)
            EQ(pthread_create(&thread, NULL, refuse_soon, NULL), 0);
        exchange(peer, (uint64_t)round);
        /* the ranks of a pair at different times */
        if (!strcmp(when, "between") && round == rank % 2)
            refuse(EPERM);
    }
    if (amid && rounds > 1)
        EQ(pthread_join(thread, NULL), 0);
    free(out);
    free(in);
    PASSED();
}
