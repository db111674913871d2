/* Datatypes of every constructor: their numbers, their contents, and the bytes
   that packing them gives, in memory's order and as external32. */
#include "oracle.h"

static MPI_Datatype basics[] = {0, 0, 0, 0, 0, 0, 0};
static const char *const basic_names[] = {"char", "short", "int", "double", "float", "long", "short_int"};

static const char *combiner_name(int combiner)
{
    static const struct { int value; const char *name; } names[] = {
#define C(name) {MPI_COMBINER_##name, #name}
        C(NAMED), C(DUP), C(CONTIGUOUS), C(VECTOR), C(HVECTOR), C(INDEXED), C(HINDEXED), C(INDEXED_BLOCK), C(HINDEXED_BLOCK),
        C(STRUCT), C(SUBARRAY), C(DARRAY), C(F90_REAL), C(F90_COMPLEX), C(F90_INTEGER), C(RESIZED),
#undef C
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].value == combiner)
            return names[i].name;
    return "?";
}

static void say_contents(MPI_Datatype type)
{
    int n[3], combiner, integers[200];
    MPI_Aint addresses[200];
    MPI_Datatype types[200];
    MPI_Type_get_envelope(type, &n[0], &n[1], &n[2], &combiner);
    say("  %s %d %d %d:", combiner_name(combiner), n[0], n[1], n[2]);
    if (combiner != MPI_COMBINER_NAMED && n[0] < 200 && n[1] < 200 && n[2] < 200) {
        MPI_Type_get_contents(type, n[0], n[1], n[2], integers, addresses, types);
        for (int i = 0; i < n[0]; i++) {
            int v = integers[i];
            if (combiner == MPI_COMBINER_SUBARRAY && i == n[0] - 1)
                say(" %s", v == MPI_ORDER_C ? "C" : "FORTRAN");
            else if (combiner != MPI_COMBINER_DARRAY)
                say(" %d", v);
        }
        for (int i = 0; i < n[1]; i++)
            say(" %ld", (long)addresses[i]);
        for (int i = 0; i < n[2]; i++) {
            int inner[4];
            MPI_Type_get_envelope(types[i], &inner[0], &inner[1], &inner[2], &inner[3]);
            say(" %s", combiner_name(inner[3]));
            if (inner[3] != MPI_COMBINER_NAMED)
                MPI_Type_free(&types[i]);
        }
    }
    say("\n");
}

/* MPICH stumbles over external32 of values with an index, of structures, of
   wide characters and of nothing. */
static int no_external;

/* Something inside has bounds that were set. Where only a part of a structure
   has such, ours has its bounds from that part, as section 5.1 says; MPICH also
   counts the others. */
static int has_markers;

static MPI_Datatype basic(void)
{
    int which = below(7);
    no_external |= which == 6;
    return basics[which];
}

/* A random type; large gaps in both directions, overlap never. Places in bytes
   are multiples of 8: where they are not, ours pads an extent to the alignment
   of what is inside, as section 5.1 defines it for every type map, while MPICH
   does so for structures only. */
