/* Half a round trip while several threads of either rank play ping-pong at once.
 *
 * Round i is between thread i modulo the senders of rank 0 and thread i modulo
 * the receivers of rank 1; every two threads have their own tag. A thread plays
 * its rounds in order, so the earliest unfinished round can always go on. */
#define _GNU_SOURCE
#include "bench.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

static const struct program LATENCY_MT = {
    .name = "osu_latency_mt", .title = "MPI Multi-threaded Latency Test", .family = LATENCY,
    .threads = true};
static const struct column COLUMNS[] = {
    {.title = "Latency (us)", .key = "latency_us", .plotted = true}};

/* What the threads of this rank are to do next. */
static struct game {
    size_t size;
    long rounds;
    bool checks;
    pthread_barrier_t start;
} game;

struct player {
    pthread_t thread;
    int index;
    struct pair_buffers buffers;
    bool valid;
    double started, ended;
};

static void send_ball(const struct player *p, int tag)
{
    MPI_Send(p->buffers.send, (int)game.size, MPI_CHAR, 1 - rank, tag, MPI_COMM_WORLD);
}

static void receive_ball(const struct player *p, int tag)
{
    MPI_Recv(p->buffers.receive, (int)game.size, MPI_CHAR, 1 - rank, tag, MPI_COMM_WORLD,
             MPI_STATUS_IGNORE);
}

static void *play(void *argument)
{
    struct player *p = argument;
    int players = rank == 0 ? options.senders : options.receivers;
    pthread_barrier_wait(&game.start);
    p->started = now();
    for (long i = p->index; i < game.rounds; i += players) {
        int tag = (int)(i % options.senders) * options.receivers + (int)(i % options.receivers);
        if (game.checks) {
            buffer_fill(p->buffers.send, game.size, i, rank);
            buffer_fill(p->buffers.receive, game.size, i + 1, rank);
        }
        if (rank == 0)
            send_ball(p, tag);
        receive_ball(p, tag);
        if (rank == 1)
            send_ball(p, tag);
        if (game.checks)
            p->valid = buffer_check_from(p->buffers.receive, game.size, i, 1 - rank) && p->valid;
    }
    p->ended = now();
    return NULL;
}

/* Seconds from the first thread's start, all of them being ready, to the last one's end. */
static double play_all(struct player *players, int count, long rounds, bool checks)
{
    game.rounds = rounds;
    game.checks = checks;
    for (int t = 0; t < count; t++)
        if (pthread_create(&players[t].thread, NULL, play, &players[t]) != 0)
            MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
    MPI_Barrier(MPI_COMM_WORLD);
    pthread_barrier_wait(&game.start);
    double started = INFINITY, ended = 0;
    for (int t = 0; t < count; t++) {
        pthread_join(players[t].thread, NULL);
        started = fmin(started, players[t].started);
        ended = fmax(ended, players[t].ended);
    }
    return ended - started;
}

static int most_threads(void)
{
    return options.senders > options.receivers ? options.senders : options.receivers;
}

static bool check(struct player *players, int count)
{
    bool valid = true;
    play_all(players, count, options.checked_rounds * most_threads(), true);
    for (int t = 0; t < count; t++) {
        valid = players[t].valid && valid;
        players[t].valid = true;
    }
    return all_valid(valid);
}

static struct player *players_new(int count)
{
    struct player *players = buffer_new((size_t)count * sizeof *players);
    if (options.max_size > options.memory_limit / 2 / (size_t)most_threads())
        bench_refuse("%d threads with two buffers of %zu bytes each are more than -M allows "
                     "(%zu bytes): ask for smaller messages (-m)",
                     most_threads(), options.max_size, options.memory_limit);
    for (int t = 0; t < count; t++)
        players[t] = (struct player){.index = t, .valid = true, .buffers = pair_buffers_new(1)};
    return players;
}

int main(int argc, char **argv)
{
    bench_begin(argc, argv, &LATENCY_MT);
    int count = rank == 0 ? options.senders : options.receivers;
    struct player *players = players_new(count);
    pthread_barrier_init(&game.start, NULL, (unsigned)count + 1);
    report_begin(COLUMNS, 1);
    for (size_t size = bench_first_size(); size <= options.max_size; size = bench_next_size(size)) {
        game.size = size;
        bool valid = !options.validate || check(players, count);
        play_all(players, count, bench_warmup(size), false);
        long rounds = bench_iterations(size);
        double seconds = play_all(players, count, rounds, false);
        report_row(size, &(double){seconds * 1e6 / (2.0 * (double)rounds)}, valid);
    }
    pthread_barrier_destroy(&game.start);
    return bench_end();
}
