/* The names of MPI-1 that MPI-3.0 removed (MPI 5.0, section 17.1): mpi.h keeps
   them, by way of what took their place. */
#include "check.h"
#include <stddef.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

struct item {
    char kind;
    double values[2];
    int tail;
};

static void constructors(void)
{
    struct item item;
    MPI_Aint base, at[3];
    MPI(MPI_Address(&item, &base));
    MPI(MPI_Address(&item.kind, &at[0]));
    MPI(MPI_Address(item.values, &at[1]));
    MPI(MPI_Address(&item.tail, &at[2]));
    for (int i = 0; i < 3; i++)
        at[i] -= base;
    EQ(at[1], offsetof(struct item, values));

    int lengths[3] = {1, 2, 1};
    MPI_Datatype parts[3] = {MPI_CHAR, MPI_DOUBLE, MPI_INT};
    MPI_Datatype type;
    MPI(MPI_Type_struct(3, lengths, at, parts, &type));
    MPI(MPI_Type_commit(&type));
    MPI_Aint extent, lb, ub;
    MPI(MPI_Type_extent(type, &extent));
    EQ(extent, sizeof(struct item));
    MPI(MPI_Type_lb(type, &lb));
    MPI(MPI_Type_ub(type, &ub));
    EQ(lb, 0);
    EQ(ub, sizeof(struct item));

    struct item got = {0};
    item = (struct item){'a', {1.5, 2.5}, rank};
    MPI(MPI_Sendrecv(&item, 1, type, (rank + 1) % ranks, 0, &got, 1, type,
                     (rank + ranks - 1) % ranks, 0, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE));
    EQ(got.tail, (rank + ranks - 1) % ranks);
    CHECK(got.kind == 'a' && got.values[1] == 2.5, "");
    MPI(MPI_Type_free(&type));

    MPI(MPI_Type_hvector(3, 1, -16, MPI_INT, &type));
    MPI(MPI_Type_lb(type, &lb));
    MPI(MPI_Type_ub(type, &ub));
    EQ(lb, -32);
    EQ(ub, 4);
    MPI(MPI_Type_free(&type));

    MPI(MPI_Type_hindexed(3, lengths, at, MPI_INT, &type));
    MPI(MPI_Type_ub(type, &ub));
    EQ(ub, offsetof(struct item, tail) + sizeof(int));
    MPI(MPI_Type_free(&type));
}

static int seen;

static void note(MPI_Comm *comm, int *code, ...)
{
    CHECK(*comm == MPI_COMM_SELF, "");
    seen = *code;
}

static void handlers(void)
{
    MPI_Handler_function *function = note;
    MPI_Errhandler handler, set;
    MPI(MPI_Errhandler_create(function, &handler));
    MPI(MPI_Errhandler_set(MPI_COMM_SELF, handler));
    MPI(MPI_Errhandler_get(MPI_COMM_SELF, &set));
    CHECK(set == handler, "");
    MPI(MPI_Errhandler_free(&set));
    int code = MPI_Send(NULL, 0, MPI_BYTE, 7, 0, MPI_COMM_SELF);
    CHECK(code != MPI_SUCCESS && code == seen, "%d, %d", code, seen);
    MPI(MPI_Errhandler_set(MPI_COMM_SELF, MPI_ERRORS_ARE_FATAL));
    MPI(MPI_Errhandler_free(&handler));
}

int main(void)
{
    START();
    constructors();
    handlers();
    PASSED();
}
