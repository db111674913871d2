/* What MPICH's ABI has of its own: numbers of constants that a program compares with, the
   layout of a status, markers in structures, stale handles, short strings. Built with a header of
   that ABI. */
#include "check.h"

static int calls, last_code;
static MPI_Comm last_comm, copied = MPI_COMM_WORLD;

static void on_error(MPI_Comm *comm, int *code, ...)
{
    calls++;
    last_comm = *comm;
    last_code = *code;
}

static void half_sum(void *in, void *inout, int *len, MPI_Datatype *type)
{
    EQ(*type, MPI_INT);
    for (int i = 0; i < *len; i++)
        ((int *)inout)[i] += ((int *)in)[i];
}

static int copies(MPI_Comm comm, int keyval, void *state, void *in, void *out, int *flag)
{
    EQ(comm, copied);
    CHECK(keyval != MPI_KEYVAL_INVALID && state == &calls, " ");
    *(void **)out = in;
    *flag = 1;
    return MPI_SUCCESS;
}

static int refuses(MPI_Comm comm, int keyval, void *state, void *in, void *out, int *flag)
{
    (void)comm, (void)keyval, (void)state, (void)in, (void)out, (void)flag;
    return MPI_ERR_REQUEST;
}

static void numbers(void)
{
    int *value, flag, version, provided;
    MPI(MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &value, &flag));
    CHECK(flag && *value > 32767, " ");
    MPI(MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_IO, &value, &flag));
    CHECK(flag && (*value == MPI_ANY_SOURCE || *value >= 0), "%d", *value);
    MPI(MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_HOST, &value, &flag));
    CHECK(!flag || *value == MPI_PROC_NULL, "%d", *value);
    MPI(MPI_Query_thread(&provided));
    CHECK(provided >= MPI_THREAD_SINGLE && provided <= MPI_THREAD_MULTIPLE, "%d", provided);
    int minor;
    MPI(MPI_Abi_get_version(&version, &minor));
    EQ(version, -1); /* this is not the standard ABI */
    int compared;
    MPI(MPI_Comm_compare(MPI_COMM_WORLD, MPI_COMM_SELF, &compared));
    EQ(compared, ranks == 1 ? MPI_CONGRUENT : MPI_UNEQUAL);
    MPI(MPI_Topo_test(MPI_COMM_WORLD, &compared));
    EQ(compared, MPI_UNDEFINED);
    int added, of_class, last;
    MPI(MPI_Add_error_class(&added));
    CHECK(added > MPI_ERR_LASTCODE, "%d", added);
    MPI(MPI_Error_class(added, &of_class));
    EQ(of_class, added);
    MPI(MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_LASTUSEDCODE, &value, &flag));
    last = *value;
    EQ(last, added);
    char text[MPI_MAX_ERROR_STRING];
    MPI(MPI_Error_string(MPI_ERR_TRUNCATE, text, &flag));
    CHECK(strstr(text, "MPI_ERR_TRUNCATE") && (int)strlen(text) == flag, "%s", text);
    struct { char name[MPI_MAX_PROCESSOR_NAME], behind[16]; } room;
    memset(&room, 7, sizeof room);
    MPI(MPI_Get_processor_name(room.name, &flag));
    ALL(room.behind, 16, 7);
}

