// The commands, their errors, who may do what, and when a process's state ends.
#include "driver.h"

#include <limits.h>
#include <pthread.h>
#include <sys/prctl.h>

static char *memory;  // 16 pages of the owner
static long *slots;   // shared: what owner and attacher tell each other

static long owner_makes(long mode) {
    memory = fresh(16 * PAGE);
    fill(memory, 16 * PAGE, 7);
    slots[0] = (long)memory;
    return make(memory, 16 * PAGE, (int)mode);
}

// An owner with 16 pages that its segment allows to `mode`; the segid.
static long owner_with(struct peer *owner, int mode) {
    slots = shared(PAGE);
    *owner = peer_start();
    long segid = ask(owner, owner_makes, mode);
    CHECK(segid > 0);
    memory = (char *)slots[0];
    return segid;
}

static void version(void) {
    EQ(ioctl(device(), XPMEM_CMD_VERSION, 0), XPMEM_VERSION);
    EQ(ioctl(device(), XPMEM_CMD_FORK_END, 0), 0);
    EQ(ioctl(device(), XPMEM_CMD_FORK_BEGIN, 0), 0);
    EQ(ioctl(device(), XPMEM_CMD_FORK_BEGIN, 0), 0);
    FAILS(ioctl(device(), _IO('x', 9), 0), ENOTTY);
    for (unsigned n = 1; n <= 6; n++)
        FAILS(ioctl(device(), _IO('x', n), 8), EFAULT);
    FAILS((long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, device(), 0), ENODEV);
    EQ(sizeof(struct xpmem_make), 40);
    EQ(sizeof(struct xpmem_get), 32);
    EQ(sizeof(struct xpmem_attach), 40);
}

static long make_raw(unsigned long start, unsigned long size, int type,
                     unsigned long mode) {
    struct xpmem_make arg = {
        .vaddr = start, .size = size, .permit_type = type, .permit_value = mode};
    return ioctl(device(), XPMEM_CMD_MAKE, &arg) ? -1 : arg.segid;
}

static void make_errors(void) {
    unsigned long start = (unsigned long)fresh(4 * PAGE);
    FAILS(make_raw(start, PAGE, 0, 0600), EINVAL);
    FAILS(make_raw(start, PAGE, 2, 0600), EINVAL);
    FAILS(make_raw(start, PAGE, 1, 01600), EINVAL);
    FAILS(make_raw(start, 0, 1, 0600), EINVAL);
    FAILS(make_raw(start + 8, PAGE, 1, 0600), EINVAL);
    FAILS(make_raw(start, PAGE + 8, 1, 0600), EINVAL);
    FAILS(make_raw(start, ~0UL, 1, 0600), EINVAL);
    FAILS(make_raw(start, 1UL << 62, 1, 0600), EINVAL);
    FAILS(make_raw(1UL << 62, PAGE, 1, 0600), EINVAL);
    FAILS(make_raw(-PAGE, 2 * PAGE, 1, 0600), EINVAL);
    // What is not mapped may be declared, and one range many times.
    CHECK(make_raw(0, ~0UL, 1, 0600) > 0);
    CHECK(make_raw(0, ~0UL, 1, 0600) > 0);
    CHECK(make_raw(64 * PAGE, PAGE, 1, 0) > 0);
}

static long owner_removes(long segid) { return unmake(segid) ? errno : 0; }

static void remove_errors(void) {
    struct peer owner;
    long segid = owner_with(&owner, 0600);
    FAILS(unmake(0), EINVAL);
    FAILS(unmake(-1), EINVAL);
    FAILS(unmake(LONG_MIN), EINVAL);
    FAILS(unmake(segid + (1L << 32)), ENOENT);
    FAILS(unmake(segid + 1), ENOENT);
    FAILS(unmake(segid), EACCES);
    EQ(ask(&owner, owner_removes, segid), 0);
    EQ(ask(&owner, owner_removes, segid), ENOENT);
    FAILS(get(segid, XPMEM_RDWR), ENOENT);
}

