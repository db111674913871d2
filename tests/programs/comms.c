/* Making intracommunicators (MPI 5.0, 7.4): each constructor, with messages
   over what it made, and with wrong arguments. */
#include "comms.h"

static void duplicates(void)
{
    MPI_Comm dup, informed, later;
    MPI_Request request;
    MPI_Info info, used;
    int flag = 0;
    char value[16] = "";
    MPI(MPI_Comm_dup(MPI_COMM_WORLD, &dup));
    WORKS(dup, ranks, rank);
    EQ(compare(dup, MPI_COMM_WORLD), MPI_CONGRUENT);
    EQ(compare(dup, dup), MPI_IDENT);

    MPI(MPI_Info_create(&info));
    MPI(MPI_Info_set(info, "mpi_assert_no_any_tag", "true"));
    MPI(MPI_Info_set(info, "no_such_hint", "1"));
    MPI(MPI_Comm_dup_with_info(dup, info, &informed));
    MPI(MPI_Comm_get_info(informed, &used));
    MPI(MPI_Info_get(used, "mpi_assert_no_any_tag", 15, value, &flag));
    CHECK(flag && !strcmp(value, "true"), "%d %s", flag, value);
    MPI(MPI_Info_get(used, "no_such_hint", 15, value, &flag));
    EQ(flag, 0);
    MPI(MPI_Info_free(&used));
    MPI(MPI_Comm_get_info(dup, &used));
    MPI(MPI_Info_get(used, "mpi_assert_no_any_tag", 15, value, &flag));
    CHECK(flag && !strcmp(value, "false"), "%d %s", flag, value);
    MPI(MPI_Info_get(used, "mpi_memory_alloc_kinds", 15, value, &flag));
    CHECK(flag && !strcmp(value, "mpi,system"), "%d %s", flag, value);
    MPI(MPI_Info_free(&used));
    WORKS(informed, ranks, rank);

    /* Nonblocking, with other traffic on the parent meanwhile. */
    MPI_Comm many[5];
    MPI_Request requests[5];
    for (int i = 0; i < 5; i++)
        MPI(MPI_Comm_idup(MPI_COMM_WORLD, &many[i], &requests[i]));
    MPI(MPI_Comm_idup_with_info(dup, info, &later, &request));
    WORKS(MPI_COMM_WORLD, ranks, rank);
    WORKS(dup, ranks, rank);
    MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    MPI(MPI_Waitall(5, requests, MPI_STATUSES_IGNORE));
    WORKS(later, ranks, rank);
    for (int i = 4; i >= 0; i--) {
        WORKS(many[i], ranks, rank);
        EQ(compare(many[i], MPI_COMM_WORLD), MPI_CONGRUENT);
        MPI(MPI_Comm_free(&many[i]));
    }
    MPI(MPI_Info_free(&info));
    MPI(MPI_Comm_free(&later));
    MPI(MPI_Comm_free(&informed));
    MPI(MPI_Comm_disconnect(&dup));
    NONE(dup);
}

static void splits(void)
{
    MPI_Comm part, one, same;
    /* Three colors far apart, keys that turn the order around. */
    int color = rank % 3 * 1000000, size = 0, after = 0;
    for (int i = 0; i < ranks; i++)
        if (i % 3 == rank % 3) {
            size++;
            after += i > rank;
        }
    MPI(MPI_Comm_split(MPI_COMM_WORLD, color, -rank, &part));
    WORKS(part, size, after);

    /* Equal keys keep the order; undefined gets nothing. */
    MPI(MPI_Comm_split(MPI_COMM_WORLD, rank == 0 ? MPI_UNDEFINED : 5, 7, &one));
    if (rank == 0)
        NONE(one);
    else
        WORKS(one, ranks - 1, rank - 1);
    MPI(MPI_Comm_split(MPI_COMM_WORLD, MPI_UNDEFINED, 0, &same));
    NONE(same);
    MPI(MPI_Comm_split(part, 0, 0, &same));
    EQ(compare(part, same), MPI_CONGRUENT);
    MPI(MPI_Comm_free(&same));
    MPI(MPI_Comm_split(part, 0, -after, &same));
    EQ(compare(part, same), size > 1 ? MPI_SIMILAR : MPI_CONGRUENT);
    EQ(compare(part, MPI_COMM_WORLD), ranks > 1 ? MPI_UNEQUAL : MPI_CONGRUENT);
    MPI(MPI_Comm_free(&same));
    MPI(MPI_Comm_free(&part));
    if (one != MPI_COMM_NULL)
        MPI(MPI_Comm_free(&one));
    FAILS(MPI_Comm_split(MPI_COMM_SELF, -5, 0, &one), MPI_ERR_ARG);
}

