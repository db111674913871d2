/* Every predefined operation on every predefined type, on values that include
   the ends of the ranges, infinities, zeros of both signs and NaN. */
#include "oracle.h"
#include <complex.h>
#include <math.h>
#include <limits.h>

typedef struct { MPI_Datatype type; const char *name; int size; char kind; } Type; /* kind: i u f(loat) c(omplex) b p(air) */

static int n_types;
static Type list[80];

static void add(MPI_Datatype type, const char *name, int size, char kind)
{
    list[n_types++] = (Type){type, name, size, kind};
}
#define ADD(type, c, kind) add(type, #type, (int)sizeof(c), kind)

struct double_int { double v; int i; };
struct float_int { float v; int i; };
struct long_int { long v; int i; };
struct short_int { short v; int i; };
struct ld_int { long double v; int i; };

static void make_list(void)
{
    ADD(MPI_SIGNED_CHAR, signed char, 'i'); ADD(MPI_SHORT, short, 'i'); ADD(MPI_INT, int, 'i'); ADD(MPI_LONG, long, 'i');
    ADD(MPI_LONG_LONG, long long, 'i'); ADD(MPI_UNSIGNED_CHAR, char, 'u'); ADD(MPI_UNSIGNED_SHORT, short, 'u');
    ADD(MPI_UNSIGNED, int, 'u'); ADD(MPI_UNSIGNED_LONG, long, 'u'); ADD(MPI_UNSIGNED_LONG_LONG, long long, 'u');
    ADD(MPI_INT8_T, int8_t, 'i'); ADD(MPI_INT16_T, int16_t, 'i'); ADD(MPI_INT32_T, int32_t, 'i'); ADD(MPI_INT64_T, int64_t, 'i');
    ADD(MPI_UINT8_T, int8_t, 'u'); ADD(MPI_UINT16_T, int16_t, 'u'); ADD(MPI_UINT32_T, int32_t, 'u'); ADD(MPI_UINT64_T, int64_t, 'u');
    ADD(MPI_AINT, MPI_Aint, 'i'); ADD(MPI_COUNT, MPI_Count, 'i'); ADD(MPI_OFFSET, MPI_Offset, 'i');
    ADD(MPI_CHAR, char, 'i'); ADD(MPI_WCHAR, int, 'i');
    ADD(MPI_C_BOOL, _Bool, 'b'); ADD(MPI_CXX_BOOL, _Bool, 'b'); ADD(MPI_LOGICAL, int, 'l'); ADD(MPI_BYTE, char, 'u');
    ADD(MPI_INTEGER, int, 'i'); ADD(MPI_INTEGER1, int8_t, 'i'); ADD(MPI_INTEGER2, int16_t, 'i'); ADD(MPI_INTEGER4, int32_t, 'i'); ADD(MPI_INTEGER8, int64_t, 'i');
    ADD(MPI_FLOAT, float, 'f'); ADD(MPI_DOUBLE, double, 'f'); ADD(MPI_LONG_DOUBLE, long double, 'f');
    ADD(MPI_REAL, float, 'f'); ADD(MPI_DOUBLE_PRECISION, double, 'f'); ADD(MPI_REAL4, float, 'f'); ADD(MPI_REAL8, double, 'f');
    ADD(MPI_C_FLOAT_COMPLEX, float complex, 'c'); ADD(MPI_C_DOUBLE_COMPLEX, double complex, 'c');
    ADD(MPI_C_LONG_DOUBLE_COMPLEX, long double complex, 'c'); ADD(MPI_CXX_DOUBLE_COMPLEX, double complex, 'c');
    ADD(MPI_COMPLEX, float complex, 'c'); ADD(MPI_DOUBLE_COMPLEX, double complex, 'c'); ADD(MPI_COMPLEX8, float complex, 'c'); ADD(MPI_COMPLEX16, double complex, 'c');
    ADD(MPI_2INT, int[2], 'p'); ADD(MPI_DOUBLE_INT, struct double_int, 'p'); ADD(MPI_FLOAT_INT, struct float_int, 'p');
    ADD(MPI_LONG_INT, struct long_int, 'p'); ADD(MPI_SHORT_INT, struct short_int, 'p'); ADD(MPI_LONG_DOUBLE_INT, struct ld_int, 'p');
    ADD(MPI_2INTEGER, int[2], 'p'); ADD(MPI_2REAL, float[2], 'p'); ADD(MPI_2DOUBLE_PRECISION, double[2], 'p');
}

enum { N = 49 };
static const double reals[7] = {0.0, -0.0, 1.5, -3.25, INFINITY, -INFINITY, NAN};

static void put_real(void *to, int size, double v)
{
    if (size == 4)
        *(float *)to = (float)v;
    else if (size == 8)
        memcpy(to, &v, 8);
    else {
        long double l = v;
        memcpy(to, &l, sizeof l);
    }
}

