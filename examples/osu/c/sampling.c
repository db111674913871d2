/* Many short samples instead of one long measurement.
 *
 * A machine that others use, and a virtual one whose cores move, is the same only for
 * moments. So each size is measured --samples times, one size after the other and then
 * all again, and every sample is reported.
 *
 * With --seconds a sample takes as long at every size and with every MPI, however slow:
 * two first passes, which are not reported, find how many iterations that is. Each sample
 * goes by the fastest one so far, since a sample may have been disturbed. */
#include "bench.h"

/* The passes that find out, the iterations of the first, and the most of any. */
enum { TRIALS = 2, TRIAL_ITERATIONS = 5, TRIAL_WARMUP = 2, MOST_ITERATIONS = 1000000 };
/* A second trial and the warm-up of a sample take these parts of a sample's time. */
enum { TRIAL_PART = 4, WARMUP_PART = 8 };

static long iterations[MAX_SIZES];
static double fastest[MAX_SIZES];  /* seconds of an iteration; 0: not known */
static int position;  /* of the size in the list of sizes */
static int sample;
static double began, probed;

int sampling_number(void)
{
    return options.seconds > 0 ? sample - TRIALS : sample;
}

static void begin_size(void)
{
    if (options.probes)
        MPI_Barrier(MPI_COMM_WORLD);
    began = now();
}

void sampling_begin(void)
{
    for (int i = 0; i < MAX_SIZES; i++)
        iterations[i] = TRIAL_ITERATIONS;
    position = sample = 0;
    probed = options.probes ? probe_cores() : 0;
    begin_size();
}

long sampling_iterations(void)
{
    return iterations[position];
}

long sampling_warmup(void)
{
    return sample == 0 ? TRIAL_WARMUP : 1 + iterations[position] / WARMUP_PART;
}

/* How many iterations of this size fit into the next sample, from the time of this one. */
static void fit_iterations(double elapsed)
{
    double took = elapsed / (double)(iterations[position] + bench_warmup(0));
    double *best = &fastest[position];
    *best = *best > 0 && *best < took ? *best : took;
    double seconds = options.seconds / (sampling_number() < -1 ? TRIAL_PART : 1);
    double fitting = seconds / *best * WARMUP_PART / (WARMUP_PART + 1);
    long count = fitting < 1 ? 1 : fitting > MOST_ITERATIONS ? MOST_ITERATIONS : (long)fitting;
    MPI_Bcast(&count, 1, MPI_LONG, 0, MPI_COMM_WORLD);
    iterations[position] = count;
}

void sampling_end_size(void)
{
    if (options.seconds > 0)
        fit_iterations(now() - began);
    if (options.probes) {
        double before = probed;
        probed = probe_cores();
        report_probes(before, probed);
    }
    position++;
    begin_size();
}

bool sampling_again(void)
{
    int last = options.samples > 0 ? options.samples - 1 : 0;
    if (sampling_number() >= last)
        return false;
    sample++;
    position = 0;
    return true;
}
