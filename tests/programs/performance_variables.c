/* The performance variables (MPI 5.0, section 15.3.7): every message of more than a cell
   counts once, in its class of sizes; sessions do not disturb one another; what cannot be
   done is refused with the code that the standard has for it. */
#include "check.h"

enum { MOST = 64, CLASSES = 64, PROTOCOLS = 6, MESSAGES = 10, KEPT = 5 };
typedef unsigned long long number;

static int variables, classes;
static number least[CLASSES];

static int index_of(const char *name, int class)
{
    int index = -1;
    MPI(MPI_T_pvar_get_index(name, class, &index));
    return index;
}

static MPI_T_pvar_handle opened(MPI_T_pvar_session session, int index, int *count)
{
    MPI_T_pvar_handle handle = MPI_T_PVAR_HANDLE_NULL;
    MPI(MPI_T_pvar_handle_alloc(session, index, NULL, &handle, count));
    CHECK(handle != MPI_T_PVAR_HANDLE_NULL && handle != MPI_T_PVAR_ALL_HANDLES, "");
    return handle;
}

/* The first ones are the counters of protocols. */
static const char *names[] = {"lariat_messages_eager", "lariat_messages_get",
                              "lariat_messages_put",   "lariat_messages_cooperative",
                              "lariat_messages_runs",  "lariat_messages_pipeline",
                              "lariat_size_classes",   "lariat_unexpected_bytes"};

/* Each variable tells what it is, and every call knows it. */
static void describe(void)
{
    int counters = 0;
    MPI(MPI_T_pvar_get_num(&variables));
    CHECK(variables >= 8 && variables <= MOST, "%d", variables);
    for (int i = 0; i < variables; i++) {
        char name[64], desc[512];
        int name_len = 0, desc_len = sizeof desc, verbosity, class, bind, readonly, continuous, atomic;
        MPI_Datatype type;
        MPI_T_enum values;
        /* Asked without room, it says how much is needed. */
        MPI(MPI_T_pvar_get_info(i, NULL, &name_len, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                                NULL, NULL));
        CHECK(name_len > 1 && name_len <= 64, "%d", name_len);
        MPI(MPI_T_pvar_get_info(i, name, &name_len, &verbosity, &class, &type, &values, desc,
                                &desc_len, &bind, &readonly, &continuous, &atomic));
        EQ(strlen(name) + 1, name_len);
        EQ(strlen(desc) + 1, desc_len);
        if (class == MPI_T_PVAR_CLASS_STATE)
            CHECK(type == MPI_INT && values != MPI_T_ENUM_NULL, "%s", name);
        else
            CHECK(type == MPI_UNSIGNED_LONG_LONG && values == MPI_T_ENUM_NULL, "%s", name);
        EQ(bind, strstr(name, "_of_comm") ? MPI_T_BIND_MPI_COMM : MPI_T_BIND_NO_OBJECT);
        int waits = strstr(name, "_yields") || strstr(name, "_sleep");
        EQ(continuous, !waits);
        int collects = class == MPI_T_PVAR_CLASS_COUNTER || class == MPI_T_PVAR_CLASS_AGGREGATE ||
                       class == MPI_T_PVAR_CLASS_TIMER || class == MPI_T_PVAR_CLASS_HIGHWATERMARK;
        EQ(readonly, !collects);
        EQ(atomic, collects);
        EQ(index_of(name, class), i);
        EQ(MPI_T_pvar_get_index(name, MPI_T_PVAR_CLASS_PERCENTAGE, &bind), MPI_T_ERR_INVALID_NAME);
        counters += strncmp(name, "lariat_messages_", 16) == 0 && class == MPI_T_PVAR_CLASS_COUNTER &&
                    !strstr(name, "_received_by_") && !strstr(name, "_sent_");
    }
    EQ(counters, PROTOCOLS);
    for (int i = 0; i < 8; i++)
        index_of(names[i], i < PROTOCOLS ? MPI_T_PVAR_CLASS_COUNTER
                           : i == 6      ? MPI_T_PVAR_CLASS_GENERIC
                                         : MPI_T_PVAR_CLASS_LEVEL);
}

