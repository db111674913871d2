// What an attacher sees after the owner's memory has changed: never old data,
// never more than the owner may do, and a signal where there is nothing.
#include "driver.h"

#include <linux/userfaultfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define PAGES 32

static char *memory;   // of the owner: PAGES pages, page n filled with n + 1
static char *pages;    // the attachment
static long apid, segid;
static int file = -1;  // what memory is a mapping of, in some tests

static long owner_fills(long unused) {
    (void)unused;
    for (int page = 0; page < PAGES; page++)
        fill(memory + page * PAGE, PAGE, (unsigned char)(page + 1));
    return make_all();
}

static long owner_makes(long unused) {
    (void)unused;
    return make_all();
}

static void attach_to(struct peer *owner, long (*maker)(long)) {
    segid = ask(owner, maker, 0);
    CHECK(segid > 0);
    apid = get(segid, XPMEM_RDWR);
    pages = attach(apid, (long)memory, PAGES * PAGE);
    CHECK(pages != MAP_FAILED);
}

// An owner of filled private memory, every page of it entered.
static struct peer start(void) {
    memory = fresh(PAGES * PAGE);
    struct peer owner = peer_start();
    attach_to(&owner, owner_fills);
    for (int page = 0; page < PAGES; page++)
        READS(pages + page * PAGE, page + 1);
    return owner;
}

static long owner_reads(long page) { return (unsigned char)memory[page * PAGE]; }

static long owner_writes(long page) {
    fill(memory + page * PAGE, PAGE, (unsigned char)(100 + page));
    return 0;
}

static long owner_unmaps(long page) { return munmap(memory + page * PAGE, PAGE); }

