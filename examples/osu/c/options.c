/* The command line: OSU's letters, and the long options of our own. */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options options;

static bool help;
static char mistake[256];

enum { OPTION_JSON = 256, OPTION_PLOT, OPTION_DIRTY, OPTION_READ, OPTION_PATTERNS,
       OPTION_BACK_TO_BACK, OPTION_SAMPLES, OPTION_SECONDS, OPTION_PROBE };

static const struct option LONG[] = {
    {"message-size", required_argument, NULL, 'm'},
    {"mem-limit", required_argument, NULL, 'M'},
    {"iterations", required_argument, NULL, 'i'},
    {"warmup", required_argument, NULL, 'x'},
    {"window-size", required_argument, NULL, 'W'},
    {"pairs", required_argument, NULL, 'p'},
    {"num-test-calls", required_argument, NULL, 't'},
    {"num-threads", required_argument, NULL, 't'},
    {"neighborhood", required_argument, NULL, 'N'},
    {"type", required_argument, NULL, 'T'},
    {"validation", no_argument, NULL, 'c'},
    {"validation-warmup", required_argument, NULL, 'u'},
    {"full", no_argument, NULL, 'f'},
    {"help", no_argument, NULL, 'h'},
    {"json", optional_argument, NULL, OPTION_JSON},
    {"plot", required_argument, NULL, OPTION_PLOT},
    {"dirty", no_argument, NULL, OPTION_DIRTY},
    {"read", no_argument, NULL, OPTION_READ},
    {"patterns", no_argument, NULL, OPTION_PATTERNS},
    {"back-to-back", no_argument, NULL, OPTION_BACK_TO_BACK},
    {"samples", required_argument, NULL, OPTION_SAMPLES},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"probe", no_argument, NULL, OPTION_PROBE},
    {NULL, 0, NULL, 0},
};

/* Which letters a family takes besides -h and --json. */
static const char *letters(void)
{
    switch (program->family) {
    case LATENCY:
        return program->many_pairs ? "m:M:i:x:cu:p:" : program->threads ? "m:M:i:x:cu:t:"
                                                                        : "m:M:i:x:cu:";
    case BANDWIDTH:
        return program->many_pairs ? "m:M:i:x:W:cu:p:" : program->threads ? "m:M:i:x:W:cu:t:"
                                                                          : "m:M:i:x:W:cu:";
    case COLLECTIVE:
        return program->sizeless ? "i:x:f" : program->reduces ? "m:M:i:x:cu:fT:" : "m:M:i:x:cu:f";
    case OVERLAP:
        return program->sizeless ? "i:x:ft:"
               : program->reduces ? "m:M:i:x:cu:fT:t:" : "m:M:i:x:cu:ft:";
    default:
        return "";
    }
}

static bool blocking_with_sizes(void)
{
    return program->family == COLLECTIVE && !program->sizeless;
}

bool program_has_patterns(void)
{
    return program->has_patterns || blocking_with_sizes();
}

static bool takes(int option)
{
    if (option == 'h' || option == OPTION_JSON)
        return true;
    if (option == 'N')
        return program->neighbors;
    if (option == OPTION_PATTERNS)
        return program_has_patterns();
    if (option == OPTION_BACK_TO_BACK)
        return blocking_with_sizes();
    if (option == OPTION_SAMPLES || option == OPTION_SECONDS || option == OPTION_PROBE)
        return program->family != STARTUP;
    if ((option == OPTION_DIRTY || option == OPTION_READ) && program->threads)
        return false;
    if (option == OPTION_READ && program->family == OVERLAP)
        return false;
    if (option == OPTION_PLOT || option == OPTION_DIRTY || option == OPTION_READ)
        return program->family != STARTUP && !program->sizeless;
    return option != ':' && strchr(letters(), option) != NULL;
}

static const struct element ELEMENTS[] = {
    {"mpi_char", MPI_CHAR, sizeof(char)},
    {"mpi_int", MPI_INT, sizeof(int)},
    {"mpi_float", MPI_FLOAT, sizeof(float)},
    {"mpi_double", MPI_DOUBLE, sizeof(double)},
};

