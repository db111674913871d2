/* Large messages between memory that is one piece and memory in many: all four
   combinations, each kind of datatype, against a list of the blocks that the
   type stands for. usage: arms_types [ROUNDS] */
#include "places.h"

/* A datatype with the bytes that it stands for, in their order. */
struct shape {
    const char *name;
    MPI_Datatype type;
    int count;
    ptrdiff_t *at; /* where block i begins, from the buffer's address on */
    size_t *len;
    size_t blocks, size;
    ptrdiff_t low, high; /* the first byte and the one behind the last */
};

static int peer;
static uint64_t state = 1;

static struct shape begin(const char *name, size_t most)
{
    struct shape s = {.name = name, .type = MPI_DATATYPE_NULL, .count = 1};
    s.at = room(most * sizeof *s.at);
    s.len = room(most * sizeof *s.len);
    return s;
}

static void block(struct shape *s, ptrdiff_t at, size_t len)
{
    s->at[s->blocks] = at;
    s->len[s->blocks++] = len;
    s->size += len;
    if (at < s->low)
        s->low = at;
    if (at + (ptrdiff_t)len > s->high)
        s->high = at + (ptrdiff_t)len;
}

static void commit(struct shape *s, MPI_Datatype made)
{
    MPI_Count size;
    s->type = made;
    MPI(MPI_Type_commit(&s->type));
    MPI(MPI_Type_size_c(s->type, &size));
    CHECK((size_t)(size * s->count) == s->size, "%s: the type has %lld bytes and the model %zu",
          s->name, (long long)size * s->count, s->size);
}

static void end(struct shape *s)
{
    if (s->type != MPI_BYTE)
        MPI(MPI_Type_free(&s->type));
    free(s->at);
    free(s->len);
}

/* Blocks of `len` bytes, one every `step` bytes (which may go backwards). */
static struct shape strided(const char *name, size_t n, size_t len, ptrdiff_t step)
{
    struct shape s = begin(name, n / len + 1);
    MPI_Datatype type;
    int blocks = (int)(n / len);
    for (int i = 0; i < blocks; i++)
        block(&s, i * step, len);
    MPI(MPI_Type_create_hvector(blocks, (int)len, step, MPI_BYTE, &type));
    commit(&s, type);
    return s;
}