static void statuses(void)
{
    MPI_Status status;
    memset(&status, 0x55, sizeof status);
    MPI(MPI_Recv(NULL, 0, MPI_INT, MPI_PROC_NULL, MPI_ANY_TAG, MPI_COMM_WORLD, &status));
    EQ(status.MPI_SOURCE, MPI_PROC_NULL);
    EQ(status.MPI_TAG, MPI_ANY_TAG);
    EQ(status.MPI_ERROR, 0x55555555); /* a single completion leaves it alone */
    int count = 7, other = rank ^ 1;
    MPI(MPI_Get_count(&status, MPI_INT, &count));
    EQ(count, 0);
    MPI(MPI_Status_set_elements_x(&status, MPI_BYTE, (1LL << 40) + 3));
    MPI(MPI_Status_set_cancelled(&status, 1));
    MPI_Count large;
    MPI(MPI_Get_elements_x(&status, MPI_BYTE, &large));
    EQ(large, (1LL << 40) + 3);
    MPI(MPI_Test_cancelled(&status, &count));
    EQ(count, 1);
    enum { MANY = 100 };
    MPI_Request requests[2 * MANY];
    MPI_Status all[2 * MANY];
    int sent[MANY], received[MANY];
    for (int i = 0; i < MANY; i++) {
        sent[i] = 1000 * rank + i;
        MPI(MPI_Irecv(&received[i], 1, MPI_INT, other, i, MPI_COMM_WORLD, &requests[i]));
        MPI(MPI_Isend(&sent[i], 1, MPI_INT, other, i, MPI_COMM_WORLD, &requests[MANY + i]));
    }
    MPI(MPI_Waitall(2 * MANY, requests, all));
    for (int i = 0; i < MANY; i++) {
        EQ(requests[i], MPI_REQUEST_NULL);
        EQ(all[i].MPI_SOURCE, other);
        EQ(all[i].MPI_TAG, i);
        EQ(received[i], 1000 * other + i);
    }
}

static void callbacks(void)
{
    MPI_Op op;
    MPI_Comm dup;
    MPI_Errhandler handler;
    int one = rank + 1, sum = 0, keyval, flag;
    MPI(MPI_Op_create(half_sum, 1, &op));
    MPI(MPI_Allreduce(&one, &sum, 1, MPI_INT, op, MPI_COMM_WORLD));
    EQ(sum, ranks * (ranks + 1) / 2);
    sum = one;
    MPI(MPI_Allreduce(MPI_IN_PLACE, &sum, 1, MPI_INT, op, MPI_COMM_WORLD));
    EQ(sum, ranks * (ranks + 1) / 2);
    MPI(MPI_Op_free(&op));
    EQ(op, MPI_OP_NULL);
    MPI(MPI_Comm_create_keyval(copies, MPI_COMM_NULL_DELETE_FN, &keyval, &calls));
    MPI(MPI_Comm_set_attr(MPI_COMM_WORLD, keyval, &sum));
    MPI(MPI_Comm_dup(MPI_COMM_WORLD, &dup));
    void *value;
    MPI(MPI_Comm_get_attr(dup, keyval, &value, &flag));
    CHECK(flag && value == &sum, " ");
    copied = dup;
    MPI(MPI_Comm_create_errhandler(on_error, &handler));
    MPI(MPI_Comm_set_errhandler(dup, handler));
    EQ(MPI_Send(&one, 1, MPI_INT, 99, 0, dup), MPI_ERR_RANK);
    EQ(calls, 1);
    EQ(last_comm, dup);
    EQ(last_code, MPI_ERR_RANK);
    MPI(MPI_Comm_call_errhandler(dup, MPI_ERR_TRUNCATE));
    EQ(last_code, MPI_ERR_TRUNCATE);
    /* A function's error code goes through unchanged. */
    int refusing;
    MPI(MPI_Comm_create_keyval(refuses, MPI_COMM_NULL_DELETE_FN, &refusing, NULL));
    MPI(MPI_Comm_set_attr(dup, refusing, NULL));
    MPI_Comm never;
    FAILS(MPI_Comm_dup(dup, &never), MPI_ERR_REQUEST);
    MPI(MPI_Comm_free(&dup));
    EQ(dup, MPI_COMM_NULL);
    MPI(MPI_Comm_free_keyval(&keyval));
    EQ(keyval, MPI_KEYVAL_INVALID);
}

