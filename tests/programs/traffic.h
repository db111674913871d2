/* All kinds of traffic between two groups of processes that have met: over their
   intercommunicator, over the intracommunicator that it merges into, and over what is
   made of both. */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include "check.h"

/* A message's contents depend on who sends it to whom. */
static unsigned seed_of(int side, int from, int to, int n)
{
    return (unsigned)(((side * 64 + from) * 64 + to) * 64 + n + 1);
}

/* Everybody sends to everybody of the other side, in every length and mode. */
static void traffic_between(MPI_Comm inter, int side)
{
    static const size_t lens[] = {0, 1, 8, 40, 41, 1000, 4096, 5000, 65536, 70000, 1 << 20, 3000001};
    enum { N = sizeof lens / sizeof *lens };
    int me, others, n, i;
    MPI(MPI_Comm_rank(inter, &me));
    MPI(MPI_Comm_remote_size(inter, &others));
    for (n = 0; n < N; n++) {
        size_t len = lens[n];
        char **out = room(sizeof *out * others), **in = room(sizeof *in * others);
        MPI_Request *reqs = room(sizeof *reqs * 2 * others);
        for (i = 0; i < others; i++) {
            out[i] = room(len);
            in[i] = room(len);
            fill(out[i], len, seed_of(side, me, i, n));
            MPI(MPI_Irecv(in[i], (int)len, MPI_BYTE, i, n, inter, &reqs[i]));
        }
        for (i = 0; i < others; i++) {
            if ((n + i) % 3 == 1)
                MPI(MPI_Issend(out[i], (int)len, MPI_BYTE, i, n, inter, &reqs[others + i]));
            else
                MPI(MPI_Isend(out[i], (int)len, MPI_BYTE, i, n, inter, &reqs[others + i]));
        }
        MPI(MPI_Waitall(2 * others, reqs, MPI_STATUSES_IGNORE));
        for (i = 0; i < others; i++) {
            FILLED(in[i], len, seed_of(!side, i, me, n));
            free(out[i]);
            free(in[i]);
        }
        free(out);
        free(in);
        free(reqs);
    }
}

/* Blocking, probed, matched, persistent and strided messages between ranks that differ. */
static void traffic_kinds(MPI_Comm inter, int side)
{
    int me, mine, others, i, count, flag;
    MPI_Status status;
    MPI_Message message;
    MPI_Request pair[2];
    MPI_Datatype column;
    double block[20][10], got[20];
    MPI(MPI_Comm_rank(inter, &me));
    MPI(MPI_Comm_size(inter, &mine));
    MPI(MPI_Comm_remote_size(inter, &others));
    /* rank 0 of each side in turn hears of everybody, whoever comes first */
    for (int turn = 0; turn < 2; turn++) {
        if (side == turn && me == 0) {
            int seen = 0;
            for (i = 0; i < others; i++) {
                int value = -1;
                MPI(MPI_Probe(MPI_ANY_SOURCE, 7, inter, &status));
                MPI(MPI_Get_count(&status, MPI_INT, &count));
                EQ(count, 1);
                MPI(MPI_Recv(&value, 1, MPI_INT, status.MPI_SOURCE, 7, inter, MPI_STATUS_IGNORE));
                EQ(value, status.MPI_SOURCE + 100 * !side);
                seen += status.MPI_SOURCE;
            }
            EQ(seen, others * (others - 1) / 2);
            for (i = 0; i < others; i++) {
                char *big = room(300000);
                MPI(MPI_Mprobe(i, 8, inter, &message, &status));
                MPI(MPI_Mrecv(big, 300000, MPI_BYTE, &message, &status));
                FILLED(big, 300000, seed_of(!side, i, 0, 8));
                free(big);
            }
        } else if (side != turn) {
            int value = me + 100 * side;
            char *big = room(300000);
            MPI(MPI_Send(&value, 1, MPI_INT, 0, 7, inter));
            fill(big, 300000, seed_of(side, me, 0, 8));
            MPI(MPI_Send(big, 300000, MPI_BYTE, 0, 8, inter));
            free(big);
        }
    }
    /* a column of a matrix, again and again, as persistent requests */
    if (me < others) {
        MPI(MPI_Type_vector(20, 1, 10, MPI_DOUBLE, &column));
        MPI(MPI_Type_commit(&column));
        MPI(MPI_Send_init(&block[0][3], 1, column, me, 9, inter, &pair[0]));
        MPI(MPI_Recv_init(got, 20, MPI_DOUBLE, me, 9, inter, &pair[1]));
        for (int turn = 0; turn < 4 && me < mine; turn++) {
            for (i = 0; i < 20; i++)
                block[i][3] = side * 1000 + turn * 100 + i;
            MPI(MPI_Startall(2, pair));
            MPI(MPI_Waitall(2, pair, MPI_STATUSES_IGNORE));
            for (i = 0; i < 20; i++)
                EQ(got[i], !side * 1000 + turn * 100 + i);
        }
        MPI(MPI_Request_free(&pair[0]));
        MPI(MPI_Request_free(&pair[1]));
        MPI(MPI_Type_free(&column));
    }
    MPI(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, inter, &flag, MPI_STATUS_IGNORE));
    EQ(flag, 0);
}

