/* Groups (MPI 5.0, 7.3): calls with wrong arguments too. The algebra itself is
   held against a model in the library's own tests. */
#include "check.h"

static int size_of(MPI_Group group)
{
    int size = -1;
    MPI(MPI_Group_size(group, &size));
    return size;
}

int main(void)
{
    START();
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    MPI_Group world, self, others, both, none, stale;
    int got = -1, result = -1;
    MPI(MPI_Comm_group(MPI_COMM_WORLD, &world));
    MPI(MPI_Comm_group(MPI_COMM_SELF, &self));
    EQ(size_of(world), ranks);
    MPI(MPI_Group_rank(world, &got));
    EQ(got, rank);
    MPI(MPI_Group_difference(world, self, &others));
    EQ(size_of(others), ranks - 1);
    MPI(MPI_Group_rank(others, &got));
    EQ(got, MPI_UNDEFINED);
    MPI(MPI_Group_union(self, others, &both));
    EQ(size_of(both), ranks);
    MPI(MPI_Group_compare(both, world, &result));
    EQ(result, rank == 0 ? MPI_IDENT : MPI_SIMILAR);
    MPI(MPI_Group_intersection(self, others, &none));
    CHECK(none == MPI_GROUP_EMPTY, "not so");
    MPI(MPI_Group_compare(none, world, &result));
    EQ(result, MPI_UNEQUAL);

    int ask[3] = {0, MPI_PROC_NULL, ranks - 1}, answer[3];
    MPI(MPI_Group_translate_ranks(both, 3, ask, world, answer));
    EQ(answer[0], rank);
    EQ(answer[1], MPI_PROC_NULL);
    MPI(MPI_Group_translate_ranks(world, 1, &rank, others, answer));
    EQ(answer[0], MPI_UNDEFINED);
    FAILS(MPI_Group_translate_ranks(self, 1, &(int){1}, world, answer), MPI_ERR_RANK);

    MPI_Group bad;
    FAILS(MPI_Group_incl(world, 1, &ranks, &bad), MPI_ERR_RANK);
    FAILS(MPI_Group_incl(world, 2, (int[]){0, 0}, &bad), MPI_ERR_RANK);
    FAILS(MPI_Group_excl(world, 1, &(int){-1}, &bad), MPI_ERR_RANK);
    FAILS(MPI_Group_incl(world, -1, NULL, &bad), MPI_ERR_ARG);
    FAILS(MPI_Group_range_incl(world, 1, (int[][3]){{0, 0, 0}}, &bad), MPI_ERR_ARG);
    MPI(MPI_Group_incl(world, 0, NULL, &bad));
    CHECK(bad == MPI_GROUP_EMPTY, "not so");
    MPI(MPI_Group_excl(world, 0, NULL, &bad));
    EQ(size_of(bad), ranks);
    stale = bad;
    MPI(MPI_Group_free(&bad));
    CHECK(bad == MPI_GROUP_NULL, "not so");
    FAILS(MPI_Group_size(stale, &got), MPI_ERR_GROUP);
    FAILS(MPI_Group_free(&stale), MPI_ERR_GROUP);
    FAILS(MPI_Group_size(MPI_GROUP_NULL, &got), MPI_ERR_GROUP);
    FAILS(MPI_Group_size(world, NULL), MPI_ERR_ARG);
    EQ(size_of(MPI_GROUP_EMPTY), 0);
    MPI(MPI_Group_free(&both));
    MPI(MPI_Group_free(&others));
    MPI(MPI_Group_free(&self));
    MPI(MPI_Group_free(&world));
    PASSED();
}
