/* Random programs on windows (MPI 5.0, chapter 12) whose outcome is determined, all that is
   fetched and what is in the windows afterwards.

   Every rank draws the same plan. An access is left out of it if its outcome would depend
   on an order that nothing determines: the plan knows of each byte of each window what has
   been done to it in the epoch. ORACLE_PROGRAMS=N runs so many programs, ORACLE_FIRST=S from
   this seed on. */
#include "oracle.h"

enum { BYTES = 640, MOST_RANKS = 16, ACCESSES = 40, EPOCHS = 4, ELEMENTS = 64, ROOM = 512 };
enum what { PUT, GET, ACCUMULATE, GET_ACCUMULATE, FETCH_AND_OP, COMPARE_AND_SWAP, WHATS };
enum kind { FENCE, POSTED, LOCK, LOCK_ALL, KINDS };

/* What was done to a byte: by which origin (-1: by several), with elements of which type, one
   of which begins there or not, and whether that is over. */
typedef struct {
    enum { UNTOUCHED, READ, WRITTEN, ORDERED, COMMUTED } role;
    int origin, base, op, first, over;
} Mark;

/* Elements of a predefined type, as a datatype lays them out. */
typedef struct {
    MPI_Datatype type;
    int base, count, elements; /* of one, and how many in all */
    long at[ELEMENTS];
} Layout;

typedef struct {
    enum what what;
    int origin, target, window, op, with_request, flush, told;
    long offset, disp;
    Layout there;
    long operand[ELEMENTS], compare;
} Access;

static const struct { const char *name; MPI_Datatype type; int size, kind; } bases[] = {
    {"char", MPI_UNSIGNED_CHAR, 1, 'u'}, {"short", MPI_UNSIGNED_SHORT, 2, 'u'}, {"int", MPI_INT, 4, 'i'},
    {"long", MPI_LONG, 8, 'i'}, {"uint64", MPI_UINT64_T, 8, 'u'}, {"double", MPI_DOUBLE, 8, 'f'},
    {"float", MPI_FLOAT, 4, 'f'}, {"pair", MPI_2INT, 8, 'p'}, {"byte", MPI_BYTE, 1, 'b'},
};
enum { BASES = sizeof bases / sizeof *bases };

static const struct { const char *name; MPI_Op op; const char *kinds; int commutes; } ops[] = {
    {"sum", MPI_SUM, "uif", 1}, {"max", MPI_MAX, "ui", 1}, {"min", MPI_MIN, "ui", 1}, {"prod", MPI_PROD, "u", 1},
    {"band", MPI_BAND, "uib", 1}, {"bor", MPI_BOR, "uib", 1}, {"bxor", MPI_BXOR, "uib", 1},
    {"land", MPI_LAND, "ui", 0}, {"lor", MPI_LOR, "ui", 0}, {"lxor", MPI_LXOR, "ui", 0},
    {"minloc", MPI_MINLOC, "p", 0}, {"maxloc", MPI_MAXLOC, "p", 0},
    {"replace", MPI_REPLACE, "uifpb", 0}, {"no_op", MPI_NO_OP, "uifpb", 0},
};
enum { OPS = sizeof ops / sizeof *ops, NO_OP = OPS - 1 };

typedef struct {
    MPI_Win win;
    int flavor, unit[MOST_RANKS];
    long from[MOST_RANKS], size[MOST_RANKS]; /* of each member's memory */
} Window;

static MPI_Comm comm;
static int me;
static unsigned char *memory;
static MPI_Aint addresses[MOST_RANKS];
static long have[MOST_RANKS];
static Mark marks[MOST_RANKS][BYTES];
static Access plan[ACCESSES];
static unsigned char origins[ACCESSES][ROOM], results[ACCESSES][ROOM];
static int planned;

static unsigned hash(const unsigned char *bytes, long len)
{
    unsigned sum = 1;
    for (long i = 0; i < len; i++)
        sum = sum * 31 + bytes[i];
    return sum;
}

