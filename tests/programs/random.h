/* For random_programs.c: random numbers, and random layouts of bytes together with a
   plain list of where each byte of them lies. */
#ifndef RANDOM_H
#define RANDOM_H

#include "check.h"
#include <stdbool.h>
#include <stddef.h>

/* The plan is drawn alike on all ranks; what is a rank's own business (layouts,
   ways to wait) it draws on its own, and never at a moment that depends on
   timing, so that a seed says all. */
static uint64_t plan_state, own_state;

static int draw(uint64_t *state, int n)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return (int)((z ^ (z >> 31)) % (uint64_t)n);
}

static inline int plan(int n)
{
    return draw(&plan_state, n);
}

static inline int own(int n)
{
    return draw(&own_state, n);
}

/* A number below n that depends on three others alone. */
static inline int mixed(int n, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t state = a * 1000003 + b * 10007 + c * 101;
    draw(&state, 2);
    return draw(&state, n);
}

static inline void shuffle(int *what, int n, uint64_t *state)
{
    for (int i = n - 1; i > 0; i--) {
        int j = draw(state, i + 1), swap = what[i];
        what[i] = what[j];
        what[j] = swap;
    }
}

typedef struct {
    ptrdiff_t at;
    size_t len;
} Piece;

/* One element of a datatype: its bytes in the order of its type map. They lie
   in [low, low + extent) and nowhere twice. */
typedef struct {
    MPI_Datatype type;
    size_t size, pieces;
    ptrdiff_t low, extent;
    Piece *piece;
} Layout;

enum { MOST_PIECES = 3000 };

static void drop_layout(Layout *layout)
{
    MPI(MPI_Type_free(&layout->type));
    free(layout->piece);
}

static void add_pieces(Layout *to, const Layout *from, ptrdiff_t at)
{
    to->piece = realloc(to->piece, (to->pieces + from->pieces + 1) * sizeof *to->piece);
    for (size_t i = 0; i < from->pieces; i++) {
        Piece next = {from->piece[i].at + at, from->piece[i].len};
        Piece *last = to->pieces ? &to->piece[to->pieces - 1] : NULL;
        if (last && last->at + (ptrdiff_t)last->len == next.at)
            last->len += next.len;
        else
            to->piece[to->pieces++] = next;
    }
}

static Layout flat(size_t size, MPI_Datatype base, int unit)
{
    Layout flat = {.size = size, .extent = (ptrdiff_t)size, .pieces = size > 0};
    flat.piece = room(sizeof *flat.piece);
    *flat.piece = (Piece){0, size};
    MPI(MPI_Type_contiguous((int)size / unit, base, &flat.type));
    return flat;
}

/* Several of one layout, by a constructor chosen at random. */
static Layout copies(Layout inner, int n)
{
    Layout whole = {.size = inner.size * (size_t)n};
    MPI_Aint *at = room((size_t)n * sizeof *at);
    int *index = room((size_t)n * sizeof *index), *one = room((size_t)n * sizeof *one);
    ptrdiff_t extent = inner.extent, stride;
    for (int i = 0; i < n; i++)
        index[i] = i, one[i] = 1;
    switch (own(7)) {
    case 0:
        MPI(MPI_Type_contiguous(n, inner.type, &whole.type));
        for (int i = 0; i < n; i++)
            at[i] = i * extent;
        break;
    case 1: {
        int every = 1 + own(3);
        MPI(MPI_Type_vector(n, 1, every, inner.type, &whole.type));
        for (int i = 0; i < n; i++)
            at[i] = i * every * extent;
        break;
    }
    case 2:
        stride = extent + own(9);
        stride = own(2) ? stride : -stride;
        MPI(MPI_Type_create_hvector(n, 1, stride, inner.type, &whole.type));
        for (int i = 0; i < n; i++)
            at[i] = i * stride;
        break;
    case 3: /* out of order */
        stride = extent + own(20);
        shuffle(index, n, &own_state);
        for (int i = 0; i < n; i++)
            at[i] = (index[i] - n / 2) * stride;
        MPI(MPI_Type_create_hindexed_block(n, 1, at, inner.type, &whole.type));
        break;
    case 4: {
        shuffle(index, n, &own_state);
        for (int i = 0; i < n; i++)
            index[i] *= 2, at[i] = index[i] * extent;
        MPI(MPI_Type_indexed(n, one, index, inner.type, &whole.type));
        break;
    }
    case 5: { /* blocks of several lengths */
        MPI_Aint *start = room((size_t)n * sizeof *start), here = -own(100);
        int blocks = 0;
        for (int i = 0; i < n; blocks++) {
            int len = own(4), left = n - i;
            len = len < left ? len : left;
            if (blocks == n - 1 && len < left)
                len = left;
            one[blocks] = len;
            start[blocks] = here;
            for (int j = 0; j < len; j++)
                at[i++] = here + j * extent;
            here += len * extent + own(12);
        }
        MPI(MPI_Type_create_hindexed(blocks, one, start, inner.type, &whole.type));
        free(start);
        break;
    }
    default: { /* a box */
        int rows = n % 4 == 0 ? 4 : n % 3 == 0 ? 3 : 1, columns = n / rows;
        int sizes[2] = {rows + own(3), columns + 1 + own(3)}, box[2] = {rows, columns};
        int start[2] = {sizes[0] - rows, 1};
        MPI(MPI_Type_create_subarray(2, sizes, box, start, MPI_ORDER_C, inner.type, &whole.type));
        for (int i = 0; i < n; i++)
            at[i] = ((start[0] + i / columns) * (ptrdiff_t)sizes[1] + start[1] + i % columns) * extent;
    }
    }
    for (int i = 0; i < n; i++)
        add_pieces(&whole, &inner, at[i]);
    free(at), free(index), free(one);
    return whole;
}