static void datatypes(void)
{
    /* A structure of an int at 0 whose markers make it 4 to 20. */
    int lengths[] = {1, 1, 1};
    MPI_Aint at[] = {-4, 0, 20}, lb, extent;
    MPI_Datatype types[] = {MPI_LB, MPI_INT, MPI_UB}, made, again[3];
    MPI(MPI_Type_struct(3, lengths, at, types, &made));
    MPI(MPI_Type_get_extent(made, &lb, &extent));
    EQ(lb, -4);
    EQ(extent, 24);
    MPI(MPI_Type_free(&made));
    int sizes[] = {8, 8}, kinds[] = {MPI_DISTRIBUTE_BLOCK, MPI_DISTRIBUTE_NONE};
    int arguments[] = {MPI_DISTRIBUTE_DFLT_DARG, MPI_DISTRIBUTE_DFLT_DARG}, grid[] = {2, 1};
    MPI(MPI_Type_create_darray(2, 0, 2, sizes, kinds, arguments, grid, MPI_ORDER_C, MPI_INT, &made));
    int ints[32], ni, na, nd, combiner;
    MPI(MPI_Type_get_envelope(made, &ni, &na, &nd, &combiner));
    EQ(combiner, MPI_COMBINER_DARRAY);
    MPI(MPI_Type_get_contents(made, ni, na, nd, ints, at, again));
    EQ(again[0], MPI_INT);
    EQ(ints[ni - 1], MPI_ORDER_C);
    EQ(ints[5], MPI_DISTRIBUTE_BLOCK);
    EQ(ints[6], MPI_DISTRIBUTE_NONE);
    EQ(ints[7], MPI_DISTRIBUTE_DFLT_DARG);
    MPI(MPI_Type_free(&made));
    EQ(made, MPI_DATATYPE_NULL);
    MPI(MPI_Type_get_envelope(MPI_DOUBLE_INT, &ni, &na, &nd, &combiner));
    EQ(combiner, MPI_COMBINER_NAMED);
}

static int lower_upper(MPI_Aint *lb, MPI_Aint *ub, MPI_Datatype type)
{
    MPI_Aint extent;
    MPI(MPI_Type_get_extent(type, lb, &extent));
    *ub = *lb + extent;
    return MPI_Type_free(&type);
}

/* MPI_Type_create_struct takes the markers too. */
static void markers(void)
{
    int lengths[] = {1, 2, 1};
    MPI_Aint at[] = {-8, 0, 40}, lb, ub;
    MPI_Datatype types[] = {MPI_LB, MPI_INT, MPI_UB}, made = MPI_DATATYPE_NULL;
    MPI(MPI_Type_create_struct(3, lengths, at, types, &made));
    MPI(lower_upper(&lb, &ub, made));
    EQ(lb, -8);
    EQ(ub, 40);
    MPI(MPI_Type_create_struct(2, lengths + 1, at + 1, types + 1, &made)); /* MPI_UB alone */
    MPI(lower_upper(&lb, &ub, made));
    EQ(lb, 0);
    EQ(ub, 40);
    MPI(MPI_Type_create_struct(1, lengths + 1, at + 1, types + 1, &made)); /* no marker */
    MPI(lower_upper(&lb, &ub, made));
    EQ(ub, 2 * (int)sizeof(int));
    MPI(MPI_Type_create_struct(0, NULL, NULL, NULL, &made));
    MPI(lower_upper(&lb, &ub, made));
    EQ(ub, 0);
    FAILS(MPI_Type_create_struct(-1, lengths, at, types, &made), MPI_ERR_COUNT);
    lengths[2] = -1;
    CHECK(MPI_Type_create_struct(3, lengths, at, types, &made), "a negative length");
    lengths[2] = 0; /* counts as absent */
    MPI(MPI_Type_create_struct(3, lengths, at, types, &made));
    MPI(lower_upper(&lb, &ub, made));
    EQ(ub, 2 * (int)sizeof(int));
}