static long get_raw(long segid, int flags, int type, unsigned long value) {
    struct xpmem_get arg = {.segid = segid,
                            .flags = flags,
                            .permit_type = type,
                            .permit_value = value};
    return ioctl(device(), XPMEM_CMD_GET, &arg) ? -1 : arg.apid;
}

static void get_errors(void) {
    struct peer owner;
    long segid = owner_with(&owner, 0600);
    FAILS(get_raw(0, 2, 1, 0), EINVAL);
    FAILS(get_raw(-5, 2, 1, 0), EINVAL);
    FAILS(get_raw(segid, 3, 1, 0), EINVAL);
    FAILS(get_raw(segid, 4, 1, 0), EINVAL);
    FAILS(get_raw(segid, -1, 1, 0), EINVAL);
    FAILS(get_raw(segid, 2, 0, 0), EINVAL);
    FAILS(get_raw(segid, 2, 1, 0600), EINVAL);
    FAILS(get_raw(segid + 1, 2, 1, 0), ENOENT);
    FAILS(get_raw(segid + (7L << 32), 2, 1, 0), ENOENT);
    CHECK(get_raw(segid, 2, 1, 0) > 0);
    peer_kill(&owner, SIGKILL);
    FAILS(get_raw(segid, 2, 1, 0), ENOENT);
}

// The result is written back into memory that cannot be written: undone.
static void results_that_cannot_be_written(void) {
    struct peer owner;
    long segid = owner_with(&owner, 0600);
    long apid = get(segid, XPMEM_RDWR);
    long before = alive();
    void *page = fresh(PAGE);
    *(struct xpmem_make *)page = (struct xpmem_make){
        .vaddr = 0, .size = ~0UL, .permit_type = 1, .permit_value = 0600};
    EQ(mprotect(page, PAGE, PROT_READ), 0);
    FAILS(ioctl(device(), XPMEM_CMD_MAKE, page), EFAULT);
    EQ(mprotect(page, PAGE, PROT_READ | PROT_WRITE), 0);
    *(struct xpmem_get *)page =
        (struct xpmem_get){.segid = segid, .flags = 2, .permit_type = 1};
    EQ(mprotect(page, PAGE, PROT_READ), 0);
    FAILS(ioctl(device(), XPMEM_CMD_GET, page), EFAULT);
    EQ(mprotect(page, PAGE, PROT_READ | PROT_WRITE), 0);
    *(struct xpmem_attach *)page = (struct xpmem_attach){.apid = apid, .size = PAGE};
    EQ(mprotect(page, PAGE, PROT_READ), 0);
    FAILS(ioctl(device(), XPMEM_CMD_ATTACH, page), EFAULT);
    EQ(alive(), before);
}

static void attach_errors(void) {
    struct peer owner;
    long segid = owner_with(&owner, 0600);
    long apid = get(segid, XPMEM_RDWR);
    CHECK(apid > 0);
    FAILS((long)attach(0, 0, PAGE), EINVAL);
    FAILS((long)attach(-1, 0, PAGE), EINVAL);
    FAILS((long)attach(apid, 8, PAGE), EINVAL);
    FAILS((long)attach(apid, -PAGE, PAGE), EINVAL);
    FAILS((long)attach(apid, 0, 0), EINVAL);
    FAILS((long)attach(apid, 0, 17 * PAGE), EINVAL);
    FAILS((long)attach(apid, 0, 16 * PAGE + 1), EINVAL);
    FAILS((long)attach(apid, 0, ~0UL), EINVAL);
    FAILS((long)attach(apid, 16 * PAGE, PAGE), EINVAL);
    FAILS((long)attach(apid, LONG_MAX & ~(PAGE - 1), PAGE), EINVAL);
    FAILS((long)attach_at(apid, 0, PAGE, (void *)12345), EINVAL);
    FAILS((long)attach(apid + 1, 0, PAGE), ENOENT);
    // A size is rounded up to pages.
    char *first = attach(apid, 0, 1);
    READS(first, 7);
    char *last = attach(apid, 15 * PAGE, 100);
    READS(last + PAGE - 1, 7);
    // A fixed address replaces what is there, but not another attachment.
    char *room = fresh(4 * PAGE);
    CHECK(attach_at(apid, 0, PAGE, room + PAGE) == room + PAGE);
    READS(room + PAGE, 7);
    READS(room, 0);
    FAILS((long)attach_at(apid, 0, 3 * PAGE, room), EINVAL);
    READS(room + PAGE, 7);
    EQ(ask(&owner, owner_removes, segid), 0);
    FAILS((long)attach(apid, 0, PAGE), ENOENT);
    EQ(detach(first), 0);
    EQ(release(apid), 0);
}