/* Draws a layout of elements of the predefined type `layout->base`. */
static void draw_layout(Layout *layout, int single)
{
    int size = bases[layout->base].size, n = 1 + below(4), stride = 1 + below(3), k = 0;
    layout->count = single ? 1 : 1 + below(3);
    int shape = single ? 0 : below(4), length = 1 + below(2);
    long extent = 0;
    int each = 0;
    long at[ELEMENTS];
    switch (shape) {
    case 0: /* plain */
        at[each++] = 0, extent = size;
        break;
    case 1: /* a vector */
        for (int i = 0; i < n; i++)
            for (int j = 0; j < length; j++)
                at[each++] = (long)(i * (length + stride - 1) + j) * size;
        extent = at[each - 1] + size;
        break;
    case 2: /* the last first */
        for (int i = n - 1; i >= 0; i--)
            at[each++] = (long)i * stride * size;
        extent = at[0] + size;
        break;
    default: /* resized */
        for (int i = 0; i < n; i++)
            at[each++] = (long)i * stride * size;
        extent = at[each - 1] + 2 * size;
    }
    for (int c = 0; c < layout->count; c++)
        for (int i = 0; i < each; i++)
            layout->at[k++] = c * extent + at[i];
    layout->elements = k;
    MPI_Datatype base = bases[layout->base].type, type;
    switch (shape) {
    case 0:
        MPI_Type_dup(base, &type);
        break;
    case 1:
        MPI_Type_vector(n, length, length + stride - 1, base, &type);
        break;
    case 2: {
        int from[ELEMENTS], lens[ELEMENTS];
        for (int i = 0; i < n; i++)
            from[i] = (n - 1 - i) * stride, lens[i] = 1;
        if (below(2))
            MPI_Type_indexed(n, lens, from, base, &type);
        else
            MPI_Type_create_indexed_block(n, 1, from, base, &type);
        break;
    }
    default: {
        MPI_Datatype inner;
        MPI_Type_create_hvector(n, 1, (MPI_Aint)stride * size, base, &inner);
        MPI_Type_create_resized(inner, 0, extent, &type);
        MPI_Type_free(&inner);
    }
    }
    layout->type = type;
    if (single) { /* such a call takes the predefined type itself */
        MPI_Type_free(&type);
        layout->type = base;
    } else
        MPI_Type_commit(&layout->type);
}

static void drop_layout(Layout *layout)
{
    if (layout->type != bases[layout->base].type)
        MPI_Type_free(&layout->type);
}

/* Whether the outcome is determined if an access that leaves this mark follows. */
static int allows(const Mark *before, const Mark *now)
{
    if (before->role == UNTOUCHED || (before->role == READ && now->role == READ))
        return 1;
    if (before->role == COMMUTED || now->role == COMMUTED)
        return before->role == now->role && before->base == now->base && before->op == now->op &&
               before->first == now->first;
    if (before->origin != now->origin)
        return 0;
    return before->over || (before->role == ORDERED && now->role == ORDERED && before->base == now->base &&
                            before->first == now->first);
}

/* The mark of both. */
static Mark both(const Mark *before, const Mark *now)
{
    Mark mark = *now;
    if (now->role == READ && before->role == READ && before->origin != now->origin)
        mark.origin = -1;
    else if (now->role == READ && before->role != UNTOUCHED)
        mark.role = WRITTEN;
    return mark;
}

static int is_one_of(int base, int op)
{
    return strchr(ops[op].kinds, bases[base].kind) != NULL;
}

/* Draws one access; 0: not this one. */
static int draw_access(Access *a, const Window *windows, int n_windows, enum kind kind)
{
    memset(a, 0, sizeof *a);
    a->window = below(n_windows);
    const Window *w = &windows[a->window];
    int members, passive = kind == LOCK || kind == LOCK_ALL;
    MPI_Comm_size(comm, &members);
    a->origin = below(members), a->target = below(members);
    a->what = below(WHATS);
    a->flush = passive && below(3) > 0;
    a->with_request = passive && below(4) == 0;
    int single = a->what == FETCH_AND_OP || a->what == COMPARE_AND_SWAP;
    do
        a->there.base = below(BASES);
    while (a->what == COMPARE_AND_SWAP && strchr("fp", bases[a->there.base].kind));
    do
        a->op = below(OPS);
    while (!is_one_of(a->there.base, a->op) || (a->op == NO_OP && a->what == ACCUMULATE));
    int commuted = ops[a->op].commutes && bases[a->there.base].kind != 'f' && below(2) &&
                   a->what >= ACCUMULATE && a->what <= FETCH_AND_OP;
    draw_layout(&a->there, single);
    int size = bases[a->there.base].size, unit = w->unit[a->target];
    a->disp = below(BYTES / unit);
    a->offset = w->from[a->target] + a->disp * unit;
    long high = 0;
    for (int i = 0; i < a->there.elements; i++)
        high = a->there.at[i] + size > high ? a->there.at[i] + size : high;
    int good = a->offset % size == 0 && a->disp * unit + high <= w->size[a->target];
    Mark mark = {a->what == PUT ? WRITTEN : a->what == GET ? READ : commuted ? COMMUTED : ORDERED,
                 a->origin, a->there.base, a->op, 0, a->flush};
    for (int pass = 0; pass < 2 && good; pass++)
        for (int i = 0; i < a->there.elements; i++)
            for (int k = 0; k < size; k++) {
                Mark *byte = &marks[a->target][a->offset + a->there.at[i] + k];
                mark.first = k == 0;
                if (pass == 0)
                    good &= allows(byte, &mark);
                else
                    *byte = both(byte, &mark);
            }
    if (!good) {
        drop_layout(&a->there);
        return 0;
    }
    a->told = a->what == GET || (a->what >= GET_ACCUMULATE && !commuted);
    for (int i = 0; i < a->there.elements; i++)
        a->operand[i] = below(bases[a->there.base].kind == 'f' ? 100 : 1 << 20);
    a->compare = below(3);
    return 1;
}

