/* Random accesses to windows against a model (MPI 5.0, chapter 12).

   From a seed every rank draws the same plan. In each epoch every block of every rank's
   words has a role, so that the outcome is determined: words that one origin puts, once
   each; words that anybody gets; words at which one origin accumulates, in order; words to
   which all add; and, where it can flush, words that one origin accesses in any way. The
   model carries the plan out at once. After the epoch each rank compares its words, and
   what it fetched, with the model's.

   usage: win_random [SEED] [EPOCHS]: each makes windows of every flavor anew */
#include "places.h"
#include "windows.h"

enum { ROW = 16, ROWS = 24, WORDS = ROW * ROWS, MOST_RANKS = 8, EPOCHS_EACH = 8,
       ACCESSES = 300, MOST = 8 };
enum role { PUT, GET, OWN, SUM, ANY, ROLES };
enum epoch { FENCE, POSTED, LOCK, LOCK_ALL, EPOCHS };
enum flavor { CREATE, DYNAMIC, ALLOCATE, SHARED, FLAVORS };
enum what { DO_PUT, DO_GET, DO_ACCUMULATE, DO_GET_ACCUMULATE, DO_FETCH, DO_SWAP };

typedef struct {
    int origin, target, word, count, stride;
    enum what what;
    MPI_Op op;
    int64_t operand[MOST], compare, wanted[MOST], got[MOST];
    int checked, flush, with_request;
} Access;

static uint64_t state;
static Access plan[ACCESSES];
static int64_t model[MOST_RANKS][WORDS];
static int64_t *mine;
static MPI_Aint bases[MOST_RANKS];
static MPI_Win win;
static enum flavor flavor;
static long accesses;

static unsigned below(unsigned n) /* the same at every rank */
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % n;
}

static int64_t any_number(void)
{
    int64_t high = below(1u << 31);
    return high << 20 ^ (int64_t)below(1u << 31);
}

static MPI_Aint at(int who, int word)
{
    return flavor == DYNAMIC ? MPI_Aint_add(bases[who], word * 8) : word * (who % 2 ? 1 : 8);
}

static int64_t applied(MPI_Op op, int64_t there, int64_t operand)
{
    if (op == MPI_SUM)
        return (int64_t)((uint64_t)there + (uint64_t)operand);
    if (op == MPI_BXOR)
        return there ^ operand;
    if (op == MPI_MAX)
        return there > operand ? there : operand;
    return op == MPI_REPLACE ? operand : there;
}

/* One access of the plan, carried out in the model. */
static void model_access(Access *a)
{
    for (int i = 0; i < a->count; i++) {
        int64_t *there = &model[a->target][a->word + i * a->stride];
        a->wanted[i] = *there;
        if (a->what == DO_PUT)
            *there = a->operand[i];
        else if (a->what == DO_SWAP)
            *there = *there == a->compare ? a->operand[i] : *there;
        else if (a->what != DO_GET)
            *there = applied(a->op, *there, a->operand[i]);
    }
}

static void make_plan(enum epoch epoch)
{
    static enum role roles[MOST_RANKS][ROWS];
    static int owners[MOST_RANKS][ROWS];
    static unsigned char put[MOST_RANKS][WORDS];
    int can_flush = epoch == LOCK || epoch == LOCK_ALL;
    for (int who = 0; who < ranks; who++)
        for (int block = 0; block < ROWS; block++) {
            roles[who][block] = below(can_flush ? ROLES : ANY);
            owners[who][block] = (int)below((unsigned)ranks);
        }
    memset(put, 0, sizeof put);
    for (int i = 0; i < ACCESSES; i++) {
        static const enum what all[] = {DO_PUT, DO_GET, DO_ACCUMULATE, DO_GET_ACCUMULATE, DO_FETCH,
                                        DO_SWAP};
        MPI_Op ops[] = {MPI_SUM, MPI_BXOR, MPI_MAX, MPI_REPLACE, MPI_NO_OP};
        Access *a = &plan[i];
        int block = (int)below(ROWS);
        memset(a, 0, sizeof *a);
        a->target = (int)below((unsigned)ranks);
        enum role role = roles[a->target][block];
        a->origin = role == GET || role == SUM ? (int)below((unsigned)ranks) : owners[a->target][block];
        a->stride = 1 + (int)below(2);
        a->count = 1 + (int)below(MOST);
        a->word = block * ROW + (int)below((unsigned)(ROW - (a->count - 1) * a->stride));
        a->checked = role != SUM;
        a->with_request = can_flush && below(4) == 0;
        switch (role) {
        case PUT: a->what = DO_PUT; break;
        case GET: a->what = DO_GET; break;
        case OWN: a->what = all[2 + below(4)]; break;
        case SUM: a->what = all[2 + below(3)]; break;
        default: a->what = all[below(6)]; a->flush = 1;
        }
        a->op = role == SUM ? MPI_SUM : ops[below(5)];
        if (a->op == MPI_NO_OP && a->what == DO_ACCUMULATE)
            a->what = DO_GET_ACCUMULATE;
        if (a->what == DO_FETCH || a->what == DO_SWAP)
            a->count = 1;
        for (int k = 0; k < a->count; k++)
            a->operand[k] = role == SUM ? (int64_t)below(1000) : any_number();
        int64_t now = model[a->target][a->word];
        a->compare = below(3) ? now : now + 1;
        if (role == PUT) {
            for (int k = 0; k < a->count; k++)
                if (put[a->target][a->word + k * a->stride])
                    a->count = k;
            for (int k = 0; k < a->count; k++)
                put[a->target][a->word + k * a->stride] = 1;
        }
        model_access(a);
    }
}

