/* What the benchmark programs share.
 *
 * A program describes itself (`struct program`), calls `bench_begin`, measures
 * one size after the other between `bench_first_size` and `options.max_size`,
 * hands each line to `report_row` and ends with `bench_end`. Point-to-point
 * programs use the loops of pair.c; collective ones give collective.c only
 * their call.
 *
 * Times are seconds in a `double` until they are printed; sizes are bytes.
 * Plain MPI-3 and POSIX, so that any MPI's mpicc builds it; only the persistent
 * collectives need an MPI-4. */
#ifndef BENCH_H
#define BENCH_H

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>

/* What is measured: it decides on options, defaults and the number of ranks. */
enum family {
    LATENCY,     /* pairs that play ping-pong */
    BANDWIDTH,   /* pairs that send windows of messages */
    COLLECTIVE,  /* blocking, any number of ranks */
    OVERLAP,     /* nonblocking collective against computation */
    STARTUP      /* no messages measured */
};

struct program {
    const char *name;   /* osu_latency */
    const char *title;  /* MPI Latency Test */
    enum family family;
    bool reduces;       /* works on numbers (-T), not on bytes */
    bool sizeless;      /* one line, no message size */
    bool many_pairs;    /* any even number of ranks instead of exactly two */
    bool neighbors;     /* every rank only with its neighbours (-N) */
    bool threads;       /* several threads of a rank call MPI (-t) */
    bool has_patterns;  /* can show every use of the buffers (--patterns) */
};

/* Whether the program can show every use of the buffers. */
bool program_has_patterns(void);

/* An element type: what a message consists of. */
struct element {
    const char *name;
    MPI_Datatype type;
    size_t size;
};

/* What a program does with its buffers between two messages. */
enum buffer_use {
    LEFT_ALONE,          /* nothing, as OSU's programs */
    REWRITTEN,           /* --dirty: rewrites what it sends, not counted */
    REWRITTEN_AND_READ,  /* --read: rewrites what it sends and reads what it got, counted */
    BUFFER_USES
};

enum { MAX_SIZES = 64 };

struct options {
    size_t min_size, max_size;  /* -m, bytes */
    size_t sizes[MAX_SIZES];    /* -m A,B,C: these sizes only */
    int size_count;             /* 0: all powers of two */
    size_t memory_limit;        /* -M, bytes that one rank may use for buffers */
    long iterations, warmup;    /* -i, -x; negative: chosen by size */
    int window;                 /* -W, messages in flight */
    int pairs;                  /* -p */
    int test_calls;             /* -t, MPI_Test calls while computing */
    int senders, receivers;     /* -t, threads of either rank */
    int dimensions, radius;     /* -N cart, a grid; no dimensions: a graph */
    const char *graph_file;     /* -N graph:FILE, or NULL */
    bool validate;              /* -c */
    long checked_rounds;        /* -u, rounds per size that -c looks at */
    bool full;                  /* -f, minimum and maximum over the ranks */
    enum buffer_use use;        /* --dirty, --read */
    bool patterns;              /* --patterns, every use of the buffers, a column each */
    bool back_to_back;          /* --back-to-back, collectives without barriers between */
    int samples;                /* --samples, passes over all sizes; 0: one, as OSU's */
    double seconds;             /* --seconds, for one size in one sample; 0: by iterations */
    bool probes;                /* --probe, how far apart the cores are around each sample */
    bool json;                  /* --json */
    const char *json_file;      /* --json=FILE, otherwise stdout */
    const char *plot_file;      /* --plot */
    struct element element;     /* -T, or bytes */
};

extern struct options options;
extern const struct program *program;
extern int rank, ranks;
extern double init_seconds;  /* that MPI_Init took */

/* --- bench.c: a program's beginning and end --------------------------------- */

/* Starts MPI, reads the options, checks the number of ranks. Does not return
 * after -h or a mistake: every rank leaves then, rank 0 having said why. */
void bench_begin(int argc, char **argv, const struct program *p);
/* Writes what is left to write and finalizes; the value to return from main. */
int bench_end(void);
/* Ends all ranks with status 1 after rank 0 printed the reason. To be called by
 * every rank for the same reason. */