static void attach_after_the_owner(void) {
    struct peer owner;
    long segid = owner_with(&owner, 0600);
    long apid = get(segid, XPMEM_RDWR);
    char *pages = attach(apid, 0, 16 * PAGE);
    READS(pages, 7);
    peer_kill(&owner, SIGKILL);
    FAILS((long)attach(apid, 0, PAGE), ENOENT);
    EQ(detach(pages), 0);
    EQ(release(apid), 0);
    FAILS(release(apid), ENOENT);
}

static void release_errors(void) {
    struct peer owner;
    long segid = owner_with(&owner, 0600);
    long apid = get(segid, XPMEM_RDWR);
    FAILS(release(0), EINVAL);
    FAILS(release(-3), EINVAL);
    FAILS(release(apid + (1L << 33)), ENOENT);
    char *pages[20];
    for (int i = 0; i < 20; i++)
        pages[i] = attach(apid, 0, 16 * PAGE);
    READS(pages[19], 7);
    // All attachments of the permit go with it.
    EQ(release(apid), 0);
    unsigned char value;
    EQ(peek(pages[0], &value), SIGSEGV);
    EQ(peek(pages[19], &value), SIGSEGV);
    FAILS(release(apid), ENOENT);
    FAILS((long)attach(apid, 0, PAGE), ENOENT);
}

static long other_uses(long apid) {
    int wrong = 0;
    struct xpmem_attach arg = {.apid = apid, .size = PAGE};
    wrong += ioctl(device(), XPMEM_CMD_ATTACH, &arg) != -1 || errno != EACCES;
    wrong += release(apid) != -1 || errno != EACCES;
    return wrong;
}

static void permits_are_their_process_s(void) {
    struct peer owner;
    long segid = owner_with(&owner, 0600);
    long apid = get(segid, XPMEM_RDWR);
    EQ(ask(&owner, other_uses, apid), 0);
    READS((char *)attach(apid, 0, PAGE), 7);
}

static void detach_errors(void) {
    struct peer owner;
    long segid = owner_with(&owner, 0600);
    long apid = get(segid, XPMEM_RDWR);
    char *room = fresh(PAGE);
    FAILS(detach(room), EINVAL);
    EQ(munmap(room, PAGE), 0);
    EQ(detach(room), 0);
    EQ(detach((void *)PAGE), 0);
    char *pages = attach(apid, 0, 16 * PAGE);
    READS(pages, 7);
    EQ(detach(pages + 9 * PAGE + 5), 0);
    unsigned char value;
    EQ(peek(pages, &value), SIGSEGV);
    EQ(peek(pages + 15 * PAGE, &value), SIGSEGV);
}

