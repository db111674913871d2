/* Runs a program without one system call, as a container's seccomp profile or another
   kernel may have it: the call gives the errno that is named.
   usage: no_call CALL ENOSYS|EPERM PROGRAM [ARGUMENT…] */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    const char *name;
    unsigned number;
} calls[] = {
    {"memfd_create", SYS_memfd_create}, {"pipe2", SYS_pipe2},
    {"eventfd2", SYS_eventfd2},         {"signalfd4", SYS_signalfd4},
    {"prctl", SYS_prctl},               {"setpgid", SYS_setpgid},
    {"membarrier", SYS_membarrier},     {"fallocate", SYS_fallocate},
    {"futex", SYS_futex},               {"pidfd_open", SYS_pidfd_open},
    {"madvise", SYS_madvise},           {"munlock", SYS_munlock},
    {"sched_setaffinity", SYS_sched_setaffinity},
    {"sched_getaffinity", SYS_sched_getaffinity},
    {"sched_yield", SYS_sched_yield},   {"prlimit64", SYS_prlimit64},
    {"sysinfo", SYS_sysinfo},           {"ftruncate", SYS_ftruncate},
    {"process_vm_readv", SYS_process_vm_readv},
};

int main(int argc, char **argv)
{
    unsigned number = ~0u;
    if (argc > 3)
        for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
            if (!strcmp(calls[i].name, argv[1]))
                number = calls[i].number;
    if (number == ~0u) {
        fprintf(stderr, "no_call: usage, or an unknown call\n");
        return 77;
    }
    unsigned code = strcmp(argv[2], "EPERM") ? ENOSYS : EPERM;
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | code),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof program / sizeof *program, program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) {
        perror("no_call: seccomp");
        return 77;
    }
    execvp(argv[3], argv + 3);
    perror(argv[3]);
    return 127;
}
