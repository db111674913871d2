/* A random program, the same at all ranks, held against a naive model of
   matching. usage: random SEED ROUNDS

   In each round every rank posts its sends and receives of random messages on
   random communicators in a random order, then completes them. What a
   receive must get follows from the orders of posting alone (MPI 5.0, 3.5):
   - named source and tag: the k-th such receive takes the k-th such send;
   - named source, any tag: the k-th receive takes the k-th send of that source;
   - any source, any tag: each source's messages come in their order;
   - the last also by matched probes, after all else was posted. */
#include "check.h"

enum { MOST = 400, COMMS = 3, TAGS = 3, RANKS = 64 };
enum { NAMED, ANY_TAG, ANY, PROBED, WAYS };

struct message {
    int from, to, tag, comm, len;
    unsigned send_turn, receive_turn; /* when its two sides are posted */
};

static uint64_t state;

static unsigned next(unsigned below)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (unsigned)(state >> 33) % below;
}

static struct message messages[MOST];
static int count, way[RANKS][COMMS];
static MPI_Comm comms[COMMS];
static MPI_Datatype every_other; /* bytes with a hole behind each */

static int some_size(void)
{
    static const int around[] = {0, 8, 40, 64, 4096, 16384, 32768, 65536, 131072};
    int size = around[next(9)] + (int)next(5) - 2;
    return size < 0 ? 0 : size;
}

static int of_send_turn(const void *a, const void *b)
{
    const struct message *x = &messages[*(const int *)a], *y = &messages[*(const int *)b];
    return (x->send_turn > y->send_turn) - (x->send_turn < y->send_turn);
}

static int of_receive_turn(const void *a, const void *b)
{
    const struct message *x = &messages[*(const int *)a], *y = &messages[*(const int *)b];
    return (x->receive_turn > y->receive_turn) - (x->receive_turn < y->receive_turn);
}

/* The message that the k-th receive (from 0) with this pattern must get: the
   k-th in the order of sending. -1: there is none. */
static int expected(int to, int comm, int from, int tag, int k)
{
    static int order[MOST];
    int n = 0;
    for (int i = 0; i < count; i++)
        if (messages[i].to == to && messages[i].comm == comm && messages[i].from == from &&
            (tag < 0 || messages[i].tag == tag))
            order[n++] = i;
    qsort(order, (size_t)n, sizeof *order, of_send_turn);
    return k < n ? order[k] : -1;
}

struct slot {
    unsigned char *memory;
    int spread; /* bytes between one byte of the message and the next */
    int index;  /* of a receive: the message it was made from */
};

static void open_slot(struct slot *slot, int len)
{
    slot->spread = next(4) == 0 ? 2 : 1;
    slot->memory = room((size_t)len * 2 + 16);
    memset(slot->memory, 0x77, (size_t)len * 2 + 16);
}

/* What arrived is this message, whole, and nothing else was touched. */
static void check_slot(struct slot *slot, int room_len, int message, const MPI_Status *status, unsigned seed)
{
    const struct message *m = &messages[message];
    int got = -1;
    MPI(MPI_Get_count(status, MPI_BYTE, &got));
    CHECK(got == m->len && status->MPI_SOURCE == m->from && status->MPI_TAG == m->tag,
          "got %d bytes from %d with tag %d; wanted %d, %d, %d (message %d, way %d)", got, status->MPI_SOURCE,
          status->MPI_TAG, m->len, m->from, m->tag, message, way[rank][m->comm]);
    unsigned char *plain = room((size_t)got);
    for (int i = 0; i < got; i++) {
        plain[i] = slot->memory[i * slot->spread];
        if (slot->spread == 2)
            EQ(slot->memory[2 * i + 1], 0x77);
    }
    FILLED(plain, (size_t)got, seed + (unsigned)message);
    ALL(slot->memory + (size_t)got * (size_t)slot->spread, (size_t)(room_len * (2 - slot->spread)) + 16, 0x77);
    free(plain);
}