static long owner_maps(long page) {
    void *at = mmap(memory + page * PAGE, PAGE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    return at == MAP_FAILED ? -1 : owner_writes(page);
}

static long owner_drops(long page) {
    return madvise(memory + page * PAGE, PAGE, MADV_DONTNEED);
}

static long owner_protects(long protection) {
    return mprotect(memory, PAGES * PAGE, (int)protection);
}

static void unmapped(void) {
    struct peer owner = start();
    unsigned char value;
    EQ(ask(&owner, owner_unmaps, 3), 0);
    EQ(peek(pages + 3 * PAGE, &value), SIGBUS);
    EQ(poke(pages + 3 * PAGE, 1), SIGBUS);
    READS(pages + 2 * PAGE, 3);
    READS(pages + 4 * PAGE, 5);
    // What is mapped there later is there again.
    EQ(ask(&owner, owner_maps, 3), 0);
    READS(pages + 3 * PAGE, 103);
    EQ(poke(pages + 3 * PAGE, 44), 0);
    EQ(ask(&owner, owner_reads, 3), 44);
}

static void mapped_over(void) {
    struct peer owner = start();
    for (int round = 0; round < 100; round++) {
        EQ(ask(&owner, owner_maps, 5), 0);
        READS(pages + 5 * PAGE, 105);
        EQ(poke(pages + 5 * PAGE, 6), 0);
    }
}

static void dont_need(void) {
    struct peer owner = start();
    EQ(ask(&owner, owner_drops, 7), 0);
    READS(pages + 7 * PAGE, 0);
    EQ(poke(pages + 7 * PAGE, 70), 0);
    EQ(ask(&owner, owner_reads, 7), 70);
    EQ(ask(&owner, owner_drops, 7), 0);
    EQ(ask(&owner, owner_writes, 7), 0);
    READS(pages + 7 * PAGE, 107);
}

static long owner_moves(long page) {
    char *to = fresh(PAGE);
    if (mremap(memory + page * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to)
        return -1;
    return (unsigned char)*to;
}

static void moved_away(void) {
    struct peer owner = start();
    unsigned char value;
    EQ(ask(&owner, owner_moves, 9), 10);
    EQ(peek(pages + 9 * PAGE, &value), SIGBUS);
    READS(pages + 10 * PAGE, 11);
    EQ(ask(&owner, owner_maps, 9), 0);
    READS(pages + 9 * PAGE, 109);
}

static void made_read_only(void) {
    struct peer owner = start();
    EQ(poke(pages, 60), 0);
    EQ(ask(&owner, owner_protects, PROT_READ), 0);
    for (int page = 0; page < PAGES; page++)
        EQ(poke(pages + page * PAGE, 61), SIGBUS);
    READS(pages, 60);
    READS(pages + PAGE, 2);
    EQ(poke(pages + PAGE, 61), SIGBUS);
    int zero = open("/dev/zero", O_RDONLY);
    FAILS(read(zero, pages, PAGE), EFAULT);
    EQ(ask(&owner, owner_reads, 0), 60);
    EQ(ask(&owner, owner_protects, PROT_READ | PROT_WRITE), 0);
    EQ(poke(pages, 62), 0);
    EQ(ask(&owner, owner_reads, 0), 62);
}

static void made_inaccessible(void) {
    struct peer owner = start();
    unsigned char value;
    EQ(ask(&owner, owner_protects, PROT_NONE), 0);
    EQ(peek(pages, &value), SIGBUS);
    EQ(poke(pages + PAGE, 1), SIGBUS);
    EQ(ask(&owner, owner_protects, PROT_READ | PROT_WRITE), 0);
    READS(pages, 1);
    EQ(poke(pages + PAGE, 63), 0);
    EQ(ask(&owner, owner_reads, 1), 63);
}

// Constants of the program: readable, and not writable by anybody.
static const unsigned char constants[3 * PAGE] __attribute__((aligned(4096))) = {[PAGE] = 42};

static void read_only_from_the_start(void) {
    start();
    char *attached = attach(apid, (long)constants, 2 * PAGE);
    READS(attached + PAGE, 42);
    EQ(poke(attached + PAGE, 1), SIGBUS);
    EQ(poke(attached, 1), SIGBUS);
    READS(attached + PAGE, 42);
    long text = (long)(uintptr_t)&made_read_only & -PAGE;
    attached = attach(apid, text, PAGE);
    READS(attached, *(unsigned char *)text);
    EQ(poke(attached, 1), SIGBUS);
}

static long children[4];

// Forks a child that lives until it is told, and says what it then finds.
static long owner_forks(long page) {
    int pipes[2], back[2];
    EQ(pipe(pipes), 0);
    EQ(pipe(back), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(pipes[1]);
        if (read(pipes[0], &byte, 1) == 1)
            CHECK(write(back[1], memory + page * PAGE, 1) == 1);
        _exit(0);
    }
    close(pipes[0]);
    close(back[1]);
    children[0] = pid;
    children[1] = pipes[1];
    children[2] = back[0];
    return pid > 0;
}

static long owner_asks_child(long unused) {
    unsigned char byte = 0;
    (void)unused;
    CHECK(write((int)children[1], "", 1) == 1);
    CHECK(read((int)children[2], &byte, 1) == 1);
    waitpid((pid_t)children[0], NULL, 0);
    close((int)children[1]);
    close((int)children[2]);
    return byte;
}

static void forked_and_the_owner_writes(void) {
    struct peer owner = start();
    EQ(ask(&owner, owner_forks, 4), 1);
    READS(pages + 4 * PAGE, 5);
    EQ(ask(&owner, owner_writes, 4), 0);
    READS(pages + 4 * PAGE, 104);
    EQ(poke(pages + 4 * PAGE, 33), 0);
    EQ(ask(&owner, owner_reads, 4), 33);
    EQ(ask(&owner, owner_asks_child, 0), 5);
    READS(pages + 4 * PAGE, 33);
}

static void forked_and_the_attacher_writes(void) {
    struct peer owner = start();
    EQ(poke(pages + 4 * PAGE, 30), 0);
    EQ(ask(&owner, owner_forks, 4), 1);
    EQ(poke(pages + 4 * PAGE, 31), 0);
    EQ(ask(&owner, owner_reads, 4), 31);
    EQ(ask(&owner, owner_asks_child, 0), 30);
    EQ(ask(&owner, owner_reads, 4), 31);
    READS(pages + 4 * PAGE, 31);
    // A read first, then the write: the entry is made writable in place.
    EQ(ask(&owner, owner_forks, 6), 1);
    READS(pages + 6 * PAGE, 7);
    EQ(poke(pages + 6 * PAGE, 32), 0);
    EQ(ask(&owner, owner_reads, 6), 32);
    EQ(ask(&owner, owner_asks_child, 0), 7);
    READS(pages + 6 * PAGE, 32);
}

// Whoever is the last to have a page that was shared by fork may keep it.
static void the_child_goes_first(void) {
    struct peer owner = start();
    EQ(ask(&owner, owner_forks, 4), 1);
    READS(pages + 4 * PAGE, 5);
    EQ(ask(&owner, owner_asks_child, 0), 5);
    EQ(ask(&owner, owner_writes, 4), 0);
    READS(pages + 4 * PAGE, 104);
    EQ(poke(pages + 4 * PAGE, 35), 0);
    EQ(ask(&owner, owner_reads, 4), 35);
}

static void an_attacher_forks(void) {
    struct peer owner = start();
    unsigned char value;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        _exit(peek(pages, &value) != SIGSEGV);
    int status;
    EQ(waitpid(pid, &status, 0), pid);
    EQ(status, 0);
    EQ(poke(pages, 90), 0);
    EQ(ask(&owner, owner_reads, 0), 90);
}

static void gone_after(void (*end)(struct peer *, int), int argument) {
    struct peer owner = start();
    unsigned char value;
    end(&owner, argument);
    EQ(peek(pages, &value), SIGBUS);
    EQ(poke(pages + PAGE, 1), SIGBUS);
    FAILS(get(segid, XPMEM_RDWR), ENOENT);
    FAILS((long)attach(apid, 0, PAGE), ENOENT);
    EQ(detach(pages), 0);
    EQ(release(apid), 0);
}

static void exits(struct peer *owner, int unused) {
    (void)unused;
    peer_exit(owner);
}

static void exited(void) { gone_after(exits, 0); }
static void killed(void) { gone_after(peer_kill, SIGKILL); }

// The program that is executed says so here: its first words come after the last of
// the memory before, which /proc/PID/exe does not.
static int executed_pipe[2];

static long owner_execs(long keep_descriptor) {
    if (keep_descriptor)
        fcntl(device(), F_SETFD, 0);
    dup2(executed_pipe[1], STDOUT_FILENO);
    execl("/bin/sh", "sh", "-c", "echo; exec sleep 600", NULL);
    return errno;
}

static void execs(struct peer *owner, int keep_descriptor) {
    char byte;
    tell(owner, owner_execs, keep_descriptor);
    close(executed_pipe[1]);
    EQ(read(executed_pipe[0], &byte, 1), 1);
    EQ(byte, '\n');
}

static void executed_with(int descriptor) {
    EQ(pipe(executed_pipe), 0);
    gone_after(execs, descriptor);
}

static void executed(void) { executed_with(0); }
static void executed_with_the_descriptor(void) { executed_with(1); }

static long owner_removes(long unused) {
    (void)unused;
    return unmake(segid);
}

static long owner_makes_again(long unused) {
    (void)unused;
    segid = make_all();
    return segid;
}

static void removed(void) {
    memory = fresh(PAGES * PAGE);
    struct peer owner = peer_start();
    attach_to(&owner, owner_fills);
    READS(pages, 1);
    // Another segment of the same memory: only that one is removed.
    long other = get(ask(&owner, owner_makes_again, 0), XPMEM_RDWR);
    char *again = attach(other, (long)memory, PAGE);
    READS(again, 1);
    EQ(ask(&owner, owner_removes, 0), 0);
    unsigned char value;
    EQ(peek(again, &value), SIGBUS);
    READS(pages + PAGE, 2);
    FAILS((long)attach(other, 0, PAGE), ENOENT);
    EQ(detach(again), 0);
    EQ(release(other), 0);
}

static long punches(long page) {
    return fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page * PAGE, PAGE);
}

static long truncates(long size) { return ftruncate(file, size); }

// A file that the owner maps shared, and that a third process changes.
static struct peer start_file(int descriptor) {
    file = descriptor;
    CHECK(file >= 0);
    EQ(ftruncate(file, PAGES * PAGE), 0);
    memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    CHECK(memory != MAP_FAILED);
    struct peer owner = peer_start();
    attach_to(&owner, owner_fills);
    for (int page = 0; page < PAGES; page++)
        READS(pages + page * PAGE, page + 1);
    // The attacher's own mapping would do more than the test wants.
    EQ(munmap(memory, PAGES * PAGE), 0);
    return owner;
}

static void others_change_the_file(int descriptor) {
    struct peer owner = start_file(descriptor);
    struct peer other = peer_start();
    unsigned char value;
    EQ(ask(&other, punches, 3), 0);
    READS(pages + 3 * PAGE, 0);
    EQ(ask(&owner, owner_writes, 3), 0);
    READS(pages + 3 * PAGE, 103);
    EQ(poke(pages + 3 * PAGE, 91), 0);
    EQ(ask(&owner, owner_reads, 3), 91);
    EQ(ask(&other, truncates, 10 * PAGE), 0);
    EQ(peek(pages + 12 * PAGE, &value), SIGBUS);
    EQ(poke(pages + 12 * PAGE, 1), SIGBUS);
    READS(pages + 9 * PAGE, 10);
    EQ(ask(&other, truncates, PAGES * PAGE), 0);
    READS(pages + 12 * PAGE, 0);
    EQ(ask(&owner, owner_writes, 12), 0);
    READS(pages + 12 * PAGE, 112);
    // What is written through the attachment is in the file.
    EQ(poke(pages + 13 * PAGE, 92), 0);
    EQ(pread(file, &value, 1, 13 * PAGE), 1);
    EQ(value, 92);
}

static void a_memfd_changed_by_others(void) {
    others_change_the_file(memfd_create("shared", MFD_CLOEXEC));
}

static void a_file_changed_by_others(void) {
    others_change_the_file(open("/tmp/shared", O_RDWR | O_CREAT | O_TRUNC, 0600));
}

static long owner_maps_private(long unused) {
    (void)unused;
    void *at = mmap(memory, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
                    file, 0);
    return at == MAP_FAILED ? -1 : 0;
}

// A store to a private mapping of a file never reaches the file.
static void private_file_mappings(void) {
    struct peer owner = start_file(memfd_create("private", MFD_CLOEXEC));
    unsigned char value;
    EQ(ask(&owner, owner_maps_private, 0), 0);
    READS(pages + 2 * PAGE, 3);
    EQ(poke(pages + 2 * PAGE, 80), 0);
    EQ(ask(&owner, owner_reads, 2), 80);
    EQ(pread(file, &value, 1, 2 * PAGE), 1);
    EQ(value, 3);
}

static int resident(void) {
    unsigned char map[PAGES];
    int count = 0;
    if (mincore(memory, PAGES * PAGE, map))
        return -1;
    for (int page = 0; page < PAGES; page++)
        count += map[page] & 1;
    return count;
}

static long owner_resident(long unused) {
    (void)unused;
    return resident();
}

// One read allocates nothing else in the owner; writes allocate what they touch.
static void untouched_memory(void) {
    memory = fresh(PAGES * PAGE);
    madvise(memory, PAGES * PAGE, MADV_NOHUGEPAGE);
    struct peer owner = peer_start();
    attach_to(&owner, owner_makes);
    EQ(ask(&owner, owner_resident, 0), 0);
    READS(pages + 5 * PAGE, 0);
    EQ(ask(&owner, owner_resident, 0), 1);
    EQ(poke(pages + 6 * PAGE, 12), 0);
    EQ(poke(pages + 5 * PAGE, 13), 0);
    EQ(ask(&owner, owner_resident, 0), 2);
    EQ(ask(&owner, owner_reads, 6), 12);
    EQ(ask(&owner, owner_reads, 5), 13);
    // What was read as zero shows what the owner writes there.
    READS(pages + 9 * PAGE, 0);
    EQ(ask(&owner, owner_writes, 9), 0);
    READS(pages + 9 * PAGE, 109);
}

static long owner_breaks_huge(long unused) {
    (void)unused;
    // The pages stay, the large entry does not; then one page is replaced.
    EQ(munmap(memory + PAGE, PAGE), 0);
    return owner_writes(2);
}

static long owner_huge(long unused) {
    (void)unused;
    madvise(memory, 2 * MIB, MADV_HUGEPAGE);
    for (unsigned long page = 0; page < 2 * MIB / PAGE; page++)
        fill(memory + page * PAGE, PAGE, (unsigned char)page);
    return make_all();
}

static void huge_pages(void) {
    char *room = fresh(4 * MIB);
    memory = (char *)(((uintptr_t)room + 2 * MIB - 1) & -(2 * MIB));
    struct peer owner = peer_start();
    segid = ask(&owner, owner_huge, 0);
    apid = get(segid, XPMEM_RDWR);
    pages = attach(apid, (long)memory, 2 * MIB);
    long before = stat_of("faults");
    for (unsigned long page = 0; page < 2 * MIB / PAGE; page++)
        READS(pages + page * PAGE, (unsigned char)page);
    CHECK(stat_of("faults") - before < 512);
    EQ(ask(&owner, owner_forks, 300), 1);
    EQ(poke(pages + 300 * PAGE, 9), 0);
    EQ(ask(&owner, owner_reads, 300), 9);
    EQ(ask(&owner, owner_asks_child, 0), 300 & 255);
    EQ(ask(&owner, owner_breaks_huge, 0), 0);
    unsigned char value;
    EQ(peek(pages + PAGE, &value), SIGBUS);
    READS(pages + 2 * PAGE, 102);
    READS(pages + 511 * PAGE, 255);
}

static long owner_hugetlb(long unused) {
    (void)unused;
    memory = mmap(memory, 2 * MIB, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_FIXED, -1, 0);
    if (memory == MAP_FAILED)
        return -1;
    for (unsigned long page = 0; page < 2 * MIB / PAGE; page++)
        fill(memory + page * PAGE, PAGE, (unsigned char)page);
    return make_all();
}

static void hugetlb_pages(void) {
    FILE *pool = fopen("/proc/sys/vm/nr_hugepages", "w");
    CHECK(pool && fprintf(pool, "8") == 1 && fclose(pool) == 0);
    char *room = fresh(4 * MIB);
    memory = (char *)(((uintptr_t)room + 2 * MIB - 1) & -(2 * MIB));
    struct peer owner = peer_start();
    segid = ask(&owner, owner_hugetlb, 0);
    CHECK(segid > 0);
    apid = get(segid, XPMEM_RDWR);
    pages = attach(apid, (long)memory, 2 * MIB);
    for (unsigned long page = 0; page < 2 * MIB / PAGE; page++)
        READS(pages + page * PAGE, (unsigned char)page);
    EQ(poke(pages + 17 * PAGE, 8), 0);
    EQ(ask(&owner, owner_reads, 17), 8);
    EQ(ask(&owner, owner_forks, 18), 1);
    EQ(poke(pages + 18 * PAGE, 4), 0);
    EQ(ask(&owner, owner_reads, 18), 4);
    EQ(ask(&owner, owner_asks_child, 0), 18);
    peer_exit(&owner);
    unsigned char value;
    EQ(peek(pages, &value), SIGBUS);
    pool = fopen("/proc/sys/vm/nr_hugepages", "w");
    CHECK(pool && fprintf(pool, "0") == 1 && fclose(pool) == 0);
}

static int user_faults;

static long owner_registers_faults(long unused) {
    (void)unused;
    user_faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    struct uffdio_api api = {.api = UFFD_API};
    struct uffdio_register range = {
        .range = {(uintptr_t)memory, PAGES * PAGE},
        .mode = UFFDIO_REGISTER_MODE_MISSING,
    };
    CHECK(user_faults >= 0);
    EQ(ioctl(user_faults, UFFDIO_API, &api), 0);
    EQ(ioctl(user_faults, UFFDIO_REGISTER, &range), 0);
    return make_all();
}

static long owner_answers_fault(long value) {
    static char page[PAGE] __attribute__((aligned(4096)));
    struct uffd_msg message;
    EQ(read(user_faults, &message, sizeof message), sizeof message);
    fill(page, PAGE, (unsigned char)value);
    struct uffdio_copy copy = {.dst = message.arg.pagefault.address & -PAGE,
                               .src = (uintptr_t)page,
                               .len = PAGE};
    return ioctl(user_faults, UFFDIO_COPY, &copy);
}

// A touch waits for whatever the owner's own would wait for, and can be killed.
static void user_faults_at_the_owner(void) {
    memory = fresh(PAGES * PAGE);
    struct peer owner = peer_start();
    attach_to(&owner, owner_registers_faults);
    tell(&owner, owner_answers_fault, 77);
    READS(pages + 3 * PAGE, 77);
    EQ(answer(&owner), 0);
    tell(&owner, owner_answers_fault, 78);
    EQ(poke(pages + 4 * PAGE + 1, 1), 0);
    EQ(answer(&owner), 0);
    READS(pages + 4 * PAGE, 78);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        unsigned char value;
        char *own = attach(get(segid, XPMEM_RDWR), (long)memory, PAGES * PAGE);
        _exit(peek(own, &value) + 1);
    }
    int status;
    usleep(300000);
    EQ(waitpid(pid, &status, WNOHANG), 0);
    kill(pid, SIGKILL);
    EQ(waitpid(pid, &status, 0), pid);
    EQ(status, SIGKILL);
    // The owner itself goes on, and so can others.
    READS(pages + 3 * PAGE, 77);
    EQ(ask(&owner, owner_reads, 4), 78);
}

