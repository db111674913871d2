/* Who exchanges with whom: all ranks, a grid, or a graph.
 *
 * A grid of radius 1 is a Cartesian communicator without wrap-around, so that
 * ranks at its edge have MPI_PROC_NULL for neighbours. With a larger radius the
 * neighbours are those along each axis up to that distance, and the communicator
 * has a distributed graph. A graph without a file is a ring in which each rank
 * sends to the next two; a file has one edge "SOURCE DESTINATION" per line. */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct list {
    int *ranks;
    int count;
};

struct neighbors { struct list sources, destinations; };

static void append(struct list *list, int r)
{
    list->ranks = realloc(list->ranks, ((size_t)list->count + 1) * sizeof *list->ranks);
    if (list->ranks == NULL)
        MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
    list->ranks[list->count++] = r;
}

static void append_edge(struct neighbors *n, int source, int destination)
{
    if (destination == rank)
        append(&n->sources, source);
    if (source == rank)
        append(&n->destinations, destination);
}

struct peers peers_all(void)
{
    struct peers peers = {.comm = MPI_COMM_WORLD, .ins = ranks, .outs = ranks};
    peers.sources = buffer_new((size_t)ranks * sizeof *peers.sources);
    peers.slots = buffer_new((size_t)ranks * sizeof *peers.slots);
    for (int r = 0; r < ranks; r++) {
        peers.sources[r] = r;
        peers.slots[r] = rank;
    }
    return peers;
}

/* --- topologies ------------------------------------------------------------- */

static MPI_Comm grid_new(void)
{
    int *dims = buffer_new((size_t)options.dimensions * sizeof *dims);
    int *periods = buffer_new((size_t)options.dimensions * sizeof *periods);
    MPI_Comm grid;
    MPI_Dims_create(ranks, options.dimensions, dims);
    MPI_Cart_create(MPI_COMM_WORLD, options.dimensions, dims, periods, 0, &grid);
    free(dims);
    free(periods);
    return grid;
}

/* In the order in which MPI counts them: per axis the one before, the one behind. */
static struct neighbors grid_neighbors(MPI_Comm grid, bool with_edge)
{
    struct neighbors n = {0};
    for (int axis = 0; axis < options.dimensions; axis++)
        for (int distance = 1; distance <= options.radius && distance < ranks; distance++) {
            int beside[2];
            MPI_Cart_shift(grid, axis, distance, &beside[0], &beside[1]);
            for (int side = 0; side < 2; side++)
                if (with_edge || beside[side] != MPI_PROC_NULL) {
                    append(&n.sources, beside[side]);
                    append(&n.destinations, beside[side]);
                }
        }
    return n;
}

static struct neighbors ring_neighbors(void)
{
    struct neighbors n = {0};
    for (int distance = 1; distance <= 2; distance++) {
        append(&n.sources, (rank + 2 * ranks - distance) % ranks);
        append(&n.destinations, (rank + distance) % ranks);
    }
    return n;
}

/* Every rank reads the file; a mistake in it is rank 0's to tell. */
static struct neighbors read_graph(const char *file)
{
    struct neighbors n = {0};
    FILE *in = fopen(file, "r");
    const char *reason = in ? "another rank failed" : strerror(errno);
    if (!all_valid(in != NULL))
        bench_refuse("-N: cannot read '%s' on every rank: %s", file, reason);
    char *line = NULL;
    size_t room = 0;
    for (int number = 1; getline(&line, &room, in) >= 0; number++) {
        int source, destination, end = 0;
        if (line[strspn(line, " \t\r\n")] == '\0')
            continue;
        bool edge = sscanf(line, "%d %d %n", &source, &destination, &end) == 2 && line[end] == '\0';
        if (!edge || source < 0 || source >= ranks || destination < 0 || destination >= ranks)
            bench_refuse("-N: line %d of '%s' should be two ranks from 0 to %d", number, file,
                         ranks - 1);
        append_edge(&n, source, destination);
    }
    free(line);
    fclose(in);
    return n;
}

static MPI_Comm graph_new(const struct neighbors *n)
{
    MPI_Comm graph;
    MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, n->sources.count, n->sources.ranks,
                                   MPI_UNWEIGHTED, n->destinations.count, n->destinations.ranks,
                                   MPI_UNWEIGHTED, MPI_INFO_NULL, 0, &graph);
    return graph;
}

/* --- peers ------------------------------------------------------------------ */

/* Tells every destination which of this rank's blocks is for it. Of several edges
 * between the same two ranks the first leads to the first, as in the collectives. */
static void exchange_slots(struct peers *peers, const int *destinations)
{
    MPI_Request *requests = buffer_new((size_t)peers->outs * sizeof *requests);
    int *numbers = buffer_new((size_t)peers->outs * sizeof *numbers);
    for (int i = 0; i < peers->outs; i++) {
        numbers[i] = i;
        MPI_Isend(&numbers[i], 1, MPI_INT, destinations[i], 0, peers->comm, &requests[i]);
    }
    for (int i = 0; i < peers->ins; i++)
        MPI_Recv(&peers->slots[i], 1, MPI_INT, peers->sources[i], 0, peers->comm,
                 MPI_STATUS_IGNORE);
    MPI_Waitall(peers->outs, requests, MPI_STATUSES_IGNORE);
    free(requests);
    free(numbers);
}

struct peers peers_neighbors(void)
{
    MPI_Comm comm = MPI_COMM_NULL;
    struct neighbors n;
    if (options.dimensions > 0) {
        MPI_Comm grid = grid_new();
        n = grid_neighbors(grid, options.radius == 1);
        if (options.radius == 1)
            comm = grid;
        else
            MPI_Comm_free(&grid);
    } else {
        n = options.graph_file ? read_graph(options.graph_file) : ring_neighbors();
    }
    if (comm == MPI_COMM_NULL)
        comm = graph_new(&n);
    struct peers peers = {comm, n.sources.count, n.destinations.count, n.sources.ranks, NULL};
    peers.slots = buffer_new((size_t)peers.ins * sizeof *peers.slots);
    exchange_slots(&peers, n.destinations.ranks);
    free(n.destinations.ranks);
    return peers;
}

void peers_free(struct peers *peers)
{
    if (peers->comm != MPI_COMM_WORLD)
        MPI_Comm_free(&peers->comm);
    free(peers->sources);
    free(peers->slots);
}
