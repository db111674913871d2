/* Message rate of several threads in either rank: thread i of rank 0 sends windows to
 * thread i of rank 1 on a communicator of their own, so that no two threads need share
 * anything. */
#define _GNU_SOURCE
#include "bench.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

enum { TAG = 1, TAG_ACK = 2 };

static const struct program MESSAGE_RATE_MT = {
    .name = "osu_mbw_mr_mt",
    .title = "MPI Multi-threaded Message Rate Test (a communicator per pair of threads)",
    .family = BANDWIDTH, .threads = true};
static const struct column COLUMNS[] = {
    {.title = "MB/s", .key = "mb_per_s", .plotted = true},
    {.title = "Messages/s", .key = "messages_per_s"},
};

struct player {
    pthread_t thread;
    MPI_Comm comm;
    MPI_Request *requests;
    char *buffer;  /* a message after the other with -c, otherwise one */
    double started, ended;
};

/* What the threads of this rank are to do next. */
static struct {
    size_t size, stride;
    long iterations;
    pthread_barrier_t start;
} game;

static void play_window(const struct player *p)
{
    char ack[4] = {0};
    int peer = 1 - rank, size = (int)game.size;
    for (int w = 0; w < options.window; w++) {
        char *message = p->buffer + (size_t)w * game.stride;
        if (rank == 0)
            MPI_Isend(message, size, MPI_CHAR, peer, TAG, p->comm, &p->requests[w]);
        else
            MPI_Irecv(message, size, MPI_CHAR, peer, TAG, p->comm, &p->requests[w]);
    }
    MPI_Waitall(options.window, p->requests, MPI_STATUSES_IGNORE);
    if (rank == 0)
        MPI_Recv(ack, sizeof ack, MPI_CHAR, peer, TAG_ACK, p->comm, MPI_STATUS_IGNORE);
    else
        MPI_Send(ack, sizeof ack, MPI_CHAR, peer, TAG_ACK, p->comm);
}

static void *play(void *argument)
{
    struct player *p = argument;
    pthread_barrier_wait(&game.start);
    p->started = now();
    for (long i = 0; i < game.iterations; i++)
        play_window(p);
    p->ended = now();
    return NULL;
}

/* Seconds from the first thread's start to the last one's end. */
static double play_all(struct player *players, int count, long iterations)
{
    double started = INFINITY, ended = 0;
    game.iterations = iterations;
    for (int t = 0; t < count; t++)
        if (pthread_create(&players[t].thread, NULL, play, &players[t]) != 0)
            MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
    MPI_Barrier(MPI_COMM_WORLD);
    pthread_barrier_wait(&game.start);
    for (int t = 0; t < count; t++) {
        pthread_join(players[t].thread, NULL);
        started = fmin(started, players[t].started);
        ended = fmax(ended, players[t].ended);
    }
    return ended - started;
}

static bool check(struct player *players, int count)
{
    size_t bytes = game.size * (size_t)options.window;
    bool valid = true;
    game.stride = game.size;
    for (long round = 0; round < options.checked_rounds; round++) {
        for (int t = 0; t < count; t++)
            buffer_fill(players[t].buffer, bytes, rank == 0 ? round : round + 1, t);
        play_all(players, count, 1);
        for (int t = 0; t < count; t++)
            valid = buffer_check_from(players[t].buffer, bytes, round, t) && valid;
    }
    game.stride = 0;
    return all_valid(valid);
}

static struct player *players_new(int count)
{
    struct player *players = buffer_new((size_t)count * sizeof *players);
    size_t slots = options.validate ? (size_t)options.window : 1;
    if (options.max_size > options.memory_limit / slots / (size_t)count)
        bench_refuse("%d threads with %zu buffers of %zu bytes each are more than -M allows "
                     "(%zu bytes): ask for smaller messages (-m)",
                     count, slots, options.max_size, options.memory_limit);
    for (int t = 0; t < count; t++) {
        MPI_Comm_dup(MPI_COMM_WORLD, &players[t].comm);
        players[t].requests = buffer_new((size_t)options.window * sizeof(MPI_Request));
        players[t].buffer = buffer_new(slots * options.max_size);
    }
    return players;
}

int main(int argc, char **argv)
{
    bench_begin(argc, argv, &MESSAGE_RATE_MT);
    int count = options.receivers;
    if (options.senders != 1 && options.senders != count)
        bench_refuse("-t %d:%d: either rank has as many threads here", options.senders, count);
    struct player *players = players_new(count);
    pthread_barrier_init(&game.start, NULL, (unsigned)count + 1);
    report_begin(COLUMNS, 2);
    for (size_t size = bench_first_size(); size <= options.max_size; size = bench_next_size(size)) {
        game.size = size;
        bool valid = !options.validate || check(players, count);
        long iterations = bench_iterations(size);
        play_all(players, count, bench_warmup(size));
        double seconds = play_all(players, count, iterations);
        double messages = (double)iterations * options.window * count;
        report_row(size, (double[]){(double)size / 1e6 * messages / seconds, messages / seconds}, valid);
    }
    for (int t = 0; t < count; t++)
        MPI_Comm_free(&players[t].comm);
    pthread_barrier_destroy(&game.start);
    return bench_end();
}
