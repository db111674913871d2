/* Datatypes, chapter 5: sizes and bounds, decoding, packing, received
   elements, predefined types without a name, and what is an error. */
#include "check.h"
#include <limits.h>
#include <stddef.h>

#define BOUNDS(type, size_, lb_, extent_, true_lb_, true_extent_)              \
    do {                                                                       \
        MPI_Count size, lb, extent;                                            \
        MPI(MPI_Type_size_c(type, &size));                                     \
        EQ(size, size_);                                                       \
        MPI(MPI_Type_get_extent_c(type, &lb, &extent));                        \
        EQ(lb, lb_);                                                           \
        EQ(extent, extent_);                                                   \
        MPI(MPI_Type_get_true_extent_c(type, &lb, &extent));                   \
        EQ(lb, true_lb_);                                                      \
        EQ(extent, true_extent_);                                              \
        MPI(MPI_Type_get_true_extent_x(type, &lb, &extent));                   \
        EQ(extent, true_extent_);                                              \
    } while (0)

static void predefined(void)
{
    struct pair { double value; int index; };
    struct long_pair { long double value; int index; };
    BOUNDS(MPI_INT, 4, 0, 4, 0, 4);
    BOUNDS(MPI_C_BOOL, 1, 0, 1, 0, 1);
    BOUNDS(MPI_AINT, 8, 0, 8, 0, 8);
    BOUNDS(MPI_LONG_DOUBLE, sizeof(long double), 0, 16, 0, 16);
    BOUNDS(MPI_DOUBLE_INT, 12, 0, sizeof(struct pair), 0, 12);
    BOUNDS(MPI_SHORT_INT, 6, 0, 8, 0, 8);
    BOUNDS(MPI_LONG_DOUBLE_INT, 20, 0, sizeof(struct long_pair), 0, 20);
    BOUNDS(MPI_COMPLEX32, 32, 0, 32, 0, 32);
    BOUNDS(MPI_REAL2, 2, 0, 2, 0, 2);
    BOUNDS(MPI_INTEGER16, 16, 0, 16, 0, 16);

    char name[MPI_MAX_OBJECT_NAME];
    int len, combiner, none;
    MPI(MPI_Type_get_name(MPI_DATATYPE_NULL, name, &len));
    CHECK(!strcmp(name, "MPI_DATATYPE_NULL"), "%s", name);
    MPI(MPI_Type_get_name(MPI_DOUBLE, name, &len));
    CHECK(!strcmp(name, "MPI_DOUBLE") && len == 10, "%s, %d", name, len);
    MPI(MPI_Type_get_envelope(MPI_DOUBLE, &none, &none, &none, &combiner));
    EQ(combiner, MPI_COMBINER_NAMED);
    EQ(none, 0);
}

static void bounds(void)
{
    MPI_Datatype a, b, c, d;
    int one = 1;

    /* the standard's example of markers: replicated, they stay */
    MPI(MPI_Type_create_resized(MPI_INT, -3, 9, &a));
    BOUNDS(a, 4, -3, 9, 0, 4);
    MPI(MPI_Type_contiguous(2, a, &b));
    BOUNDS(b, 8, -3, 18, 0, 13);
    /* an entry beyond the upper bound does not move it */
    MPI_Aint far[] = {0, 100};
    int ones[] = {1, 1};
    MPI_Datatype both[] = {a, MPI_INT};
    MPI(MPI_Type_create_struct(2, ones, far, both, &c));
    BOUNDS(c, 8, -3, 9, 0, 104);
    MPI(MPI_Type_free(&a));
    MPI(MPI_Type_free(&b));
    MPI(MPI_Type_free(&c));

    /* the end of a structure is padded to its strictest member */
    MPI_Aint places[] = {0, 8};
    MPI_Datatype members[] = {MPI_DOUBLE, MPI_CHAR};
    MPI(MPI_Type_create_struct(2, ones, places, members, &a));
    BOUNDS(a, 9, 0, 16, 0, 9);
    MPI(MPI_Type_contiguous(3, a, &b));
    BOUNDS(b, 27, 0, 48, 0, 41);
    MPI(MPI_Type_free(&a));
    MPI(MPI_Type_free(&b));

    /* backwards, and nothing at all */
    MPI(MPI_Type_vector(3, 1, -2, MPI_SHORT, &a));
    BOUNDS(a, 6, -8, 10, -8, 10);
    MPI(MPI_Type_contiguous(0, a, &b));
    BOUNDS(b, 0, 0, 0, 0, 0);
    MPI(MPI_Type_create_resized(b, 5, -3, &c));
    BOUNDS(c, 0, 5, -3, 0, 0);
    MPI(MPI_Type_indexed(1, &(int){0}, &one, MPI_INT, &d));
    BOUNDS(d, 0, 0, 0, 0, 0);
    MPI(MPI_Type_free(&a));
    MPI(MPI_Type_free(&b));
    MPI(MPI_Type_free(&c));
    MPI(MPI_Type_free(&d));
    EQ((size_t)d, (size_t)MPI_DATATYPE_NULL);

    /* part of an array keeps the array's extent */
    int sizes[] = {4, 6}, subsizes[] = {2, 3}, starts[] = {1, 2};
    MPI(MPI_Type_create_subarray(2, sizes, subsizes, starts, MPI_ORDER_C, MPI_INT, &a));
    BOUNDS(a, 24, 0, 96, 32, 36);
    MPI(MPI_Type_free(&a));
    MPI(MPI_Type_create_subarray(2, sizes, subsizes, starts, MPI_ORDER_FORTRAN, MPI_INT, &a));
    BOUNDS(a, 24, 0, 96, 36, 40);
    MPI(MPI_Type_free(&a));
}

