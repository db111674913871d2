/* The names of MPI-1 that MPI-3.0 removed (MPI 5.0, section 17.1): mpi.h keeps
   them, by way of what took their place, and so does the library, for programs that
   were built with another header. */
#define _GNU_SOURCE
#include "check.h"
#include <dlfcn.h>
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

/* The library's own, as a program that was built long ago finds them. */
#define OLD(RESULT, NAME, ...)                                                 \
    RESULT (*NAME)(__VA_ARGS__) = (RESULT (*)(__VA_ARGS__))dlsym(RTLD_DEFAULT, prefixed(prefix, #NAME))

static const char *prefixed(const char *prefix, const char *name)
{
    static char text[64];
    snprintf(text, sizeof text, "%sMPI_%s", prefix, name);
    CHECK(dlsym(RTLD_DEFAULT, text), "%s", text);
    return text;
}

static void exported(const char *prefix)
{
    OLD(int, Address, void *, MPI_Aint *);
    OLD(int, Errhandler_create, MPI_Handler_function *, MPI_Errhandler *);
    OLD(int, Errhandler_get, MPI_Comm, MPI_Errhandler *);
    OLD(int, Errhandler_set, MPI_Comm, MPI_Errhandler);
    OLD(int, Type_extent, MPI_Datatype, MPI_Aint *);
    OLD(int, Type_hindexed, int, int *, MPI_Aint *, MPI_Datatype, MPI_Datatype *);
    OLD(int, Type_hvector, int, int, MPI_Aint, MPI_Datatype, MPI_Datatype *);
    OLD(int, Type_lb, MPI_Datatype, MPI_Aint *);
    OLD(int, Type_struct, int, int *, MPI_Aint *, MPI_Datatype *, MPI_Datatype *);
    OLD(int, Type_ub, MPI_Datatype, MPI_Aint *);
    MPI_Aint at, extent, lb, ub, places[2] = {8, 0};
    MPI_Datatype type, parts[2] = {MPI_INT, MPI_DOUBLE};
    MPI_Errhandler handler, set;
    int lengths[2] = {2, 1};
    MPI(Address(&at, &at));
    EQ(at, (intptr_t)&at);
    MPI(Type_struct(2, lengths, places, parts, &type));
    MPI(Type_extent(type, &extent));
    MPI(Type_lb(type, &lb));
    MPI(Type_ub(type, &ub));
    EQ(extent, 16);
    EQ(lb, 0);
    EQ(ub, 16);
    MPI(MPI_Type_free(&type));
    MPI(Type_hvector(3, 1, -16, MPI_INT, &type));
    MPI(Type_lb(type, &lb));
    MPI(Type_ub(type, &ub));
    EQ(lb, -32);
    EQ(ub, 4);
    MPI(MPI_Type_free(&type));
    MPI(Type_hindexed(2, lengths, places, MPI_INT, &type));
    MPI(Type_extent(type, &extent));
    EQ(extent, 16);
    MPI(MPI_Type_free(&type));
    MPI(Errhandler_create(note, &handler));
    MPI(Errhandler_set(MPI_COMM_SELF, handler));
    MPI(Errhandler_get(MPI_COMM_SELF, &set));
    CHECK(set == handler, "");
    MPI(MPI_Errhandler_free(&set));
    seen = 0;
    int code = Type_ub(MPI_DATATYPE_NULL, &ub);
    CHECK(code != MPI_SUCCESS && code == seen, "%d, %d", code, seen);
    MPI(Errhandler_set(MPI_COMM_SELF, MPI_ERRORS_ARE_FATAL));
    MPI(MPI_Errhandler_free(&handler));
}

int main(void)
{
    START();
    constructors();
    handlers();
    exported("");
    exported("P");
    PASSED();
}
