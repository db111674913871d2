/* What is left at MPI_Finalize, and ranks that end too early. */
#include "wrong.h"
#include <signal.h>

static int buffer[64];

/* receive_left, 2 ranks, exit 0, --check:
   mpirun: at MPI_Finalize rank 0 left: 1 receive from rank 1 tag 9 on MPI_COMM_WORLD; 1 receive from any rank any tag on MPI_COMM_WORLD
 */
static void receive_left(void)
{
    static MPI_Request requests[2];
    if (rank == 0) {
        MPI_Irecv(buffer, 1, MPI_INT, 1, 9, WORLD, requests);
        MPI_Irecv(buffer + 8, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, WORLD, requests + 1);
    }
    MPI_Barrier(WORLD);
}

/* receive_left_unchecked, 2 ranks, exit 0:
 */
static void receive_left_unchecked(void) { receive_left(); }

/* message_left, 2 ranks, exit 0, --check:
   mpirun: at MPI_Finalize rank 0 left: 3 messages from rank 1 tag 7 on MPI_COMM_WORLD never received
 */
static void message_left(void)
{
    if (rank == 1)
        for (int i = 0; i < 3; i++)
            MPI_Send(buffer, 1, MPI_INT, 0, 7, WORLD);
}

/* sends_left, 2 ranks, exit 0, --check:
   mpirun: at MPI_Finalize rank 1 left: 1 send to rank 0 tag 7 on MPI_COMM_WORLD; 1 send to rank 0 tag 8 on MPI_COMM_WORLD
 */
static void sends_left(void)
{
    MPI_Request request;
    if (rank == 1) {
        MPI_Isend(buffer, 1, MPI_INT, 0, 7, WORLD, &request);
        MPI_Isend(buffer, 1, MPI_INT, 0, 8, WORLD, &request);
    } else {
        MPI_Recv(buffer, 1, MPI_INT, 1, 7, WORLD, NO_STATUS);
        MPI_Recv(buffer, 1, MPI_INT, 1, 8, WORLD, NO_STATUS);
    }
}

/* persistent_left, 2 ranks, exit 0, --check:
   mpirun: at MPI_Finalize rank 0 left: 1 persistent request on MPI_COMM_WORLD never freed; 1 * request on MPI_COMM_WORLD (collective no. 1)
   mpirun: at MPI_Finalize rank 1 left: 1 * request on MPI_COMM_WORLD (collective no. 1)
 */
static void persistent_left(void)
{
    MPI_Request request;
    if (rank == 0)
        MPI_Send_init(buffer, 1, MPI_INT, 1, 7, WORLD, &request);
    MPI_Ibarrier(WORLD, &request);
}

/* communicators_left, 2 ranks, exit 0, --check:
   mpirun: at MPI_Finalize rank 1 left: 100 communicators
   mpirun: at MPI_Finalize rank 0 left: 100 communicators
 */
static void communicators_left(void)
{
    MPI_Comm copy;
    for (int i = 0; i < 100; i++)
        MPI_Comm_dup(WORLD, &copy);
}

static void keep(void *in, void *out, int *count, MPI_Datatype *type)
{
    (void)in, (void)out, (void)count, (void)type;
}

static void ignore(MPI_Comm *comm, int *code, ...) { (void)comm, (void)code; }

/* named_communicators_left, 2 ranks, exit 0, --check:
   mpirun: at MPI_Finalize rank 1 left: 2 communicators ("halo" among them)
   mpirun: at MPI_Finalize rank 0 left: 2 communicators ("halo" among them)
 */
static void named_communicators_left(void)
{
    MPI_Comm copy;
    MPI_Comm_dup(WORLD, &copy);
    MPI_Comm_dup(WORLD, &copy);
    MPI_Comm_set_name(copy, "halo");
}

/* objects_left, 2 ranks, exit 0, --check:
   mpirun: at MPI_Finalize rank 1 left: 2 datatypes; 1 group; 1 operation; 1 info object; 1 error handler
 */
static void objects_left(void)
{
    MPI_Datatype type;
    MPI_Group group;
    MPI_Op op;
    MPI_Info info;
    MPI_Errhandler handler;
    if (rank == 0)
        return;
    MPI_Type_contiguous(3, MPI_INT, &type);
    MPI_Type_dup(type, &type);
    MPI_Comm_group(WORLD, &group);
    MPI_Op_create(keep, 1, &op);
    MPI_Info_create(&info);
    MPI_Comm_create_errhandler(ignore, &handler);
}