/* A type of 2^62 bytes is right; one of 2^63 is an error. */
static void large(void)
{
    MPI_Datatype a, b, c, d;
    int size;
    MPI_Count big, lb;
    MPI_Aint aint, extent;
    MPI(MPI_Type_contiguous(1 << 30, MPI_INT, &a));
    MPI(MPI_Type_size(a, &size));
    EQ(size, MPI_UNDEFINED);
    MPI(MPI_Type_size_x(a, &big));
    EQ(big, 1LL << 32);
    MPI(MPI_Type_get_extent(a, &aint, &extent));
    EQ(extent, 1LL << 32);
    MPI(MPI_Type_contiguous(1 << 30, a, &b));
    MPI(MPI_Type_size_c(b, &big));
    EQ(big, 1LL << 62);
    FAILS(MPI_Type_contiguous(2, b, &c), MPI_ERR_VALUE_TOO_LARGE);
    FAILS(MPI_Type_contiguous_c(LLONG_MAX, MPI_INT, &c), MPI_ERR_VALUE_TOO_LARGE);
    FAILS(MPI_Type_create_hvector_c(3, 1, 1LL << 62, MPI_INT, &c), MPI_ERR_VALUE_TOO_LARGE);
    MPI(MPI_Type_vector_c(1, 1, LLONG_MAX, MPI_INT, &c)); /* a stride that is not used */
    MPI(MPI_Type_get_extent_c(c, &lb, &big));
    EQ(big, 4);
    MPI(MPI_Type_contiguous_c(3LL << 32, MPI_CHAR, &d));
    MPI(MPI_Type_size_c(d, &big));
    EQ(big, 3LL << 32);
    MPI(MPI_Pack_size(1, d, MPI_COMM_WORLD, &size));
    EQ(size, MPI_UNDEFINED);

    int integers, addresses, types, combiner;
    MPI_Count counts[4], ni, na, nc, nd;
    MPI_Datatype old;
    FAILS(MPI_Type_get_envelope(d, &integers, &addresses, &types, &combiner), MPI_ERR_TYPE);
    MPI(MPI_Type_get_envelope_c(d, &ni, &na, &nc, &nd, &combiner));
    EQ(ni, 0);
    EQ(na, 0);
    EQ(nc, 1);
    EQ(nd, 1);
    MPI(MPI_Type_get_contents_c(d, 0, 0, 1, 1, NULL, NULL, counts, &old));
    EQ(counts[0], 3LL << 32);
    CHECK(old == MPI_CHAR, " ");
    MPI(MPI_Type_free(&a));
    MPI(MPI_Type_free(&b));
    MPI(MPI_Type_free(&c));
    MPI(MPI_Type_free(&d));
}

