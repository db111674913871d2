/* Windows of messages that rank 0 has posted receives for before they come: as many
   lengths and senders at once as there may be, some too long for their receive. With
   "gone", rank 1 takes the memory of one of its sends away while it is pending: by an
   arm that reads it there that receive fails, and the others get their messages.
   usage: arms_windows [ROUNDS [gone]] */
#include "places.h"

enum { MOST = 40, ROOM = 90000, GUARD = 64, UNTOUCHED = 0x5a, TAG = 3, READY = 4 };

static const size_t bases[] = {1, 4096, 8192, 12288, 16384, 24576, 40000, 65536, 80000};
static uint64_t state = 77; /* the same at every rank */
static unsigned char *buffers[MOST];

struct message {
    size_t len, room;
    int from;
};

static struct message draw_message(int from)
{
    size_t len = bases[draw(&state, 9)] + draw(&state, 40) - (draw(&state, 2) ? 1 : 0);
    int is_too_long = draw(&state, 12) == 0;
    return (struct message){len, is_too_long ? len / 2 : len + draw(&state, 100), from};
}

static uint64_t seed_of(long round, int i)
{
    return (uint64_t)round * MOST + (uint64_t)i + 1;
}

/* Rank 0's receives, in the order in which each sender sends. */
static void receives(const struct message *messages, int count, long round, int gone)
{
    MPI_Request requests[MOST];
    MPI_Status statuses[MOST];
    int failures = 0, code, class, late = (int)draw(&state, 2);
    for (int i = 0; i < count; i++) {
        const struct message *m = &messages[i];
        memset(buffers[i], UNTOUCHED, ROOM);
        MPI(MPI_Irecv(buffers[i] + GUARD, (int)m->room, MPI_BYTE, m->from, TAG, MPI_COMM_WORLD,
                      &requests[i]));
        failures += m->room < m->len;
    }
    for (int other = 1; other < ranks; other++)
        MPI(MPI_Send(NULL, 0, MPI_BYTE, other, READY, MPI_COMM_WORLD));
    if (gone >= 0 || late)
        usleep(gone >= 0 ? 20000 : 200); /* all of them are there when it looks */
    code = MPI_Waitall(count, requests, statuses);
    MPI(MPI_Error_class(code, &class));
    if (gone < 0)
        EQ(class, failures ? MPI_ERR_IN_STATUS : MPI_SUCCESS);
    for (int i = 0; i < count; i++) {
        const struct message *m = &messages[i];
        size_t there = m->len < m->room ? m->len : m->room;
        int said = MPI_SUCCESS, bytes = -1;
        if (class == MPI_ERR_IN_STATUS)
            MPI(MPI_Error_class(statuses[i].MPI_ERROR, &said));
        ALL(buffers[i], GUARD, UNTOUCHED);
        ALL(buffers[i] + GUARD + m->room, ROOM - GUARD - m->room, UNTOUCHED);
        if (i == gone && said != MPI_SUCCESS)
            continue;
        EQ(said, m->len > m->room ? MPI_ERR_TRUNCATE : MPI_SUCCESS);
        PAINTED(buffers[i] + GUARD, there, seed_of(round, i));
        if (said == MPI_SUCCESS) {
            MPI(MPI_Get_count(&statuses[i], MPI_BYTE, &bytes));
            EQ(bytes, m->len);
            EQ(statuses[i].MPI_SOURCE, m->from);
        }
    }
    if (gone >= 0)
        printf("the message of memory that is gone %s\n",
               class == MPI_ERR_IN_STATUS && statuses[gone].MPI_ERROR ? "failed" : "came");
}

static void sends(const struct message *messages, int count, long round, int gone)
{
    MPI_Request requests[MOST];
    int pending = 0;
    draw(&state, 2); /* as rank 0 does */
    MPI(MPI_Recv(NULL, 0, MPI_BYTE, 0, READY, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    for (int i = 0; i < count; i++) {
        const struct message *m = &messages[i];
        if (m->from != rank)
            continue;
        unsigned char *bytes = buffers[i];
        if (i == gone)
            bytes = mapped(ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
        paint(bytes, m->len, seed_of(round, i));
        MPI(MPI_Isend(bytes, (int)m->len, MPI_BYTE, 0, TAG, MPI_COMM_WORLD, &requests[pending++]));
        if (i == gone)
            EQ(munmap(bytes, ROOM), 0);
    }
    MPI(MPI_Waitall(pending, requests, MPI_STATUSES_IGNORE));
}

int main(int count, char **arguments)
{
    long rounds = count > 1 ? atol(arguments[1]) : 200;
    int takes_away = count > 2;
    START();
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    for (int i = 0; i < MOST; i++)
        buffers[i] = room(ROOM);
    for (long round = 0; round < rounds; round++) {
        struct message messages[MOST];
        int window = 1 + (int)draw(&state, MOST), gone = -1;
        for (int i = 0; i < window; i++)
            messages[i] = draw_message(1 + (int)draw(&state, (unsigned)(ranks - 1)));
        if (takes_away) {
            gone = window / 2;
            messages[gone] = (struct message){16000, 16000, 1};
        }
        if (rank == 0)
            receives(messages, window, round, gone);
        else
            sends(messages, window, round, gone);
    }
    PASSED();
}