_Noreturn void bench_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The sizes: powers of two from the smallest asked for, or those listed. With
 * --samples all of them come again. All ranks call these together. */
size_t bench_first_size(void);
size_t bench_next_size(size_t size);
/* Iterations and warm-up rounds for messages of this size. */
long bench_iterations(size_t size);
long bench_warmup(size_t size);

/* Seconds of a monotonic clock, the same for every MPI under test. */
double now(void);

/* --- sampling.c ------------------------------------------------------------- */

/* Called before the first size of the run, and after each size: true if there is a
 * further sample to take, so that the sizes begin again. */
void sampling_begin(void);
void sampling_end_size(void);
bool sampling_again(void);
/* Iterations and warm-up rounds that fit into --seconds, for the size of now. */
long sampling_iterations(void);
long sampling_warmup(void);
/* The number of this sample from 0; negative in the trials that only find out how long a
 * size takes. */
int sampling_number(void);

/* --- probe.c ---------------------------------------------------------------- */

/* Half a round trip of a cache line between ranks 0 and 1 in ns, measured past the
 * MPI; 0 where the two cannot share memory. All ranks call it together. */
double probe_cores(void);

/* --- options.c -------------------------------------------------------------- */

/* NULL, or what is wrong with the command line. */
const char *options_read(int argc, char **argv);
void options_help(void);
bool options_wants_help(void);

/* --- buffer.c --------------------------------------------------------------- */

/* Page-aligned memory, every page touched. Never returns NULL. */
void *buffer_new(size_t bytes);

/* Writes new contents as a program would, with ordinary stores. */
void buffer_store(void *buffer, size_t bytes, long round);
/* The same; returns the seconds that it took, the clock's own cost included. */
double buffer_rewrite(void *buffer, size_t bytes, long round);

/* Loads every byte, as a program that uses what it got. */
void buffer_read(const void *buffer, size_t bytes);

/* Element `index` of what the rank `sender` sends in `round`. Small whole
 * numbers: sums over thousands of ranks stay exact in every element type. */
double buffer_value(long round, int sender, size_t index);
void buffer_fill(void *buffer, size_t bytes, long round, int sender);
/* Compares with `expected(context, index)`; reports the first difference. */
bool buffer_check(const void *buffer, size_t bytes,
                  double (*expected)(const void *context, size_t index), const void *context);
/* Whether `bytes` at `buffer` are what `buffer_fill` wrote at the sender. */
bool buffer_check_from(const void *buffer, size_t bytes, long round, int sender);

/* --- report.c, plot.c ------------------------------------------------------- */

struct column {
    const char *title;  /* as OSU heads it */
    const char *key;    /* in JSON */
    bool plotted;
    bool whole;         /* printed without decimals */
};

enum { MAX_COLUMNS = 8 };

void report_begin(const struct column *columns, int count);
/* One value per column. `valid` is looked at with -c only. */
void report_row(size_t size, const double *values, bool valid);
/* Adds to the last row how far apart the cores were before and after it, in ns. */
void report_probes(double before, double after);
/* Prints or writes JSON and plot; false if a file could not be written or a
 * check failed. */
bool report_end(void);

struct series {
    const char *name;
    const double *values;
};

/* Draws series over sizes with logarithmic axes; false with errno if the file
 * cannot be written. */
bool plot_write(const char *file, const char *title, const char *unit, const size_t *sizes,
                int points, const struct series *series, int count);

/* --- pair.c: two ranks at a time -------------------------------------------- */

/* This rank's part in its pair. */
struct pair {
    int peer;
    bool first;   /* the one who starts */
    bool idle;    /* without a peer: only takes part in the reductions */
};

/* Ranks r and r + pairs play together. */
struct pair pair_of_rank(int pairs);

struct pair_buffers {
    char *send, *receive;
    size_t send_stride, receive_stride;  /* between messages of a window */
};

struct pair_buffers pair_buffers_new(size_t messages);

/* Every use that a program was asked to measure: the first, and one behind the last. */
struct uses { enum buffer_use first, end; };
struct uses pair_uses(void);

