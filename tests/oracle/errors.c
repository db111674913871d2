/* The class that a call with a wrong argument returns. Negative counts of some
   collectives are left out: MPICH does not look at them, and goes wrong. */
#include "oracle.h"

static int user_fn(MPI_Comm comm, int key, void *extra, void *in, void *out, int *flag)
{
    (void)comm, (void)key, (void)extra, (void)in, (void)out, (void)flag;
    return MPI_SUCCESS;
}

static void point_to_point(MPI_Comm comm)
{
    int x[4] = {0}, y[4], flag;
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Status status;
    MPI_Message message = MPI_MESSAGE_NULL;
    MPI_Datatype open;
    MPI_Type_contiguous(2, MPI_INT, &open);
    TRY(MPI_Send(x, -1, MPI_INT, 0, 0, comm));
    TRY(MPI_Send(x, 1, MPI_DATATYPE_NULL, 0, 0, comm));
    TRY(MPI_Send(x, 1, open, 0, 0, comm));
    TRY(MPI_Send(x, 1, MPI_INT, ranks, 0, comm));
    TRY(MPI_Send(x, 1, MPI_INT, MPI_ANY_SOURCE, 0, comm));
    TRY(MPI_Send(x, 1, MPI_INT, 0, -5, comm));
    TRY(MPI_Send(x, 1, MPI_INT, 0, MPI_ANY_TAG, comm));
    TRY(MPI_Send(x, 1, MPI_INT, 0, 0, MPI_COMM_NULL));
    TRY(MPI_Isend(x, 1, MPI_INT, 100, 0, comm, &request));
    TRY(MPI_Issend(x, -2, MPI_INT, 0, 0, comm, &request));
    TRY(MPI_Irsend(x, 1, MPI_INT, 0, -7, comm, &request));
    TRY(MPI_Send_init(x, 1, MPI_DATATYPE_NULL, 0, 0, comm, &request));
    TRY(MPI_Recv(x, -1, MPI_INT, 0, 0, comm, &status));
    TRY(MPI_Recv(x, 1, MPI_INT, ranks, 0, comm, &status));
    TRY(MPI_Recv(x, 1, MPI_INT, 0, -17, comm, &status));
    TRY(MPI_Irecv(x, 1, MPI_DATATYPE_NULL, 0, 0, comm, &request));
    TRY(MPI_Recv_init(x, -3, MPI_INT, 0, 0, comm, &request));
    TRY(MPI_Probe(ranks, 0, comm, &status));
    TRY(MPI_Iprobe(0, -9, comm, &flag, &status));
    TRY(MPI_Improbe(-8, 0, comm, &flag, &message, &status));
    TRY(MPI_Sendrecv(x, 1, MPI_INT, ranks, 0, x + 1, 1, MPI_INT, 0, 0, comm, &status));
    TRY(MPI_Sendrecv_replace(x, -1, MPI_INT, 0, 0, 0, 0, comm, &status));
    request = MPI_REQUEST_NULL;
    TRY(MPI_Wait(&request, &status));
    TRY(MPI_Start(&request));
    TRY(MPI_Cancel(&request));
    TRY(MPI_Request_free(&request));
    TRY(MPI_Waitall(-1, &request, &status));
    TRY(MPI_Mrecv(x, 1, MPI_INT, &message, &status));
    TRY(MPI_Get_count(&status, MPI_DATATYPE_NULL, &flag));
    TRY(MPI_Send(x, 1, MPI_INT, MPI_PROC_NULL, 0, comm));
    TRY(MPI_Send(NULL, 0, MPI_INT, MPI_PROC_NULL, 0, comm));
    /* too long for its receive */
    TRY(MPI_Isend(x, 4, MPI_INT, rank, 3, comm, &request));
    TRY(MPI_Recv(y, 1, MPI_INT, rank, 3, comm, &status));
    TRY(MPI_Wait(&request, MPI_STATUS_IGNORE));
    MPI_Type_free(&open);
}

