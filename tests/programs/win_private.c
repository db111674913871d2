/* Private memory of a window stays the program's own: it can be remapped, given back and
   forked as any other, also while a second thread runs (here the library's, which carries
   out a nonblocking file access). */
#define _GNU_SOURCE
#include "check.h"
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, LEN = 32 * PAGE, BLOCKS = 16, BLOCK = 64 << 10 };

static unsigned char *private_pages(int byte)
{
    unsigned char *at = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED, "mmap");
    return memset(at, byte, LEN);
}

static MPI_Win over(void *base, MPI_Aint len)
{
    MPI_Win win;
    MPI(MPI_Win_create(base, len, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win));
    return win;
}

/* A window over a part of the mapping leaves it one mapping. */
static void part_of_a_mapping(void)
{
    unsigned char *pages = private_pages(1);
    MPI_Win win = over(pages + 4 * PAGE, PAGE);
    MPI(MPI_Win_free(&win));
    unsigned char *longer = mremap(pages, LEN, 2 * LEN, MREMAP_MAYMOVE);
    CHECK(longer != MAP_FAILED, "mremap");
    ALL(longer, LEN, 1);
    ALL(longer + LEN, LEN, 0);
    munmap(longer, 2 * LEN);
}

static void nonblocking_access(void)
{
    char name[] = "/tmp/lariat-win-private-XXXXXX";
    int fd = mkstemp(name);
    CHECK(fd >= 0, "mkstemp");
    close(fd);
    MPI_File file;
    MPI_Request request;
    MPI(MPI_File_open(MPI_COMM_SELF, name, MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE, MPI_INFO_NULL,
                      &file));
    MPI(MPI_File_iwrite_at(file, 0, name, 4, MPI_BYTE, &request));
    MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    MPI(MPI_File_close(&file));
}

static void with_a_thread(void)
{
    unsigned char *grows = private_pages(2), *moves = private_pages(3), *blocks[BLOCKS];
    MPI_Win first = over(grows, LEN), second = over(moves, LEN);
    for (int i = 0; i < BLOCKS; i++)
        memset(blocks[i] = room(BLOCK), 0x66, BLOCK);
    nonblocking_access();
    MPI(MPI_Win_free(&first));
    MPI(MPI_Win_free(&second));

    CHECK(madvise(grows, LEN / 2, MADV_DONTNEED) == 0, "madvise");
    ALL(grows, LEN / 2, 0);
    ALL(grows + LEN / 2, LEN / 2, 2);
    grows = mremap(grows, LEN, 16 * LEN, MREMAP_MAYMOVE);
    CHECK(grows != MAP_FAILED, "mremap");
    ALL(grows + LEN, 15 * LEN, 0);
    memset(grows + LEN, 0x11, 15 * LEN);
    for (int i = 0; i < BLOCKS; i++) {
        ALL(blocks[i], BLOCK, 0x66);
        free(blocks[i]);
    }

    void *place = mmap(NULL, LEN, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    moves = mremap(moves, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, place);
    CHECK(moves == place, "mremap");
    pid_t child = fork();
    CHECK(child >= 0, "fork");
    if (child == 0) {
        moves[100] = 99;
        _exit(moves[101] == 3 ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0, "the child ended with %d", status);
    ALL(moves, LEN, 3);
    munmap(grows, 16 * LEN);
    munmap(moves, LEN);
}

int main(void)
{
    START();
    part_of_a_mapping();
    with_a_thread();
    PASSED();
}
