/* Results: OSU's columns on stdout, JSON, and the data of the plot. */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE_COLUMN = 10, VALUE_COLUMN = 20 };

struct row {
    size_t size;
    double values[MAX_COLUMNS];
    bool valid;
    int sample;
    double probes[2];  /* before and after, ns; 0: not probed */
};

static const struct column *columns;
static int column_count;
static struct row *rows;
static int row_count, row_capacity;

static bool prints_columns(void)
{
    return rank == 0 && program->family != STARTUP && !(options.json && options.json_file == NULL);
}

static const char *report_use(enum buffer_use use)
{
    switch (use) {
    case REWRITTEN:
        return "Buffers rewritten before each send, the rewriting not counted";
    case REWRITTEN_AND_READ:
        return "What is sent is rewritten, what is received is read, all of it counted";
    default:
        return "";
    }
}

static void print_use(void)
{
    if (options.back_to_back)
        printf("# Calls back to back, without a barrier between\n");
    if (options.patterns && program->family == COLLECTIVE)
        printf("# Left alone: a barrier between calls, not counted, and no buffer is touched\n"
               "# Back to back: no barrier, the loop timed as a whole\n"
               "# Rewritten: what is sent is rewritten between calls, not counted\n"
               "# And read: what is sent is rewritten, what is received is read, all of it counted\n");
    else if (options.patterns)
        printf("# Left alone: no buffer is touched between messages, as in OSU's programs\n"
               "# Rewritten: before each send, the rewriting not counted\n"
               "# And read: rewritten before each send, read after each receive, all of it counted\n");
    else if (options.use != LEFT_ALONE)
        printf("# %s\n", report_use(options.use));
}

void report_begin(const struct column *these, int count)
{
    columns = these;
    column_count = count;
    if (!prints_columns())
        return;
    printf("# OSU-style %s (Lariat)\n", program->title);
    print_use();
    if (program->many_pairs)
        printf("# [ pairs: %d ]", options.pairs);
    if (program->many_pairs && program->family == BANDWIDTH)
        printf(" [ window size: %d ]", options.window);
    if (program->many_pairs)
        putchar('\n');
    if (program->threads && program->family == BANDWIDTH)
        printf("# [ threads: %d ] [ window size: %d ]\n", options.receivers, options.window);
    else if (program->threads)
        printf("# Number of Sender threads: %d\n# Number of Receiver threads: %d\n",
               options.senders, options.receivers);
    if (program->neighbors && options.dimensions > 0)
        printf("# Neighborhood: grid of %d dimensions, radius %d\n", options.dimensions,
               options.radius);
    else if (program->neighbors)
        printf("# Neighborhood: graph%s%s\n", options.graph_file ? " " : "",
               options.graph_file ? options.graph_file : "");
    if (program->reduces)
        printf("# Datatype: %s\n", options.element.name);
    printf("%-*s", SIZE_COLUMN, program->sizeless ? "#" : "# Size");
    for (int i = 0; i < count; i++)
        printf("%*s", VALUE_COLUMN, columns[i].title);
    if (options.validate)
        printf("%*s", VALUE_COLUMN, "Validation");
    putchar('\n');
    fflush(stdout);
}

static struct row *new_row(void)
{
    if (row_count == row_capacity) {
        row_capacity = row_capacity ? 2 * row_capacity : 64;
        rows = realloc(rows, (size_t)row_capacity * sizeof *rows);
        if (rows == NULL)
            MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
    }
    return &rows[row_count++];
}

void report_probes(double before, double after)
{
    if (row_count > 0) {
        rows[row_count - 1].probes[0] = before;
        rows[row_count - 1].probes[1] = after;
    }
}

