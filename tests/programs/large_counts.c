/* One message, one collective, one window access or one file access of more than 2^31
   elements and more than 4 GiB. Two ranks; takes up to 10 GiB of memory, and for a file
   4 GiB of room in the folder.
   usage: large_counts message|strided|collective|gather|reduction|window|"own window"|file [FOLDER] */
#define _GNU_SOURCE
#include "check.h"
#include <sys/mman.h>
#include <unistd.h>

/* Beyond 2^32, and no multiple of anything. */
static const MPI_Count LEN = ((MPI_Count)1 << 32) + 12345;

/* Memory of which only what is written takes pages. */
static unsigned char *sparse(void)
{
    void *at = mmap(NULL, (size_t)LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(at != MAP_FAILED, "no room for %lld bytes", (long long)LEN);
    return at;
}

/* Where marks are: both ends, around 2^31 and 2^32, and here and there. */
enum { MARKS = 80 };

static MPI_Count place(int i)
{
    static const MPI_Count edges[] = {0, 1, ((MPI_Count)1 << 31) - 1, (MPI_Count)1 << 31, ((MPI_Count)1 << 31) + 1,
                                      ((MPI_Count)1 << 32) - 1, (MPI_Count)1 << 32, ((MPI_Count)1 << 32) + 1};
    int known = sizeof edges / sizeof *edges;
    if (i < known)
        return edges[i];
    if (i == known)
        return LEN - 1;
    return (MPI_Count)(i - known) * (LEN / MARKS) + 4711 + i;
}

static unsigned char mark(int i, int seed)
{
    return (unsigned char)(i * 7 + seed + 1);
}

static void put_marks(unsigned char *memory, int seed)
{
    for (int i = 0; i < MARKS; i++)
        memory[place(i)] = mark(i, seed);
}

/* The marks are there, and between them there is nothing. */
static void check_marks(const unsigned char *memory, int seed)
{
    for (int i = 0; i < MARKS; i++)
        CHECK(memory[place(i)] == mark(i, seed), "byte %lld is %d", (long long)place(i), memory[place(i)]);
    for (int i = 12; i < MARKS; i++)
        ALL(memory + place(i) + 1, 1000, 0);
}

static void message(void)
{
    unsigned char *memory = sparse();
    MPI_Status status;
    MPI_Count count = -1;
    int small = 0;
    if (rank == 0) {
        put_marks(memory, 1);
        MPI(MPI_Send_c(memory, LEN, MPI_BYTE, 1, 3, MPI_COMM_WORLD));
    } else {
        MPI(MPI_Recv_c(memory, LEN, MPI_BYTE, 0, 3, MPI_COMM_WORLD, &status));
        MPI(MPI_Get_count_c(&status, MPI_BYTE, &count));
        EQ(count, LEN);
        MPI(MPI_Get_count(&status, MPI_BYTE, &small));
        EQ(small, MPI_UNDEFINED);
        MPI(MPI_Get_elements_c(&status, MPI_BYTE, &count));
        EQ(count, LEN);
        check_marks(memory, 1);
    }
    munmap(memory, (size_t)LEN);
}

/* More than 2^31 blocks of one byte at the sender, one run of bytes at the receiver. */
static void strided(void)
{
    const MPI_Count blocks = ((MPI_Count)1 << 31) + 4711, len = 2 * blocks;
    const MPI_Count places[] = {0, 1, blocks / 2, ((MPI_Count)1 << 31) - 1, (MPI_Count)1 << 31, blocks - 1};
    enum { PLACED = sizeof places / sizeof *places };
    MPI_Datatype every_other;
    MPI_Count size = -1, count = -1;
    MPI_Status status;
    unsigned char *memory = sparse();
    MPI(MPI_Type_vector_c(blocks, 1, 2, MPI_BYTE, &every_other));
    MPI(MPI_Type_commit(&every_other));
    MPI(MPI_Type_size_c(every_other, &size));
    EQ(size, blocks);
    CHECK(len <= LEN, "%lld bytes", (long long)len);
    if (rank == 0) {
        for (int i = 0; i < PLACED; i++) {
            memory[2 * places[i]] = (unsigned char)(i + 1);
            if (2 * places[i] + 1 < len - 1)
                memory[2 * places[i] + 1] = 99; /* belongs to no block */
        }
        MPI(MPI_Send_c(memory, 1, every_other, 1, 4, MPI_COMM_WORLD));
    } else {
        MPI(MPI_Recv_c(memory, LEN, MPI_BYTE, 0, 4, MPI_COMM_WORLD, &status));
        MPI(MPI_Get_count_c(&status, MPI_BYTE, &count));
        EQ(count, blocks);
        MPI(MPI_Get_count_c(&status, every_other, &count));
        EQ(count, 1);
        MPI(MPI_Get_elements_c(&status, every_other, &count));
        EQ(count, blocks);
        for (int i = 0; i < PLACED; i++)
            EQ(memory[places[i]], i + 1);
        ALL(memory + 2, 100000, 0);
        ALL(memory + places[2] + 1, 100000, 0);
        ALL(memory + blocks, 100000, 0);
    }
    MPI(MPI_Type_free(&every_other));
    munmap(memory, (size_t)LEN);
}

/* Parts that lie behind 4 GiB, one of them of more than 2^31 elements. */
static void gather(void)
{
    const MPI_Count much = ((MPI_Count)1 << 31) + 4711, counts[] = {1000, much};
    const MPI_Aint places[] = {LEN - 1000, 10};
    unsigned char *memory = sparse(), *mine = sparse();
    mine[0] = (unsigned char)(rank + 1);
    mine[counts[rank] - 1] = (unsigned char)(rank + 11);
    mine[counts[rank]] = 99;
    MPI(MPI_Gatherv_c(mine, counts[rank], MPI_BYTE, memory, counts, places, MPI_BYTE, 0, MPI_COMM_WORLD));
    if (rank == 0)
        for (int r = 0; r < 2; r++) {
            EQ(memory[places[r]], r + 1);
            EQ(memory[places[r] + counts[r] - 1], r + 11);
            ALL(memory + places[r] + 1, 998, 0);
        }
    if (rank == 0) {
        EQ(memory[9], 0);
        ALL(memory + 10 + much, 100000, 0);
    }
    munmap(memory, (size_t)LEN);
    munmap(mine, (size_t)LEN);
}

/* In place, and to one root. */
static void reduction(void)
{
    const MPI_Count much = ((MPI_Count)1 << 31) + 4711;
    const MPI_Count places[] = {0, 1 << 20, ((MPI_Count)1 << 31) - 1, (MPI_Count)1 << 31, much - 1};
    enum { PLACED = sizeof places / sizeof *places };
    unsigned char *memory = sparse();
    for (int i = 0; i < PLACED; i++)
        memory[places[i]] = (unsigned char)(10 * i + rank + 1);
    MPI(MPI_Allreduce_c(MPI_IN_PLACE, memory, much, MPI_UNSIGNED_CHAR, MPI_SUM, MPI_COMM_WORLD));
    for (int i = 0; i < PLACED; i++)
        EQ(memory[places[i]], 20 * i + 3);
    MPI(MPI_Reduce_c(rank ? memory : MPI_IN_PLACE, rank ? NULL : memory, much, MPI_BYTE, MPI_BXOR, 0,
                     MPI_COMM_WORLD));
    for (int i = 0; i < PLACED; i++)
        EQ(memory[places[i]], rank ? 20 * i + 3 : 0);
    ALL(memory + 1, (1 << 20) - 1, 0);
    ALL(memory + much, 100000, 0);
    munmap(memory, (size_t)LEN);
}

static void collective(void)
{
    unsigned char *memory = sparse();
    if (rank == 0)
        put_marks(memory, 2);
    MPI(MPI_Bcast_c(memory, LEN, MPI_BYTE, 0, MPI_COMM_WORLD));
    check_marks(memory, 2);
    munmap(memory, (size_t)LEN);
}

/* A window over memory of MPI's (which all map), or over the program's, which goes by the arm. */
static void window(int of_program)
{
    unsigned char *memory = NULL, *mine = NULL;
    MPI_Win win;
    MPI_Count len = rank == 1 ? LEN : 0;
    if (of_program) {
        memory = rank == 1 ? sparse() : NULL;
        MPI(MPI_Win_create_c(memory, len, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win));
    } else
        MPI(MPI_Win_allocate_c(len, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &memory, &win));
    MPI(MPI_Win_fence(0, win));
    if (rank == 0) {
        mine = sparse();
        put_marks(mine, 3);
        MPI(MPI_Put_c(mine, LEN, MPI_BYTE, 1, 0, LEN, MPI_BYTE, win));
    }
    MPI(MPI_Win_fence(0, win));
    if (rank == 1) {
        check_marks(memory, 3);
        memory[LEN - 2] = 99;
    } else
        munmap(mine, (size_t)LEN);
    MPI(MPI_Win_fence(0, win));
    if (rank == 0) { /* a little, beyond 4 GiB */
        unsigned char two[2] = {0, 0}, one = 1, before = 0;
        MPI(MPI_Get(two, 2, MPI_BYTE, 1, LEN - 2, 2, MPI_BYTE, win));
        MPI(MPI_Fetch_and_op(&one, &before, MPI_UNSIGNED_CHAR, 1, LEN - 3, MPI_SUM, win));
        MPI(MPI_Win_fence(0, win));
        EQ(two[0], 99);
        EQ(two[1], mark(8, 3));
        EQ(before, 0);
        mine = sparse();
        MPI(MPI_Get_c(mine, LEN, MPI_BYTE, 1, 0, LEN, MPI_BYTE, win));
    } else
        MPI(MPI_Win_fence(0, win));
    MPI(MPI_Win_fence(0, win));
    if (rank == 0) {
        check_marks(mine, 3);
        EQ(mine[LEN - 2], 99);
        EQ(mine[LEN - 3], 1);
        munmap(mine, (size_t)LEN);
    }
    MPI(MPI_Win_free(&win));
    if (of_program && rank == 1)
        munmap(memory, (size_t)LEN);
}

static void file(const char *folder)
{
    char name[4096];
    MPI_File file;
    MPI_Status status;
    MPI_Offset size = -1;
    MPI_Count count = -1;
    unsigned char *memory = sparse();
    snprintf(name, sizeof name, "%s/large_counts.%ld", folder, (long)getppid());
    MPI(MPI_File_open(MPI_COMM_WORLD, name, MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE, MPI_INFO_NULL,
                      &file));
    if (rank == 0) {
        put_marks(memory, 4);
        MPI(MPI_File_write_at_c(file, 0, memory, LEN, MPI_BYTE, &status));
        MPI(MPI_Get_count_c(&status, MPI_BYTE, &count));
        EQ(count, LEN);
    }
    MPI(MPI_File_sync(file));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    MPI(MPI_File_sync(file));
    MPI(MPI_File_get_size(file, &size));
    EQ(size, LEN);
    if (rank == 1) {
        MPI(MPI_File_read_at_c(file, 0, memory, LEN, MPI_BYTE, &status));
        MPI(MPI_Get_count_c(&status, MPI_BYTE, &count));
        EQ(count, LEN);
        check_marks(memory, 4);
        unsigned char one = 0;
        MPI(MPI_File_read_at(file, LEN - 1, &one, 1, MPI_BYTE, &status));
        EQ(one, mark(8, 4));
    }
    MPI(MPI_File_close(&file));
    munmap(memory, (size_t)LEN);
}

int main(int argc, char **argv)
{
    START();
    EQ(ranks, 2);
    const char *what = argc > 1 ? argv[1] : "message";
    if (strcmp(what, "message") == 0)
        message();
    else if (strcmp(what, "collective") == 0)
        collective();
    else if (strcmp(what, "strided") == 0)
        strided();
    else if (strcmp(what, "gather") == 0)
        gather();
    else if (strcmp(what, "reduction") == 0)
        reduction();
    else if (strcmp(what, "window") == 0)
        window(0);
    else if (strcmp(what, "own window") == 0)
        window(1);
    else if (strcmp(what, "file") == 0)
        file(argc > 2 ? argv[2] : "/tmp");
    else
        CHECK(0, "no such access: %s", what);
    PASSED();
}
