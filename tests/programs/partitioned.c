/* Partitioned communication (MPI 5.0, chapter 4): partitions and types that differ
   between the two sides, in every order of starting and of becoming ready. */
#include "check.h"

enum { ROUNDS = 4 };

/* A type of `bytes` bytes with holes, or bytes in one run. */
static MPI_Datatype type_of(int bytes, int holes)
{
    MPI_Datatype type;
    if (holes)
        MPI(MPI_Type_vector(bytes, 1, 3, MPI_BYTE, &type));
    else
        MPI(MPI_Type_contiguous(bytes, MPI_BYTE, &type));
    MPI(MPI_Type_commit(&type));
    return type;
}

/* The elements of `type` in `memory`, packed into `bytes`, or the other way. */
static void pack(void *memory, int count, MPI_Datatype type, void *bytes, int len, int back)
{
    int at = 0;
    if (back)
        MPI(MPI_Unpack(bytes, len, &at, memory, count, type, MPI_COMM_SELF));
    else
        MPI(MPI_Pack(memory, count, type, bytes, len, &at, MPI_COMM_SELF));
    EQ(at, len);
}

static void sync_with(int peer)
{
    MPI(MPI_Sendrecv(NULL, 0, MPI_BYTE, peer, 9, NULL, 0, MPI_BYTE, peer, 9, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE));
}

/* One channel from `from` to `to` of `sends` partitions of `bytes / sends` bytes each,
   received as `recvs` partitions. */
static void channel(int from, int to, int sends, int recvs, int bytes, int holes)
{
    int sender = rank == from, receiver = rank == to;
    if (!sender && !receiver)
        return;
    int s = bytes / sends, r = bytes / recvs;
    MPI_Datatype out_type = type_of(s ? s : 1, holes & 1), in_type = type_of(r ? r : 1, holes & 2);
    int out_count = s ? 1 : 0, in_count = r ? 1 : 0;
    size_t wide = (size_t)bytes * 3 + 64;
    char *out = room(wide), *in = room(wide), *packed = room((size_t)bytes);
    MPI_Request send = MPI_REQUEST_NULL, recv = MPI_REQUEST_NULL;
    if (receiver)
        MPI(MPI_Precv_init(in, recvs, in_count, in_type, from, 5, MPI_COMM_WORLD, MPI_INFO_NULL, &recv));
    if (sender)
        MPI(MPI_Psend_init(out, sends, out_count, out_type, to, 5, MPI_COMM_WORLD, MPI_INFO_NULL, &send));
    for (int round = 0; round < ROUNDS; round++) {
        unsigned seed = (unsigned)(bytes + round * 77 + sends);
        int late = round % 3 == 1 && from != to, flag = -1;
        if (receiver) {
            memset(in, 0x55, wide);
            MPI(MPI_Parrived(recv, recvs - 1, &flag)); /* inactive */
            EQ(flag, 1);
            if (!late)
                MPI(MPI_Start(&recv));
            if (from != to && round % 2)
                sync_with(from);
        }
        if (sender) {
            fill(packed, (size_t)bytes, seed);
            if (bytes)
                pack(out, sends, out_type, packed, bytes, 1);
            MPI(MPI_Start(&send));
            if (round == 0 && bytes) { /* none is ready: nothing can be complete */
                MPI(MPI_Test(&send, &flag, MPI_STATUS_IGNORE));
                EQ(flag, 0);
            }
            int *list = room((size_t)sends * sizeof *list);
            switch (round % 4) {
            case 0:
                for (int i = sends - 1; i >= 0; i--)
                    MPI(MPI_Pready(i, send));
                break;
            case 1:
                MPI(MPI_Pready_range(0, sends - 1, send));
                break;
            case 2:
                for (int i = 0; i < sends; i++)
                    list[i] = (i * 7 + 3) % sends;
                if (sends % 7 == 0)
                    for (int i = 0; i < sends; i++)
                        list[i] = i;
                MPI(MPI_Pready_list(sends, list, send));
                break;
            default:
                for (int i = 0; i < sends; i += 2)
                    MPI(MPI_Pready(i, send));
                for (int i = 1; i < sends; i += 2)
                    MPI(MPI_Pready(i, send));
            }
            free(list);
            if (from != to && round % 2)
                sync_with(to);
        }
        if (receiver) {
            if (late)
                MPI(MPI_Start(&recv));
            /* Each partition is whole when it is said to have arrived. */
            char *one = room((size_t)r), *all = room((size_t)bytes);
            fill(all, (size_t)bytes, seed);
            for (int i = 0; i < recvs && round % 2 == 0; i++) {
                do
                    MPI(MPI_Parrived(recv, i, &flag));
                while (!flag);
                MPI_Aint lower, extent;
                MPI(MPI_Type_get_extent(in_type, &lower, &extent));
                if (r)
                    pack(in + i * extent, 1, in_type, one, r, 0);
                CHECK(memcmp(one, all + (size_t)i * (size_t)r, (size_t)r) == 0, "partition %d", i);
            }
            free(one);
            free(all);
            MPI_Status status;
            MPI(MPI_Wait(&recv, &status));
            int count = -1;
            MPI(MPI_Get_count(&status, MPI_BYTE, &count));
            EQ(count, bytes);
            EQ(status.MPI_SOURCE, from);
            EQ(status.MPI_TAG, 5);
            CHECK(recv != MPI_REQUEST_NULL, "a persistent request stays");
            if (bytes)
                pack(in, recvs, in_type, packed, bytes, 0);
            FILLED(packed, (size_t)bytes, seed);
            if (!(holes & 2))
                ALL(in + bytes, wide - (size_t)bytes, 0x55);
            MPI(MPI_Wait(&recv, &status)); /* inactive */
            EQ(status.MPI_SOURCE, MPI_ANY_SOURCE);
        }
        if (sender)
            MPI(MPI_Wait(&send, MPI_STATUS_IGNORE));
    }
    for (int i = 0; i < 2; i++) {
        MPI_Request *request = i ? &send : &recv;
        if (*request != MPI_REQUEST_NULL)
            MPI(MPI_Request_free(request));
    }
    MPI(MPI_Type_free(&out_type));
    MPI(MPI_Type_free(&in_type));
    free(out);
    free(in);
    free(packed);
}