void report_row(size_t size, const double *values, bool valid)
{
    if (rank != 0 || sampling_number() < 0)
        return;
    struct row *row = new_row();
    *row = (struct row){.size = size, .valid = valid, .sample = sampling_number()};
    memcpy(row->values, values, (size_t)column_count * sizeof *values);
    if (!prints_columns())
        return;
    if (program->sizeless)
        printf("%-*s", SIZE_COLUMN, "");
    else
        printf("%-*zu", SIZE_COLUMN, size);
    for (int i = 0; i < column_count; i++)
        printf("%*.*f", VALUE_COLUMN, columns[i].whole ? 0 : 2, values[i]);
    if (options.validate)
        printf("%*s", VALUE_COLUMN, valid ? "Pass" : "Fail");
    putchar('\n');
    fflush(stdout);
}

static void json_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < ' ')
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void json_row(FILE *out, const struct row *row)
{
    const char *separator = "";
    fputc('{', out);
    if (!program->sizeless) {
        fprintf(out, "\"size\": %zu", row->size);
        separator = ", ";
    }
    for (int i = 0; i < column_count; i++, separator = ", ")
        fprintf(out, "%s\"%s\": %.6g", separator, columns[i].key, row->values[i]);
    if (options.validate)
        fprintf(out, "%s\"valid\": %s", separator, row->valid ? "true" : "false");
    if (options.samples > 0)
        fprintf(out, ", \"sample\": %d", row->sample);
    if (options.probes)
        fprintf(out, ", \"probe_ns\": [%.1f, %.1f]", row->probes[0], row->probes[1]);
    fputc('}', out);
}

static void json_write(FILE *out)
{
    char library[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    MPI_Get_library_version(library, &length);
    library[strcspn(library, "\n")] = '\0';
    fprintf(out, "{\"program\": \"%s\", \"title\": \"%s\", \"library\": ", program->name,
            program->title);
    json_string(out, library);
    fprintf(out, ", \"ranks\": %d", ranks);
    if (!options.patterns)
        fprintf(out, ", \"dirty\": %s, \"read\": %s",
                options.use != LEFT_ALONE ? "true" : "false",
                options.use == REWRITTEN_AND_READ ? "true" : "false");
    if (program->family == BANDWIDTH)
        fprintf(out, ", \"window\": %d", options.window);
    if (program->many_pairs)
        fprintf(out, ", \"pairs\": %d", options.pairs);
    if (program->reduces)
        fprintf(out, ", \"datatype\": \"%s\"", options.element.name);
    fprintf(out, ",\n \"rows\": [");
    for (int i = 0; i < row_count; i++) {
        fprintf(out, "%s\n  ", i ? "," : "");
        json_row(out, &rows[i]);
    }
    fprintf(out, "\n]}\n");
}

static bool cannot_write(const char *file)
{
    fprintf(stderr, "%s: cannot write '%s': %s\n", program->name, file, strerror(errno));
    return false;
}

static bool write_json(void)
{
    if (options.json_file == NULL) {
        json_write(stdout);
        return fflush(stdout) == 0;
    }
    FILE *out = fopen(options.json_file, "w");
    if (out == NULL)
        return cannot_write(options.json_file);
    json_write(out);
    return fclose(out) == 0 || cannot_write(options.json_file);
}

/* Draws the first sample. */
static bool write_plot(void)
{
    size_t sizes[MAX_SIZES];
    double values[MAX_COLUMNS][MAX_SIZES];
    struct series series[MAX_COLUMNS];
    const char *unit = "";
    int count = 0, points = 0;
    while (points < row_count && points < MAX_SIZES && rows[points].sample == 0)
        points++;
    for (int c = 0; c < column_count; c++) {
        if (!columns[c].plotted)
            continue;
        for (int r = 0; r < points; r++) {
            sizes[r] = rows[r].size;
            values[count][r] = rows[r].values[c];
        }
        series[count] = (struct series){columns[c].title, values[count]};
        unit = count == 0 ? columns[c].title : "us";
        count++;
    }
    return plot_write(options.plot_file, program->title, unit, sizes, points, series, count)
           || cannot_write(options.plot_file);
}

bool report_end(void)
{
    bool good = true;
    if (options.json)
        good = write_json() && good;
    if (options.plot_file)
        good = write_plot() && good;
    for (int i = 0; i < row_count; i++)
        good = good && (!options.validate || rows[i].valid);
    return good;
}
