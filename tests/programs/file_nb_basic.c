/* Nonblocking accesses, of one process and collective (MPI 5.0, sections 14.4.2 to 14.4.4):
   what they move and count, that they overlap with the program, that pointers move at once,
   and what is wrong. */
#include "file.h"
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

static char *path;

static MPI_File opened(int amode)
{
    MPI_File file;
    MPI(MPI_File_open(MPI_COMM_WORLD, path, amode, MPI_INFO_NULL, &file));
    return file;
}

static void removed(MPI_File *file)
{
    MPI(MPI_File_close(file));
    if (rank == 0)
        MPI(MPI_File_delete(path, MPI_INFO_NULL));
    all_here();
}

/* Many at once, completed in another order. */
static void many(void)
{
    enum { N = 100, LEN = 1000 };
    static unsigned char out[N][LEN], in[N][LEN];
    MPI_Request requests[N];
    MPI_Status statuses[N];
    MPI_File file = opened(MPI_MODE_CREATE | MPI_MODE_RDWR);
    MPI_Offset base = (MPI_Offset)rank * N * LEN;
    for (int i = 0; i < N; i++) {
        fill(out[i], LEN, (unsigned)(rank * N + i));
        MPI(MPI_File_iwrite_at(file, base + i * LEN, out[i], LEN, MPI_BYTE, &requests[i]));
    }
    MPI(MPI_Waitall(N, requests, statuses));
    for (int i = 0; i < N; i++)
        EQ(count_of(&statuses[i], MPI_BYTE), LEN);
    for (int i = 0; i < N; i++)
        MPI(MPI_File_iread_at(file, base + i * LEN, in[i], LEN, MPI_BYTE, &requests[i]));
    for (int left = N; left > 0; left--) {
        int one;
        MPI_Status status;
        MPI(MPI_Waitany(N, requests, &one, &status));
        EQ(count_of(&status, MPI_BYTE), LEN);
        FILLED(in[one], LEN, (unsigned)(rank * N + one));
    }
    removed(&file);
}

/* The individual pointer moves when the access starts; the end of the file is counted. */
static void pointers(void)
{
    int out[100], in[200];
    MPI_File file = opened(MPI_MODE_CREATE | MPI_MODE_RDWR);
    MPI_Request requests[2];
    MPI_Status status;
    for (int i = 0; i < 100; i++)
        out[i] = rank * 100 + i;
    MPI(MPI_File_set_view(file, 400 * rank, MPI_INT, MPI_INT, "native", MPI_INFO_NULL));
    MPI(MPI_File_iwrite(file, out, 50, MPI_INT, &requests[0]));
    EQ(position(file), 50);
    MPI(MPI_File_iwrite(file, out + 50, 50, MPI_INT, &requests[1]));
    EQ(position(file), 100);
    MPI(MPI_Waitall(2, requests, MPI_STATUSES_IGNORE));
    all_here();
    MPI(MPI_File_seek(file, 0, MPI_SEEK_SET));
    memset(in, 7, sizeof in);
    MPI(MPI_File_iread(file, in, 200, MPI_INT, &requests[0]));
    MPI(MPI_Wait(&requests[0], &status));
    CHECK(requests[0] == MPI_REQUEST_NULL, "the handle");
    int there = 100 * (ranks - rank) < 200 ? 100 * (ranks - rank) : 200;
    EQ(count_of(&status, MPI_INT), there);
    for (int i = 0; i < there; i++)
        EQ(in[i], rank * 100 + i);
    /* behind the end, all forms */
    MPI(MPI_File_iread_at(file, 100000, in, 10, MPI_INT, &requests[0]));
    MPI(MPI_Wait(&requests[0], &status));
    EQ(count_of(&status, MPI_INT), 0);
    MPI(MPI_File_iread_at_all(file, 100000, in, 10, MPI_INT, &requests[0]));
    MPI(MPI_Wait(&requests[0], &status));
    EQ(count_of(&status, MPI_INT), 0);
    MPI(MPI_File_seek(file, 100 * (ranks - rank) - 3, MPI_SEEK_SET));
    MPI(MPI_File_iread_all(file, in, 10, MPI_INT, &requests[0]));
    int flag = 0;
    MPI(MPI_Request_get_status(requests[0], &flag, &status));
    while (!flag)
        MPI(MPI_Test(&requests[0], &flag, &status));
    EQ(count_of(&status, MPI_INT), 3);
    if (requests[0] != MPI_REQUEST_NULL)
        MPI(MPI_Wait(&requests[0], &status));
    removed(&file);
}

