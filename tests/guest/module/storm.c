// Faults against recalls, as fast as they go: nothing stale, nothing lost, nothing
// left behind, no process that cannot be killed.
//
// Seconds below bound how long a storm lasts; no test asks how far it came but
// that it came somewhere. A storm that is to be killed is waited for until it is
// under way, however long that takes on a machine that has other things to do.
#include "driver.h"

#include <pthread.h>
#include <sys/prctl.h>

#define PAGES 64
#define SECONDS 4
#define ATTACHERS 3
// Reads by each attacher after which a storm is one.
#define UNDER_WAY 50

// What owner and attachers tell each other, beside the attached memory. A page's
// stamp counts its renewals: it lies in the page's first word.
struct board {
    _Atomic long begun[PAGES];  // the stamp that the page is about to get
    _Atomic long done[PAGES];   // the stamp that it has for sure
    _Atomic long reads, gaps, wrong, child_wrong, lost, stop;
    _Atomic long by[ATTACHERS];  // the reads of each attacher
    long segid;
};
static struct board *board;
static _Atomic long *memory;  // the owner's
// What is renewed at once: a page, or as much as the module keeps one bit about. Only
// its first page is looked at.
static size_t stride = PAGE;
static long count = PAGES;
// Attaches anew for every few reads, so that most of them are faults.
static bool reattaching;

static _Atomic long *word_of(_Atomic long *start, long page, int word) {
    return start + page * (stride / sizeof(long)) + word;
}

// A long read through a mapping that may be gone: false where it is.
static bool load(_Atomic long *address, long *value) {
    unsigned char byte;
    if (peek(address, &byte))
        return false;
    // The page may go between the two: the bytes are read one by one.
    for (size_t i = 0; i < sizeof *value; i++)
        if (peek((char *)address + i, (unsigned char *)value + i))
            return false;
    return true;
}

static void renew(long page, long how) {
    char *at = (char *)word_of(memory, page, 0);
    long stamp = atomic_load(&board->done[page]) + 1;
    atomic_store(&board->begun[page], stamp);
    if (how == 0) {
        EQ(munmap(at, stride), 0);
    } else if (how == 1) {
        EQ(madvise(at, stride, MADV_DONTNEED), 0);
    }
    if (how != 1)
        CHECK(mmap(at, stride, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                   -1, 0) == at);
    // One byte at a time is how attachers read: the stamp is in one byte.
    atomic_store(word_of(memory, page, 0), stamp & 0xff);
    atomic_store(&board->done[page], stamp);
}

// A child whose memory must stay as it was, whatever attachers do meanwhile.
static void fork_and_watch(void) {
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        static long before[PAGES][2];
        for (long page = 0; page < count; page++)
            for (int word = 0; word < 2; word++)
                before[page][word] = atomic_load(word_of(memory, page, word));
        usleep(2000);
        for (long page = 0; page < count; page++)
            for (int word = 0; word < 2; word++)
                if (atomic_load(word_of(memory, page, word)) != before[page][word])
                    atomic_fetch_add(&board->child_wrong, 1);
        _exit(0);
    }
}

static void owner_storms(void) {
    unsigned random = 1;
    while (!atomic_load(&board->stop)) {
        random = random * 1103515245 + 12345;
        renew((random >> 16) % count, (random >> 8) % 3);
        if ((random >> 16) % 64 == 0)
            fork_and_watch();
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
    }
    while (waitpid(-1, NULL, 0) > 0)
        ;
}

