/* Bytes of messages for programs that move gigabytes: written and compared a
   word at a time, different for every message and for every place in it, so
   that stale, shifted and missing bytes all show. */
#ifndef BYTES_H
#define BYTES_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "check.h"

enum { BLOCK = 256 }; /* words that are made at a time */

static inline uint64_t mixed(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline void make_block(uint64_t *block, uint64_t start)
{
    for (int i = 0; i < BLOCK; i++) {
        uint64_t z = (start + (uint64_t)i) * 0x9e3779b97f4a7c15u;
        block[i] = z ^ (z >> 29);
    }
}

/* Writes the bytes of the message `seed`. */
static inline void paint(void *buffer, size_t len, uint64_t seed)
{
    uint64_t block[BLOCK], start = mixed(seed);
    unsigned char *bytes = buffer;
    for (size_t at = 0; at < len; at += sizeof block, start += BLOCK) {
        make_block(block, start);
        memcpy(bytes + at, block, len - at < sizeof block ? len - at : sizeof block);
    }
}

/* How many of the bytes are those of the message `seed`: len if all are. */
static inline size_t painted(const void *buffer, size_t len, uint64_t seed)
{
    uint64_t block[BLOCK], start = mixed(seed);
    const unsigned char *bytes = buffer;
    for (size_t at = 0; at < len; at += sizeof block, start += BLOCK) {
        size_t n = len - at < sizeof block ? len - at : sizeof block;
        make_block(block, start);
        if (memcmp(bytes + at, block, n))
            for (size_t i = 0; i < n; i++)
                if (bytes[at + i] != ((unsigned char *)block)[i])
                    return at + i;
    }
    return len;
}

/* The byte at `at` of the message `seed`. */
static inline unsigned char byte_of(size_t at, uint64_t seed)
{
    uint64_t z = (mixed(seed) + at / 8) * 0x9e3779b97f4a7c15u;
    z ^= z >> 29;
    return (unsigned char)(z >> (at % 8 * 8));
}

static inline void check_painted(const char *file, int line, const void *buffer, size_t len,
                                 uint64_t seed)
{
    size_t right = painted(buffer, len, seed), wrong = 0, last = right;
    const unsigned char *bytes = buffer;
    checks++;
    if (right == len)
        return;
    for (size_t i = right; i < len; i++)
        if (bytes[i] != byte_of(i, seed))
            wrong++, last = i;
    check_failed(file, line);
    fprintf(stderr,
            "byte %zu of %zu at %p is 0x%02x, wanted 0x%02x (message 0x%llx; %zu wrong bytes, "
            "the last is %zu)",
            right, len, buffer, bytes[right], byte_of(right, seed), (unsigned long long)seed, wrong,
            last);
    check_abort();
}
/* The bytes are those of the message `seed`. */
#define PAINTED(buffer, len, seed) check_painted(__FILE__, __LINE__, buffer, len, seed)

/* A number that depends on every byte. */
static inline uint64_t sum_of(const void *buffer, size_t len, uint64_t sum)
{
    const unsigned char *bytes = buffer;
    uint64_t lanes[4] = {sum, sum ^ 1, sum ^ 2, sum ^ 3}, words[4];
    size_t at = 0;
    for (; at + sizeof words <= len; at += sizeof words) {
        memcpy(words, bytes + at, sizeof words);
        for (int i = 0; i < 4; i++)
            lanes[i] = (lanes[i] ^ words[i]) * 0x9fb21c651e98df25u + (lanes[i] >> 32);
    }
    for (; at < len; at++)
        lanes[at % 4] = (lanes[at % 4] ^ bytes[at]) * 0x9fb21c651e98df25u + 1;
    return mixed(mixed(mixed(lanes[0]) + lanes[1]) + lanes[2]) + lanes[3];
}

/* Random numbers that are the same in every run. */
static inline uint64_t draw64(uint64_t *state)
{
    return mixed(*state += 0x9e3779b97f4a7c15u);
}

static inline unsigned draw(uint64_t *state, unsigned below)
{
    return (unsigned)((draw64(state) >> 32) % below);
}

/* A number argument of the program, or what stands for it. */
static inline long number(int argc, char **argv, int which, long otherwise)
{
    char *end = NULL;
    if (argc <= which)
        return otherwise;
    long n = strtol(argv[which], &end, 10);
    if (*end || end == argv[which]) {
        fprintf(stderr, "%s: argument %d is \"%s\", but a number is wanted\n", argv[0], which,
                argv[which]);
        exit(98);
    }
    return n;
}

/* Sizes in bytes around every place where the way of a large message may
   change: the least direct copy (16 KiB), the least shared one (48 KiB), pieces
   of 16 KiB, the eager limit (64 KiB), powers of two. */
static const size_t edges[] = {
    1, 8, 41, 65, 1024, 4096, 8192, 16384, 20480, 32768, 40960, 49152, 53248, 65536, 81920, 98304,
    114688, 131072, 147456, 262144, 524288, 1048576,
};
enum { EDGES = sizeof edges / sizeof edges[0] };

#endif