static void decoding(void)
{
    MPI_Datatype vector, made, types[2], dup;
    int integers[8], ni, na, nd, combiner;
    MPI_Aint addresses[2], displs[] = {-8, 40};
    int lens[] = {2, 1};

    MPI(MPI_Type_vector(3, 2, 5, MPI_FLOAT, &vector));
    MPI_Datatype children[] = {vector, MPI_INT};
    MPI(MPI_Type_create_struct(2, lens, displs, children, &made));
    MPI(MPI_Type_free(&vector)); /* the structure keeps it */

    MPI(MPI_Type_get_envelope(made, &ni, &na, &nd, &combiner));
    EQ(ni, 3);
    EQ(na, 2);
    EQ(nd, 2);
    EQ(combiner, MPI_COMBINER_STRUCT);
    FAILS(MPI_Type_get_contents(made, 2, 2, 2, integers, addresses, types), MPI_ERR_ARG);
    MPI(MPI_Type_get_contents(made, 3, 2, 2, integers, addresses, types));
    EQ(integers[0], 2);
    EQ(integers[1], 2);
    EQ(integers[2], 1);
    EQ(addresses[0], -8);
    EQ(addresses[1], 40);
    CHECK(types[1] == MPI_INT, " ");
    vector = types[0];
    MPI(MPI_Type_get_envelope(vector, &ni, &na, &nd, &combiner));
    EQ(combiner, MPI_COMBINER_VECTOR);
    MPI(MPI_Type_get_contents(vector, 3, 0, 1, integers, NULL, types));
    EQ(integers[0], 3);
    EQ(integers[1], 2);
    EQ(integers[2], 5);
    CHECK(types[0] == MPI_FLOAT, " ");
    MPI(MPI_Type_free(&vector));

    MPI(MPI_Type_set_name(made, "mine"));
    MPI(MPI_Type_dup(made, &dup));
    char name[MPI_MAX_OBJECT_NAME];
    MPI(MPI_Type_get_name(dup, name, &ni));
    EQ(ni, 0);
    MPI(MPI_Type_get_name(made, name, &ni));
    CHECK(!strcmp(name, "mine"), "%s", name);
    MPI(MPI_Type_get_envelope(dup, &ni, &na, &nd, &combiner));
    EQ(combiner, MPI_COMBINER_DUP);
    EQ(nd, 1);
    BOUNDS(dup, 52, -8, 96, -8, 96);
    MPI(MPI_Type_free(&made));
    BOUNDS(dup, 52, -8, 96, -8, 96);
    CHECK(MPI_Type_fromint(MPI_Type_toint(dup)) == dup, " ");
    MPI(MPI_Type_free(&dup));
    CHECK(MPI_Type_fromint(MPI_Type_toint(MPI_INT)) == MPI_INT, " ");
}

static void packing(void)
{
    int matrix[4][4], column[4], i, position = 0, size;
    char packed[64];
    MPI_Datatype type;
    for (i = 0; i < 16; i++)
        matrix[i / 4][i % 4] = i;
    MPI(MPI_Type_vector(4, 1, 4, MPI_INT, &type));
    FAILS(MPI_Pack(matrix, 1, type, packed, 64, &position, MPI_COMM_WORLD), MPI_ERR_TYPE);
    MPI(MPI_Type_commit(&type));
    MPI(MPI_Pack_size(2, type, MPI_COMM_WORLD, &size));
    EQ(size, 32);
    MPI(MPI_Pack(&matrix[0][1], 1, type, packed, 64, &position, MPI_COMM_WORLD));
    EQ(position, 16);
    MPI(MPI_Pack(&matrix[0][3], 1, type, packed, 64, &position, MPI_COMM_WORLD));
    EQ(position, 32);
    FAILS(MPI_Pack(matrix, 1, type, packed, 47, &position, MPI_COMM_WORLD), MPI_ERR_TRUNCATE);
    EQ(position, 32);
    position = 16;
    MPI(MPI_Unpack(packed, 32, &position, column, 4, MPI_INT, MPI_COMM_WORLD));
    for (i = 0; i < 4; i++)
        EQ(column[i], 4 * i + 3);
    FAILS(MPI_Unpack(packed, 32, &position, column, 1, MPI_INT, MPI_COMM_WORLD),
          MPI_ERR_TRUNCATE);

    MPI_Aint at = 0, bytes;
    unsigned char canonical[16] = {0};
    long big = -2;
    MPI(MPI_Pack_external_size("external32", 2, MPI_LONG, &bytes));
    EQ(bytes, 8);
    MPI(MPI_Pack_external("external32", &big, 1, MPI_LONG, canonical, 16, &at));
    MPI(MPI_Pack_external("external32", &(short){0x0102}, 1, MPI_SHORT, canonical, 16, &at));
    EQ(at, 6);
    CHECK(!memcmp(canonical, "\xff\xff\xff\xfe\x01\x02\0", 7), " ");
    at = 0;
    big = 0;
    MPI(MPI_Unpack_external("external32", canonical, 6, &at, &big, 1, MPI_LONG));
    EQ(big, -2);
    FAILS(MPI_Pack_external_size("internal", 1, MPI_INT, &bytes), MPI_ERR_UNSUPPORTED_DATAREP);

    /* absolute addresses */
    MPI_Aint places[2];
    int a = 0, b = 0, ones[] = {1, 1};
    MPI_Datatype absolute;
    MPI(MPI_Get_address(&a, &places[0]));
    MPI(MPI_Get_address(&b, &places[1]));
    MPI(MPI_Type_create_hindexed(2, ones, places, MPI_INT, &absolute));
    MPI(MPI_Type_commit(&absolute));
    position = 0;
    MPI(MPI_Unpack(packed, 8, &position, MPI_BOTTOM, 1, absolute, MPI_COMM_WORLD));
    EQ(a, 1);
    EQ(b, 5);
    EQ(MPI_Aint_add(places[0], MPI_Aint_diff(places[1], places[0])), places[1]);
    MPI(MPI_Type_free(&absolute));
    MPI(MPI_Type_free(&type));
}

