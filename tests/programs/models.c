/* The world model and sessions side by side (MPI 5.0, 11.2 to 11.4): each is entered
   and left by itself, in any order. A rank follows the argument that is its own (the
   last one, if there are fewer), letter by letter:

     I F       MPI_Init, MPI_Finalize
     A B  a b  a session begins, ends
     t         messages on every communicator of what is open
     m u       objects of session A are made; used and freed
     w         MPI_COMM_WORLD is used
     c         a communicator of a session is used */
#include "comms.h"

static MPI_Session sessions[2];
static MPI_Group groups[2];
static MPI_Comm comms[2];
static int has_world, open_sessions[2];

static void begins(int which)
{
    char name[32];
    MPI(MPI_Session_init(MPI_INFO_NULL, MPI_ERRORS_RETURN, &sessions[which]));
    MPI(MPI_Group_from_session_pset(sessions[which], "mpi://WORLD", &groups[which]));
    MPI(MPI_Group_rank(groups[which], &rank));
    MPI(MPI_Group_size(groups[which], &ranks));
    snprintf(name, sizeof name, "org.example.%d", which);
    MPI(MPI_Comm_create_from_group(groups[which], name, MPI_INFO_NULL, MPI_ERRORS_RETURN, &comms[which]));
    open_sessions[which] = 1;
}

static void ends(int which)
{
    MPI(MPI_Comm_free(&comms[which]));
    MPI(MPI_Group_free(&groups[which]));
    MPI(MPI_Session_finalize(&sessions[which]));
    CHECK(sessions[which] == MPI_SESSION_NULL, "not so");
    open_sessions[which] = 0;
}

static void talk(void)
{
    for (int i = 0; i < 2; i++)
        if (open_sessions[i]) {
            MPI_Comm fresh;
            int n = 0;
            MPI(MPI_Session_get_num_psets(sessions[i], MPI_INFO_NULL, &n));
            CHECK(n >= 2, "%d", n);
            WORKS(comms[i], ranks, rank);
            MPI(MPI_Comm_create_from_group(groups[i], "org.example.fresh", MPI_INFO_NULL, MPI_ERRORS_RETURN, &fresh));
            WORKS(fresh, ranks, rank);
            MPI(MPI_Comm_free(&fresh));
        }
    if (has_world)
        WORKS(MPI_COMM_WORLD, ranks, rank);
}

/* What a session has, kept from one call to another. */
enum { LARGE = 1 << 20 };
static int key, deleted, raised, *shared;
static MPI_Comm dup;
static MPI_Datatype pair;
static MPI_Op most;
static MPI_Errhandler handler;
static MPI_Win win;
static MPI_Request ring[2], large;
static char *sent;
static int token, got;

static int discard(MPI_Comm comm, int number, void *value, void *extra)
{
    (void)comm, (void)number, (void)value, (void)extra;
    deleted++;
    return MPI_SUCCESS;
}

static void note(MPI_Comm *comm, int *code, ...)
{
    (void)comm;
    raised = *code;
}

static void larger(void *in, void *inout, int *len, MPI_Datatype *type)
{
    (void)type;
    for (int i = 0; i < 2 * *len; i++)
        if (((int *)in)[i] > ((int *)inout)[i])
            ((int *)inout)[i] = ((int *)in)[i];
}

static void make(void)
{
    int to = (rank + 1) % ranks, from = (rank + ranks - 1) % ranks;
    MPI(MPI_Comm_create_keyval(MPI_COMM_DUP_FN, discard, &key, NULL));
    MPI(MPI_Comm_set_attr(comms[0], key, &key));
    MPI(MPI_Comm_dup(comms[0], &dup));
    MPI(MPI_Comm_create_errhandler(note, &handler));
    MPI(MPI_Comm_set_errhandler(dup, handler));
    MPI(MPI_Type_contiguous(2, MPI_INT, &pair));
    MPI(MPI_Type_commit(&pair));
    MPI(MPI_Op_create(larger, 1, &most));
    MPI(MPI_Win_allocate(sizeof(int), sizeof(int), MPI_INFO_NULL, dup, &shared, &win));
    *shared = 0;
    MPI(MPI_Send_init(&token, 1, MPI_INT, to, 5, dup, &ring[0]));
    MPI(MPI_Recv_init(&got, 1, MPI_INT, from, 5, dup, &ring[1]));
    /* A message that is received by a later call. */
    sent = room(LARGE);
    fill(sent, LARGE, (unsigned)rank);
    MPI(MPI_Isend(sent, LARGE, MPI_BYTE, to, 6, dup, &large));
}