// As System V IPC has it; the attacher gives up its capabilities by another uid.
static long other_uid(long mode) {
    EQ(syscall(SYS_setresgid, 100, 100, 100), 0);
    EQ(syscall(SYS_setgroups, 0, NULL), 0);
    EQ(syscall(SYS_setresuid, 100, 100, 100), 0);
    long segid = slots[1];
    int wrong = 0;
    bool reads = mode & 04, writes = (mode & 06) == 06;
    wrong += (get(segid, XPMEM_RDWR) > 0) != writes;
    wrong += !writes && errno != EACCES;
    wrong += (get(segid, XPMEM_RDONLY) > 0) != reads;
    wrong += !reads && errno != EACCES;
    wrong += (get(segid, 0) > 0) != reads;
    return wrong;
}

static void modes(void) {
    for (int mode = 0; mode < 8; mode++) {
        struct peer owner;
        long segid = owner_with(&owner, 0770 | mode);
        slots[1] = segid;
        struct peer other = peer_start();
        EQ(ask(&other, other_uid, mode), 0);
        peer_exit(&other);
        peer_exit(&owner);
    }
}

static void flags_0_never_writes(void) {
    struct peer owner;
    long segid = owner_with(&owner, 0400);
    for (int flags = 0; flags <= XPMEM_RDONLY; flags++) {
        long apid = get(segid, flags);
        CHECK(apid > 0);
        char *pages = attach(apid, 0, 16 * PAGE);
        CHECK(pages != MAP_FAILED);
        READS(pages, 7);
        EQ(poke(pages, 8), SIGSEGV);
        FAILS(mprotect(pages, PAGE, PROT_READ | PROT_WRITE), EACCES);
        FAILS(mprotect(pages, PAGE, PROT_READ | PROT_EXEC), EACCES);
        READS(pages, 7);
        // Not through the kernel either.
        int zero = open("/dev/zero", O_RDONLY);
        FAILS(read(zero, pages, PAGE), EFAULT);
        FAILS(syscall(SYS_remap_file_pages, pages, PAGE, 0, 20, 0), EINVAL);
        EQ(release(apid), 0);
    }
}

static void numbers_do_not_come_again(void) {
    long seen[40];
    int pipes[2];
    EQ(pipe(pipes), 0);
    // Owners with the same process id, one after the other.
    for (int i = 0; i < 40; i++) {
        pid_t pid;
        int last = open("/proc/sys/kernel/ns_last_pid", O_WRONLY);
        CHECK(last >= 0);
        EQ(write(last, "20000", 5), 5);
        close(last);
        pid = fork();
        if (pid == 0) {
            seen[i] = make_all();
            _exit(write(pipes[1], &seen[i], sizeof seen[i]) != sizeof seen[i]);
        }
        EQ(pid, 20001);
        EQ(read(pipes[0], &seen[i], sizeof seen[i]), sizeof seen[i]);
        EQ(waitpid(pid, NULL, 0), pid);
        CHECK(seen[i] > 0);
        EQ((int)seen[i], pid);
        for (int j = 0; j < i; j++)
            CHECK(seen[i] != seen[j]);
    }
    FAILS(get(seen[0], XPMEM_RDWR), ENOENT);
}

static long owner_reads(long page) { return memory[page * PAGE]; }

