/* Message sizes in bytes around every place where the way of a message may
   change: one cache line, one cell, one fragment, the eager limit. */
#ifndef SIZES_H
#define SIZES_H

#include <stddef.h>

static const size_t sizes[] = {
    0,     1,     2,     7,     8,     9,     31,     39,     40,     41,
    47,    48,    49,    55,    56,    57,    63,     64,     65,     127,
    128,   129,   1023,  1024,  1025,  4031,  4032,   4033,   4095,   4096,
    4097,  8127,  8128,  8129,  8191,  8192,  8193,   16383,  16384,  16385,
    32767, 32768, 32769, 65471, 65472, 65473, 65535,  65536,  65537,  131071,
    131072, 131073, 262144, 262145, 1048575, 1048576, 1048577, 16777216,
};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

#endif
