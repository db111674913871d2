/* Large messages out of and into memory of every kind; adjoining parts of one
   allocation sent and received at once. usage: arms_places [ROUNDS] */
#include "places.h"

enum { GUARD = 64 };

static int peer;

/* One message from `source` to `target`, from the rank that sends now. */
static void between(enum place source, enum place target, size_t len, int i_send, uint64_t seed)
{
    MPI_Request request;
    if (i_send) {
        struct area area = take_area(source, len + 8, 0, seed);
        if (source < PLACES)
            paint(area.at + 8, len, seed);
        /* constants and read-only mappings are sent from their begin */
        unsigned char *from = source < PLACES ? area.at + 8 : area.at;
        MPI(MPI_Isend(from, (int)len, MPI_BYTE, peer, 1, MPI_COMM_WORLD, &request));
        MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
        give_area(area);
        return;
    }
    struct area area = take_area(target, len + 2 * GUARD, 1, 0);
    memset(area.at, 0x5a, area.len);
    if (seed % 2)
        MPI(MPI_Probe(peer, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    MPI(MPI_Recv(area.at + GUARD, (int)len, MPI_BYTE, peer, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    if (source == CONSTANT)
        CHECK(!memcmp(area.at + GUARD, area_constant, len), "from constants to %s",
              place_names[target]);
    else if (painted(area.at + GUARD, len, seed) != len) {
        fprintf(stderr, "rank %d: from %s to %s\n", rank, place_names[source], place_names[target]);
        PAINTED(area.at + GUARD, len, seed);
    }
    ALL(area.at, GUARD, 0x5a);
    ALL(area.at + GUARD + len, GUARD, 0x5a);
    give_area(area);
}

static void every_place(int i_send, uint64_t *seed)
{
    static const size_t lens[] = {16385, 65536, 200001, 1 << 20};
    for (int source = 0; source < SOURCES; source++)
        for (int target = 0; target < PLACES; target++)
            for (int i = 0; i < 4; i++) {
                size_t len = lens[(i + source + target) % 4];
                if (i < 2 || len < 100000)
                    between(source, target, len, i_send, ++*seed);
            }
}

/* Memory cut into parts without a gap: every other one is received into while
   those between are sent; large parts, and small ones that share their pages. */
static void neighbours(uint64_t *state, enum place place, uint64_t seed)
{
    enum { PARTS = 16 };
    size_t cuts[PARTS + 1] = {0};
    for (int i = 0; i < PARTS; i++) {
        unsigned most = draw(state, 4) ? 150000 : 100;
        cuts[i + 1] = cuts[i] + 1 + draw(state, most);
    }
    int parts = PARTS, order[PARTS];
    while (cuts[parts] > STATIC_AREA)
        parts--;
    for (int i = 0; i < parts; i++) {
        int j = (int)draw(state, (unsigned)i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    struct area area = take_area(place, cuts[parts], 0, 0);
    MPI_Request requests[PARTS];
    memset(area.at, 0x5a, area.len);
    for (int k = 0; k < parts; k++) {
        int i = order[k];
        unsigned char *part = area.at + cuts[i];
        size_t n = cuts[i + 1] - cuts[i];
        /* part i goes from the lower rank to the higher if i is even, else back */
        if ((i % 2 == 0) == (rank < peer)) {
            paint(part, n, seed + (uint64_t)i);
            MPI(MPI_Isend(part, (int)n, MPI_BYTE, peer, i, MPI_COMM_WORLD, &requests[k]));
        } else {
            MPI(MPI_Irecv(part, (int)n, MPI_BYTE, peer, i, MPI_COMM_WORLD, &requests[k]));
        }
    }
    MPI(MPI_Waitall(parts, requests, MPI_STATUSES_IGNORE));
    for (int i = 0; i < parts; i++)
        PAINTED(area.at + cuts[i], cuts[i + 1] - cuts[i], seed + (uint64_t)i);
    give_area(area);
}

int main(int argc, char **argv)
{
    unsigned char stack[2][STATIC_AREA];
    area_stack[0] = stack[0], area_stack[1] = stack[1];
    START();
    long rounds = number(argc, argv, 1, 1);
    uint64_t seed = 0, state = 99;
    peer = rank ^ 1;
    for (long round = 0; round < rounds && peer < ranks; round++) {
        for (int turn = 0; turn < 2; turn++)
            every_place((rank < peer) == (turn == 0), &seed);
        for (int i = 0; i < 40; i++, seed += 100)
            neighbours(&state, (enum place)(i % PLACES), seed);
    }
    PASSED();
}