static void collectives(MPI_Comm comm)
{
    int x[64] = {0}, y[64] = {0};
    MPI_Op op = MPI_OP_NULL;
    TRY(MPI_Bcast(x, -1, MPI_INT, 0, comm));
    TRY(MPI_Bcast(x, 1, MPI_INT, ranks, comm));
    TRY(MPI_Bcast(x, 1, MPI_INT, -1, comm));
    TRY(MPI_Bcast(x, 1, MPI_DATATYPE_NULL, 0, comm));
    TRY(MPI_Bcast(x, 1, MPI_INT, 0, MPI_COMM_NULL));
    TRY(MPI_Barrier(MPI_COMM_NULL));
    TRY(MPI_Reduce(x, y, 1, MPI_INT, MPI_OP_NULL, 0, comm));
    TRY(MPI_Reduce(x, y, 1, MPI_DOUBLE, MPI_BAND, 0, comm));
    TRY(MPI_Reduce(x, y, 1, MPI_INT, MPI_SUM, ranks + 3, comm));
    TRY(MPI_Allreduce(x, y, 1, MPI_INT, op, comm));
    TRY(MPI_Allreduce(x, y, 1, MPI_FLOAT, MPI_BXOR, comm));
    TRY(MPI_Allreduce(x, y, 1, MPI_INT, MPI_MINLOC, comm));
    TRY(MPI_Allreduce(x, y, 1, MPI_2INT, MPI_SUM, comm));
    TRY(MPI_Allreduce(x, y, 1, MPI_CHAR, MPI_SUM, comm));
    TRY(MPI_Allreduce(x, y, 1, MPI_BYTE, MPI_SUM, comm));
    TRY(MPI_Gather(x, -1, MPI_INT, y, 1, MPI_INT, 0, comm));
    TRY(MPI_Gather(x, 1, MPI_INT, y, 1, MPI_INT, -3, comm));
    TRY(MPI_Scatter(x, 1, MPI_INT, y, -1, MPI_INT, 0, comm));
    TRY(MPI_Allgather(x, -1, MPI_INT, y, 1, MPI_INT, comm));
    TRY(MPI_Alltoall(x, 1, MPI_DATATYPE_NULL, y, 1, MPI_INT, comm));
    TRY(MPI_Scan(x, y, 1, MPI_INT, MPI_OP_NULL, comm));
    TRY(MPI_Reduce_local(x, y, 1, MPI_DOUBLE, MPI_LXOR));
    TRY(MPI_Op_free(&op));
    op = MPI_SUM;
    TRY(MPI_Op_free(&op));
    TRY(MPI_Op_create(NULL, 1, &op));
    TRY(MPI_Neighbor_allgather(x, 1, MPI_INT, y, 1, MPI_INT, comm));
}

static void datatypes(void)
{
    MPI_Datatype type = MPI_DATATYPE_NULL, made, kinds[2] = {MPI_INT, MPI_DATATYPE_NULL};
    int two[2] = {2, 2}, one[2] = {1, 1}, minus[2] = {-1, 1}, n;
    MPI_Aint at[2] = {0, 8}, extent;
    char name[MPI_MAX_OBJECT_NAME];
    TRY(MPI_Type_contiguous(-1, MPI_INT, &made));
    TRY(MPI_Type_contiguous(1, MPI_DATATYPE_NULL, &made));
    TRY(MPI_Type_vector(-1, 1, 1, MPI_INT, &made));
    TRY(MPI_Type_vector(1, -1, 1, MPI_INT, &made));
    TRY(MPI_Type_create_hvector(1, -1, 1, MPI_INT, &made));
    TRY(MPI_Type_indexed(2, minus, one, MPI_INT, &made));
    TRY(MPI_Type_indexed(-1, one, one, MPI_INT, &made));
    TRY(MPI_Type_create_indexed_block(2, -1, one, MPI_INT, &made));
    TRY(MPI_Type_create_hindexed(2, minus, at, MPI_INT, &made));
    TRY(MPI_Type_create_struct(2, one, at, kinds, &made));
    TRY(MPI_Type_create_struct(-2, one, at, kinds, &made));
    TRY(MPI_Type_create_subarray(0, two, one, one, MPI_ORDER_C, MPI_INT, &made));
    TRY(MPI_Type_create_subarray(2, one, two, minus, MPI_ORDER_C, MPI_INT, &made));
    TRY(MPI_Type_create_subarray(2, two, one, minus, MPI_ORDER_C, MPI_INT, &made));
    TRY(MPI_Type_create_subarray(2, two, one, two, MPI_ORDER_C, MPI_INT, &made));
    TRY(MPI_Type_create_subarray(2, two, one, one, 12345, MPI_INT, &made));
    TRY(MPI_Type_create_resized(MPI_DATATYPE_NULL, 0, 4, &made));
    TRY(MPI_Type_commit(&type));
    TRY(MPI_Type_free(&type));
    type = MPI_INT;
    TRY(MPI_Type_commit(&type));
    TRY(MPI_Type_free(&type));
    TRY(MPI_Type_size(MPI_DATATYPE_NULL, &n));
    TRY(MPI_Type_get_extent(MPI_DATATYPE_NULL, at, &extent));
    TRY(MPI_Type_get_name(MPI_DATATYPE_NULL, name, &n));
    TRY(MPI_Type_dup(MPI_DATATYPE_NULL, &made));
    TRY(MPI_Type_get_contents(MPI_INT, 1, 1, 1, &n, at, &made));
    TRY(MPI_Type_match_size(MPI_TYPECLASS_REAL, 3, &made));
    TRY(MPI_Type_match_size(99, 4, &made));
    TRY(MPI_Type_create_f90_integer(5000, &made));
    char buffer[4];
    int x[4] = {0}, position = 0;
    TRY(MPI_Pack(x, 4, MPI_INT, buffer, 4, &position, MPI_COMM_SELF));
    TRY(MPI_Pack(x, -4, MPI_INT, buffer, 4, &position, MPI_COMM_SELF));
    TRY(MPI_Pack_size(-1, MPI_INT, MPI_COMM_SELF, &n));
    TRY(MPI_Pack_external("external33", x, 1, MPI_INT, buffer, 4, at));
}