static MPI_Datatype make(int depth)
{
    MPI_Datatype old, new = MPI_DATATYPE_NULL;
    if (depth == 0)
        return basic();
    old = make(depth - 1);
    int n = 1 + below(4), len[4], at[4], here = below(3) - 1;
    MPI_Aint addresses[4], lb, extent;
    MPI_Datatype kinds[4];
    MPI_Type_get_extent(old, &lb, &extent);
    for (int i = 0; i < n; i++) {
        len[i] = below(3);
        at[i] = here;
        addresses[i] = here * (extent ? extent : 1) + below(8) * 8;
        here += len[i] + 2 + below(3);
        kinds[i] = i ? basic() : old;
    }
    int which = below(12);
    has_markers |= which >= 9;
    switch (which) {
    case 0: MPI_Type_contiguous(n - 1, old, &new); break;
    case 1: MPI_Type_vector(n, 1 + below(2), 3 + below(2), old, &new); break;
    case 2: MPI_Type_vector(n, 1, -2, old, &new); break;
    case 3: MPI_Type_create_hvector(n, 1, 3 * extent + 8, old, &new); break;
    case 4: MPI_Type_indexed(n, len, at, old, &new); break;
    case 5: MPI_Type_create_hindexed(n, len, addresses, old, &new); break;
    case 6: MPI_Type_create_indexed_block(n, 2, at, old, &new); break;
    case 7: MPI_Type_create_hindexed_block(n, 1, addresses, old, &new); break;
    case 8: {
        no_external = 1;
        for (int i = 0; has_markers && i < n; i++)
            kinds[i] = old;
        MPI_Aint place = 8;
        for (int i = 0; i < n; i++) {
            MPI_Aint low, long_one;
            MPI_Type_get_extent(kinds[i], &low, &long_one);
            addresses[i] = place - (low < 0 ? low : 0);
            place = addresses[i] + len[i] * (long_one > 0 ? long_one : -long_one) + below(20);
            place = (place + 7) / 8 * 8;
        }
        MPI_Type_create_struct(n, len, addresses, kinds, &new);
        break;
    }
    case 9: {
        int sizes[2] = {3 + below(2), 4}, subs[2] = {1 + below(3), 2}, starts[2] = {0, 1 + below(2)};
        MPI_Type_create_subarray(2, sizes, subs, starts, below(2) ? MPI_ORDER_C : MPI_ORDER_FORTRAN, old, &new);
        break;
    }
    case 10: {
        int sizes[2] = {5, 7}, kind[2] = {MPI_DISTRIBUTE_BLOCK, MPI_DISTRIBUTE_CYCLIC}, args[2] = {MPI_DISTRIBUTE_DFLT_DARG, 1 + below(2)}, grid[2] = {2, 3};
        if (below(2))
            kind[0] = MPI_DISTRIBUTE_NONE, grid[0] = 1, grid[1] = 6;
        MPI_Type_create_darray(6, below(6), 2, sizes, kind, args, grid, below(2) ? MPI_ORDER_C : MPI_ORDER_FORTRAN, old, &new);
        break;
    }
    default: MPI_Type_create_resized(old, -8 * below(3), extent + 8 * below(3), &new);
    }
    int numbers[4];
    MPI_Type_get_envelope(old, &numbers[0], &numbers[1], &numbers[2], &numbers[3]);
    if (numbers[3] != MPI_COMBINER_NAMED)
        MPI_Type_free(&old);
    return new;
}

