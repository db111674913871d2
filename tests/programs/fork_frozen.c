/* Memory that a fork has frozen, and what becomes of it.

   usage: fork_frozen WAY | apart | over | back | stays

   WAY: how a second child is forked, once a first one has come and gone: fork, locked (fork
   while a page is locked), _Fork, clone (the system call). The parent frees what the child
   has, and goes on; the child finds all as it was.
   apart: while one child lives, memory that is newer than it is frozen and freed, again and
   again; it comes back all the same.
   over: what was frozen and freed is mapped over by the program; it stays so.
   back: what was frozen is shared again once the child has ended and was waited for, with all
   that was written meanwhile. What the process has written much of comes back when it is sent.
   stays: what peers were told of while it was frozen stays as it is, and they go on.
   Rank 0 does it, the others are there so that there is a heap. */
#define _GNU_SOURCE
#include "check.h"
#include <dirent.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LEN = 24 << 20, PAGE = 4096 };

static char *filled(char value)
{
    char *at = malloc(LEN);
    CHECK(at != NULL, "memory");
    return memset(at, value, LEN);
}

/* How many pages do not hold what `filled` wrote. */
static int wrong(const char *at, char value)
{
    int n = 0;
    for (int page = 0; page < LEN / PAGE; page++) {
        const char *from = at + (size_t)page * PAGE;
        n += from[0] != value || memcmp(from, from + 1, PAGE - 1) != 0;
    }
    return n;
}

static void come_and_go(void)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    EQ(waitpid(pid, &status, 0), pid);
    EQ(status, 0);
}

/* Has the heap look who lives, some times: it does so when it is used, now and then. */
static void let_it_look(void)
{
    for (int i = 0; i < 6; i++) {
        nanosleep(&(struct timespec){0, 60000000}, NULL);
        free(filled('x'));
    }
}

/* MiB of memory that the heap file has. */
static long of_heap(void)
{
    DIR *all = opendir("/proc/self/fd");
    long found = -1;
    for (struct dirent *one; (one = readdir(all)) != NULL;) {
        char to[256];
        struct stat about;
        ssize_t n = readlinkat(dirfd(all), one->d_name, to, sizeof to - 1);
        to[n > 0 ? n : 0] = 0;
        if (strstr(to, "lariat-heap") != NULL && fstatat(dirfd(all), one->d_name, &about, 0) == 0)
            found = (long)(about.st_blocks >> 11);
    }
    closedir(all);
    CHECK(found >= 0, "there is no heap file");
    return found;
}

static pid_t fork_by(const char *way)
{
    if (strcmp(way, "_Fork") == 0)
        return _Fork();
    if (strcmp(way, "clone") == 0)
        return (pid_t)syscall(SYS_clone, (long)SIGCHLD, 0L, 0L, 0L, 0L);
    return fork();
}

/* A child that lives until `end`. */
static pid_t pausing(void)
{
    pid_t pid = fork();
    CHECK(pid >= 0, "fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    return pid;
}

static void end(pid_t pid)
{
    EQ(kill(pid, SIGKILL), 0);
    EQ(waitpid(pid, NULL, 0), pid);
}

static void second_child(const char *way)
{
    static char locked[2 * PAGE];
    int ends[2], status = -1;
    char *at = filled('a');
    /* What is shared again when a child of such a system call begins, it would go on sharing. */
    pid_t first = strcmp(way, "clone") == 0 ? pausing() : 0;
    if (first == 0)
        come_and_go();
    if (strcmp(way, "locked") == 0)
        EQ(mlock(locked, sizeof locked), 0);
    EQ(pipe(ends), 0);
    pid_t pid = fork_by(way);
    CHECK(pid >= 0, "%s", way);
    if (pid == 0) {
        char byte;
        close(ends[1]);
        if (read(ends[0], &byte, 1) != 0)
            _exit(2);
        _exit(wrong(at, 'a') != 0);
    }
    munlock(locked, sizeof locked);
    if (first != 0)
        end(first);
    free(at);
    let_it_look();
    close(ends[1]);
    EQ(waitpid(pid, &status, 0), pid);
    CHECK(status == 0, "%s: the child's memory is another, status %#x", way, status);
}

static void apart(void)
{
    char *old = filled('o');
    pid_t pid = pausing();
    for (int i = 0; i < 10; i++) {
        char *at = filled('n');
        come_and_go();
        free(at);
    }
    let_it_look();
    long held = of_heap();
    CHECK(held < 6 * (LEN >> 20), "the heap file has %ld MiB", held);
    EQ(wrong(old, 'o'), 0);
    end(pid);
    free(old);
}

static void over(void)
{
    char *at = filled('b');
    pid_t pid = pausing();
    uintptr_t page = (uintptr_t)at + PAGE - (uintptr_t)at % PAGE;
    free(at);
    char *own = mmap((void *)page, 16 * PAGE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK((uintptr_t)own == page, "mmap");
    memset(own, 'p', 16 * PAGE);
    pid_t later = pausing();
    end(pid);
    let_it_look();
    end(later);
    let_it_look();
    for (int i = 0; i < 16 * PAGE; i++)
        CHECK(own[i] == 'p', "byte %d is %#x", i, own[i]);
}

/* Whether the mapping at an address is shared. */
static int is_shared(const char *at)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512], kind[8];
    unsigned long from, to;
    int found = -1;
    while (fgets(line, sizeof line, maps) != NULL)
        if (sscanf(line, "%lx-%lx %7s", &from, &to, kind) == 3 && from <= (uintptr_t)at
            && (uintptr_t)at < to)
            found = kind[3] == 's';
    fclose(maps);
    CHECK(found >= 0, "%p is not mapped", (const void *)at);
    return found;
}

