/* The heap grows in place up to what lies in its way, and then uses what it has.
 *
 * usage: heap_obstacle */
#include "check.h"

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
    CHECK(first && end > (uintptr_t)first, "the heap is not mapped");
    char *obstacle = (char *)end + ROOM;
    CHECK(mmap(obstacle, 4096, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == obstacle,
          "nothing can be mapped behind the heap");
    memset(obstacle, 7, 4096);
    int n = 0, inside = 0;
    while (n < MOST) {
        block[n] = malloc(BLOCK);
        CHECK(block[n], "no memory");
        memset(block[n], 1, BLOCK);
        inside = block[n] >= first && block[n] < obstacle;
        n++;
        if (!inside)
            break;
    }
    CHECK(!inside, "%d blocks before the obstacle", n);
    uintptr_t reached = end_of_heap(first);
    CHECK(reached <= (uintptr_t)obstacle && reached > (uintptr_t)obstacle - 2 * BLOCK,
          "it grew by %td of %d bytes", (char *)reached - (char *)end, ROOM);
    for (int i = 0; i < 4096; i++)
        CHECK(obstacle[i] == 7, "the obstacle was overwritten");
    /* What comes free is used again. */
    free(block[n / 2]);
    free(block[n / 3]);
    char *again = malloc(BLOCK);
    CHECK(again >= first && again < obstacle, "what was freed is not used again");
    memset(again, 2, BLOCK);
    puts("ok");
    return 0;
}