static bool read_element(const char *name)
{
    for (size_t i = 1; i < sizeof ELEMENTS / sizeof *ELEMENTS; i++)
        if (strcasecmp(name, ELEMENTS[i].name) == 0) {
            options.element = ELEMENTS[i];
            return true;
        }
    snprintf(mistake, sizeof mistake, "-T '%s' is unknown: mpi_int, mpi_float or mpi_double", name);
    return false;
}

/* A whole number from `least` to `most`, with K, M or G for powers of 1024. */
static bool read_number(const char *option, const char *text, size_t length, long least, long most,
                        long *value)
{
    char copy[32], *end = copy;
    long number = -1;
    if (length > 0 && length < sizeof copy && text[0] >= '0' && text[0] <= '9') {
        memcpy(copy, text, length);
        copy[length] = '\0';
        errno = 0;
        number = strtol(copy, &end, 10);
        int shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
        end += shift != 0;
        if (errno != 0 || *end != '\0' || number > LONG_MAX >> shift)
            number = -1;
        else
            number <<= shift;
    }
    if (number >= least && number <= most) {
        *value = number;
        return true;
    }
    int told = snprintf(mistake, sizeof mistake, "%s '%.*s' is not a whole number from %ld", option,
                        (int)length, text, least);
    if (told > 0 && (size_t)told < sizeof mistake)
        snprintf(mistake + told, sizeof mistake - (size_t)told, most < LONG_MAX ? " to %ld" : " up",
                 most);
    return false;
}

/* A time in seconds above 0, up to a minute. */
static bool read_seconds(void)
{
    char *end;
    double seconds = strtod(optarg, &end);
    if (end != optarg && *end == '\0' && seconds > 0 && seconds <= 60) {
        options.seconds = seconds;
        return true;
    }
    snprintf(mistake, sizeof mistake, "--seconds '%s' is not a number above 0 up to 60", optarg);
    return false;
}

static bool read_int(const char *option, int least, int *value)
{
    long number;
    if (!read_number(option, optarg, strlen(optarg), least, INT_MAX, &number))
        return false;
    *value = (int)number;
    return true;
}

/* Two or more sizes, each larger than the one before. */
static bool read_size_list(const char *text)
{
    options.size_count = 0;
    for (const char *at = text; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        long number, least = options.size_count ? (long)options.max_size + 1 : 0;
        if (options.size_count == MAX_SIZES) {
            snprintf(mistake, sizeof mistake, "-m: more than %d sizes", MAX_SIZES);
            return false;
        }
        if (!read_number("-m", at, strcspn(at, ","), least, INT_MAX, &number))
            return false;
        options.sizes[options.size_count++] = options.max_size = (size_t)number;
    }
    options.min_size = options.sizes[0];
    return true;
}

/* MAX, MIN:MAX, MIN: or :MAX; or a list. */
static bool read_sizes(const char *text)
{
    if (strchr(text, ','))
        return read_size_list(text);
    options.size_count = 0;
    const char *colon = strchr(text, ':');
    const char *max = colon ? colon + 1 : text;
    long number;
    if (colon && colon > text) {
        if (!read_number("-m", text, (size_t)(colon - text), 0, INT_MAX, &number))
            return false;
        options.min_size = (size_t)number;
    }
    if (*max || !colon) {
        if (!read_number("-m", max, strlen(max), 0, INT_MAX, &number))
            return false;
        options.max_size = (size_t)number;
    }
    if (options.min_size <= options.max_size)
        return true;
    snprintf(mistake, sizeof mistake, "-m '%s': the smallest size, %zu, is above the largest, %zu",
             text, options.min_size, options.max_size);
    return false;
}

/* What stands before the first colon of optarg; `rest` begins after it, or is NULL. */
static size_t before_colon(const char **rest)
{
    size_t length = strcspn(optarg, ":");
    *rest = optarg[length] ? optarg + length + 1 : NULL;
    return length;
}