/* window_and_file_left, 2 ranks, exit 0, --check:
   mpirun: at MPI_Finalize rank 1 left: 1 window; 1 open file
   mpirun: at MPI_Finalize rank 0 left: 1 window; 1 open file
 */
static void window_and_file_left(void)
{
    MPI_File file;
    MPI_Win win;
    int *memory;
    MPI_File_open(WORLD, "/tmp/lariat-left-file", MPI_MODE_CREATE | MPI_MODE_RDWR |
                  MPI_MODE_DELETE_ON_CLOSE, MPI_INFO_NULL, &file);
    MPI_Win_allocate(64, 4, MPI_INFO_NULL, WORLD, &memory, &win);
    remove("/tmp/lariat-left-file");
}

/* matched_and_left, 2 ranks, exit 0, --check:
   mpirun: at MPI_Finalize rank 0 left: 1 matched message never received
 */
static void matched_and_left(void)
{
    MPI_Message message;
    if (rank == 1)
        MPI_Send(buffer, 1, MPI_INT, 0, 7, WORLD);
    else
        MPI_Mprobe(1, 7, WORLD, &message, NO_STATUS);
}

/* nothing_left, 3 ranks, exit 0, --check:
 */
static void nothing_left(void)
{
    MPI_Comm copy, half;
    MPI_Datatype type;
    MPI_Request request;
    MPI_Comm_dup(WORLD, &copy);
    MPI_Comm_split(WORLD, rank % 2, 0, &half);
    MPI_Type_contiguous(3, MPI_INT, &type);
    MPI_Type_commit(&type);
    MPI_Isend(buffer, 1, type, (rank + 1) % ranks, 7, copy, &request);
    MPI_Recv(buffer + 8, 1, type, MPI_ANY_SOURCE, 7, copy, NO_STATUS);
    MPI_Wait(&request, NO_STATUS);
    MPI_Type_free(&type);
    MPI_Comm_free(&half);
    MPI_Comm_free(&copy);
}

/* exits, 3 ranks, exit 3:
   mpirun: rank 1 exited with code 3 without calling MPI_Finalize, not in MPI (last call MPI_Comm_size)
     ranks 0, 2 were waiting for it in MPI_Barrier on MPI_COMM_WORLD
 */
static void exits(void)
{
    usleep(1000000 * (rank == 1));
    if (rank == 1)
        exit(3);
    MPI_Barrier(WORLD);
}

/* aborts, 3 ranks, exit 7:
   mpirun: rank 1 called MPI_Abort on MPI_COMM_WORLD with error code 7
 */
static void aborts(void)
{
    if (rank == 1)
        MPI_Abort(WORLD, 7);
    MPI_Barrier(WORLD);
}

/* crashes, 3 ranks, exit 139:
   mpirun: rank 1 killed by SIGSEGV at address 0x8, not in MPI (last call MPI_Barrier)
     crashes at LINE, run at LINE, main at LINE; ranks 0, 2 were waiting for it in MPI_Recv on MPI_COMM_WORLD
 */
static void crashes(void)
{
    MPI_Barrier(WORLD);
    usleep(1000000 * (rank == 1));
    if (rank == 1)
        *(volatile int *)8 = 1;
    MPI_Recv(buffer, 1, MPI_INT, 1, 7, WORLD, NO_STATUS);
}

/* is_killed, 2 ranks, exit 137:
   mpirun: rank 1 killed by SIGKILL, not in MPI (last call MPI_Comm_size)
     rank 0 was waiting for it in MPI_Recv on MPI_COMM_WORLD
 */
static void is_killed(void)
{
    if (rank == 1) {
        usleep(1000000);
        raise(SIGKILL);
    }
    MPI_Recv(buffer, 1, MPI_INT, 1, 7, WORLD, NO_STATUS);
}

static const struct fault faults[] = {
    FAULT(receive_left),       FAULT(receive_left_unchecked), FAULT(message_left),
    FAULT(sends_left),         FAULT(persistent_left),        FAULT(communicators_left),
    FAULT(named_communicators_left),
    FAULT(objects_left),       FAULT(window_and_file_left),   FAULT(matched_and_left),
    FAULT(nothing_left),       FAULT(exits),                  FAULT(aborts),
    FAULT(crashes),            FAULT(is_killed),
};

RUN(MPI_THREAD_SINGLE)
