/* Operations on every type that is offered, with a name or without: quadruple
   precision, Fortran kinds (MPI 5.0, 19.1.9), pairs of any value and index (6.9.4), in
   reductions and in windows. The compiler's own arithmetic is what results are held
   against. */
#include "check.h"
#include <complex.h>

#pragma GCC diagnostic ignored "-Wpedantic"

#if !defined __x86_64__
typedef long double quad;
#else
typedef __float128 quad;
#endif
typedef _Complex float __attribute__((mode(TC))) quad_complex;

static uint64_t state = 88172645463325252u;
static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Any number: of like size to `near` most of the time, so that sums are not all one
   operand, with few digits at times, so that ties come up; and the odd ones. */
static quad any(const quad *near)
{
    uint64_t words[2] = { next_random(), next_random() };
    unsigned exponent = (unsigned)(words[1] >> 48 & 0x7fff);
    uint64_t kind = next_random() % 16;
    quad number;
    if (near && kind < 12) {
        uint64_t other[2];
        memcpy(other, near, 16);
        exponent = ((unsigned)(other[1] >> 48 & 0x7fff) + (unsigned)(next_random() % 240) - 120u) & 0x7fff;
    } else if (kind == 12)
        exponent = (unsigned)(next_random() % 3); /* zero, subnormal */
    else if (kind == 13)
        exponent = 0x7fff - (unsigned)(next_random() % 3); /* infinite, huge */
    else if (kind == 14)
        exponent = 0x3fff;
    if (next_random() % 3 == 0)
        words[0] = 0;
    if (next_random() % 4 == 0)
        words[0] = 0, words[1] &= 0x800f000000000000u;
    words[1] = (words[1] & 0x8000ffffffffffffu) | (uint64_t)exponent << 48;
    memcpy(&number, words, 16);
    return number;
}

static int same(quad a, quad b)
{
    return memcmp(&a, &b, 16) == 0 || (a != a && b != b);
}

static void quads_against_the_compiler(MPI_Datatype type)
{
    enum { N = 1000 };
    static quad in[N], inout[N], was[N];
    for (int round = 0; round < 30; round++) {
        for (int op = 0; op < 4; op++) {
            MPI_Op ops[] = { MPI_SUM, MPI_PROD, MPI_MIN, MPI_MAX };
            for (int i = 0; i < N; i++) {
                in[i] = any(NULL);
                was[i] = inout[i] = op == 1 ? any(NULL) : any(&in[i]);
            }
            MPI(MPI_Reduce_local(in, inout, N, type, ops[op]));
            for (int i = 0; i < N; i++) {
                quad a = in[i], b = was[i];
                quad want = op == 0 ? a + b : op == 1 ? a * b : op == 2 ? (a < b || a != a ? a : b) : (b < a || a != a ? a : b);
                CHECK(same(inout[i], want), "operation %d, element %d: %g and %g gave %g", op, i,
                      (double)a, (double)b, (double)inout[i]);
            }
        }
    }
}

static void complex_quads(MPI_Datatype type)
{
    quad_complex x = rank + 1 - 2i * rank, sum, product, want = 0, times = 1;
    for (int r = 0; r < ranks; r++) {
        quad_complex one = r + 1 - 2i * r;
        want += one;
        times *= one;
    }
    MPI(MPI_Allreduce(&x, &sum, 1, type, MPI_SUM, MPI_COMM_WORLD));
    CHECK(sum == want, "not so");
    MPI(MPI_Allreduce(&x, &product, 1, type, MPI_PROD, MPI_COMM_WORLD));
    CHECK(product == times, "not so");
    FAILS(MPI_Allreduce(&x, &sum, 1, type, MPI_MAX, MPI_COMM_WORLD), MPI_ERR_OP);
}

/* Every operation that the standard has for a group of types works on this one, in
   reductions and in windows: on ones, so that the results are known for any format. */
