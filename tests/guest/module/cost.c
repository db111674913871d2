// What attaching, the first touch and later ones cost, beside process_vm_readv of
// the same bytes. Figures of an emulated guest: only their ratios mean anything.
//
// Prints, for each size: the best of several rounds in microseconds, and per MiB.
// At the end the first touch of 64 MiB by the module's parameter fault_around.
#include "driver.h"

#define LARGEST (64 * MIB)
#define ROUNDS 7

const struct test interface_tests[] = {{NULL, NULL}};
const struct test mapping_tests[] = {{NULL, NULL}};
const struct test recall_tests[] = {{NULL, NULL}};

static char *memory;
static long apid;
static struct peer owner;

static long owner_makes(long unused) {
    (void)unused;
    fill(memory, LARGEST, 1);
    return make_all();
}

static void set_fault_around(int pages) {
    FILE *file = fopen("/sys/module/xpmem/parameters/fault_around", "w");
    CHECK(file && fprintf(file, "%d", pages) > 0 && fclose(file) == 0);
}

static long sum;  // so that no load is left out

static void touch(const volatile char *pages, size_t size) {
    for (size_t at = 0; at < size; at += PAGE)
        sum += pages[at];
}

static double least(double left, double right) { return left < right ? left : right; }

struct cost {
    double attach, first, warm, detach;
};

static struct cost measure(size_t size) {
    struct cost best = {1e9, 1e9, 1e9, 1e9};
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        char *pages = attach(apid, (long)memory, size);
        double attached = now();
        CHECK(pages != MAP_FAILED);
        touch(pages, size);
        double touched = now();
        touch(pages, size);
        double again = now();
        EQ(detach(pages), 0);
        double end = now();
        best.attach = least(best.attach, attached - start);
        best.first = least(best.first, touched - attached);
        best.warm = least(best.warm, again - touched);
        best.detach = least(best.detach, end - again);
    }
    return best;
}

static double readv_cost(char *to, size_t size) {
    double best = 1e9;
    struct iovec local = {to, size}, remote = {memory, size};
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        EQ(process_vm_readv(owner.pid, &local, 1, &remote, 1, 0), size);
        best = least(best, now() - start);
    }
    return best;
}

static void costs(void) {
    static const size_t sizes[] = {PAGE, 16 * PAGE, 64 * PAGE, MIB, 4 * MIB, 16 * MIB, LARGEST};
    memory = fresh(LARGEST);
    char *to = fresh(LARGEST);
    fill(to, LARGEST, 2);
    owner = peer_start();
    apid = get(ask(&owner, owner_makes, 0), XPMEM_RDWR);
    CHECK(apid > 0);
    printf("%10s %10s %10s %10s %10s %10s   (microseconds)\n", "KiB", "attach", "1st touch",
           "warm touch", "detach", "readv");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct cost cost = measure(sizes[i]);
        double readv = readv_cost(to, sizes[i]), mib = (double)sizes[i] / MIB;
        printf("%10zu %10.1f %10.1f %10.1f %10.1f %10.1f   per MiB: attach and first touch "
               "%.0f, readv %.0f\n",
               sizes[i] / 1024, cost.attach * 1e6, cost.first * 1e6, cost.warm * 1e6,
               cost.detach * 1e6, readv * 1e6, (cost.attach + cost.first) * 1e6 / mib,
               readv * 1e6 / mib);
    }
}

static void first_touch(void) {
    // Aligned, so that a block of pages is a fault and no more.
    memory = (char *)(((uintptr_t)fresh(LARGEST + 2 * MIB) + 2 * MIB - 1) & -(2 * MIB));
    owner = peer_start();
    apid = get(ask(&owner, owner_makes, 0), XPMEM_RDWR);
    double single = 0;
    for (int around = 1; around <= 512; around *= 2) {
        set_fault_around(around);
        long faults = stat_of("faults");
        struct cost cost = measure(LARGEST);
        faults = (stat_of("faults") - faults) / ROUNDS;
        if (around == 1)
            single = cost.first;
        printf("first touch of 64 MiB, fault_around %3d: %8.1f ms, %5ld faults, ratio %.3f\n",
               around, cost.first * 1e3, faults, cost.first / single);
        // The faults are counted, the times are not judged.
        EQ(faults, LARGEST / PAGE / (unsigned)around);
    }
}

const struct test storm_tests[] = {
    {"costs", costs},
    {"first_touch", first_touch},
    {NULL, NULL},
};