static void a_forked_child_has_no_state(void) {
    struct peer owner;
    long segid = owner_with(&owner, 0600);
    long apid = get(segid, XPMEM_RDWR);
    char *pages = attach(apid, 0, 16 * PAGE);
    READS(pages, 7);
    int inherited = device();
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        unsigned char value;
        struct xpmem_make all = {.size = ~0UL, .permit_type = 1};
        struct xpmem_get one = {.segid = segid, .flags = 2, .permit_type = 1};
        struct xpmem_attach some = {.apid = apid, .size = PAGE};
        EQ(ioctl(inherited, XPMEM_CMD_VERSION, 0), XPMEM_VERSION);
        FAILS(ioctl(inherited, XPMEM_CMD_MAKE, &all), XPMEM_ERRNO_NOPROC);
        FAILS(ioctl(inherited, XPMEM_CMD_GET, &one), XPMEM_ERRNO_NOPROC);
        FAILS(ioctl(inherited, XPMEM_CMD_ATTACH, &some), XPMEM_ERRNO_NOPROC);
        FAILS(ioctl(inherited, XPMEM_CMD_REMOVE, &segid), XPMEM_ERRNO_NOPROC);
        FAILS(ioctl(inherited, XPMEM_CMD_RELEASE, &apid), XPMEM_ERRNO_NOPROC);
        // Attachments are not inherited.
        EQ(peek(pages, &value), SIGSEGV);
        // With a descriptor of its own all is well.
        long own = get(segid, XPMEM_RDWR);
        CHECK(own > 0);
        READS((char *)attach(own, 0, PAGE), 7);
        close(inherited);
        _exit(0);
    }
    int status;
    EQ(waitpid(pid, &status, 0), pid);
    EQ(status, 0);
    // What the child did with its copies of the descriptor is nothing to us.
    READS(pages + PAGE, 7);
    CHECK(get(segid, XPMEM_RDWR) > 0);
    EQ(ask(&owner, owner_reads, 0), 7);
}

static long owner_duplicates(long unused) {
    (void)unused;
    return dup(device());
}

static long owner_closes(long descriptor) { return close((int)descriptor); }

static long owner_descriptor(long unused) {
    (void)unused;
    return device();
}

// The last descriptor counts and not the first.
static void closing(void) {
    struct peer owner;
    long segid = owner_with(&owner, 0600);
    long apid = get(segid, XPMEM_RDWR);
    char *pages = attach(apid, 0, 16 * PAGE);
    long second = ask(&owner, owner_duplicates, 0);
    long first = ask(&owner, owner_descriptor, 0);
    READS(pages, 7);
    EQ(ask(&owner, owner_closes, second), 0);
    READS(pages + PAGE, 7);
    CHECK(get(segid, XPMEM_RDWR) > 0);
    second = ask(&owner, owner_duplicates, 0);
    EQ(ask(&owner, owner_closes, first), 0);
    READS(pages + 2 * PAGE, 7);
    EQ(ask(&owner, owner_closes, second), 0);
    unsigned char value;
    EQ(peek(pages, &value), SIGBUS);
    EQ(peek(pages + 9 * PAGE, &value), SIGBUS);
    FAILS(get(segid, XPMEM_RDWR), ENOENT);
    FAILS((long)attach(apid, 0, PAGE), ENOENT);
    EQ(detach(pages), 0);
    EQ(release(apid), 0);
}

static long owner_forks_a_sleeper(long unused) {
    (void)unused;
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sleep(600);
        _exit(0);
    }
    return pid;
}

