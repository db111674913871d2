// What the attacher may do with an attachment: unmap, move, cut, protect it, use
// it in system calls, have very many or very large ones.
#include "driver.h"

#include <linux/futex.h>
#include <sys/resource.h>

#define PAGES 64

static char *memory;  // PAGES pages of the owner, page n filled with n + 1
static long apid;

static long owner_makes(long unused) {
    (void)unused;
    for (int page = 0; page < PAGES; page++)
        fill(memory + page * PAGE, PAGE, (unsigned char)(page + 1));
    return make(memory, PAGES * PAGE, 0600);
}

static long owner_reads(long page) { return memory[page * PAGE]; }

static struct peer start(void) {
    memory = fresh(PAGES * PAGE);
    struct peer owner = peer_start();
    long segid = ask(&owner, owner_makes, 0);
    CHECK(segid > 0);
    apid = get(segid, XPMEM_RDWR);
    CHECK(apid > 0);
    return owner;
}

static char *attach_whole(void) {
    char *pages = attach(apid, 0, PAGES * PAGE);
    CHECK(pages != MAP_FAILED);
    for (int page = 0; page < PAGES; page++)
        READS(pages + page * PAGE, page + 1);
    return pages;
}

static long attachments_settle(long wanted) {
    // A mapping's last reference goes when the call that took it returns.
    for (int tries = 0; stat_of("attachments") != wanted && tries < 200; tries++)
        usleep(10000);
    return stat_of("attachments");
}

static void munmap_whole(void) {
    struct peer owner = start();
    unsigned char value;
    for (int i = 0; i < 10; i++) {
        char *pages = attach_whole();
        EQ(munmap(pages, PAGES * PAGE), 0);
        EQ(peek(pages, &value), SIGSEGV);
    }
    EQ(attachments_settle(0), 0);
    EQ(release(apid), 0);
    EQ(ask(&owner, owner_reads, 5), 6);
}

static void munmap_in_part(void) {
    struct peer owner = start();
    char *pages = attach_whole();
    unsigned char value;
    EQ(munmap(pages + 10 * PAGE, PAGE), 0);
    EQ(munmap(pages + 30 * PAGE, 4 * PAGE), 0);
    EQ(munmap(pages + (PAGES - 1) * PAGE, PAGE), 0);
    EQ(munmap(pages, PAGE), 0);
    EQ(peek(pages + 10 * PAGE, &value), SIGSEGV);
    for (int page = 1; page < PAGES - 1; page++) {
        if (page == 10 || (page >= 30 && page < 34))
            continue;
        READS(pages + page * PAGE, page + 1);
    }
    // One piece names the whole.
    EQ(stat_of("attachments"), 1);
    EQ(detach(pages + 20 * PAGE), 0);
    EQ(peek(pages + 5 * PAGE, &value), SIGSEGV);
    EQ(peek(pages + 40 * PAGE, &value), SIGSEGV);
    EQ(attachments_settle(0), 0);
    EQ(ask(&owner, owner_reads, 10), 11);
}

