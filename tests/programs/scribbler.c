/* A library to be preloaded into ranks: in those that SCRIBBLE_RANKS names, a
   thread writes random bytes at random places of the job segment, from the moment
   when it is mapped. SCRIBBLE is "SEED REGION AMOUNT INTERVAL DELAY TIMES": how
   many places at a time, microseconds between them and before the first, and how
   often. REGION: head, records, arena or any.

   It writes through /proc/self/mem, by which a page that is not there is an error
   and not a signal, and which needs no descriptor of the segment's. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGE = 4096, RECORD = 512, BLOCK = 4096 };

static uint64_t state;
static char region[16];
static long amount, interval, delay, times;
static int mem;
static uint64_t base, length;

static uint64_t draw(uint64_t below)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % below;
}

/* Where the segment is mapped: a file in memory that bears our name and begins
   with it. The mapping may be larger than the file. */
static int find(void)
{
    char line[512], begin[6];
    FILE *maps = fopen("/proc/self/maps", "re");
    int found = 0;
    while (maps && !found && fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        if (!strstr(line, "/memfd:lariat") || sscanf(line, "%lx-%lx rw-s", &from, &to) != 2)
            continue;
        if (pread(mem, begin, 6, (off_t)from) != 6 || memcmp(begin, "lariat", 6))
            continue;
        base = from;
        for (length = PAGE; length < to - from; length += PAGE)
            if (pread(mem, begin, 1, (off_t)(from + length)) != 1)
                break;
        found = 1;
    }
    if (maps)
        fclose(maps);
    return found;
}

static uint64_t place(long ranks)
{
    uint64_t records = PAGE + RECORD * (uint64_t)ranks;
    if (records >= length)
        records = length;
    if (!strcmp(region, "head"))
        return draw(PAGE);
    if (!strcmp(region, "records"))
        return PAGE + draw(records > PAGE ? records - PAGE : 1);
    if (!strcmp(region, "arena"))
        return records + draw(length > records ? length - records : 1);
    /* the beginning as often as all that follows */
    return draw(2) ? draw(records) : draw(length);
}

static void scribble_once(long ranks)
{
    static const uint64_t telling[] = {0, 1, 2, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
                                       0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff};
    unsigned char block[BLOCK];
    uint64_t at = place(ranks), word = draw(2) ? telling[draw(11)] : draw(~0ull);
    size_t len = 1;
    switch (draw(8)) {
    case 0: /* a bit */
        if (pread(mem, block, 1, (off_t)(base + at)) != 1)
            return;
        block[0] ^= (unsigned char)(1u << draw(8));
        break;
    case 1: /* another place's bytes */
        len = 8u << draw(7);
        if (pread(mem, block, len, (off_t)(base + place(ranks) / 8 * 8)) != (ssize_t)len)
            return;
        at = at / 8 * 8;
        break;
    case 2: /* a block of anything, or of one thing */
        len = 1 + draw(draw(4) ? 64 : BLOCK);
        for (size_t i = 0; i < len; i++)
            block[i] = (unsigned char)draw(256);
        if (draw(3) == 0)
            memset(block, (int)draw(256), len);
        break;
    case 3:
    case 4:
        len = 4, at = at / 4 * 4;
        memcpy(block, &word, len);
        break;
    case 5:
    case 6:
        len = 8, at = at / 8 * 8;
        memcpy(block, &word, len);
        break;
    default:
        block[0] = (unsigned char)draw(256);
    }
    if (pwrite(mem, block, len, (off_t)(base + at)) < 0)
        return; /* no page there any more */
}

static void *scribble(void *unused)
{
    (void)unused;
    const char *size = getenv("OMPI_COMM_WORLD_SIZE");
    long ranks = size ? atol(size) : 1;
    mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
    if (mem < 0) {
        fprintf(stderr, "scribbler.c: /proc/self/mem cannot be opened\n");
        _exit(97);
    }
    while (!find())
        usleep(300);
    usleep((useconds_t)delay);
    for (long i = 0; i < times; i++) {
        find(); /* it may have grown */
        for (long k = 0; k < amount; k++)
            scribble_once(ranks);
        if (i == 0 && getenv("SCRIBBLE_PROOF"))
            close(open(getenv("SCRIBBLE_PROOF"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        usleep((useconds_t)interval);
    }
    return NULL;
}

__attribute__((constructor)) static void begin(void)
{
    const char *how = getenv("SCRIBBLE"), *who = getenv("SCRIBBLE_RANKS");
    const char *own = getenv("OMPI_COMM_WORLD_RANK");
    char wanted[24];
    pthread_t thread;
    if (!how || !who || !own)
        return;
    snprintf(wanted, sizeof wanted, ",%s,", own);
    if (!strstr(who, wanted))
        return;
    unsigned long long seed;
    if (sscanf(how, "%llu %15s %ld %ld %ld %ld", &seed, region, &amount, &interval, &delay, &times) != 6)
        _exit(96);
    state = seed * 1000003u + (uint64_t)atol(own);
    pthread_create(&thread, NULL, scribble, NULL);
}