/* A call that sets a part of a status leaves the rest alone, whatever it is. */
static void parts_of_statuses(void)
{
    enum { ODD = 0x20000000 }; /* no error code of either ABI */
    MPI_Status status;
    int cancelled;
    memset(&status, 0, sizeof status);
    status.MPI_SOURCE = -4;
    status.MPI_TAG = -77;
    status.MPI_ERROR = ODD;
    MPI(MPI_Status_set_elements(&status, MPI_INT, 3));
    MPI(MPI_Status_set_cancelled(&status, 1));
    EQ(status.MPI_SOURCE, -4);
    EQ(status.MPI_TAG, -77);
    EQ(status.MPI_ERROR, ODD);
    MPI(MPI_Status_set_source(&status, MPI_ANY_SOURCE));
    EQ(status.MPI_SOURCE, MPI_ANY_SOURCE);
    EQ(status.MPI_TAG, -77);
    EQ(status.MPI_ERROR, ODD);
    MPI(MPI_Status_set_tag(&status, 5));
    EQ(status.MPI_TAG, 5);
    EQ(status.MPI_ERROR, ODD);
    MPI(MPI_Status_set_error(&status, MPI_ERR_TRUNCATE));
    EQ(status.MPI_ERROR, MPI_ERR_TRUNCATE);
    EQ(status.MPI_SOURCE, MPI_ANY_SOURCE);
    int count = -1;
    MPI(MPI_Get_count(&status, MPI_INT, &count));
    EQ(count, 3);
    MPI(MPI_Test_cancelled(&status, &cancelled));
    EQ(cancelled, 1);
    MPI(MPI_Status_set_elements(&status, MPI_INT, 4));
    MPI(MPI_Test_cancelled(&status, &cancelled));
    EQ(cancelled, 1);
}

static void mistakes(void)
{
    MPI_Comm stale, freed;
    MPI_Datatype type;
    int size;
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    MPI(MPI_Comm_dup(MPI_COMM_SELF, &stale));
    freed = stale;
    MPI(MPI_Comm_free(&freed));
    FAILS(MPI_Comm_size(stale, &size), MPI_ERR_COMM);
    MPI(MPI_Comm_dup(MPI_COMM_SELF, &freed)); /* most likely in the same slot */
    FAILS(MPI_Comm_size(stale, &size), MPI_ERR_COMM);
    MPI(MPI_Comm_free(&freed));
    FAILS(MPI_Comm_size(MPI_INT, &size), MPI_ERR_COMM);
    FAILS(MPI_Comm_size(0x101, &size), MPI_ERR_COMM); /* the standard's MPI_COMM_WORLD */
    FAILS(MPI_Comm_size(0, &size), MPI_ERR_COMM);
    FAILS(MPI_Type_size(MPI_COMM_WORLD, &size), MPI_ERR_TYPE);
    FAILS(MPI_Type_size(0x4c0004ff, &size), MPI_ERR_TYPE);
    FAILS(MPI_Send(&size, 1, MPI_INT, -4, 0, MPI_COMM_WORLD), MPI_ERR_RANK);
    FAILS(MPI_Send(&size, 1, MPI_INT, 0, -2, MPI_COMM_WORLD), MPI_ERR_TAG);
    FAILS(MPI_Bcast(&size, 1, MPI_INT, 1000, MPI_COMM_WORLD), MPI_ERR_ROOT);
    FAILS(MPI_Bcast(MPI_IN_PLACE, 1, MPI_INT, 0, MPI_COMM_WORLD), MPI_ERR_BUFFER);
    FAILS(MPI_Type_contiguous(-1, MPI_INT, &type), MPI_ERR_COUNT);
    FAILS(MPI_Waitall(-1, NULL, MPI_STATUSES_IGNORE), MPI_ERR_COUNT);
    FAILS(MPI_Comm_rank(MPI_COMM_WORLD, NULL), MPI_ERR_ARG);
    FAILS(MPI_Op_create(NULL, 1, &size), MPI_ERR_ARG);
    MPI_File file;
    FAILS(MPI_File_open(MPI_COMM_SELF, "/nowhere/x", MPI_MODE_RDONLY, MPI_INFO_NULL, &file),
          MPI_ERR_NO_SUCH_FILE);
    FAILS(MPI_File_open(MPI_COMM_SELF, "x", MPI_MODE_RDONLY | 1 << 20, MPI_INFO_NULL, &file),
          MPI_ERR_AMODE);
    FAILS(MPI_File_close(&file), MPI_ERR_FILE);
}

int main(void)
{
    START();
    EQ(ranks % 2, 0);
    numbers();
    statuses();
    callbacks();
    datatypes();
    mistakes();
    markers();
    parts_of_statuses();
    PASSED();
}