/* Variables of one value have the lower numbers. */
static void order(MPI_T_pvar_session session)
{
    int several = 0;
    for (int i = 0; i < variables; i++) {
        int bind, count = 0;
        MPI_T_pvar_handle handle;
        MPI_Comm world = MPI_COMM_WORLD;
        MPI(MPI_T_pvar_get_info(i, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, &bind, NULL, NULL,
                                NULL));
        MPI(MPI_T_pvar_handle_alloc(session, i, bind == MPI_T_BIND_MPI_COMM ? &world : NULL, &handle,
                                    &count));
        CHECK(count > 0, "%d", i);
        if (ranks > 1)
            CHECK(!several || count > 1, "%d", i);
        several = count > 1;
        MPI(MPI_T_pvar_handle_free(session, &handle));
    }
    CHECK(several || ranks == 1, "");
}

static void refusals(MPI_T_pvar_session session)
{
    number values[CLASSES] = {0};
    int count = 0, index = 0;
    MPI_T_pvar_session other;
    MPI_T_pvar_handle counter, level, freed, none = MPI_T_PVAR_HANDLE_NULL;
    for (int i = -1; i <= variables; i += variables + 1) {
        EQ(MPI_T_pvar_get_info(i, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                               NULL),
           MPI_T_ERR_INVALID_INDEX);
        EQ(MPI_T_pvar_handle_alloc(session, i, NULL, &none, &count), MPI_T_ERR_INVALID_INDEX);
    }
    EQ(MPI_T_pvar_get_index("no such variable", MPI_T_PVAR_CLASS_COUNTER, &index),
       MPI_T_ERR_INVALID_NAME);
    counter = opened(session, index_of("lariat_messages_eager", MPI_T_PVAR_CLASS_COUNTER), &count);
    level = opened(session, index_of("lariat_unexpected_bytes", MPI_T_PVAR_CLASS_LEVEL), &count);
    EQ(count, 1);
    MPI(MPI_T_pvar_session_create(&other));
    EQ(MPI_T_pvar_read(other, counter, values), MPI_T_ERR_INVALID_HANDLE);
    EQ(MPI_T_pvar_read(session, MPI_T_PVAR_ALL_HANDLES, values), MPI_T_ERR_INVALID_HANDLE);
    EQ(MPI_T_pvar_read(session, MPI_T_PVAR_HANDLE_NULL, values), MPI_T_ERR_INVALID_HANDLE);
    EQ(MPI_T_pvar_start(session, counter), MPI_T_ERR_PVAR_NO_STARTSTOP);
    EQ(MPI_T_pvar_stop(session, level), MPI_T_ERR_PVAR_NO_STARTSTOP);
    MPI(MPI_T_pvar_start(session, MPI_T_PVAR_ALL_HANDLES));
    MPI(MPI_T_pvar_stop(session, MPI_T_PVAR_ALL_HANDLES));
    EQ(MPI_T_pvar_write(session, level, values), MPI_T_ERR_PVAR_NO_WRITE);
    EQ(MPI_T_pvar_reset(session, level), MPI_T_ERR_PVAR_NO_WRITE);
    MPI(MPI_T_pvar_reset(session, MPI_T_PVAR_ALL_HANDLES));
    EQ(MPI_T_pvar_readreset(session, level, values), MPI_T_ERR_PVAR_NO_ATOMIC);
    freed = counter;
    MPI(MPI_T_pvar_handle_free(session, &counter));
    CHECK(counter == MPI_T_PVAR_HANDLE_NULL, "");
    EQ(MPI_T_pvar_read(session, freed, values), MPI_T_ERR_INVALID_HANDLE);
    EQ(MPI_T_pvar_handle_free(session, &freed), MPI_T_ERR_INVALID_HANDLE);
    freed = opened(other, 0, &count);
    MPI(MPI_T_pvar_session_free(&other));
    CHECK(other == MPI_T_PVAR_SESSION_NULL, "");
    EQ(MPI_T_pvar_read(session, freed, values), MPI_T_ERR_INVALID_HANDLE);
    EQ(MPI_T_pvar_read(other, freed, values), MPI_T_ERR_INVALID_SESSION);
    EQ(MPI_T_pvar_start(other, MPI_T_PVAR_ALL_HANDLES), MPI_T_ERR_INVALID_SESSION);
    MPI(MPI_T_pvar_handle_free(session, &level));
}

