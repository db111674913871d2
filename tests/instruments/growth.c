/* What ranks, communicators, requests and messages cost, in time and in memory.
 *
 *     growth ranks               a job of this size: memory of a rank, times of collectives
 *     growth communicators N     N of them made, used and freed, one after the other
 *     growth alive N             N of them at a time, all used
 *     growth requests N          N receives posted at a time
 *     growth unexpected N        N messages that nobody has asked for
 *
 * Rank 0 prints a line of names and numbers. Any MPI runs it. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM = 3, BATCH = 10, SMALL = 64 };

/* Collectives are called again and again for so many seconds. */
static const double SECONDS = 0.3;

static int rank, ranks;

/* The number of kilobytes that a line of a file in /proc gives; 0 without that line. */
static long kilobytes(const char *path, const char *name)
{
    char line[256];
    long found = 0;
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, name, strlen(name)))
            found = strtol(line + strlen(name), NULL, 10);
    fclose(file);
    return found;
}

static long resident(void)
{
    return kilobytes("/proc/self/status", "VmRSS:");
}

/* The mean and the largest of all ranks' numbers, at rank 0. */
static void print_of_all(const char *name, long mine)
{
    long sum = 0, most = 0;
    MPI_Reduce(&mine, &sum, 1, MPI_LONG, MPI_SUM, 0, MPI_COMM_WORLD);
    MPI_Reduce(&mine, &most, 1, MPI_LONG, MPI_MAX, 0, MPI_COMM_WORLD);
    if (rank == 0)
        printf(" %s %ld %s-most %ld", name, sum / ranks, name, most);
}

static void *room(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory) {
        fprintf(stderr, "growth: rank %d has no memory for %zu times %zu bytes\n", rank, count, size);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    return memory;
}

enum collective { BARRIER, ALLREDUCE, BCAST, ALLTOALL, COLLECTIVES };
static const char *const NAMES[] = {"barrier", "allreduce", "bcast", "alltoall"};