static void communicators(MPI_Comm comm)
{
    MPI_Comm made = MPI_COMM_NULL, null = MPI_COMM_NULL;
    MPI_Group group, part, none = MPI_GROUP_NULL;
    int bad[2] = {ranks, 0}, twice[2] = {0, 0}, n, flag, key, *value, dims[2] = {0, 0}, negative[2] = {-2, 0}, three[2] = {3, 0};
    int range[1][3] = {{0, ranks + 5, 1}}, no_stride[1][3] = {{0, 0, 0}};
    char name[MPI_MAX_OBJECT_NAME];
    MPI_Comm_group(comm, &group);
    TRY(MPI_Comm_rank(MPI_COMM_NULL, &n));
    TRY(MPI_Comm_size(MPI_COMM_NULL, &n));
    TRY(MPI_Comm_free(&null));
    made = MPI_COMM_SELF;
    TRY(MPI_Comm_dup(MPI_COMM_NULL, &made));
    TRY(MPI_Comm_split(comm, -5, 0, &made));
    TRY(MPI_Comm_split(MPI_COMM_NULL, 0, 0, &made));
    TRY(MPI_Comm_split_type(comm, 424242, 0, MPI_INFO_NULL, &made));
    TRY(MPI_Comm_create(comm, MPI_GROUP_NULL, &made));
    TRY(MPI_Comm_remote_size(comm, &n));
    TRY(MPI_Comm_compare(comm, MPI_COMM_NULL, &n));
    TRY(MPI_Comm_set_name(MPI_COMM_NULL, "name"));
    TRY(MPI_Comm_get_name(MPI_COMM_NULL, name, &n));
    TRY(MPI_Group_incl(group, 1, bad, &part));
    TRY(MPI_Group_incl(group, 2, twice, &part));
    TRY(MPI_Group_incl(group, -1, bad, &part));
    TRY(MPI_Group_excl(group, 1, bad, &part));
    TRY(MPI_Group_range_incl(group, 1, range, &part));
    TRY(MPI_Group_range_incl(group, 1, no_stride, &part));
    TRY(MPI_Group_range_excl(group, 1, range, &part));
    TRY(MPI_Group_size(MPI_GROUP_NULL, &n));
    TRY(MPI_Group_union(group, MPI_GROUP_NULL, &part));
    TRY(MPI_Group_translate_ranks(group, 1, bad, group, &n));
    TRY(MPI_Group_free(&none));
    key = MPI_KEYVAL_INVALID;
    TRY(MPI_Comm_free_keyval(&key));
    TRY(MPI_Comm_get_attr(comm, MPI_KEYVAL_INVALID, &value, &flag));
    TRY(MPI_Comm_set_attr(comm, MPI_KEYVAL_INVALID, NULL));
    TRY(MPI_Comm_set_attr(comm, MPI_TAG_UB, NULL));
    TRY(MPI_Comm_delete_attr(comm, MPI_TAG_UB));
    key = MPI_TAG_UB;
    TRY(MPI_Comm_free_keyval(&key));
    TRY(MPI_Comm_create_keyval(user_fn, MPI_COMM_NULL_DELETE_FN, &key, NULL));
    TRY(MPI_Comm_delete_attr(comm, key));
    TRY(MPI_Comm_free_keyval(&key));
    TRY(MPI_Dims_create(-1, 2, dims));
    TRY(MPI_Dims_create(6, 2, negative));
    TRY(MPI_Dims_create(4, 2, three));
    TRY(MPI_Dims_create(4, 0, dims));
    int many[1] = {ranks + 1}, periods[1] = {0}, coords[1] = {0};
    TRY(MPI_Cart_create(comm, 1, many, periods, 0, &made));
    TRY(MPI_Cart_create(comm, -1, many, periods, 0, &made));
    TRY(MPI_Cart_create(comm, 1, (int[]){-1}, periods, 0, &made));
    TRY(MPI_Cart_create(comm, 1, (int[]){0}, periods, 0, &made));
    TRY(MPI_Cart_coords(comm, 0, 1, coords));
    TRY(MPI_Cart_rank(comm, coords, &n));
    TRY(MPI_Cartdim_get(comm, &n));
    TRY(MPI_Graphdims_get(comm, &n, &n));
    TRY(MPI_Graph_neighbors_count(comm, 0, &n));
    TRY(MPI_Dist_graph_neighbors_count(comm, &n, &n, &flag));
    MPI_Comm line;
    many[0] = ranks;
    MPI_Cart_create(comm, 1, many, periods, 0, &line);
    MPI_Comm_set_errhandler(line, MPI_ERRORS_RETURN);
    TRY(MPI_Cart_shift(line, 1, 1, &n, &n));
    TRY(MPI_Cart_shift(line, -1, 1, &n, &n));
    TRY(MPI_Cart_coords(line, ranks, 1, coords));
    coords[0] = ranks;
    TRY(MPI_Cart_rank(line, coords, &n));
    TRY(MPI_Graphdims_get(line, &n, &n));
    MPI_Comm_free(&line);
    int index[1] = {1}, edges[1] = {ranks};
    TRY(MPI_Graph_create(comm, 1, index, edges, 0, &made));
    TRY(MPI_Graph_create(comm, ranks + 1, index, edges, 0, &made));
    MPI_Group_free(&group);
}

