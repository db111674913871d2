/* The tool information interface (MPI 5.0, section 15.3): the settings are
   control variables; errors are returned and never raised. */
#include "check.h"

int main(int argc, char **argv)
{
    int provided = -1, n = -1, i, index, zero = 0;
    MPI_T_pvar_session session;
    EQ(MPI_T_cvar_get_num(&n), MPI_T_ERR_NOT_INITIALIZED);
    MPI(MPI_T_init_thread(MPI_THREAD_MULTIPLE, &provided));
    EQ(provided, MPI_THREAD_MULTIPLE);
    MPI(MPI_Init(&argc, &argv));
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_T_cvar_get_num(&n));
    CHECK(n > 0, "%d", n);
    for (i = 0; i < n; i++) {
        char name[64], small[4], desc[256], text[64];
        int len = 0, small_len = 4, desc_len = sizeof desc, verbosity, bind, scope, count;
        uint64_t value = 0;
        MPI_Datatype type;
        MPI_T_enum values;
        MPI_T_cvar_handle handle;
        /* Asked without room, it says how much is needed. */
        MPI(MPI_T_cvar_get_info(i, NULL, &len, NULL, NULL, NULL, NULL, NULL, NULL, NULL));
        CHECK(len > 1 && len <= 64, "%d", len);
        MPI(MPI_T_cvar_get_info(i, name, &len, &verbosity, &type, &values, desc, &desc_len,
                                &bind, &scope));
        EQ(strlen(name) + 1, len);
        EQ(strlen(desc) + 1, desc_len);
        EQ(bind, MPI_T_BIND_NO_OBJECT);
        EQ(scope, MPI_T_SCOPE_READONLY);
        MPI(MPI_T_cvar_get_info(i, small, &small_len, NULL, NULL, NULL, NULL, NULL, NULL, NULL));
        EQ(strncmp(small, name, strlen(small)), 0);
        MPI(MPI_T_cvar_get_index(name, &index));
        EQ(index, i);
        MPI(MPI_T_cvar_handle_alloc(i, NULL, &handle, &count));
        if (type == MPI_CHAR) {
            CHECK(count <= 64, "%d", count);
            MPI(MPI_T_cvar_read(handle, text));
            CHECK(strlen(text) > 0, "");
        } else {
            EQ(count, 1);
            CHECK(type == MPI_UNSIGNED_LONG_LONG || type == MPI_INT, "");
            MPI(MPI_T_cvar_read(handle, &value));
            if (strcmp(name, "ring_cells") == 0)
                CHECK(value > 0 && value <= 65536, "");
        }
        EQ(MPI_T_cvar_write(handle, &zero), MPI_T_ERR_CVAR_SET_NEVER);
        MPI(MPI_T_cvar_handle_free(&handle));
        CHECK(handle == MPI_T_CVAR_HANDLE_NULL, "");
        EQ(MPI_T_cvar_read(handle, &value), MPI_T_ERR_INVALID_HANDLE);
    }
    EQ(MPI_T_cvar_get_index("no such variable", &index), MPI_T_ERR_INVALID_NAME);
    EQ(MPI_T_cvar_handle_alloc(n, NULL, NULL, NULL), MPI_T_ERR_INVALID_INDEX);
    MPI(MPI_T_pvar_session_create(&session));
    MPI(MPI_T_pvar_start(session, MPI_T_PVAR_ALL_HANDLES));
    MPI(MPI_T_pvar_session_free(&session));
    CHECK(session == MPI_T_PVAR_SESSION_NULL, "");
    EQ(MPI_T_pvar_start(session, MPI_T_PVAR_ALL_HANDLES), MPI_T_ERR_INVALID_SESSION);
    MPI(MPI_Finalize());
    MPI(MPI_T_finalize());
    EQ(MPI_T_finalize(), MPI_T_ERR_NOT_INITIALIZED);
    printf("rank %d: %ld checks passed\n", rank, checks);
    return 0;
}