static void round_of(unsigned seed)
{
    static struct slot out[MOST], in[MOST];
    static MPI_Request requests[2 * MOST];
    static MPI_Status statuses[2 * MOST];
    static int mine[2 * MOST], receives[MOST];
    count = 1 + (int)next(MOST);
    for (int to = 0; to < ranks; to++)
        for (int comm = 0; comm < COMMS; comm++)
            way[to][comm] = (int)next(WAYS);
    int n = 0, posted = 0;
    for (int i = 0; i < count; i++) {
        struct message *m = &messages[i];
        *m = (struct message){(int)next((unsigned)ranks), (int)next((unsigned)ranks), (int)next(TAGS),
                              (int)next(COMMS), some_size(), next(1u << 30), next(1u << 30)};
        m->send_turn = m->send_turn * 2 % (1u << 30) + (unsigned)i % 2;
    }
    /* Turns must differ, so that all ranks see one order. */
    for (int i = 0; i < count; i++)
        messages[i].send_turn = messages[i].send_turn / 1024 * 1024 + (unsigned)i,
        messages[i].receive_turn = messages[i].receive_turn / 1024 * 1024 + (unsigned)i;

    /* This rank's sides of the messages, merged by turn: 2 i sends, 2 i + 1 receives. */
    for (int i = 0; i < count; i++) {
        if (messages[i].from == rank)
            mine[n++] = 2 * i;
        if (messages[i].to == rank && way[rank][messages[i].comm] != PROBED)
            mine[n++] = 2 * i + 1;
    }
    for (int i = 1; i < n; i++) /* few enough for insertion */
        for (int j = i; j > 0; j--) {
            unsigned a = mine[j - 1] % 2 ? messages[mine[j - 1] / 2].receive_turn : messages[mine[j - 1] / 2].send_turn;
            unsigned b = mine[j] % 2 ? messages[mine[j] / 2].receive_turn : messages[mine[j] / 2].send_turn;
            if (a <= b)
                break;
            int swap = mine[j];
            mine[j] = mine[j - 1], mine[j - 1] = swap;
        }
    /* Room for the largest of a destination's messages: it may get any of them. */
    int most = 0;
    for (int i = 0; i < count; i++)
        if (messages[i].to == rank && messages[i].len > most)
            most = messages[i].len;

    /* From here on each rank draws its own numbers. */
    uint64_t shared = state;
    state ^= (uint64_t)(rank + 1) * 0x9e3779b97f4a7c15u;
    for (int i = 0; i < n; i++, posted++) {
        int index = mine[i] / 2;
        struct message *m = &messages[index];
        MPI_Comm comm = comms[m->comm];
        if (mine[i] % 2 == 0) {
            struct slot *slot = &out[index];
            open_slot(slot, m->len);
            unsigned char *plain = room((size_t)m->len);
            fill(plain, (size_t)m->len, seed + (unsigned)index);
            for (int b = 0; b < m->len; b++)
                slot->memory[b * slot->spread] = plain[b];
            free(plain);
            MPI_Datatype type = slot->spread == 2 ? every_other : MPI_BYTE;
            if (next(4) == 0)
                MPI(MPI_Issend(slot->memory, m->len, type, m->to, m->tag, comm, &requests[i]));
            else
                MPI(MPI_Isend(slot->memory, m->len, type, m->to, m->tag, comm, &requests[i]));
        } else {
            struct slot *slot = &in[index];
            open_slot(slot, most);
            MPI_Datatype type = slot->spread == 2 ? every_other : MPI_BYTE;
            int how = way[rank][m->comm];
            MPI(MPI_Irecv(slot->memory, most, type, how == ANY ? MPI_ANY_SOURCE : m->from,
                          how == NAMED ? m->tag : MPI_ANY_TAG, comm, &requests[i]));
        }
        if (next(8) == 0) {
            int flag;
            MPI(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, comms[next(COMMS)], &flag, MPI_STATUS_IGNORE));
        }
    }
    /* Those that are probed: in the order in which each source sent them. */
    static int from_each[RANKS];
    for (int comm = 0; comm < COMMS; comm++) {
        if (way[rank][comm] != PROBED)
            continue;
        memset(from_each, 0, sizeof from_each);
        for (int i = 0; i < count; i++) {
            if (messages[i].to != rank || messages[i].comm != comm)
                continue;
            MPI_Message message;
            MPI_Status status;
            struct slot slot;
            MPI(MPI_Mprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, comms[comm], &message, &status));
            open_slot(&slot, most);
            MPI(MPI_Mrecv(slot.memory, most, slot.spread == 2 ? every_other : MPI_BYTE, &message, &status));
            int want = expected(rank, comm, status.MPI_SOURCE, -1, from_each[status.MPI_SOURCE]++);
            CHECK(want >= 0, "one message too many from %d", status.MPI_SOURCE);
            check_slot(&slot, most, want, &status, seed);
            free(slot.memory);
        }
    }
    MPI(MPI_Waitall(posted, requests, statuses));
    /* The receives in the order of their posting, each against the model. */
    int received = 0;
    for (int i = 0; i < n; i++)
        if (mine[i] % 2)
            receives[received++] = mine[i] / 2;
    qsort(receives, (size_t)received, sizeof *receives, of_receive_turn);
    static int taken[RANKS][COMMS][TAGS + 1];
    memset(taken, 0, sizeof taken);
    for (int r = 0; r < received; r++) {
        int index = receives[r], at = 0;
        struct message *m = &messages[index];
        while (mine[at] != 2 * index + 1)
            at++;
        int how = way[rank][m->comm], from = how == ANY ? statuses[at].MPI_SOURCE : m->from;
        int tag = how == NAMED ? m->tag : -1;
        int want = expected(rank, m->comm, from, tag, taken[from][m->comm][how == NAMED ? m->tag : TAGS]++);
        CHECK(want >= 0, "one message too many from %d", from);
        check_slot(&in[index], most, want, &statuses[at], seed);
        free(in[index].memory);
    }
    for (int i = 0; i < count; i++)
        if (messages[i].from == rank)
            free(out[i].memory);
    state = shared;
}

int main(int argc, char **argv)
{
    START();
    unsigned seed = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1;
    int rounds = argc > 2 ? atoi(argv[2]) : 10;
    CHECK(ranks <= RANKS, "%d", ranks);
    state = seed * 0x9e3779b97f4a7c15u + 88172645463325252u;
    MPI(MPI_Type_create_resized(MPI_BYTE, 0, 2, &every_other));
    MPI(MPI_Type_commit(&every_other));
    for (int i = 0; i < COMMS; i++)
        MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comms[i]));
    for (int i = 0; i < rounds; i++) {
        round_of(seed * 1000 + (unsigned)i * 500);
        /* Who receives from anybody must not meet a fast rank's next round. */
        int sum = 0;
        MPI(MPI_Allreduce(&i, &sum, 1, MPI_INT, MPI_SUM, comms[next(COMMS)]));
        EQ(sum, i * ranks);
    }
    for (int i = 0; i < COMMS; i++)
        MPI(MPI_Comm_free(&comms[i]));
    MPI(MPI_Type_free(&every_other));
    PASSED();
}
