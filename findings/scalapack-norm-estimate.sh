#!/bin/bash
# ScaLAPACK 2.2.1 (Debian 12): PSLACON and PDLACON, which estimate the norm of a matrix, read
# EST, of which their description says «(global output)». What it holds before the first call
# decides what comes out: of one matrix the estimate is 1.75, or 1e+30. LAPACK's SLACON, by the
# same method, says 3, which is the norm.
#
# On entry EST is copied over the estimate of the step before, at every call, and on
# intermediate returns it is not written. PSGERFS calls PSLACON with a local
# variable that it never sets. So what lies on the stack of each process decides when it
# takes the estimate for good, and processes part: one calls PSGETRS with 'T', the others with
# 'N', and «parameter number 1 had an illegal value» is all that a user sees, or a hang. Debian's
# own test program xslu does so, on 4 processes, or not, with what the MPI leaves
# on the stack. Later sources set EST to 0 on entry, by which that estimate is still lost.
. "$(dirname "$0")/common.sh"
pypi mpich mpich==5.0.2
apt-get download -qq 2>errors libscalapack-mpich2.2=2.2.1-2+b1 libblas3=3.11.0-2 liblapack3=3.11.0-2 \
    libgfortran5=12.2.0-14+deb12u1 libquadmath0=12.2.0-14+deb12u1
for package in *.deb; do dpkg-deb -x "$package" debian; done
lib=$work/debian/usr/lib/x86_64-linux-gnu
ln -s "$work/mpich/lib/libmpi.so.12" "$lib/libmpich.so.12"
export LD_LIBRARY_PATH=$lib:$lib/blas:$lib/lapack:$work/mpich/lib
cat >program.c <<'END_OF_C'
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <string.h>
void Cblacs_get(int, int, int *);
void Cblacs_gridinit(int *, char *, int, int);
void descinit_(int *, int *, int *, int *, int *, int *, int *, int *, int *, int *);
void pslacon_(int *, float *, int *, int *, int *, float *, int *, int *, int *, int *, float *,
              int *);
void pdlacon_(int *, double *, int *, int *, int *, double *, int *, int *, int *, int *,
              double *, int *);
void slacon_(int *, float *, float *, int *, float *, int *);
/* Column 2 has the largest sum of absolute values, 3. */
static const double a[2][2] = {{0.5, 1.0}, {-0.25, -2.0}};
#define CALL_OF_PARTS(LACON) LACON(&n, v, &one, &one, desc, x, &one, &one, desc, sign, &est, &kase)
#define CALL_OF_WHOLE(LACON) LACON(&n, v, x, sign, &est, &kase)
#define NORM(NAME, REAL, CALL)                                                               \
    static double NAME(int *desc, REAL before)                                               \
    {                                                                                        \
        int n = 2, one = 1, kase = 0, sign[2];                                               \
        REAL v[2], x[2], y[2], est = before;                                                 \
        for (;;) {                                                                           \
            CALL;                                                                            \
            if (kase == 0)                                                                   \
                return est;                                                                  \
            for (int i = 0; i < 2; i++)                                                      \
                y[i] = kase == 1 ? (REAL)a[i][0] * x[0] + (REAL)a[i][1] * x[1]               \
                                 : (REAL)a[0][i] * x[0] + (REAL)a[1][i] * x[1];              \
            memcpy(x, y, sizeof x);                                                          \
        }                                                                                    \
    }
NORM(of_floats, float, CALL_OF_PARTS(pslacon_))
NORM(of_doubles, double, CALL_OF_PARTS(pdlacon_))
NORM(of_lapack, float, CALL_OF_WHOLE(slacon_))
int main(void)
{
    int context, desc[9], n = 2, one = 1, zero = 0, info;
    MPI_Init(NULL, NULL);
    Cblacs_get(-1, 0, &context);
    Cblacs_gridinit(&context, "Row", 1, 1);
    descinit_(desc, &n, &one, &n, &one, &zero, &zero, &context, &n, &info);
    printf("PSLACON: %g with EST = 0 before, %g with EST = 1e30\n", of_floats(desc, 0),
           of_floats(desc, 1e30f));
    printf("PDLACON: %g with EST = 0 before, %g with EST = 1e30\n", of_doubles(desc, 0),
           of_doubles(desc, 1e30));
    printf("SLACON of LAPACK: %g and %g\n", of_lapack(desc, 0), of_lapack(desc, 1e30f));
    MPI_Finalize();
    return 0;
}
END_OF_C
PATH=$work/mpich/bin:$PATH mpich/bin/mpicc -w -O1 -o mpich.out program.c \
    "$lib/libscalapack-mpich.so.2.2" "$lib/lapack/liblapack.so.3" -Wl,--allow-shlib-undefined
ranks mpich 1 | stated "PSLACON: 1.75 with EST = 0 before, 1e+30 with EST = 1e30" \
    "PDLACON: 1.75 with EST = 0 before, 1e+30 with EST = 1e30" "SLACON of LAPACK: 3 and 3"
