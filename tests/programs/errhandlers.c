/* Error handlers, codes and classes (MPI 5.0, 9.3 to 9.5). */
#include "comms.h"

static int called, seen_code;
static MPI_Comm seen_comm;

static void note(MPI_Comm *comm, int *code, ...)
{
    called++;
    seen_comm = *comm;
    seen_code = *code;
}

static void other(MPI_Comm *comm, int *code, ...)
{
    (void)comm, (void)code;
    called += 100;
}

static void for_session(MPI_Session *session, int *code, ...)
{
    (void)session, (void)code;
}

static void handlers(void)
{
    MPI_Errhandler handler, got, sessions;
    MPI_Comm comm, dup;
    int x = 0;
    MPI(MPI_Comm_get_errhandler(MPI_COMM_WORLD, &got));
    CHECK(got == MPI_ERRORS_ARE_FATAL, "not so");
    MPI(MPI_Errhandler_free(&got));
    CHECK(got == MPI_ERRHANDLER_NULL, "not so");
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));

    MPI(MPI_Comm_create_errhandler(note, &handler));
    MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comm));
    MPI(MPI_Comm_set_errhandler(comm, handler));
    MPI(MPI_Comm_get_errhandler(comm, &got));
    CHECK(got == handler, "not so");
    MPI(MPI_Errhandler_free(&got));
    MPI(MPI_Errhandler_free(&handler)); /* lives on in comm */
    FAILS(MPI_Send(&x, 1, MPI_INT, ranks + 3, 0, comm), MPI_ERR_RANK);
    EQ(called, 1);
    CHECK(seen_comm == comm, "not so");
    EQ(seen_code, MPI_ERR_RANK);

    /* A duplicate inherits it, and a part; a new one does not change theirs. */
    MPI(MPI_Comm_dup(comm, &dup));
    FAILS(MPI_Bcast(&x, 1, MPI_INT, -1, dup), MPI_ERR_ROOT);
    EQ(called, 2);
    CHECK(seen_comm == dup, "not so");
    MPI(MPI_Comm_free(&dup));
    MPI(MPI_Comm_split(comm, 0, 0, &dup));
    MPI(MPI_Comm_create_errhandler(other, &handler));
    MPI(MPI_Comm_set_errhandler(comm, handler));
    MPI(MPI_Errhandler_free(&handler));
    MPI(MPI_Comm_call_errhandler(dup, MPI_ERR_OTHER));
    EQ(called, 3);
    EQ(seen_code, MPI_ERR_OTHER);
    MPI(MPI_Comm_call_errhandler(comm, MPI_ERR_OTHER));
    EQ(called, 103);
    MPI(MPI_Comm_free(&dup));

    /* Errors about no communicator go to MPI_COMM_SELF's handler. */
    MPI(MPI_Comm_create_errhandler(note, &handler));
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, handler));
    called = 0;
    FAILS(MPI_Group_size(MPI_GROUP_NULL, &x), MPI_ERR_GROUP);
    FAILS(MPI_Comm_size(MPI_COMM_NULL, &x), MPI_ERR_COMM);
    EQ(called, 2);
    CHECK(seen_comm == MPI_COMM_SELF, "not so");
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));

    MPI(MPI_Session_create_errhandler(for_session, &sessions));
    FAILS(MPI_Comm_set_errhandler(comm, sessions), MPI_ERR_ERRHANDLER);
    EQ(called, 102);
    MPI(MPI_Errhandler_free(&sessions));
    MPI(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN));
    FAILS(MPI_Comm_set_errhandler(comm, MPI_ERRHANDLER_NULL), MPI_ERR_ERRHANDLER);
    got = handler;
    MPI(MPI_Errhandler_free(&handler));
    FAILS(MPI_Comm_set_errhandler(comm, got), MPI_ERR_ERRHANDLER);
    FAILS(MPI_Errhandler_free(&got), MPI_ERR_ERRHANDLER);
    FAILS(MPI_Comm_create_errhandler(NULL, &handler), MPI_ERR_ARG);
    MPI(MPI_File_get_errhandler(MPI_FILE_NULL, &got));
    CHECK(got == MPI_ERRORS_RETURN, "not so");
    MPI(MPI_Comm_free(&comm));
}

