/* What checkers of memory and threads look at: messages of every length and layout into
   memory from malloc, of which every byte is looked at; collectives, windows and
   communicators; a session; threads, if the first argument says so. Nothing is left
   that the program has made. usage: checked_memory [threads] */
#include "check.h"
#include <pthread.h>

enum { LONGEST = 1 << 20 };

static void exchange(MPI_Comm comm, int tag, size_t len)
{
    int me, peer;
    MPI(MPI_Comm_rank(comm, &me));
    peer = 1 - me;
    unsigned char *out = room(len), *in = room(len);
    fill(out, len, (unsigned)(tag + me));
    MPI(MPI_Sendrecv(out, (int)len, MPI_BYTE, peer, tag, in, (int)len, MPI_BYTE, peer, tag,
                     comm, MPI_STATUS_IGNORE));
    FILLED(in, len, (unsigned)(tag + peer));
    MPI_Request requests[2];
    memset(out, tag, len);
    MPI(MPI_Irecv(in, (int)len, MPI_BYTE, peer, tag, comm, &requests[0]));
    MPI(MPI_Isend(out, (int)len, MPI_BYTE, peer, tag, comm, &requests[1]));
    MPI(MPI_Waitall(2, requests, MPI_STATUSES_IGNORE));
    ALL(in, len, tag & 0xff);
    free(out);
    free(in);
}

/* One after the other into new memory each time: who receives often learns to be helped. */
static void stream(size_t len, int times)
{
    unsigned sum = 0;
    for (int i = 0; i < times; i++) {
        unsigned char *buffer = room(len);
        if (rank == i % 2) {
            memset(buffer, i, len);
            MPI(MPI_Send(buffer, (int)len, MPI_BYTE, 1 - rank, 1, MPI_COMM_WORLD));
        } else {
            MPI(MPI_Recv(buffer, (int)len, MPI_BYTE, 1 - rank, 1, MPI_COMM_WORLD,
                         MPI_STATUS_IGNORE));
            for (size_t at = 0; at < len; at += 13)
                if (buffer[at] != (unsigned char)i)
                    sum++;
        }
        free(buffer);
    }
    EQ(sum, 0);
}

static void scattered(void)
{
    enum { RUN = 1500, N = 100 };
    MPI_Datatype type;
    MPI(MPI_Type_vector(N, RUN, 2 * RUN, MPI_BYTE, &type));
    MPI(MPI_Type_commit(&type));
    for (int out = 0; out < 2; out++)
        for (int in = 0; in < 2; in++) {
            unsigned char *from = room(2 * RUN * N), *to = room(2 * RUN * N);
            memset(from, 7, 2 * RUN * N);
            MPI(MPI_Sendrecv(from, out ? 1 : N * RUN, out ? type : MPI_BYTE, 1 - rank, 3, to,
                             in ? 1 : N * RUN, in ? type : MPI_BYTE, 1 - rank, 3,
                             MPI_COMM_WORLD, MPI_STATUS_IGNORE));
            for (int i = 0; i < N * RUN; i++)
                EQ(to[in ? i / RUN * 2 * RUN + i % RUN : i], 7);
            free(from);
            free(to);
        }
    MPI(MPI_Type_free(&type));
}

static void collectives(int n)
{
    int *mine = room((size_t)n * sizeof *mine), *all = room(2 * (size_t)n * sizeof *all);
    for (int i = 0; i < n; i++)
        mine[i] = rank + i;
    MPI(MPI_Allgather(mine, n, MPI_INT, all, n, MPI_INT, MPI_COMM_WORLD));
    for (int i = 0; i < 2 * n; i++)
        EQ(all[i], i / n + i % n);
    MPI(MPI_Allreduce(mine, all, n, MPI_INT, MPI_SUM, MPI_COMM_WORLD));
    for (int i = 0; i < n; i++)
        EQ(all[i], 2 * i + 1);
    MPI(MPI_Bcast(rank == 0 ? mine : all, n, MPI_INT, 0, MPI_COMM_WORLD));
    if (rank == 1)
        EQ(all[n - 1], n - 1);
    free(mine);
    free(all);
}

static void window(void)
{
    MPI_Win win;
    int *base, *from = room(LONGEST);
    memset(from, 0, LONGEST);
    from[9] = rank + 5;
    MPI(MPI_Win_allocate(LONGEST, sizeof *base, MPI_INFO_NULL, MPI_COMM_WORLD, &base, &win));
    MPI(MPI_Win_fence(0, win));
    MPI(MPI_Put(from, LONGEST / 4, MPI_INT, 1 - rank, 0, LONGEST / 4, MPI_INT, win));
    MPI(MPI_Win_fence(0, win));
    EQ(base[9], 1 - rank + 5);
    MPI(MPI_Win_free(&win));
    free(from);
}

static void *talk(void *number)
{
    MPI_Comm *comm = number;
    for (int i = 0; i < 20; i++)
        exchange(*comm, i, i % 2 ? 10 : 100000);
    return NULL;
}

/* Threads that exchange messages at once; and one hands a piece of memory to another by
   a message alone. */
static int handed;
static void *hand_over(void *unused)
{
    (void)unused;
    handed = 42;
    MPI(MPI_Send(&handed, 0, MPI_INT, rank, 77, MPI_COMM_WORLD));
    return NULL;
}

static void threads(void)
{
    enum { N = 3 };
    pthread_t running[N];
    MPI_Comm comms[N];
    for (int i = 0; i < N; i++)
        MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comms[i]));
    for (int i = 0; i < N; i++)
        EQ(pthread_create(&running[i], NULL, talk, &comms[i]), 0);
    for (int i = 0; i < N; i++)
        EQ(pthread_join(running[i], NULL), 0);
    for (int i = 0; i < N; i++)
        MPI(MPI_Comm_free(&comms[i]));
    EQ(pthread_create(&running[0], NULL, hand_over, NULL), 0);
    MPI(MPI_Recv(NULL, 0, MPI_INT, rank, 77, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    EQ(handed, 42);
    EQ(pthread_join(running[0], NULL), 0);
}

int main(int argc, char **argv)
{
    int with_threads = argc > 1 && !strcmp(argv[1], "threads"), provided;
    MPI(MPI_Init_thread(NULL, NULL, with_threads ? MPI_THREAD_MULTIPLE : MPI_THREAD_SINGLE,
                        &provided));
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    EQ(ranks, 2);
    if (with_threads) {
        threads();
        PASSED();
    }
    for (size_t len = 1; len <= LONGEST; len *= 8)
        exchange(MPI_COMM_WORLD, 1, len);
    stream(100000, 60);
    stream(LONGEST, 10);
    scattered();
    collectives(10);
    collectives(50000);
    window();
    MPI_Comm copy, half;
    MPI(MPI_Comm_dup(MPI_COMM_WORLD, &copy));
    exchange(copy, 5, 1000);
    MPI(MPI_Comm_split(copy, rank, 0, &half));
    MPI(MPI_Comm_free(&half));
    MPI(MPI_Comm_free(&copy));
    PASSED();
}
