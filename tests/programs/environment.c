/* The environment (MPI 5.0, chapters 9, 11 and 20): start and end, versions,
   names, memory, addresses, time, statuses, handles as integers, the ABI. */
#include "check.h"

static void before(void)
{
    int flag = 7, version = 0, sub = 0, len = 0, class = 0;
    char text[MPI_MAX_LIBRARY_VERSION_STRING];
    MPI_Info info;
    MPI(MPI_Initialized(&flag));
    EQ(flag, 0);
    MPI(MPI_Finalized(&flag));
    EQ(flag, 0);
    MPI(MPI_Get_version(&version, &sub));
    EQ(version, MPI_VERSION);
    EQ(sub, MPI_SUBVERSION);
    MPI(MPI_Get_library_version(text, &len));
    EQ(strlen(text), len);
    CHECK(strncmp(text, "Lariat ", 7) == 0, "%s", text);
    MPI(MPI_Info_create(&info));
    MPI(MPI_Info_set(info, "key", "value"));
    MPI(MPI_Info_free(&info));
    MPI(MPI_Error_class(MPI_ERR_TAG, &class));
    EQ(class, MPI_ERR_TAG);
}

static void names_and_time(void)
{
    char name[MPI_MAX_PROCESSOR_NAME];
    int len = -1, flag = 0, *global;
    double then = MPI_Wtime();
    MPI(MPI_Get_processor_name(name, &len));
    CHECK(len > 0 && (size_t)len == strlen(name), "%d", len);
    CHECK(MPI_Wtick() > 0 && MPI_Wtick() < 1e-3, "%g", MPI_Wtick());
    CHECK(MPI_Wtime() >= then, "");
    MPI(MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_WTIME_IS_GLOBAL, &global, &flag));
    EQ(flag, 1);
    EQ(*global, 1);
}

static void memory(void)
{
    char *base = NULL;
    MPI_Info info;
    MPI_Aint a = 0, b = 0;
    MPI(MPI_Alloc_mem(1000, MPI_INFO_NULL, &base));
    memset(base, 1, 1000);
    MPI(MPI_Get_address(base, &a));
    MPI(MPI_Get_address(base + 999, &b));
    EQ(MPI_Aint_diff(b, a), 999);
    CHECK(MPI_Aint_add(a, 999) == b, "");
    MPI(MPI_Free_mem(base));
    MPI(MPI_Info_create(&info));
    MPI(MPI_Info_set(info, "mpi_minimum_memory_alignment", "8192"));
    MPI(MPI_Alloc_mem(1, info, &base));
    EQ((uintptr_t)base % 8192, 0);
    MPI(MPI_Free_mem(base));
    MPI(MPI_Info_set(info, "mpi_minimum_memory_alignment", "48"));
    EQ(MPI_Alloc_mem(1, info, &base), MPI_ERR_INFO_VALUE);
    MPI(MPI_Info_free(&info));
    EQ(MPI_Alloc_mem(-1, MPI_INFO_NULL, &base), MPI_ERR_ARG);
    EQ(MPI_Alloc_mem((MPI_Aint)1 << 62, MPI_INFO_NULL, &base), MPI_ERR_NO_MEM);
}

static void statuses(void)
{
    MPI_Status status;
    int value = 0;
    MPI_Count count = 0;
    MPI_Fint fortran[MPI_F_STATUS_SIZE];
    MPI_Status again;
    memset(&status, 0xff, sizeof status);
    MPI(MPI_Status_set_source(&status, 3));
    MPI(MPI_Status_set_tag(&status, 4));
    MPI(MPI_Status_set_error(&status, MPI_ERR_TAG));
    MPI(MPI_Status_set_cancelled(&status, 1));
    MPI(MPI_Status_set_elements_c(&status, MPI_DOUBLE, (MPI_Count)1 << 33));
    MPI(MPI_Status_get_source(&status, &value));
    EQ(value, 3);
    MPI(MPI_Status_get_tag(&status, &value));
    EQ(value, 4);
    MPI(MPI_Status_get_error(&status, &value));
    EQ(value, MPI_ERR_TAG);
    MPI(MPI_Test_cancelled(&status, &value));
    EQ(value, 1);
    MPI(MPI_Get_count(&status, MPI_DOUBLE, &value));
    EQ(value, MPI_UNDEFINED);
    MPI(MPI_Get_count_c(&status, MPI_DOUBLE, &count));
    EQ(count, (MPI_Count)1 << 33);
    MPI_Status_c2f(&status, fortran);
    MPI_Status_f2c(fortran, &again);
    EQ(memcmp(&status, &again, sizeof status), 0);
}