/* Blocks of unlike lengths in a random order with random gaps. */
static struct shape scattered(size_t n, unsigned most)
{
    int count = (int)(n / most) + 1, *lens = room(sizeof *lens * (size_t)count);
    int *order = room(sizeof *order * (size_t)count);
    MPI_Aint *at = room(sizeof *at * (size_t)count), here = -1000;
    struct shape s = begin("hindexed", (size_t)count);
    for (int i = 0; i < count; i++) {
        int j = (int)draw(&state, (unsigned)i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    for (int i = 0; i < count; i++) { /* the order[i]-th place of memory is block order[i] */
        lens[order[i]] = (int)draw(&state, 2 * most);
        at[order[i]] = here;
        here += lens[order[i]] + (int)draw(&state, 50);
    }
    for (int i = 0; i < count; i++)
        block(&s, at[i], (size_t)lens[i]);
    MPI_Datatype type;
    MPI(MPI_Type_create_hindexed(count, lens, at, MPI_BYTE, &type));
    commit(&s, type);
    free(lens);
    free(order);
    free(at);
    return s;
}

/* An array of structures with padding that is no part of the message. */
static struct shape structures(size_t n)
{
    struct item {
        char letters[3];
        double number;
        int whole;
        short tail;
    };
    int lens[] = {3, 1, 1, 1}, count = (int)(n / 17);
    MPI_Aint at[] = {offsetof(struct item, letters), offsetof(struct item, number),
                     offsetof(struct item, whole), offsetof(struct item, tail)};
    MPI_Datatype kinds[] = {MPI_CHAR, MPI_DOUBLE, MPI_INT, MPI_SHORT}, bare, type;
    static const size_t bytes[] = {3, 8, 4, 2};
    struct shape s = begin("struct", (size_t)count * 4);
    s.count = count;
    for (int i = 0; i < count; i++)
        for (int f = 0; f < 4; f++)
            block(&s, i * (ptrdiff_t)sizeof(struct item) + at[f], bytes[f]);
    MPI(MPI_Type_create_struct(4, lens, at, kinds, &bare));
    MPI(MPI_Type_create_resized(bare, 0, sizeof(struct item), &type));
    MPI(MPI_Type_free(&bare));
    commit(&s, type);
    return s;
}

/* The inside of a cube, Fortran's order or C's. */
static struct shape inside(size_t n, int order)
{
    int edge = 2;
    while ((size_t)edge * (size_t)edge * (size_t)edge * 4 < n)
        edge++;
    int whole[] = {edge + 3, edge + 1, edge + 5}, part[] = {edge, edge, edge}, start[] = {1, 0, 4};
    struct shape s = begin("subarray", (size_t)edge * (size_t)edge);
    MPI_Datatype type;
    for (int a = 0; a < edge; a++)
        for (int b = 0; b < edge; b++) {
            /* the fastest dimension is the last in C's order and the first in Fortran's */
            int slow = order == MPI_ORDER_C ? 0 : 2, fast = 2 - slow;
            ptrdiff_t row = (ptrdiff_t)(start[slow] + a) * whole[1] + start[1] + b;
            block(&s, (row * whole[fast] + start[fast]) * 4, (size_t)edge * 4);
        }
    MPI(MPI_Type_create_subarray(3, whole, part, start, order, MPI_INT, &type));
    commit(&s, type);
    return s;
}

/* Elements whose extent differs from what they hold, downwards too. */
static struct shape resized(size_t n, size_t len, ptrdiff_t extent)
{
    struct shape s = begin("resized", n / len + 1);
    MPI_Datatype bare, type;
    s.count = (int)(n / len);
    for (int i = 0; i < s.count; i++)
        block(&s, i * extent, len);
    MPI(MPI_Type_contiguous((int)len, MPI_BYTE, &bare));
    MPI(MPI_Type_create_resized(bare, 0, extent, &type));
    MPI(MPI_Type_free(&bare));
    commit(&s, type);
    return s;
}

static struct shape nested(size_t n)
{
    enum { INNER = 37 };
    struct shape s = begin("vector of vectors", n / 3 + INNER);
    MPI_Datatype inner, type;
    int outer = (int)(n / (3 * INNER));
    for (int i = 0; i < outer; i++)
        for (int j = 0; j < INNER; j++)
            block(&s, i * (ptrdiff_t)(INNER * 5 + 11) + j * 5, 3);
    MPI(MPI_Type_vector(INNER, 3, 5, MPI_BYTE, &inner));
    MPI(MPI_Type_create_hvector(outer, 1, INNER * 5 + 11, inner, &type));
    MPI(MPI_Type_free(&inner));
    commit(&s, type);
    return s;
}

static struct shape one_piece(size_t n)
{
    struct shape s = begin("contiguous", 1);
    block(&s, 0, n);
    s.type = MPI_BYTE;
    s.count = (int)n;
    return s;
}

enum { SHAPES = 14 };

static struct shape shape_of(int which, size_t n)
{
    switch (which) {
    case 0: return one_piece(n);
    case 1: return strided("vector of doubles", n, 8, 16);
    case 2: return strided("vector of pages", n, 4096, 8192 + 24);
    case 3: return strided("vector of bytes", n / 4, 1, 3);
    case 4: return strided("vector backwards", n, 1000, -1024);
    case 5: return scattered(n, 30);
    case 6: return scattered(n, 5000);
    case 7: return structures(n);
    case 8: return inside(n, MPI_ORDER_C);
    case 9: return inside(n, MPI_ORDER_FORTRAN);
    case 10: return resized(n, 100, 164);
    case 11: return resized(n, 513, -640);
    case 12: return strided("two halves", n, n / 2, (ptrdiff_t)n);
    default: return nested(n);
    }
}

/* Memory of a shape, and the address to give to MPI. */
static unsigned char *memory_of(const struct shape *s, unsigned char **address)
{
    unsigned char *all = room((size_t)(s->high - s->low) + 64);
    memset(all, 0x5a, (size_t)(s->high - s->low) + 64);
    *address = all + 32 - s->low;
    return all;
}

static void send_shape(struct shape *s, uint64_t seed)
{
    unsigned char *address, *all = memory_of(s, &address), *stream = room(s->size);
    paint(stream, s->size, seed);
    size_t done = 0;
    for (size_t i = 0; i < s->blocks; i++)
        memcpy(address + s->at[i], stream + done, s->len[i]), done += s->len[i];
    if (seed % 2)
        MPI(MPI_Send(address, s->count, s->type, peer, 1, MPI_COMM_WORLD));
    else
        MPI(MPI_Ssend(address, s->count, s->type, peer, 1, MPI_COMM_WORLD));
    free(stream);
    free(all);
}

/* Receives `size` bytes, which may be fewer than the shape has. */
static void receive_shape(struct shape *s, size_t size, uint64_t seed, const char *source)
{
    unsigned char *address, *all = memory_of(s, &address), *stream = room(s->size);
    MPI_Status status;
    MPI_Count got;
    if (seed % 3 == 0)
        MPI(MPI_Probe(peer, 1, MPI_COMM_WORLD, &status));
    MPI(MPI_Recv(address, s->count, s->type, peer, 1, MPI_COMM_WORLD, &status));
    MPI(MPI_Get_count_c(&status, MPI_BYTE, &got));
    EQ(got, size);
    size_t done = 0;
    for (size_t i = 0; i < s->blocks; i++) {
        memcpy(stream + done, address + s->at[i], s->len[i]), done += s->len[i];
        memset(address + s->at[i], 0x5a, s->len[i]);
    }
    if (painted(stream, size, seed) != size) {
        fprintf(stderr, "rank %d: from %s to %s\n", rank, source, s->name);
        PAINTED(stream, size, seed);
    }
    ALL(stream + size, s->size - size, 0x5a);
    ALL(all, (size_t)(s->high - s->low) + 64, 0x5a);
    free(stream);
    free(all);
}

/* The sender's shape may be shorter than the receiver's, never longer. */
static void between(int source, int target, size_t n, int i_send, uint64_t seed)
{
    struct shape from = shape_of(source, n), to = shape_of(target, n + n / 4 + 70000);
    for (int more = 2; to.size < from.size; more++) {
        end(&to);
        to = shape_of(target, n * (size_t)more);
    }
    if (i_send)
        send_shape(&from, seed);
    else
        receive_shape(&to, from.size, seed, from.name);
    end(&from);
    end(&to);
}

/* Absolute addresses: one message out of (or into) memory of every kind at once. */
static void everywhere(int i_send, int scattered_target, uint64_t seed)
{
    int lens[PLACES];
    struct area areas[PLACES];
    MPI_Aint at[PLACES];
    MPI_Datatype type;
    size_t size = 0;
    for (int i = 0; i < PLACES; i++) {
        lens[i] = 20001 + 7001 * i;
        size += (size_t)lens[i];
        areas[i] = take_area(i, (size_t)lens[i] + 64, 0, 0);
        memset(areas[i].at, 0x5a, areas[i].len);
        MPI(MPI_Get_address(areas[i].at + 32, &at[i]));
    }
    MPI(MPI_Type_create_hindexed(PLACES, lens, at, MPI_BYTE, &type));
    MPI(MPI_Type_commit(&type));
    unsigned char *plain = room(size + 64);
    if (i_send) {
        for (int i = 0; i < PLACES; i++)
            paint(areas[i].at + 32, (size_t)lens[i], seed + (uint64_t)i);
        MPI(MPI_Send(MPI_BOTTOM, 1, type, peer, 2, MPI_COMM_WORLD));
    } else if (scattered_target) {
        MPI(MPI_Recv(MPI_BOTTOM, 1, type, peer, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        for (int i = 0; i < PLACES; i++) {
            ALL(areas[i].at, 32, 0x5a);
            PAINTED(areas[i].at + 32, (size_t)lens[i], seed + (uint64_t)i);
            ALL(areas[i].at + 32 + lens[i], 32, 0x5a);
        }
    } else {
        MPI(MPI_Recv(plain, (int)size, MPI_BYTE, peer, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        size_t done = 0;
        for (int i = 0; i < PLACES; i++) {
            PAINTED(plain + done, (size_t)lens[i], seed + (uint64_t)i);
            done += (size_t)lens[i];
        }
    }
    free(plain);
    for (int i = 0; i < PLACES; i++)
        give_area(areas[i]);
    MPI(MPI_Type_free(&type));
}

int main(int argc, char **argv)
{
    unsigned char stack[2][STATIC_AREA];
    area_stack[0] = stack[0], area_stack[1] = stack[1];
    START();
    long rounds = number(argc, argv, 1, 1);
    static const size_t sizes[] = {30000, 100000, 300000, 1500000};
    uint64_t seed = 0;
    peer = rank ^ 1;
    for (long round = 0; round < rounds && peer < ranks; round++)
        for (int turn = 0; turn < 2; turn++) {
            int i_send = (rank < peer) == (turn == 0);
            for (int source = 0; source < SHAPES; source++)
                for (int target = 0; target < SHAPES; target++) {
                    between(source, target, sizes[(source + target + turn) % 4], i_send, ++seed);
                    if (rounds > 1)
                        for (int i = 0; i < 4; i++)
                            between(source, target, sizes[i] + (size_t)round, i_send, ++seed);
                }
            for (int i = 0; i < 6; i++, seed += 100)
                everywhere(i_send, i % 2, seed);
        }
    PASSED();
}