/* The i-th value of one side: the left takes i/7, the right i%7. */
static void put_value(const Type *type, unsigned char *to, int which)
{
    static const long long whole[7] = {0, 1, -1, 5, 6, LLONG_MIN, LLONG_MAX};
    memset(to, 0, (size_t)type->size);
    if (type->kind == 'b' || type->kind == 'l')
        to[0] = which % 2;
    else if (type->kind == 'f')
        put_real(to, type->size, reals[which]);
    else if (type->kind == 'c') {
        put_real(to, type->size / 2, (double[]){0, 1, -2, 3, 0.5, -1, 7}[which]);
        put_real(to + type->size / 2, type->size / 2, (double[]){0, -1, 4, 2, 0.25, 0, -3}[which]);
    } else if (type->kind == 'p') {
        int v = which < 4 ? 3 : which, index = (which * 5) % 7;
        if (type->type == MPI_2INT || type->type == MPI_2INTEGER)
            memcpy(to, (int[]){v, index}, 8);
        else if (type->type == MPI_2REAL)
            memcpy(to, (float[]){(float)v, (float)index}, 8);
        else if (type->type == MPI_2DOUBLE_PRECISION)
            memcpy(to, (double[]){v, index}, 16);
        else if (type->type == MPI_DOUBLE_INT)
            ((struct double_int *)to)->v = v, ((struct double_int *)to)->i = index;
        else if (type->type == MPI_FLOAT_INT)
            ((struct float_int *)to)->v = (float)v, ((struct float_int *)to)->i = index;
        else if (type->type == MPI_LONG_INT)
            ((struct long_int *)to)->v = v, ((struct long_int *)to)->i = index;
        else if (type->type == MPI_SHORT_INT)
            ((struct short_int *)to)->v = (short)v, ((struct short_int *)to)->i = index;
        else {
            struct ld_int x;
            memset(&x, 0, sizeof x);
            long double l = v;
            memcpy(to, &l, 10);
            memcpy(to + ((char *)&x.i - (char *)&x), &index, 4);
        }
    } else {
        long long v = whole[which];
        if (which >= 5 && type->size < 8) {
            v = which == 5 ? -(1LL << (8 * type->size - 1)) : (1LL << (8 * type->size - 1)) - 1;
        }
        memcpy(to, &v, (size_t)type->size);
    }
}

/* Values as text: bytes, but a NaN is a NaN and padding is left out. */
static void say_value(const Type *type, const unsigned char *at, int loose)
{
    int part = type->kind == 'c' ? type->size / 2 : type->size;
    if (type->kind == 'f' || type->kind == 'c')
        for (int i = 0; i < type->size; i += part) {
            long double v = part == 4 ? *(const float *)(at + i) : part == 8 ? *(const double *)(at + i) : *(const long double *)(at + i);
            if (loose && type->kind == 'f' && v == 0) /* which zero is left open */
                say(" 0");
            else if (isnan(v))
                say(" nan");
            else
                say(" %La", v);
        }
    else if (type->kind == 'p' && type->type != MPI_2INT) {
        if (type->type == MPI_LONG_DOUBLE_INT)
            say(" %Lg/%d", *(const long double *)at, ((const struct ld_int *)at)->i);
        else if (type->type == MPI_SHORT_INT)
            say(" %d/%d", ((const struct short_int *)at)->v, ((const struct short_int *)at)->i);
        else if (type->size == 16 && type->type != MPI_2DOUBLE_PRECISION) {
            say(" ");
            say_bytes(at, 12);
        } else {
            say(" ");
            say_bytes(at, (size_t)type->size);
        }
    } else {
        say(" ");
        say_bytes(at, (size_t)type->size);
    }
}

int main(void)
{
    begin();
    make_list();
    static const char *const names[] = {"MAX", "MIN", "SUM", "PROD", "LAND", "BAND", "LOR", "BOR", "LXOR", "BXOR", "MINLOC", "MAXLOC", "REPLACE", "NO_OP"};
    MPI_Op ops[] = {MPI_MAX, MPI_MIN, MPI_SUM, MPI_PROD, MPI_LAND, MPI_BAND, MPI_LOR, MPI_BOR, MPI_LXOR, MPI_BXOR, MPI_MINLOC, MPI_MAXLOC, MPI_REPLACE, MPI_NO_OP};
    for (int t = 0; t < n_types; t++)
        for (int o = 0; o < 14; o++) {
            const Type *type = &list[t];
            static unsigned char left[N * 64], right[N * 64] __attribute__((aligned(16)));
            int flag;
            for (int i = 0; i < N; i++)
                put_value(type, left + i * type->size, i / 7), put_value(type, right + i * type->size, i % 7);
            int code = MPI_Reduce_local(left, right, N, type->type, ops[o]);
            MPI_Op_commutative(ops[o], &flag);
            say("%s on %s: %s %d:", names[o], type->name, class_name(code), flag);
            for (int i = 0; code == MPI_SUCCESS && i < N; i++)
                if (o > 1 || type->kind != 'f' || (i / 7 != 6 && i % 7 != 6)) /* the order of NaN is left open */
                    say_value(type, right + i * type->size, o < 2);
            say("\n");
            if (code != MPI_SUCCESS || o >= 12 || (t % 3 && ranks > 3))
                continue;
            /* all ranks together, on values whose result no order changes */
            for (int i = 0; i < 7; i++)
                put_value(type, left + i * type->size, type->kind == 'f' ? 2 + (i + rank) % 2 : (i * 3 + rank) % 7);
            memset(right, 0, sizeof right);
            if (o < 2 || type->kind != 'c')
                code = MPI_Allreduce(left, right, 7, type->type, ops[o], MPI_COMM_WORLD);
            say("  together %s on %s: %s", names[o], type->name, class_name(code));
            for (int i = 0; code == MPI_SUCCESS && i < 7; i++)
                say_value(type, right + i * type->size, o < 2);
            say("\n");
        }
    return finish();
}
