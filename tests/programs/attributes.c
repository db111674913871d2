/* Attributes (MPI 5.0, 7.7 and 9.1.2): copied and deleted by their functions, in
   order, on communicators and datatypes; and the predefined ones. */
#include "comms.h"

static int copies, deletions, refuse;
static long order[16];

static int copy(MPI_Comm comm, int key, void *extra, void *in, void *out, int *flag)
{
    int size;
    (void)key;
    MPI(MPI_Comm_size(comm, &size)); /* a copy function may call MPI */
    copies++;
    *(void **)out = (char *)in + (intptr_t)extra;
    *flag = (intptr_t)in % 2 == 0;
    return refuse;
}

static int discard(MPI_Comm comm, int key, void *value, void *extra)
{
    int size;
    (void)key, (void)extra;
    MPI(MPI_Comm_size(comm, &size));
    if (refuse)
        return refuse;
    order[deletions++ % 16] = (long)(intptr_t)value;
    return MPI_SUCCESS;
}

static int type_discard(MPI_Datatype type, int key, void *value, void *extra)
{
    (void)type, (void)key, (void)extra;
    order[deletions++ % 16] = (long)(intptr_t)value;
    return MPI_SUCCESS;
}

static long value_of(MPI_Comm comm, int key)
{
    void *value = NULL;
    int flag = -1;
    MPI(MPI_Comm_get_attr(comm, key, &value, &flag));
    return flag ? (long)(intptr_t)value : -1;
}

static int number(int key)
{
    int *value = NULL, flag = 0;
    MPI(MPI_Comm_get_attr(MPI_COMM_WORLD, key, &value, &flag));
    EQ(flag, 1);
    return *value;
}

static void predefined(void)
{
    int flag, *value, class = 0, host = number(MPI_HOST);
    CHECK(number(MPI_TAG_UB) >= 32767, "not so");
    CHECK(number(MPI_IO) == MPI_ANY_SOURCE || number(MPI_IO) >= 0, "not so");
    CHECK(host == MPI_PROC_NULL || (host >= 0 && host < ranks), "%d", host);
    CHECK(number(MPI_WTIME_IS_GLOBAL) == 0 || number(MPI_WTIME_IS_GLOBAL) == 1, "not so");
    CHECK(number(MPI_UNIVERSE_SIZE) >= ranks, "%d", number(MPI_UNIVERSE_SIZE));
    MPI(MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_APPNUM, &value, &flag));
    CHECK(!flag || *value == 0, "not so");
    int last = number(MPI_LASTUSEDCODE);
    CHECK(last >= MPI_ERR_LASTCODE, "%d", last);
    MPI(MPI_Add_error_class(&class));
    CHECK(number(MPI_LASTUSEDCODE) >= class, "not so");
    FAILS(MPI_Comm_set_attr(MPI_COMM_WORLD, MPI_TAG_UB, NULL), MPI_ERR_KEYVAL);
    FAILS(MPI_Comm_delete_attr(MPI_COMM_WORLD, MPI_IO), MPI_ERR_KEYVAL);
    int key = MPI_TAG_UB;
    FAILS(MPI_Comm_free_keyval(&key), MPI_ERR_KEYVAL);
}

