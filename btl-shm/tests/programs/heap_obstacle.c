/* The heap grows in place up to what lies in its way, and then uses what it has.
 *
 * usage: heap_obstacle */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno); \
            return 1;                                                          \
        }                                                                      \
    } while (0)

enum { BLOCK = 64 << 10, ROOM = 1 << 20, MOST = 20000 };
static char *block[MOST];

/* The end of the shared mappings of the heap file that begin with the one of `inside`. */
static uintptr_t end_of_heap(const void *inside)
{
    char line[512], access[8];
    unsigned long from, to, end = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps))
        if (sscanf(line, "%lx-%lx %7s", &from, &to, access) == 3 &&
            strstr(line, "lariat-heap") && (end ? from == end : to > (uintptr_t)inside))
            end = to;
    fclose(maps);
    return end;
}

int main(void)
{
    char *first = malloc(BLOCK);
    uintptr_t end = end_of_heap(first);
    CHECK(first && end > (uintptr_t)first);
    char *obstacle = (char *)end + ROOM;
    CHECK(mmap(obstacle, 4096, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == obstacle);
    memset(obstacle, 7, 4096);
    int n = 0, inside = 0;
    while (n < MOST) {
        block[n] = malloc(BLOCK);
        CHECK(block[n]);
        memset(block[n], 1, BLOCK);
        inside = block[n] >= first && block[n] < obstacle;
        n++;
        if (!inside)
            break;
    }
    CHECK(!inside);
    uintptr_t reached = end_of_heap(first);
    CHECK(reached <= (uintptr_t)obstacle && reached > (uintptr_t)obstacle - 2 * BLOCK);
    for (int i = 0; i < 4096; i++)
        CHECK(obstacle[i] == 7);
    /* What comes free is used again. */
    free(block[n / 2]);
    free(block[n / 3]);
    char *again = malloc(BLOCK);
    CHECK(again >= first && again < obstacle);
    memset(again, 2, BLOCK);
    puts("ok");
    return 0;
}
