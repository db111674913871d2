/* Random traffic of every kind out of and into memory of every kind, every byte
   of every message checked. Both ranks of a pair draw the same numbers, so that
   each knows what the other sends. usage: traffic [MESSAGES] [SEED]
   MESSAGES is the number that the job sends in all. */
#include "places.h"

enum { BATCH = 32, MOST = 1 << 20, GUARD = 32 };

struct message {
    size_t len;
    int up;        /* from the lower rank to the higher */
    int mode;      /* 1 synchronous, 2 scattered at the sender, else standard */
    int late;      /* received by a blocking call, after all else is posted */
    int scattered; /* at the receiver */
    uint64_t seed;
    enum place source, target;
    unsigned char *memory;
    struct area area;
};

static int peer;
static uint64_t seed;
static MPI_Datatype every_other; /* words of eight bytes with a hole behind each */

/* Log-uniform with a weight on the small: half of them are below 1 KiB. */
static size_t some_length(uint64_t *state)
{
    unsigned a = draw(state, 2049), b = draw(state, 2049), low = a < b ? a : b;
    unsigned whole = low * 20 / 2048, part = (low * 20 % 2048) / 2;
    size_t len = ((size_t)1 << whole) + (((size_t)part << whole) >> 10);
    return len > MOST ? MOST : draw(state, 50) == 0 ? 0 : len;
}

static enum place some_place(uint64_t *state, size_t len)
{
    /* system calls for the large ones only, and not for all of them */
    static const enum place cheap[] = {MALLOC, MALLOC, CALLOC, GROWN, ALIGNED, ALLOC_MEM};
    static const enum place dear[] = {ANONYMOUS, ANON_SHARED, FILE_PRIVATE, MALLOC};
    return len > 60000 && draw(state, 3) == 0 ? dear[draw(state, 4)] : cheap[draw(state, 6)];
}

static void post_send(struct message *m, int tag, MPI_Request *request)
{
    int spread = m->mode == 2 ? 2 : 1;
    m->area = take_area(m->source, m->len * (size_t)spread + 8, 0, 0);
    m->memory = m->area.at + m->seed % 8;
    if (spread == 1) {
        paint(m->memory, m->len, m->seed);
    } else {
        unsigned char *plain = room(m->len);
        paint(plain, m->len, m->seed);
        for (size_t i = 0; i < m->len; i += 8)
            memcpy(m->memory + 2 * i, plain + i, 8);
        free(plain);
    }
    MPI_Datatype type = spread == 2 ? every_other : MPI_BYTE;
    int count = (int)(spread == 2 ? m->len / 8 : m->len);
    if (m->mode == 1)
        MPI(MPI_Issend(m->memory, count, type, peer, tag, MPI_COMM_WORLD, request));
    else
        MPI(MPI_Isend(m->memory, count, type, peer, tag, MPI_COMM_WORLD, request));
}

static void open_receive(struct message *m)
{
    size_t all = m->len * (m->scattered ? 2 : 1);
    m->area = take_area(m->target, all + 2 * GUARD + 8, 1, 0);
    memset(m->area.at, 0x5a, m->area.len);
    m->memory = m->area.at + GUARD + m->seed / 8 % 8;
}

static void check_receive(struct message *m, int index, const MPI_Status *status)
{
    int got = -1;
    size_t all = m->len * (m->scattered ? 2 : 1);
    unsigned char *plain = m->memory;
    MPI(MPI_Get_count(status, MPI_BYTE, &got));
    EQ(got, m->len);
    if (m->scattered) {
        plain = room(m->len);
        for (size_t i = 0; i < m->len; i += 8) {
            memcpy(plain + i, m->memory + 2 * i, 8);
            ALL(m->memory + 2 * i + 8, 8, 0x5a);
        }
    }
    if (painted(plain, m->len, m->seed) != m->len) {
        fprintf(stderr, "rank %d: seed %llu, message %d of the batch: %zu bytes from %s%s to %s%s\n", rank,
                (unsigned long long)seed, index, m->len, place_names[m->source],
                m->mode == 2 ? " (scattered)" : "", place_names[m->target],
                m->scattered ? " (scattered)" : "");
        PAINTED(plain, m->len, m->seed);
    }
    if (m->scattered)
        free(plain);
    ALL(m->area.at, (size_t)(m->memory - m->area.at), 0x5a);
    ALL(m->memory + all, GUARD, 0x5a);
    give_area(m->area);
}