static void use(void)
{
    int from = (rank + ranks - 1) % ranks, flag = 0, two[2] = { rank, -rank }, top[2], one = 1;
    void *value;
    char *came = room(LARGE);
    MPI(MPI_Recv(came, LARGE, MPI_BYTE, from, 6, dup, MPI_STATUS_IGNORE));
    FILLED(came, LARGE, (unsigned)from);
    free(came);
    MPI(MPI_Wait(&large, MPI_STATUS_IGNORE));
    free(sent);
    MPI(MPI_Comm_get_attr(dup, key, &value, &flag));
    CHECK(flag && value == &key, "%d", flag);
    token = 10 * rank;
    MPI(MPI_Startall(2, ring));
    MPI(MPI_Waitall(2, ring, MPI_STATUSES_IGNORE));
    EQ(got, 10 * from);
    MPI(MPI_Request_free(&ring[0]));
    MPI(MPI_Request_free(&ring[1]));
    MPI(MPI_Allreduce(two, top, 1, pair, most, dup));
    EQ(top[0], ranks - 1);
    EQ(top[1], 0);
    MPI(MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, win));
    MPI(MPI_Accumulate(&one, 1, MPI_INT, 0, 0, 1, MPI_INT, MPI_SUM, win));
    MPI(MPI_Win_unlock(0, win));
    MPI(MPI_Barrier(dup));
    MPI(MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, win));
    MPI(MPI_Get(&one, 1, MPI_INT, 0, 0, 1, MPI_INT, win));
    MPI(MPI_Win_unlock(0, win));
    EQ(one, ranks);
    MPI(MPI_Win_free(&win));
    FAILS(MPI_Send(&one, 1, MPI_INT, ranks, 0, dup), MPI_ERR_RANK);
    EQ(raised, MPI_ERR_RANK);
    MPI(MPI_Errhandler_free(&handler));
    MPI(MPI_Op_free(&most));
    MPI(MPI_Type_free(&pair));
    MPI(MPI_Comm_free(&dup));
    EQ(deleted, 1);
    MPI(MPI_Comm_delete_attr(comms[0], key));
    EQ(deleted, 2);
    MPI(MPI_Comm_free_keyval(&key));
}

int main(int argc, char **argv)
{
    const char *number = getenv("LARIAT_RANK");
    int mine = 1 + (number ? atoi(number) : 0), was = 0, left = 0, flag = -1, size = 0;
    for (const char *step = argv[mine < argc ? mine : argc - 1]; *step; step++) {
        switch (*step) {
        case 'I':
            MPI(MPI_Init(NULL, NULL));
            MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
            MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
            has_world = was = 1;
            break;
        case 'F':
            MPI(MPI_Finalize());
            has_world = 0;
            left = 1;
            break;
        case 'A':
        case 'B':
            begins(*step - 'A');
            break;
        case 'a':
        case 'b':
            ends(*step - 'a');
            break;
        case 't':
            talk();
            break;
        case 'm':
            make();
            break;
        case 'u':
            use();
            break;
        case 'w':
            MPI(MPI_Comm_size(MPI_COMM_WORLD, &size));
            break;
        case 'c':
            MPI(MPI_Comm_size(comms[0], &size));
            break;
        default:
            CHECK(0, "%c is no step", *step);
        }
        MPI(MPI_Initialized(&flag));
        EQ(flag, was);
        MPI(MPI_Finalized(&flag));
        EQ(flag, left);
    }
    printf("rank %d: %ld checks passed\n", rank, checks);
    return 0;
}