static void map_over(void) {
    struct peer owner = start();
    char *pages = attach_whole();
    CHECK(mmap(pages + 8 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
    READS(pages + 8 * PAGE, 0);
    EQ(poke(pages + 9 * PAGE, 99), 0);
    READS(pages + 7 * PAGE, 8);
    READS(pages + 12 * PAGE, 13);
    EQ(ask(&owner, owner_reads, 9), 10);
    // And over all that is left of it.
    CHECK(mmap(pages, PAGES * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
               -1, 0) != MAP_FAILED);
    READS(pages + 20 * PAGE, 0);
    EQ(attachments_settle(0), 0);
    // The other way: an attachment over what is mapped, in the middle.
    CHECK(attach_at(apid, 3 * PAGE, 2 * PAGE, pages + 20 * PAGE) == pages + 20 * PAGE);
    READS(pages + 20 * PAGE, 4);
    READS(pages + 22 * PAGE, 0);
    EQ(munmap(pages, PAGES * PAGE), 0);
    EQ(attachments_settle(0), 0);
}

static long owner_writes(long page) {
    fill(memory + page * PAGE, PAGE, (unsigned char)(100 + page));
    return 0;
}

static long owner_renews(long page) {
    CHECK(mmap(memory + page * PAGE, PAGE, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
    return owner_writes(page);
}

static void mremap_moves(void) {
    struct peer owner = start();
    char *pages = attach_whole();
    unsigned char value;
    char *room = mmap(NULL, 3 * PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0);
    // Whole, then a part of it, then a shrunk one.
    char *moved = mremap(pages, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                         room);
    CHECK(moved == room);
    EQ(peek(pages, &value), SIGSEGV);
    for (int page = 0; page < PAGES; page++)
        READS(moved + page * PAGE, page + 1);
    char *part = mremap(moved + 16 * PAGE, 8 * PAGE, 8 * PAGE,
                        MREMAP_MAYMOVE | MREMAP_FIXED, room + 2 * PAGES * PAGE);
    CHECK(part == room + 2 * PAGES * PAGE);
    READS(part + PAGE, 18);
    EQ(peek(moved + 17 * PAGE, &value), SIGSEGV);
    CHECK(mremap(moved + 24 * PAGE, (PAGES - 24) * PAGE, 8 * PAGE, 0) != MAP_FAILED);
    READS(moved + 31 * PAGE, 32);
    EQ(peek(moved + 32 * PAGE, &value), SIGSEGV);
    FAILS((long)mremap(part, 8 * PAGE, 16 * PAGE, MREMAP_MAYMOVE), EFAULT);
    FAILS((long)mremap(part, 0, 8 * PAGE, MREMAP_MAYMOVE), EFAULT);
    // Recall finds the pieces where they are now.
    EQ(ask(&owner, owner_renews, 18), 0);
    READS(part + 2 * PAGE, 118);
    EQ(ask(&owner, owner_renews, 3), 0);
    READS(moved + 3 * PAGE, 103);
    EQ(poke(part + 3 * PAGE, 55), 0);
    EQ(ask(&owner, owner_reads, 19), 55);
    EQ(detach(part), 0);
    EQ(peek(moved, &value), SIGSEGV);
    EQ(attachments_settle(0), 0);
}

static void mprotect_by_the_attacher(void) {
    struct peer owner = start();
    char *pages = attach_whole();
    unsigned char value;
    EQ(mprotect(pages, 8 * PAGE, PROT_READ), 0);
    READS(pages, 1);
    EQ(poke(pages, 9), SIGSEGV);
    EQ(poke(pages + 8 * PAGE, 77), 0);
    EQ(mprotect(pages, 4 * PAGE, PROT_NONE), 0);
    EQ(peek(pages, &value), SIGSEGV);
    EQ(mprotect(pages, 8 * PAGE, PROT_READ | PROT_WRITE), 0);
    EQ(poke(pages, 66), 0);
    EQ(poke(pages + 5 * PAGE, 67), 0);
    EQ(ask(&owner, owner_reads, 0), 66);
    EQ(ask(&owner, owner_reads, 5), 67);
    EQ(ask(&owner, owner_reads, 8), 77);
    FAILS(mprotect(pages, PAGE, PROT_READ | PROT_EXEC), EACCES);
    EQ(detach(pages + PAGE), 0);
    EQ(peek(pages + 30 * PAGE, &value), SIGSEGV);
}

static long owner_protects(long protection) {
    return mprotect(memory, PAGES * PAGE, (int)protection);
}

// mprotect of the attacher must not bring back what the owner may not write.
static void mprotect_gains_nothing(void) {
    struct peer owner = start();
    char *pages = attach_whole();
    EQ(poke(pages, 50), 0);
    EQ(ask(&owner, owner_protects, PROT_READ), 0);
    READS(pages, 50);
    EQ(mprotect(pages, PAGES * PAGE, PROT_READ), 0);
    EQ(mprotect(pages, PAGES * PAGE, PROT_READ | PROT_WRITE), 0);
    EQ(poke(pages, 51), SIGBUS);
    EQ(poke(pages + PAGE, 51), SIGBUS);
    READS(pages, 50);
    EQ(ask(&owner, owner_protects, PROT_READ | PROT_WRITE), 0);
    EQ(poke(pages, 51), 0);
    EQ(ask(&owner, owner_reads, 0), 51);
}

static void madvise_of_the_attacher(void) {
    struct peer owner = start();
    char *pages = attach_whole();
    static const int refused[] = {MADV_DONTNEED, MADV_DOFORK, MADV_FREE, MADV_REMOVE,
                                  MADV_PAGEOUT, MADV_COLD};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        CHECK(madvise(pages, PAGES * PAGE, refused[i]) == -1);
    EQ(mlock(pages, PAGES * PAGE), 0);
    EQ(munlock(pages, PAGES * PAGE), 0);
    EQ(ask(&owner, owner_renews, 2), 0);
    READS(pages + 2 * PAGE, 102);
}

static void the_kernel_uses_it(void) {
    struct peer owner = start();
    char *pages = attach(apid, 0, PAGES * PAGE);
    char *file = fresh(PAGES * PAGE);
    int memfd = memfd_create("pages", MFD_CLOEXEC);
    // Nothing is touched before: the kernel's own accesses fault it in.
    EQ(write(memfd, pages, PAGES * PAGE), PAGES * PAGE);
    EQ(pread(memfd, file, PAGES * PAGE, 0), PAGES * PAGE);
    for (int page = 0; page < PAGES; page++)
        EQ(file[page * PAGE], page + 1);
    fill(file, PAGES * PAGE, 88);
    EQ(pwrite(memfd, file, PAGES * PAGE, 0), PAGES * PAGE);
    EQ(pread(memfd, pages, PAGES * PAGE, 0), PAGES * PAGE);
    EQ(ask(&owner, owner_reads, 33), 88);
    struct iovec local = {pages, PAGES * PAGE}, remote = {memory, PAGES * PAGE};
    EQ(process_vm_readv(owner.pid, &local, 1, &remote, 1, 0), PAGES * PAGE);
    // A private futex works, a shared one cannot.
    int *word = (int *)(pages + 40 * PAGE);
    *word = 1;
    struct timespec soon = {0, 1000000};
    FAILS(syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 1, &soon, NULL, 0), ETIMEDOUT);
    FAILS(syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 2, &soon, NULL, 0), EAGAIN);
    FAILS(syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
    // An atomic operation by the kernel on a page that is not entered yet.
    EQ(ask(&owner, owner_renews, 40), 0);
    EQ(syscall(SYS_futex, word + 8, FUTEX_WAKE_OP_PRIVATE, 1, 1, word,
               FUTEX_OP(FUTEX_OP_SET, 5, FUTEX_OP_CMP_EQ, 0)), 0);
    EQ(*word, 5);
    peer_kill(&owner, SIGKILL);
    FAILS(pread(memfd, pages, PAGES * PAGE, 0), EFAULT);
    FAILS(pwrite(memfd, pages, PAGES * PAGE, 0), EFAULT);
}

static void atomics(void) {
    struct peer owner = start();
    char *pages = attach(apid, 0, PAGES * PAGE);
    // The first touch is a read-modify-write.
    EQ(atomic_fetch_add((_Atomic int *)(pages + PAGE), 1), 0x02020202);
    EQ(atomic_fetch_add((_Atomic int *)(pages + PAGE), 1), 0x02020203);
    EQ(ask(&owner, owner_reads, 1), 4);
}

static char *self_pages;

static void a_process_attaches_itself(void) {
    self_pages = fresh(16 * PAGE);
    fill(self_pages, 16 * PAGE, 3);
    long segid = make_all();
    long own = get(segid, XPMEM_RDWR);
    char *again = attach(own, (long)self_pages, 16 * PAGE);
    READS(again, 3);
    EQ(poke(again + PAGE, 4), 0);
    READS(self_pages + PAGE, 4);
    FAILS((long)attach_at(own, (long)self_pages, 2 * PAGE, self_pages + PAGE), EINVAL);
    // Attached memory cannot be attached again.
    unsigned char value;
    char *third = attach(own, (long)again, 16 * PAGE);
    EQ(peek(third, &value), SIGBUS);
    EQ(madvise(self_pages, 16 * PAGE, MADV_DONTNEED), 0);
    READS(again + PAGE, 0);
    EQ(munmap(self_pages, 16 * PAGE), 0);
    EQ(peek(again, &value), SIGBUS);
}

static long whole_segid(long unused) {
    (void)unused;
    for (int page = 0; page < PAGES; page++)
        fill(memory + page * PAGE, PAGE, (unsigned char)(page + 1));
    return make_all();
}

// Windows of 1 GiB over the whole address space, most of it empty.
static void large_windows(void) {
    memory = fresh(PAGES * PAGE);
    struct peer owner = peer_start();
    long segid = ask(&owner, whole_segid, 0);
    apid = get(segid, XPMEM_RDWR);
    unsigned long start = (unsigned long)memory & ~(GIB - 1);
    unsigned char value;
    // At the bottom of the address space, around the memory, over nothing at all.
    char *bottom = attach(apid, 0, 16 * GIB);
    char *around = attach(apid, (long)start, 2 * GIB);
    char *nothing = attach(apid, 1L << 45, 64 * GIB);
    CHECK(bottom != MAP_FAILED && around != MAP_FAILED && nothing != MAP_FAILED);
    for (int page = 0; page < PAGES; page++)
        READS(around + ((unsigned long)memory - start) + page * PAGE, page + 1);
    EQ(peek(bottom, &value), SIGBUS);
    EQ(peek(nothing + 33 * GIB, &value), SIGBUS);
    EQ(ask(&owner, owner_renews, 4), 0);
    READS(around + ((unsigned long)memory - start) + 4 * PAGE, 104);
    FAILS((long)attach(apid, 0, 1UL << 47), EINVAL);
    FAILS((long)attach(apid, 0, (1UL << 47) - PAGE), ENOMEM);
    EQ(detach(bottom), 0);
    EQ(detach(nothing + GIB), 0);
    EQ(detach(around), 0);
    EQ(attachments_settle(0), 0);
}

// As many attachments as a process may have mappings, and none is lost.
static void many_attachments(void) {
    struct peer owner = start();
    int max = 0;
    FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
    CHECK(file && fscanf(file, "%d", &max) == 1);
    fclose(file);
    file = fopen("/proc/sys/vm/max_map_count", "w");
    CHECK(file && fprintf(file, "2000") == 4 && fclose(file) == 0);
    int made = 0;
    char *last = NULL;
    for (char *pages; (pages = attach(apid, 0, PAGE)) != MAP_FAILED; made++) {
        READS(pages, 1);
        last = pages;
    }
    EQ(errno, ENOMEM);
    CHECK(made > 1900 && made < 2000);
    EQ(stat_of("attachments"), made);
    EQ(detach(last), 0);
    CHECK(attach(apid, 0, PAGE) != MAP_FAILED);
    // One change of the owner reaches all of them.
    EQ(ask(&owner, owner_renews, 0), 0);
    READS(last - 0, 100);
    EQ(release(apid), 0);
    EQ(attachments_settle(0), 0);
    file = fopen("/proc/sys/vm/max_map_count", "w");
    CHECK(file && fprintf(file, "%d", max) > 0 && fclose(file) == 0);
}

static void many_permits(void) {
    struct peer owner = start();
    enum { MANY = 20000 };
    static long permits[MANY];
    long segid = ask(&owner, owner_makes, 0);
    for (int i = 0; i < MANY; i++) {
        permits[i] = get(segid, XPMEM_RDWR);
        CHECK(permits[i] > 0);
    }
    for (int i = 0; i < MANY / 2; i++)
        EQ(release(permits[i]), 0);
    READS((char *)attach(permits[MANY - 1], 0, PAGE), 1);
}

// As /proc/self/smaps has it: no file, nothing resident, and the flags that keep it
// out of core dumps and of children.
static void how_it_looks(void) {
    struct peer owner = start();
    char *pages = attach_whole(), line[400], flags[400] = "";
    FILE *smaps = fopen("/proc/self/smaps", "r");
    long resident = -1;
    unsigned long from, to;
    bool ours = false;
    CHECK(smaps);
    while (fgets(line, sizeof line, smaps)) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
            ours = from == (unsigned long)pages;
        } else if (ours) {
            sscanf(line, "Rss: %ld", &resident);
            if (!strncmp(line, "VmFlags:", 8))
                strcpy(flags, line);
        }
    }
    fclose(smaps);
    EQ(resident, 0);
    static const char *const wanted[] = {" rd ", " wr ", " sh ", " pf ", " io ", " dc ", " de ", " dd "};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        CHECK(strstr(flags, wanted[i]));
    peer_exit(&owner);
}

const struct test mapping_tests[] = {
    {"munmap_whole", munmap_whole},
    {"munmap_in_part", munmap_in_part},
    {"map_over", map_over},
    {"mremap_moves", mremap_moves},
    {"mprotect_by_the_attacher", mprotect_by_the_attacher},
    {"mprotect_gains_nothing", mprotect_gains_nothing},
    {"madvise_of_the_attacher", madvise_of_the_attacher},
    {"the_kernel_uses_it", the_kernel_uses_it},
    {"atomics", atomics},
    {"a_process_attaches_itself", a_process_attaches_itself},
    {"large_windows", large_windows},
    {"many_attachments", many_attachments},
    {"many_permits", many_permits},
    {"how_it_looks", how_it_looks},
    {NULL, NULL},
};