static Layout grow(size_t size, MPI_Datatype base, int unit, int depth)
{
    size_t units = size / (size_t)unit;
    if (depth == 0 || units < 2 || own(8) == 0)
        return flat(size, base, unit);
    Layout whole = {.size = size};
    int n = (int[]){2, 3, 4, 5, 8, 12, 64, 256}[own(8)];
    if (own(12) == 0 && units < 1500)
        n = (int)units;
    if (units % (size_t)n == 0) {
        Layout inner = grow(size / (size_t)n, base, unit, depth - 1);
        if (inner.pieces * (size_t)n > MOST_PIECES) {
            drop_layout(&inner);
            inner = flat(size / (size_t)n, base, unit);
        }
        whole = copies(inner, n);
        drop_layout(&inner);
    } else {
        size_t first = 1 + (size_t)own((int)units - 1);
        Layout part[2] = {grow(first * (size_t)unit, base, unit, depth - 1),
                          grow((units - first) * (size_t)unit, base, unit, depth - 1)};
        int low = own(2), lens[2] = {1, 1};
        MPI_Aint at[2];
        at[low] = own(30) - 15;
        at[!low] = at[low] + part[low].low + part[low].extent + own(10) - part[!low].low;
        MPI(MPI_Type_create_struct(2, lens, at, (MPI_Datatype[]){part[0].type, part[1].type}, &whole.type));
        add_pieces(&whole, &part[0], at[0]);
        add_pieces(&whole, &part[1], at[1]);
        drop_layout(&part[0]);
        drop_layout(&part[1]);
    }
    ptrdiff_t high = whole.piece[0].at;
    whole.low = high;
    for (size_t i = 0; i < whole.pieces; i++) {
        ptrdiff_t end = whole.piece[i].at + (ptrdiff_t)whole.piece[i].len;
        whole.low = whole.low < whole.piece[i].at ? whole.low : whole.piece[i].at;
        high = high > end ? high : end;
    }
    MPI_Aint got_low, got_extent;
    MPI(MPI_Type_get_true_extent(whole.type, &got_low, &got_extent));
    EQ(got_low, whole.low);
    EQ(got_extent, high - whole.low);
    MPI_Datatype plain = whole.type;
    whole.low -= own(3) ? 0 : own(9);
    whole.extent = high - whole.low + (own(3) ? 0 : own(17));
    MPI(MPI_Type_create_resized(plain, whole.low, whole.extent, &whole.type));
    MPI(MPI_Type_free(&plain));
    return whole;
}

/* A committed type of so many bytes, often a flat one. */
static Layout layout_of(size_t size, MPI_Datatype base)
{
    Layout made = grow(size, base, base == MPI_BYTE ? 1 : 4, own(2) ? 0 : size > 100000 ? 1 : 1 + own(3));
    MPI(MPI_Type_commit(&made.type));
    return made;
}

/* Memory of some elements, with a margin, as an MPI call gets it. */
typedef struct {
    unsigned char *memory, *start;
    size_t len;
} Buffer;

enum { MARGIN = 48, UNTOUCHED = 0x5a };

static Buffer buffer_of(const Layout *layout, size_t count)
{
    Buffer made;
    made.len = count * (size_t)layout->extent + 2 * MARGIN;
    made.memory = room(made.len);
    made.start = made.memory + MARGIN - layout->low;
    memset(made.memory, UNTOUCHED, made.len);
    return made;
}

/* Writes len bytes that belong to `seed` from element `first` on. */
static void put(Buffer *buffer, const Layout *layout, size_t first, size_t len, unsigned seed)
{
    uint32_t state = seed * 2654435761u + 12345u;
    for (size_t element = first; len > 0; element++)
        for (size_t i = 0; i < layout->pieces && len > 0; i++) {
            unsigned char *to = buffer->start + (ptrdiff_t)element * layout->extent + layout->piece[i].at;
            size_t n = layout->piece[i].len < len ? layout->piece[i].len : len;
            for (size_t j = 0; j < n; j++) {
                state = state * 1664525u + 1013904223u;
                to[j] = (unsigned char)(state >> 24);
            }
            len -= n;
        }
}

/* Two buffers of one layout hold the same, in their holes too. */
static void same_bytes(const Buffer *got, const Buffer *wanted, const char *what, int which)
{
    checks++;
    for (size_t i = 0; i < got->len && memcmp(got->memory, wanted->memory, got->len); i++)
        CHECK(got->memory[i] == wanted->memory[i], "%s %d: byte %zu of %zu is 0x%02x, wanted 0x%02x",
              what, which, i, got->len, got->memory[i], wanted->memory[i]);
}

/* Sizes in bytes about the places where the way of a message changes. */
static size_t random_size(uint64_t *state, bool large)
{
    static const int edges[] = {0, 1, 8, 40, 41, 64, 128, 1024, 4032, 8128, 8192, 16384, 65472, 65536, 262144, 1048576};
    int edge = edges[draw(state, large ? 16 : 10)];
    switch (draw(state, 4)) {
    case 0:
        return (size_t)draw(state, 200);
    case 1:
        return (size_t)(edge + draw(state, 9));
    default:
        edge += draw(state, 3) - 1;
        return edge > 0 ? (size_t)edge : 0;
    }
}

#endif