static void write_operand(unsigned char *to, int base, long value)
{
    double d = (double)value;
    float f = (float)value;
    int pair[2] = {(int)(value & 0xff), (int)(value >> 8)};
    const void *from = bases[base].kind == 'p' ? (void *)pair : bases[base].kind != 'f' ? (void *)&value
                       : bases[base].size == 8 ? (void *)&d : (void *)&f;
    memcpy(to, from, (size_t)bases[base].size); /* little-endian */
}

static void carry_out(int i, Window *windows)
{
    Access *a = &plan[i];
    MPI_Win win = windows[a->window].win;
    MPI_Datatype base = bases[a->there.base].type, type = a->there.type;
    int n = a->there.elements, count = a->there.count, to = a->target, size = bases[a->there.base].size;
    MPI_Aint disp = a->disp;
    if (windows[a->window].flavor == MPI_WIN_FLAVOR_DYNAMIC)
        disp = MPI_Aint_add(addresses[a->target], a->offset);
    unsigned char *from = origins[i], *result = results[i], compare[16];
    MPI_Op op = ops[a->op].op;
    MPI_Request request = MPI_REQUEST_NULL;
    for (int k = 0; k < n; k++)
        write_operand(from + k * size, a->there.base, a->operand[k]);
    write_operand(compare, a->there.base, a->compare);
    switch (a->what) {
    case PUT:
        if (a->with_request)
            MPI_Rput(from, n, base, to, disp, count, type, win, &request);
        else
            MPI_Put(from, n, base, to, disp, count, type, win);
        break;
    case GET:
        if (a->with_request)
            MPI_Rget(result, n, base, to, disp, count, type, win, &request);
        else
            MPI_Get(result, n, base, to, disp, count, type, win);
        break;
    case ACCUMULATE:
        if (a->with_request)
            MPI_Raccumulate(from, n, base, to, disp, count, type, op, win, &request);
        else
            MPI_Accumulate(from, n, base, to, disp, count, type, op, win);
        break;
    case GET_ACCUMULATE:
        if (a->with_request)
            MPI_Rget_accumulate(from, n, base, result, n, base, to, disp, count, type, op, win, &request);
        else
            MPI_Get_accumulate(from, n, base, result, n, base, to, disp, count, type, op, win);
        break;
    case FETCH_AND_OP:
        MPI_Fetch_and_op(from, result, base, to, disp, op, win);
        break;
    default:
        MPI_Compare_and_swap(from, compare, result, base, to, disp, win);
    }
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    if (a->flush && below(2)) /* this rank's own number: both do the same */
        MPI_Win_flush(to, win);
    else if (a->flush)
        MPI_Win_flush_all(win);
    else if (a->with_request && below(2))
        MPI_Win_flush_local(to, win);
}

/* The members with which this one exposes or accesses window `w` in the plan. */
static MPI_Group partners(int w, int as_origin)
{
    int all[MOST_RANKS], n = 0;
    MPI_Group everybody, some;
    MPI_Comm_group(comm, &everybody);
    for (int i = 0; i < planned; i++) {
        int mine = as_origin ? plan[i].origin : plan[i].target, other = as_origin ? plan[i].target : plan[i].origin;
        int known = plan[i].window != w || mine != me;
        for (int k = 0; k < n; k++)
            known |= all[k] == other;
        if (!known)
            all[n++] = other;
    }
    MPI_Group_incl(everybody, n, all, &some);
    MPI_Group_free(&everybody);
    return some;
}