static void ignore(MPI_Comm *comm, int *code, ...)
{
    (void)comm, (void)code;
}

static void nothing(void *in, void *inout, int *len, MPI_Datatype *type)
{
    (void)in, (void)inout, (void)len, (void)type;
}

/* What mpi.h has as inline functions is there under both names (15.2). */
#define TWINS(KIND, HANDLE)                                                    \
    do {                                                                       \
        MPI_Fint one = MPI_##KIND##_c2f(HANDLE), two = PMPI_##KIND##_c2f(HANDLE); \
        EQ(one, two);                                                          \
        CHECK(MPI_##KIND##_f2c(one) == (HANDLE), "%d", one);                   \
        CHECK(PMPI_##KIND##_f2c(one) == (HANDLE), "%d", one);                  \
    } while (0)

static void twins(void)
{
    MPI_Comm comm;
    MPI_Group group;
    MPI_Datatype type;
    MPI_Op op;
    MPI_Request request;
    MPI_Errhandler handler;
    MPI_Info info;
    MPI_Win win;
    void *base;
    MPI_Session session;
    MPI_Status status, again;
    MPI_Fint fortran[MPI_F_STATUS_SIZE], twin[MPI_F_STATUS_SIZE];
    MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comm));
    MPI(MPI_Comm_group(comm, &group));
    MPI(MPI_Type_contiguous(5, MPI_INT, &type));
    MPI(MPI_Op_create(nothing, 1, &op));
    MPI(MPI_Irecv(NULL, 0, MPI_INT, 0, 3, MPI_COMM_SELF, &request));
    MPI(MPI_Comm_create_errhandler(ignore, &handler));
    MPI(MPI_Info_create(&info));
    MPI(MPI_Win_allocate(8, 1, MPI_INFO_NULL, comm, &base, &win));
    MPI(MPI_Session_init(MPI_INFO_NULL, MPI_ERRORS_RETURN, &session));
    TWINS(Comm, MPI_COMM_WORLD);
    TWINS(Comm, MPI_COMM_NULL);
    TWINS(Comm, comm);
    TWINS(Group, group);
    TWINS(Type, MPI_DOUBLE);
    TWINS(Type, type);
    TWINS(Op, MPI_SUM);
    TWINS(Op, op);
    TWINS(Request, request);
    TWINS(Errhandler, MPI_ERRORS_RETURN);
    TWINS(Errhandler, handler);
    TWINS(Info, info);
    TWINS(Win, win);
    TWINS(File, MPI_FILE_NULL);
    TWINS(Session, session);
    TWINS(Message, MPI_MESSAGE_NO_PROC);
    memset(&status, 0x5a, sizeof status);
    MPI(MPI_Status_c2f(&status, fortran));
    MPI(PMPI_Status_c2f(&status, twin));
    EQ(memcmp(fortran, twin, sizeof twin), 0);
    MPI(PMPI_Status_f2c(twin, &again));
    EQ(memcmp(&status, &again, sizeof status), 0);
    MPI(MPI_Session_finalize(&session));
    MPI(MPI_Win_free(&win));
    MPI(MPI_Info_free(&info));
    MPI(MPI_Errhandler_free(&handler));
    MPI(MPI_Cancel(&request));
    MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    MPI(MPI_Op_free(&op));
    MPI(MPI_Type_free(&type));
    MPI(MPI_Group_free(&group));
    MPI(MPI_Comm_free(&comm));
}

