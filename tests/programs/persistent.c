/* Persistent requests in every mode (MPI 5.0, 3.9), started one by one and all
   at once. */
#include "check.h"

int main(void)
{
    START();
    static const int sizes[] = {0, 8, 5000, 200000};
    char *out = room(200000), *in[4];
    int peer = rank ^ 1, attached = 4 * (200000 + MPI_BSEND_OVERHEAD), flag = -1;
    void *attach = room((size_t)attached);
    MPI(MPI_Buffer_attach(attach, attached));
    for (int i = 0; i < 4; i++)
        in[i] = room(200000);
    for (int s = 0; s < 4 && peer < ranks; s++) {
        int len = sizes[s];
        MPI_Request all[8];
        MPI_Status statuses[8];
        MPI(MPI_Send_init(out, len, MPI_BYTE, peer, 0, MPI_COMM_WORLD, &all[0]));
        MPI(MPI_Ssend_init(out, len, MPI_BYTE, peer, 1, MPI_COMM_WORLD, &all[1]));
        MPI(MPI_Bsend_init(out, len, MPI_BYTE, peer, 2, MPI_COMM_WORLD, &all[2]));
        MPI(MPI_Rsend_init(out, len, MPI_BYTE, peer, 3, MPI_COMM_WORLD, &all[3]));
        for (int i = 0; i < 4; i++)
            MPI(MPI_Recv_init(in[i], len, MPI_BYTE, i % 2 ? MPI_ANY_SOURCE : peer, i, MPI_COMM_WORLD, &all[4 + i]));
        /* Inactive requests complete at once, with an empty status. */
        MPI(MPI_Waitall(8, all, statuses));
        EQ(statuses[0].MPI_SOURCE, MPI_ANY_SOURCE);
        MPI(MPI_Test(&all[5], &flag, &statuses[0]));
        EQ(flag, 1);
        int index = -7;
        MPI(MPI_Waitany(8, all, &index, MPI_STATUS_IGNORE));
        EQ(index, MPI_UNDEFINED);
        for (int round = 0; round < 5; round++) {
            fill(out, (size_t)len, (unsigned)(rank * 10 + round));
            for (int i = 0; i < 4; i++)
                memset(in[i], 0, (size_t)len);
            MPI(MPI_Startall(4, all + 4));
            /* The receives are there, as ready mode wants. */
            MPI(MPI_Sendrecv(NULL, 0, MPI_BYTE, peer, 9, NULL, 0, MPI_BYTE, peer, 9, MPI_COMM_WORLD,
                             MPI_STATUS_IGNORE));
            if (round % 2)
                MPI(MPI_Startall(4, all));
            else
                for (int i = 0; i < 4; i++)
                    MPI(MPI_Start(&all[i]));
            MPI(MPI_Waitall(8, all, statuses));
            for (int i = 0; i < 4; i++) {
                int count = -1;
                MPI(MPI_Get_count(&statuses[4 + i], MPI_BYTE, &count));
                EQ(count, len);
                EQ(statuses[4 + i].MPI_SOURCE, peer);
                EQ(statuses[4 + i].MPI_TAG, i);
                FILLED(in[i], (size_t)len, (unsigned)(peer * 10 + round));
                CHECK(all[i] != MPI_REQUEST_NULL && all[4 + i] != MPI_REQUEST_NULL, "");
            }
        }
        for (int i = 0; i < 8; i++) {
            MPI(MPI_Request_free(&all[i]));
            CHECK(all[i] == MPI_REQUEST_NULL, "");
        }
    }
    MPI(MPI_Buffer_detach(&attach, &attached));
    PASSED();
}
