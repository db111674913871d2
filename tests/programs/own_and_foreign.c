/* What of a rank's mappings is its own, after long messages: its memory is in core dumps
   and is locked by mlockall; the job segment, and what is mapped of peers, are neither,
   and cover what is used.
   usage: own_and_foreign [before | after]   when to call mlockall */
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LEN = 8 << 20, MORE = 24 << 20 };

/* A mapping, as /proc/self/smaps tells of it. */
struct mapping {
    unsigned long start, end, offset;
    char access[5], name[256];
    int dumped, locked;
};

static int next(FILE *maps, struct mapping *m)
{
    char line[512];
    memset(m, 0, sizeof *m);
    while (fgets(line, sizeof line, maps)) {
        unsigned long start, end, offset;
        char access[5], name[256] = "";
        if (sscanf(line, "%lx-%lx %4s %lx %*s %*s %255[^\n]", &start, &end, access, &offset,
                   name) >= 4) {
            m->start = start;
            m->end = end;
            m->offset = offset;
            strcpy(m->access, access);
            strcpy(m->name, name);
        }
        if (!strncmp(line, "VmFlags:", 8)) {
            m->dumped = !strstr(line, " dd ");
            m->locked = strstr(line, " lo ") != NULL;
            return 1;
        }
    }
    return 0;
}

static long status(const char *word)
{
    char line[256];
    long value = -1;
    FILE *file = fopen("/proc/self/status", "r");
    CHECK(file, "");
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, word, strlen(word)))
            sscanf(line + strlen(word), " %ld", &value);
    fclose(file);
    return value;
}

/* The mapping in which an address of the program's lies is its own. */
static void is_own(const void *address, int locked)
{
    struct mapping m;
    int found = 0;
    FILE *maps = fopen("/proc/self/smaps", "r");
    CHECK(maps, "");
    while (next(maps, &m))
        if ((uintptr_t)address >= m.start && (uintptr_t)address < m.end) {
            found = 1;
            CHECK(m.dumped, "%lx-%lx %s is in no core dump", m.start, m.end, m.name);
            if (locked)
                CHECK(m.locked, "%lx-%lx %s is not locked", m.start, m.end, m.name);
        }
    CHECK(found, "%p is nowhere", address);
    fclose(maps);
}

/* All that can be touched of others' memory; of the window of each rank in the heap
   file, the own begins where `own` lies. */
static void foreign(const void *own, unsigned long most)
{
    struct mapping m;
    unsigned long sum = 0, windows = 1ul << 36, mine = ~0ul, dumped = 0;
    FILE *maps = fopen("/proc/self/smaps", "r");
    CHECK(maps, "");
    while (next(maps, &m))
        if ((uintptr_t)own >= m.start && (uintptr_t)own < m.end && strstr(m.name, "lariat-heap"))
            mine = m.offset / windows;
    rewind(maps);
    while (next(maps, &m)) {
        int is_segment = strstr(m.name, "memfd:lariat-job") != NULL;
        int is_peers = strstr(m.name, "memfd:lariat-heap") && m.offset / windows != mine;
        if (m.dumped && m.access[3] == 's')
            dumped += m.end - m.start;
        if (!is_segment && !is_peers)
            continue;
        CHECK(!m.dumped, "%lx-%lx %s is in core dumps", m.start, m.end, m.name);
        CHECK(!m.locked, "%lx-%lx %s is locked", m.start, m.end, m.name);
        if (is_peers && m.access[0] == 'r')
            sum += m.end - m.start;
    }
    CHECK(sum <= most, "%lu bytes of peers can be touched, %lu are used", sum, most);
    CHECK(dumped <= most, "%lu bytes of shared memory are in core dumps, %lu are used", dumped,
          most);
    fclose(maps);
}

static void exchange(char *out, char *in, size_t len)
{
    MPI(MPI_Sendrecv(out, (int)len, MPI_BYTE, 1 - rank, 1, in, (int)len, MPI_BYTE, 1 - rank, 1,
                     MPI_COMM_WORLD, MPI_STATUS_IGNORE));
}

/* Whoever reads all of this process's memory that can be read: a crash handler, a
   checkpoint. */
static void read_all(void)
{
    struct mapping m;
    static char buffer[1 << 16];
    int memory = open("/proc/self/mem", O_RDONLY);
    FILE *maps = fopen("/proc/self/smaps", "r");
    CHECK(memory >= 0 && maps, "");
    while (next(maps, &m))
        for (unsigned long at = m.start; m.access[0] == 'r' && at < m.end; at += sizeof buffer)
            if (pread(memory, buffer, sizeof buffer, (off_t)at) <= 0)
                break; /* beyond the end of a file */
    fclose(maps);
    close(memory);
}

int main(int argc, char **argv)
{
    const char *when = argc > 1 ? argv[1] : "never";
    int all = MCL_CURRENT | MCL_FUTURE;
    if (!strcmp(when, "before"))
        EQ(mlockall(all), 0);
    START();
    EQ(ranks, 2);
    char *a = room(LEN), *b = room(LEN);
    memset(a, rank, LEN);
    exchange(a, b, LEN);
    if (!strcmp(when, "after"))
        EQ(mlockall(all), 0);
    char *c = room(MORE), *d = room(MORE);
    memset(c, rank, MORE);
    exchange(c, d, MORE);
    int locked = strcmp(when, "never") != 0;
    static int words[1 << 20];
    words[1] = 1;
    is_own(b, locked);
    is_own(d + MORE - 1, locked);
    is_own(words, locked);
    is_own(&locked, locked);
    unsigned long most = 2ul * (LEN + MORE) * 3 / 2 + (16 << 20);
    foreign(a, most);
    if (locked) {
        long kib = status("VmLck:");
        CHECK(kib >= 2 * (LEN + MORE) / 1024 && (unsigned long)kib < 3 * most / 1024,
              "%ld KiB are locked", kib);
    }
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    long before = status("RssShmem:");
    read_all();
    long grown = status("RssShmem:") - before;
    CHECK((unsigned long)grown < most / 1024, "reading it all has made %ld KiB of pages", grown);
    if (locked) {
        EQ(munlockall(), 0);
        EQ(status("VmLck:"), 0);
        char *e = room(MORE);
        memset(e, 1, MORE);
        CHECK(status("VmLck:") == 0, "%ld KiB are locked again", status("VmLck:"));
        free(e);
    }
    free(a);
    free(b);
    free(c);
    free(d);
    PASSED();
}