static void call(enum collective which, long *send, long *receive)
{
    switch (which) {
    case BARRIER:
        MPI_Barrier(MPI_COMM_WORLD);
        break;
    case ALLREDUCE:
        MPI_Allreduce(send, receive, 1, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
        break;
    case BCAST:
        MPI_Bcast(send, 1, MPI_LONG, 0, MPI_COMM_WORLD);
        break;
    default:
        MPI_Alltoall(send, 1, MPI_LONG, receive, 1, MPI_LONG, MPI_COMM_WORLD);
    }
}

/* Microseconds of a call, at rank 0. */
static double time_of(enum collective which, long *send, long *receive)
{
    for (int i = 0; i < WARM; i++)
        call(which, send, receive);
    long calls = 0;
    int go_on = 1;
    MPI_Barrier(MPI_COMM_WORLD);
    double start = MPI_Wtime(), spent = 0;
    while (go_on) {
        for (int i = 0; i < BATCH; i++)
            call(which, send, receive);
        calls += BATCH;
        spent = MPI_Wtime() - start;
        go_on = spent < SECONDS;
        MPI_Bcast(&go_on, 1, MPI_INT, 0, MPI_COMM_WORLD);
    }
    return spent / (double)calls * 1e6;
}

static void measure_ranks(void)
{
    long *send = room((size_t)ranks, sizeof *send), *receive = room((size_t)ranks, sizeof *receive);
    long start = resident();
    double times[COLLECTIVES];
    for (int which = 0; which < COLLECTIVES; which++)
        times[which] = time_of(which, send, receive);
    long own = kilobytes("/proc/self/smaps_rollup", "Pss:");
    long whole = resident();
    long virtual = kilobytes("/proc/self/status", "VmSize:");
    print_of_all("virtual-kb", virtual);
    print_of_all("resident-at-start-kb", start);
    print_of_all("resident-kb", whole);
    print_of_all("proportional-kb", own);
    for (int which = 0; rank == 0 && which < COLLECTIVES; which++)
        printf(" %s-us %.1f", NAMES[which], times[which]);
    free(send);
    free(receive);
}

static void use(MPI_Comm comm)
{
    int one = 1, sum = 0;
    MPI_Barrier(comm);
    MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, comm);
    if (sum != ranks) {
        fprintf(stderr, "growth: rank %d has the sum %d instead of %d\n", rank, sum, ranks);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
}

static void make_communicators(long count)
{
    for (long i = 0; i < count; i++) {
        MPI_Comm comm;
        MPI_Comm_dup(MPI_COMM_WORLD, &comm);
        use(comm);
        MPI_Comm_free(&comm);
    }
}

static void keep_communicators(long count)
{
    MPI_Comm *comms = room((size_t)count, sizeof *comms);
    for (long i = 0; i < count; i++)
        MPI_Comm_dup(MPI_COMM_WORLD, &comms[i]);
    for (long i = 0; i < count; i++)
        use(comms[i]);
    for (long i = 0; i < count; i++)
        MPI_Comm_free(&comms[i]);
    free(comms);
}

/* Each rank sends to the next one; tags come again where there are fewer than messages. */
static void post_receives(long count)
{
    MPI_Request *requests = room((size_t)count, sizeof *requests);
    int *in = room((size_t)count, sizeof *in);
    int next = (rank + 1) % ranks, before = (rank + ranks - 1) % ranks;
    for (long i = 0; i < count; i++)
        MPI_Irecv(&in[i], 1, MPI_INT, before, (int)(i % 32768), MPI_COMM_WORLD, &requests[i]);
    MPI_Barrier(MPI_COMM_WORLD);
    for (long i = 0; i < count; i++) {
        int out = (int)i;
        MPI_Send(&out, 1, MPI_INT, next, (int)(i % 32768), MPI_COMM_WORLD);
    }
    MPI_Waitall((int)count, requests, MPI_STATUSES_IGNORE);
    for (long i = 0; i < count; i++)
        if (in[i] != (int)i)
            MPI_Abort(MPI_COMM_WORLD, 1);
    free(requests);
    free(in);
}

/* Rank 1 finds them all before it takes the last one first. */
static void leave_messages(long count)
{
    if (rank == 0 && ranks > 1) {
        MPI_Request *requests = room((size_t)count, sizeof *requests);
        int *out = room((size_t)count, sizeof *out);
        for (long i = 0; i < count; i++) {
            out[i] = (int)i;
            MPI_Isend(&out[i], 1, MPI_INT, 1, (int)i, MPI_COMM_WORLD, &requests[i]);
        }
        MPI_Send(NULL, 0, MPI_INT, 1, (int)count, MPI_COMM_WORLD);
        MPI_Waitall((int)count, requests, MPI_STATUSES_IGNORE);
        free(requests);
        free(out);
    } else if (rank == 1) {
        MPI_Recv(NULL, 0, MPI_INT, 0, (int)count, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        for (long i = count; i-- > 0;) {
            int in = -1;
            MPI_Recv(&in, 1, MPI_INT, 0, (int)i, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            if (in != (int)i)
                MPI_Abort(MPI_COMM_WORLD, 1);
        }
    }
    MPI_Barrier(MPI_COMM_WORLD);
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    const char *what = argc > 1 ? argv[1] : "";
    long count = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    void (*of_many)(long) = NULL;
    if (!strcmp(what, "communicators"))
        of_many = make_communicators;
    else if (!strcmp(what, "alive"))
        of_many = keep_communicators;
    else if (!strcmp(what, "requests"))
        of_many = post_receives;
    else if (!strcmp(what, "unexpected"))
        of_many = leave_messages;
    if (rank == 0)
        printf("ranks %d", ranks);
    if (of_many && count > 0) {
        of_many(count / 100 + 1);
        long before = resident();
        MPI_Barrier(MPI_COMM_WORLD);
        double start = MPI_Wtime();
        of_many(count);
        double spent = MPI_Wtime() - start;
        if (rank == 0)
            printf(" each-us %.3f", spent / (double)count * 1e6);
        print_of_all("more-kb", resident() - before);
    } else if (!strcmp(what, "ranks")) {
        measure_ranks();
    } else {
        if (rank == 0)
            fprintf(stderr, "growth: '%s' is none of: ranks; communicators, alive, requests, unexpected "
                            "with a number above 0\n", what);
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    if (rank == 0)
        printf("\n");
    MPI_Finalize();
    return 0;
}