static void every_shape(int most)
{
    static const int parts[][2] = {{1, 1}, {4, 4}, {6, 4}, {4, 6}, {1, 12}, {12, 1}, {16, 16}, {3, 100}};
    static const int units[] = {0, 1, 9, 1000};
    for (int from = 0; from < ranks; from++)
        for (int step = 0; step < (ranks > 1 ? 2 : 1); step++) {
            int to = (from + step) % ranks;
            for (size_t p = 0; p < sizeof parts / sizeof *parts; p++)
                for (size_t u = 0; u < sizeof units / sizeof *units && (int)u < most; u++) {
                    int sends = parts[p][0], recvs = parts[p][1];
                    int bytes = sends * recvs * units[u];
                    for (int holes = 0; holes < 4; holes++)
                        channel(from, to, sends, recvs, bytes, holes);
                }
            channel(from, to, 16, 16, 1 << 20, 0);
            channel(from, to, 6, 4, 12 << 17, 0);
            channel(from, to, 6, 4, 12 << 15, 3);
        }
}

/* Those of one tag match in the order of the calls that made them, whatever was freed
   since, and no ordinary message or probe sees them. */
static void order(void)
{
    enum { CHANNELS = 5 };
    int right = (rank + 1) % ranks, left = (rank + ranks - 1) % ranks, flag = -1;
    int out[CHANNELS], in[CHANNELS], plain = rank, got = -1;
    MPI_Request sends[CHANNELS], recvs[CHANNELS], recv, send;
    for (int i = 0; i < CHANNELS; i++) {
        MPI(MPI_Psend_init(&out[i], 1, 1, MPI_INT, right, 3, MPI_COMM_WORLD, MPI_INFO_NULL, &sends[i]));
        if (i == 1)
            MPI(MPI_Request_free(&sends[i]));
    }
    MPI(MPI_Irecv(&got, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &recv));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    MPI(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE));
    EQ(flag, 0);
    MPI(MPI_Isend(&plain, 1, MPI_INT, right, 3, MPI_COMM_WORLD, &send));
    MPI(MPI_Wait(&recv, MPI_STATUS_IGNORE));
    MPI(MPI_Wait(&send, MPI_STATUS_IGNORE));
    EQ(got, left);
    for (int i = 0; i < CHANNELS; i++) {
        MPI(MPI_Precv_init(&in[i], 1, 1, MPI_INT, left, 3, MPI_COMM_WORLD, MPI_INFO_NULL, &recvs[i]));
        if (i == 1)
            MPI(MPI_Request_free(&recvs[i]));
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < CHANNELS; i++) {
            out[i] = rank * 100 + i * 10 + round;
            in[i] = -1;
        }
        MPI(MPI_Start(&sends[0]));
        MPI(MPI_Startall(CHANNELS - 2, sends + 2));
        MPI(MPI_Start(&recvs[0]));
        MPI(MPI_Startall(CHANNELS - 2, recvs + 2));
        for (int i = CHANNELS - 1; i >= 0; i--)
            if (i != 1)
                MPI(MPI_Pready(0, sends[i]));
        MPI(MPI_Waitall(CHANNELS, sends, MPI_STATUSES_IGNORE));
        MPI(MPI_Waitall(CHANNELS, recvs, MPI_STATUSES_IGNORE));
        for (int i = 0; i < CHANNELS; i++)
            if (i != 1)
                EQ(in[i], left * 100 + i * 10 + round);
    }
    for (int i = 0; i < CHANNELS; i++)
        if (i != 1) {
            MPI(MPI_Request_free(&sends[i]));
            MPI(MPI_Request_free(&recvs[i]));
        }
}

