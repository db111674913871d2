/* What only jobs on several hosts have: the ranks of a host share memory, and those of several
   do not, and are told so. With "abort", the last rank aborts. */
#include "check.h"
#include <unistd.h>

static char name[MPI_MAX_PROCESSOR_NAME];

static MPI_Comm within_host(void)
{
    MPI_Comm host;
    int members, len, mine;
    char all[64][MPI_MAX_PROCESSOR_NAME];
    MPI(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0,
                            MPI_INFO_NULL, &host));
    MPI(MPI_Comm_size(host, &members));
    MPI(MPI_Comm_rank(host, &mine));
    CHECK(members < ranks, "%d of %d share memory", members, ranks);
    MPI(MPI_Get_processor_name(name, &len));
    MPI(MPI_Allgather(name, sizeof name, MPI_CHAR, all, sizeof name, MPI_CHAR,
                      MPI_COMM_WORLD));
    int same = 0;
    for (int i = 0; i < ranks; i++)
        same += strcmp(all[i], name) == 0;
    EQ(same, members);
    return host;
}

static void windows(MPI_Comm host)
{
    MPI_Win win;
    int *mine, members, me;
    MPI_Comm_size(host, &members);
    MPI_Comm_rank(host, &me);
    MPI(MPI_Win_allocate_shared(sizeof *mine, sizeof *mine, MPI_INFO_NULL, host,
                                &mine, &win));
    MPI(MPI_Win_fence(0, win));
    MPI(MPI_Put(&rank, 1, MPI_INT, (me + 1) % members, 0, 1, MPI_INT, win));
    MPI(MPI_Win_fence(0, win));
    MPI(MPI_Win_free(&win));
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    FAILS(MPI_Win_allocate_shared(8, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &mine, &win),
          MPI_ERR_RMA_SHARED);
}

static void files(MPI_Comm host)
{
    MPI_File file;
    char path[64];
    int me;
    MPI_Comm_rank(host, &me);
    snprintf(path, sizeof path, "/dev/shm/hosts-%d", (int)getpid());
    MPI(MPI_Bcast(path, sizeof path, MPI_CHAR, 0, host));
    MPI(MPI_File_open(host, path, MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE,
                      MPI_INFO_NULL, &file));
    MPI(MPI_File_write_at_all(file, 4 * me, &rank, 1, MPI_INT, MPI_STATUS_IGNORE));
    MPI(MPI_File_close(&file));
    /* Each host has a /dev/shm of its own: the file is not the one that rank 0 makes. */
    FAILS(MPI_File_open(MPI_COMM_WORLD, path, MPI_MODE_CREATE | MPI_MODE_RDWR, MPI_INFO_NULL,
                        &file), MPI_ERR_NO_SUCH_FILE);
}

/* Every rank sends long and short messages to all others, in one order; receives take them
   from whomever they come. */
static void everybody(void)
{
    enum { LONG = 3 << 20 };
    char *out = malloc(LONG), *in = malloc(LONG);
    MPI_Request *sent = malloc(2 * ranks * sizeof *sent);
    int count = 0, long_ones = 0;
    memset(out, rank + 1, LONG);
    for (int to = 0; to < ranks; to++) {
        if (to == rank)
            continue;
        MPI(MPI_Isend(&rank, 1, MPI_INT, to, 5, MPI_COMM_WORLD, &sent[count++]));
        MPI(MPI_Isend(out, LONG, MPI_CHAR, to, 6, MPI_COMM_WORLD, &sent[count++]));
    }
    int seen[64] = { 0 };
    for (int i = 0; i < 2 * (ranks - 1); i++) {
        MPI_Status status;
        int n;
        MPI(MPI_Recv(in, LONG, MPI_CHAR, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &status));
        int from = status.MPI_SOURCE;
        MPI(MPI_Get_count(&status, MPI_CHAR, &n));
        EQ(status.MPI_TAG, 5 + seen[from]++); /* the short one was sent first */
        if (status.MPI_TAG == 5) {
            EQ(n, sizeof(int));
            continue;
        }
        long_ones++;
        EQ(n, LONG);
        for (int at = 0; at < LONG; at += 4093)
            EQ(in[at], from + 1);
    }
    EQ(long_ones, ranks - 1);
    MPI(MPI_Waitall(count, sent, MPI_STATUSES_IGNORE));
    free(out);
    free(in);
    free(sent);
}

static void topologies(void)
{
    MPI_Comm ring, machines;
    int dims = ranks, periodic = 1, up, down, got;
    MPI(MPI_Cart_create(MPI_COMM_WORLD, 1, &dims, &periodic, 1, &ring));
    MPI(MPI_Cart_shift(ring, 0, 1, &down, &up));
    MPI(MPI_Sendrecv(&rank, 1, MPI_INT, up, 0, &got, 1, MPI_INT, down, 0, ring,
                     MPI_STATUS_IGNORE));
    EQ(got, (rank + ranks - 1) % ranks);
    MPI(MPI_Comm_free(&ring));
    MPI_Info info;
    MPI(MPI_Info_create(&info));
    MPI(MPI_Info_set(info, "mpi_hw_resource_type", "mpi_shared_memory"));
    MPI(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_HW_GUIDED, 0, info, &machines));
    MPI(MPI_Comm_size(machines, &got));
    CHECK(got < ranks, "%d", got);
    MPI(MPI_Comm_free(&machines));
    MPI(MPI_Info_free(&info));
}

int main(int argc, char **argv)
{
    MPI(MPI_Init(&argc, &argv));
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (argc > 1 && strcmp(argv[1], "abort") == 0) {
        if (rank == ranks - 1)
            MPI_Abort(MPI_COMM_WORLD, 9);
        MPI_Barrier(MPI_COMM_WORLD);
    }
    MPI_Comm host = within_host();
    everybody();
    topologies();
    windows(host);
    files(host);
    MPI(MPI_Comm_free(&host));
    PASSED();
}
