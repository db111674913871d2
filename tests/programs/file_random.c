/* Random accesses against a model that every rank keeps: it knows each byte of the file, each
   rank's view and pointers, and so what every call must move, count and leave.
   usage: file_random FOLDER [STEPS [SEED]]: a step is an access of every rank. */
#include "file.h"

enum { RANKS = 16, BLOCKS = 5, MOST = 3000, LEN = 1 << 17 };

struct view {
    long disp, extent;
    int etype, blocks, size; /* bytes */
    int at[BLOCKS], len[BLOCKS];
};

static struct view views[RANKS];
static long positions[RANKS], shared; /* etypes */
static int all_see_the_same;
static unsigned char model[LEN];
static long size; /* of the file */
static uint64_t state;
static unsigned step;
static MPI_File file;
static char *path;

static unsigned draw(unsigned below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % below;
}

static unsigned char byte_of(int of, long i) { return (unsigned char)(step * 37 + (unsigned)of * 101 + (unsigned long)i * 13 + 1); }

static long place(const struct view *view, long position)
{
    long rest = position % view->size;
    int block = 0;
    while (rest >= view->len[block])
        rest -= view->len[block++];
    return view->disp + position / view->size * view->extent + view->at[block] + rest;
}

/* Where `n` bytes of the stream from byte `position` on lie: as `place`, which divides for each. */
static void places_of(const struct view *view, long position, long n, int *places)
{
    long rest = position % view->size, base = view->disp + position / view->size * view->extent;
    int block = 0;
    while (rest >= view->len[block])
        rest -= view->len[block++];
    for (long i = 0; i < n; i++) {
        places[i] = (int)(base + view->at[block] + rest);
        if (++rest == view->len[block]) {
            rest = 0;
            if (++block == view->blocks) {
                block = 0;
                base += view->extent;
            }
        }
    }
}

static void draw_view(struct view *view)
{
    view->etype = (int[]){1, 4, 6}[draw(3)];
    view->blocks = 1 + (int)draw(BLOCKS);
    view->disp = draw(500);
    long at = draw(3) * (long)view->etype;
    view->size = 0;
    for (int i = 0; i < view->blocks; i++) {
        view->at[i] = (int)at;
        view->len[i] = (1 + (int)draw(draw(2) ? 3 : 40)) * view->etype;
        view->size += view->len[i];
        at += view->len[i] + (draw(3) ? (long)draw(20) * view->etype : 0);
    }
    view->extent = at + (long)draw(20) * view->etype;
}

/* Rank r sees every n-th block. */
static void interleaved_view(struct view *view, int r, int len, int gap)
{
    view->etype = 1;
    view->blocks = 1;
    view->disp = (long)r * (len + gap);
    view->at[0] = 0;
    view->size = view->len[0] = len;
    view->extent = (long)ranks * (len + gap);
}

static void use(const struct view *view)
{
    MPI_Datatype etype, blocks, type;
    MPI(MPI_Type_contiguous(view->etype, MPI_BYTE, &etype));
    MPI(MPI_Type_commit(&etype));
    int lens[BLOCKS];
    MPI_Aint places[BLOCKS];
    for (int i = 0; i < view->blocks; i++) {
        lens[i] = view->len[i] / view->etype;
        places[i] = view->at[i];
    }
    MPI(MPI_Type_create_hindexed(view->blocks, lens, places, etype, &blocks));
    MPI(MPI_Type_create_resized(blocks, 0, view->extent, &type));
    MPI(MPI_Type_commit(&type));
    MPI(MPI_File_set_view(file, view->disp, etype, type, "native", MPI_INFO_NULL));
    MPI(MPI_Type_free(&etype));
    MPI(MPI_Type_free(&blocks));
    MPI(MPI_Type_free(&type));
}

static void new_views(void)
{
    int kind = (int)draw(3), len = 1 + (int)draw(60), gap = draw(2) ? 0 : (int)draw(9);
    struct view one;
    draw_view(&one);
    for (int r = 0; r < ranks; r++) {
        if (kind == 0)
            views[r] = one;
        else if (kind == 1)
            interleaved_view(&views[r], r, len, gap);
        else {
            int etype = one.etype;
            do
                draw_view(&views[r]);
            while (views[r].etype != etype); /* all etypes are of one size */
        }
        positions[r] = 0;
    }
    all_see_the_same = kind == 0;
    shared = 0;
    use(&views[rank]);
}

/* Etypes that begin in the file behind `from`. */
static long left(const struct view *view, long from)
{
    long n = 0;
    while (place(view, (from + n) * view->etype) < size)
        n++;
    return n;
}