static void types(void)
{
    MPI_Comm node;
    MPI_Info info;
    if (getenv("SEVERAL_HOSTS")) /* then not all ranks share memory */
        return;
    MPI(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, -rank, MPI_INFO_NULL, &node));
    WORKS(node, ranks, ranks - 1 - rank);
    MPI(MPI_Comm_free(&node));
    MPI(MPI_Comm_split_type(MPI_COMM_WORLD, rank ? MPI_COMM_TYPE_SHARED : MPI_UNDEFINED, 0, MPI_INFO_NULL, &node));
    if (rank == 0)
        NONE(node);
    else {
        WORKS(node, ranks - 1, rank - 1);
        MPI(MPI_Comm_free(&node));
    }
    MPI(MPI_Info_create(&info));
    MPI(MPI_Info_set(info, "mpi_hw_resource_type", "mpi_shared_memory"));
    MPI(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_HW_GUIDED, 0, info, &node));
    WORKS(node, ranks, rank);
    MPI(MPI_Comm_free(&node));
    MPI(MPI_Info_set(info, "mpi_hw_resource_type", "hwloc://Machine"));
    MPI(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_RESOURCE_GUIDED, 0, info, &node));
    WORKS(node, ranks, rank);
    MPI(MPI_Comm_free(&node));
    MPI(MPI_Info_set(info, "mpi_hw_resource_type", "no_such_thing"));
    MPI(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_HW_GUIDED, 0, info, &node));
    NONE(node);
    MPI(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_HW_GUIDED, 0, MPI_INFO_NULL, &node));
    NONE(node);
    MPI(MPI_Info_set(info, "mpi_pset_name", "mpi://SELF"));
    MPI(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_RESOURCE_GUIDED, 0, info, &node));
    WORKS(node, 1, 0);
    MPI(MPI_Comm_free(&node));
    MPI(MPI_Info_free(&info));

    /* Down the machine, level by level, each a strict part of the last. */
    MPI_Comm level;
    char kind[MPI_MAX_INFO_VAL];
    int found;
    MPI(MPI_Comm_dup(MPI_COMM_WORLD, &level));
    for (int depth = 0;; depth++) {
        int before, now;
        MPI(MPI_Comm_size(level, &before));
        MPI(MPI_Info_create(&info));
        MPI(MPI_Comm_split_type(level, MPI_COMM_TYPE_HW_UNGUIDED, 0, info, &node));
        MPI(MPI_Comm_free(&level));
        MPI(MPI_Info_get(info, "mpi_hw_resource_type", sizeof kind - 1, kind, &found));
        MPI(MPI_Info_free(&info));
        EQ(found, node != MPI_COMM_NULL);
        if (node == MPI_COMM_NULL)
            break;
        CHECK(!strncmp(kind, "hwloc://", 8), "%s", kind);
        MPI(MPI_Comm_size(node, &now));
        CHECK(now < before && depth < 10, "%d, %d", before, now);
        WORKS(node, now, -1);
        level = node;
    }

    /* Rank 0 does not say that the others split unguided: they are a part of all
       on one machine. */
    MPI(MPI_Info_create(&info));
    MPI(MPI_Comm_split_type(MPI_COMM_WORLD, rank ? MPI_COMM_TYPE_HW_UNGUIDED : MPI_UNDEFINED, 0,
                            info, &node));
    MPI(MPI_Info_get(info, "mpi_hw_resource_type", sizeof kind - 1, kind, &found));
    EQ(found, rank > 0);
    if (rank == 0)
        NONE(node);
    else {
        WORKS(node, ranks - 1, rank - 1);
        CHECK(!strcmp(kind, "hwloc://Machine"), "%s", kind);
        MPI(MPI_Comm_free(&node));
    }
    MPI(MPI_Info_free(&info));
    FAILS(MPI_Comm_split_type(MPI_COMM_SELF, 99, 0, MPI_INFO_NULL, &node), MPI_ERR_ARG);
}

