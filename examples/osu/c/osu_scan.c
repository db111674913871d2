/* Mean time of MPI_Scan. */
#include "bench.h"

static void call(const struct exchange *x)
{
    MPI_Scan(x->send, x->receive, x->count, x->type, MPI_SUM, MPI_COMM_WORLD);
}

COLLECTIVE_MAIN({
    .program = {.name = "osu_scan", .title = "MPI Scan Latency Test",
                .family = COLLECTIVE, .reduces = true},
    .pattern = SCANNED,
    .call = call,
})