static void others(void)
{
    MPI_Info info, null = MPI_INFO_NULL;
    MPI_Errhandler handler = MPI_ERRHANDLER_NULL;
    char value[10], long_key[MPI_MAX_INFO_KEY + 10];
    int flag, n = 10;
    memset(long_key, 'k', sizeof long_key);
    long_key[sizeof long_key - 1] = 0;
    MPI_Info_create(&info);
    TRY(MPI_Info_set(info, "", "x"));
    TRY(MPI_Info_set(info, "x", ""));
    TRY(MPI_Info_set(info, long_key, "x"));
    TRY(MPI_Info_delete(info, "nothing"));
    TRY(MPI_Info_get_nthkey(info, 5, value));
    TRY(MPI_Info_get_string(MPI_INFO_NULL, "a", &n, value, &flag));
    TRY(MPI_Info_free(&null));
    MPI_Info_free(&info);
    TRY(MPI_Errhandler_free(&handler));
    TRY(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRHANDLER_NULL));
    TRY(MPI_Comm_call_errhandler(MPI_COMM_SELF, MPI_ERR_OTHER));
    TRY(MPI_Error_class(-1, &n));
    TRY(MPI_Add_error_code(-1, &n));
    TRY(MPI_Buffer_attach(value, -1));
}

int main(void)
{
    begin();
    MPI_Comm comm;
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    point_to_point(comm);
    collectives(comm);
    datatypes();
    communicators(comm);
    others();
    MPI_Comm_free(&comm);
    return finish();
}