static void attacher_storms(int number) {
    long apid = get(board->segid, XPMEM_RDWR);
    CHECK(apid > 0);
    _Atomic long *pages = attach(apid, (long)memory, count * stride);
    CHECK(pages != MAP_FAILED);
    unsigned random = (unsigned)number * 7919;
    for (int turn = 1; !atomic_load(&board->stop); turn++) {
        if (reattaching && turn % 4 == 0) {
            EQ(detach((void *)pages), 0);
            pages = attach(apid, (long)memory, count * stride);
            // At the end the owner may be the first to leave.
            if (pages == MAP_FAILED && atomic_load(&board->stop))
                return;
            CHECK(pages != MAP_FAILED);
        }
        // The same page a few times: an old one would show in the second read.
        if (!reattaching || turn % 4 == 0)
            random = random * 1103515245 + 12345;
        long page = (random >> 16) % count, value;
        long least = atomic_load(&board->done[page]);
        if (!load(word_of(pages, page, 0), &value)) {
            atomic_fetch_add(&board->gaps, 1);
            continue;
        }
        long most = atomic_load(&board->begun[page]);
        atomic_fetch_add(&board->reads, 1);
        atomic_fetch_add(&board->by[number], 1);
        // A renewal in between shows as zero, or as any stamp since.
        bool fits = value == 0 && most > least;
        for (long stamp = least; stamp <= most && !fits; stamp++)
            fits = (stamp & 0xff) == value;
        if (!fits)
            atomic_fetch_add(&board->wrong, 1);
        // A store of our own stays, unless the page was renewed.
        volatile unsigned char *own = (unsigned char *)word_of(pages, page, 8 + number);
        unsigned char mine = (unsigned char)(random >> 24), back;
        least = atomic_load(&board->begun[page]);
        if (atomic_load(&board->done[page]) != least || poke(own, mine) || peek(own, &back))
            continue;
        if (back != mine && atomic_load(&board->begun[page]) == least)
            atomic_fetch_add(&board->lost, 1);
    }
    if (number & 1)
        detach((void *)pages);
}

// Waits until every attacher has read. The test's alarm ends a wait for ever.
static void await_storm(void) {
    for (int i = 0; i < ATTACHERS; i++)
        while (atomic_load(&board->by[i]) < UNDER_WAY)
            usleep(1000);
}

static void storm(bool kill_them) {
    board = shared(sizeof *board);
    char *room = fresh(count * stride + 2 * MIB);
    memory = (void *)(((uintptr_t)room + 2 * MIB - 1) & -(2 * MIB));
    int ready[2];
    EQ(pipe(ready), 0);
    fflush(stdout);
    pid_t owner = fork(), attachers[ATTACHERS];
    if (owner == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        board->segid = make_all();
        CHECK(board->segid > 0 && write(ready[1], "", 1) == 1);
        owner_storms();
        _exit(0);
    }
    char byte;
    EQ(read(ready[0], &byte, 1), 1);
    for (int i = 0; i < ATTACHERS; i++) {
        attachers[i] = fork();
        if (attachers[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            attacher_storms(i);
            _exit(0);
        }
    }
    if (!kill_them)
        usleep(SECONDS * 1000000);
    if (kill_them) {
        await_storm();
        // One of those who touch, and the owner under the other two.
        kill(attachers[0], SIGKILL);
        kill(owner, SIGKILL);
        usleep(50000);
    }
    atomic_store(&board->stop, 1);
    int status;
    EQ(waitpid(owner, &status, 0), owner);
    if (!kill_them)
        EQ(status, 0);
    for (int i = 0; i < ATTACHERS; i++) {
        EQ(waitpid(attachers[i], &status, 0), attachers[i]);
        if (!kill_them)
            EQ(status, 0);
    }
    if (!kill_them)
        printf("       %ld reads, %ld in gaps, %ld entries, %ld recalls\n", board->reads,
               board->gaps, stat_of("entries"), stat_of("recalls"));
    EQ(board->wrong, 0);
    EQ(board->lost, 0);
    EQ(board->child_wrong, 0);
    CHECK(board->reads > 0);
}

static void faults_against_recalls(void) { storm(false); }

static void kills_in_the_storm(void) {
    for (int round = 0; round < 8; round++) {
        alarm(HANGS_AFTER);  // for each anew
        storm(true);
        munmap(board, sizeof *board);
    }
}

static void faults_against_recalls_of_much(void) {
    stride = 2 * MIB;
    count = 4;
    reattaching = true;
    storm(false);
}

// Two processes that have attached each other: recalls of one lead to notices of
// the other, and each waits for the other's locks.
#define ARENA (8 * MIB)
struct half {
    _Atomic long segid;
};
static struct half *halves;
static char *arena;  // at the same address in both, private to each

static void *touches(void *start) {
    unsigned random = 99;
    char *pages = start;
    while (!atomic_load(&board->stop)) {
        random = random * 1103515245 + 12345;
        char *at = pages + (random >> 8) % (ARENA / PAGE) * PAGE;
        unsigned char value;
        if (random & 4)
            poke(at + 1, 1);
        else
            peek(at, &value);
        atomic_fetch_add(&board->reads, 1);
    }
    return NULL;
}

static void *renews(void *unused) {
    unsigned random = 5;
    (void)unused;
    while (!atomic_load(&board->stop)) {
        random = random * 1103515245 + 12345;
        char *at = arena + (random >> 8) % (ARENA / PAGE / 8) * 8 * PAGE;
        if (random & 64)
            madvise(at, 8 * PAGE, MADV_DONTNEED);
        else
            mmap(at, 8 * PAGE, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        fill(at, PAGE, 1);
        // A change that is always under way would leave nothing to be raced with.
        usleep(100);
    }
    return NULL;
}

// Attaches, touches, and unmaps in pieces.
static void *cuts(void *argument) {
    long apid = *(long *)argument;
    unsigned random = 17;
    while (!atomic_load(&board->stop)) {
        char *pages = attach(apid, (long)arena, ARENA);
        if (pages == MAP_FAILED)
            continue;
        for (int piece = 0; piece < 4; piece++) {
            unsigned char value;
            random = random * 1103515245 + 12345;
            char *at = pages + (random >> 8) % (ARENA / PAGE - 8) * PAGE;
            peek(at, &value);
            munmap(at, 8 * PAGE);
        }
        munmap(pages, ARENA);
    }
    return NULL;
}

static void storm_both_ways(int me) {
    long peer;
    atomic_store(&halves[me].segid, make_all());
    while (!(peer = atomic_load(&halves[1 - me].segid)))
        usleep(1000);
    CHECK(peer > 0);
    long apid = get(peer, XPMEM_RDWR);
    // The upper half of the peer's address space. In there are its attachments of
    // ours: taking back entries in one process is a change of memory to the other.
    unsigned long low = 1UL << 46;
    char *window = attach(apid, (long)low, (1UL << 46) - PAGE);
    CHECK(window != MAP_FAILED);
    pthread_t threads[4];
    EQ(pthread_create(&threads[0], NULL, touches, window + ((unsigned long)arena - low)), 0);
    EQ(pthread_create(&threads[1], NULL, renews, NULL), 0);
    EQ(pthread_create(&threads[2], NULL, cuts, &apid), 0);
    EQ(pthread_create(&threads[3], NULL, cuts, &apid), 0);
    while (!atomic_load(&board->stop)) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        waitpid(pid, NULL, 0);
        usleep(5000);
    }
    for (int i = 0; i < 4; i++)
        EQ(pthread_join(threads[i], NULL), 0);
}

static void attached_to_each_other(void) {
    board = shared(sizeof *board);
    halves = shared(PAGE);
    arena = fresh(ARENA);
    pid_t pids[2];
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            storm_both_ways(i);
            _exit(0);
        }
    }
    sleep(SECONDS);
    atomic_store(&board->stop, 1);
    for (int i = 0; i < 2; i++) {
        int status;
        EQ(waitpid(pids[i], &status, 0), pids[i]);
        EQ(status, 0);
    }
    printf("       %ld touches\n", board->reads);
    CHECK(board->reads > 0);
}

