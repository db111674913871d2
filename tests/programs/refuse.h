/* A seccomp filter that refuses the kernel's copies between processes. */
#ifndef REFUSE_H
#define REFUSE_H

#include "check.h"
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* From here on the calls fail with this error, in all threads of the process. */
static void refuse(unsigned error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_writev, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof code / sizeof code[0], code};
    long refused = -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        refused = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
    if (refused) {
        fprintf(stderr, "no seccomp filter here: %s\n", strerror(errno));
        exit(77);
    }
    char a = 1, b = 0;
    struct iovec from = {&a, 1}, to = {&b, 1};
    CHECK(process_vm_readv(getpid(), &to, 1, &from, 1, 0) < 0 && (unsigned)errno == error,
          "the filter does not work");
}

#endif
