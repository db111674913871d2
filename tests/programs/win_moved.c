/* Private memory is made shareable in place while a window has it: its content and its
   neighbours stay, forks are apart, and it is private again afterwards.
   usage: win_moved [moved|stays]: memory must really move, or must not */
#include "check.h"
#include <dirent.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 24, LEN = PAGES * PAGE };

static int must_move, must_stay, next, before;

/* Whether the page at this address is shared memory. */
static int is_shared(const void *at)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512], flags[8];
    unsigned long start, end;
    int found = -1;
    CHECK(maps, "/proc/self/maps");
    while (fgets(line, sizeof line, maps))
        if (sscanf(line, "%lx-%lx %7s", &start, &end, flags) == 3 && start <= (uintptr_t)at &&
            (uintptr_t)at < end)
            found = flags[3] == 's';
    fclose(maps);
    return found;
}

#define moved(at, shared) moved_at(__LINE__, at, shared)
static void moved_at(int line, const void *at, int shared)
{
    int is = is_shared(at);
    if (must_stay)
        CHECK(is != 1, "line %d: shared", line);
    else if (must_move || !shared)
        CHECK(is == shared, "line %d: shared %d, wanted %d", line, is, shared);
}

static unsigned char *private_pages(void)
{
    unsigned char *at = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED, "mmap");
    return at;
}

static MPI_Win over(void *base, MPI_Aint len)
{
    MPI_Win win;
    MPI(MPI_Win_create(base, len, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win));
    return win;
}

static void put_number(MPI_Win win, int64_t number, MPI_Aint at)
{
    MPI(MPI_Win_lock(MPI_LOCK_EXCLUSIVE, next, 0, win));
    MPI(MPI_Put(&number, 8, MPI_BYTE, next, at, 8, MPI_BYTE, win));
    MPI(MPI_Win_unlock(next, win));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
}

static int64_t number_at(const void *at)
{
    int64_t number;
    memcpy(&number, at, sizeof number);
    return number;
}

/* Some pages were written, others never; the window begins and ends inside of pages. */
static void content_stays(void)
{
    unsigned char *pages = private_pages();
    fill(pages, 5 * PAGE, 7);
    fill(pages + 20 * PAGE, 4 * PAGE, 8);
    for (int round = 0; round < 3; round++) {
        MPI_Win win = over(pages + 100, LEN - 300);
        moved(pages, 1);
        FILLED(pages, 5 * PAGE, 7);
        ALL(pages + 5 * PAGE, 15 * PAGE, 0);
        FILLED(pages + 20 * PAGE, 4 * PAGE, 8);
        MPI(MPI_Barrier(MPI_COMM_WORLD)); /* what peers put is not there yet */
        put_number(win, rank + 1000, 10 * PAGE);
        EQ(number_at(pages + 100 + 10 * PAGE), before + 1000);
        int64_t got = -1;
        MPI(MPI_Win_fence(0, win));
        MPI(MPI_Get(&got, 8, MPI_BYTE, next, 10 * PAGE, 8, MPI_BYTE, win));
        MPI(MPI_Win_fence(0, win));
        EQ(got, rank + 1000);
        MPI(MPI_Win_free(&win));
        moved(pages, 0);
        EQ(number_at(pages + 100 + 10 * PAGE), before + 1000);
        FILLED(pages, 5 * PAGE, 7);
        FILLED(pages + 20 * PAGE, 4 * PAGE, 8);
        memset(pages + 10 * PAGE, 0, 2 * PAGE);
    }
    EQ(munmap(pages, LEN), 0);
}

