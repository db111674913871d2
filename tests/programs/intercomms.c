/* Intercommunicators (MPI 5.0, 7.6): made between the two halves of the world,
   duplicated, split, merged. One rank has nobody to talk to, and tries errors. */
#include "comms.h"

static int low, here, there, own; /* side sizes and the rank within one */

static void merged(MPI_Comm inter, int side)
{
    MPI_Comm both;
    /* The side that says high comes second. */
    MPI(MPI_Intercomm_merge(inter, side == 0, &both));
    WORKS(both, ranks, side ? own : there + own);
    MPI(MPI_Comm_free(&both));
    MPI(MPI_Intercomm_merge(inter, side == 1, &both));
    WORKS(both, ranks, side ? there + own : own);
    EQ(compare(both, MPI_COMM_WORLD), MPI_CONGRUENT);
    MPI(MPI_Comm_free(&both));
    MPI(MPI_Intercomm_merge(inter, 1, &both)); /* nobody yields: any order */
    WORKS(both, ranks, -1);
    MPI(MPI_Comm_free(&both));
}

static void derived(MPI_Comm inter)
{
    MPI_Comm dup, later, part;
    MPI_Request request;
    MPI_Group mine, first;
    MPI(MPI_Comm_dup(inter, &dup));
    TALKS(dup, here, there);
    EQ(compare(inter, dup), MPI_CONGRUENT);
    EQ(compare(inter, MPI_COMM_WORLD), MPI_UNEQUAL);
    MPI(MPI_Comm_idup(dup, &later, &request));
    TALKS(dup, here, there);
    MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    TALKS(later, here, there);
    MPI(MPI_Comm_free(&later));

    /* By parity of the rank within the side: sides of unlike sizes may lack one. */
    int parity = own % 2, local = (here + !parity) / 2, remote = (there + !parity) / 2;
    MPI(MPI_Comm_split(dup, parity, own, &part));
    if (remote == 0)
        NONE(part);
    else {
        TALKS(part, local, remote);
        MPI(MPI_Comm_free(&part));
    }
    MPI(MPI_Comm_split(dup, own ? MPI_UNDEFINED : 3, 0, &part));
    if (own)
        NONE(part);
    else {
        TALKS(part, 1, 1);
        MPI(MPI_Comm_free(&part));
    }

    /* The first of each side. */
    MPI(MPI_Comm_group(dup, &mine));
    MPI(MPI_Group_incl(mine, 1, &(int){0}, &first));
    MPI(MPI_Comm_create(dup, first, &part));
    if (own)
        NONE(part);
    else {
        TALKS(part, 1, 1);
        MPI(MPI_Comm_free(&part));
    }
    MPI(MPI_Group_free(&first));
    MPI(MPI_Group_free(&mine));
    MPI(MPI_Comm_free(&dup));
}

static void by_type(MPI_Comm inter)
{
    MPI_Comm part;
    if (getenv("SEVERAL_HOSTS")) /* then not all ranks share memory */
        return;
    MPI(MPI_Comm_split_type(inter, MPI_COMM_TYPE_SHARED, own, MPI_INFO_NULL, &part));
    TALKS(part, here, there);
    MPI(MPI_Comm_free(&part));
    MPI(MPI_Comm_split_type(inter, MPI_UNDEFINED, 0, MPI_INFO_NULL, &part));
    NONE(part);
    /* All of it is no strict part, but without the last of each side it is. */
    int left_out = own > 0 && own == here - 1, both = here - (here > 1), all = there - (there > 1);
    MPI(MPI_Comm_split_type(inter, left_out ? MPI_UNDEFINED : MPI_COMM_TYPE_HW_UNGUIDED, own,
                            MPI_INFO_NULL, &part));
    if (left_out)
        NONE(part);
    else if (ranks > 2) {
        TALKS(part, both, all);
        MPI(MPI_Comm_free(&part));
    } else if (part != MPI_COMM_NULL)
        MPI(MPI_Comm_free(&part));
}

static void groups(MPI_Comm inter, int side)
{
    MPI_Group world, local, remote, half;
    int result;
    MPI(MPI_Comm_group(MPI_COMM_WORLD, &world));
    MPI(MPI_Comm_group(inter, &local));
    MPI(MPI_Comm_remote_group(inter, &remote));
    int range[1][3] = {{side ? 0 : low, side ? low - 1 : ranks - 1, 1}};
    MPI(MPI_Group_range_incl(world, 1, range, &half));
    MPI(MPI_Group_compare(remote, half, &result));
    EQ(result, MPI_IDENT);

    MPI_Comm again;
    MPI(MPI_Intercomm_create_from_groups(local, 0, remote, there - 1 ? 0 : there - 1, "bridge", MPI_INFO_NULL, MPI_ERRORS_RETURN, &again));
    TALKS(again, here, there);
    MPI(MPI_Comm_disconnect(&again));
    MPI(MPI_Group_free(&half));
    MPI(MPI_Group_free(&remote));
    MPI(MPI_Group_free(&local));
    MPI(MPI_Group_free(&world));
}

int main(void)
{
    START();
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    MPI_Comm half, inter, bad;
    if (ranks == 1) {
        FAILS(MPI_Intercomm_create(MPI_COMM_SELF, 0, MPI_COMM_WORLD, 1, 0, &bad), MPI_ERR_RANK);
        FAILS(MPI_Intercomm_create(MPI_COMM_SELF, 1, MPI_COMM_WORLD, 0, 0, &bad), MPI_ERR_RANK);
        FAILS(MPI_Intercomm_create(MPI_COMM_SELF, 0, MPI_COMM_NULL, 0, 0, &bad), MPI_ERR_COMM);
        FAILS(MPI_Intercomm_create(MPI_COMM_SELF, 0, MPI_COMM_WORLD, 0, 0, &bad), MPI_ERR_COMM);
        FAILS(MPI_Intercomm_merge(MPI_COMM_WORLD, 0, &bad), MPI_ERR_COMM);
        PASSED();
    }
    /* A small side and a large one. */
    low = ranks / 3 + 1;
    int side = rank >= low;
    here = side ? ranks - low : low;
    there = ranks - here;
    own = side ? rank - low : rank;
    MPI(MPI_Comm_split(MPI_COMM_WORLD, side, rank, &half));
    for (int turn = 0; turn < 3; turn++) {
        int leader = turn == 1 ? here - 1 : 0, far = turn == 1 ? there - 1 : 0;
        MPI(MPI_Intercomm_create(half, leader, MPI_COMM_WORLD, far + (side ? 0 : low), turn, &inter));
        TALKS(inter, here, there);
        if (turn == 2) {
            merged(inter, side);
            derived(inter);
            groups(inter, side);
            by_type(inter);
        }
        MPI(MPI_Comm_free(&inter));
    }
    /* A leader that fails alone lets nobody wait. */
    MPI_Comm peer = own == 0 ? MPI_COMM_NULL : MPI_COMM_WORLD;
    CHECK(MPI_Intercomm_create(half, 0, peer, 0, 9, &bad) != MPI_SUCCESS, "not so");
    MPI(MPI_Comm_free(&half));
    PASSED();
}
