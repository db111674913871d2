/* Sessions (MPI 5.0, 11.3): a program without MPI_Init gets its communicators
   from process sets. */
#include "comms.h"

int main(void)
{
    MPI_Session session, second;
    MPI_Group world, self;
    MPI_Comm comm, alone;
    MPI_Info info;
    MPI_Errhandler handler;
    char name[MPI_MAX_PSET_NAME_LEN], value[32];
    int n = 0, len, flag, up = -1;
    MPI(MPI_Info_create(&info));
    MPI(MPI_Info_set(info, "thread_level", "MPI_THREAD_SINGLE"));
    MPI(MPI_Session_init(info, MPI_ERRORS_RETURN, &session));
    MPI(MPI_Info_free(&info));
    MPI(MPI_Initialized(&up));
    EQ(up, 0);
    MPI(MPI_Session_get_info(session, &info));
    MPI(MPI_Info_get(info, "thread_level", 31, value, &flag));
    CHECK(flag && !strcmp(value, "MPI_THREAD_SINGLE"), "%s", value);
    MPI(MPI_Info_get(info, "mpi_memory_alloc_kinds", 31, value, &flag));
    CHECK(flag && !strcmp(value, "mpi,system"), "%d %s", flag, value);
    MPI(MPI_Info_free(&info));
    MPI(MPI_Session_get_errhandler(session, &handler));
    CHECK(handler == MPI_ERRORS_RETURN, "not so");

    MPI(MPI_Session_get_num_psets(session, MPI_INFO_NULL, &n));
    CHECK(n >= 2, "%d", n);
    int found = 0;
    for (int i = 0; i < n; i++) {
        len = 0;
        MPI(MPI_Session_get_nth_pset(session, MPI_INFO_NULL, i, &len, NULL));
        CHECK(len > 1 && len <= MPI_MAX_PSET_NAME_LEN, "%d", len);
        MPI(MPI_Session_get_nth_pset(session, MPI_INFO_NULL, i, &len, name));
        EQ(strlen(name) + 1, len);
        found += !strcmp(name, "mpi://WORLD") || !strcmp(name, "mpi://SELF");
    }
    EQ(found, 2);
    FAILS(MPI_Session_get_nth_pset(session, MPI_INFO_NULL, n, &len, name), MPI_ERR_ARG);

    MPI(MPI_Group_from_session_pset(session, "mpi://WORLD", &world));
    MPI(MPI_Group_rank(world, &rank));
    MPI(MPI_Group_size(world, &ranks));
    MPI(MPI_Session_get_pset_info(session, "mpi://WORLD", &info));
    MPI(MPI_Info_get(info, "mpi_size", 31, value, &flag));
    CHECK(flag && atoi(value) == ranks, "%s", value);
    MPI(MPI_Info_free(&info));
    MPI(MPI_Group_from_session_pset(session, "mpi://SELF", &self));
    FAILS(MPI_Group_from_session_pset(session, "mpi://nowhere", &(MPI_Group){0}), MPI_ERR_ARG);

    MPI(MPI_Comm_create_from_group(world, "org.example.all", MPI_INFO_NULL, MPI_ERRORS_RETURN, &comm));
    WORKS(comm, ranks, rank);
    MPI(MPI_Comm_create_from_group(self, "org.example.self", MPI_INFO_NULL, MPI_ERRORS_RETURN, &alone));
    WORKS(alone, 1, 0);
    /* Its errors go to the handler that it brings along. */
    MPI_Comm bad;
    if (ranks > 1) {
        MPI_Group others;
        MPI(MPI_Group_difference(world, self, &others));
        FAILS(MPI_Comm_create_from_group(others, "x", MPI_INFO_NULL, MPI_ERRORS_RETURN, &bad), MPI_ERR_GROUP);
        FAILS(MPI_Intercomm_create_from_groups(self, 0, others, ranks, "x", MPI_INFO_NULL, MPI_ERRORS_RETURN, &bad), MPI_ERR_RANK);
        MPI(MPI_Group_free(&others));
    }
    MPI(MPI_Group_free(&self));
    MPI(MPI_Comm_free(&alone));
    MPI(MPI_Comm_disconnect(&comm));

    /* A second one beside it, and another after both. */
    MPI(MPI_Session_init(MPI_INFO_NULL, MPI_ERRORS_RETURN, &second));
    MPI(MPI_Session_finalize(&session));
    CHECK(session == MPI_SESSION_NULL, "not so");
    MPI(MPI_Comm_create_from_group(world, "org.example.again", MPI_INFO_NULL, MPI_ERRORS_RETURN, &comm));
    WORKS(comm, ranks, rank);
    MPI(MPI_Comm_free(&comm));
    MPI(MPI_Group_free(&world));
    MPI(MPI_Session_finalize(&second));
    MPI(MPI_Session_init(MPI_INFO_NULL, MPI_ERRORS_RETURN, &session));
    MPI(MPI_Session_finalize(&session));
    printf("rank %d: %ld checks passed\n", rank, checks);
    return 0;
}
