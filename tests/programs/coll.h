/* For programs about collective operations: one call in its three forms, and
   buffers whose elements lie with or without holes. */
#ifndef COLL_H
#define COLL_H

#include "check.h"

enum form { BLOCKING, NONBLOCKING, PERSISTENT, FORMS };

/* How often a persistent operation is started: once where it changes what it
   reads. */
__attribute__((unused)) static int starts = 2;

/* DO(form, Bcast, bcast, arguments up to the communicator) */
#define DO(form, Name, name, ...)                                              \
    do {                                                                       \
        MPI_Request request_ = MPI_REQUEST_NULL;                               \
        switch (form) {                                                        \
        case BLOCKING:                                                         \
            MPI(MPI_##Name(__VA_ARGS__));                                      \
            break;                                                             \
        case NONBLOCKING:                                                      \
            MPI(MPI_I##name(__VA_ARGS__, &request_));                          \
            MPI(MPI_Wait(&request_, MPI_STATUS_IGNORE));                       \
            break;                                                             \
        default:                                                               \
            MPI(MPI_##Name##_init(__VA_ARGS__, MPI_INFO_NULL, &request_));     \
            for (int start_ = 0; start_ < starts; start_++) {                  \
                MPI(MPI_Start(&request_));                                     \
                MPI(MPI_Wait(&request_, MPI_STATUS_IGNORE));                   \
            }                                                                  \
            MPI(MPI_Request_free(&request_));                                  \
        }                                                                      \
    } while (0)

/* Layouts of pairs of ints: side by side, or at 0 and 2 of every 5. */
enum layout { DENSE, HOLES, LAYOUTS };
static MPI_Datatype with_holes;

static inline void make_types(void)
{
    MPI_Datatype two;
    MPI(MPI_Type_vector(2, 1, 2, MPI_INT, &two));
    MPI(MPI_Type_create_resized(two, 0, 5 * sizeof(int), &with_holes));
    MPI(MPI_Type_commit(&with_holes));
    MPI(MPI_Type_free(&two));
}

/* The type of a layout, and how many of it make so many pairs. */
#define TYPE(layout) ((layout) == DENSE ? MPI_INT : with_holes)
#define COUNT(layout, pairs) ((layout) == DENSE ? 2 * (pairs) : (pairs))

static inline size_t place(enum layout layout, size_t i)
{
    return layout == DENSE ? i : i / 2 * 5 + i % 2 * 2;
}

static inline size_t span(enum layout layout, size_t pairs)
{
    return pairs * (layout == DENSE ? 2 : 5);
}

enum { UNTOUCHED = 0x5a5a5a5a };

/* Room for so many pairs. */
static inline int *fresh(enum layout layout, size_t pairs)
{
    int *buffer = room(span(layout, pairs) * sizeof(int));
    for (size_t i = 0; i < span(layout, pairs); i++)
        buffer[i] = UNTOUCHED;
    return buffer;
}

/* The i-th int that `who` gives. */
static inline int value(int who, size_t i)
{
    uint32_t x = (uint32_t)who * 2654435761u + (uint32_t)i * 40503u + 77u;
    x ^= x >> 15;
    x *= 2246822519u;
    return (int)(x >> 4);
}

/* Pairs from `first` on become what `who` gives. */
static inline void give(int *buffer, enum layout layout, size_t first, size_t pairs, int who)
{
    for (size_t i = 0; i < 2 * pairs; i++)
        buffer[place(layout, 2 * first + i)] = value(who, i);
}

static inline void check_given(const char *file, int line, const int *buffer,
                               enum layout layout, size_t first, size_t pairs, int who)
{
    checks++;
    for (size_t i = 0; i < 2 * pairs; i++) {
        int got = buffer[place(layout, 2 * first + i)];
        if (got != value(who, i)) {
            check_failed(file, line);
            fprintf(stderr, "int %zu of %zu (from pair %zu on) is %#x, wanted %#x of %d", i,
                    2 * pairs, first, (unsigned)got, (unsigned)value(who, i), who);
            check_abort();
        }
    }
}
#define GIVEN(buffer, layout, first, pairs, who)                               \
    check_given(__FILE__, __LINE__, buffer, layout, first, pairs, who)

/* Nothing was written between the pairs. */
static inline void check_holes(const char *file, int line, const int *buffer,
                               enum layout layout, size_t pairs)
{
    checks++;
    if (layout == DENSE)
        return;
    for (size_t i = 0; i < 5 * pairs; i++)
        if (i % 5 != 0 && i % 5 != 2 && buffer[i] != UNTOUCHED) {
            check_failed(file, line);
            fprintf(stderr, "int %zu, in a hole, was written", i);
            check_abort();
        }
}
#define HOLES_KEPT(buffer, layout, pairs) check_holes(__FILE__, __LINE__, buffer, layout, pairs)

#endif