static void codes(void)
{
    char text[MPI_MAX_ERROR_STRING];
    int len = 0, class = 0, code = 0, got = 0, x = 0;
    for (int i = 0; i <= MPI_ERR_ABI; i++) {
        MPI(MPI_Error_class(i, &got));
        EQ(got, i);
        MPI(MPI_Error_string(i, text, &len));
        CHECK(len > 0 && (int)strlen(text) == len, "%d", len);
    }
    /* The text of the last error names what was wrong. */
    FAILS(MPI_Comm_split(MPI_COMM_SELF, -77, 0, &(MPI_Comm){0}), MPI_ERR_ARG);
    MPI(MPI_Error_string(MPI_ERR_ARG, text, &len));
    CHECK(strstr(text, "-77") && strstr(text, "color"), "%s", text);

    MPI(MPI_Add_error_class(&class));
    CHECK(class > MPI_ERR_LASTCODE, "%d", class);
    MPI(MPI_Add_error_code(class, &code));
    MPI(MPI_Error_class(code, &got));
    EQ(got, class);
    MPI(MPI_Error_string(code, text, &len));
    EQ(len, 0);
    MPI(MPI_Add_error_string(code, "the rope is cut"));
    MPI(MPI_Error_string(code, text, &len));
    CHECK(!strcmp(text, "the rope is cut") && len == 15, "%s", text);
    MPI(MPI_Add_error_code(MPI_ERR_IO, &x));
    MPI(MPI_Error_class(x, &got));
    EQ(got, MPI_ERR_IO);
    FAILS(MPI_Add_error_string(MPI_ERR_ARG, "no"), MPI_ERR_ARG);
    FAILS(MPI_Remove_error_class(class), MPI_ERR_ARG);
    FAILS(MPI_Remove_error_code(code), MPI_ERR_ARG);
    MPI(MPI_Remove_error_string(code));
    MPI(MPI_Remove_error_code(code));
    MPI(MPI_Remove_error_class(class));
    MPI(MPI_Remove_error_code(x));
    FAILS(MPI_Error_class(code, &got), MPI_ERR_ARG);
    FAILS(MPI_Error_string(-3, text, &len), MPI_ERR_ARG);
}

/* A program of the time when errors about no object were MPI_COMM_WORLD's sets its
   handler alone. */
static void of_the_world(void)
{
    MPI_Errhandler handler;
    MPI_Datatype type;
    int x;
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    FAILS(MPI_Type_contiguous(-1, MPI_INT, &type), MPI_ERR_COUNT);
    FAILS(MPI_Group_size(MPI_GROUP_NULL, &x), MPI_ERR_GROUP);
    MPI(MPI_Comm_create_errhandler(note, &handler));
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, handler));
    called = 0;
    FAILS(MPI_Type_contiguous(-1, MPI_INT, &type), MPI_ERR_COUNT);
    EQ(called, 1);
    EQ(seen_code, MPI_ERR_COUNT);
    CHECK(seen_comm == MPI_COMM_WORLD, "not so");
    /* MPI_COMM_SELF's own comes first, whatever it is. */
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    FAILS(MPI_Type_contiguous(-1, MPI_INT, &type), MPI_ERR_COUNT);
    EQ(called, 1);
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, handler));
    FAILS(MPI_Type_contiguous(-1, MPI_INT, &type), MPI_ERR_COUNT);
    EQ(called, 2);
    CHECK(seen_comm == MPI_COMM_SELF, "not so");
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL));
    MPI(MPI_Errhandler_free(&handler));
    called = 0;
}

int main(void)
{
    /* Before MPI_Init: codes, info objects and error handlers. */
    MPI_Errhandler early;
    MPI(MPI_Comm_create_errhandler(note, &early));
    START();
    MPI(MPI_Errhandler_free(&early));
    of_the_world();
    handlers();
    codes();
    PASSED();
}