static void integers(void)
{
    MPI_Comm comm;
    MPI_Info info;
    MPI_Datatype type;
    MPI_Group group;
    MPI_Op op;
    MPI_Request request;
    MPI_Message message;
    CHECK(MPI_Comm_fromint(MPI_Comm_toint(MPI_COMM_WORLD)) == MPI_COMM_WORLD, "");
    EQ(MPI_Type_toint(MPI_DOUBLE), 0x214);
    CHECK(MPI_Op_f2c(MPI_Op_c2f(MPI_SUM)) == MPI_SUM, "");
    MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comm));
    CHECK(MPI_Comm_f2c(MPI_Comm_c2f(comm)) == comm, "");
    MPI(MPI_Info_create(&info));
    CHECK(MPI_Info_fromint(MPI_Info_toint(info)) == info, "");
    MPI(MPI_Type_contiguous(3, MPI_INT, &type));
    CHECK(MPI_Type_fromint(MPI_Type_toint(type)) == type, "");
    MPI(MPI_Comm_group(comm, &group));
    CHECK(MPI_Group_fromint(MPI_Group_toint(group)) == group, "");
    MPI(MPI_Op_create(nothing, 1, &op));
    CHECK(MPI_Op_fromint(MPI_Op_toint(op)) == op, "");
    CHECK(MPI_Message_fromint(MPI_Message_toint(MPI_MESSAGE_NO_PROC)) ==
              MPI_MESSAGE_NO_PROC, "");
    MPI(MPI_Irecv(NULL, 0, MPI_INT, 0, 3, MPI_COMM_SELF, &request));
    CHECK(MPI_Request_fromint(MPI_Request_toint(request)) == request, "");
    MPI(MPI_Send(NULL, 0, MPI_INT, 0, 3, MPI_COMM_SELF));
    MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    MPI(MPI_Isend(NULL, 0, MPI_INT, 0, 4, MPI_COMM_SELF, &request));
    CHECK(MPI_Request_fromint(MPI_Request_toint(request)) == request, "");
    MPI(MPI_Mprobe(0, 4, MPI_COMM_SELF, &message, MPI_STATUS_IGNORE));
    CHECK(MPI_Message_fromint(MPI_Message_toint(message)) == message, "");
    MPI(MPI_Mrecv(NULL, 0, MPI_INT, &message, MPI_STATUS_IGNORE));
    MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    MPI(MPI_Op_free(&op));
    MPI(MPI_Group_free(&group));
    MPI(MPI_Type_free(&type));
    MPI(MPI_Info_free(&info));
    MPI(MPI_Comm_free(&comm));
}

static void abi(void)
{
    int major = 0, minor = -1, flag = 0, set = 1;
    char value[8];
    MPI_Info info;
    int32_t yes = 1, no = 0;
    MPI(MPI_Abi_get_version(&major, &minor));
    EQ(major, MPI_ABI_VERSION);
    EQ(minor, MPI_ABI_SUBVERSION);
    MPI(MPI_Abi_get_info(&info));
    MPI(MPI_Info_get(info, "mpi_count_size", 7, value, &flag));
    EQ(flag, 1);
    EQ(atoi(value), sizeof(MPI_Count));
    MPI(MPI_Info_free(&info));
    MPI(MPI_Abi_get_fortran_info(&info));
    CHECK(info == MPI_INFO_NULL, "");
    MPI(MPI_Abi_get_fortran_booleans(4, &yes, &no, &set));
    EQ(set, 0);
    MPI(MPI_Abi_set_fortran_booleans(4, &yes, &no));
    yes = no = 9;
    MPI(MPI_Abi_get_fortran_booleans(4, &yes, &no, &set));
    EQ(set, 1);
    EQ(yes, 1);
    EQ(no, 0);
    EQ(MPI_Abi_set_fortran_booleans(4, &yes, &no), MPI_ERR_ABI);
}

int main(int argc, char **argv)
{
    int flag = 0, provided = -1;
    MPI_Comm parent = MPI_COMM_SELF;
    before();
    MPI(MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &provided));
    EQ(provided, MPI_THREAD_SERIALIZED);
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    MPI(MPI_Query_thread(&provided));
    EQ(provided, MPI_THREAD_SERIALIZED);
    MPI(MPI_Is_thread_main(&flag));
    EQ(flag, 1);
    MPI(MPI_Initialized(&flag));
    EQ(flag, 1);
    MPI(MPI_Comm_get_parent(&parent));
    CHECK(parent == MPI_COMM_NULL, "");
    MPI(MPI_Pcontrol(1, "more", 2));
    names_and_time();
    memory();
    statuses();
    integers();
    twins();
    abi();
    MPI(MPI_Finalize());
    MPI(MPI_Finalized(&flag));
    EQ(flag, 1);
    MPI(MPI_Initialized(&flag));
    EQ(flag, 1);
    printf("rank %d: %ld checks passed\n", rank, checks);
    return 0;
}
