/* A plot as SVG: sizes along x (powers of two), values along y (powers of ten). */
#define _GNU_SOURCE
#include "bench.h"

#include <math.h>
#include <stdio.h>

enum { WIDTH = 760, HEIGHT = 480, LEFT = 80, RIGHT = 24, TOP = 48, BOTTOM = 56 };

static const char *const COLOURS[] = {"#0b62a4", "#d1495b", "#2e8b57", "#e08e0b",
                                      "#6a4c93", "#00798c", "#8d6a46", "#444444"};

struct axes {
    double low_x, high_x;  /* log2 of the sizes */
    double low_y, high_y;  /* log10 of the values, whole decades */
};

/* Size 0 has no logarithm: it stands one step left of size 1. */
static double log_size(size_t size)
{
    return size ? log2((double)size) : -1;
}

static double at_x(const struct axes *a, double x)
{
    double range = a->high_x > a->low_x ? a->high_x - a->low_x : 1;
    return LEFT + (x - a->low_x) / range * (WIDTH - LEFT - RIGHT);
}

static double at_y(const struct axes *a, double y)
{
    return HEIGHT - BOTTOM - (y - a->low_y) / (a->high_y - a->low_y) * (HEIGHT - TOP - BOTTOM);
}

static struct axes find_axes(const size_t *sizes, int points, const struct series *series, int count)
{
    struct axes a = {log_size(sizes[0]), log_size(sizes[points - 1]), INFINITY, -INFINITY};
    for (int s = 0; s < count; s++)
        for (int p = 0; p < points; p++)
            if (series[s].values[p] > 0) {
                a.low_y = fmin(a.low_y, log10(series[s].values[p]));
                a.high_y = fmax(a.high_y, log10(series[s].values[p]));
            }
    if (a.low_y > a.high_y)
        a.low_y = a.high_y = 0;
    a.low_y = floor(a.low_y);
    a.high_y = fmax(ceil(a.high_y), a.low_y + 1);
    return a;
}

static void size_label(FILE *out, size_t size)
{
    if (size >= 1 << 20)
        fprintf(out, "%zuM", size >> 20);
    else if (size >= 1 << 10)
        fprintf(out, "%zuK", size >> 10);
    else
        fprintf(out, "%zu", size);
}

static void draw_grid(FILE *out, const struct axes *a, const size_t *sizes, int points)
{
    for (int decade = (int)a->low_y; decade <= (int)a->high_y; decade++) {
        double y = at_y(a, decade);
        fprintf(out, "<line class='grid' x1='%d' y1='%.1f' x2='%d' y2='%.1f'/>", LEFT, y,
                WIDTH - RIGHT, y);
        fprintf(out, "<text x='%d' y='%.1f' text-anchor='end'>%g</text>\n", LEFT - 8, y + 4,
                pow(10, decade));
        for (int step = 2; step < 10 && decade < (int)a->high_y; step++) {
            y = at_y(a, decade + log10(step));
            fprintf(out, "<line class='fine' x1='%d' y1='%.1f' x2='%d' y2='%.1f'/>\n", LEFT, y,
                    WIDTH - RIGHT, y);
        }
    }
    int every = points > 12 ? 2 : 1;
    for (int p = 0; p < points; p++) {
        double x = at_x(a, log_size(sizes[p]));
        fprintf(out, "<line class='%s' x1='%.1f' y1='%d' x2='%.1f' y2='%d'/>",
                p % every ? "fine" : "grid", x, TOP, x, HEIGHT - BOTTOM);
        if (p % every == 0) {
            fprintf(out, "<text x='%.1f' y='%d' text-anchor='middle'>", x, HEIGHT - BOTTOM + 18);
            size_label(out, sizes[p]);
            fprintf(out, "</text>\n");
        }
    }
}

static void draw_series(FILE *out, const struct axes *a, const size_t *sizes, int points,
                        const struct series *series, const char *colour)
{
    fprintf(out, "<polyline fill='none' stroke='%s' stroke-width='2' points='", colour);
    for (int p = 0; p < points; p++)
        if (series->values[p] > 0)
            fprintf(out, "%.1f,%.1f ", at_x(a, log_size(sizes[p])),
                    at_y(a, log10(series->values[p])));
    fprintf(out, "'/>\n");
    for (int p = 0; p < points; p++)
        if (series->values[p] > 0)
            fprintf(out, "<circle cx='%.1f' cy='%.1f' r='3' fill='%s'><title>%zu: %g</title></circle>\n",
                    at_x(a, log_size(sizes[p])), at_y(a, log10(series->values[p])), colour, sizes[p],
                    series->values[p]);
}

static void draw_legend(FILE *out, const struct series *series, int count)
{
    for (int s = 0; s < count && count > 1; s++) {
        int y = TOP + 18 + 18 * s;
        fprintf(out, "<rect x='%d' y='%d' width='14' height='4' fill='%s'/>", LEFT + 14, y - 6,
                COLOURS[s]);
        fprintf(out, "<text x='%d' y='%d'>%s</text>\n", LEFT + 34, y, series[s].name);
    }
}

bool plot_write(const char *file, const char *title, const char *unit, const size_t *sizes,
                int points, const struct series *series, int count)
{
    if (points == 0)
        return true;
    FILE *out = fopen(file, "w");
    if (out == NULL)
        return false;
    struct axes a = find_axes(sizes, points, series, count);
    fprintf(out,
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' font-family='sans-serif' "
            "font-size='12'>\n<style>.grid{stroke:#bbb}.fine{stroke:#eee}</style>\n"
            "<rect width='%d' height='%d' fill='white'/>\n",
            WIDTH, HEIGHT, WIDTH, HEIGHT);
    draw_grid(out, &a, sizes, points);
    for (int s = 0; s < count; s++)
        draw_series(out, &a, sizes, points, &series[s], COLOURS[s]);
    draw_legend(out, series, count);
    fprintf(out, "<text x='%d' y='28' font-size='16' text-anchor='middle'>%s, %d ranks%s</text>\n",
            WIDTH / 2, title, ranks, options.patterns ? ""
            : options.use == REWRITTEN ? ", rewritten buffers"
            : options.use == REWRITTEN_AND_READ ? ", buffers rewritten and read" : "");
    fprintf(out, "<text x='%d' y='%d' text-anchor='middle'>message size (bytes)</text>\n", WIDTH / 2,
            HEIGHT - 12);
    fprintf(out, "<text transform='translate(18 %d) rotate(-90)' text-anchor='middle'>%s</text>\n",
            HEIGHT / 2, unit);
    fprintf(out, "</svg>\n");
    return fclose(out) == 0;
}