/* The sender is a round ahead. */
static void ahead(void)
{
    int peer = rank ^ 1;
    if (peer >= ranks)
        return;
    enum { N = 1000, PARTS = 4 };
    int *data = room(sizeof(int) * N * PARTS);
    MPI_Request request;
    if (rank % 2 == 0) {
        MPI(MPI_Psend_init(data, PARTS, N, MPI_INT, peer, 1, MPI_COMM_WORLD, MPI_INFO_NULL, &request));
        for (int round = 0; round < 200; round++) {
            MPI(MPI_Start(&request));
            for (int p = 0; p < PARTS; p++) {
                for (int i = 0; i < N; i++)
                    data[p * N + i] = round * 10000 + p * N + i;
                MPI(MPI_Pready(p, request));
            }
            MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
        }
    } else {
        MPI(MPI_Precv_init(data, PARTS, N, MPI_INT, peer, 1, MPI_COMM_WORLD, MPI_INFO_NULL, &request));
        for (int round = 0; round < 200; round++) {
            MPI(MPI_Start(&request));
            MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
            for (int i = 0; i < N * PARTS; i++)
                EQ(data[i], round * 10000 + i); /* the next round must not be here yet */
        }
    }
    MPI(MPI_Request_free(&request));
    free(data);
}

/* Long partitions, for which the receiver waits: it may copy a part of them itself, up to
   the moment when both sides may use their memory again. */
static void waited_for(int parts, int n, int room_for)
{
    int peer = rank ^ 1;
    if (peer >= ranks)
        return;
    int *data = room(sizeof(int) * (size_t)n * (size_t)parts);
    MPI_Request request;
    if (rank % 2 == 0)
        MPI(MPI_Psend_init(data, parts, n, MPI_INT, peer, 2, MPI_COMM_WORLD, MPI_INFO_NULL, &request));
    else
        MPI(MPI_Precv_init(data, 1, room_for, MPI_INT, peer, 2, MPI_COMM_WORLD, MPI_INFO_NULL, &request));
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    for (int round = 0; round < 100; round++) {
        MPI(MPI_Start(&request));
        sync_with(peer);
        if (rank % 2 == 0) {
            for (int p = 0; p < parts; p++) {
                for (int i = 0; i < n; i++)
                    data[p * n + i] = round * 1000003 + p * n + i;
                MPI(MPI_Pready(p, request));
            }
            MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
            memset(data, 0x77, sizeof(int) * (size_t)n * (size_t)parts);
        } else {
            int code = MPI_Wait(&request, MPI_STATUS_IGNORE), class;
            MPI(MPI_Error_class(code, &class));
            EQ(class, room_for < n * parts ? MPI_ERR_TRUNCATE : MPI_SUCCESS);
            for (int i = 0; i < room_for; i++)
                EQ(data[i], round * 1000003 + i);
            memset(data, 0x33, sizeof(int) * (size_t)room_for);
        }
    }
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL));
    MPI(MPI_Request_free(&request));
    free(data);
}

