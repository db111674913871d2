/* Checks for rank programs. A check that fails says where, on which rank and
   with which values, and aborts the job; PASSED() ends a program that got
   through. Nothing here needs more of MPI than the rank's own number. */
#ifndef CHECK_H
#define CHECK_H

#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((unused)) static int rank = -1, ranks = -1; /* of MPI_COMM_WORLD */
static _Thread_local long checks; /* of this thread */

static inline void check_failed(const char *file, int line)
{
    fprintf(stderr, "%s:%d: rank %d: ", file, line, rank);
}

static inline void check_abort(void)
{
    int up = 0, down = 0;
    fputc('\n', stderr);
    fflush(stderr);
    MPI_Initialized(&up);
    MPI_Finalized(&down);
    if (up && !down)
        MPI_Abort(MPI_COMM_WORLD, 99);
    _Exit(99);
}

/* CHECK(condition, "format", values…): the format may be "" . */
#define CHECK(condition, ...)                                                  \
    do {                                                                       \
        checks++;                                                              \
        if (!(condition)) {                                                    \
            check_failed(__FILE__, __LINE__);                                  \
            fprintf(stderr, "not so: %s: ", #condition);                       \
            fprintf(stderr, __VA_ARGS__);                                      \
            check_abort();                                                     \
        }                                                                      \
    } while (0)

/* Two integers are equal. */
#define EQ(got, want)                                                          \
    do {                                                                       \
        long long got_ = (long long)(got), want_ = (long long)(want);          \
        checks++;                                                              \
        if (got_ != want_) {                                                   \
            check_failed(__FILE__, __LINE__);                                  \
            fprintf(stderr, "%s is %lld, wanted %s = %lld", #got, got_, #want, \
                    want_);                                                    \
            check_abort();                                                     \
        }                                                                      \
    } while (0)

/* An MPI call succeeds. */
#define MPI(call)                                                              \
    do {                                                                       \
        int code_ = (call);                                                    \
        checks++;                                                              \
        if (code_ != MPI_SUCCESS) {                                            \
            check_failed(__FILE__, __LINE__);                                  \
            fprintf(stderr, "%s returned %d", #call, code_);                   \
            check_abort();                                                     \
        }                                                                      \
    } while (0)

/* An MPI call returns an error of this class. */
#define FAILS(call, class_wanted)                                              \
    do {                                                                       \
        int code_ = (call), class_ = MPI_SUCCESS;                              \
        checks++;                                                              \
        if (code_ != MPI_SUCCESS)                                              \
            MPI_Error_class(code_, &class_);                                   \
        if (class_ != (class_wanted)) {                                        \
            check_failed(__FILE__, __LINE__);                                  \
            fprintf(stderr, "%s returned class %d, wanted %s = %d", #call,     \
                    class_, #class_wanted, (int)(class_wanted));               \
            check_abort();                                                     \
        }                                                                      \
    } while (0)

/* MPI is up, and rank and ranks are known. */
#define START()                                                                \
    do {                                                                       \
        MPI(MPI_Init(NULL, NULL));                                             \
        MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));                             \
        MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));                            \
    } while (0)

/* The last line of main. */
#define PASSED()                                                               \
    do {                                                                       \
        MPI(MPI_Finalize());                                                   \
        printf("rank %d: %ld checks passed\n", rank, checks);                  \
        return 0;                                                              \
    } while (0)

/* Bytes that tell which message they belong to, and where in it they are. */
static inline void fill(void *buffer, size_t len, unsigned seed)
{
    unsigned char *bytes = buffer;
    uint32_t state = seed * 2654435761u + 12345u;
    for (size_t i = 0; i < len; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[i] = (unsigned char)(state >> 24);
    }
}

/* The bytes are those that fill() wrote with this seed. */
static inline void check_filled(const char *file, int line, const void *buffer,
                                size_t len, unsigned seed)
{
    const unsigned char *bytes = buffer;
    uint32_t state = seed * 2654435761u + 12345u;
    checks++;
    for (size_t i = 0; i < len; i++) {
        state = state * 1664525u + 1013904223u;
        if (bytes[i] != (unsigned char)(state >> 24)) {
            check_failed(file, line);
            fprintf(stderr, "byte %zu of %zu is 0x%02x, wanted 0x%02x (message %u)",
                    i, len, bytes[i], (unsigned)(state >> 24), seed);
            check_abort();
        }
    }
}
#define FILLED(buffer, len, seed)                                              \
    check_filled(__FILE__, __LINE__, buffer, len, seed)

/* Every byte has this value: nothing was written where nothing should be. */
static inline void check_all(const char *file, int line, const void *buffer,
                             size_t len, int value)
{
    const unsigned char *bytes = buffer;
    checks++;
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != (unsigned char)value) {
            check_failed(file, line);
            fprintf(stderr, "byte %zu of %zu is 0x%02x, wanted 0x%02x: written beyond",
                    i, len, bytes[i], value);
            check_abort();
        }
}
#define ALL(buffer, len, value) check_all(__FILE__, __LINE__, buffer, len, value)

static inline void *room(size_t len)
{
    void *memory = malloc(len ? len : 1);
    if (!memory) {
        fprintf(stderr, "rank %d: no memory for %zu bytes\n", rank, len);
        check_abort();
    }
    return memory;
}

#endif