static void carry_out(Access *a, MPI_Request *request)
{
    MPI_Datatype there = MPI_INT64_T;
    int count = a->count, n = a->count, to = a->target;
    MPI_Aint disp = at(a->target, a->word);
    if (a->stride > 1 && a->count > 0) {
        MPI(MPI_Type_vector(a->count, 1, a->stride, MPI_INT64_T, &there));
        MPI(MPI_Type_commit(&there));
        n = 1;
    }
    *request = MPI_REQUEST_NULL;
    switch (a->what) {
    case DO_PUT:
        if (a->with_request)
            MPI(MPI_Rput(a->operand, count, MPI_INT64_T, to, disp, n, there, win, request));
        else
            MPI(MPI_Put(a->operand, count, MPI_INT64_T, to, disp, n, there, win));
        break;
    case DO_GET:
        if (a->with_request)
            MPI(MPI_Rget(a->got, count, MPI_INT64_T, to, disp, n, there, win, request));
        else
            MPI(MPI_Get(a->got, count, MPI_INT64_T, to, disp, n, there, win));
        break;
    case DO_ACCUMULATE:
        if (a->with_request)
            MPI(MPI_Raccumulate(a->operand, count, MPI_INT64_T, to, disp, n, there, a->op, win, request));
        else
            MPI(MPI_Accumulate(a->operand, count, MPI_INT64_T, to, disp, n, there, a->op, win));
        break;
    case DO_GET_ACCUMULATE:
        if (a->with_request)
            MPI(MPI_Rget_accumulate(a->operand, count, MPI_INT64_T, a->got, count, MPI_INT64_T, to,
                                    disp, n, there, a->op, win, request));
        else
            MPI(MPI_Get_accumulate(a->operand, count, MPI_INT64_T, a->got, count, MPI_INT64_T, to,
                                   disp, n, there, a->op, win));
        break;
    case DO_FETCH:
        MPI(MPI_Fetch_and_op(a->operand, a->got, MPI_INT64_T, to, disp, a->op, win));
        break;
    case DO_SWAP:
        MPI(MPI_Compare_and_swap(a->operand, &a->compare, a->got, MPI_INT64_T, to, disp, win));
        break;
    }
    if (there != MPI_INT64_T)
        MPI(MPI_Type_free(&there));
    accesses++;
}

static void begin(enum epoch epoch, MPI_Group all)
{
    if (epoch == FENCE)
        MPI(MPI_Win_fence(0, win));
    if (epoch == POSTED) {
        MPI(MPI_Win_post(all, 0, win));
        MPI(MPI_Win_start(all, 0, win));
    }
    if (epoch == LOCK_ALL)
        MPI(MPI_Win_lock_all(0, win));
}

static void end(enum epoch epoch)
{
    if (epoch == FENCE)
        MPI(MPI_Win_fence(MPI_MODE_NOSUCCEED, win));
    if (epoch == POSTED) {
        MPI(MPI_Win_complete(win));
        MPI(MPI_Win_wait(win));
    }
    if (epoch == LOCK_ALL)
        MPI(MPI_Win_unlock_all(win));
    MPI(MPI_Barrier(MPI_COMM_WORLD)); /* nobody accesses what is looked at now */
}

