/* A rank talks to itself, on MPI_COMM_SELF and on MPI_COMM_WORLD, whichever of
   send and receive comes first. */
#include "check.h"
#include "sizes.h"

int main(void)
{
    START();
    size_t most = sizes[SIZES - 1];
    char *out = room(most), *in = room(most + 64);
    MPI_Comm comms[] = {MPI_COMM_SELF, MPI_COMM_WORLD};
    for (int which = 0; which < 2; which++) {
        MPI_Comm comm = comms[which];
        int me = which ? rank : 0, count = -1, flag = -1;
        for (int at = 0; at < SIZES; at++) {
            int len = (int)sizes[at];
            MPI_Request requests[2];
            MPI_Status status, statuses[2];
            for (int receive_first = 0; receive_first < 2; receive_first++) {
                for (int synchronous = 0; synchronous < 2; synchronous++) {
                    fill(out, sizes[at], (unsigned)(at * 4 + receive_first));
                    memset(in, 0x33, sizes[at] + 64);
                    if (receive_first)
                        MPI(MPI_Irecv(in, len, MPI_BYTE, me, at, comm, &requests[1]));
                    if (synchronous)
                        MPI(MPI_Issend(out, len, MPI_BYTE, me, at, comm, &requests[0]));
                    else
                        MPI(MPI_Isend(out, len, MPI_BYTE, me, at, comm, &requests[0]));
                    if (!receive_first) {
                        MPI(MPI_Probe(me, at, comm, &status));
                        MPI(MPI_Get_count(&status, MPI_BYTE, &count));
                        EQ(count, len);
                        if (synchronous) {
                            MPI(MPI_Test(&requests[0], &flag, MPI_STATUS_IGNORE));
                            EQ(flag, 0);
                        }
                        MPI(MPI_Irecv(in, len, MPI_BYTE, MPI_ANY_SOURCE, at, comm, &requests[1]));
                    }
                    MPI(MPI_Waitall(2, requests, statuses));
                    EQ(statuses[1].MPI_SOURCE, me);
                    MPI(MPI_Get_count(&statuses[1], MPI_BYTE, &count));
                    EQ(count, len);
                    FILLED(in, sizes[at], (unsigned)(at * 4 + receive_first));
                    ALL(in + sizes[at], 64, 0x33);
                }
            }
            MPI(MPI_Sendrecv(out, len, MPI_BYTE, me, 1, in, len, MPI_BYTE, me, 1, comm, &status));
            EQ(memcmp(in, out, sizes[at]), 0);
            fill(in, sizes[at], 99);
            MPI(MPI_Sendrecv_replace(in, len, MPI_BYTE, me, 1, me, 1, comm, &status));
            FILLED(in, sizes[at], 99);
        }
        /* Order holds here too. */
        MPI_Request many[100];
        int values[100], got = -1;
        for (int i = 0; i < 100; i++) {
            values[i] = i;
            MPI(MPI_Isend(&values[i], 1, MPI_INT, me, 3, comm, &many[i]));
        }
        for (int i = 0; i < 100; i++) {
            MPI(MPI_Recv(&got, 1, MPI_INT, me, MPI_ANY_TAG, comm, MPI_STATUS_IGNORE));
            EQ(got, i);
        }
        MPI(MPI_Waitall(100, many, MPI_STATUSES_IGNORE));
        /* A buffered send to oneself is local. */
        int size = 1000 + MPI_BSEND_OVERHEAD;
        void *attach = room((size_t)size);
        MPI(MPI_Buffer_attach(attach, size));
        MPI(MPI_Bsend(out, 1000, MPI_BYTE, me, 8, comm));
        MPI(MPI_Recv(in, 1000, MPI_BYTE, me, 8, comm, MPI_STATUS_IGNORE));
        EQ(memcmp(in, out, 1000), 0);
        MPI(MPI_Buffer_detach(&attach, &size));
        free(attach);
    }
    PASSED();
}