enum { INTEGER = 1, REAL = 2, COMPLEX = 4, LOGICAL = 8, BYTES = 16 };

typedef int equal(const void *, const void *);

static void takes(MPI_Datatype type, int group, const void *one, const void *two, equal *equal)
{
    static const struct {
        MPI_Op op;
        int groups, sums;
    } table[] = {
        { MPI_SUM, INTEGER | REAL | COMPLEX, 1 },
        { MPI_PROD, INTEGER | REAL | COMPLEX, 0 },
        { MPI_MIN, INTEGER | REAL, 0 },
        { MPI_MAX, INTEGER | REAL, 0 },
        { MPI_BAND, INTEGER | BYTES, 0 },
        { MPI_BOR, INTEGER | BYTES, 0 },
        { MPI_LAND, INTEGER | LOGICAL, 0 },
        { MPI_LOR, INTEGER | LOGICAL, 0 },
    };
    int size;
    char got[32], had[32], *base;
    MPI_Win win;
    MPI(MPI_Type_size(type, &size));
    MPI(MPI_Win_allocate(32, 1, MPI_INFO_NULL, MPI_COMM_SELF, &base, &win));
    MPI(MPI_Win_set_errhandler(win, MPI_ERRORS_RETURN));
    MPI(MPI_Win_lock(MPI_LOCK_EXCLUSIVE, 0, 0, win));
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const void *want = table[i].sums ? two : one;
        if (!(table[i].groups & group)) {
            FAILS(MPI_Reduce_local(one, got, 1, type, table[i].op), MPI_ERR_OP);
            FAILS(MPI_Accumulate(one, 1, type, 0, 0, 1, type, table[i].op, win), MPI_ERR_OP);
            continue;
        }
        memcpy(got, one, (size_t)size);
        MPI(MPI_Reduce_local(one, got, 1, type, table[i].op));
        CHECK(equal(got, want), "operation %zu", i);
        for (int how = 0; how < 3; how++) {
            memcpy(base, one, (size_t)size);
            if (how == 0)
                MPI(MPI_Accumulate(one, 1, type, 0, 0, 1, type, table[i].op, win));
            else if (how == 1)
                MPI(MPI_Fetch_and_op(one, had, type, 0, 0, table[i].op, win));
            else
                MPI(MPI_Get_accumulate(one, 1, type, had, 1, type, 0, 0, 1, type, table[i].op, win));
            MPI(MPI_Win_flush(0, win));
            CHECK(equal(base, want), "operation %zu in a window, %d", i, how);
            CHECK(how == 0 || equal(had, one), "operation %zu, what was there", i);
        }
    }
    memcpy(base, one, (size_t)size);
    MPI(MPI_Fetch_and_op(two, had, type, 0, 0, MPI_REPLACE, win));
    MPI(MPI_Win_flush(0, win));
    CHECK(equal(base, two) && equal(had, one), "replaced");
    if (group & (INTEGER | LOGICAL | BYTES)) {
        MPI(MPI_Compare_and_swap(one, one, had, type, 0, 0, win));
        MPI(MPI_Win_flush(0, win));
        CHECK(equal(base, two) && equal(had, two), "other value");
        MPI(MPI_Compare_and_swap(one, two, had, type, 0, 0, win));
        MPI(MPI_Win_flush(0, win));
        CHECK(equal(base, one) && equal(had, two), "swapped");
    } else
        FAILS(MPI_Compare_and_swap(one, one, had, type, 0, 0, win), MPI_ERR_TYPE);
    MPI(MPI_Win_unlock(0, win));
    MPI(MPI_Win_free(&win));
}

#define TAKES(C, TYPE_, GROUP)                                                 \
    do {                                                                       \
        C one_ = 1, two_ = 2;                                                  \
        int equal_(const void *a, const void *b) /* padding does not count */  \
        {                                                                      \
            C x, y;                                                            \
            memcpy(&x, a, sizeof x);                                           \
            memcpy(&y, b, sizeof y);                                           \
            return x == y;                                                     \
        }                                                                      \
        takes(TYPE_, GROUP, &one_, &two_, equal_);                             \
    } while (0)