/* RECEIVERS or SENDERS:RECEIVERS. */
static bool read_threads(void)
{
    const char *second;
    size_t length = before_colon(&second);
    const char *receivers = second ? second : optarg;
    long number = 1;
    if (second && !read_number("-t", optarg, length, 1, INT_MAX, &number))
        return false;
    options.senders = (int)number;
    if (!read_number("-t", receivers, strlen(receivers), 1, INT_MAX, &number))
        return false;
    options.receivers = (int)number;
    /* Every pair of threads has its tag, and MPI promises tags up to 32767. */
    if (options.receivers <= 32767 / options.senders)
        return true;
    snprintf(mistake, sizeof mistake, "-t '%s': %d times %d threads need more than 32767 tags",
             optarg, options.senders, options.receivers);
    return false;
}

/* cart[:DIMENSIONS[:RADIUS]] or graph[:FILE]. */
static bool read_neighborhood(void)
{
    const char *rest;
    size_t length = before_colon(&rest);
    long number = 1;
    if (length == 5 && strncmp(optarg, "graph", length) == 0) {
        options.dimensions = 0;
        options.graph_file = rest;
        return true;
    }
    if (length != 4 || strncmp(optarg, "cart", length) != 0) {
        snprintf(mistake, sizeof mistake,
                 "-N '%s' is unknown: cart[:DIMENSIONS[:RADIUS]] or graph[:FILE]", optarg);
        return false;
    }
    const char *radius = rest ? strchr(rest, ':') : NULL;
    if (rest && !read_number("-N", rest, strcspn(rest, ":"), 1, 30, &number))
        return false;
    options.dimensions = (int)number;
    number = 1;
    if (radius && !read_number("-N", radius + 1, strlen(radius + 1), 1, INT_MAX, &number))
        return false;
    options.radius = (int)number;
    return true;
}

static bool read_one(int option)
{
    long number;
    switch (option) {
    case 'h':
        help = true;
        return true;
    case 'm':
        return read_sizes(optarg);
    case 'M':
        if (!read_number("-M", optarg, strlen(optarg), 1, LONG_MAX, &number))
            return false;
        options.memory_limit = (size_t)number;
        return true;
    case 'i':
        return read_number("-i", optarg, strlen(optarg), 1, LONG_MAX, &options.iterations);
    case 'x':
        return read_number("-x", optarg, strlen(optarg), 0, LONG_MAX, &options.warmup);
    case 'W':
        return read_int("-W", 1, &options.window);
    case 'p':
        return read_int("-p", 1, &options.pairs);
    case 't':
        return program->threads ? read_threads() : read_int("-t", 0, &options.test_calls);
    case 'N':
        return read_neighborhood();
    case 'T':
        return read_element(optarg);
    case 'c':
        options.validate = true;
        return true;
    case 'u':
        return read_number("-u", optarg, strlen(optarg), 1, LONG_MAX, &options.checked_rounds);
    case 'f':
        options.full = true;
        return true;
    case OPTION_DIRTY:
        options.use = REWRITTEN;
        return true;
    case OPTION_READ:
        options.use = REWRITTEN_AND_READ;
        return true;
    case OPTION_PATTERNS:
        options.patterns = true;
        return true;
    case OPTION_BACK_TO_BACK:
        options.back_to_back = true;
        return true;
    case OPTION_SAMPLES:
        return read_int("--samples", 1, &options.samples);
    case OPTION_SECONDS:
        return read_seconds();
    case OPTION_PROBE:
        options.probes = true;
        return true;
    case OPTION_PLOT:
        options.plot_file = optarg;
        return true;
    default:
        options.json = true;
        options.json_file = optarg;
        return true;
    }
}

static void set_defaults(void)
{
    bool collective = program->family == COLLECTIVE || program->family == OVERLAP;
    options = (struct options){
        .min_size = program->sizeless ? 0 : 1,
        .max_size = program->sizeless ? 0 : collective ? 1 << 20 : 1 << 22,
        .memory_limit = (size_t)1 << 29,
        .iterations = -1,
        .warmup = -1,
        .window = 64,
        .senders = 1,
        .receivers = 2,
        .dimensions = 1,
        .radius = 1,
        .checked_rounds = 5,
        .element = ELEMENTS[program->reduces ? 2 : 0],
    };
}