// Each of two processes has a piece of its attachment of the other's memory where
// the other may still have entries from before: taking back one leads to the other
// and from there to the first.
static char *window;  // 4 MiB, of which the upper half is the place
static char *attached;

static long makes_window(long unused) {
    (void)unused;
    window = (char *)(((uintptr_t)memory + 2 * MIB - 1) & -(2 * MIB));
    // The place is two mappings, which go one after the other: the module cannot know
    // that nothing is left of what it keeps one bit about.
    EQ(madvise(window + 3 * MIB, MIB, MADV_DONTDUMP), 0);
    return make_all();
}

static long attaches_window(long other) {
    attached = attach(get(other, XPMEM_RDWR), (long)window, 4 * MIB);
    CHECK(attached != MAP_FAILED);
    EQ(poke(attached, 1), 0);
    return poke(attached + 2 * MIB, 1);
}

static long moves_into_place(long unused) {
    char *place = window + 2 * MIB;
    (void)unused;
    EQ(munmap(place, MIB), 0);
    EQ(munmap(place + MIB, MIB), 0);
    CHECK(mremap(attached + 2 * MIB, 2 * MIB, 2 * MIB, MREMAP_MAYMOVE | MREMAP_FIXED,
                 place) == place);
    return 0;
}

static long changes_the_place(long unused) {
    (void)unused;
    return munmap(window + 4 * MIB - PAGE, PAGE);
}