/* Bytes of `len` that a read gets whose bytes lie at `places`. */
static long readable(const int *places, long len)
{
    long n = 0;
    while (n < len && places[n] < size)
        n++;
    return n;
}

/* Elements of the data in memory: a run, or every second byte. */
static int scattered;

static MPI_Datatype memory_type(void)
{
    static MPI_Datatype type = MPI_DATATYPE_NULL;
    if (!scattered)
        return MPI_BYTE;
    if (type == MPI_DATATYPE_NULL) {
        MPI(MPI_Type_create_resized(MPI_BYTE, 0, 2, &type));
        MPI(MPI_Type_commit(&type));
    }
    return type;
}

enum form { AT, INDIVIDUAL, AT_ALL, ALL, I_AT, I_INDIVIDUAL, I_AT_ALL, I_ALL, SPLIT_AT, SPLIT, ORDERED, SPLIT_ORDERED, ONE_SHARED, FORMS };

static MPI_Status carry_out(enum form form, int write, MPI_Offset at, unsigned char *buf, int n)
{
    MPI_Datatype type = memory_type();
    MPI_Status status;
    MPI_Request request = MPI_REQUEST_NULL;
    switch (form) {
    case AT:
        MPI(write ? MPI_File_write_at(file, at, buf, n, type, &status)
                  : MPI_File_read_at(file, at, buf, n, type, &status));
        break;
    case INDIVIDUAL:
        MPI(write ? MPI_File_write(file, buf, n, type, &status)
                  : MPI_File_read(file, buf, n, type, &status));
        break;
    case AT_ALL:
        MPI(write ? MPI_File_write_at_all(file, at, buf, n, type, &status)
                  : MPI_File_read_at_all(file, at, buf, n, type, &status));
        break;
    case ALL:
        MPI(write ? MPI_File_write_all(file, buf, n, type, &status)
                  : MPI_File_read_all(file, buf, n, type, &status));
        break;
    case I_AT:
        MPI(write ? MPI_File_iwrite_at(file, at, buf, n, type, &request)
                  : MPI_File_iread_at(file, at, buf, n, type, &request));
        break;
    case I_INDIVIDUAL:
        MPI(write ? MPI_File_iwrite(file, buf, n, type, &request)
                  : MPI_File_iread(file, buf, n, type, &request));
        break;
    case I_AT_ALL:
        MPI(write ? MPI_File_iwrite_at_all(file, at, buf, n, type, &request)
                  : MPI_File_iread_at_all(file, at, buf, n, type, &request));
        break;
    case I_ALL:
        MPI(write ? MPI_File_iwrite_all(file, buf, n, type, &request)
                  : MPI_File_iread_all(file, buf, n, type, &request));
        break;
    case SPLIT_AT:
        MPI(write ? MPI_File_write_at_all_begin(file, at, buf, n, type)
                  : MPI_File_read_at_all_begin(file, at, buf, n, type));
        MPI(write ? MPI_File_write_at_all_end(file, buf, &status)
                  : MPI_File_read_at_all_end(file, buf, &status));
        break;
    case SPLIT:
        MPI(write ? MPI_File_write_all_begin(file, buf, n, type)
                  : MPI_File_read_all_begin(file, buf, n, type));
        MPI(write ? MPI_File_write_all_end(file, buf, &status)
                  : MPI_File_read_all_end(file, buf, &status));
        break;
    case ORDERED:
        MPI(write ? MPI_File_write_ordered(file, buf, n, type, &status)
                  : MPI_File_read_ordered(file, buf, n, type, &status));
        break;
    case SPLIT_ORDERED:
        MPI(write ? MPI_File_write_ordered_begin(file, buf, n, type)
                  : MPI_File_read_ordered_begin(file, buf, n, type));
        MPI(write ? MPI_File_write_ordered_end(file, buf, &status)
                  : MPI_File_read_ordered_end(file, buf, &status));
        break;
    default:
        if (at % 2)
            MPI(write ? MPI_File_iwrite_shared(file, buf, n, type, &request)
                      : MPI_File_iread_shared(file, buf, n, type, &request));
        else
            MPI(write ? MPI_File_write_shared(file, buf, n, type, &status)
                      : MPI_File_read_shared(file, buf, n, type, &status));
    }
    if ((form >= I_AT && form <= I_ALL) || (form == ONE_SHARED && at % 2))
        MPI(MPI_Wait(&request, &status));
    return status;
}