static void on_communicators(void)
{
    int plain, kept, called, key;
    MPI_Comm comm, dup;
    MPI(MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, MPI_COMM_NULL_DELETE_FN, &plain, NULL));
    MPI(MPI_Comm_create_keyval(MPI_COMM_DUP_FN, discard, &kept, NULL));
    MPI(MPI_Comm_create_keyval(copy, discard, &called, (void *)100));
    MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comm));
    EQ(value_of(comm, plain), -1);
    MPI(MPI_Comm_set_attr(comm, plain, (void *)1));
    MPI(MPI_Comm_set_attr(comm, kept, (void *)2));
    MPI(MPI_Comm_set_attr(comm, called, (void *)4));
    EQ(value_of(comm, plain), 1);
    MPI(MPI_Comm_dup(comm, &dup));
    EQ(copies, 1);
    EQ(value_of(dup, plain), -1);
    EQ(value_of(dup, kept), 2);
    EQ(value_of(dup, called), 104);
    MPI(MPI_Comm_set_attr(dup, called, (void *)7));
    EQ(deletions, 1);
    EQ(order[0], 104);

    /* Split does not copy; a copy function may decline. */
    MPI_Comm part, third;
    MPI(MPI_Comm_split(dup, 0, 0, &part));
    EQ(value_of(part, kept), -1);
    MPI(MPI_Comm_free(&part));
    MPI_Request request;
    MPI(MPI_Comm_idup(dup, &third, &request));
    MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    EQ(copies, 2);
    EQ(value_of(third, called), -1);
    EQ(value_of(third, kept), 2);
    MPI(MPI_Comm_free(&third));
    EQ(deletions, 2);

    /* A key that was freed is used up when its last attribute is deleted, wherever
       that is: a copy of its number stands for it until then. */
    key = called;
    MPI(MPI_Comm_free_keyval(&called));
    EQ(called, MPI_KEYVAL_INVALID);
    called = key;
    FAILS(MPI_Comm_free_keyval(&called), MPI_ERR_KEYVAL);
    EQ(value_of(comm, key), 4);
    EQ(value_of(dup, key), 7);
    EQ(value_of(MPI_COMM_WORLD, key), -1);
    MPI(MPI_Comm_dup(comm, &third));
    EQ(copies, 3);
    EQ(value_of(third, key), 104);
    MPI(MPI_Comm_set_attr(third, key, (void *)6));
    EQ(deletions, 3);
    EQ(order[2], 104);
    MPI(MPI_Comm_delete_attr(third, key));
    EQ(deletions, 4);
    EQ(order[3], 6);
    EQ(value_of(third, key), -1);
    FAILS(MPI_Comm_delete_attr(third, key), MPI_ERR_KEYVAL);
    MPI(MPI_Comm_free(&third));
    EQ(deletions, 5);
    MPI(MPI_Comm_free(&dup));
    EQ(deletions, 7);
    EQ(value_of(comm, key), 4);

    /* Functions that fail: the call fails with their code, and nothing changes. */
    refuse = MPI_ERR_OTHER;
    FAILS(MPI_Comm_delete_attr(comm, kept), MPI_ERR_OTHER);
    FAILS(MPI_Comm_free(&comm), MPI_ERR_OTHER);
    EQ(value_of(comm, kept), 2);
    FAILS(MPI_Comm_dup(comm, &dup), MPI_ERR_OTHER);
    refuse = 0;
    WORKS(comm, ranks, rank);
    MPI(MPI_Comm_delete_attr(comm, plain));
    FAILS(MPI_Comm_delete_attr(comm, plain), MPI_ERR_KEYVAL);
    MPI(MPI_Comm_delete_attr(comm, key));
    EQ(deletions, 8);
    FAILS(MPI_Comm_set_attr(comm, key, NULL), MPI_ERR_KEYVAL);
    void *value;
    int flag;
    FAILS(MPI_Comm_get_attr(comm, key, &value, &flag), MPI_ERR_KEYVAL);
    MPI(MPI_Comm_free(&comm));
    FAILS(MPI_Comm_set_attr(MPI_COMM_WORLD, 12345678, NULL), MPI_ERR_KEYVAL);
    FAILS(MPI_Comm_set_attr(MPI_COMM_WORLD, MPI_KEYVAL_INVALID, NULL), MPI_ERR_KEYVAL);
    MPI(MPI_Comm_free_keyval(&plain));
    MPI(MPI_Comm_free_keyval(&kept));
    deletions = 0;
}

static void on_datatypes(void)
{
    int key, kept, flag = -1;
    void *value = NULL;
    MPI_Datatype type, dup;
    MPI(MPI_Type_create_keyval(MPI_TYPE_DUP_FN, type_discard, &key, NULL));
    MPI(MPI_Type_contiguous(3, MPI_INT, &type));
    MPI(MPI_Type_set_attr(type, key, (void *)5));
    MPI(MPI_Type_dup(type, &dup));
    MPI(MPI_Type_get_attr(dup, key, &value, &flag));
    CHECK(flag && value == (void *)5, "%d %p", flag, value);
    MPI(MPI_Type_free(&dup));
    EQ(deletions, 1);
    MPI(MPI_Type_delete_attr(type, key));
    MPI(MPI_Type_get_attr(type, key, &value, &flag));
    EQ(flag, 0);
    EQ(deletions, 2);
    FAILS(MPI_Comm_set_attr(MPI_COMM_SELF, key, NULL), MPI_ERR_KEYVAL);
    /* Freed while two types have it. */
    MPI(MPI_Type_set_attr(type, key, (void *)6));
    MPI(MPI_Type_set_attr(MPI_INT, key, (void *)7));
    kept = key;
    MPI(MPI_Type_free_keyval(&key));
    MPI(MPI_Type_dup(type, &dup));
    MPI(MPI_Type_get_attr(dup, kept, &value, &flag));
    CHECK(flag && value == (void *)6, "%d %p", flag, value);
    MPI(MPI_Type_delete_attr(dup, kept));
    EQ(order[2], 6);
    MPI(MPI_Type_free(&dup));
    MPI(MPI_Type_free(&type));
    EQ(deletions, 4);
    MPI(MPI_Type_get_attr(MPI_INT, kept, &value, &flag));
    CHECK(flag && value == (void *)7, "%d %p", flag, value);
    MPI(MPI_Type_delete_attr(MPI_INT, kept));
    EQ(order[4], 7);
    FAILS(MPI_Type_get_attr(MPI_INT, kept, &value, &flag), MPI_ERR_KEYVAL);
    deletions = 0;
}

