/* A buffer that is attached to a session serves the communicators that were made
   from the session, and no others (MPI 5.0, 3.6). */
#include "check.h"

int main(void)
{
    START();
    enum { LEN = 300000 };
    MPI_Session session;
    MPI_Group group, part;
    MPI_Comm comm, copy, halves;
    MPI(MPI_Session_init(MPI_INFO_NULL, MPI_ERRORS_RETURN, &session));
    MPI(MPI_Group_from_session_pset(session, "mpi://WORLD", &group));
    MPI(MPI_Group_union(group, group, &part));
    MPI(MPI_Comm_create_from_group(part, "bsend", MPI_INFO_NULL, MPI_ERRORS_RETURN, &comm));
    MPI(MPI_Comm_dup(comm, &copy));
    MPI(MPI_Comm_split(comm, 0, -rank, &halves));
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    MPI(MPI_Comm_set_errhandler(copy, MPI_ERRORS_RETURN));
    MPI(MPI_Comm_set_errhandler(halves, MPI_ERRORS_RETURN));

    char *out = room(LEN), *in = room(LEN), *attached = room(2 * LEN), *back = NULL;
    int peer = (rank + 1) % ranks, from = (rank + ranks - 1) % ranks, size = 0;
    fill(out, LEN, (unsigned)rank);
    FAILS(MPI_Bsend(out, LEN, MPI_BYTE, peer, 1, copy), MPI_ERR_BUFFER);
    MPI(MPI_Session_attach_buffer(session, attached, 2 * LEN));
    FAILS(MPI_Bsend(out, LEN, MPI_BYTE, peer, 1, MPI_COMM_WORLD), MPI_ERR_BUFFER);
    MPI_Comm comms[] = {comm, copy, halves};
    for (int i = 0; i < 3; i++) {
        int to = i == 2 ? ranks - 1 - peer : peer, of = i == 2 ? ranks - 1 - from : from;
        MPI(MPI_Bsend(out, LEN, MPI_BYTE, to, 2, comms[i]));
        MPI(MPI_Recv(in, LEN, MPI_BYTE, of, 2, comms[i], MPI_STATUS_IGNORE));
        FILLED(in, LEN, (unsigned)from);
        MPI(MPI_Session_flush_buffer(session));
    }
    MPI(MPI_Session_detach_buffer(session, &back, &size));
    CHECK(back == attached, "%p, wanted %p", (void *)back, (void *)attached);
    EQ(size, 2 * LEN);
    MPI(MPI_Comm_free(&halves));
    MPI(MPI_Comm_free(&copy));
    MPI(MPI_Comm_free(&comm));
    MPI(MPI_Group_free(&part));
    MPI(MPI_Group_free(&group));
    MPI(MPI_Session_finalize(&session));
    PASSED();
}