/* Collective forms wait for nobody: each completes before the next rank starts. */
static void collective_ones_wait_for_nobody(void)
{
    unsigned char out[5000], in[5000];
    MPI_File file = opened(MPI_MODE_CREATE | MPI_MODE_RDWR);
    MPI_Request request;
    MPI_Status status;
    fill(out, sizeof out, (unsigned)rank);
    for (int turn = 0; turn < ranks; turn++) {
        if (turn == rank) {
            MPI(MPI_File_iwrite_at_all(file, 5000 * rank, out, 5000, MPI_BYTE, &request));
            MPI(MPI_Wait(&request, &status));
            EQ(count_of(&status, MPI_BYTE), 5000);
        }
        all_here();
    }
    MPI(MPI_File_seek(file, 5000 * rank, MPI_SEEK_SET));
    for (int turn = 0; turn < ranks; turn++) {
        if (turn == rank) {
            MPI(MPI_File_iread_all(file, in, 5000, MPI_BYTE, &request));
            EQ(position(file), 5000 * (rank + 1));
            MPI(MPI_Wait(&request, &status));
            EQ(count_of(&status, MPI_BYTE), 5000);
            FILLED(in, 5000, (unsigned)rank);
        }
        all_here();
    }
    MPI(MPI_File_seek(file, 5000 * rank, MPI_SEEK_SET));
    MPI(MPI_File_iwrite_all(file, in, 5000, MPI_BYTE, &request));
    MPI(MPI_Wait(&request, &status));
    EQ(count_of(&status, MPI_BYTE), 5000);
    removed(&file);
}

/* Large ones, with scattered memory and a view with holes, next to messages. */
static void large(void)
{
    enum { N = 1 << 20 };
    int *out = malloc(2 * N * sizeof *out), *in = calloc(2 * N, sizeof *in);
    MPI_Datatype memory, block, view;
    MPI(MPI_Type_vector(N, 1, 2, MPI_INT, &memory));
    MPI(MPI_Type_commit(&memory));
    MPI(MPI_Type_contiguous(5, MPI_INT, &block));
    MPI(MPI_Type_create_resized(block, 0, 20 * ranks, &view));
    MPI(MPI_Type_commit(&view));
    for (int i = 0; i < N; i++)
        out[2 * i] = rank + i;
    MPI_File file = opened(MPI_MODE_CREATE | MPI_MODE_RDWR);
    MPI_Request requests[3];
    MPI_Status statuses[3];
    int token = rank, got = -1;
    MPI(MPI_File_set_view(file, 20 * rank, MPI_INT, view, "native", MPI_INFO_NULL));
    MPI(MPI_File_iwrite_at(file, 0, out, 1, memory, &requests[0]));
    MPI(MPI_Irecv(&got, 1, MPI_INT, (rank + 1) % ranks, 3, MPI_COMM_WORLD, &requests[1]));
    MPI(MPI_Isend(&token, 1, MPI_INT, (rank + ranks - 1) % ranks, 3, MPI_COMM_WORLD,
                  &requests[2]));
    MPI(MPI_Waitall(3, requests, statuses));
    EQ(got, (rank + 1) % ranks);
    EQ(count_of(&statuses[0], MPI_INT), N);
    EQ(count_of(&statuses[0], memory), 1);
    all_here();
    MPI(MPI_File_iread_at(file, 0, in, 1, memory, &requests[0]));
    MPI(MPI_Wait(&requests[0], &statuses[0]));
    for (int i = 0; i < N; i++)
        if (in[2 * i] != rank + i || in[2 * i + 1])
            EQ(in[2 * i], rank + i);
    /* freed while under way: it goes on, and close waits for it */
    for (int i = 0; i < N; i++)
        out[2 * i] = -i;
    MPI(MPI_File_iwrite_at(file, 0, out, 1, memory, &requests[0]));
    MPI(MPI_Request_free(&requests[0]));
    MPI(MPI_File_close(&file));
    file = opened(MPI_MODE_RDONLY);
    MPI(MPI_File_set_view(file, 20 * rank, MPI_INT, view, "native", MPI_INFO_NULL));
    MPI(MPI_File_read_at(file, 0, in, 1, memory, &statuses[0]));
    for (int i = 0; i < N; i++)
        if (in[2 * i] != -i)
            EQ(in[2 * i], -i);
    removed(&file);
    MPI(MPI_Type_free(&memory));
    MPI(MPI_Type_free(&block));
    MPI(MPI_Type_free(&view));
    free(out);
    free(in);
}

static volatile sig_atomic_t signals;
static pthread_t program;

static void signalled(int number)
{
    (void)number;
    if (pthread_equal(program, pthread_self()))
        signals++;
    else
        _exit(98);
}

