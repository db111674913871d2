// What the tests of the kernel module share: a client of /dev/xpmem, an owner in
// a process of its own, touches that survive a signal, and checks.
//
// A test is a function that runs in a process of its own, as the attacher. It
// starts an owner by `peer_start` and lets it run functions by `ask`: both are
// forks of one program, so that a function's address means the same in either.
#ifndef DRIVER_H
#define DRIVER_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "xpmem_abi.h"

#define PAGE 4096UL
#define MIB (1UL << 20)
#define GIB (1UL << 30)

// Seconds after which a test counts as hung.
#define HANGS_AFTER 120

#define CHECK(what)                                                            \
    do {                                                                       \
        if (!(what))                                                           \
            fail(__FILE__, __LINE__, #what, 0, 1);                             \
    } while (0)

// Two numbers that must be equal.
#define EQ(left, right)                                                        \
    do {                                                                       \
        long left_ = (long)(left), right_ = (long)(right);                     \
        if (left_ != right_)                                                   \
            fail(__FILE__, __LINE__, #left " == " #right, left_, right_);      \
    } while (0)

// A call that must fail, and with which errno.
#define FAILS(call, with)                                                      \
    do {                                                                       \
        errno = 0;                                                             \
        long result_ = (long)(call);                                           \
        if (result_ >= 0 || errno != (with))                                   \
            fail(__FILE__, __LINE__, #call " fails with " #with,               \
                 result_ < 0 ? errno : 0, with);                               \
    } while (0)

_Noreturn void fail(const char *file, int line, const char *what, long left,
                    long right);

// The device. -1 and errno where it refuses; numbers are positive.
int device(void);       // opened once in each process, and again after a fork
int device_open(void);  // another descriptor
long make(void *start, size_t size, int mode);
long make_all(void);  // the whole address space, for the owner alone
long unmake(long segid);
long get(long segid, int flags);
long release(long apid);
void *attach(long apid, long offset, size_t size);  // MAP_FAILED where refused
void *attach_at(long apid, long offset, size_t size, void *where);
int detach(void *address);

// The value of a line of /proc/xpmem/stats, such as "entries".
long stat_of(const char *name);
// Objects alive of all kinds.
long alive(void);

// One byte read, or written: 0, or the signal that the touch would have ended in.
int peek(const volatile void *address, unsigned char *value);
int poke(volatile void *address, unsigned char value);
// A byte that can be read has this value.
#define READS(address, value)                                                  \
    do {                                                                       \
        unsigned char byte_ = 0;                                               \
        EQ(peek(address, &byte_), 0);                                          \
        EQ(byte_, value);                                                      \
    } while (0)

struct peer {
    pid_t pid;
    int to, from;
};
struct peer peer_start(void);
// Runs `call` in the peer and returns what it returns there.
long ask(struct peer *peer, long (*call)(long), long argument);
// Starts `call` there; `answer` waits for it.
void tell(struct peer *peer, long (*call)(long), long argument);
long answer(struct peer *peer);
// Ends it by a signal, or by _exit with 0.
void peer_kill(struct peer *peer, int signal);
void peer_exit(struct peer *peer);

// Private anonymous memory, untouched. Ends the test if there is none.
void *fresh(size_t size);
// Memory that this process and those it forks from now on share.
void *shared(size_t size);
void fill(void *start, size_t size, unsigned char value);
double now(void);  // seconds

struct test {
    const char *name;
    void (*run)(void);
};
extern const struct test interface_tests[], mapping_tests[], recall_tests[],
    storm_tests[];
#endif
