/* For random_programs.c: one collective operation of any kind, with what must come out
   worked out by every process alone. */
#ifndef RANDOM_COLL_H
#define RANDOM_COLL_H

#include "random_comms.h"

enum kind {
    BARRIER, BCAST, GATHER, GATHERV, SCATTER, SCATTERV, ALLGATHER, ALLGATHERV,
    ALLTOALL, ALLTOALLV, ALLTOALLW, REDUCE, ALLREDUCE, REDUCE_SCATTER_BLOCK,
    REDUCE_SCATTER, SCAN, EXSCAN, KINDS,
    FIRST_REDUCTION = REDUCE, LAST_BETWEEN_GROUPS = ALLREDUCE
};
enum { BLOCKING, NONBLOCKING, PERSISTENT };

typedef struct {
    /* the plan */
    int id, kind, form, root; /* root: a world rank */
    const Comm *on;
    size_t grain; /* bytes that every block is a multiple of, ints for a reduction */
    int most;     /* blocks have at most so many grains */
    int op, element;
    bool in_place;
    /* this process's part */
    MPI_Request request;
    Layout out, in;
    Buffer send, recv, wanted;
    bool receives;
    int *counts[2], *places[2];
    MPI_Datatype *types[2];
} Coll;

/* How many grains one process gives another. */
static int grains(const Coll *coll, int from, int to)
{
    switch (coll->kind) {
    case GATHERV: case ALLGATHERV:
        return mixed(coll->most + 1, (uint64_t)coll->id, (uint64_t)from, 1);
    case SCATTERV:
        return mixed(coll->most + 1, (uint64_t)coll->id, (uint64_t)to, 2);
    case ALLTOALLV: case ALLTOALLW:
        return mixed(coll->most + 1, (uint64_t)coll->id, (uint64_t)from * 64 + (uint64_t)to, 3);
    default:
        return coll->most;
    }
}

static unsigned block_seed(const Coll *coll, int from, int to)
{
    bool own_for_each = coll->kind == SCATTER || coll->kind == SCATTERV || (coll->kind >= ALLTOALL && coll->kind <= ALLTOALLW);
    return (unsigned)coll->id * 7919u + (unsigned)from * 64u + (own_for_each ? (unsigned)to : 0);
}

