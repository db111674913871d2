/* Windows of shared memory (MPI 5.0, 12.2.2, 12.2.3, 12.2.5 to 12.2.7): where
   parts lie, what is told of them, and that their memory is given back. */
#include "check.h"
#include <stdio.h>

/* Bytes that a rank gives: none at some. */
static MPI_Aint size_of(int r)
{
    return r % 3 == 1 ? 0 : 1000 + 7777 * r;
}

static MPI_Info hints(const char *key, const char *value)
{
    MPI_Info info;
    MPI(MPI_Info_create(&info));
    if (key)
        MPI(MPI_Info_set(info, key, value));
    return info;
}

/* Every part is reached from everywhere, and holds what its owner wrote. */
static void reached(MPI_Win win, MPI_Comm comm)
{
    int me, n;
    MPI_Comm_rank(comm, &me);
    MPI_Comm_size(comm, &n);
    unsigned char *base;
    MPI_Aint size;
    int unit;
    MPI(MPI_Win_shared_query(win, me, &size, &unit, &base));
    EQ(size, size_of(me));
    EQ(unit, me + 1);
    fill(base, size, me + 1);
    MPI(MPI_Win_fence(0, win));
    for (int r = 0; r < n; r++) {
        MPI(MPI_Win_shared_query(win, r, &size, &unit, &base));
        EQ(size, size_of(r));
        EQ(unit, r + 1);
        FILLED(base, size, r + 1);
    }
    MPI(MPI_Win_fence(0, win));
    /* and what another wrote: the next rank's part */
    int next = (me + 1) % n;
    MPI(MPI_Win_shared_query(win, next, &size, &unit, &base));
    fill(base, size, 100 + next);
    MPI(MPI_Win_fence(0, win));
    MPI(MPI_Win_shared_query(win, me, &size, &unit, &base));
    FILLED(base, size, 100 + me);
    MPI(MPI_Win_fence(MPI_MODE_NOSUCCEED, win));
}

static void made(MPI_Comm comm, int apart)
{
    int me, n, unit;
    MPI_Comm_rank(comm, &me);
    MPI_Comm_size(comm, &n);
    MPI_Info info = hints("alloc_shared_noncontig", apart ? "true" : "false");
    MPI_Win win;
    char *base = NULL, *at;
    MPI_Aint size;
    MPI(MPI_Win_allocate_shared(size_of(me), me + 1, info, comm, &base, &win));
    MPI(MPI_Info_free(&info));
    MPI(MPI_Win_shared_query(win, me, &size, &unit, &at));
    CHECK(at == base, "%p and %p", (void *)at, (void *)base);
    char *expected = NULL;
    for (int r = 0; r < n; r++) {
        MPI(MPI_Win_shared_query(win, r, &size, &unit, &at));
        if (!apart && r > 0)
            CHECK(at == expected, "rank %d is at %p, wanted %p", r, (void *)at, (void *)expected);
        expected = at + size;
    }
    /* MPI_PROC_NULL: the first that has any. */
    char *first;
    MPI(MPI_Win_shared_query(win, 0, &size, &unit, &first));
    MPI(MPI_Win_shared_query(win, MPI_PROC_NULL, &size, &unit, &at));
    CHECK(at == first, "%p and %p", (void *)at, (void *)first);
    EQ(size, size_of(0));
    EQ(unit, 1);
    MPI_Count large;
    MPI_Aint wide;
    MPI(MPI_Win_shared_query_c(win, n - 1, &wide, &large, &at));
    EQ(wide, size_of(n - 1));
    EQ(large, n);
    reached(win, comm);
    MPI(MPI_Win_free(&win));
    CHECK(win == MPI_WIN_NULL, "freed");
}