static void elements(void)
{
    MPI_Datatype type;
    MPI_Status status;
    MPI_Count large;
    int count;
    MPI_Aint displs[] = {0, 16};
    int lens[] = {2, 3};
    MPI_Datatype children[] = {MPI_DOUBLE, MPI_SHORT};
    memset(&status, 0, sizeof status);
    MPI(MPI_Type_create_struct(2, lens, displs, children, &type));
    struct { int bytes, count, elements; } want[] = {
        {0, 0, 0}, {8, MPI_UNDEFINED, 1}, {18, MPI_UNDEFINED, 3},
        {19, MPI_UNDEFINED, MPI_UNDEFINED}, {22, 1, 5}, {44, 2, 10},
        {30, MPI_UNDEFINED, 6}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        MPI(MPI_Status_set_elements(&status, MPI_BYTE, want[i].bytes));
        MPI(MPI_Get_count(&status, type, &count));
        EQ(count, want[i].count);
        MPI(MPI_Get_elements(&status, type, &count));
        EQ(count, want[i].elements);
    }
    MPI(MPI_Status_set_elements(&status, type, 7));
    MPI(MPI_Get_elements_x(&status, type, &large));
    EQ(large, 7);
    MPI(MPI_Get_count(&status, MPI_BYTE, &count));
    EQ(count, 22 + 16);
    MPI(MPI_Status_set_elements_c(&status, MPI_INT, 1LL << 33));
    MPI(MPI_Get_count(&status, MPI_INT, &count));
    EQ(count, MPI_UNDEFINED);
    MPI(MPI_Get_count_c(&status, MPI_INT, &large));
    EQ(large, 1LL << 33);
    MPI(MPI_Type_free(&type));
}

static void unnamed(void)
{
    MPI_Datatype a, b;
    int ni, na, nd, combiner, arguments[2];
    MPI(MPI_Type_create_f90_real(12, MPI_UNDEFINED, &a));
    MPI(MPI_Type_create_f90_real(12, MPI_UNDEFINED, &b));
    CHECK(a == b, "one handle for one kind");
    BOUNDS(a, 8, 0, 8, 0, 8);
    MPI(MPI_Type_get_envelope(a, &ni, &na, &nd, &combiner));
    EQ(combiner, MPI_COMBINER_F90_REAL);
    EQ(ni, 2);
    MPI(MPI_Type_get_contents(a, 2, 0, 0, arguments, NULL, NULL));
    EQ(arguments[0], 12);
    EQ(arguments[1], MPI_UNDEFINED);
    FAILS(MPI_Type_free(&a), MPI_ERR_TYPE);
    FAILS(MPI_Type_create_f90_real(MPI_UNDEFINED, MPI_UNDEFINED, &a), MPI_ERR_ARG);
    FAILS(MPI_Type_create_f90_integer(39, &a), MPI_ERR_ARG);
    MPI(MPI_Type_create_f90_integer(9, &a));
    BOUNDS(a, 4, 0, 4, 0, 4);
    MPI(MPI_Type_create_f90_complex(6, 30, &a));
    BOUNDS(a, 8, 0, 8, 0, 8);
    MPI(MPI_Type_match_size(MPI_TYPECLASS_REAL, 8, &a));
    CHECK(a == MPI_REAL8, " ");
    FAILS(MPI_Type_match_size(MPI_TYPECLASS_REAL, 3, &a), MPI_ERR_ARG);
    MPI(MPI_Type_get_value_index(MPI_DOUBLE, MPI_INT, &a));
    CHECK(a == MPI_DOUBLE_INT, " ");
    MPI(MPI_Type_get_value_index(MPI_FLOAT, MPI_INT64_T, &a));
    BOUNDS(a, 12, 0, 16, 0, 16);
    MPI(MPI_Type_get_value_index(MPI_FLOAT, MPI_FLOAT, &a));
    CHECK(a == MPI_DATATYPE_NULL, " ");
    MPI(MPI_Type_get_value_index(MPI_C_BOOL, MPI_INT, &a));
    CHECK(a == MPI_DATATYPE_NULL, " ");
}