/* Small blocks of malloc, among others of the program. */
static void blocks_of_malloc(void)
{
    char *blocks[200];
    for (int i = 0; i < 200; i++) {
        blocks[i] = room(64);
        fill(blocks[i], 64, (unsigned)i);
    }
    MPI_Win wins[3];
    for (int i = 0; i < 3; i++)
        wins[i] = over(blocks[60 * i + 10], 64);
    for (int i = 0; i < 3; i++)
        put_number(wins[i], 100 * i + rank, 8);
    for (int i = 0; i < 200; i += 2)
        if (i != 10 && i != 70 && i != 130)
            free(blocks[i]), blocks[i] = NULL;
    for (int i = 0; i < 3; i++) {
        EQ(number_at(blocks[60 * i + 10] + 8), 100 * i + before);
        MPI(MPI_Win_free(&wins[i]));
        EQ(number_at(blocks[60 * i + 10] + 8), 100 * i + before);
    }
    for (int i = 0; i < 200; i++)
        if (i % 2)
            FILLED(blocks[i], 64, (unsigned)i);
    for (int i = 0; i < 200; i++)
        free(blocks[i]);
}

/* A child's memory is its own, and its parent's stays a window's. */
static void forks(void)
{
    unsigned char *pages = private_pages();
    int64_t *words = (int64_t *)pages;
    words[0] = 11, words[512] = 12;
    MPI_Win win = over(pages, LEN);
    moved(pages, 1);
    int up[2], down[2];
    char byte = 0;
    CHECK(pipe(up) == 0 && pipe(down) == 0, "pipe");
    pid_t child = fork();
    CHECK(child >= 0, "fork");
    if (child == 0) {
        int good = words[0] == 11 && words[512] == 12 && is_shared(pages) == 0;
        words[512] = 99;
        good = good && write(up[1], &byte, 1) == 1 && read(down[0], &byte, 1) == 1;
        good = good && words[0] == 11 && words[512] == 99;
        _exit(good ? 0 : 1);
    }
    CHECK(read(up[0], &byte, 1) == 1, "the child has ended");
    EQ(words[512], 12);
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    put_number(win, 500 + rank, 0);
    EQ(words[0], 500 + before);
    CHECK(write(down[1], &byte, 1) == 1, "the child has ended");
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0, "the child saw something else: %d", status);
    close(up[0]), close(up[1]), close(down[0]), close(down[1]);
    MPI(MPI_Win_free(&win));
    moved(pages, 0);
    EQ(words[0], 500 + before);
    EQ(words[512], 12);
    munmap(pages, LEN);
}

/* Windows over the same memory, and over parts of it, that go in any order. */
static void overlapping(void)
{
    unsigned char *pages = private_pages();
    memset(pages, 3, LEN);
    MPI_Win whole = over(pages, LEN), part = over(pages + 3 * PAGE + 8, 100), again = over(pages, LEN);
    put_number(whole, 1 + rank, 3 * PAGE + 16);
    put_number(part, 2 + rank, 16);
    put_number(again, 3 + rank, 3 * PAGE + 32);
    EQ(number_at(pages + 3 * PAGE + 16), 1 + before);
    EQ(number_at(pages + 3 * PAGE + 24), 2 + before);
    EQ(number_at(pages + 3 * PAGE + 32), 3 + before);
    MPI(MPI_Win_free(&whole));
    moved(pages, 1);
    put_number(part, 4 + rank, 0);
    EQ(number_at(pages + 3 * PAGE + 8), 4 + before);
    MPI(MPI_Win_free(&again));
    put_number(part, 5 + rank, 24);
    EQ(number_at(pages + 3 * PAGE + 32), 5 + before);
    MPI(MPI_Win_free(&part));
    moved(pages, 0);
    EQ(number_at(pages + 3 * PAGE + 8), 4 + before);
    EQ(number_at(pages + 3 * PAGE + 32), 5 + before);
    /* The part first: what surrounds it cannot move any more, and is reached all the same. */
    part = over(pages + PAGE + 8, 100);
    whole = over(pages, LEN);
    put_number(whole, 6 + rank, PAGE + 16);
    put_number(whole, 7 + rank, 5 * PAGE);
    put_number(part, 8 + rank, 0);
    EQ(number_at(pages + PAGE + 16), 6 + before);
    EQ(number_at(pages + 5 * PAGE), 7 + before);
    EQ(number_at(pages + PAGE + 8), 8 + before);
    MPI(MPI_Win_free(&part));
    put_number(whole, 9 + rank, PAGE + 16);
    EQ(number_at(pages + PAGE + 16), 9 + before);
    MPI(MPI_Win_free(&whole));
    munmap(pages, LEN);
}