static const char *name_of(int option, const char *argument)
{
    static char name[64];
    if (option > 0 && option < 256)
        snprintf(name, sizeof name, "-%c", option);
    else
        snprintf(name, sizeof name, "%s", argument);
    return name;
}

const char *options_read(int argc, char **argv)
{
    int option;
    set_defaults();
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":hm:M:i:x:W:p:t:T:N:cu:f", LONG, NULL)) != -1) {
        const char *argument = argv[optind - 1];
        if (option == ':') {
            snprintf(mistake, sizeof mistake, "option %s needs a value", name_of(optopt, argument));
            return mistake;
        }
        if (option == '?' || !takes(option)) {
            snprintf(mistake, sizeof mistake, "no such option here: %s",
                     name_of(option == '?' ? optopt : option, argument));
            return mistake;
        }
        if (!read_one(option))
            return mistake;
    }
    if (optind < argc) {
        snprintf(mistake, sizeof mistake, "'%s' is not an option", argv[optind]);
        return mistake;
    }
    if (options.seconds > 0 && options.iterations > 0) {
        snprintf(mistake, sizeof mistake, "-i and --seconds exclude each other");
        return mistake;
    }
    if (program->reduces && !help && options.max_size < options.element.size) {
        snprintf(mistake, sizeof mistake, "-m: the largest size, %zu, is below one %s of %zu bytes",
                 options.max_size, options.element.name, options.element.size);
        return mistake;
    }
    return NULL;
}

bool options_wants_help(void)
{
    return help;
}

static void help_line(int option, const char *spelling, const char *meaning)
{
    if (takes(option))
        printf("  %-28s %s\n", spelling, meaning);
}

void options_help(void)
{
    printf("%s: %s\nusage: mpirun -n RANKS %s [options]\n", program->name, program->title,
           program->name);
    help_line('m', "-m, --message-size [MIN:]MAX", "sizes in bytes, powers of two; K, M and G work");
    help_line('m', "-m, --message-size A,B,C", "these sizes only, in ascending order");
    help_line('M', "-M, --mem-limit BYTES", "most memory for buffers in a rank (512M)");
    help_line('i', "-i, --iterations N", "timed rounds per size (fewer above 8 KiB by default)");
    help_line('x', "-x, --warmup N", "untimed rounds before them");
    help_line('W', "-W, --window-size N", "messages in flight (64)");
    help_line('p', "-p, --pairs N", "pairs that run at once (half the ranks)");
    help_line('T', "-T, --type TYPE", "mpi_int, mpi_float (default) or mpi_double");
    if (program->threads)
        help_line('t', "-t, --num-threads [S:]R", "threads that start (1) and that answer (2)");
    else
        help_line('t', "-t, --num-test-calls N", "MPI_Test calls while computing (0)");
    help_line('N', "-N, --neighborhood WHAT",
              "cart[:DIMENSIONS[:RADIUS]] (cart:1:1), or graph[:FILE]");
    help_line('f', "-f, --full", "minimum and maximum over the ranks too");
    help_line('c', "-c, --validation", "check the data first, in rounds that are not timed");
    help_line('u', "-u, --validation-warmup N", "how many such rounds per size (5)");
    help_line(OPTION_DIRTY, "--dirty", "rewrite a buffer before it is sent, untimed");
    help_line(OPTION_READ, "--read", "rewrite what is sent, read what is received, all timed");
    help_line(OPTION_PATTERNS, "--patterns",
              "columns for buffers left alone, rewritten, rewritten and read");
    help_line(OPTION_BACK_TO_BACK, "--back-to-back", "no barrier between calls, the loop timed as a whole");
    help_line(OPTION_SAMPLES, "--samples N", "measure and report all sizes N times, one after the other");
    help_line(OPTION_SECONDS, "--seconds S", "as many iterations as fit into S for a size and sample");
    help_line(OPTION_PROBE, "--probe", "how far apart the cores are, around each sample (JSON)");
    help_line(OPTION_JSON, "--json[=FILE]", "results as JSON, to stdout instead of the columns");
    help_line(OPTION_PLOT, "--plot FILE.svg", "draw the results");
    help_line('h', "-h, --help", "this text");
}