static long owner_pages_out(long unused) {
    (void)unused;
    return madvise(memory, PAGES * PAGE, MADV_PAGEOUT);
}

static bool there_is_swap(void) {
    char line[200];
    FILE *areas = fopen("/proc/swaps", "r");
    bool there = areas && fgets(line, sizeof line, areas) && fgets(line, sizeof line, areas);
    if (areas)
        fclose(areas);
    if (!there)
        printf("       no swap in this guest\n");
    return there;
}

// Swapped out and in again, in between stores that only the attacher makes.
static void swapped(void) {
    if (!there_is_swap())
        return;
    struct peer owner = start();
    for (int round = 1; round < 12; round++) {
        EQ(ask(&owner, owner_pages_out, 0), 0);
        if (round == 1)
            CHECK(ask(&owner, owner_resident, 0) < PAGES);
        for (int page = 0; page < PAGES; page++) {
            READS(pages + page * PAGE, round == 1 ? page + 1 : round - 1 + page);
            EQ(poke(pages + page * PAGE, (unsigned char)(round + page)), 0);
        }
        EQ(ask(&owner, owner_pages_out, 0), 0);
        for (int page = 0; page < PAGES; page++)
            EQ(ask(&owner, owner_reads, page), round + page);
    }
}

static long owner_maps_and_reads(long unused) {
    (void)unused;
    for (int page = 0; page < PAGES; page++)
        EQ(memory[page * PAGE], 0);
    return make_all();
}