/* The program's handlers run in its own threads. */
static void signals_are_the_programs(void)
{
    enum { N = 200 };
    static char bytes[N][4096];
    MPI_Request requests[N];
    MPI_File file = opened(MPI_MODE_CREATE | MPI_MODE_RDWR);
    program = pthread_self();
    signal(SIGUSR1, signalled);
    for (int i = 0; i < N; i++) {
        MPI(MPI_File_iwrite_at(file, 4096 * i, bytes[i], 4096, MPI_BYTE, &requests[i]));
        kill(getpid(), SIGUSR1);
    }
    MPI(MPI_Waitall(N, requests, MPI_STATUSES_IGNORE));
    CHECK(signals > 0, "no signal came");
    signal(SIGUSR1, SIG_DFL);
    removed(&file);
}

static void what_is_wrong(void)
{
    int some[4] = {0};
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_File file = opened(MPI_MODE_CREATE | MPI_MODE_WRONLY);
    FAILS(MPI_File_iread_at(file, 0, some, 4, MPI_INT, &request), MPI_ERR_ACCESS);
    FAILS(MPI_File_iread_all(file, some, 4, MPI_INT, &request), MPI_ERR_ACCESS);
    FAILS(MPI_File_iwrite_at(file, -1, some, 4, MPI_INT, &request), MPI_ERR_ARG);
    FAILS(MPI_File_iwrite_at(file, 0, some, -4, MPI_INT, &request), MPI_ERR_COUNT);
    FAILS(MPI_File_iwrite(file, some, 4, MPI_DATATYPE_NULL, &request), MPI_ERR_TYPE);
    FAILS(MPI_File_iwrite(file, some, 4, MPI_INT, NULL), MPI_ERR_ARG);
    FAILS(MPI_File_iwrite_at_all(file, -1, some, 4, MPI_INT, &request), MPI_ERR_ARG);
    FAILS(MPI_File_iwrite_shared(file, some, -1, MPI_INT, &request), MPI_ERR_COUNT);
    FAILS(MPI_File_iread(MPI_FILE_NULL, some, 4, MPI_INT, &request), MPI_ERR_FILE);
    EQ(position(file), 0);
    MPI(MPI_File_iwrite_at(file, 0, some, 4, MPI_INT, &request));
    int code = MPI_Cancel(&request);
    CHECK(code == MPI_SUCCESS || code == MPI_ERR_REQUEST, "cancel gave %d", code);
    MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    removed(&file);
}

static int handled;

static void handler(MPI_File *file, int *code, ...)
{
    (void)file;
    int class_of;
    MPI_Error_class(*code, &class_of);
    CHECK(class_of == MPI_ERR_IO || class_of == MPI_ERR_IN_STATUS, "class %d", class_of);
    handled++;
}

/* What the kernel refuses is told when the request completes, by the file's handler. */
static void errors_are_the_files(void)
{
    int some[4] = {0};
    MPI_Request request;
    MPI_Status status;
    MPI_Errhandler errhandler;
    MPI_File file = opened(MPI_MODE_CREATE | MPI_MODE_RDWR);
    MPI(MPI_File_create_errhandler(handler, &errhandler));
    MPI(MPI_File_set_errhandler(file, errhandler));
    /* behind the limit of file sizes; the signal that tells of it does not come */
    struct rlimit before, limit = {100000, 100000};
    MPI_Offset most = 200000;
    getrlimit(RLIMIT_FSIZE, &before);
    limit.rlim_max = before.rlim_max;
    EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    FAILS(MPI_File_write_at(file, 99990, some, 4, MPI_INT, &status), MPI_ERR_IO);
    EQ(count_of(&status, MPI_BYTE), 10);
    handled = 0;
    MPI(MPI_File_iwrite_at(file, most, some, 4, MPI_INT, &request));
    FAILS(MPI_Wait(&request, &status), MPI_ERR_IO);
    EQ(handled, 1);
    MPI_Request two[2];
    MPI(MPI_File_iwrite_at(file, 0, some, 4, MPI_INT, &two[0]));
    MPI(MPI_File_iwrite_at(file, most, some, 4, MPI_INT, &two[1]));
    MPI_Status statuses[2];
    FAILS(MPI_Waitall(2, two, statuses), MPI_ERR_IN_STATUS);
    EQ(statuses[0].MPI_ERROR, MPI_SUCCESS);
    CHECK(statuses[1].MPI_ERROR != MPI_SUCCESS, "no error");
    EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    MPI(MPI_Errhandler_free(&errhandler));
    removed(&file);
}

int main(int argc, char **argv)
{
    START_FILES(argc, argv);
    path = in_folder("nonblocking");
    many();
    pointers();
    collective_ones_wait_for_nobody();
    large();
    signals_are_the_programs();
    what_is_wrong();
    errors_are_the_files();
    PASSED();
}