static void only_one_has_memory(void)
{
    MPI_Win win;
    double *mine, *at;
    MPI_Aint size;
    int unit;
    int last = ranks - 1;
    MPI(MPI_Win_allocate_shared(rank == last ? 80 : 0, sizeof(double), MPI_INFO_NULL,
                                MPI_COMM_WORLD, &mine, &win));
    MPI(MPI_Win_shared_query(win, MPI_PROC_NULL, &size, &unit, &at));
    EQ(size, 80);
    EQ(unit, sizeof(double));
    if (rank == last)
        CHECK(at == mine, "the same memory");
    MPI(MPI_Win_fence(0, win));
    if (rank == 0)
        at[9] = 2.5;
    MPI(MPI_Win_fence(0, win));
    CHECK(at[9] == 2.5, "%g", at[9]);
    MPI(MPI_Win_free(&win));

    MPI(MPI_Win_allocate_shared(0, 4, MPI_INFO_NULL, MPI_COMM_WORLD, &mine, &win));
    MPI(MPI_Win_shared_query(win, MPI_PROC_NULL, &size, &unit, &at));
    EQ(size, 0);
    EQ(unit, 4);
    MPI(MPI_Win_fence(0, win));
    MPI(MPI_Win_free(&win));
}

static void aligned(void)
{
    for (size_t align = 1; align <= 1 << 21; align *= 128) {
        for (int apart = 0; apart < 2; apart++) {
            char text[32], *base;
            snprintf(text, sizeof text, "%zu", align);
            MPI_Info info = hints("mpi_minimum_memory_alignment", text);
            MPI(MPI_Info_set(info, "alloc_shared_noncontig", apart ? "true" : "false"));
            MPI_Win win;
            MPI(MPI_Win_allocate_shared(4096, 1, info, MPI_COMM_WORLD, &base, &win));
            if (apart || rank == 0)
                EQ((uintptr_t)base % (align > 64 ? align : 64), 0);
            memset(base, rank, 4096);
            MPI(MPI_Win_free(&win));
            MPI(MPI_Info_free(&info));
        }
    }
}

static int attribute(MPI_Win win, int key, void *value)
{
    int flag = -1;
    MPI(MPI_Win_get_attr(win, key, value, &flag));
    return flag;
}

static int deleted;
static int forget(MPI_Win win, int key, void *value, void *extra)
{
    (void)win, (void)key;
    CHECK(value == &deleted && extra == &rank, "the program's own pointers");
    deleted++;
    return MPI_SUCCESS;
}

static int called, code_seen;
static void note(MPI_Win *win, int *code, ...)
{
    (void)win;
    called++;
    code_seen = *code;
}