static void one_access(void)
{
    static unsigned char buf[2 * MOST * RANKS + 2];
    enum form form = draw(all_see_the_same ? FORMS : SPLIT + 1);
    int write = (int)draw(2), who = (int)draw((unsigned)ranks), odd = (int)draw(2);
    int is_shared = form >= ORDERED;
    int is_individual = form == INDIVIDUAL || form == ALL || form == I_INDIVIDUAL || form == I_ALL || form == SPLIT;
    int moves_at_once = form == I_INDIVIDUAL || form == I_ALL;
    scattered = (int)draw(2);
    long asked[RANKS], begin[RANKS], got[RANKS];
    /* where each rank's access lies, and what it must get */
    for (int r = 0; r < ranks; r++) {
        const struct view *view = &views[r];
        asked[r] = draw(4) ? 1 + draw((unsigned)(MOST / view->etype / (draw(3) ? 30 : 1))) : 0; /* etypes */
        if (form == ONE_SHARED && r != who)
            asked[r] = 0;
        begin[r] = is_individual ? positions[r] : draw(200);
    }
    /* what is written ends before the model does */
    for (long sum = 1; is_shared && write && sum > 0;) {
        sum = 0;
        for (int r = 0; r < ranks; r++)
            sum += asked[r];
        if (place(&views[0], (shared + sum) * views[0].etype) < LEN)
            break;
        for (int r = 0; r < ranks; r++)
            asked[r] /= 2;
    }
    if (is_shared) {
        long at = shared, there = write ? -1 : left(&views[0], shared);
        for (int r = 0; r < ranks; r++) {
            if (!write) {
                long taken = at - shared;
                if (asked[r] > there - taken)
                    got[r] = there - taken;
                else
                    got[r] = asked[r];
            }
            begin[r] = at;
            at += write ? asked[r] : got[r];
        }
        shared = at;
    }
    static int places[RANKS][MOST];
    for (int r = 0; r < ranks; r++)
        places_of(&views[r], begin[r] * views[r].etype, asked[r] * views[r].etype, places[r]);
    /* two writers of one byte would leave it open whose it is: the later ranks then write
       nothing */
    static unsigned written_in[LEN]; /* the last step in which a byte was, and one */
    if (write) {
        for (int r = 0; r < ranks; r++) {
            long n = asked[r] * views[r].etype;
            int clash = 0;
            for (long i = 0; i < n && !clash; i++)
                clash = places[r][i] >= LEN || written_in[places[r][i]] == step + 1;
            if (clash && is_shared) {
                CHECK(0, "step %u: the model is too small", step);
            }
            if (clash)
                asked[r] = n = 0;
            for (long i = 0; i < n; i++)
                written_in[places[r][i]] = step + 1;
        }
    }
    long mine = asked[rank] * views[rank].etype;
    int stride = scattered ? 2 : 1;
    memset(buf, 0xdb, (size_t)(mine * 2 + 2));
    if (write)
        for (long i = 0; i < mine; i++)
            buf[i * stride] = byte_of(rank, i);
    MPI_Status status = {0};
    MPI_Offset at = form == ONE_SHARED ? odd : begin[rank];
    if (form != ONE_SHARED || rank == who)
        status = carry_out(form, write, at, buf, (int)mine);
    long want = mine;
    if (!write)
        want = readable(places[rank], is_shared ? got[rank] * views[rank].etype : mine);
    if (form != ONE_SHARED || rank == who)
        CHECK(count_of(&status, memory_type()) == want, "step %u, form %d, %s: count %d, wanted %ld of %ld", step, form,
              write ? "write" : "read", count_of(&status, memory_type()), want, mine);
    if (!write) {
        for (long i = 0; i < mine; i++)
            CHECK(buf[i * stride] == (i < want ? model[places[rank][i]] : 0xdb),
                  "step %u, form %d: byte %ld of %ld is %d", step, form, i, mine, buf[i * stride]);
        if (scattered)
            for (long i = 0; i < mine; i++)
                EQ(buf[2 * i + 1], 0xdb);
    }
    for (int r = 0; r < ranks; r++) {
        long n = asked[r] * views[r].etype;
        if (write)
            for (long i = 0; i < n; i++) {
                long here = places[r][i];
                model[here] = byte_of(r, i);
                if (here >= size)
                    size = here + 1;
            }
        if (is_individual)
            positions[r] += write || moves_at_once
                                ? asked[r]
                                : (readable(places[r], n) + views[r].etype - 1) / views[r].etype;
    }
    EQ(position(file), positions[rank]);
    all_here();
    if (all_see_the_same) {
        MPI_Offset now;
        MPI(MPI_File_get_position_shared(file, &now));
        CHECK(now == shared, "step %u, form %d: the shared pointer is at %lld, wanted %ld", step, form, (long long)now, shared);
        all_here();
    }
}

