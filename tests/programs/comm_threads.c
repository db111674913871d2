/* MPI_THREAD_MULTIPLE: threads make, use and free communicators at once, each
   from a parent of its own, and by groups with tags of their own (MPI 5.0, 7.4
   and 11.6); attribute functions call MPI. */
#include "comms.h"
#include <pthread.h>

enum { THREADS = 4, ROUNDS = 40 };

static MPI_Comm parents[THREADS];
static MPI_Group world;
static int key;

static int copy(MPI_Comm comm, int number, void *extra, void *in, void *out, int *flag)
{
    int size = 0;
    (void)number, (void)extra;
    *flag = MPI_Comm_size(comm, &size) == MPI_SUCCESS && size == ranks;
    *(void **)out = (char *)in + 1;
    return MPI_SUCCESS;
}

static int discard(MPI_Comm comm, int number, void *value, void *extra)
{
    int size = 0;
    (void)number, (void)extra, (void)value;
    return MPI_Comm_size(comm, &size);
}

static void *make(void *argument)
{
    intptr_t me = (intptr_t)argument;
    MPI_Comm parent = parents[me];
    char tag[32];
    snprintf(tag, sizeof tag, "thread %d", (int)me);
    for (int i = 0; i < ROUNDS; i++) {
        MPI_Comm dup, later, part, group;
        MPI_Request request;
        void *value = NULL;
        int flag = 0;
        MPI(MPI_Comm_set_attr(parent, key, (void *)(me * 1000 + i)));
        MPI(MPI_Comm_dup(parent, &dup));
        MPI(MPI_Comm_get_attr(dup, key, &value, &flag));
        CHECK(flag && value == (void *)(me * 1000 + i + 1), "%d %p", flag, value);
        MPI(MPI_Comm_idup(dup, &later, &request));
        WORKS(dup, ranks, rank);
        MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
        MPI(MPI_Comm_split(later, rank % 2, 0, &part));
        WORKS(part, (ranks + !(rank % 2)) / 2, rank / 2);
        MPI(MPI_Comm_create_group(MPI_COMM_WORLD, world, (int)me, &group));
        WORKS(group, ranks, rank);
        MPI(MPI_Comm_free(&group));
        MPI(MPI_Comm_create_from_group(world, tag, MPI_INFO_NULL, MPI_ERRORS_ARE_FATAL, &group));
        WORKS(group, ranks, rank);
        MPI(MPI_Comm_free(&group));
        if (ranks > 1) {
            MPI_Comm inter, merged;
            int others = -1, right = -1, left = -1;
            MPI(MPI_Intercomm_create(part, 0, MPI_COMM_WORLD, !(rank % 2), 100 + (int)me, &inter));
            MPI(MPI_Comm_remote_size(inter, &others));
            EQ(others, (ranks + rank % 2) / 2);
            MPI(MPI_Intercomm_merge(inter, rank % 2, &merged));
            WORKS(merged, ranks, rank / 2 + rank % 2 * ((ranks + 1) / 2));
            MPI(MPI_Cart_create(dup, 1, &ranks, (int[]){1}, 0, &group));
            MPI(MPI_Cart_shift(group, 0, 1, &left, &right));
            EQ(right, (rank + 1) % ranks);
            WORKS(group, ranks, rank);
            MPI(MPI_Comm_free(&group));
            MPI(MPI_Comm_free(&merged));
            MPI(MPI_Comm_free(&inter));
        }
        MPI(MPI_Comm_free(&part));
        MPI(MPI_Comm_free(&later));
        MPI(MPI_Comm_free(&dup));
    }
    return NULL;
}

int main(void)
{
    int provided;
    MPI(MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &provided));
    EQ(provided, MPI_THREAD_MULTIPLE);
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    MPI(MPI_Comm_group(MPI_COMM_WORLD, &world));
    MPI(MPI_Comm_create_keyval(copy, discard, &key, NULL));
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        MPI(MPI_Comm_dup(MPI_COMM_WORLD, &parents[i]));
    for (intptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, make, (void *)i) == 0, "not so");
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0, "not so");
        MPI(MPI_Comm_free(&parents[i]));
    }
    MPI(MPI_Comm_free_keyval(&key));
    MPI(MPI_Group_free(&world));
    PASSED();
}