static MPI_Datatype real_kind(int p, int r)
{
    MPI_Datatype type;
    MPI(MPI_Type_create_f90_real(p, r, &type));
    return type;
}

static MPI_Datatype complex_kind(int p, int r)
{
    MPI_Datatype type;
    MPI(MPI_Type_create_f90_complex(p, r, &type));
    return type;
}

static MPI_Datatype integer_kind(int r)
{
    MPI_Datatype type;
    MPI(MPI_Type_create_f90_integer(r, &type));
    return type;
}

static MPI_Datatype matching(int class, int size)
{
    MPI_Datatype type;
    MPI(MPI_Type_match_size(class, size, &type));
    return type;
}

static int equal2(const void *a, const void *b)
{
    return !memcmp(a, b, 2);
}

static int equal4(const void *a, const void *b)
{
    return !memcmp(a, b, 4);
}

static void every_type(void)
{
    static const uint16_t half_one = 0x3c00, half_two = 0x4000;
    static const uint32_t halves_one = 0x3c00, halves_two = 0x4000;
    takes(MPI_REAL2, REAL, &half_one, &half_two, equal2);
    takes(MPI_COMPLEX4, COMPLEX, &halves_one, &halves_two, equal4);
    takes(matching(MPI_TYPECLASS_REAL, 2), REAL, &half_one, &half_two, equal2);
    takes(matching(MPI_TYPECLASS_COMPLEX, 4), COMPLEX, &halves_one, &halves_two, equal4);
    TAKES(float, real_kind(6, MPI_UNDEFINED), REAL);
    TAKES(double, real_kind(15, 300), REAL);
    TAKES(long double, real_kind(18, 4000), REAL);
    TAKES(quad, real_kind(30, 4000), REAL);
    TAKES(float complex, complex_kind(6, 30), COMPLEX);
    TAKES(double complex, complex_kind(MPI_UNDEFINED, 300), COMPLEX);
    TAKES(long double complex, complex_kind(18, 4000), COMPLEX);
    TAKES(quad_complex, complex_kind(30, 4000), COMPLEX);
    TAKES(int8_t, integer_kind(2), INTEGER);
    TAKES(int16_t, integer_kind(4), INTEGER);
    TAKES(int32_t, integer_kind(9), INTEGER);
    TAKES(int64_t, integer_kind(18), INTEGER);
    TAKES(__int128, integer_kind(38), INTEGER);
    TAKES(float, matching(MPI_TYPECLASS_REAL, 4), REAL);
    TAKES(double, matching(MPI_TYPECLASS_REAL, 8), REAL);
    TAKES(quad, matching(MPI_TYPECLASS_REAL, 16), REAL);
    TAKES(quad_complex, matching(MPI_TYPECLASS_COMPLEX, 32), COMPLEX);
    TAKES(__int128, matching(MPI_TYPECLASS_INTEGER, 16), INTEGER);
    TAKES(quad, MPI_REAL16, REAL);
    TAKES(quad_complex, MPI_COMPLEX32, COMPLEX);
    TAKES(long double, MPI_LONG_DOUBLE, REAL);
    TAKES(long double complex, MPI_C_LONG_DOUBLE_COMPLEX, COMPLEX);
    TAKES(long double complex, MPI_CXX_LONG_DOUBLE_COMPLEX, COMPLEX);
    TAKES(__int128, MPI_INTEGER16, INTEGER);
    TAKES(char, MPI_CHAR, INTEGER);
    TAKES(signed char, MPI_SIGNED_CHAR, INTEGER);
    TAKES(unsigned char, MPI_UNSIGNED_CHAR, INTEGER);
    TAKES(char, MPI_CHARACTER, INTEGER);
    TAKES(unsigned char, MPI_BYTE, BYTES);
    TAKES(MPI_Aint, MPI_AINT, INTEGER);
    TAKES(MPI_Count, MPI_COUNT, INTEGER);
    TAKES(MPI_Offset, MPI_OFFSET, INTEGER);
    TAKES(int8_t, MPI_LOGICAL1, LOGICAL);
    TAKES(int16_t, MPI_LOGICAL2, LOGICAL);
    TAKES(int32_t, MPI_LOGICAL4, LOGICAL);
    TAKES(int64_t, MPI_LOGICAL8, LOGICAL);
    TAKES(__int128, MPI_LOGICAL16, LOGICAL);
    TAKES(int32_t, MPI_LOGICAL, LOGICAL);
    TAKES(unsigned char, MPI_C_BOOL, LOGICAL);
}

