/* Memory that is unmapped, mapped again at the same addresses, moved, emptied,
   freed and taken anew between messages, on both sides, the moment that a call
   which used it returns: what comes is never what was there before, what was
   received is not written to again, and nothing crashes.
   usage: remapstorm [TURNS] [LENGTH of the longest messages] [CHANGES]
   CHANGES is a sum of powers of two, of those numbers of the list below that are
   to be made; all if it is not given. */
#include "places.h"

enum { PAGE = 4096 };

static int peer;
static size_t most;
static unsigned long wanted_changes;

/* A buffer whose memory is changed all the time. It begins at `at`; `whole`
   bytes (whole pages) are mapped, unless it is of malloc or of the break. */
struct buffer {
    unsigned char *at;
    size_t whole;
    enum { MAPPED, FILED, HEAP, BREAK } kind;
};

static unsigned char *map_at(void *at, size_t whole, int flags)
{
    void *got = mmap(at, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    CHECK(got != MAP_FAILED && (!(flags & MAP_FIXED) || got == at), "mmap of %zu bytes at %p", whole, at);
    return got;
}

/* Fresh pages are zeros: what the kernel promises, and who recycles pages has to keep. */
static void zeros(const unsigned char *at, size_t len)
{
    ALL(at, len < 3 * PAGE ? len : PAGE, 0);
    if (len > 2 * PAGE)
        ALL(at + len - PAGE, PAGE, 0);
}

static void open_buffer(struct buffer *b, size_t whole)
{
    b->whole = whole;
    b->kind = MAPPED;
    b->at = map_at(NULL, whole, 0);
}

/* Gives memory of malloc's or of the break's back, so that b is MAPPED again. */
static void back_to_mapping(struct buffer *b)
{
    if (b->kind == FILED) {
        map_at(b->at, b->whole, MAP_FIXED);
        b->kind = MAPPED;
        return;
    }
    if (b->kind == HEAP) {
        free(b->at);
    } else if (b->kind == BREAK && sbrk(0) == b->at + b->whole) {
        CHECK(sbrk(-(intptr_t)b->whole) != (void *)-1, "sbrk");
    } else if (b->kind == BREAK) { /* somebody, such as malloc, has moved it on since */
        unsigned char *page = (unsigned char *)(((uintptr_t)b->at + PAGE - 1) / PAGE * PAGE);
        EQ(madvise(page, (size_t)(b->at + b->whole - page) / PAGE * PAGE, MADV_DONTNEED), 0);
    }
    open_buffer(b, b->whole);
}

enum {
    SAME_PLACE, OVER, SHRINK_AND_GROW, MOVE, MOVE_ONTO, EMPTY, EMPTY_PART, HOLE, FILE_OVER, PROTECT,
    FREE_MALLOC, BREAK_MOVE, HUGE, CHANGES
};
static const char *const change_names[] = {
    "unmapped and mapped", "mapped over", "shrunk and grown", "moved away", "moved onto", "emptied",
    "emptied in part", "with a hole for a while", "a file's", "protected for a while",
    "freed and taken of malloc", "of the break", "advised to be huge",
};

/* Changes what lies behind the buffer. Its content is lost. */
static void change(struct buffer *b, int how)
{
    unsigned char *other;
    int over_file = how == SAME_PLACE || how == OVER || how == FILE_OVER || how == PROTECT;
    if (b->kind != MAPPED && how != FREE_MALLOC && !(b->kind == FILED && over_file))
        back_to_mapping(b);
    if (b->kind == FILED && how != PROTECT)
        b->kind = MAPPED;
    if (how == SHRINK_AND_GROW || how == MOVE) /* mremap wants one mapping, not two that adjoin */
        map_at(b->at, b->whole, MAP_FIXED);
    switch (how) {
    case SAME_PLACE:
        EQ(munmap(b->at, b->whole), 0);
        map_at(b->at, b->whole, MAP_FIXED);
        zeros(b->at, b->whole);
        break;
    case OVER:
        map_at(b->at, b->whole, MAP_FIXED);
        zeros(b->at, b->whole);
        break;
    case SHRINK_AND_GROW:
        b->at[b->whole - 1] = 1;
        EQ(mremap(b->at, b->whole, PAGE, 0) == b->at, 1);
        other = mremap(b->at, PAGE, b->whole, MREMAP_MAYMOVE);
        CHECK(other != MAP_FAILED, "mremap");
        b->at = other;
        EQ(b->at[b->whole - 1], 0);
        break;
    case MOVE: /* larger and elsewhere; other memory comes to its old place */
        paint(b->at, b->whole, 12345);
        other = mremap(b->at, b->whole, 2 * b->whole, MREMAP_MAYMOVE);
        CHECK(other != MAP_FAILED, "mremap");
        PAINTED(other, b->whole, 12345);
        zeros(other + b->whole, b->whole);
        if (other != b->at) {
            map_at(b->at, b->whole, MAP_FIXED);
            zeros(b->at, b->whole);
            EQ(munmap(other, 2 * b->whole), 0);
        } else {
            EQ(munmap(other + b->whole, b->whole), 0);
        }
        break;
    case MOVE_ONTO: /* other memory is moved to the buffer's place */
        other = map_at(NULL, b->whole, 0);
        paint(other, b->whole, 54321);
        EQ(mremap(other, b->whole, b->whole, MREMAP_MAYMOVE | MREMAP_FIXED, b->at) == b->at, 1);
        PAINTED(b->at, b->whole, 54321);
        break;
    case EMPTY:
        EQ(madvise(b->at, b->whole, MADV_DONTNEED), 0);
        zeros(b->at, b->whole);
        break;
    case EMPTY_PART:
        if (b->whole < 3 * PAGE)
            break;
        memset(b->at, 1, b->whole);
        EQ(madvise(b->at + PAGE, PAGE, MADV_DONTNEED), 0);
        EQ(b->at[PAGE - 1] + b->at[2 * PAGE], 2);
        ALL(b->at + PAGE, PAGE, 0);
        break;
    case HOLE:
        if (b->whole < 4 * PAGE)
            break;
        EQ(munmap(b->at + PAGE, 2 * PAGE), 0);
        map_at(b->at + PAGE, 2 * PAGE, MAP_FIXED);
        ALL(b->at + PAGE, 2 * PAGE, 0);
        break;
    case FILE_OVER: {
        int fd = unnamed_file(b->whole);
        CHECK(mmap(b->at, b->whole, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_SHARED, fd, 0) == b->at,
              "mmap of a file");
        close(fd);
        zeros(b->at, b->whole);
        b->kind = FILED;
        break;
    }
    case PROTECT:
        EQ(mprotect(b->at, b->whole, PROT_NONE), 0);
        EQ(mprotect(b->at, b->whole, PROT_READ | PROT_WRITE), 0);
        break;
    case FREE_MALLOC:
        if (b->kind == HEAP) {
            free(b->at);
        } else {
            if (b->kind != MAPPED)
                back_to_mapping(b);
            EQ(munmap(b->at, b->whole), 0);
        }
        b->kind = HEAP;
        b->at = b->whole % 3 ? malloc(b->whole) : calloc(1, b->whole);
        CHECK(b->at, "no memory");
        break;
    case BREAK_MOVE:
        EQ(munmap(b->at, b->whole), 0);
        b->at = sbrk((intptr_t)b->whole);
        if (b->at == (void *)-1) {
            open_buffer(b, b->whole);
            break;
        }
        b->kind = BREAK;
        break;
    case HUGE:
        madvise(b->at, b->whole, MADV_HUGEPAGE); /* may be unsupported */
        map_at(b->at, b->whole, MAP_FIXED);
        zeros(b->at, b->whole);
        break;
    }
}

static size_t some_length(uint64_t *state)
{
    static const size_t kinds[] = {3000, 16384, 40000, 65536, 100000, 262144, 1048576};
    size_t len;
    do
        len = kinds[draw(state, 7)];
    while (len > most);
    return len - draw(state, 50);
}

/* A message each way, after both buffers of each rank were changed. */
static void turn_of(uint64_t *state, struct buffer *out, struct buffer *in, uint64_t seed)
{
    MPI_Request requests[2];
    size_t lens[2] = {some_length(state), some_length(state)};
    int hows[4], ways[2], at_once[2];
    for (int i = 0; i < 4; i++)
        do
            hows[i] = (int)draw(state, CHANGES);
        while (!(wanted_changes >> hows[i] & 1));
    for (int i = 0; i < 2; i++)
        ways[i] = (int)draw(state, 4), at_once[i] = (int)draw(state, 3);
    int up = rank < peer;
    size_t send = lens[up], receive = lens[!up];
    change(out, hows[up]);
    change(in, hows[2 + up]);
    int empty = ways[up] == 3 && out->kind == MAPPED;
    if (empty) { /* zeros, where the last messages' bytes were */
        paint(out->at, send, seed + 99);
        EQ(madvise(out->at, out->whole, MADV_DONTNEED), 0);
    } else {
        paint(out->at, send, seed + (uint64_t)rank);
    }
    int theirs_empty = -1;
    MPI(MPI_Sendrecv(&empty, 1, MPI_INT, peer, 1, &theirs_empty, 1, MPI_INT, peer, 1, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE));
    MPI(MPI_Irecv(in->at, (int)receive, MPI_BYTE, peer, 2, MPI_COMM_WORLD, &requests[0]));
    /* One rank's turn to send first, so that a blocking send is possible. */
    for (int half = 0; half < 2; half++) {
        if ((half == 0) == up) {
            if (ways[up] == 0) {
                MPI(MPI_Isend(out->at, (int)send, MPI_BYTE, peer, 2, MPI_COMM_WORLD, &requests[1]));
                MPI(MPI_Wait(&requests[1], MPI_STATUS_IGNORE));
            } else if (ways[up] == 1) {
                MPI(MPI_Ssend(out->at, (int)send, MPI_BYTE, peer, 2, MPI_COMM_WORLD));
            } else {
                MPI(MPI_Send(out->at, (int)send, MPI_BYTE, peer, 2, MPI_COMM_WORLD));
            }
            /* done: the memory is this rank's to throw away, at once */
            if (at_once[up] && (out->kind == MAPPED || out->kind == FILED)) {
                EQ(munmap(out->at, out->whole), 0);
                out->kind = MAPPED;
                if (at_once[up] == 1)
                    map_at(out->at, out->whole, MAP_FIXED);
                else
                    out->at = map_at(NULL, out->whole, 0);
            } else {
                memset(out->at, 0xee, send);
            }
        } else {
            MPI(MPI_Wait(&requests[0], MPI_STATUS_IGNORE));
            if (at_once[up] == 2 && (in->kind == MAPPED || in->kind == FILED)) {
                /* nobody writes here any more: not to the old pages, not to the new */
                EQ(munmap(in->at, in->whole), 0);
                in->kind = MAPPED;
                map_at(in->at, in->whole, MAP_FIXED);
                MPI(MPI_Send(NULL, 0, MPI_BYTE, peer, 3, MPI_COMM_WORLD));
                zeros(in->at, in->whole);
                continue;
            }
            if (!theirs_empty && painted(in->at, receive, seed + (uint64_t)peer) != receive)
                fprintf(stderr,
                        "rank %d: turn %llu: the sender's memory: %s, sent in way %d; the receiver's: %s\n",
                        rank, (unsigned long long)seed / 1000, change_names[hows[!up]], ways[!up],
                        change_names[hows[2 + up]]);
            if (theirs_empty)
                ALL(in->at, receive, 0);
            else
                PAINTED(in->at, receive, seed + (uint64_t)peer);
            memset(in->at, 0x5a, receive);
            MPI(MPI_Send(NULL, 0, MPI_BYTE, peer, 3, MPI_COMM_WORLD));
            ALL(in->at, receive, 0x5a);
            continue;
        }
        MPI(MPI_Recv(NULL, 0, MPI_BYTE, peer, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    }
}

int main(int argc, char **argv)
{
    START();
    long turns = number(argc, argv, 1, 2500);
    most = (size_t)number(argc, argv, 2, 262144);
    wanted_changes = (unsigned long)number(argc, argv, 3, (1L << CHANGES) - 1);
    CHECK(wanted_changes % (1ul << CHANGES), "no changes");
    CHECK(most >= 3000 && most <= 1 << 20, "longest messages of %zu bytes", most);
    uint64_t state = (uint64_t)(rank / 2) + 1;
    struct buffer out, in;
    peer = rank ^ 1;
    open_buffer(&out, 1 << 20);
    open_buffer(&in, 1 << 20);
    for (long turn = 0; turn < turns && peer < ranks; turn++)
        turn_of(&state, &out, &in, (uint64_t)turn * 1000);
    PASSED();
}