static void to_nobody(void)
{
    int out[4] = {0}, in[4] = {1, 2, 3, 4}, flag = -1;
    MPI_Request send, recv;
    MPI_Status status;
    MPI(MPI_Psend_init(out, 4, 1, MPI_INT, MPI_PROC_NULL, 0, MPI_COMM_WORLD, MPI_INFO_NULL, &send));
    MPI(MPI_Precv_init(in, 2, 2, MPI_INT, MPI_PROC_NULL, 0, MPI_COMM_WORLD, MPI_INFO_NULL, &recv));
    for (int round = 0; round < 2; round++) {
        MPI(MPI_Start(&send));
        MPI(MPI_Start(&recv));
        MPI(MPI_Parrived(recv, 1, &flag));
        EQ(flag, 1);
        MPI(MPI_Pready_range(0, 3, send));
        MPI(MPI_Wait(&send, MPI_STATUS_IGNORE));
        MPI(MPI_Wait(&recv, &status));
        EQ(status.MPI_SOURCE, MPI_PROC_NULL);
        EQ(in[3], 4);
    }
    MPI(MPI_Request_free(&send));
    MPI(MPI_Request_free(&recv));
    MPI(MPI_Psend_init(NULL, 0, 7, MPI_INT, (rank + 1) % ranks, 0, MPI_COMM_WORLD, MPI_INFO_NULL, &send));
    MPI(MPI_Precv_init(NULL, 0, 7, MPI_INT, (rank + ranks - 1) % ranks, 0, MPI_COMM_WORLD, MPI_INFO_NULL, &recv));
    MPI(MPI_Start(&send));
    MPI(MPI_Start(&recv));
    MPI(MPI_Wait(&send, MPI_STATUS_IGNORE));
    MPI(MPI_Wait(&recv, &status));
    EQ(status.MPI_SOURCE, (rank + ranks - 1) % ranks);
    MPI(MPI_Request_free(&send));
    MPI(MPI_Request_free(&recv));
}

