/* The other ways of getting a process, and of losing one: each by its name.
 *
 * usage: paths order|threads|nested|spawn|killed|refused|lives|ends|thread-memory|cancel */
#include "check.h"
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/resource.h>

extern char **environ;

static char *base;

/* ---- handlers that the program registers before anybody's constructor ---- */

static int prepared, in_parent, in_child;
static pthread_mutex_t pair_lock = PTHREAD_MUTEX_INITIALIZER;
static int handlers_check;

static void prepare(void)
{
    if (!handlers_check)
        return;
    CHECK(shared_calls(3) == 0, "private before the fork");
    pthread_mutex_lock(&pair_lock);
    prepared++;
}

static void parent(void)
{
    if (!handlers_check)
        return;
    pthread_mutex_unlock(&pair_lock);
    in_parent++;
}

static void child(void)
{
    if (!handlers_check)
        return;
    CHECK(shared_calls(3) == 1 && shared_forked(), "ours comes first in a child");
    base[0] = 99; /* the child's own, or the parent will see it */
    pthread_mutex_unlock(&pair_lock);
    in_child++;
}

static void first_of_all(void)
{
    CHECK(!pthread_atfork(prepare, parent, child), "pthread_atfork");
}

__attribute__((section(".preinit_array"), used)) static void (*preinit)(void) = first_of_all;

static void order(void)
{
    handlers_check = 1;
    base[0] = 1;
    pid_t pid = fork();
    CHECK(pid >= 0, "fork");
    if (!pid)
        _exit(in_child == 1 && base[0] == 99 ? 0 : 2);
    CHECK(base[0] == 1 && prepared == 1 && in_parent == 1 && !in_child, "the parent's handlers");
    CHECK(end_of(pid) == 0, "the child");
}

/* ---- several threads fork at once, while another writes ---- */

static volatile int writing = 1;
static const int FORKS = 150;

static void *write_pairs(void *unused)
{
    (void)unused;
    volatile uint64_t *pair = (volatile uint64_t *)(base + (512 << 20));
    for (uint64_t i = 1; writing; i++) {
        pthread_mutex_lock(&pair_lock);
        pair[0] = i;
        pair[100 * PAGE / 8] = i; /* far from the first */
        pthread_mutex_unlock(&pair_lock);
    }
    return NULL;
}

static void *fork_often(void *number)
{
    char *mine = base + ((uintptr_t)number << 26);
    volatile uint64_t *pair = (volatile uint64_t *)(base + (512 << 20));
    for (int i = 1; i <= FORKS; i++) {
        put(mine, 1 << 20, i);
        pid_t pid = fork();
        CHECK(pid >= 0, "fork");
        if (!pid) {
            CHECK(holds(mine, 1 << 20, i), "the forking thread's memory, fork %d", i);
            CHECK(pair[0] == pair[100 * PAGE / 8], "what a lock protects is whole");
            memset(mine, 0xaa, 1 << 20);
            pair[0] = 0;
            _exit(0);
        }
        put(mine, 1 << 20, i + 1);
        CHECK(end_of(pid) == 0, "a child");
        CHECK(holds(mine, 1 << 20, i + 1), "the forking thread's memory in the parent");
    }
    return NULL;
}

static void threads(void)
{
    pthread_t writer, forker[2];
    handlers_check = 0;
    CHECK(!pthread_create(&writer, NULL, write_pairs, NULL), "pthread_create");
    /* The program's lock is taken around each fork by its own handlers. */
    void lock_pair(void), unlock_pair(void);
    CHECK(!pthread_atfork(lock_pair, unlock_pair, unlock_pair), "pthread_atfork");
    for (uintptr_t i = 0; i < 2; i++)
        CHECK(!pthread_create(&forker[i], NULL, fork_often, (void *)(i + 1)), "pthread_create");
    for (int i = 0; i < 2; i++)
        pthread_join(forker[i], NULL);
    writing = 0;
    pthread_join(writer, NULL);
    CHECK(shared_calls(0) == 2 * (size_t)FORKS && shared_calls(1) == 2 * (size_t)FORKS,
          "%zu calls of prepare", shared_calls(0));
}

void lock_pair(void) { pthread_mutex_lock(&pair_lock); }
void unlock_pair(void) { pthread_mutex_unlock(&pair_lock); }

