/* What the test programs share: checks that say what was wrong, and the functions
 * of the library that is loaded into them. */
#ifndef CHECK_H
#define CHECK_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

char *shared_base(void);
size_t shared_len(void);
int shared_fd(void);
int shared_forked(void);
size_t shared_calls(size_t hook);
uint64_t shared_static(size_t what);

#define CHECK(condition, ...)                                                  \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);    \
            fprintf(stderr, __VA_ARGS__);                                      \
            fprintf(stderr, " (errno %d)\n", errno);                           \
            _exit(1);                                                          \
        }                                                                      \
    } while (0)

#define PAGE ((size_t)4096)

/* Word `i` of what was written in round `round`. */
static inline uint64_t word(uint64_t round, uint64_t i)
{
    uint64_t x = round * 0x9e3779b97f4a7c15u + i * 0xd1342543de82ef95u + 1;
    return x ^ (x >> 29);
}

static inline void put(char *at, size_t len, uint64_t round)
{
    volatile uint64_t *words = (volatile uint64_t *)at;
    for (size_t i = 0; i < len / 8; i++)
        words[i] = word(round, i);
}

/* Whether all of `len` bytes are what `put` wrote in `round`. */
static inline int holds(const char *at, size_t len, uint64_t round)
{
    const volatile uint64_t *words = (const volatile uint64_t *)at;
    for (size_t i = 0; i < len / 8; i++)
        if (words[i] != word(round, i))
            return 0;
    return 1;
}

static inline int zero(const char *at, size_t len)
{
    const volatile uint64_t *words = (const volatile uint64_t *)at;
    for (size_t i = 0; i < len / 8; i++)
        if (words[i])
            return 0;
    return 1;
}

/* Ends this process when its parent ends, however that comes about. */
static inline void die_with(pid_t parent)
{
    CHECK(!prctl(PR_SET_PDEATHSIG, SIGKILL), "PR_SET_PDEATHSIG");
    if (getppid() != parent)
        _exit(1);
}

/* Waits for `child`; its exit status, or 1000 + the signal that ended it. */
static inline int end_of(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0)
        CHECK(errno == EINTR, "waitpid of %d", (int)child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* Open descriptors of this process. */
static inline int descriptors(void)
{
    int n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* Bytes of the heap file that are in memory. */
static inline uint64_t file_bytes(int fd)
{
    struct stat stat;
    CHECK(!fstat(fd, &stat), "fstat");
    return (uint64_t)stat.st_blocks * 512;
}

/* Mappings of the heap file in this process. */
static inline int file_mappings(void)
{
    char line[512];
    int n = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps, "/proc/self/maps");
    while (fgets(line, sizeof line, maps))
        n += strstr(line, "lariat-heap") != NULL;
    fclose(maps);
    return n;
}

#endif