static int win_discard(MPI_Win win, int key, void *value, void *extra)
{
    void *still;
    int flag;
    (void)extra;
    MPI(MPI_Win_get_attr(win, key, &still, &flag)); /* it goes when this returns */
    CHECK(flag && still == value, "%d", flag);
    order[deletions++ % 16] = (long)(intptr_t)value;
    return MPI_SUCCESS;
}

static void on_windows(void)
{
    int key, kept, flag = -1;
    void *value = NULL;
    MPI_Win first, second;
    MPI(MPI_Win_allocate(8, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &value, &first));
    MPI(MPI_Win_allocate(8, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &value, &second));
    MPI(MPI_Win_set_errhandler(first, MPI_ERRORS_RETURN));
    MPI(MPI_Win_create_keyval(MPI_WIN_NULL_COPY_FN, win_discard, &key, NULL));
    MPI(MPI_Win_set_attr(first, key, (void *)1));
    MPI(MPI_Win_set_attr(second, key, (void *)2));
    kept = key;
    MPI(MPI_Win_free_keyval(&key));
    EQ(key, MPI_KEYVAL_INVALID);
    MPI(MPI_Win_get_attr(first, kept, &value, &flag));
    CHECK(flag && value == (void *)1, "%d %p", flag, value);
    MPI(MPI_Win_delete_attr(first, kept));
    MPI(MPI_Win_get_attr(first, kept, &value, &flag));
    EQ(flag, 0);
    MPI(MPI_Win_free(&second));
    EQ(deletions, 2);
    EQ(order[1], 2);
    FAILS(MPI_Win_get_attr(first, kept, &value, &flag), MPI_ERR_KEYVAL);
    MPI(MPI_Win_free(&first));
    deletions = 0;
}

/* A delete function may free its own key, and number after number stays valid. */
static int frees_its_key(MPI_Comm comm, int key, void *value, void *extra)
{
    (void)comm, (void)value, (void)extra;
    deletions++;
    return MPI_Comm_free_keyval(&key);
}

static void many_keys(void)
{
    for (int i = 0; i < 1000; i++) {
        int key, kept;
        MPI(MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, i % 2 ? frees_its_key : discard, &key, NULL));
        MPI(MPI_Comm_set_attr(MPI_COMM_SELF, key, &key));
        kept = key;
        if (i % 2 == 0)
            MPI(MPI_Comm_free_keyval(&key));
        MPI(MPI_Comm_delete_attr(MPI_COMM_SELF, kept));
        FAILS(MPI_Comm_free_keyval(&kept), MPI_ERR_KEYVAL);
    }
    EQ(deletions, 1000);
    deletions = 0;
}

static int last(MPI_Comm comm, int key, void *value, void *extra)
{
    int up = 0;
    (void)key, (void)extra;
    MPI(MPI_Finalized(&up));
    EQ(up, 0);
    MPI(MPI_Barrier(MPI_COMM_WORLD)); /* MPI still works */
    EQ(comm == MPI_COMM_SELF, 1);
    EQ((intptr_t)value, 3 - deletions);
    deletions++;
    return MPI_SUCCESS;
}

int main(void)
{
    START();
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    predefined();
    on_communicators();
    on_datatypes();
    on_windows();
    many_keys();
    /* On MPI_COMM_SELF: called by MPI_Finalize, the last set first. */
    for (intptr_t i = 1; i <= 3; i++) {
        int key;
        MPI(MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, last, &key, NULL));
        MPI(MPI_Comm_set_attr(MPI_COMM_SELF, key, (void *)i));
        MPI(MPI_Comm_free_keyval(&key));
    }
    MPI(MPI_Finalize());
    EQ(deletions, 3);
    printf("rank %d: %ld checks passed\n", rank, checks);
    return 0;
}