static void from_groups(void)
{
    MPI_Group world, odd, even, mine, reverse;
    MPI_Comm comm;
    int last = ranks - 1;
    MPI(MPI_Comm_group(MPI_COMM_WORLD, &world));
    MPI(MPI_Group_range_incl(world, 1, (int[][3]){{0, last, 2}}, &even));
    MPI(MPI_Group_difference(world, even, &odd));
    MPI(MPI_Group_range_incl(world, 1, (int[][3]){{last, 0, -1}}, &reverse));

    /* A part of all: the others get nothing. */
    MPI(MPI_Comm_create(MPI_COMM_WORLD, even, &comm));
    if (rank % 2)
        NONE(comm);
    else {
        WORKS(comm, (ranks + 1) / 2, rank / 2);
        MPI(MPI_Comm_free(&comm));
    }
    /* Disjoint groups in one call. */
    mine = rank % 2 ? odd : even;
    MPI(MPI_Comm_create(MPI_COMM_WORLD, mine, &comm));
    WORKS(comm, (ranks + !(rank % 2)) / 2, rank / 2);
    MPI(MPI_Comm_free(&comm));
    MPI(MPI_Comm_create(MPI_COMM_WORLD, reverse, &comm));
    WORKS(comm, ranks, last - rank);
    EQ(compare(comm, MPI_COMM_WORLD), ranks > 1 ? MPI_SIMILAR : MPI_CONGRUENT);
    MPI(MPI_Comm_free(&comm));
    MPI(MPI_Comm_create(MPI_COMM_WORLD, MPI_GROUP_EMPTY, &comm));
    NONE(comm);

    /* Collective over the group only: the two parts in an order of their own. */
    for (int turn = 0; turn < 3; turn++) {
        MPI(MPI_Comm_create_group(MPI_COMM_WORLD, mine, turn, &comm));
        WORKS(comm, (ranks + !(rank % 2)) / 2, rank / 2);
        MPI(MPI_Comm_free(&comm));
    }
    if (rank % 2 == 0) {
        MPI(MPI_Comm_create_group(MPI_COMM_WORLD, even, 12345, &comm));
        WORKS(comm, (ranks + 1) / 2, rank / 2);
        MPI(MPI_Comm_free(&comm));
        MPI(MPI_Comm_create_from_group(even, "even", MPI_INFO_NULL, MPI_ERRORS_RETURN, &comm));
        WORKS(comm, (ranks + 1) / 2, rank / 2);
        MPI(MPI_Comm_free(&comm));
    }
    MPI(MPI_Comm_create_from_group(reverse, "all", MPI_INFO_NULL, MPI_ERRORS_RETURN, &comm));
    WORKS(comm, ranks, last - rank);

    /* A part of a part, and a group that is none. */
    MPI_Comm single;
    MPI_Group own;
    MPI(MPI_Group_incl(world, 1, &rank, &own));
    MPI(MPI_Comm_create(comm, own, &single));
    WORKS(single, 1, 0);
    if (ranks > 1)
        FAILS(MPI_Comm_create(single, world, &comm), MPI_ERR_GROUP);
    FAILS(MPI_Comm_create(single, MPI_GROUP_NULL, &comm), MPI_ERR_GROUP);
    FAILS(MPI_Comm_create_group(single, own, -1, &comm), MPI_ERR_TAG);
    MPI(MPI_Comm_free(&single));
    MPI(MPI_Comm_free(&comm));
    MPI(MPI_Group_free(&own));
    MPI(MPI_Group_free(&reverse));
    MPI(MPI_Group_free(&even));
    MPI(MPI_Group_free(&odd)); /* MPI_GROUP_EMPTY where there is one rank */
    CHECK(odd == MPI_GROUP_NULL, "not so");
    MPI(MPI_Group_free(&world));
}