/* ---- forks in children ---- */

static void nest(int depth)
{
    put(base, 1 << 20, depth);
    pid_t pid = fork();
    CHECK(pid >= 0, "fork at depth %d", depth);
    if (!pid) {
        CHECK(holds(base, 1 << 20, depth), "the copy at depth %d", depth);
        CHECK(file_mappings() == 0, "the file is mapped at depth %d", depth);
        if (depth < 5)
            nest(depth + 1);
        memset(base, depth, 1 << 20);
        _exit(0);
    }
    CHECK(end_of(pid) == 0, "the child at depth %d", depth);
    CHECK(holds(base, 1 << 20, depth), "after the child at depth %d", depth);
}

/* ---- vfork and what is made of it ---- */

static void spawn(void)
{
    int open = descriptors();
    put(base, 1 << 20, 1);
    for (int i = 0; i < 100; i++) {
        CHECK(system("exit 3") >> 8 == 3, "system");
        FILE *pipe = popen("echo 42", "r");
        int number = 0;
        CHECK(pipe && fscanf(pipe, "%d", &number) == 1 && number == 42, "popen");
        CHECK(pclose(pipe) == 0, "pclose");
        char *arguments[] = {"true", NULL};
        pid_t pid;
        CHECK(!posix_spawnp(&pid, "true", NULL, NULL, arguments, environ), "posix_spawnp");
        CHECK(end_of(pid) == 0, "true");
        pid = vfork();
        if (!pid)
            _exit(7);
        CHECK(end_of(pid) == 7, "vfork");
    }
    CHECK(holds(base, 1 << 20, 1) && file_mappings() == 1, "the parent's memory is shared");
    CHECK(shared_calls(0) + shared_calls(1) + shared_calls(3) == 0, "hooks were called");
    CHECK(descriptors() == open, "descriptors");
}

/* ---- children that die while they copy ---- */

static volatile int killing = 1;

/* The first process whose parent is this one, or 0. */
static pid_t some_child(void)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    pid_t found = 0;
    while (!found && (entry = readdir(proc))) {
        char path[300], text[512];
        int pid = atoi(entry->d_name), ppid;
        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        int fd = pid ? open(path, O_RDONLY) : -1;
        if (fd < 0)
            continue;
        ssize_t n = read(fd, text, sizeof text - 1);
        close(fd);
        text[n > 0 ? n : 0] = 0;
        char *behind = strrchr(text, ')');
        if (behind && sscanf(behind + 1, " %*c %d", &ppid) == 1 && ppid == getpid())
            found = pid;
    }
    closedir(proc);
    return found;
}

static void *kill_children(void *unused)
{
    (void)unused;
    while (killing) {
        pid_t pid = some_child();
        if (pid)
            kill(pid, SIGKILL);
    }
    return NULL;
}

static void killed(void)
{
    size_t much = 200 << 20;
    put(base, much, 1);
    int open = descriptors();
    pid_t self = getpid();
    pthread_t killer;
    CHECK(!pthread_create(&killer, NULL, kill_children, NULL), "pthread_create");
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        CHECK(pid >= 0, "fork");
        if (!pid) {
            die_with(self);
            for (;;)
                pause();
        }
        /* Nobody else ends it, and it may have been anywhere. */
        CHECK(end_of(pid) == 1000 + SIGKILL, "a child that nobody killed");
    }
    killing = 0;
    pthread_join(killer, NULL);
    CHECK(descriptors() <= open + 2, "descriptors"); /* the killer's may be open */
    CHECK(holds(base, much, 1), "the parent's memory");
    pid_t pid = fork();
    if (!pid)
        _exit(!holds(base, much, 1));
    CHECK(end_of(pid) == 0, "a child that nobody kills");
}

/* ---- children that cannot have a copy ---- */

