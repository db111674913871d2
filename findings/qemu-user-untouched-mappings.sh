#!/bin/bash
# QEMU's user mode 7.2 (Debian 1:7.2+dfsg-7+deb12u18+b2), for a program that maps 16 GiB that it
# never touches (PROT_NONE, MAP_NORESERVE) and unmaps them again.
#
# Expected: as with a kernel, reserving addresses takes next to no memory, and what is unmapped takes
# none. Seen: the emulator keeps tables with an entry for each page of such a mapping, and does not
# give them back: after munmap it holds about 100 MB more than before. Programs that reserve large
# ranges of addresses (MPI libraries, sanitizers, garbage collectors) grow by them under qemu-user.
. "$(dirname "$0")/common.sh"

version=1:7.2+dfsg-7+deb12u18+b2
apt-get -qq download "qemu-user-static=$version"
dpkg -x qemu-user-static_*.deb root
cat >program.c <<'C'
#include <stdio.h>
#include <sys/mman.h>

int main(void)
{
    puts("before");
    fflush(stdout);
    getchar();
    void *at = mmap(NULL, 16UL << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED || munmap(at, 16UL << 30) != 0)
        return 1;
    puts("after");
    fflush(stdout);
    getchar();
    return 0;
}
C
cc -O1 -static -o program program.c

# The growth of a command's resident memory from `before` to `after`, as a class.
cat >watch.py <<'PYTHON'
import subprocess
import sys


def resident(pid):
    status = open(f"/proc/{pid}/status").read()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


program = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
seen = []
for word in ("before\n", "after\n"):
    assert program.stdout.readline() == word
    seen.append(resident(program.pid))
    program.stdin.write("\n")
    program.stdin.flush()
assert program.wait() == 0
growth = seen[1] - seen[0]
print(f"{sys.argv[1]}: {'more than 64 MiB' if growth > 64 else 'less than 1 MiB' if growth < 1 else growth} kept")
PYTHON
{
    python3 watch.py kernel ./program
    python3 watch.py 'qemu-x86_64 7.2' root/usr/bin/qemu-x86_64-static ./program
} | stated 'kernel: less than 1 MiB kept' 'qemu-x86_64 7.2: more than 64 MiB kept'