static void one_epoch(Window *windows, int n_windows, enum kind kind)
{
    memset(marks, 0, sizeof marks);
    planned = 0;
    for (int i = 0; i < 3 * ACCESSES && planned < ACCESSES; i++)
        planned += draw_access(&plan[planned], windows, n_windows, kind);
    uint64_t common = state;
    say(" epoch of kind %d: %d accesses\n", kind, planned);
    memset(results, 0, sizeof results);
    for (int w = 0; w < n_windows; w++) { /* windows that overlap take turns */
        MPI_Win win = windows[w].win;
        MPI_Group origin = MPI_GROUP_NULL, target = MPI_GROUP_NULL;
        int locked = -1;
        if (kind == FENCE)
            MPI_Win_fence(0, win);
        if (kind == POSTED) {
            origin = partners(w, 0), target = partners(w, 1);
            MPI_Win_post(origin, 0, win);
            MPI_Win_start(target, 0, win);
        }
        if (kind == LOCK_ALL)
            MPI_Win_lock_all(0, win);
        for (int i = 0; i < planned; i++) {
            if (plan[i].origin != me || plan[i].window != w)
                continue;
            if (kind == LOCK && locked != plan[i].target) {
                if (locked >= 0)
                    MPI_Win_unlock(locked, win);
                locked = plan[i].target;
                MPI_Win_lock(below(3) ? MPI_LOCK_SHARED : MPI_LOCK_EXCLUSIVE, locked, 0, win);
            }
            carry_out(i, windows);
        }
        if (locked >= 0)
            MPI_Win_unlock(locked, win);
        if (kind == FENCE)
            MPI_Win_fence(MPI_MODE_NOSUCCEED, win);
        if (kind == POSTED) {
            MPI_Win_complete(win);
            MPI_Win_wait(win);
            MPI_Group_free(&origin);
            MPI_Group_free(&target);
        }
        if (kind == LOCK_ALL)
            MPI_Win_unlock_all(win);
        MPI_Barrier(comm);
    }
    state = common;
    for (int i = 0; i < planned; i++) {
        Access *a = &plan[i];
        int size = bases[a->there.base].size;
        if (a->origin == me && a->told)
            say("  access %d (%d, %s, %s): %08x\n", i, a->what, bases[a->there.base].name, ops[a->op].name,
                hash(results[i], (long)size * a->there.elements));
        drop_layout(&a->there);
    }
    MPI_Win_lock(MPI_LOCK_EXCLUSIVE, me, 0, windows[0].win);
    say("  memory:");
    for (long at = 0; at < have[me]; at += 64)
        say(" %08x", hash(memory + at, have[me] - at < 64 ? have[me] - at : 64));
    say("\n");
    MPI_Win_unlock(me, windows[0].win);
    MPI_Barrier(comm);
}

static void say_window(const Window *w)
{
    void *value;
    int found;
    MPI_Win_get_attr(w->win, MPI_WIN_SIZE, &value, &found);
    say("  size %ld", found && w->flavor != MPI_WIN_FLAVOR_DYNAMIC ? (long)*(MPI_Aint *)value : -1);
    MPI_Win_get_attr(w->win, MPI_WIN_DISP_UNIT, &value, &found);
    say(" unit %d", found ? *(int *)value : -1);
    MPI_Win_get_attr(w->win, MPI_WIN_CREATE_FLAVOR, &value, &found);
    say(" flavor %s", !found || *(int *)value != w->flavor ? "another" : "right");
    MPI_Win_get_attr(w->win, MPI_WIN_BASE, &value, &found);
    say(" base %s\n", found && (w->flavor == MPI_WIN_FLAVOR_DYNAMIC ? value == MPI_BOTTOM : w->size[me] == 0 || value == memory + w->from[me])
                      ? "right" : "wrong");
}