/* Types of types, with more pieces than anybody could walk over. */
static void nested(void)
{
    MPI_Datatype rows, matrix, pair, tower[41];
    MPI_Count size, lb, extent;
    MPI(MPI_Type_vector(1000000, 1, 2, MPI_DOUBLE, &rows));
    MPI(MPI_Type_create_hvector(1000000, 1, 16000008, rows, &matrix));
    MPI(MPI_Type_commit(&matrix));
    MPI(MPI_Type_size_c(matrix, &size));
    CHECK(size == 8000000000000, "%lld", (long long)size);
    MPI(MPI_Type_create_struct(2, (int[]){1, 1}, (MPI_Aint[]){0, 16000000000000},
                               (MPI_Datatype[]){matrix, rows}, &pair));
    MPI(MPI_Type_commit(&pair));
    MPI(MPI_Type_size_c(pair, &size));
    CHECK(size == 8000008000000, "%lld", (long long)size);
    MPI(MPI_Type_vector(9, 1, 2, MPI_CHAR, &tower[0]));
    for (int level = 1; level <= 40; level++) {
        MPI(MPI_Type_create_hindexed(2, (int[]){1, 1}, (MPI_Aint[]){0, (MPI_Aint)32 << level},
                                     tower[level - 1], &tower[level]));
        MPI(MPI_Type_commit(&tower[level]));
        MPI(MPI_Type_size_c(tower[level], &size));
        CHECK(size == (MPI_Count)9 << level, "%d: %lld", level, (long long)size);
        MPI(MPI_Type_get_extent_c(tower[level], &lb, &extent));
        CHECK(lb == 0 && extent == ((MPI_Count)64 << level) - 64 + 17, "%d: %lld", level,
              (long long)extent);
    }
    for (int level = 0; level <= 40; level++)
        MPI(MPI_Type_free(&tower[level]));
    MPI(MPI_Type_free(&rows));
    MPI(MPI_Type_free(&matrix));
    MPI(MPI_Type_free(&pair));
}

static void mistakes(void)
{
    MPI_Datatype type, stale;
    int lens[] = {1, -1}, zeros[] = {0, 0}, one[] = {1}, two[] = {2};
    FAILS(MPI_Type_contiguous(-1, MPI_INT, &type), MPI_ERR_COUNT);
    FAILS(MPI_Type_contiguous(1, MPI_DATATYPE_NULL, &type), MPI_ERR_TYPE);
    FAILS(MPI_Type_contiguous(1, (MPI_Datatype)MPI_COMM_WORLD, &type), MPI_ERR_TYPE);
    FAILS(MPI_Type_vector(1, -1, 1, MPI_INT, &type), MPI_ERR_COUNT);
    FAILS(MPI_Type_indexed(2, lens, zeros, MPI_INT, &type), MPI_ERR_COUNT);
    FAILS(MPI_Type_create_subarray(1, one, two, zeros, MPI_ORDER_C, MPI_INT, &type),
          MPI_ERR_ARG);
    FAILS(MPI_Type_create_subarray(1, two, one, zeros, 5, MPI_INT, &type), MPI_ERR_ARG);
    type = MPI_INT;
    FAILS(MPI_Type_free(&type), MPI_ERR_TYPE);
    MPI(MPI_Type_commit(&type));
    MPI(MPI_Type_contiguous(1, MPI_INT, &type));
    stale = type;
    MPI(MPI_Type_free(&type));
    FAILS(MPI_Type_free(&stale), MPI_ERR_TYPE);
    FAILS(MPI_Type_get_contents(MPI_INT, 0, 0, 0, NULL, NULL, NULL), MPI_ERR_TYPE);
}

int main(void)
{
    START();
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    predefined();
    bounds();
    large();
    decoding();
    packing();
    elements();
    unnamed();
    nested();
    mistakes();
    PASSED();
}