static void batch_of(uint64_t *state, uint64_t *own, uint64_t first)
{
    struct message messages[BATCH];
    MPI_Request requests[BATCH];
    MPI_Status statuses[BATCH];
    int order[BATCH], n = 1 + (int)draw(state, BATCH);
    for (int i = 0; i < BATCH; i++) {
        struct message *m = &messages[i];
        *m = (struct message){.len = some_length(state), .up = draw(state, 2) == 0};
        m->mode = (int)draw(state, 6);
        m->late = draw(state, 8) == 0;
        m->scattered = draw(state, 8) == 0;
        m->seed = mixed(first + (uint64_t)i + seed * 0x1234567u);
        m->source = some_place(state, m->len);
        m->target = some_place(state, m->len);
        if (m->mode == 2 || m->scattered)
            m->len = m->len / 8 * 8;
        int j = (int)draw(own, (unsigned)i + 1);
        order[i] = order[j];
        order[j] = i;
        requests[i] = MPI_REQUEST_NULL;
    }
    for (int k = 0; k < BATCH; k++) {
        int i = order[k];
        struct message *m = &messages[i];
        if (m->up == (rank < peer)) {
            post_send(m, i, &requests[i]);
        } else {
            open_receive(m);
            if (!m->late)
                MPI(MPI_Irecv(m->memory, (int)(m->scattered ? m->len / 8 : m->len),
                              m->scattered ? every_other : MPI_BYTE, peer, i, MPI_COMM_WORLD,
                              &requests[i]));
        }
    }
    for (int i = 0; i < BATCH; i++) {
        struct message *m = &messages[i];
        if (m->late && m->up != (rank < peer))
            MPI(MPI_Recv(m->memory, (int)(m->scattered ? m->len / 8 : m->len),
                         m->scattered ? every_other : MPI_BYTE, peer, i, MPI_COMM_WORLD, &statuses[i]));
    }
    /* Some one by one, at once used again; the rest together. */
    for (int k = 0; k < n; k++) {
        int i;
        MPI_Status status;
        MPI(MPI_Waitany(BATCH, requests, &i, &status));
        if (i == MPI_UNDEFINED)
            break;
        struct message *m = &messages[i];
        if (m->up == (rank < peer)) {
            memset(m->memory, 0xee, m->len);
            give_area(m->area);
        } else {
            check_receive(m, i, &status);
        }
        m->area.at = NULL;
    }
    MPI_Status rest[BATCH];
    MPI(MPI_Waitall(BATCH, requests, rest));
    for (int i = 0; i < BATCH; i++) {
        struct message *m = &messages[i];
        int mine = m->up == (rank < peer);
        if (m->area.at && mine)
            give_area(m->area);
        else if (m->area.at)
            check_receive(m, i, m->late ? &statuses[i] : &rest[i]);
    }
}

int main(int argc, char **argv)
{
    START();
    long messages = number(argc, argv, 1, 20000);
    seed = (uint64_t)number(argc, argv, 2, 1);
    peer = rank ^ 1;
    long pairs = ranks / 2 ? ranks / 2 : 1, batches = messages / pairs / BATCH + 1;
    uint64_t state = mixed(seed * 1000 + (uint64_t)(rank / 2)), own = mixed(state + (uint64_t)rank);
    MPI_Datatype word;
    MPI(MPI_Type_contiguous(8, MPI_BYTE, &word));
    MPI(MPI_Type_create_resized(word, 0, 16, &every_other));
    MPI(MPI_Type_free(&word));
    MPI(MPI_Type_commit(&every_other));
    for (long i = 0; i < batches && peer < ranks; i++)
        batch_of(&state, &own, ((uint64_t)rank / 2 << 40) + (uint64_t)i * BATCH);
    MPI(MPI_Type_free(&every_other));
    PASSED();
}