static void traffic_collectives_between(MPI_Comm inter, int side)
{
    int me, mine, others, i;
    MPI(MPI_Comm_rank(inter, &me));
    MPI(MPI_Comm_size(inter, &mine));
    MPI(MPI_Comm_remote_size(inter, &others));
    MPI(MPI_Barrier(inter));
    for (int from = 0; from < 2; from++) {
        int value = side == from && me == 0 ? 4711 + from : -1;
        int root = side != from ? 0 : me == 0 ? MPI_ROOT : MPI_PROC_NULL;
        MPI(MPI_Bcast(&value, 1, MPI_INT, root, inter));
        EQ(value, side != from || me == 0 ? 4711 + from : -1);
    }
    long sum = -1, part = me + 1 + 1000 * side;
    MPI(MPI_Allreduce(&part, &sum, 1, MPI_LONG, MPI_SUM, inter));
    EQ(sum, others * (others + 1) / 2 + 1000L * !side * others);
    int *all = room(sizeof(int) * (others + mine)), *to = room(sizeof(int) * (others + mine));
    MPI(MPI_Allgather(&me, 1, MPI_INT, all, 1, MPI_INT, inter));
    for (i = 0; i < others; i++)
        EQ(all[i], i);
    for (i = 0; i < others; i++)
        to[i] = 100 * me + i;
    MPI(MPI_Alltoall(to, 1, MPI_INT, all, 1, MPI_INT, inter));
    for (i = 0; i < others; i++)
        EQ(all[i], 100 * i + me);
    free(all);
    free(to);
}

/* All of an intracommunicator whose processes are of several jobs. */
static void traffic_within(MPI_Comm comm)
{
    static const size_t lens[] = {4, 64, 3000, 40000, 1 << 20};
    int me, size, i;
    MPI(MPI_Comm_rank(comm, &me));
    MPI(MPI_Comm_size(comm, &size));
    for (int n = 0; n < 5; n++) {
        size_t len = lens[n];
        char *out = room(len), *in = room(len * size);
        int next = (me + 1) % size, before = (me + size - 1) % size;
        fill(out, len, seed_of(2, me, next, n));
        MPI(MPI_Sendrecv(out, (int)len, MPI_BYTE, next, 3, in, (int)len, MPI_BYTE, before, 3, comm,
                         MPI_STATUS_IGNORE));
        FILLED(in, len, seed_of(2, before, me, n));
        for (int root = 0; root < size; root++) {
            if (me == root)
                fill(out, len, seed_of(3, root, 0, n));
            MPI(MPI_Bcast(out, (int)len, MPI_BYTE, root, comm));
            FILLED(out, len, seed_of(3, root, 0, n));
        }
        fill(out, len, seed_of(4, me, 0, n));
        MPI(MPI_Allgather(out, (int)len, MPI_BYTE, in, (int)len, MPI_BYTE, comm));
        for (i = 0; i < size; i++)
            FILLED(in + len * i, len, seed_of(4, i, 0, n));
        MPI(MPI_Gather(out, (int)len, MPI_BYTE, in, (int)len, MPI_BYTE, size - 1, comm));
        if (me == size - 1)
            for (i = 0; i < size; i++)
                FILLED(in + len * i, len, seed_of(4, i, 0, n));
        int count = (int)len / 4, *a = (int *)out, *b = (int *)in;
        for (i = 0; i < count; i++)
            a[i] = i + me;
        MPI(MPI_Allreduce(a, b, count, MPI_INT, MPI_SUM, comm));
        for (i = 0; i < count; i += 97)
            EQ(b[i], i * size + size * (size - 1) / 2);
        MPI(MPI_Reduce(a, b, count, MPI_INT, MPI_MAX, 0, comm));
        if (me == 0)
            EQ(b[count - 1], count - 1 + size - 1);
        MPI(MPI_Scan(a, b, count, MPI_INT, MPI_SUM, comm));
        EQ(b[0], me * (me + 1) / 2);
        free(out);
        free(in);
    }
    MPI_Request request;
    MPI(MPI_Ibarrier(comm, &request));
    MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    for (i = 0; i < 20; i++)
        MPI(MPI_Barrier(comm));
}