static void one_epoch(uint64_t seed, MPI_Group all)
{
    static MPI_Request requests[ACCESSES];
    enum epoch epoch = below(EPOCHS);
    int open = 0, locked = -1;
    make_plan(epoch);
    begin(epoch, all);
    for (int i = 0; i < ACCESSES; i++) {
        Access *a = &plan[i];
        if (a->origin != rank)
            continue;
        if (epoch == LOCK && locked != a->target) {
            MPI(MPI_Waitall(open, requests, MPI_STATUSES_IGNORE));
            open = 0;
            if (locked >= 0)
                MPI(MPI_Win_unlock(locked, win));
            locked = a->target;
            MPI(MPI_Win_lock((seed + (uint64_t)i) % 3 ? MPI_LOCK_SHARED : MPI_LOCK_EXCLUSIVE, locked, 0,
                             win));
        }
        carry_out(a, &requests[open]);
        if (requests[open] != MPI_REQUEST_NULL)
            open++;
        if (a->flush) {
            MPI(MPI_Win_flush(a->target, win));
            MPI(MPI_Waitall(open, requests, MPI_STATUSES_IGNORE));
            open = 0;
        }
    }
    MPI(MPI_Waitall(open, requests, MPI_STATUSES_IGNORE));
    if (locked >= 0)
        MPI(MPI_Win_unlock(locked, win));
    end(epoch);
    for (int i = 0; i < ACCESSES; i++) {
        Access *a = &plan[i];
        if (a->origin != rank || !a->checked || a->what == DO_PUT || a->what == DO_ACCUMULATE)
            continue;
        for (int k = 0; k < a->count; k++)
            CHECK(a->got[k] == a->wanted[k],
                  "seed %llu, epoch of kind %d, window of kind %d: access %d (%d) of rank %d fetched "
                  "%lld, wanted %lld", (unsigned long long)seed, epoch, flavor, i, a->what, a->target,
                  (long long)a->got[k], (long long)a->wanted[k]);
    }
    for (int i = 0; i < WORDS; i++)
        CHECK(mine[i] == model[rank][i],
              "seed %llu, epoch of kind %d, window of kind %d: word %d is %lld, wanted %lld",
              (unsigned long long)seed, epoch, flavor, i, (long long)mine[i], (long long)model[rank][i]);
    MPI(MPI_Barrier(MPI_COMM_WORLD));
}

int main(int argc, char **argv)
{
    static unsigned char stack[2][WORDS * 8 + 64];
    area_stack[0] = stack[0], area_stack[1] = stack[1];
    START();
    CHECK(ranks <= MOST_RANKS, "%d ranks", ranks);
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    int windows = argc > 2 ? atoi(argv[2]) : 6;
    MPI_Group all;
    MPI(MPI_Comm_group(MPI_COMM_WORLD, &all));
    for (int i = 0; i < windows; i++, seed++) {
        state = seed * 0x9e3779b97f4a7c15u + 1;
        struct area area = {NULL, 0, MALLOC};
        flavor = below(FLAVORS);
        enum place place = below(PLACES);
        int mixed = (int)below(2), unit = rank % 2 ? 8 : 1;
        MPI_Aint base;
        if (flavor == CREATE || flavor == DYNAMIC) {
            area = take_area((enum place)((place + mixed * rank) % PLACES), WORDS * 8, 0, 0);
            mine = (int64_t *)area.at;
        }
        if (flavor == CREATE)
            MPI(MPI_Win_create(mine, WORDS * 8, unit, MPI_INFO_NULL, MPI_COMM_WORLD, &win));
        else if (flavor == ALLOCATE)
            MPI(MPI_Win_allocate(WORDS * 8, unit, MPI_INFO_NULL, MPI_COMM_WORLD, &mine, &win));
        else if (flavor == SHARED)
            MPI(allocate_window(WORDS * 8, unit, &mine, &win));
        else {
            MPI(MPI_Win_create_dynamic(MPI_INFO_NULL, MPI_COMM_WORLD, &win));
            for (int block = 0; block < ROWS; block++) /* in pieces that touch */
                MPI(MPI_Win_attach(win, mine + block * ROW, ROW * 8));
        }
        MPI(MPI_Get_address(mine, &base));
        MPI(MPI_Allgather(&base, 1, MPI_AINT, bases, 1, MPI_AINT, MPI_COMM_WORLD));
        memset(mine, 0, WORDS * 8);
        memset(model, 0, sizeof model);
        MPI(MPI_Barrier(MPI_COMM_WORLD));
        for (int epoch = 0; epoch < EPOCHS_EACH; epoch++)
            one_epoch(seed, all);
        MPI(MPI_Win_free(&win));
        if (area.at)
            give_area(area);
    }
    MPI(MPI_Group_free(&all));
    MPI(MPI_Allreduce(MPI_IN_PLACE, &accesses, 1, MPI_LONG, MPI_SUM, MPI_COMM_WORLD));
    if (rank == 0)
        printf("%ld accesses\n", accesses);
    PASSED();
}
