/* The program's static data in shared pages, seen by a peer and not by children.
 *
 * usage: statics */
#include "check.h"
#include <spawn.h>

extern char **environ;

enum { WORDS = 1 << 17, ZEROES = 1 << 28 };

#define FOUR(x) x, x + 1, x + 2, x + 3
#define SIXTEEN(x) FOUR(x), FOUR(x + 4), FOUR(x + 8), FOUR(x + 12)
#define LOTS(x) SIXTEEN(x), SIXTEEN(x + 16), SIXTEEN(x + 32), SIXTEEN(x + 48)

static uint64_t initialised[WORDS] = {LOTS(1000), [WORDS - 1] = 77};
static char zeroes[ZEROES];
static char *into_zeroes = zeroes + 123;
static uint64_t *into_data = initialised + 5;
static int (*function)(const char *) = puts;
static _Thread_local int per_thread = 5;
static const char *const names[] = {"one", "two"}; /* read-only after relocation */

static int counter(void)
{
    static int count = 41;
    return ++count;
}

static int peer(int fd, off_t at, size_t len, size_t word_at, size_t byte_at)
{
    char *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, at);
    CHECK(map != MAP_FAILED, "mmap of the peer");
    volatile uint64_t *word = (volatile uint64_t *)(map + word_at);
    CHECK(*word == 4711, "the owner's store, seen by a peer: %d", (int)*word);
    CHECK(!strcmp(map + byte_at, "written by the owner"), "bytes of .bss: %s", map + byte_at);
    *word = 4712;
    strcpy(map + byte_at, "written by a peer");
    return 0;
}

static void contents(void)
{
    for (int i = 0; i < 64; i++)
        CHECK(initialised[i] == 1000u + i, "word %d: %d", i, (int)initialised[i]);
    CHECK(initialised[WORDS - 1] == 77, "the last word");
    CHECK(into_data == &initialised[5] && *into_data == 1005, "a pointer into .data");
    CHECK(into_zeroes == zeroes + 123 && !*into_zeroes, "a pointer into .bss");
    CHECK(function == puts && per_thread == 5 && !strcmp(names[1], "two"), "the rest");
    CHECK(counter() == 42, "a static local");
}

/* Protection and kind of the mapping that holds `at`. */
static void mapping_of(const void *at, char *flags)
{
    char line[512];
    unsigned long start, end;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps, "/proc/self/maps");
    while (fgets(line, sizeof line, maps))
        if (sscanf(line, "%lx-%lx %4s", &start, &end, flags) == 3 && start <= (uintptr_t)at &&
            (uintptr_t)at < end) {
            fclose(maps);
            return;
        }
    CHECK(0, "nothing is mapped at %p", at);
}

__attribute__((constructor)) static void before_main(void)
{
    into_zeroes[1] = 3; /* a page of .bss, before main */
}

int main(int argc, char **argv)
{
    if (argc == 7)
        return peer(atoi(argv[2]), atoll(argv[3]), strtoul(argv[4], NULL, 10),
                    strtoul(argv[5], NULL, 10), strtoul(argv[6], NULL, 10));
    contents();
    CHECK(into_zeroes[1] == 3, "what was written before main");
    char flags[8] = "";
    const void *shared[] = {initialised, &initialised[WORDS - 1], zeroes, zeroes + ZEROES - 1,
                            &into_data, &function};
    for (int i = 0; i < 6; i++) {
        mapping_of(shared[i], flags);
        CHECK(!strcmp(flags, "rw-s"), "static data %d: %s", i, flags);
    }
    const void *private[] = {&per_thread, &environ[0], stdout, flags};
    for (int i = 0; i < 4; i++) {
        mapping_of(private[i], flags);
        CHECK(!strcmp(flags, "rw-p"), "no static data of the program's %d: %s", i, flags);
    }
    mapping_of(names, flags);
#ifdef NO_RELRO
    CHECK(!strcmp(flags, "rw-s"), "writable after relocation: %s", flags);
#else
    CHECK(!strcmp(flags, "r--p"), "read-only after relocation: %s", flags);
#endif

    /* Memory that was never touched is not there, and stays so when read. */
    uint64_t before = file_bytes(shared_fd());
    CHECK(before < 8 << 20, "%d bytes of the file", (int)before);
    uint64_t start = shared_static(0), len = shared_static(1), at = shared_static(2);
    CHECK((uintptr_t)initialised >= start && (uintptr_t)(zeroes + ZEROES) <= start + len,
          "static data lie in the part that moved");

    /* A peer. */
    initialised[9] = 4711;
    char *far_off = zeroes + ZEROES - 64;
    strcpy(far_off, "written by the owner");
    int handed_on = dup(shared_fd());
    char text[5][32];
    snprintf(text[0], 32, "%d", handed_on);
    snprintf(text[1], 32, "%llu", (unsigned long long)at);
    snprintf(text[2], 32, "%llu", (unsigned long long)len);
    snprintf(text[3], 32, "%llu", (unsigned long long)((uintptr_t)&initialised[9] - start));
    snprintf(text[4], 32, "%llu", (unsigned long long)((uintptr_t)far_off - start));
    char *arguments[] = {argv[0], "peer", text[0], text[1], text[2], text[3], text[4], NULL};
    pid_t pid;
    CHECK(!posix_spawn(&pid, "/proc/self/exe", NULL, NULL, arguments, environ), "posix_spawn");
    CHECK(end_of(pid) == 0, "the peer");
    close(handed_on);
    CHECK(initialised[9] == 4712 && !strcmp(far_off, "written by a peer"), "a peer's stores");

    /* Children. */
    for (int i = 1; i <= 200; i++) {
        initialised[10] = i;
        zeroes[5000] = i;
        pid = fork();
        CHECK(pid >= 0, "fork");
        if (!pid) {
            CHECK(initialised[10] == (uint64_t)i && zeroes[5000] == (char)i, "a child's copy");
            CHECK(counter() == 43 && !strcmp(far_off, "written by a peer"), "a child's copy");
            CHECK(file_mappings() == 0, "a child maps the file");
            memset(initialised, 0xff, sizeof initialised);
            memset(zeroes, 0xff, 1 << 20);
            CHECK(function == puts && zeroes[ZEROES / 2] == 0, "a child's other data");
            _exit(0);
        }
        initialised[10] = 0;
        zeroes[5000] = 0;
        CHECK(end_of(pid) == 0, "a child");
        CHECK(initialised[11] == 1011 && !zeroes[4000] && !zeroes[5000], "the parent's data");
    }
    CHECK(file_bytes(shared_fd()) <= before + (64 << 10), "memory that a child wrote to");
    puts("ok");
    return 0;
}