/* The program unmaps a window's memory, and maps something else there. */
static void unmapped(void)
{
    unsigned char *pages = private_pages();
    memset(pages, 1, LEN);
    MPI_Win win = over(pages, LEN);
    munmap(pages, 4 * PAGE);
    unsigned char *other = mmap(pages + 8 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(other == pages + 8 * PAGE, "mmap");
    memset(other, 5, 2 * PAGE);
    MPI(MPI_Win_free(&win));
    EQ(is_shared(pages), -1);
    ALL(other, 2 * PAGE, 5);
    ALL(pages + 4 * PAGE, 4 * PAGE, 1);
    ALL(pages + 10 * PAGE, (PAGES - 10) * PAGE, 1);
    munmap(pages, LEN);
}

/* A thread that was joined is still counted for a moment. */
static void alone(void)
{
    for (int tasks = 0; tasks != 1; usleep(1000)) {
        DIR *folder = opendir("/proc/self/task");
        CHECK(folder, "/proc/self/task");
        tasks = -2; /* . and .. */
        while (readdir(folder))
            tasks++;
        closedir(folder);
    }
}

static void *rests(void *fd)
{
    char byte;
    CHECK(read(*(int *)fd, &byte, 1) == 1, "read");
    return NULL;
}

/* While there is another thread nothing moves, and what has moved stays. */
static void with_a_thread(void)
{
    unsigned char *pages = private_pages(), *others = private_pages();
    int ends[2];
    char byte = 0;
    pthread_t thread;
    memset(pages, 2, LEN);
    MPI_Win win = over(pages, LEN);
    CHECK(pipe(ends) == 0, "pipe");
    CHECK(pthread_create(&thread, NULL, rests, &ends[0]) == 0, "pthread_create");
    MPI_Win second = over(others, LEN);
    moved(others, 0);
    put_number(second, 60 + rank, 8);
    EQ(number_at(others + 8), 60 + before);
    put_number(win, 70 + rank, 8);
    MPI(MPI_Win_free(&win));
    moved(pages, 1);
    EQ(number_at(pages + 8), 70 + before);
    win = over(pages, LEN); /* taken up again */
    put_number(win, 80 + rank, 16);
    EQ(number_at(pages + 16), 80 + before);
    CHECK(write(ends[1], &byte, 1) == 1, "write");
    pthread_join(thread, NULL);
    alone();
    MPI(MPI_Win_free(&win));
    moved(pages, 0);
    EQ(number_at(pages + 16), 80 + before);
    EQ(pages[40], 2);
    MPI(MPI_Win_free(&second));
    close(ends[0]), close(ends[1]);
    munmap(pages, LEN);
    munmap(others, LEN);
}

/* A large mapping that is hardly used moves without being filled. */
static void sparse(void)
{
    size_t len = (size_t)8 << 30;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK; /* not the heap's */
    unsigned char *pages = mmap(NULL, len, PROT_READ | PROT_WRITE, flags, -1, 0);
    CHECK(pages != MAP_FAILED, "mmap");
    madvise(pages, len, MADV_NOHUGEPAGE);
    pages[len - 1] = 4;
    MPI_Win win = over(pages, (MPI_Aint)len);
    put_number(win, 90 + rank, (MPI_Aint)len / 2 + 8);
    EQ(number_at(pages + len / 2 + 8), 90 + before);
    EQ(pages[len - 1], 4);
    MPI(MPI_Win_free(&win));
    EQ(number_at(pages + len / 2 + 8), 90 + before);
    EQ(pages[len - 1], 4);
    munmap(pages, len);
}

int main(int argc, char **argv)
{
    START();
    must_move = argc > 1 && !strcmp(argv[1], "moved") && ranks > 1;
    must_stay = argc > 1 && !strcmp(argv[1], "stays");
    next = (rank + 1) % ranks, before = (rank + ranks - 1) % ranks;
    content_stays();
    blocks_of_malloc();
    forks();
    overlapping();
    unmapped();
    with_a_thread();
    sparse();
    content_stays();
    PASSED();
}