/* All write one region at once in atomic mode: one of them is the last, all of it. */
static void overlapping_writers(void)
{
    static unsigned char buf[MOST], whole[MOST];
    long first = draw(1000), len = 1 + draw(MOST / 6) * 6;
    int type_of = (int)draw(2);
    struct view view;
    interleaved_view(&view, 0, 7, (int)draw(3));
    view.extent = 7 + (long)draw(9);
    len -= len % 7;
    if (len == 0)
        return;
    for (int r = 0; r < ranks; r++) {
        views[r] = view;
        positions[r] = 0;
    }
    use(&view);
    shared = 0;
    all_see_the_same = 1;
    MPI(MPI_File_set_atomicity(file, 1));
    memset(buf, rank + 1, (size_t)len);
    scattered = 0;
    MPI_Status status = carry_out(type_of ? AT : I_AT, 1, first, buf, (int)len);
    EQ(count_of(&status, MPI_BYTE), len);
    all_here();
    status = carry_out(AT, 0, first, whole, (int)len);
    EQ(count_of(&status, MPI_BYTE), len);
    for (long i = 0; i < len; i++)
        CHECK(whole[i] == whole[0] && whole[0] >= 1 && whole[0] <= ranks,
              "step %u: byte %ld is rank %d's, byte 0 rank %d's", step, i, whole[i] - 1, whole[0] - 1);
    for (long i = 0; i < len; i++) {
        long at = place(&view, first + i);
        model[at] = whole[i];
        if (at >= size)
            size = at + 1;
    }
    MPI(MPI_File_set_atomicity(file, 0));
}

static void check_whole(void)
{
    if (rank == 0) {
        static unsigned char whole[LEN + 1];
        EQ(bytes_at(path, 0, whole, LEN + 1), size);
        for (long i = 0; i < size; i++)
            CHECK(whole[i] == model[i], "step %u: byte %ld of the file is %d, wanted %d", step, i, whole[i], model[i]);
    }
    all_here();
}

int main(int argc, char **argv)
{
    START_FILES(argc, argv);
    CHECK(ranks <= RANKS, "%d ranks", ranks);
    unsigned steps = argc > 2 ? (unsigned)atoi(argv[2]) : 1000;
    state = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
    path = in_folder("random");
    MPI(MPI_File_open(MPI_COMM_WORLD, path, MPI_MODE_CREATE | MPI_MODE_RDWR, MPI_INFO_NULL, &file));
    for (int r = 0; r < ranks; r++)
        interleaved_view(&views[r], r, 1, 0), views[r].disp = 0, views[r].extent = 1;
    all_see_the_same = 1;
    for (step = 0; step < steps; step++) {
        unsigned what = draw(100);
        if (what < 6) {
            new_views();
        } else if (what < 8) {
            size = draw(20000);
            memset(model + size, 0, (size_t)(LEN - size));
            MPI(MPI_File_set_size(file, size));
        } else if (what < 10) {
            for (int r = 0; r < ranks; r++)
                positions[r] = draw(100);
            MPI(MPI_File_seek(file, positions[rank], MPI_SEEK_SET));
        } else if (what < 13 && all_see_the_same) {
            shared = draw(100);
            MPI(MPI_File_seek_shared(file, shared, MPI_SEEK_SET));
        } else if (what < 14) {
            overlapping_writers();
            all_here();
        } else {
            /* pointers that have run far come back before the model ends */
            long far = 0;
            for (int r = 0; r < ranks; r++)
                if (place(&views[r], (positions[r] + MOST) * views[r].etype) > LEN / 2)
                    far = 1;
            if (all_see_the_same && place(&views[0], (shared + (long)ranks * MOST) * views[0].etype) > LEN / 2)
                far = 1;
            if (far) {
                for (int r = 0; r < ranks; r++)
                    positions[r] = 0;
                MPI(MPI_File_seek(file, 0, MPI_SEEK_SET));
                if (all_see_the_same) {
                    shared = 0;
                    MPI(MPI_File_seek_shared(file, 0, MPI_SEEK_SET));
                }
            }
            one_access();
        }
        if (step % 50 == 0)
            check_whole();
    }
    check_whole();
    MPI(MPI_File_close(&file));
    if (rank == 0)
        MPI(MPI_File_delete(path, MPI_INFO_NULL));
    all_here();
    PASSED();
}
