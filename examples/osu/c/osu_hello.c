/* The smallest MPI program: start, say how many we are, finish. */
#include "bench.h"

#include <stdio.h>

static const struct program HELLO = {
    .name = "osu_hello", .title = "MPI Hello World Test", .family = STARTUP};

int main(int argc, char **argv)
{
    bench_begin(argc, argv, &HELLO);
    if (rank == 0 && !options.json)
        printf("# OSU-style %s (Lariat)\nThis is a test with %d processes\n", program->title, ranks);
    return bench_end();
}