// The owner has only read its pages, which may be dropped as clean: a store of the
// attacher's must count as one of the owner's.
static void stores_to_clean_pages(void) {
    if (!there_is_swap())
        return;
    file = memfd_create("clean", MFD_CLOEXEC);
    EQ(ftruncate(file, PAGES * PAGE), 0);
    memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    CHECK(memory != MAP_FAILED);
    struct peer owner = peer_start();
    attach_to(&owner, owner_maps_and_reads);
    EQ(munmap(memory, PAGES * PAGE), 0);
    for (int page = 0; page < PAGES; page++)
        READS(pages + page * PAGE, 0);
    for (int page = 0; page < PAGES; page++)
        EQ(poke(pages + page * PAGE, (unsigned char)(page + 1)), 0);
    EQ(ask(&owner, owner_pages_out, 0), 0);
    CHECK(ask(&owner, owner_resident, 0) < PAGES);
    for (int page = 0; page < PAGES; page++)
        EQ(ask(&owner, owner_reads, page), page + 1);
}

const struct test recall_tests[] = {
    {"unmapped", unmapped},
    {"mapped_over", mapped_over},
    {"dont_need", dont_need},
    {"moved_away", moved_away},
    {"made_read_only", made_read_only},
    {"made_inaccessible", made_inaccessible},
    {"read_only_from_the_start", read_only_from_the_start},
    {"forked_and_the_owner_writes", forked_and_the_owner_writes},
    {"forked_and_the_attacher_writes", forked_and_the_attacher_writes},
    {"the_child_goes_first", the_child_goes_first},
    {"an_attacher_forks", an_attacher_forks},
    {"exited", exited},
    {"killed", killed},
    {"executed", executed},
    {"executed_with_the_descriptor", executed_with_the_descriptor},
    {"removed", removed},
    {"a_memfd_changed_by_others", a_memfd_changed_by_others},
    {"a_file_changed_by_others", a_file_changed_by_others},
    {"private_file_mappings", private_file_mappings},
    {"untouched_memory", untouched_memory},
    {"huge_pages", huge_pages},
    {"hugetlb_pages", hugetlb_pages},
    {"user_faults_at_the_owner", user_faults_at_the_owner},
    {"swapped", swapped},
    {"stores_to_clean_pages", stores_to_clean_pages},
    {NULL, NULL},
};