/* This rank's messages by class, all protocols together. */
static void sums(MPI_T_pvar_session session, const MPI_T_pvar_handle *handles, number *sum)
{
    number values[CLASSES];
    memset(sum, 0, CLASSES * sizeof *sum);
    for (int i = 0; i < PROTOCOLS; i++) {
        MPI(MPI_T_pvar_read(session, handles[i], values));
        for (int class = 0; class < classes; class++)
            sum[class] += values[class];
    }
}

/* MESSAGES messages of `len` bytes from rank 0 to rank 1, and what both have counted of
   them: this many. */
static void count(MPI_T_pvar_session session, const MPI_T_pvar_handle *handles, int len, number want)
{
    number own[CLASSES], theirs;
    char *bytes = room((size_t)len);
    int here = 0;
    while (here + 1 < classes && least[here + 1] <= (number)len)
        here++;
    MPI(MPI_T_pvar_reset(session, MPI_T_PVAR_ALL_HANDLES));
    for (unsigned i = 0; i < MESSAGES; i++)
        if (rank == 0) {
            fill(bytes, (size_t)len, i);
            MPI(MPI_Send(bytes, len, MPI_BYTE, 1, 1, MPI_COMM_WORLD));
        } else {
            MPI(MPI_Recv(bytes, len, MPI_BYTE, 0, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
            FILLED(bytes, (size_t)len, i);
        }
    sums(session, handles, own);
    for (int class = 0; class < classes; class++)
        if (rank == 1) {
            MPI(MPI_Send(&own[class], sizeof theirs, MPI_BYTE, 0, 2, MPI_COMM_WORLD));
        } else {
            MPI(MPI_Recv(&theirs, sizeof theirs, MPI_BYTE, 1, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
            EQ(own[class] + theirs, class == here ? want : 0);
        }
    free(bytes);
}

/* A handle counts from its allocation on, and from what was written to it. */
static void isolation(MPI_T_pvar_session session, MPI_T_pvar_handle first, int index)
{
    number values[CLASSES], again[CLASSES];
    MPI_T_pvar_session other;
    MPI_T_pvar_handle second;
    char bytes[1000] = {0};
    int count;
    MPI(MPI_T_pvar_reset(session, first));
    MPI(MPI_T_pvar_session_create(&other));
    if (rank == 0)
        MPI(MPI_Send(bytes, sizeof bytes, MPI_BYTE, 1, 3, MPI_COMM_WORLD));
    else
        MPI(MPI_Recv(bytes, sizeof bytes, MPI_BYTE, 0, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    second = opened(other, index, &count);
    EQ(count, classes);
    MPI(MPI_T_pvar_read(session, first, values));
    EQ(values[0], rank == 0);
    MPI(MPI_T_pvar_read(other, second, values));
    EQ(values[0], 0);
    MPI(MPI_T_pvar_reset(other, MPI_T_PVAR_ALL_HANDLES));
    for (int i = 0; i < classes; i++)
        values[i] = 100 + (number)i;
    MPI(MPI_T_pvar_write(other, second, values));
    if (rank == 0)
        MPI(MPI_Send(bytes, sizeof bytes, MPI_BYTE, 1, 3, MPI_COMM_WORLD));
    else
        MPI(MPI_Recv(bytes, sizeof bytes, MPI_BYTE, 0, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    MPI(MPI_T_pvar_readreset(other, second, again));
    for (int i = 0; i < classes; i++)
        EQ(again[i], values[i] + (i == 0 && rank == 0));
    MPI(MPI_T_pvar_read(other, second, again));
    for (int i = 0; i < classes; i++)
        EQ(again[i], 0);
    MPI(MPI_T_pvar_read(session, first, values));
    EQ(values[0], rank == 0 ? 2 : 0);
    MPI(MPI_T_pvar_session_free(&other));
}

/* What comes before its receive is held, and no more once that has come. */
static void unexpected(MPI_T_pvar_session session, MPI_T_pvar_handle level)
{
    number held = 99;
    char bytes[1000] = {0};
    int word = 0;
    MPI(MPI_T_pvar_read(session, level, &held));
    EQ(held, 0);
    if (rank == 0) {
        for (int i = 0; i < KEPT; i++)
            MPI(MPI_Send(bytes, sizeof bytes, MPI_BYTE, 1, 4, MPI_COMM_WORLD));
        MPI(MPI_Send(&word, 1, MPI_INT, 1, 5, MPI_COMM_WORLD));
        return;
    }
    MPI(MPI_Recv(&word, 1, MPI_INT, 0, 5, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    MPI(MPI_T_pvar_read(session, level, &held));
    CHECK(held >= KEPT * sizeof bytes && held < 2 * KEPT * sizeof bytes, "%llu", held);
    for (int i = 0; i < KEPT; i++)
        MPI(MPI_Recv(bytes, sizeof bytes, MPI_BYTE, 0, 4, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    MPI(MPI_T_pvar_read(session, level, &held));
    EQ(held, 0);
}

int main(void)
{
    static const int counted[] = {265, 1000, 2047, 2048, 5000, 20000, 65536, 200000, 1 << 20};
    MPI_T_pvar_session session;
    MPI_T_pvar_handle handles[PROTOCOLS], sizes, level;
    number own[CLASSES];
    int provided = -1, length = 0, n = 0;
    EQ(MPI_T_pvar_get_num(&n), MPI_T_ERR_NOT_INITIALIZED);
    EQ(MPI_T_pvar_session_create(&session), MPI_T_ERR_NOT_INITIALIZED);
    MPI(MPI_T_init_thread(MPI_THREAD_SINGLE, &provided));

    /* All of it is there before MPI is. */
    describe();
    MPI(MPI_T_pvar_session_create(&session));
    refusals(session);
    sizes = opened(session, index_of("lariat_size_classes", MPI_T_PVAR_CLASS_GENERIC), &classes);
    CHECK(classes > 8 && classes <= CLASSES, "%d", classes);
    MPI(MPI_T_pvar_read(session, sizes, least));
    EQ(least[0], 0);
    for (int i = 1; i < classes; i++)
        CHECK(least[i] > least[i - 1], "%d", i);
    for (int i = 0; i < PROTOCOLS; i++) {
        handles[i] = opened(session, index_of(names[i], MPI_T_PVAR_CLASS_COUNTER), &length);
        EQ(length, classes);
    }
    level = opened(session, index_of("lariat_unexpected_bytes", MPI_T_PVAR_CLASS_LEVEL), &length);
    sums(session, handles, own);
    for (int i = 0; i < classes; i++)
        EQ(own[i], 0);

    START();
    order(session);
    if (ranks == 2) {
        for (size_t i = 0; i < sizeof counted / sizeof *counted; i++)
            count(session, handles, counted[i], MESSAGES);
        count(session, handles, 0, 0);
        count(session, handles, 264, 0);
        isolation(session, handles[0], index_of(names[0], MPI_T_PVAR_CLASS_COUNTER));
        unexpected(session, level);
    }
    sums(session, handles, own);
    MPI(MPI_Finalize());
    MPI(MPI_T_pvar_read(session, handles[0], own)); /* nor does it need MPI afterwards */
    MPI(MPI_T_finalize());
    EQ(MPI_T_pvar_read(session, handles[0], own), MPI_T_ERR_NOT_INITIALIZED);
    printf("rank %d: %ld checks passed\n", rank, checks);
    return 0;
}