/* A pair type with the members V and K. Values repeat, so that indices decide. */
#define PAIR(V, VT, K, KT)                                                     \
    do {                                                                       \
        struct pair {                                                          \
            V v;                                                               \
            K k;                                                               \
        } in[9], got[9], room_[9], *base;                                      \
        MPI_Datatype type, three;                                              \
        MPI_Aint lb, extent;                                                   \
        MPI_Win win;                                                           \
        MPI(MPI_Type_get_value_index(VT, KT, &type));                          \
        CHECK(type != MPI_DATATYPE_NULL, "%s with %s", #VT, #KT);              \
        MPI(MPI_Type_get_extent(type, &lb, &extent));                          \
        EQ(extent, sizeof(struct pair));                                       \
        MPI(MPI_Type_contiguous(3, type, &three));                             \
        MPI(MPI_Type_commit(&three));                                          \
        for (int most = 0; most < 2; most++) {                                 \
            MPI_Op op = most ? MPI_MAXLOC : MPI_MINLOC;                        \
            memset(in, 0, sizeof in);                                          \
            memset(got, 0x5a, sizeof got);                                     \
            memset(room_, 0x5a, sizeof room_);                                 \
            for (int i = 0; i < 9; i++) {                                      \
                in[i].v = (V)((i * (rank % 3 + 1)) % 4);                       \
                in[i].k = (K)((rank * 5 + i) % 7);                             \
            }                                                                  \
            MPI(MPI_Allreduce(in, got, 9, type, op, MPI_COMM_WORLD));          \
            for (int i = 0; i < 9; i++) {                                      \
                V v = 0;                                                       \
                K k = 0;                                                       \
                for (int r = 0; r < ranks; r++) {                              \
                    V a = (V)((i * (r % 3 + 1)) % 4);                          \
                    K b = (K)((r * 5 + i) % 7);                                \
                    if (r == 0 || (most ? a > v : a < v) || (a == v && b < k)) \
                        v = a, k = b;                                          \
                }                                                              \
                CHECK(got[i].v == v && got[i].k == k, "%s with %s, element %d", #VT, #KT, i); \
                room_[i].v = v, room_[i].k = k;                                \
            }                                                                  \
            /* Holes are nobody's; but a long double has its own inside. */    \
            CHECK(VT == MPI_LONG_DOUBLE || !memcmp(got, room_, sizeof got), "%s with %s", #VT, \
                  #KT);                                                        \
            MPI(MPI_Win_allocate(sizeof in, 1, MPI_INFO_NULL, MPI_COMM_SELF, &base, &win)); \
            memcpy(base, in, sizeof in);                                       \
            base[4].k = 100;                                                   \
            MPI(MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, win));                     \
            MPI(MPI_Accumulate(in, 3, three, 0, 0, 3, three, op, win));        \
            MPI(MPI_Win_unlock(0, win));                                       \
            CHECK(base[4].k == in[4].k && base[4].v == in[4].v, "not so");     \
            MPI(MPI_Win_free(&win));                                           \
        }                                                                      \
        MPI(MPI_Type_free(&three));                                            \
    } while (0)

static void pairs(void)
{
    PAIR(uint64_t, MPI_UINT64_T, int64_t, MPI_INT64_T);
    PAIR(int8_t, MPI_INT8_T, int64_t, MPI_INT64_T);
    PAIR(double, MPI_DOUBLE, int8_t, MPI_INT8_T);
    PAIR(float, MPI_FLOAT, uint64_t, MPI_UINT64_T);
    PAIR(uint16_t, MPI_UINT16_T, uint16_t, MPI_UINT16_T);
    PAIR(uint8_t, MPI_UINT8_T, uint8_t, MPI_UINT8_T);
    PAIR(uint32_t, MPI_UINT32_T, int16_t, MPI_INT16_T);
    PAIR(int, MPI_INT, MPI_Count, MPI_COUNT);
    PAIR(long, MPI_LONG, unsigned, MPI_UNSIGNED);
    PAIR(__int128, MPI_INTEGER16, int, MPI_INT);
    PAIR(int, MPI_INT, __int128, MPI_INTEGER16);
    PAIR(long double, MPI_LONG_DOUBLE, long, MPI_LONG);
    PAIR(quad, MPI_REAL16, int, MPI_INT);
    PAIR(quad, MPI_REAL16, int64_t, MPI_INTEGER8);
    PAIR(double, MPI_DOUBLE, int, MPI_INT);
}

/* MPI_NO_OP fetches, and does nothing else (12.3.4). */
static void no_op(void)
{
    int *base, x = 5, had = 0;
    MPI_Win win;
    MPI_Request request;
    MPI(MPI_Win_allocate(4, 4, MPI_INFO_NULL, MPI_COMM_SELF, &base, &win));
    MPI(MPI_Win_set_errhandler(win, MPI_ERRORS_RETURN));
    *base = 3;
    MPI(MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, win));
    FAILS(MPI_Accumulate(&x, 1, MPI_INT, 0, 0, 1, MPI_INT, MPI_NO_OP, win), MPI_ERR_OP);
    FAILS(MPI_Accumulate(&x, 0, MPI_INT, 0, 0, 0, MPI_INT, MPI_NO_OP, win), MPI_ERR_OP);
    FAILS(MPI_Accumulate(&x, 1, MPI_INT, MPI_PROC_NULL, 0, 1, MPI_INT, MPI_NO_OP, win), MPI_ERR_OP);
    FAILS(MPI_Accumulate_c(&x, 1, MPI_INT, 0, 0, 1, MPI_INT, MPI_NO_OP, win), MPI_ERR_OP);
    FAILS(MPI_Raccumulate(&x, 1, MPI_INT, 0, 0, 1, MPI_INT, MPI_NO_OP, win, &request), MPI_ERR_OP);
    MPI(MPI_Get_accumulate(NULL, 0, MPI_INT, &had, 1, MPI_INT, 0, 0, 1, MPI_INT, MPI_NO_OP, win));
    MPI(MPI_Win_flush(0, win));
    EQ(had, 3);
    had = 0;
    MPI(MPI_Rget_accumulate(NULL, 0, MPI_INT, &had, 1, MPI_INT, 0, 0, 1, MPI_INT, MPI_NO_OP, win, &request));
    MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    EQ(had, 3);
    had = 0;
    MPI(MPI_Fetch_and_op(NULL, &had, MPI_INT, 0, 0, MPI_NO_OP, win));
    MPI(MPI_Win_unlock(0, win));
    EQ(had, 3);
    EQ(*base, 3);
    MPI(MPI_Win_free(&win));
}

int main(void)
{
    START();
    state += (uint64_t)rank;
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    quads_against_the_compiler(MPI_REAL16);
    quads_against_the_compiler(real_kind(33, 4931));
    complex_quads(MPI_COMPLEX32);
    complex_quads(complex_kind(33, 4931));
    every_type();
    pairs();
    no_op();
    PASSED();
}
