/* Predefined operations on every type they are defined for (MPI 5.0, section
   6.9.2 to 6.9.4), and the combinations that are errors. */
#include "coll.h"
#include <complex.h>
#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

/* One text for all types: what is odd for some is meant for others. */
#pragma GCC diagnostic ignored "-Wtype-limits"
#pragma GCC diagnostic ignored "-Wint-in-bool-context"

enum { N = 37 }; /* odd, so that loops have a rest */

/* ONE(type, MPI type, op, the i-th operand of rank r, a ∘ b) */
#define ONE(C, TYPE_, OP, OPERAND, COMBINE)                                    \
    do {                                                                       \
        /* one byte off its alignment, for packed data */                      \
        char *raw_ = room((N + 1) * sizeof(C)), *out_ = room((N + 1) * sizeof(C)); \
        for (int off = 0; off < 2; off++) {                                    \
            char *in_ = raw_ + off, *got_ = out_ + off;                        \
            for (int i = 0; i < N; i++) {                                      \
                int r = rank;                                                  \
                C operand = OPERAND;                                           \
                memcpy(in_ + (size_t)i * sizeof(C), &operand, sizeof(C));      \
            }                                                                  \
            MPI(MPI_Allreduce(in_, got_, N, TYPE_, OP, MPI_COMM_WORLD));       \
            for (int i = 0; i < N; i++) {                                      \
                int r = ranks - 1;                                             \
                C b = OPERAND, got;                                            \
                for (r = ranks - 2; r >= 0; r--) {                             \
                    C a = OPERAND;                                             \
                    b = COMBINE;                                               \
                }                                                              \
                memcpy(&got, got_ + (size_t)i * sizeof(C), sizeof(C));         \
                CHECK(got == b, "%s with %s, element %d", #OP, #TYPE_, i);     \
            }                                                                  \
        }                                                                      \
        free(raw_);                                                            \
        free(out_);                                                            \
    } while (0)

/* Operands small enough that floating point is exact. */
#define SMALL(C) ((C)((i * 7 + r * 5 + 3) % 11 - (((C)-1 < (C)0 ? 5 : 0))))
#define BITS(C) ((C)(0x9e3779b97f4a7c15u * (uint64_t)(i + 1) * (uint64_t)(r + 3)))
#define TRUTH(C) ((C)((i >> (r % 5) & 1) * (i + 1)))

#define ORDERED(C, T)                                                          \
    ONE(C, T, MPI_MAX, SMALL(C), a > b ? a : b);                               \
    ONE(C, T, MPI_MIN, SMALL(C), a < b ? a : b);                               \
    ONE(C, T, MPI_SUM, SMALL(C), (C)(a + b));                                  \
    ONE(C, T, MPI_PROD, (C)((i + r) % 3 + 1), (C)(a * b))
#define INTEGER(C, T)                                                          \
    ORDERED(C, T);                                                             \
    ONE(C, T, MPI_BAND, (C)(BITS(C) | 5), (C)(a & b));                         \
    ONE(C, T, MPI_BOR, BITS(C), (C)(a | b));                                   \
    ONE(C, T, MPI_BXOR, BITS(C), (C)(a ^ b))
#define LOGICAL(C, T)                                                          \
    ONE(C, T, MPI_LAND, TRUTH(C), (C)(a && b));                                \
    ONE(C, T, MPI_LOR, TRUTH(C), (C)(a || b));                                 \
    ONE(C, T, MPI_LXOR, TRUTH(C), (C)(!a != !b))
#define C_INTEGER(C, T)                                                        \
    INTEGER(C, T);                                                             \
    if (ranks > 1) {                                                           \
        LOGICAL(C, T);                                                         \
    }
#define COMPLEX(C, T)                                                          \
    ONE(C, T, MPI_SUM, (C)((i % 5) + (r % 3) * I), a + b);                     \
    ONE(C, T, MPI_PROD, (C)((i % 2) + 1 + (r % 2) * I), a *b)

/* LOC(struct, MPI type): values repeat among ranks, so that indices decide. */
#define LOC(S, T, OP, BEATS)                                                   \
    do {                                                                       \
        S in[N], got[N];                                                       \
        memset(in, 0, sizeof in);                                              \
        memset(got, 0x77, sizeof got);                                         \
        for (int i = 0; i < N; i++) {                                          \
            in[i].v = (i * (rank % 3 + 1)) % 4 - 1;                            \
            in[i].k = (rank * 5 + i) % 7;                                      \
        }                                                                      \
        MPI(MPI_Allreduce(in, got, N, T, OP, MPI_COMM_WORLD));                 \
        for (int i = 0; i < N; i++) {                                          \
            S best = { 0 };                                                    \
            for (int r = 0; r < ranks; r++) {                                  \
                S one = { 0 };                                                 \
                one.v = (i * (r % 3 + 1)) % 4 - 1;                             \
                one.k = (r * 5 + i) % 7;                                       \
                if (r == 0 || one.v BEATS best.v || (one.v == best.v && one.k < best.k)) \
                    best = one;                                                \
            }                                                                  \
            CHECK(got[i].v == best.v && got[i].k == best.k, "%s with %s, element %d", #OP, \
                  #T, i);                                                      \
        }                                                                      \
    } while (0)
#define PAIR(V, K, T)                                                          \
    do {                                                                       \
        struct pair {                                                          \
            V v;                                                               \
            K k;                                                               \
        };                                                                     \
        LOC(struct pair, T, MPI_MINLOC, <);                                    \
        LOC(struct pair, T, MPI_MAXLOC, >);                                    \
    } while (0)

static void integers(void)
{
    C_INTEGER(signed char, MPI_SIGNED_CHAR);
    C_INTEGER(unsigned char, MPI_UNSIGNED_CHAR);
    C_INTEGER(short, MPI_SHORT);
    C_INTEGER(unsigned short, MPI_UNSIGNED_SHORT);
    C_INTEGER(int, MPI_INT);
    C_INTEGER(unsigned, MPI_UNSIGNED);
    C_INTEGER(long, MPI_LONG);
    C_INTEGER(unsigned long, MPI_UNSIGNED_LONG);
    C_INTEGER(long long, MPI_LONG_LONG);
    C_INTEGER(unsigned long long, MPI_UNSIGNED_LONG_LONG);
    C_INTEGER(int8_t, MPI_INT8_T);
    C_INTEGER(uint8_t, MPI_UINT8_T);
    C_INTEGER(int16_t, MPI_INT16_T);
    C_INTEGER(uint16_t, MPI_UINT16_T);
    C_INTEGER(int32_t, MPI_INT32_T);
    C_INTEGER(uint32_t, MPI_UINT32_T);
    C_INTEGER(int64_t, MPI_INT64_T);
    C_INTEGER(uint64_t, MPI_UINT64_T);
    INTEGER(MPI_Aint, MPI_AINT);
    INTEGER(MPI_Count, MPI_COUNT);
    INTEGER(MPI_Offset, MPI_OFFSET);
    INTEGER(int, MPI_INTEGER);
    INTEGER(int8_t, MPI_INTEGER1);
    INTEGER(int16_t, MPI_INTEGER2);
    INTEGER(int32_t, MPI_INTEGER4);
    INTEGER(int64_t, MPI_INTEGER8);
    INTEGER(__int128, MPI_INTEGER16);
    ONE(uint8_t, MPI_BYTE, MPI_BAND, BITS(uint8_t) | 5, a & b);
    ONE(uint8_t, MPI_BYTE, MPI_BOR, BITS(uint8_t), a | b);
    ONE(uint8_t, MPI_BYTE, MPI_BXOR, BITS(uint8_t), a ^ b);
}

static void others(void)
{
    ORDERED(float, MPI_FLOAT);
    ORDERED(double, MPI_DOUBLE);
    ORDERED(float, MPI_REAL);
    ORDERED(double, MPI_DOUBLE_PRECISION);
    ORDERED(float, MPI_REAL4);
    ORDERED(double, MPI_REAL8);
    COMPLEX(float complex, MPI_C_FLOAT_COMPLEX);
    COMPLEX(double complex, MPI_C_DOUBLE_COMPLEX);
    COMPLEX(float complex, MPI_CXX_FLOAT_COMPLEX);
    COMPLEX(double complex, MPI_CXX_DOUBLE_COMPLEX);
    COMPLEX(float complex, MPI_COMPLEX);
    COMPLEX(double complex, MPI_DOUBLE_COMPLEX);
    COMPLEX(float complex, MPI_COMPLEX8);
    COMPLEX(double complex, MPI_COMPLEX16);
#if defined __x86_64__
    ORDERED(long double, MPI_LONG_DOUBLE);
    COMPLEX(long double complex, MPI_C_LONG_DOUBLE_COMPLEX);
    PAIR(long double, int, MPI_LONG_DOUBLE_INT);
    /* Digits that a double has no room for. */
    long double digits = 1.0L + 0x1p-60L * (rank + 1), sum;
    MPI(MPI_Allreduce(&digits, &sum, 1, MPI_LONG_DOUBLE, MPI_PROD, MPI_COMM_SELF));
    CHECK(sum == digits, "%La", sum);
    long double half = 0x1p-64L, one = 1.0L;
    MPI(MPI_Reduce_local(&half, &one, 1, MPI_LONG_DOUBLE, MPI_SUM));
    half *= 4;
    MPI(MPI_Reduce_local(&half, &one, 1, MPI_LONG_DOUBLE, MPI_SUM));
    CHECK(one == 1.0L + 0x1p-62L, "%La", one);
#endif
    if (ranks > 1) {
        LOGICAL(int, MPI_LOGICAL);
        LOGICAL(int8_t, MPI_LOGICAL1);
        LOGICAL(int16_t, MPI_LOGICAL2);
        LOGICAL(int32_t, MPI_LOGICAL4);
        LOGICAL(int64_t, MPI_LOGICAL8);
        LOGICAL(bool, MPI_C_BOOL);
        LOGICAL(bool, MPI_CXX_BOOL);
    }
    PAIR(float, int, MPI_FLOAT_INT);
    PAIR(double, int, MPI_DOUBLE_INT);
    PAIR(long, int, MPI_LONG_INT);
    PAIR(int, int, MPI_2INT);
    PAIR(short, int, MPI_SHORT_INT);
    PAIR(float, float, MPI_2REAL);
    PAIR(double, double, MPI_2DOUBLE_PRECISION);
    PAIR(int, int, MPI_2INTEGER);
}

static void half_precision(void)
{
    uint16_t in[] = { 0x3c00, 0x7bff, 0x0001, 0xc000 }; /* 1, 65504, 2^-24, -2 */
    uint16_t inout[] = { 0x3c01, 0x7bff, 0x0001, 0x4000 }; /* 1 + 2^-10, …, 2 */
    MPI(MPI_Reduce_local(in, inout, 4, MPI_REAL2, MPI_SUM));
    EQ(inout[0], 0x4000); /* 2 + 2^-10 rounds to even */
    EQ(inout[1], 0x7c00);
    EQ(inout[2], 0x0002);
    EQ(inout[3] & 0x7fff, 0);
}

/* Holes in pairs are nobody's. */
static void holes(void)
{
    struct pair {
        short v;
        int k;
    } in = { 1, 2 }, inout = { 3, 4 };
    unsigned char *bytes = (unsigned char *)&inout;
    memset(bytes + 2, 0x5a, 2);
    MPI(MPI_Reduce_local(&in, &inout, 1, MPI_SHORT_INT, MPI_MINLOC));
    EQ(inout.v, 1);
    EQ(inout.k, 2);
    ALL(bytes + 2, 2, 0x5a);
}

static void sum_ints(void *in, void *inout, int *len, MPI_Datatype *type)
{
    EQ(*type == MPI_INT, 1);
    for (int i = 0; i < *len; i++)
        ((int *)inout)[i] += ((int *)in)[i];
}

static void wrong(void)
{
    double a[4] = { 0 }, b[4];
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
#define WRONG(TYPE_, OP)                                                       \
    FAILS(MPI_Allreduce(a, b, 1, TYPE_, OP, MPI_COMM_WORLD), MPI_ERR_OP);      \
    FAILS(MPI_Reduce_local(a, b, 1, TYPE_, OP), MPI_ERR_OP)
    WRONG(MPI_DOUBLE, MPI_BAND);
    WRONG(MPI_DOUBLE, MPI_LAND);
    WRONG(MPI_DOUBLE, MPI_MAXLOC);
    WRONG(MPI_C_DOUBLE_COMPLEX, MPI_MAX);
    WRONG(MPI_BYTE, MPI_SUM);
    WRONG(MPI_C_BOOL, MPI_SUM);
    WRONG(MPI_LOGICAL, MPI_BAND);
    WRONG(MPI_DOUBLE_INT, MPI_SUM);
    WRONG(MPI_PACKED, MPI_BOR);
    WRONG(MPI_INT, MPI_REPLACE);
    WRONG(MPI_INT, MPI_NO_OP);
    WRONG(MPI_INT, MPI_OP_NULL);
    WRONG(with_holes, MPI_SUM);
    FAILS(MPI_Reduce_local(a, a, 1, MPI_INT, MPI_SUM), MPI_ERR_BUFFER);
    FAILS(MPI_Reduce_local(a, b, -1, MPI_INT, MPI_SUM), MPI_ERR_COUNT);
    FAILS(MPI_Reduce_local(a, b, 1, MPI_DATATYPE_NULL, MPI_SUM), MPI_ERR_TYPE);
    FAILS(MPI_Reduce_local(NULL, b, 1, MPI_INT, MPI_SUM), MPI_ERR_BUFFER);

    MPI_Op op = MPI_SUM;
    FAILS(MPI_Op_free(&op), MPI_ERR_OP);
    op = MPI_OP_NULL;
    FAILS(MPI_Op_free(&op), MPI_ERR_OP);
    int commutes = -1;
    MPI(MPI_Op_commutative(MPI_SUM, &commutes));
    EQ(commutes, 1);
    MPI(MPI_Op_create(sum_ints, 0, &op));
    MPI(MPI_Op_commutative(op, &commutes));
    EQ(commutes, 0);
    int x[3] = { 1, 2, 3 }, y[3] = { 10, 20, 30 };
    MPI(MPI_Reduce_local(x, y, 3, MPI_INT, op));
    EQ(y[0] + y[1] + y[2], 66);
    EQ(MPI_Op_fromint(MPI_Op_toint(op)) == op, 1);
    MPI_Op old = op;
    MPI(MPI_Op_free(&op));
    EQ(op == MPI_OP_NULL, 1);
    FAILS(MPI_Reduce_local(x, y, 3, MPI_INT, old), MPI_ERR_OP);
}

int main(void)
{
    START();
    make_types();
    integers();
    others();
    half_precision();
    holes();
    wrong();
    MPI(MPI_Type_free(&with_holes));
    PASSED();
}