/* Seconds for one way, half a round trip, mean of all iterations. The buffers are used
 * as `options.use` says, here and in `pair_windows`. */
double pair_ping_pong(struct pair pair, const struct pair_buffers *buffers, size_t size);
bool pair_check_ping_pong(struct pair pair, const struct pair_buffers *buffers, size_t size);

/* Seconds for all windows together; `both_ways`: both send. */
double pair_windows(struct pair pair, struct pair_buffers *buffers, size_t size, bool both_ways);
bool pair_check_windows(struct pair pair, struct pair_buffers *buffers, size_t size,
                        bool both_ways);

/* The whole body of osu_bw and osu_bibw. */
int pair_bandwidth_main(int argc, char **argv, const struct program *p, bool both_ways);

/* --- one_sided.c: a rank that accesses another's window --------------------- */

struct one_sided {
    struct program program;
    /* One access of `size` bytes at the beginning of rank 1's window. */
    void (*access)(void *buffer, size_t size, MPI_Win win);
    bool gets;  /* it writes the buffer */
    bool adds;  /* it adds 1 to a word, whatever the size */
};

/* The whole body of a benchmark of accesses by rank 0 to memory of the program at rank
 * 1, each followed by a flush. */
int one_sided_main(int argc, char **argv, const struct one_sided *what);

/* --- peers.c: who exchanges with whom in a collective ----------------------- */

/* The blocks of a send buffer go to `outs` ranks, those of a receive buffer come
 * from `ins`. */
struct peers {
    MPI_Comm comm;
    int ins, outs;
    int *sources;  /* where each received block comes from, or MPI_PROC_NULL */
    int *slots;    /* which of its blocks that rank sends here, with all-to-all */
};

/* Every rank of MPI_COMM_WORLD, in order. */
struct peers peers_all(void);
/* The neighbours that -N describes, in a communicator with that topology. */
struct peers peers_neighbors(void);
void peers_free(struct peers *peers);

/* --- collective.c, overlap.c ------------------------------------------------ */

/* How data travels: it decides on the buffers and on the right answer. */
enum pattern { TO_NONE, FROM_ROOT, SCATTERED, GATHERED, ALL_GATHERED, ALL_TO_ALL,
               REDUCED, ALL_REDUCED, REDUCED_SCATTERED, BLOCKS_REDUCED, SCANNED, EXSCANNED };

/* The arguments of one collective call. `count` elements make a block: what one
 * rank sends to one other, or the whole vector of a reduction. */
struct exchange {
    void *send, *receive;
    int count;
    MPI_Datatype type;
    int root;
    struct peers peers;
    /* One per peer, for the calls that take them. */
    int *counts, *offsets;  /* in elements */
    int *byte_offsets;
    MPI_Aint *addresses;    /* the same, wider */
    MPI_Datatype *types;
};

struct collective {
    struct program program;
    enum pattern pattern;
    /* One of these: blocking, nonblocking, or making a persistent request. */
    void (*call)(const struct exchange *x);
    void (*start)(const struct exchange *x, MPI_Request *request);
    void (*prepare)(const struct exchange *x, MPI_Request *request);
};

/* The whole body of a collective benchmark. */
int collective_main(int argc, char **argv, const struct collective *c);
/* Defines `main` for the `struct collective` with these initializers. */
#define COLLECTIVE_MAIN(...)                            \
    int main(int argc, char **argv)                     \
    {                                                   \
        static const struct collective c = __VA_ARGS__; \
        return collective_main(argc, argv, &c);         \
    }

/* The measuring of a nonblocking one; `x` is ready to be used, the first
 * `dirty_bytes` of its send buffer are rewritten between calls. */
void overlap_begin_report(void);
void overlap_measure(const struct collective *c, const struct exchange *x, size_t size,
                     size_t dirty_bytes, bool valid);
/* Mean, minimum and maximum over the ranks, at rank 0. */
struct spread { double mean, min, max; };
struct spread spread_over_ranks(double value);
/* Whether every rank found its data right; collective. */
bool all_valid(bool mine);

#endif