static void told(void)
{
    MPI_Win win;
    void *base, *value;
    int *number, key, len, flag;
    MPI_Aint *size;
    char name[MPI_MAX_OBJECT_NAME];
    MPI(MPI_Win_allocate_shared(128 * (rank + 1), 16, MPI_INFO_NULL, MPI_COMM_WORLD, &base, &win));
    CHECK(attribute(win, MPI_WIN_BASE, &value) && value == base, "%p", value);
    CHECK(attribute(win, MPI_WIN_SIZE, &size), "there");
    EQ(*size, 128 * (rank + 1));
    CHECK(attribute(win, MPI_WIN_DISP_UNIT, &number), "there");
    EQ(*number, 16);
    CHECK(attribute(win, MPI_WIN_CREATE_FLAVOR, &number), "there");
    EQ(*number, MPI_WIN_FLAVOR_SHARED);
    CHECK(attribute(win, MPI_WIN_MODEL, &number), "there");
    EQ(*number, MPI_WIN_UNIFIED);
    MPI(MPI_Win_create_keyval(MPI_WIN_NULL_COPY_FN, forget, &key, &rank));
    CHECK(!attribute(win, key, &value), "not set yet");
    MPI(MPI_Win_set_attr(win, key, &deleted));
    CHECK(attribute(win, key, &value) && value == &deleted, "there");
    MPI(MPI_Win_delete_attr(win, key));
    EQ(deleted, 1);
    MPI(MPI_Win_set_attr(win, key, &deleted));
    MPI(MPI_Win_free_keyval(&key));

    MPI(MPI_Win_get_name(win, name, &len));
    EQ(len, 0);
    MPI(MPI_Win_set_name(win, "the table"));
    MPI(MPI_Win_get_name(win, name, &len));
    CHECK(!strcmp(name, "the table") && len == 9, "%s", name);
    MPI(MPI_Win_get_name(MPI_WIN_NULL, name, &len));
    CHECK(!strcmp(name, "MPI_WIN_NULL"), "%s", name);

    MPI_Group group, world;
    int result;
    MPI(MPI_Win_get_group(win, &group));
    MPI(MPI_Comm_group(MPI_COMM_WORLD, &world));
    MPI(MPI_Group_compare(group, world, &result));
    EQ(result, MPI_IDENT);
    MPI(MPI_Group_free(&group));
    MPI(MPI_Group_free(&world));

    CHECK(MPI_Win_fromint(MPI_Win_toint(win)) == win, "handles as integers");
    CHECK(MPI_Win_fromint(MPI_Win_toint(MPI_WIN_NULL)) == MPI_WIN_NULL, "null");

    MPI_Errhandler handler, got;
    MPI(MPI_Win_get_errhandler(win, &got));
    CHECK(got == MPI_ERRORS_ARE_FATAL, "at first");
    MPI(MPI_Win_create_errhandler(note, &handler));
    MPI(MPI_Win_set_errhandler(win, handler));
    MPI(MPI_Win_get_errhandler(win, &got));
    CHECK(got == handler, "the same");
    MPI(MPI_Errhandler_free(&got));
    MPI(MPI_Errhandler_free(&handler));
    FAILS(MPI_Win_unlock(0, win), MPI_ERR_RMA_SYNC);
    EQ(called, 1);
    EQ(code_seen, MPI_ERR_RMA_SYNC);
    MPI(MPI_Win_call_errhandler(win, MPI_ERR_OTHER));
    EQ(called, 2);

    MPI_Info info = hints("no_locks", "true"), used;
    char text[64];
    MPI(MPI_Info_set(info, "alloc_shared_noncontig", "true")); /* too late */
    MPI(MPI_Info_set(info, "accumulate_ordering", "none"));
    MPI(MPI_Info_set(info, "colour", "blue"));
    MPI(MPI_Win_set_info(win, info));
    MPI(MPI_Info_free(&info));
    MPI(MPI_Win_get_info(win, &used));
    const char *wanted[][2] = {{"no_locks", "true"},
                               {"alloc_shared_noncontig", "false"},
                               {"accumulate_ordering", "none"},
                               {"accumulate_ops", "same_op_no_op"},
                               {"same_size", "false"},
                               {"same_disp_unit", "false"}};
    for (int i = 0; i < 6; i++) {
        MPI(MPI_Info_get(used, wanted[i][0], 63, text, &flag));
        CHECK(flag && !strcmp(text, wanted[i][1]), "%s is %s", wanted[i][0], text);
    }
    MPI(MPI_Info_get(used, "colour", 63, text, &flag));
    EQ(flag, 0);
    MPI(MPI_Info_free(&used));
    FAILS(MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, win), MPI_ERR_RMA_SYNC);
    EQ(called, 3);
    MPI(MPI_Win_free(&win));
    EQ(deleted, 2);
}

static long status_kb(const char *what)
{
    char line[256];
    long value = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, what, strlen(what)))
            value = atol(line + strlen(what) + 1);
    if (file)
        fclose(file);
    return value;
}

static int mappings(void)
{
    int c, lines = 0;
    FILE *file = fopen("/proc/self/maps", "r");
    while (file && (c = getc(file)) != EOF)
        lines += c == '\n';
    if (file)
        fclose(file);
    return lines;
}

/* Many windows, one after the other and some at a time: memory, mappings and
   address space are used again. */
static void again_and_again(int rounds)
{
    long resident = 0, space = 0, before = 0;
    enum { EACH = 1 << 20, SOME = 4 };
    for (int round = 0; round < rounds; round++) {
        MPI_Win win[SOME];
        char *base;
        for (int i = 0; i < SOME; i++) {
            MPI_Info info = hints("alloc_shared_noncontig", i % 2 ? "true" : "false");
            MPI(MPI_Win_allocate_shared(EACH, 1, info, MPI_COMM_WORLD, &base, &win[i]));
            MPI(MPI_Info_free(&info));
            ALL(base, EACH, 0);
            memset(base, round | 1, EACH);
        }
        for (int i = 0; i < SOME; i++)
            MPI(MPI_Win_free(&win[(i + round) % SOME]));
        if (round == 10) {
            resident = status_kb("VmRSS");
            space = status_kb("VmSize");
            before = mappings();
        }
    }
    long grown = status_kb("VmRSS") - resident;
    CHECK(grown < 8 * SOME * EACH / 1024, "grown by %ld KiB", grown);
    grown = status_kb("VmSize") - space;
    CHECK(grown < 16 * SOME * EACH / 1024, "address space grown by %ld KiB", grown);
    CHECK(mappings() - before < 64, "%d mappings, before %ld", mappings(), before);
}