static void one_program(int seed)
{
    static const int units[] = {1, 1, 2, 4, 8, 3, 12};
    int members, n_windows = 1;
    Window windows[2];
    memset(windows, 0, sizeof windows);
    state = 7919ull * (unsigned)seed;
    int shuffled = below(2), keys[MOST_RANKS];
    for (int i = 0; i < ranks; i++)
        keys[i] = below(100);
    MPI_Comm_split(MPI_COMM_WORLD, 0, shuffled ? keys[rank] : rank, &comm);
    MPI_Comm_rank(comm, &me);
    MPI_Comm_size(comm, &members);
    int flavors[] = {MPI_WIN_FLAVOR_CREATE, MPI_WIN_FLAVOR_CREATE, MPI_WIN_FLAVOR_DYNAMIC, MPI_WIN_FLAVOR_ALLOCATE,
                     MPI_WIN_FLAVOR_SHARED};
    const char *names[] = {"create", "create", "dynamic", "allocate", "shared"};
    int flavor = below(5), aligned = below(2);
    Window *w = &windows[0];
    w->flavor = flavors[flavor];
    for (int i = 0; i < members; i++) {
        have[i] = below(6) ? 8 * (1 + below(BYTES / 8)) : 0;
        w->size[i] = have[i], w->from[i] = 0;
        w->unit[i] = w->flavor == MPI_WIN_FLAVOR_DYNAMIC ? 1 : units[below(7)];
    }
    say("program %d: %s, %d members\n", seed, names[flavor], members);
    long size = have[me];
    void *own = NULL;
    if (w->flavor == MPI_WIN_FLAVOR_CREATE || w->flavor == MPI_WIN_FLAVOR_DYNAMIC) {
        if (posix_memalign(&own, aligned ? 4096 : 16, BYTES))
            exit(1);
        memory = own;
    }
    if (w->flavor == MPI_WIN_FLAVOR_CREATE) {
        MPI_Win_create(memory, size, w->unit[me], MPI_INFO_NULL, comm, &w->win);
        if (below(2)) { /* another over a part of it */
            n_windows = 2;
            windows[1].flavor = w->flavor;
            for (int i = 0; i < members; i++) {
                windows[1].from[i] = have[i] / 16 * 8;
                windows[1].size[i] = have[i] - windows[1].from[i];
                windows[1].unit[i] = units[below(7)];
            }
            MPI_Win_create(memory + windows[1].from[me], windows[1].size[me], windows[1].unit[me], MPI_INFO_NULL, comm,
                           &windows[1].win);
        }
    } else if (w->flavor == MPI_WIN_FLAVOR_DYNAMIC) {
        MPI_Win_create_dynamic(MPI_INFO_NULL, comm, &w->win);
        if (size > 0)
            MPI_Win_attach(w->win, memory, size);
    } else if (w->flavor == MPI_WIN_FLAVOR_ALLOCATE)
        MPI_Win_allocate(size, w->unit[me], MPI_INFO_NULL, comm, &memory, &w->win);
    else
        MPI_Win_allocate_shared(size, w->unit[me], MPI_INFO_NULL, comm, &memory, &w->win);
    MPI_Aint address;
    MPI_Get_address(memory, &address);
    MPI_Allgather(&address, 1, MPI_AINT, addresses, 1, MPI_AINT, comm);
    for (int i = 0; i < n_windows; i++)
        say_window(&windows[i]);
    if (w->flavor == MPI_WIN_FLAVOR_SHARED)
        for (int i = 0; i < members; i++) {
            MPI_Aint bytes;
            int unit;
            void *at;
            MPI_Win_shared_query(w->win, i, &bytes, &unit, &at);
            say("  member %d: %ld bytes, unit %d\n", i, (long)bytes, unit);
        }
    MPI_Win_lock(MPI_LOCK_EXCLUSIVE, me, 0, w->win);
    for (long i = 0; i < size; i++) /* no number that an addition makes inexact */
        memory[i] = 0;
    for (long i = 0; i + 4 <= size; i += 16)
        memory[i] = (unsigned char)(i + me);
    MPI_Win_unlock(me, w->win);
    MPI_Barrier(comm);
    for (int i = 0; i < EPOCHS; i++)
        one_epoch(windows, n_windows, below(KINDS));
    if (w->flavor == MPI_WIN_FLAVOR_DYNAMIC && size > 0)
        MPI_Win_detach(w->win, memory);
    for (int i = n_windows - 1; i >= 0; i--)
        MPI_Win_free(&windows[i].win);
    free(own);
    MPI_Comm_free(&comm);
}

int main(void)
{
    const char *programs = getenv("ORACLE_PROGRAMS"), *first = getenv("ORACLE_FIRST");
    int from = first ? atoi(first) : 1, n = programs ? atoi(programs) : 60;
    begin();
    if (ranks > MOST_RANKS)
        MPI_Abort(MPI_COMM_WORLD, 1);
    for (int seed = from; seed < from + n; seed++)
        one_program(seed);
    return finish();
}