static void wrong(void)
{
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    int data[4] = {0}, in[2] = {0}, flag = -1, twice[] = {2, 3, 2};
    MPI_Request send, recv, other;
    MPI_Comm self = MPI_COMM_SELF;
    FAILS(MPI_Psend_init(data, -1, 1, MPI_INT, 0, 0, self, MPI_INFO_NULL, &send), MPI_ERR_ARG);
    FAILS(MPI_Psend_init(data, 1, -1, MPI_INT, 0, 0, self, MPI_INFO_NULL, &send), MPI_ERR_COUNT);
    FAILS(MPI_Psend_init(data, 1 << 30, (MPI_Count)1 << 40, MPI_INT, 0, 0, self, MPI_INFO_NULL, &send), MPI_ERR_COUNT);
    FAILS(MPI_Psend_init(data, 1, 1, MPI_DATATYPE_NULL, 0, 0, self, MPI_INFO_NULL, &send), MPI_ERR_TYPE);
    FAILS(MPI_Psend_init(NULL, 1, 1, MPI_INT, 0, 0, self, MPI_INFO_NULL, &send), MPI_ERR_BUFFER);
    FAILS(MPI_Psend_init(data, 1, 1, MPI_INT, ranks, 0, MPI_COMM_WORLD, MPI_INFO_NULL, &send), MPI_ERR_RANK);
    FAILS(MPI_Psend_init(data, 1, 1, MPI_INT, 0, -1, self, MPI_INFO_NULL, &send), MPI_ERR_TAG);
    FAILS(MPI_Psend_init(data, 1, 1, MPI_INT, 0, 0, MPI_COMM_NULL, MPI_INFO_NULL, &send), MPI_ERR_COMM);
    FAILS(MPI_Psend_init(data, 1, 1, MPI_INT, 0, 0, self, MPI_INFO_NULL, NULL), MPI_ERR_ARG);
    FAILS(MPI_Precv_init(data, 1, 1, MPI_INT, MPI_ANY_SOURCE, 0, self, MPI_INFO_NULL, &recv), MPI_ERR_RANK);
    FAILS(MPI_Precv_init(data, 1, 1, MPI_INT, 0, MPI_ANY_TAG, self, MPI_INFO_NULL, &recv), MPI_ERR_TAG);
    FAILS(MPI_Precv_init(data, 1, -1, MPI_INT, 0, 0, self, MPI_INFO_NULL, &recv), MPI_ERR_COUNT);
    FAILS(MPI_Precv_init(data, -5, 1, MPI_INT, 0, 0, self, MPI_INFO_NULL, &recv), MPI_ERR_ARG);

    MPI(MPI_Psend_init(data, 4, 1, MPI_INT, 0, 0, self, MPI_INFO_NULL, &send));
    MPI(MPI_Precv_init(in, 2, 1, MPI_INT, 0, 0, self, MPI_INFO_NULL, &recv));
    FAILS(MPI_Pready(0, send), MPI_ERR_REQUEST); /* inactive */
    FAILS(MPI_Cancel(&send), MPI_ERR_REQUEST);
    for (int round = 0; round < 2; round++) {
        MPI(MPI_Start(&send));
        MPI(MPI_Start(&recv));
        FAILS(MPI_Start(&send), MPI_ERR_REQUEST);
        FAILS(MPI_Cancel(&send), MPI_ERR_REQUEST);
        FAILS(MPI_Pready(4, send), MPI_ERR_ARG);
        FAILS(MPI_Pready(-1, send), MPI_ERR_ARG);
        FAILS(MPI_Pready_range(2, 1, send), MPI_ERR_ARG);
        FAILS(MPI_Pready_range(0, 4, send), MPI_ERR_ARG);
        FAILS(MPI_Pready_list(3, twice, send), MPI_ERR_ARG);
        FAILS(MPI_Pready_list(-1, twice, send), MPI_ERR_ARG);
        FAILS(MPI_Pready_list(1, NULL, send), MPI_ERR_ARG);
        MPI(MPI_Pready_list(0, NULL, send));
        MPI(MPI_Pready_range(2, 3, send)); /* none of those that failed counts */
        FAILS(MPI_Pready(2, send), MPI_ERR_ARG);
        FAILS(MPI_Pready_range(1, 2, send), MPI_ERR_ARG);
        FAILS(MPI_Pready(0, recv), MPI_ERR_REQUEST);
        FAILS(MPI_Parrived(send, 0, &flag), MPI_ERR_REQUEST);
        FAILS(MPI_Parrived(recv, 2, &flag), MPI_ERR_ARG);
        FAILS(MPI_Parrived(recv, -1, &flag), MPI_ERR_ARG);
        FAILS(MPI_Parrived(recv, 0, NULL), MPI_ERR_ARG);
        MPI(MPI_Parrived(recv, 0, &flag));
        EQ(flag, 0);
        MPI(MPI_Pready_range(0, 1, send));
        MPI(MPI_Wait(&send, MPI_STATUS_IGNORE));
        /* The message is longer than the buffer: that is the receive's error. */
        FAILS(MPI_Wait(&recv, MPI_STATUS_IGNORE), MPI_ERR_TRUNCATE);
        FAILS(MPI_Pready(0, send), MPI_ERR_REQUEST);
    }
    MPI_Request stale = send;
    MPI(MPI_Request_free(&send));
    MPI(MPI_Request_free(&recv));
    FAILS(MPI_Pready(0, stale), MPI_ERR_REQUEST);
    FAILS(MPI_Pready(0, MPI_REQUEST_NULL), MPI_ERR_REQUEST);
    MPI(MPI_Parrived(MPI_REQUEST_NULL, 0, &flag));
    EQ(flag, 1);
    MPI(MPI_Send_init(data, 1, MPI_INT, 0, 0, self, &other));
    FAILS(MPI_Pready(0, other), MPI_ERR_REQUEST);
    FAILS(MPI_Parrived(other, 0, &flag), MPI_ERR_REQUEST);
    MPI(MPI_Request_free(&other));
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL));
}

int main(int argc, char **argv)
{
    START();
    every_shape(argc > 1 ? atoi(argv[1]) : 4);
    order();
    ahead();
    waited_for(5, 8192, 5 * 8192);
    waited_for(70, 9001, 70 * 9001);
    waited_for(4, 20011, 3 * 20011 + 77);
    to_nobody();
    wrong();
    PASSED();
}