static void names_and_errors(void)
{
    char name[MPI_MAX_OBJECT_NAME];
    int len = -1;
    MPI_Comm dup, copy;
    MPI(MPI_Comm_get_name(MPI_COMM_WORLD, name, &len));
    CHECK(!strcmp(name, "MPI_COMM_WORLD") && len == 14, "%s", name);
    MPI(MPI_Comm_get_name(MPI_COMM_SELF, name, &len));
    CHECK(!strcmp(name, "MPI_COMM_SELF"), "%s", name);
    MPI(MPI_Comm_get_name(MPI_COMM_NULL, name, &len));
    CHECK(!strcmp(name, "MPI_COMM_NULL") && len == 13, "%s", name);
    MPI(MPI_Comm_dup(MPI_COMM_WORLD, &dup));
    MPI(MPI_Comm_get_name(dup, name, &len));
    CHECK(!name[0] && len == 0, "%s", name);
    MPI(MPI_Comm_set_name(dup, "ropes"));
    MPI(MPI_Comm_get_name(dup, name, &len));
    CHECK(!strcmp(name, "ropes") && len == 5, "%s", name);
    char longer[300];
    memset(longer, 'x', 299);
    longer[299] = 0;
    MPI(MPI_Comm_set_name(dup, longer));
    MPI(MPI_Comm_get_name(dup, name, &len));
    EQ(len, MPI_MAX_OBJECT_NAME - 1);

    /* A freed communicator finishes what is under way, and its handle is stale. */
    int to = (rank + 1) % ranks, from = (rank + ranks - 1) % ranks, got = -1;
    MPI_Request requests[2];
    MPI(MPI_Irecv(&got, 1, MPI_INT, from, 1, dup, &requests[0]));
    MPI(MPI_Isend(&rank, 1, MPI_INT, to, 1, dup, &requests[1]));
    copy = dup;
    MPI(MPI_Comm_free(&dup));
    MPI(MPI_Waitall(2, requests, MPI_STATUSES_IGNORE));
    EQ(got, from);
    FAILS(MPI_Comm_size(copy, &got), MPI_ERR_COMM);
    FAILS(MPI_Comm_free(&copy), MPI_ERR_COMM);
    dup = MPI_COMM_NULL;
    FAILS(MPI_Comm_free(&dup), MPI_ERR_COMM);
    dup = MPI_COMM_WORLD;
    FAILS(MPI_Comm_free(&dup), MPI_ERR_COMM);
    FAILS(MPI_Comm_disconnect(&dup), MPI_ERR_COMM);
    FAILS(MPI_Comm_rank(MPI_COMM_NULL, &got), MPI_ERR_COMM);
    FAILS(MPI_Comm_dup(MPI_COMM_NULL, &dup), MPI_ERR_COMM);
    FAILS(MPI_Comm_remote_size(MPI_COMM_WORLD, &got), MPI_ERR_COMM);
    MPI(MPI_Comm_get_parent(&dup));
    NONE(dup);
    MPI(MPI_Comm_test_inter(MPI_COMM_WORLD, &got));
    EQ(got, 0);
}

int main(void)
{
    START();
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    duplicates();
    splits();
    types();
    from_groups();
    names_and_errors();
    WORKS(MPI_COMM_WORLD, ranks, rank);
    WORKS(MPI_COMM_SELF, 1, 0);
    PASSED();
}