static void refused(void)
{
    put(base, 1 << 20, 1);
    struct rlimit old, none;
    CHECK(!getrlimit(RLIMIT_AS, &old), "getrlimit");
    none = old;
    none.rlim_cur = shared_len() + (1ul << 30); /* the window fits once */
    CHECK(!setrlimit(RLIMIT_AS, &none), "setrlimit");
    pid_t pid = fork();
    CHECK(pid >= 0, "fork");
    if (!pid)
        _exit(0); /* user code on shared memory: must not be reached */
    CHECK(end_of(pid) == 71, "a child without memory");
    CHECK(!setrlimit(RLIMIT_AS, &old), "setrlimit");

    CHECK(!getrlimit(RLIMIT_NOFILE, &old), "getrlimit");
    none = old;
    none.rlim_cur = 3;
    CHECK(!setrlimit(RLIMIT_NOFILE, &none), "setrlimit");
    pid = fork();
    CHECK(pid >= 0, "fork");
    if (!pid)
        _exit(0);
    CHECK(end_of(pid) == 71, "a child without a pipe");
    CHECK(!setrlimit(RLIMIT_NOFILE, &old), "setrlimit");

    pid = fork();
    if (!pid)
        _exit(!holds(base, 1 << 20, 1));
    CHECK(end_of(pid) == 0, "a child with everything");

    struct rlimit processes = {0, 0};
    if (!setrlimit(RLIMIT_NPROC, &processes) && getuid() != 0) {
        CHECK(fork() < 0 && errno == EAGAIN, "a fork that the kernel refuses");
    }
    CHECK(!close(shared_fd()), "close");
    pid = fork();
    CHECK(pid >= 0, "fork");
    if (!pid)
        _exit(0);
    CHECK(end_of(pid) == 71, "a child without the file");
    CHECK(holds(base, 1 << 20, 1), "the parent's memory");
}

/* ---- a child that lives on while the parent gives memory back ---- */

static void lives(void)
{
    size_t len = 16 << 20;
    int to_child[2], to_parent[2];
    char byte;
    CHECK(!pipe(to_child) && !pipe(to_parent), "pipe");
    put(base, len, 1);
    pid_t pid = fork();
    CHECK(pid >= 0, "fork");
    if (!pid) {
        for (int round = 1; round <= 20; round++) {
            CHECK(holds(base, len, round), "the child's memory, round %d", round);
            CHECK(!madvise(base + len, len, MADV_DONTNEED), "MADV_DONTNEED");
            CHECK(zero(base + len, len), "what was given back reads as zero");
            put(base, len, round + 1);
            put(base + len, len, round + 1);
            CHECK(write(to_parent[1], "", 1) == 1 && read(to_child[0], &byte, 1) == 1, "turns");
        }
        _exit(0);
    }
    for (int round = 1; round <= 20; round++) {
        CHECK(!madvise(base, len, MADV_REMOVE), "a hole is punched"); /* as free does */
        CHECK(zero(base, len), "a hole in the parent");
        CHECK(zero(base + len, len), "what only the child wrote");
        CHECK(read(to_parent[0], &byte, 1) == 1, "turns");
        put(base, len, 1000 + round);
        CHECK(write(to_child[1], "", 1) == 1, "turns");
        CHECK(holds(base, len, 1000 + round), "the parent's memory");
    }
    CHECK(end_of(pid) == 0, "the child");
    CHECK(!madvise(base, 2 * len, MADV_REMOVE), "MADV_REMOVE");
    CHECK(file_bytes(shared_fd()) <= 64 << 10, "%d bytes are left in the file",
          (int)file_bytes(shared_fd()));
}

/* ---- ends of the owner, while a peer has its memory mapped ---- */

static int owner(const char *way, int ready, int go)
{
    char byte;
    put(base, 1 << 20, 5);
    CHECK(write(ready, &(int){shared_fd()}, sizeof(int)) == sizeof(int), "write");
    CHECK(read(go, &byte, 1) == 1, "read");
    if (!strcmp(way, "exit"))
        exit(0);
    if (!strcmp(way, "_exit"))
        _exit(0);
    if (!strcmp(way, "quick_exit"))
        quick_exit(0);
    if (!strcmp(way, "kill"))
        raise(SIGKILL);
    unsetenv("LD_PRELOAD"); /* the shell is to have nothing of its own */
    execl("/bin/sh", "sh", "-c",
          "grep lariat-heap /proc/self/maps && exit 8; "
          "ls -l /proc/self/fd | grep lariat-heap && exit 9; exit 0", NULL);
    return 3;
}