#define START_COLL(coll, Name, name, ...)                                      \
    do {                                                                       \
        if ((coll)->form == BLOCKING)                                          \
            MPI(MPI_##Name(__VA_ARGS__));                                      \
        else if ((coll)->form == NONBLOCKING)                                  \
            MPI(MPI_I##name(__VA_ARGS__, &(coll)->request));                   \
        else {                                                                 \
            MPI(MPI_##Name##_init(__VA_ARGS__, MPI_INFO_NULL, &(coll)->request)); \
            MPI(MPI_Start(&(coll)->request));                                  \
        }                                                                      \
    } while (0)

/* A type whose size divides the grain. */
static Layout part_of_grain(const Coll *coll)
{
    size_t n = 1 + (size_t)own(4);
    return layout_of(coll->grain % n ? coll->grain : coll->grain / n, MPI_BYTE);
}

/* Blocks for or from each of a group, one after the other with gaps where the
   call has displacements; returns how many elements they span. */
static size_t lay_out(Coll *coll, int which, const Layout *layout, int group, bool sending)
{
    int n = coll->on->size[group], *counts = room((size_t)n * sizeof *counts), *places = room((size_t)n * sizeof *places);
    bool gaps = coll->kind == GATHERV || coll->kind == SCATTERV || coll->kind == ALLGATHERV || coll->kind == ALLTOALLV || coll->kind == ALLTOALLW;
    size_t at = 0;
    coll->types[which] = room((size_t)n * sizeof *coll->types[which]);
    for (int i = 0; i < n; i++) {
        int who = coll->on->member[group][i];
        counts[i] = (int)((size_t)(sending ? grains(coll, rank, who) : grains(coll, who, rank)) * (coll->grain / layout->size));
        at += gaps ? (size_t)own(3) : 0;
        places[i] = (int)at;
        coll->types[which][i] = layout->type;
        at += (size_t)counts[i];
    }
    coll->counts[which] = counts;
    coll->places[which] = places;
    return at;
}

static void start_moving(Coll *coll)
{
    const Comm *on = coll->on;
    int side = side_of(on, rank), other = other_side(on, side), inter = on->groups == 2;
    int root_side = side_of(on, coll->root), own_grains = grains(coll, rank, rank);
    int root = !inter ? name_of(on, coll->root) : root_side != side ? name_of(on, coll->root)
             : rank == coll->root ? MPI_ROOT : MPI_PROC_NULL;
    bool is_root = rank == coll->root, at_root = !inter || root_side != side; /* called upon by the root */
    bool sends_one = coll->kind == GATHER || coll->kind == GATHERV ? at_root
                   : coll->kind == ALLGATHER || coll->kind == ALLGATHERV;
    bool sends_all = coll->kind == SCATTER || coll->kind == SCATTERV ? is_root : coll->kind >= ALLTOALL;
    bool recvs_one = (coll->kind == SCATTER || coll->kind == SCATTERV) && at_root;
    bool recvs_all = coll->kind == GATHER || coll->kind == GATHERV ? is_root : coll->kind >= ALLGATHER;
    Layout *out = &coll->out, *in = &coll->in;
    *out = part_of_grain(coll), *in = part_of_grain(coll);
    int out_count = own_grains * (int)(coll->grain / out->size), in_count = own_grains * (int)(coll->grain / in->size);

    if (coll->kind == BCAST) {
        bool takes = at_root && !is_root;
        coll->recv = buffer_of(in, (size_t)in_count), coll->wanted = buffer_of(in, (size_t)in_count);
        if (is_root)
            put(&coll->recv, in, 0, (size_t)own_grains * coll->grain, block_seed(coll, coll->root, 0));
        if (is_root || takes)
            put(&coll->wanted, in, 0, (size_t)own_grains * coll->grain, block_seed(coll, coll->root, 0));
        coll->receives = true;
        START_COLL(coll, Bcast, bcast, coll->recv.start, in_count, in->type, root, on->comm);
        return;
    }
    size_t out_span = sends_all ? lay_out(coll, 0, out, other, true) : sends_one ? (size_t)out_count : 0;
    size_t in_span = recvs_all ? lay_out(coll, 1, in, other, false) : recvs_one ? (size_t)in_count : 0;
    coll->send = buffer_of(out, out_span);
    coll->recv = buffer_of(in, in_span), coll->wanted = buffer_of(in, in_span);
    coll->receives = true;
    if (sends_one)
        put(&coll->send, out, 0, (size_t)own_grains * coll->grain, block_seed(coll, rank, 0));
    for (int i = 0; sends_all && i < on->size[other]; i++) {
        int to = on->member[other][i];
        put(&coll->send, out, (size_t)coll->places[0][i], (size_t)grains(coll, rank, to) * coll->grain, block_seed(coll, rank, to));
    }
    for (int i = 0; recvs_all && i < on->size[other]; i++) {
        int from = on->member[other][i];
        put(&coll->wanted, in, (size_t)coll->places[1][i], (size_t)grains(coll, from, rank) * coll->grain, block_seed(coll, from, rank));
    }
    if (recvs_one)
        put(&coll->wanted, in, 0, (size_t)own_grains * coll->grain, block_seed(coll, coll->root, rank));

    const void *from = coll->send.start;
    void *to = coll->recv.start;
    int place = place_in(on, side, rank);
    /* in place: what this process gives itself lies in the receive buffer, or stays in the send buffer */
    if (coll->in_place && !inter) {
        if ((coll->kind == ALLGATHER || coll->kind == ALLGATHERV) || ((coll->kind == GATHER || coll->kind == GATHERV) && is_root)) {
            put(&coll->recv, in, (size_t)coll->places[1][place], (size_t)own_grains * coll->grain, block_seed(coll, rank, 0));
            from = MPI_IN_PLACE;
        } else if ((coll->kind == SCATTER || coll->kind == SCATTERV) && is_root) {
            to = MPI_IN_PLACE;
            memset(coll->wanted.memory, UNTOUCHED, coll->wanted.len);
        } else if (coll->kind == ALLTOALL) {
            from = MPI_IN_PLACE;
            for (int i = 0; i < on->size[side]; i++)
                put(&coll->recv, in, (size_t)coll->places[1][i], (size_t)own_grains * coll->grain, block_seed(coll, rank, on->member[side][i]));
        }
    }
    int *out_counts = coll->counts[0], *in_counts = coll->counts[1], *out_places = coll->places[0], *in_places = coll->places[1];
    int each_out = sends_all ? out_counts[0] : out_count, each_in = recvs_all ? in_counts[0] : in_count;
    MPI_Comm comm = on->comm;
    switch (coll->kind) {
    case GATHER:
        START_COLL(coll, Gather, gather, from, each_out, out->type, to, each_in, in->type, root, comm);
        break;
    case GATHERV:
        START_COLL(coll, Gatherv, gatherv, from, out_count, out->type, to, in_counts, in_places, in->type, root, comm);
        break;
    case SCATTER:
        START_COLL(coll, Scatter, scatter, from, each_out, out->type, to, each_in, in->type, root, comm);
        break;
    case SCATTERV:
        START_COLL(coll, Scatterv, scatterv, from, out_counts, out_places, out->type, to, in_count, in->type, root, comm);
        break;
    case ALLGATHER:
        START_COLL(coll, Allgather, allgather, from, each_out, out->type, to, each_in, in->type, comm);
        break;
    case ALLGATHERV:
        START_COLL(coll, Allgatherv, allgatherv, from, out_count, out->type, to, in_counts, in_places, in->type, comm);
        break;
    case ALLTOALL:
        START_COLL(coll, Alltoall, alltoall, from, each_out, out->type, to, each_in, in->type, comm);
        break;
    case ALLTOALLV:
        START_COLL(coll, Alltoallv, alltoallv, from, out_counts, out_places, out->type, to, in_counts, in_places, in->type, comm);
        break;
    default: /* displacements in bytes */
        for (int i = 0; i < on->size[other]; i++)
            out_places[i] *= (int)out->extent, in_places[i] *= (int)in->extent;
        START_COLL(coll, Alltoallw, alltoallw, from, out_counts, out_places, coll->types[0], to, in_counts, in_places, coll->types[1], comm);
    }
}

/* Reductions: elements of several types, one of them with an own operation
   that does not commute: affine maps x -> ax + b, applied one after the other. */
enum { INT32, INT64, UINT8, DOUBLE, AFFINE, ELEMENTS };
enum { SUM, MAX, MIN, BXOR, PROD, OPS };
typedef struct { uint32_t a, b; } Affine;
static MPI_Datatype affine_type;
static MPI_Op affine_op;
static const int element_size[ELEMENTS] = {4, 8, 1, 8, 8};

static void apply_affine(void *in, void *inout, int *len, MPI_Datatype *type)
{
    const Affine *left = in;
    Affine *right = inout;
    (void)type;
    for (int i = 0; i < *len; i++)
        right[i] = (Affine){right[i].a * left[i].a, right[i].a * left[i].b + right[i].b};
}

static void make_ops(void)
{
    MPI(MPI_Type_contiguous(2, MPI_UINT32_T, &affine_type));
    MPI(MPI_Type_commit(&affine_type));
    MPI(MPI_Op_create(apply_affine, 0, &affine_op));
}

static void free_ops(void)
{
    MPI(MPI_Op_free(&affine_op));
    MPI(MPI_Type_free(&affine_type));
}

static void give(const Coll *coll, int who, void *to, size_t n)
{
    uint32_t x = (uint32_t)coll->id * 2654435761u + (uint32_t)who * 40503u + 1;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        switch (coll->element) {
        case INT32: ((int32_t *)to)[i] = (int32_t)(x >> 8) % 1000 - 500; break;
        case INT64: ((int64_t *)to)[i] = (int64_t)(x >> 4) % 5000 - 2500; break;
        case UINT8: ((uint8_t *)to)[i] = (uint8_t)(x >> 24); break;
        case DOUBLE: ((double *)to)[i] = (double)(x >> 28) - 8; break;
        default: ((Affine *)to)[i] = (Affine){x | 1, x >> 7};
        }
    }
}

#define COMBINE(type, left, right, n)                                          \
    for (size_t i = 0; i < (n); i++) {                                         \
        type a = ((const type *)(left))[i], *b = &((type *)(right))[i];        \
        *b = coll->op == SUM ? (type)(a + *b) : coll->op == PROD ? (type)(a * *b) \
           : coll->op == MAX ? (a > *b ? a : *b) : (a < *b ? a : *b);          \
    }
#define COMBINE_WHOLE(type, unsigned_type, left, right, n)                     \
    for (size_t i = 0; i < (n); i++) {                                         \
        unsigned_type ua = (unsigned_type)((const type *)(left))[i];           \
        unsigned_type ub = (unsigned_type)((type *)(right))[i];                \
        type sa = (type)ua, sb = (type)ub;                                     \
        ((type *)(right))[i] = coll->op == SUM ? (type)(ua + ub) : coll->op == PROD ? (type)(ua * ub) \
            : coll->op == BXOR ? (type)(ua ^ ub) : coll->op == MAX ? (sa > sb ? sa : sb) : (sa < sb ? sa : sb); \
    }

/* right = left op right */
static void combine(const Coll *coll, void *left, void *right, size_t n)
{
    int len = (int)n;
    switch (coll->element) {
    case INT32: COMBINE_WHOLE(int32_t, uint32_t, left, right, n) break;
    case INT64: COMBINE_WHOLE(int64_t, uint64_t, left, right, n) break;
    case UINT8: COMBINE_WHOLE(uint8_t, uint32_t, left, right, n) break;
    case DOUBLE: COMBINE(double, left, right, n) break;
    default: apply_affine(left, right, &len, NULL);
    }
}

/* The result over the first `n_ranks` of a group. */
static void reduced(const Coll *coll, int group, int n_ranks, unsigned char *to, size_t n)
{
    size_t len = n * (size_t)element_size[coll->element];
    unsigned char *next = room(len);
    for (int i = 0; i < n_ranks; i++) {
        give(coll, coll->on->member[group][i], i ? next : to, n);
        if (i) {
            combine(coll, to, next, n);
            memcpy(to, next, len);
        }
    }
    free(next);
}

static void start_reducing(Coll *coll)
{
    const Comm *on = coll->on;
    int side = side_of(on, rank), other = other_side(on, side), inter = on->groups == 2;
    int root_side = side_of(on, coll->root), place = place_in(on, side, rank), size = on->size[side];
    int root = !inter ? name_of(on, coll->root) : root_side != side ? name_of(on, coll->root)
             : rank == coll->root ? MPI_ROOT : MPI_PROC_NULL;
    bool is_root = rank == coll->root;
    MPI_Datatype type = (MPI_Datatype[]){MPI_INT32_T, MPI_INT64_T, MPI_UINT8_T, MPI_DOUBLE, affine_type}[coll->element];
    MPI_Op op = coll->element == AFFINE ? affine_op : (MPI_Op[]){MPI_SUM, MPI_MAX, MPI_MIN, MPI_BXOR, MPI_PROD}[coll->op];
    bool scatters = coll->kind == REDUCE_SCATTER || coll->kind == REDUCE_SCATTER_BLOCK;
    int *counts = room((size_t)size * sizeof *counts);
    size_t n = 0, before = 0;
    for (int i = 0; i < size; i++) {
        counts[i] = coll->kind == REDUCE_SCATTER_BLOCK ? coll->most : mixed(coll->most + 1, (uint64_t)coll->id, (uint64_t)i, 9);
        before += i < place ? (size_t)counts[i] : 0;
        n += (size_t)counts[i];
    }
    coll->counts[0] = counts;
    if (!scatters)
        n = (size_t)coll->most;
    size_t unit = (size_t)element_size[coll->element], mine = scatters ? (size_t)counts[place] : n;
    coll->in = (Layout){.extent = (ptrdiff_t)unit, .type = MPI_DATATYPE_NULL};
    coll->send = buffer_of(&coll->in, n);
    coll->recv = buffer_of(&coll->in, n);
    coll->wanted = buffer_of(&coll->in, n);
    give(coll, rank, coll->send.start, n);
    unsigned char *all = room(n * unit);
    coll->receives = true;
    bool gets = coll->kind == REDUCE ? is_root : coll->kind != EXSCAN || place > 0;
    if (coll->kind == SCAN || coll->kind == EXSCAN)
        reduced(coll, side, place + (coll->kind == SCAN), all, n);
    else
        reduced(coll, other, on->size[other], all, n);
    if (gets)
        memcpy(coll->wanted.start, all + (scatters ? before * unit : 0), mine * unit);
    free(all);
    const void *from = coll->send.start;
    void *to = coll->recv.start;
    if (coll->in_place && !inter && (coll->kind != REDUCE || is_root)) {
        give(coll, rank, to, n);
        from = MPI_IN_PLACE;
        if (coll->kind == EXSCAN && place == 0) /* undefined there: not looked at */
            coll->receives = false;
        if (scatters) /* of the rest of the buffer the standard says nothing */
            coll->wanted.len = coll->recv.len = MARGIN + mine * unit;
    }
    switch (coll->kind) {
    case REDUCE:
        START_COLL(coll, Reduce, reduce, from, to, (int)n, type, op, root, on->comm);
        break;
    case ALLREDUCE:
        START_COLL(coll, Allreduce, allreduce, from, to, (int)n, type, op, on->comm);
        break;
    case REDUCE_SCATTER_BLOCK:
        START_COLL(coll, Reduce_scatter_block, reduce_scatter_block, from, to, coll->most, type, op, on->comm);
        break;
    case REDUCE_SCATTER:
        START_COLL(coll, Reduce_scatter, reduce_scatter, from, to, counts, type, op, on->comm);
        break;
    case SCAN:
        START_COLL(coll, Scan, scan, from, to, (int)n, type, op, on->comm);
        break;
    default:
        START_COLL(coll, Exscan, exscan, from, to, (int)n, type, op, on->comm);
    }
}

static void plan_coll(Coll *coll, int id, const Comm *on)
{
    *coll = (Coll){.id = id, .on = on, .form = plan(3), .request = MPI_REQUEST_NULL};
    coll->kind = plan(on->groups == 2 ? LAST_BETWEEN_GROUPS + 1 : KINDS);
    int group = plan(on->groups);
    coll->root = on->member[group][plan(on->size[group])];
    coll->in_place = plan(3) == 0;
    coll->element = plan(ELEMENTS);
    coll->op = plan(OPS);
    if (coll->element == DOUBLE && (coll->op == BXOR || coll->op == PROD))
        coll->op = SUM;
    if (coll->kind >= FIRST_REDUCTION) {
        size_t n = random_size(&plan_state, plan(4) == 0) / 4;
        coll->most = (int)(n > 150000 ? 150000 : n);
        if (coll->kind > ALLREDUCE && coll->most > 20000)
            coll->most = 20000;
        return;
    }
    coll->grain = (size_t)(int[]){1, 4, 8, 12, 40, 41, 64, 1024, 4032, 65472}[plan(10)];
    size_t whole = random_size(&plan_state, plan(3) == 0), most = whole / coll->grain;
    if (coll->kind != BCAST && most * coll->grain > 200000)
        most = 200000 / coll->grain;
    coll->most = (int)most;
}

static void start_coll(Coll *coll)
{
    if (coll->kind == BARRIER)
        START_COLL(coll, Barrier, barrier, coll->on->comm);
    else if (coll->kind >= FIRST_REDUCTION)
        start_reducing(coll);
    else
        start_moving(coll);
}

/* It is complete: is it right? */
static void check_coll(Coll *coll)
{
    static const char *const names[KINDS] = {
        "barrier", "bcast", "gather", "gatherv", "scatter", "scatterv", "allgather", "allgatherv", "alltoall", "alltoallv",
        "alltoallw", "reduce", "allreduce", "reduce_scatter_block", "reduce_scatter", "scan", "exscan"};
    if (coll->request != MPI_REQUEST_NULL)
        MPI(MPI_Request_free(&coll->request));
    if (coll->receives)
        same_bytes(&coll->recv, &coll->wanted, names[coll->kind], coll->id);
    free(coll->send.memory), free(coll->recv.memory), free(coll->wanted.memory);
    for (int i = 0; i < 2; i++)
        free(coll->counts[i]), free(coll->places[i]), free(coll->types[i]);
    if (coll->kind > BARRIER && coll->kind < FIRST_REDUCTION)
        drop_layout(&coll->out), drop_layout(&coll->in);
}

#endif
