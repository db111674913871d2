/* Levels of thread support (MPI 5.0, 11.3.1, 11.6.2): a session that asks for none has
   that of the process, and threads make and end sessions as they like. */
#include "comms.h"
#include <pthread.h>

static MPI_Session begins(const char *wanted)
{
    MPI_Session session;
    MPI_Info info;
    MPI(MPI_Info_create(&info));
    if (wanted)
        MPI(MPI_Info_set(info, "thread_level", wanted));
    MPI(MPI_Session_init(info, MPI_ERRORS_RETURN, &session));
    MPI(MPI_Info_free(&info));
    return session;
}

/* A session that asks for this level, or for none, has this one. */
static void has(const char *wanted, const char *level)
{
    MPI_Session session = begins(wanted);
    MPI_Info info;
    char value[64] = "";
    int flag = 0;
    MPI(MPI_Session_get_info(session, &info));
    MPI(MPI_Info_get(info, "thread_level", 63, value, &flag));
    CHECK(flag && !strcmp(value, level), "%s", value);
    MPI(MPI_Info_free(&info));
    MPI(MPI_Session_finalize(&session));
}

static void init(int wanted)
{
    int provided = -1;
    MPI(MPI_Init_thread(NULL, NULL, wanted, &provided));
    EQ(provided, wanted);
    provided = -1;
    MPI(MPI_Query_thread(&provided));
    EQ(provided, wanted);
}

static int is_main(void)
{
    int flag = -1;
    MPI(MPI_Is_thread_main(&flag));
    return flag;
}

static void *first(void *session)
{
    *(MPI_Session *)session = begins("MPI_THREAD_MULTIPLE");
    EQ(is_main(), 1);
    return NULL;
}

static void *second(void *nothing)
{
    EQ(is_main(), 0);
    return nothing;
}

static void joined(pthread_t thread)
{
    EQ(pthread_join(thread, NULL), 0);
}

/* Now and then this is the last session, or the first. */
static void *comes_and_goes(void *nothing)
{
    for (int i = 0; i < 200; i++) {
        MPI_Session session = begins("MPI_THREAD_MULTIPLE");
        MPI_Group group;
        MPI_Comm comm;
        int got = -1, size = -1;
        MPI(MPI_Group_from_session_pset(session, "mpi://SELF", &group));
        MPI(MPI_Comm_create_from_group(group, "org.example.storm", MPI_INFO_NULL, MPI_ERRORS_RETURN, &comm));
        MPI(MPI_Comm_size(comm, &size));
        EQ(size, 1);
        MPI(MPI_Sendrecv(&i, 1, MPI_INT, 0, 1, &got, 1, MPI_INT, 0, 1, comm, MPI_STATUS_IGNORE));
        EQ(got, i);
        MPI(MPI_Comm_free(&comm));
        MPI(MPI_Group_free(&group));
        MPI(MPI_Session_finalize(&session));
    }
    return nothing;
}

int main(int argc, char **argv)
{
    const char *order = argc > 1 ? argv[1] : "world";
    int level = -1;
    MPI_Session session;
    pthread_t threads[4];
    if (!strcmp(order, "world")) {
        MPI_Info info;
        init(MPI_THREAD_MULTIPLE);
        has(NULL, "MPI_THREAD_MULTIPLE");
        has("MPI_THREAD_FUNNELED", "MPI_THREAD_FUNNELED");
        MPI(MPI_Session_init(MPI_INFO_NULL, MPI_ERRORS_RETURN, &session));
        MPI(MPI_Session_finalize(&session));
        MPI(MPI_Info_create(&info));
        MPI(MPI_Info_set(info, "thread_level", "many"));
        FAILS(MPI_Session_init(info, MPI_ERRORS_RETURN, &session), MPI_ERR_INFO_VALUE);
        MPI(MPI_Info_free(&info));
        MPI(MPI_Finalize());
    } else if (!strcmp(order, "funneled")) {
        init(MPI_THREAD_FUNNELED);
        has(NULL, "MPI_THREAD_FUNNELED");
        has("MPI_THREAD_SERIALIZED", "MPI_THREAD_SERIALIZED");
        MPI(MPI_Finalize());
    } else if (!strcmp(order, "sessions")) {
        session = begins(NULL);
        MPI(MPI_Query_thread(&level));
        EQ(level, MPI_THREAD_SINGLE);
        has(NULL, "MPI_THREAD_SINGLE");
        has("MPI_THREAD_MULTIPLE", "MPI_THREAD_MULTIPLE");
        has(NULL, "MPI_THREAD_MULTIPLE");
        MPI(MPI_Query_thread(&level));
        EQ(level, MPI_THREAD_MULTIPLE);
        init(MPI_THREAD_SERIALIZED);
        has(NULL, "MPI_THREAD_MULTIPLE");
        MPI(MPI_Finalize());
        MPI(MPI_Session_finalize(&session));
    } else if (!strcmp(order, "after")) {
        init(MPI_THREAD_MULTIPLE);
        MPI(MPI_Finalize());
        has(NULL, "MPI_THREAD_MULTIPLE");
    } else if (!strcmp(order, "thread")) {
        EQ(pthread_create(threads, NULL, first, &session), 0);
        joined(threads[0]);
        EQ(is_main(), 0);
        init(MPI_THREAD_MULTIPLE);
        EQ(is_main(), 1);
        EQ(pthread_create(threads, NULL, second, NULL), 0);
        joined(threads[0]);
        MPI(MPI_Finalize());
        MPI(MPI_Session_finalize(&session));
    } else {
        for (int i = 0; i < 4; i++)
            EQ(pthread_create(&threads[i], NULL, comes_and_goes, NULL), 0);
        init(MPI_THREAD_MULTIPLE);
        MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
        MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
        WORKS(MPI_COMM_WORLD, ranks, rank);
        MPI(MPI_Finalize());
        for (int i = 0; i < 4; i++)
            joined(threads[i]);
    }
    printf("rank %d: %ld checks passed\n", rank, checks);
    return 0;
}
