/* Allocates as a long-running program does, compressed: phases that grow and shrink,
 * sizes from 64 bytes to 16 MiB, short and long lives. Prints the memory of the
 * process in KiB, pages of the heap file included: mean, highest, and at the end of
 * a phase in which nearly everything was given back.
 *
 *   heap_churn [phases]
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOTS = 4096, STEPS = 6000, SAMPLE = 50 };

static char *block[SLOTS];
static size_t len[SLOTS];
static size_t live;
static uint64_t state = 88172645463325252ull;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* KiB of pages of the heap file, if this process has one. */
static long of_file(void)
{
    static int found = -2;
    if (found == -2) {
        found = -1;
        for (int fd = 3; fd < 1024 && found < 0; fd++) {
            char name[64], to[256];
            snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
            ssize_t n = readlink(name, to, sizeof to - 1);
            if (n > 0) {
                to[n] = 0;
                if (strstr(to, "lariat-heap"))
                    found = fd;
            }
        }
    }
    struct stat about;
    return found < 0 || fstat(found, &about) ? 0 : about.st_blocks / 2;
}

/* KiB of this process's own pages. */
static long own(void)
{
    char text[4096];
    int fd = open("/proc/self/smaps_rollup", O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    char *at = strstr(text, "\nAnonymous:");
    return at ? strtol(at + 11, NULL, 10) : 0;
}

static void drop(int slot)
{
    live -= len[slot];
    free(block[slot]);
    block[slot] = NULL;
    len[slot] = 0;
}

static void step(size_t goal)
{
    int slot = next() % SLOTS;
    if (block[slot])
        drop(slot);
    if (live >= goal)
        return;
    /* Log-uniform from 64 bytes to 16 MiB, the largest rarer. */
    int power = 6 + next() % 19;
    if (power > 20 && next() % 4)
        power -= 6;
    size_t size = ((size_t)1 << power >> 1) + next() % ((size_t)1 << power >> 1);
    if (next() % 16 == 0 && size > 4096) {
        /* A buffer that grows as it is filled. */
        char *growing = NULL;
        for (size_t now = 1024; now < size; now *= 2) {
            growing = realloc(growing, now);
            memset(growing + now / 2, 1, now / 2);
        }
        block[slot] = realloc(growing, size);
    } else {
        block[slot] = next() % 8 ? malloc(size) : calloc(1, size);
    }
    len[slot] = size;
    live += size;
    memset(block[slot], 1, size);
}

int main(int argc, char **argv)
{
    int phases = argc > 1 ? atoi(argv[1]) : 8;
    double sum = 0;
    long samples = 0, highest = 0, low = 0;
    for (int phase = 0; phase < phases; phase++) {
        size_t goal = phase % 2 ? 8u << 20 : (96u << 20) + (phase % 3) * (32u << 20);
        for (int i = 0; i < STEPS; i++) {
            step(goal);
            if (phase % 2 && live > goal)
                drop(next() % SLOTS);
            if (i % SAMPLE == 0) {
                long now = own() + of_file();
                sum += now;
                samples++;
                if (now > highest)
                    highest = now;
            }
        }
        if (phase % 2)
            low += own() + of_file();
    }
    printf("mean %.0f highest %ld low %ld\n", sum / samples, highest, low / (phases / 2 ? phases / 2 : 1));
    return 0;
}
