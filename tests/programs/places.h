/* Memory of every kind that a message's buffer may lie in. */
#ifndef PLACES_H
#define PLACES_H

#include "bytes.h"
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

enum place {
    MALLOC,       /* malloc */
    CALLOC,       /* calloc */
    GROWN,        /* malloc, grown in steps by realloc */
    ALIGNED,      /* posix_memalign */
    ANONYMOUS,    /* mmap, private */
    ANON_SHARED,  /* mmap, shared, anonymous */
    FILE_PRIVATE, /* a file, mapped copy-on-write */
    FILE_SHARED,  /* a file, mapped shared */
    ALLOC_MEM,    /* MPI_Alloc_mem */
    DATA,         /* initialized static data */
    BSS,          /* static data that begins as zeros */
    STACK,        /* the main thread's stack */
    PLACES,       /* those that can be written */
    READ_ONLY = PLACES, /* a file, mapped for reading only */
    CONSTANT,     /* constants of the program */
    SOURCES,
};

static const char *const place_names[] = {
    "malloc", "calloc", "realloc", "posix_memalign", "mmap", "shared mmap", "private file mapping",
    "shared file mapping", "MPI_Alloc_mem", "data", "bss", "stack", "read-only mapping", "constants",
};

/* Static memory and stack hold two areas of this many bytes at a time. */
enum { STATIC_AREA = 1500000 };

static unsigned char area_data[2][STATIC_AREA] = {{1}, {2}};
static unsigned char area_bss[2][STATIC_AREA];
/* The two areas on the stack, to be set by main (to an array of its own). */
__attribute__((unused)) static unsigned char *area_stack[2];

/* Constants: the words i * 0x9e3779b9, from i = 0 on. */
enum { CONSTANTS = STATIC_AREA / 8 * 8 };
extern const unsigned char area_constant[CONSTANTS];
__asm__(".pushsection .rodata\n"
        ".balign 8\n"
        "area_constant:\n"
        ".set number, 0\n"
        ".rept 1500000 / 8\n"
        ".quad number * 0x9e3779b9\n"
        ".set number, number + 1\n"
        ".endr\n"
        ".popsection\n");

struct area {
    unsigned char *at; /* len bytes of it are the caller's */
    size_t len;
    enum place place;
};

/* A file without a name, of len bytes. */
static inline int unnamed_file(size_t len)
{
    static const char *const folders[] = {".", "/tmp", "/dev/shm"};
    int fd = -1;
    for (int i = 0; i < 3 && fd < 0; i++)
        fd = open(folders[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    CHECK(fd >= 0, "no folder for a temporary file");
    CHECK(ftruncate(fd, (off_t)len) == 0, "no room for a file of %zu bytes", len);
    return fd;
}

static inline void *mapped(size_t len, int protection, int flags, int fd)
{
    void *at = mmap(NULL, len, protection, flags, fd, 0);
    CHECK(at != MAP_FAILED, "mmap of %zu bytes", len);
    return at;
}

/* Memory for `len` bytes; `slot` (0 or 1) keeps two users of static memory apart.
   A source that cannot be written is painted with `seed` already (but for the
   constants). */
static inline struct area take_area(enum place place, size_t len, int slot, uint64_t seed)
{
    struct area area = {NULL, len, place};
    void *at = NULL;
    size_t all = len ? len : 1;
    int fd;
    switch (place) {
    case MALLOC:
        at = malloc(all);
        break;
    case CALLOC:
        at = calloc(1, all);
        CHECK(!at || (((char *)at)[0] == 0 && ((char *)at)[all - 1] == 0), "calloc gives zeros");
        break;
    case GROWN:
        at = malloc(all / 5 + 1);
        memset(at, 0x11, all / 5 + 1);
        at = realloc(at, all / 2 + 1);
        memset(at, 0x22, all / 2 + 1);
        at = realloc(at, all);
        break;
    case ALIGNED:
        CHECK(posix_memalign(&at, 4096, all) == 0, "%zu bytes", all);
        break;
    case ANONYMOUS:
        at = mapped(all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
        break;
    case ANON_SHARED:
        at = mapped(all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
        break;
    case FILE_PRIVATE:
    case FILE_SHARED:
        fd = unnamed_file(all);
        at = mapped(all, PROT_READ | PROT_WRITE, place == FILE_SHARED ? MAP_SHARED : MAP_PRIVATE, fd);
        close(fd);
        break;
    case READ_ONLY: {
        fd = unnamed_file(all);
        void *write_at = mapped(all, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
        paint(write_at, len, seed);
        munmap(write_at, all);
        at = mapped(all, PROT_READ, MAP_PRIVATE, fd);
        close(fd);
        break;
    }
    case ALLOC_MEM:
        MPI(MPI_Alloc_mem((MPI_Aint)all, MPI_INFO_NULL, &at));
        break;
    case DATA:
    case BSS:
    case STACK:
        CHECK(len <= STATIC_AREA, "%zu bytes of static memory", len);
        at = place == DATA ? area_data[slot] : place == BSS ? area_bss[slot] : area_stack[slot];
        break;
    case CONSTANT:
        CHECK(len <= CONSTANTS, "%zu bytes of constants", len);
        return (struct area){(unsigned char *)(uintptr_t)area_constant, len, place};
    case SOURCES:
        break;
    }
    area.at = at;
    CHECK(at, "no memory of kind %d for %zu bytes", place, all);
    return area;
}

static inline void give_area(struct area area)
{
    switch (area.place) {
    case MALLOC:
    case CALLOC:
    case GROWN:
    case ALIGNED:
        free(area.at);
        break;
    case ALLOC_MEM:
        MPI(MPI_Free_mem(area.at));
        break;
    case ANONYMOUS:
    case ANON_SHARED:
    case FILE_PRIVATE:
    case FILE_SHARED:
    case READ_ONLY:
        EQ(munmap(area.at, area.len ? area.len : 1), 0);
        break;
    default:
        break;
    }
}

#endif