/* Communicators made of a merged one. */
static void traffic_made(MPI_Comm merged)
{
    int me, size, result, part_size;
    MPI_Comm new, part, inter;
    MPI_Request request;
    MPI_Group all, own, some;
    MPI(MPI_Comm_rank(merged, &me));
    MPI(MPI_Comm_size(merged, &size));
    MPI(MPI_Comm_dup(merged, &new));
    MPI(MPI_Comm_compare(merged, new, &result));
    EQ(result, MPI_CONGRUENT);
    traffic_within(new);
    MPI(MPI_Comm_free(&new));
    MPI(MPI_Comm_idup(merged, &new, &request));
    MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    MPI(MPI_Barrier(new));
    MPI(MPI_Comm_free(&new));
    MPI(MPI_Comm_split(merged, me % 2, -me, &part));
    MPI(MPI_Comm_size(part, &part_size));
    EQ(part_size, size / 2 + (me % 2 == 0 && size % 2));
    traffic_within(part);
    if (size > 1) {
        /* the two parts, by their last members of merged */
        int last = (size - 1) % 2 == me % 2 ? size - 1 : size - 2;
        int theirs = last == size - 1 ? size - 2 : size - 1;
        MPI(MPI_Intercomm_create(part, 0, merged, theirs, 5, &inter));
        traffic_collectives_between(inter, me % 2);
        MPI(MPI_Intercomm_merge(inter, me % 2, &new));
        MPI(MPI_Barrier(new));
        MPI(MPI_Comm_free(&new));
        MPI(MPI_Comm_free(&inter));
    }
    MPI(MPI_Comm_free(&part));
    /* groups know processes, however they are reached */
    MPI(MPI_Comm_group(merged, &all));
    MPI(MPI_Comm_group(MPI_COMM_WORLD, &own));
    MPI(MPI_Group_intersection(all, own, &some));
    MPI(MPI_Group_size(some, &result));
    EQ(result, ranks);
    int zero = 0, there = -1;
    MPI(MPI_Group_translate_ranks(own, 1, &rank, all, &there));
    EQ(there, me);
    MPI(MPI_Group_translate_ranks(all, 1, &me, own, &there));
    EQ(there, rank);
    MPI(MPI_Comm_create(merged, some, &new));
    MPI(MPI_Comm_compare(new, MPI_COMM_WORLD, &result));
    CHECK(result == MPI_CONGRUENT || result == MPI_SIMILAR, "%d", result);
    MPI(MPI_Barrier(new));
    MPI(MPI_Comm_free(&new));
    if (me == 0) {
        MPI_Group first;
        MPI(MPI_Group_incl(all, 1, &zero, &first));
        MPI(MPI_Comm_create_group(merged, first, 3, &new));
        MPI(MPI_Comm_free(&new));
        MPI(MPI_Group_free(&first));
    }
    MPI(MPI_Group_free(&some));
    MPI(MPI_Group_free(&own));
    MPI(MPI_Group_free(&all));
    MPI(MPI_Comm_split_type(merged, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &new));
    MPI(MPI_Comm_size(new, &result));
    if (getenv("SEVERAL_HOSTS")) /* then not all ranks share memory */
        CHECK(result >= 1 && result <= ranks, "%d of %d", result, ranks);
    else
        EQ(result, ranks);
    MPI(MPI_Comm_free(&new));
    int dims[1] = {size}, periods[1] = {1}, left, right, from = -1;
    MPI(MPI_Cart_create(merged, 1, dims, periods, 1, &new));
    MPI(MPI_Cart_shift(new, 0, 1, &left, &right));
    MPI(MPI_Comm_rank(new, &me));
    MPI(MPI_Sendrecv(&me, 1, MPI_INT, right, 1, &from, 1, MPI_INT, left, 1, new, MPI_STATUS_IGNORE));
    EQ(from, left);
    MPI(MPI_Comm_free(&new));
}

/* Everything. The two sides give different numbers, 0 and 1. */
__attribute__((unused)) static void traffic(MPI_Comm inter, int side)
{
    MPI_Comm merged, twin;
    int me, mine, result, is_inter;
    MPI(MPI_Comm_test_inter(inter, &is_inter));
    EQ(is_inter, 1);
    MPI(MPI_Comm_rank(inter, &me));
    MPI(MPI_Comm_size(inter, &mine));
    traffic_between(inter, side);
    traffic_kinds(inter, side);
    traffic_collectives_between(inter, side);
    MPI(MPI_Comm_dup(inter, &twin));
    traffic_collectives_between(twin, side);
    MPI(MPI_Comm_free(&twin));
    MPI(MPI_Comm_split(inter, me == 0 ? 0 : MPI_UNDEFINED, 0, &twin));
    if (me == 0) {
        traffic_between(twin, side);
        MPI(MPI_Comm_free(&twin));
    }
    MPI(MPI_Intercomm_merge(inter, side, &merged));
    MPI(MPI_Comm_rank(merged, &result));
    if (side == 0)
        EQ(result, me);
    traffic_within(merged);
    traffic_made(merged);
    MPI(MPI_Comm_disconnect(&merged));
}

#endif