/* The name of the mapping that an address lies in. */
static const char *mapping_of(void *addr)
{
    static char line[512];
    FILE *file = fopen("/proc/self/maps", "r");
    while (file && fgets(line, sizeof line, file)) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx", &from, &to) == 2 && (uintptr_t)addr >= from &&
            (uintptr_t)addr < to) {
            fclose(file);
            return line;
        }
    }
    return "none";
}

/* The memory comes from where it should, and so does that of MPI_Alloc_mem. */
static void out_of(const char *name, int memory_too)
{
    MPI_Win win;
    char *base;
    for (int apart = 0; apart < 2; apart++) {
        MPI_Info info = hints("alloc_shared_noncontig", apart ? "true" : "false");
        MPI(MPI_Win_allocate_shared(5000, 1, info, MPI_COMM_WORLD, &base, &win));
        MPI(MPI_Info_free(&info));
        CHECK(strstr(mapping_of(base), name), "%s: %s", name, mapping_of(base));
        MPI(MPI_Win_free(&win));
    }
    for (size_t size = 0; size < 1 << 20; size = 10 * size + 7) {
        MPI(MPI_Alloc_mem(size, MPI_INFO_NULL, &base));
        memset(base, 1, size);
        if (memory_too)
            CHECK(strstr(mapping_of(base), name), "%s: %s", name, mapping_of(base));
        MPI(MPI_Free_mem(base));
    }
    MPI(MPI_Free_mem(NULL));
}

/* A large window, and more than there can be. */
static void large(MPI_Aint each)
{
    MPI_Win win;
    char *base = NULL;
    MPI(MPI_Win_allocate_shared(each, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &base, &win));
    base[0] = 1;
    base[each - 1] = (char)(rank + 2);
    MPI(MPI_Win_fence(0, win));
    char *at;
    MPI_Aint size;
    int unit, next = (rank + 1) % ranks;
    MPI(MPI_Win_shared_query(win, next, &size, &unit, &at));
    EQ(at[each - 1], next + 2);
    MPI(MPI_Win_free(&win));
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    FAILS(MPI_Win_allocate_shared((MPI_Aint)1 << 58, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &base, &win),
          MPI_ERR_NO_MEM);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
}

/* MPI_Win_allocate: the same, apart. */
static void allocated(void)
{
    MPI_Win win;
    int *base, *number, theirs = -1;
    MPI(MPI_Win_allocate(4 * sizeof(int), sizeof(int), MPI_INFO_NULL, MPI_COMM_WORLD, &base, &win));
    CHECK(attribute(win, MPI_WIN_CREATE_FLAVOR, &number), "there");
    EQ(*number, MPI_WIN_FLAVOR_ALLOCATE);
    base[3] = 40 + rank;
    MPI(MPI_Win_fence(MPI_MODE_NOPRECEDE, win));
    int next = (rank + 1) % ranks;
    MPI(MPI_Get(&theirs, 1, MPI_INT, next, 3, 1, MPI_INT, win));
    MPI(MPI_Win_fence(MPI_MODE_NOSUCCEED, win));
    EQ(theirs, 40 + next);
    MPI(MPI_Win_free(&win));
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 60;
    START();
    MPI_Comm node, part, back;
    MPI(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node));
    MPI(MPI_Comm_split(node, rank % 2, 0, &part));
    MPI(MPI_Comm_split(node, 0, -rank, &back));
    for (int apart = 0; apart < 2; apart++) {
        made(MPI_COMM_WORLD, apart);
        made(MPI_COMM_SELF, apart);
        made(node, apart);
        made(part, apart);
        made(back, apart);
    }
    only_one_has_memory();
    aligned();
    told();
    allocated();
    if (argc > 2)
        out_of(argv[2], argc > 3);
    /* The job segment has no room for much. */
    large((MPI_Aint)(argc > 2 && strstr(argv[2], "job") ? 3 : 300) << 20);
    again_and_again(rounds);
    MPI(MPI_Comm_free(&back));
    MPI(MPI_Comm_free(&part));
    MPI(MPI_Comm_free(&node));
    PASSED();
}