static void ends(const char *self)
{
    const char *ways[] = {"exit", "_exit", "quick_exit", "kill", "exec"};
    for (int i = 0; i < 5; i++) {
        int ready[2], go[2], fd;
        char readies[16], gos[16], path[64];
        CHECK(!pipe(ready) && !pipe(go), "pipe");
        snprintf(readies, sizeof readies, "%d", ready[1]);
        snprintf(gos, sizeof gos, "%d", go[0]);
        char *arguments[] = {(char *)self, "owner", (char *)ways[i], readies, gos, NULL};
        pid_t pid;
        CHECK(!posix_spawn(&pid, "/proc/self/exe", NULL, NULL, arguments, environ), "spawn");
        CHECK(read(ready[0], &fd, sizeof fd) == sizeof fd, "the owner is ready");
        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
        int file = open(path, O_RDWR);
        CHECK(file >= 0, "%s", path);
        char *map = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        CHECK(map != MAP_FAILED && holds(map, 1 << 19, 5), "the owner's memory");
        CHECK(write(go[1], "", 1) == 1, "write");
        CHECK(end_of(pid) == (!strcmp(ways[i], "kill") ? 1000 + SIGKILL : 0), "%s", ways[i]);
        CHECK(holds(map, 1 << 20, 5), "pages live while they are mapped: %s", ways[i]);
        memset(map, 1, 1 << 20);
        munmap(map, 1 << 20);
        close(file);
        for (int j = 0; j < 2; j++) {
            close(ready[j]);
            close(go[j]);
        }
    }
}

/* ---- a thread whose own data lie in shared memory ---- */

static void *fork_refused(void *unused)
{
    errno = 0;
    CHECK(fork() == -1 && errno == EAGAIN, "fork of a thread in shared memory");
    return unused;
}

static void thread_memory(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    CHECK(!pthread_attr_init(&attributes), "pthread_attr_init");
    CHECK(!pthread_attr_setstack(&attributes, base + (1 << 20), 1 << 20), "setstack");
    CHECK(!pthread_create(&thread, &attributes, fork_refused, NULL), "pthread_create");
    CHECK(!pthread_join(thread, NULL), "pthread_join");
    pid_t pid = fork();
    if (!pid)
        _exit(0);
    CHECK(end_of(pid) == 0, "another thread can");
}

/* ---- a thread that has been cancelled, and forks before it ends ---- */

static volatile int forked_all;

static void *fork_cancelled(void *unused)
{
    CHECK(!pthread_cancel(pthread_self()), "pthread_cancel");
    for (int i = 0; i < 10; i++) {
        put(base, 1 << 20, i);
        pid_t pid = fork();
        if (!pid)
            _exit(!holds(base, 1 << 20, i));
        int state;
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
        CHECK(state == PTHREAD_CANCEL_ENABLE, "the state is as it was");
        CHECK(end_of(pid) == 0, "a cancelled thread's child");
        pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    }
    forked_all = 1;
    pthread_testcancel();
    return unused;
}

static void cancel(void)
{
    pthread_t thread;
    void *result;
    CHECK(!pthread_create(&thread, NULL, fork_cancelled, NULL), "pthread_create");
    CHECK(!pthread_join(thread, &result) && result == PTHREAD_CANCELED, "pthread_join");
    CHECK(forked_all, "it ended in fork");
    pid_t pid = fork(); /* nothing is held */
    if (!pid)
        _exit(0);
    CHECK(end_of(pid) == 0, "another thread can");
}

int main(int argc, char **argv)
{
    CHECK(argc >= 2, "usage");
    base = shared_base();
    const char *what = argv[1];
    if (!strcmp(what, "order"))
        order();
    else if (!strcmp(what, "threads"))
        threads();
    else if (!strcmp(what, "nested"))
        nest(1);
    else if (!strcmp(what, "spawn"))
        spawn();
    else if (!strcmp(what, "killed"))
        killed();
    else if (!strcmp(what, "refused"))
        refused();
    else if (!strcmp(what, "lives"))
        lives();
    else if (!strcmp(what, "ends"))
        ends(argv[0]);
    else if (!strcmp(what, "thread-memory"))
        thread_memory();
    else if (!strcmp(what, "cancel"))
        cancel();
    else if (!strcmp(what, "owner"))
        return owner(argv[2], atoi(argv[3]), atoi(argv[4]));
    else
        CHECK(0, "no such path: %s", what);
    puts("ok");
    return 0;
}