static void each_in_the_other(void) {
    memory = fresh(8 * MIB);
    struct peer other = peer_start();
    long theirs = ask(&other, makes_window, 0), ours = makes_window(0);
    EQ(attaches_window(theirs), 0);
    EQ(ask(&other, attaches_window, ours), 0);
    EQ(moves_into_place(0), 0);
    EQ(ask(&other, moves_into_place, 0), 0);
    EQ(ask(&other, changes_the_place, 0), 0);
    EQ(changes_the_place(0), 0);
    READS(attached, 1);
    unsigned char value;
    EQ(peek(window + 2 * MIB, &value), SIGBUS);
    peer_exit(&other);
}

// Any command at any time from several threads, and a signal in the middle of it.
static long random_permits[8], random_segments[8];
static char *random_pages[8];

static void *any_command(void *seed) {
    unsigned random = (unsigned)(long)seed;
    while (!atomic_load(&board->stop)) {
        random = random * 1103515245 + 12345;
        int slot = (random >> 8) % 8, other = (random >> 12) % 8;
        unsigned char value;
        switch ((random >> 20) % 12) {
        case 0:
            random_segments[slot] = make_all();
            break;
        case 1:
            unmake(random_segments[slot]);
            break;
        case 2:
            random_permits[slot] = get(random_segments[other], (random >> 4) % 3);
            break;
        case 3:
            release(random_permits[slot]);
            break;
        case 4:
        case 5:
            random_pages[slot] = attach(random_permits[other], (long)memory, PAGES * PAGE);
            break;
        case 6:
            if (random_pages[slot] != MAP_FAILED && random_pages[slot])
                detach(random_pages[slot]);
            break;
        case 7:
            ioctl(device(), XPMEM_CMD_FORK_BEGIN, 0);
            ioctl(device(), XPMEM_CMD_FORK_END, 0);
            break;
        case 8:
            madvise((char *)memory + slot * PAGE, PAGE, MADV_DONTNEED);
            break;
        case 9:
            close(dup(device()));
            break;
        default:
            peek(random_pages[slot] + other * PAGE, &value);
            break;
        }
        atomic_fetch_add(&board->reads, 1);
    }
    return NULL;
}

static void any_order_of_commands(void) {
    board = shared(sizeof *board);
    memory = fresh(PAGES * PAGE);
    fflush(stdout);
    for (int round = 0; round < 6; round++) {
        atomic_store(&board->stop, 0);
        pid_t pid = fork();
        if (pid == 0) {
            pthread_t threads[3];
            device();
            for (long i = 0; i < 3; i++)
                EQ(pthread_create(&threads[i], NULL, any_command, (void *)(round * 3 + i + 1)), 0);
            for (int i = 0; i < 3; i++)
                pthread_join(threads[i], NULL);
            _exit(0);
        }
        usleep(500000);
        if (round & 1)
            kill(pid, SIGKILL);
        atomic_store(&board->stop, 1);
        int status;
        EQ(waitpid(pid, &status, 0), pid);
        EQ(status, round & 1 ? SIGKILL : 0);
    }
    printf("       %ld commands\n", board->reads);
    CHECK(board->reads > 0);
}

static long make_whole(long unused) {
    (void)unused;
    return make_all();
}

// An owner that stops answering: those who touch its memory can still be killed.
static void a_stopped_owner(void) {
    memory = fresh(PAGES * PAGE);
    board = shared(sizeof *board);
    struct peer owner = peer_start();
    board->segid = ask(&owner, make_whole, 0);
    kill(owner.pid, SIGSTOP);
    pid_t pid = fork();
    if (pid == 0) {
        long apid = get(board->segid, XPMEM_RDWR);
        char *pages = attach(apid, (long)memory, PAGES * PAGE);
        for (;;)
            poke(pages, 1);
    }
    usleep(100000);
    kill(pid, SIGKILL);
    int status;
    EQ(waitpid(pid, &status, 0), pid);
    EQ(status, SIGKILL);
    kill(owner.pid, SIGCONT);
    peer_exit(&owner);
}

const struct test storm_tests[] = {
    {"faults_against_recalls", faults_against_recalls},
    {"faults_against_recalls_of_much", faults_against_recalls_of_much},
    {"kills_in_the_storm", kills_in_the_storm},
    {"attached_to_each_other", attached_to_each_other},
    {"each_in_the_other", each_in_the_other},
    {"any_order_of_commands", any_order_of_commands},
    {"a_stopped_owner", a_stopped_owner},
    {NULL, NULL},
};
