#!/bin/bash
# Valgrind 3.19.0 (Debian 12) refuses a reservation of 64 GiB, and all together more than
# 112 GiB of them, with EINVAL.
#
# mmap(2) gives EINVAL for arguments that are wrong, and ENOMEM where there is no room. The
# same calls succeed without valgrind: reservations without access (PROT_NONE,
# MAP_NORESERVE) cost nothing. A program that takes EINVAL for a bug of its own, and not for
# a lack of room, does not fall back to less.
. "$(dirname "$0")/common.sh"

apt-get --quiet=2 download valgrind=1:3.19.0-1
dpkg -x valgrind_*.deb valgrind

cat >reserve.c <<'END'
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

static void *reserve(size_t gibibytes)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    return mmap(NULL, gibibytes << 30, PROT_NONE, flags, -1, 0);
}

int main(void)
{
    size_t alone[] = {32, 56, 64};
    for (int i = 0; i < 3; i++) {
        errno = 0;
        void *at = reserve(alone[i]);
        printf("%zu GiB: %s\n", alone[i],
               at != MAP_FAILED ? "reserved" : errno == EINVAL ? "EINVAL" : "another error");
        if (at != MAP_FAILED)
            munmap(at, alone[i] << 30);
    }
    int together = 0;
    while (together < 100 && reserve(8) != MAP_FAILED)
        together++;
    printf("times 8 GiB: %d\n", together);
    return 0;
}
END
gcc -O1 -o reserve reserve.c

{
    echo "alone"
    ./reserve
    echo "under valgrind"
    VALGRIND_LIB=$work/valgrind/usr/libexec/valgrind valgrind/usr/bin/valgrind -q ./reserve
} | stated \
    "alone" "32 GiB: reserved" "56 GiB: reserved" "64 GiB: reserved" "times 8 GiB: 100" \
    "under valgrind" "32 GiB: reserved" "56 GiB: reserved" "64 GiB: EINVAL" "times 8 GiB: 14"