/* Writes to some pages while a child lives: single ones, and a long run. */
static void write_beside(char *at, char value)
{
    pid_t pid = pausing();
    CHECK(!is_shared(at + LEN / 2), "a fork has left it shared");
    for (int page = 3; page < 200; page += 50)
        memset(at + page * PAGE, value, PAGE);
    memset(at + LEN / 2, value, LEN / 4);
    end(pid);
}

static void check_beside(const char *at, char old, char value)
{
    for (int page = 0; page < LEN / PAGE; page++) {
        int is_new = (page < 200 && page % 50 == 3)
                     || (page >= LEN / PAGE / 2 && page < LEN / PAGE / 4 * 3);
        const char *from = at + (size_t)page * PAGE;
        CHECK(from[0] == (is_new ? value : old) && memcmp(from, from + 1, PAGE - 1) == 0,
              "page %d is %#x", page, from[0]);
    }
}

/* Sends all of it to rank 1, which sends it back with one more in each byte. */
static void to_and_fro(char *at)
{
    static const char what = 1;
    MPI(MPI_Send(&what, 1, MPI_CHAR, 1, 0, MPI_COMM_WORLD));
    MPI(MPI_Send(at, LEN, MPI_CHAR, 1, 1, MPI_COMM_WORLD));
    MPI(MPI_Recv(at, LEN, MPI_CHAR, 1, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
}

static void back(void)
{
    /* Memory that was sent and freed, and is had again, may still count as known to peers. */
    enum { ROUNDS = 4 };
    char *all[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        char *at = all[round] = filled('a');
        write_beside(at, 'k');
        let_it_look();
        CHECK(is_shared(at + LEN / 8) && is_shared(at + 3 * PAGE), "it did not come back");
        check_beside(at, 'a', 'k');
        to_and_fro(at);
        CHECK(is_shared(at + LEN / 2 + LEN / 8), "it is sent, and did not come back");
        check_beside(at, 'b', 'l');
        come_and_go();
        CHECK(is_shared(at + LEN / 2), "what peers know of is not frozen");
    }
    for (int round = 0; round < ROUNDS; round++)
        free(all[round]);
}

static void stays(void)
{
    char *at = filled('a');
    pid_t pid = pausing();
    to_and_fro(at); /* by another arm */
    end(pid);
    let_it_look();
    CHECK(!is_shared(at + LEN / 2), "peers were told of it");
    to_and_fro(at);
    EQ(wrong(at, 'c'), 0);
    free(at);
}

/* Rank 1: sends what comes back. */
static void answer(void)
{
    char more, *at = malloc(LEN);
    for (;;) {
        MPI(MPI_Recv(&more, 1, MPI_CHAR, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        if (!more)
            break;
        MPI(MPI_Recv(at, LEN, MPI_CHAR, 0, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        for (int i = 0; i < LEN; i++)
            at[i]++;
        MPI(MPI_Send(at, LEN, MPI_CHAR, 0, 1, MPI_COMM_WORLD));
    }
    free(at);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "fork";
    MPI(MPI_Init(NULL, NULL));
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    int exchanges = strcmp(what, "back") == 0 || strcmp(what, "stays") == 0;
    if (rank == 1 && exchanges)
        answer();
    else if (rank != 0)
        ; /* it waits for the end */
    else if (strcmp(what, "back") == 0)
        back();
    else if (strcmp(what, "stays") == 0)
        stays();
    else if (strcmp(what, "apart") == 0)
        apart();
    else if (strcmp(what, "over") == 0)
        over();
    else
        second_child(what);
    static const char no_more = 0;
    if (rank == 0 && exchanges)
        MPI(MPI_Send(&no_more, 1, MPI_CHAR, 1, 0, MPI_COMM_WORLD));
    PASSED();
}