static long owner_vforks_an_opener(long unused) {
    (void)unused;
    pid_t pid = vfork();
    if (pid == 0) {
        open("/dev/xpmem", O_RDWR | O_CLOEXEC);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    return 0;
}

// A child holds the same open file: the owner's own last descriptor decides.
static void closing_with_a_child(void) {
    struct peer owner;
    long segid = owner_with(&owner, 0600);
    long apid = get(segid, XPMEM_RDWR);
    char *pages = attach(apid, 0, 16 * PAGE);
    READS(pages, 7);
    long first = ask(&owner, owner_descriptor, 0);
    long child = ask(&owner, owner_forks_a_sleeper, 0);
    EQ(ask(&owner, owner_vforks_an_opener, 0), 0);
    READS(pages, 7);
    EQ(ask(&owner, owner_closes, first), 0);
    unsigned char value;
    EQ(peek(pages, &value), SIGBUS);
    FAILS(get(segid, XPMEM_RDWR), ENOENT);
    kill((pid_t)child, SIGKILL);
}

static long owner_opens_again(long unused) {
    (void)unused;
    int again = device_open();
    struct xpmem_make arg = {.vaddr = (uintptr_t)memory,
                             .size = 16 * PAGE,
                             .permit_type = 1,
                             .permit_value = 0600};
    CHECK(again >= 0);
    return ioctl(again, XPMEM_CMD_MAKE, &arg) ? -1 : arg.segid;
}

static void opening_again(void) {
    struct peer owner;
    long segid = owner_with(&owner, 0600);
    long first = ask(&owner, owner_descriptor, 0);
    EQ(ask(&owner, owner_closes, first), 0);
    long other = ask(&owner, owner_opens_again, 0);
    CHECK(other > 0 && other != segid);
    FAILS(get(segid, XPMEM_RDWR), ENOENT);
    READS((char *)attach(get(other, XPMEM_RDWR), 0, PAGE), 7);
}

// The attacher's own last descriptor: what it has attached is no longer there.
static void the_attacher_closes(void) {
    struct peer owner;
    long segid = owner_with(&owner, 0600);
    long apid = get(segid, XPMEM_RDWR);
    char *pages = attach(apid, 0, 16 * PAGE);
    unsigned char value;
    READS(pages, 7);
    close(device());
    EQ(peek(pages, &value), SIGBUS);
    EQ(munmap(pages, 16 * PAGE), 0);
    int again = device_open();
    struct xpmem_attach some = {.apid = apid, .size = PAGE};
    FAILS(ioctl(again, XPMEM_CMD_ATTACH, &some), ENOENT);
}

// vfork and posix_spawn: the child has our memory but its own descriptors.
static void a_spawned_child_closes(void) {
    struct peer owner;
    long segid = owner_with(&owner, 0600);
    long apid = get(segid, XPMEM_RDWR);
    char *pages = attach(apid, 0, 16 * PAGE);
    READS(pages, 7);
    pid_t pid = vfork();
    if (pid == 0) {
        syscall(SYS_close_range, 3, ~0U, 0);
        execl("/bin/true", "true", NULL);
        _exit(1);
    }
    int status;
    EQ(waitpid(pid, &status, 0), pid);
    EQ(status, 0);
    READS(pages + PAGE, 7);
    CHECK(get(segid, XPMEM_RDWR) > 0);
}

static void *leaves_the_table(void *unused) {
    (void)unused;
    EQ(unshare(CLONE_FILES), 0);
    syscall(SYS_close_range, 3, ~0U, 0);
    return NULL;
}

// A thread with descriptors of its own closes them: the process has others.
static void a_thread_with_own_descriptors(void) {
    struct peer owner;
    long segid = owner_with(&owner, 0600);
    long apid = get(segid, XPMEM_RDWR);
    char *pages = attach(apid, 0, 16 * PAGE);
    pthread_t thread;
    READS(pages, 7);
    EQ(pthread_create(&thread, NULL, leaves_the_table, NULL), 0);
    EQ(pthread_join(thread, NULL), 0);
    READS(pages + PAGE, 7);
    CHECK(get(segid, XPMEM_RDWR) > 0);
}

const struct test interface_tests[] = {
    {"version", version},
    {"make_errors", make_errors},
    {"remove_errors", remove_errors},
    {"get_errors", get_errors},
    {"results_that_cannot_be_written", results_that_cannot_be_written},
    {"attach_errors", attach_errors},
    {"attach_after_the_owner", attach_after_the_owner},
    {"release_errors", release_errors},
    {"permits_are_their_process_s", permits_are_their_process_s},
    {"detach_errors", detach_errors},
    {"modes", modes},
    {"flags_0_never_writes", flags_0_never_writes},
    {"numbers_do_not_come_again", numbers_do_not_come_again},
    {"a_forked_child_has_no_state", a_forked_child_has_no_state},
    {"closing", closing},
    {"closing_with_a_child", closing_with_a_child},
    {"opening_again", opening_again},
    {"the_attacher_closes", the_attacher_closes},
    {"a_spawned_child_closes", a_spawned_child_closes},
    {"a_thread_with_own_descriptors", a_thread_with_own_descriptors},
    {NULL, NULL},
};