static void say_type(const char *name, MPI_Datatype type)
{
    MPI_Aint lb, extent, true_lb, true_extent;
    int size, count = 1 + below(3), pack_size;
    MPI_Count large;
    MPI_Type_size(type, &size);
    MPI_Type_size_x(type, &large);
    MPI_Type_get_extent(type, &lb, &extent);
    MPI_Type_get_true_extent(type, &true_lb, &true_extent);
    say("%s: size %d %lld lb %ld extent %ld", name, size, (long long)large, (long)lb, (long)extent);
    if (size) /* without data there is no true extent to speak of */
        say(" true %ld %ld", (long)true_lb, (long)true_extent);
    say("\n");
    say_contents(type);
    MPI_Pack_size(count, type, MPI_COMM_SELF, &pack_size);
    if (extent < 0 || extent > 40000 || size > 4000 || pack_size < count * size)
        return;
    /* memory around it, numbered */
    static unsigned char memory[400000], packed[20000], again[400000];
    unsigned char *middle = memory + 200000, *back = again + 200000;
    for (size_t i = 0; i < sizeof memory; i++)
        memory[i] = (unsigned char)((i * 7 + i / 256 * 13) & 0x7f);
    int position = 0;
    int code = MPI_Pack(middle, count, type, packed, sizeof packed, &position, MPI_COMM_SELF);
    say("  pack %d: %s %d ", count, class_name(code), position);
    say_bytes(packed, (size_t)position < 600 ? (size_t)position : 600);
    say("\n");
    int from = 0;
    memset(again, 0x55, sizeof again);
    code = MPI_Unpack(packed, position, &from, back, count, type, MPI_COMM_SELF);
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof again; i++)
        sum = sum * 1099511628211u + again[i];
    say("  unpack: %s %d %llx\n", class_name(code), from, (unsigned long long)sum);
    MPI_Aint external, at = 0;
    if (no_external || size == 0) {
        say("  no external32\n");
        return;
    }
    code = MPI_Pack_external_size("external32", count, type, &external);
    say("  external32: %s %ld ", class_name(code), (long)external);
    if (external <= (MPI_Aint)sizeof packed) {
        memset(packed, 0, sizeof packed);
        code = MPI_Pack_external("external32", middle, count, type, packed, sizeof packed, &at);
        say("%s %ld ", class_name(code), (long)at);
        say_bytes(packed, at < 600 ? (size_t)at : 600);
    }
    say("\n");
    /* what a status tells after some bytes of it */
    MPI_Status status;
    for (int part = 0; part <= 3 && size; part++) {
        int elements, whole;
        memset(&status, 0, sizeof status);
        MPI_Datatype committed;
        MPI_Type_dup(type, &committed);
        MPI_Type_commit(&committed);
        MPI_Sendrecv(middle, part, committed, 0, 1, back, 3, committed, 0, 1, MPI_COMM_SELF, &status);
        MPI_Get_elements(&status, committed, &elements);
        MPI_Get_count(&status, committed, &whole);
        say("  %d of it: count %s elements %s\n", part, number(whole), number(elements));
        MPI_Type_free(&committed);
    }
}

static int type_is_made(MPI_Datatype type)
{
    int n[3], combiner;
    MPI_Type_get_envelope(type, &n[0], &n[1], &n[2], &combiner);
    return combiner != MPI_COMBINER_NAMED;
}

int main(void)
{
    begin();
    MPI_Datatype all[] = {MPI_CHAR, MPI_SHORT, MPI_INT, MPI_DOUBLE, MPI_FLOAT, MPI_LONG, MPI_SHORT_INT};
    memcpy(basics, all, sizeof all);
    for (int i = 0; i < 7; i++)
        no_external = i == 6, say_type(basic_names[i], basics[i]);
    MPI_Datatype others[] = {MPI_BYTE, MPI_PACKED, MPI_LONG_LONG, MPI_UNSIGNED_CHAR, MPI_WCHAR, MPI_C_BOOL, MPI_LONG_DOUBLE, MPI_C_DOUBLE_COMPLEX,
        MPI_FLOAT_INT, MPI_DOUBLE_INT, MPI_LONG_INT, MPI_2INT, MPI_LONG_DOUBLE_INT, MPI_INTEGER, MPI_REAL, MPI_COMPLEX, MPI_LOGICAL, MPI_CHARACTER, MPI_AINT, MPI_OFFSET, MPI_COUNT};
    const char *names[] = {"byte", "packed", "long_long", "unsigned_char", "wchar", "c_bool", "long_double", "c_double_complex", "float_int", "double_int",
        "long_int", "2int", "long_double_int", "integer", "real", "complex", "logical", "character", "aint", "offset", "count"};
    for (int i = 0; i < 21; i++)
        no_external = i == 4 || (i >= 8 && i <= 12), say_type(names[i], others[i]);
    state = 777 + (uint64_t)rank;
    for (int i = 0; i < 400; i++) {
        char name[32];
        sprintf(name, "type %d", i);
        state = 1000 * (uint64_t)(i + 1) + (uint64_t)(rank % 2); /* MPICH does not get through others */
        no_external = has_markers = 0;
        MPI_Datatype type = make(1 + below(3));
        int numbers[4];
        if (type_is_made(type))
            MPI_Type_commit(&type);
        say_type(name, type);
        MPI_Type_get_envelope(type, &numbers[0], &numbers[1], &numbers[2], &numbers[3]);
        if (numbers[3] != MPI_COMBINER_NAMED)
            MPI_Type_free(&type);
    }
    return finish();
}
