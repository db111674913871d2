/* Groups, attributes, names, info objects, and what statuses say. */
#include "oracle.h"

static int calls;

static int copied(MPI_Comm comm, int key, void *extra, void *in, void *out, int *flag)
{
    (void)comm, (void)key;
    say("  copy %ld of %ld\n", (long)(intptr_t)in, (long)(intptr_t)extra);
    *(void **)out = (char *)in + 1;
    *flag = (intptr_t)extra != 2;
    calls++;
    return (intptr_t)extra == 4 ? MPI_ERR_OTHER : MPI_SUCCESS;
}

static int deleted(MPI_Comm comm, int key, void *value, void *extra)
{
    (void)comm, (void)key;
    say("  delete %ld of %ld\n", (long)(intptr_t)value, (long)(intptr_t)extra);
    return MPI_SUCCESS;
}

static void attributes(void)
{
    int key[3], flag;
    void *value;
    MPI_Comm comm, dup, again;
    MPI_Comm_dup(MPI_COMM_SELF, &comm);
    for (int i = 0; i < 3; i++) {
        MPI_Comm_create_keyval(copied, deleted, &key[i], (void *)(intptr_t)(i + 1));
        TRY(MPI_Comm_set_attr(comm, key[i], (void *)(intptr_t)(100 * i + rank)));
    }
    TRY(MPI_Comm_set_attr(comm, key[0], (void *)(intptr_t)7));
    TRY(MPI_Comm_dup(comm, &dup));
    for (int i = 0; i < 3; i++) {
        value = NULL;
        MPI_Comm_get_attr(dup, key[i], &value, &flag);
        say("  %d: %d %ld\n", i, flag, flag ? (long)(intptr_t)value : -1);
    }
    TRY(MPI_Comm_delete_attr(dup, key[0]));
    MPI_Comm_get_attr(dup, key[0], &value, &flag);
    say("  %d\n", flag);
    int gone = key[2];
    TRY(MPI_Comm_free_keyval(&key[2]));
    say("  %d\n", key[2] == MPI_KEYVAL_INVALID);
    (void)gone;
    TRY(MPI_Comm_free(&dup));
    int failing;
    MPI_Comm_create_keyval(copied, deleted, &failing, (void *)(intptr_t)4);
    MPI_Comm_set_attr(comm, failing, (void *)(intptr_t)55);
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    say("a failing copy: %s\n", MPI_Comm_dup(comm, &again) == MPI_SUCCESS ? "success" : "failure");
    TRY(MPI_Comm_delete_attr(comm, failing));
    TRY(MPI_Comm_free(&comm));
    int *pointer, keys[] = {MPI_TAG_UB, MPI_WTIME_IS_GLOBAL, MPI_APPNUM, MPI_LASTUSEDCODE, MPI_UNIVERSE_SIZE};
    for (int i = 0; i < 5; i++) {
        MPI_Comm_get_attr(MPI_COMM_WORLD, keys[i], &pointer, &flag);
        say("predefined %d: %d %d\n", i, flag, flag && i == 0 ? *pointer >= 32767 : 0);
    }
    int type_key;
    MPI_Type_create_keyval(MPI_TYPE_DUP_FN, MPI_TYPE_NULL_DELETE_FN, &type_key, NULL);
    MPI_Datatype type;
    MPI_Type_set_attr(MPI_INT, type_key, (void *)(intptr_t)9);
    MPI_Type_dup(MPI_INT, &type);
    MPI_Type_get_attr(type, type_key, &value, &flag);
    say("on a type: %d %ld\n", flag, flag ? (long)(intptr_t)value : 0);
    MPI_Type_free(&type);
    MPI_Type_delete_attr(MPI_INT, type_key);
    MPI_Type_free_keyval(&type_key);
}

static void say_made(const char *how, int code, MPI_Group group, MPI_Group world)
{
    int n, me, all[64], place[64];
    say("%s: %s", how, class_name(code));
    if (code != MPI_SUCCESS) {
        say("\n");
        return;
    }
    MPI_Group_size(group, &n);
    MPI_Group_rank(group, &me);
    for (int i = 0; i < n; i++)
        all[i] = i;
    MPI_Group_translate_ranks(group, n, all, world, place);
    say(" %d %s %d:", n, number(me), group == MPI_GROUP_EMPTY);
    for (int i = 0; i < n; i++)
        say(" %d", place[i]);
    say("\n");
}

/* The call that makes the group comes first. */
#define say_group(how, call, group, world)                                     \
    do {                                                                       \
        int code_ = call;                                                      \
        say_made(how, code_, group, world);                                    \
    } while (0)

static void groups(void)
{
    MPI_Group world, a, b, made;
    MPI_Comm_group(MPI_COMM_WORLD, &world);
    state = 4711;
    for (int i = 0; i < 60; i++) {
        int order[64], n = below(ranks + 1), result, back[64];
        for (int j = 0; j < ranks; j++)
            order[j] = j;
        for (int j = ranks - 1; j > 0; j--) {
            int k = below(j + 1), swap = order[j];
            order[j] = order[k], order[k] = swap;
        }
        say_group("incl", MPI_Group_incl(world, n, order, &a), a, world);
        n = below(ranks + 1);
        say_group("excl", MPI_Group_excl(world, n, order, &b), b, world);
        say_group("union", MPI_Group_union(a, b, &made), made, world);
        MPI_Group_compare(made, world, &result);
        say("  %s\n", result == MPI_IDENT ? "ident" : result == MPI_SIMILAR ? "similar" : "unequal");
        if (made != MPI_GROUP_EMPTY && made != MPI_GROUP_NULL)
            MPI_Group_free(&made);
        say_group("intersection", MPI_Group_intersection(a, b, &made), made, world);
        if (made != MPI_GROUP_EMPTY && made != MPI_GROUP_NULL)
            MPI_Group_free(&made);
        say_group("difference", MPI_Group_difference(a, b, &made), made, world);
        if (made != MPI_GROUP_EMPTY && made != MPI_GROUP_NULL)
            MPI_Group_free(&made);
        MPI_Group_translate_ranks(world, ranks, order, a, back);
        for (int j = 0; j < ranks; j++)
            say(" %s", number(back[j]));
        say("\n");
        made = MPI_GROUP_NULL;
        int range[2][3] = {{0, ranks - 1, 1 + below(3)}, {ranks - 1, 0, -ranks}};
        say_group("range_incl", MPI_Group_range_incl(world, 1, range, &made), made, world);
        if (made != MPI_GROUP_EMPTY && made != MPI_GROUP_NULL)
            MPI_Group_free(&made);
        say_group("range_excl", MPI_Group_range_excl(world, 1 + below(2), range, &made), made, world);
        if (made != MPI_GROUP_EMPTY && made != MPI_GROUP_NULL)
            MPI_Group_free(&made);
        range[0][0] = ranks - 1, range[0][1] = below(ranks), range[0][2] = -1 - below(2);
        say_group("backwards", MPI_Group_range_incl(world, 1, range, &made), made, world);
        if (made != MPI_GROUP_EMPTY && made != MPI_GROUP_NULL)
            MPI_Group_free(&made);
        if (a != MPI_GROUP_EMPTY)
            MPI_Group_free(&a);
        if (b != MPI_GROUP_EMPTY)
            MPI_Group_free(&b);
    }
    MPI_Group_free(&world);
    MPI_Comm comm, other;
    for (int colors = 1; colors <= 3; colors++) {
        int place, size, result;
        MPI_Comm_split(MPI_COMM_WORLD, rank % colors ? rank % colors : rank == 3 ? MPI_UNDEFINED : 0, -rank / 2, &comm);
        if (comm == MPI_COMM_NULL) {
            say("split %d: outside\n", colors);
            continue;
        }
        MPI_Comm_rank(comm, &place);
        MPI_Comm_size(comm, &size);
        MPI_Comm_dup(comm, &other);
        say("split %d: %d of %d", colors, place, size);
        MPI_Comm pair[3] = {comm, other, MPI_COMM_WORLD};
        for (int i = 0; i < 3; i++) {
            MPI_Comm_compare(comm, pair[i], &result);
            say(" %s", result == MPI_IDENT ? "ident" : result == MPI_CONGRUENT ? "congruent" : result == MPI_SIMILAR ? "similar" : "unequal");
        }
        say("\n");
        MPI_Comm_free(&comm);
        MPI_Comm_free(&other);
    }
}

static void say_status(const char *what, MPI_Status *status)
{
    int cancelled, n, elements;
    MPI_Test_cancelled(status, &cancelled);
    MPI_Get_count(status, MPI_INT, &n);
    MPI_Get_elements(status, MPI_INT, &elements);
    say("%s: from %s tag %s cancelled %d count %s %s\n", what, number(status->MPI_SOURCE), status->MPI_TAG == MPI_ANY_TAG ? "ANY_TAG" : number(status->MPI_TAG), cancelled, number(n), number(elements));
}

static void statuses(void)
{
    MPI_Status status, all[3];
    MPI_Request request = MPI_REQUEST_NULL, some[3];
    int x[8] = {0}, y[8], flag, index, n, indices[3];
    MPI_Wait(&request, &status);
    say_status("null request", &status);
    flag = 0;
    MPI_Test(&request, &flag, &status);
    say("%d ", flag);
    say_status("null request, test", &status);
    MPI_Recv(x, 8, MPI_INT, MPI_PROC_NULL, 3, MPI_COMM_WORLD, &status);
    say_status("PROC_NULL", &status);
    MPI_Probe(MPI_PROC_NULL, 3, MPI_COMM_WORLD, &status);
    say_status("probe PROC_NULL", &status);
    MPI_Irecv(x, 8, MPI_INT, MPI_PROC_NULL, 3, MPI_COMM_WORLD, &request);
    MPI_Wait(&request, &status);
    say_status("irecv PROC_NULL", &status);
    MPI_Recv_init(x, 8, MPI_INT, 0, 3, MPI_COMM_SELF, &request);
    MPI_Wait(&request, &status);
    say_status("inactive", &status);
    MPI_Test(&request, &flag, &status);
    say("%d\n", flag);
    MPI_Waitany(1, &request, &index, &status);
    say("%s ", number(index));
    say_status("waitany inactive", &status);
    MPI_Testany(1, &request, &index, &flag, &status);
    say("%d %s\n", flag, number(index));
    MPI_Waitsome(1, &request, &n, indices, all);
    say("waitsome inactive %s\n", number(n));
    MPI_Start(&request);
    MPI_Cancel(&request);
    MPI_Wait(&request, &status);
    MPI_Test_cancelled(&status, &flag);
    say("cancelled %d\n", flag);
    MPI_Request_free(&request);
    for (int bytes = 0; bytes < 12; bytes++) {
        MPI_Sendrecv(x, bytes, MPI_CHAR, 0, bytes, y, 32, MPI_CHAR, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_SELF, &status);
        say_status("bytes", &status);
    }
    some[0] = MPI_REQUEST_NULL;
    MPI_Irecv(x, 2, MPI_INT, 0, 5, MPI_COMM_SELF, &some[1]);
    MPI_Isend(x + 4, 2, MPI_INT, 0, 5, MPI_COMM_SELF, &some[2]);
    MPI_Waitall(3, some, all);
    say_status("first of all", &all[0]);
    say_status("second of all", &all[1]);
    MPI_Status_set_elements(&status, MPI_INT, 17);
    MPI_Status_set_cancelled(&status, 1);
    status.MPI_SOURCE = 3, status.MPI_TAG = 4;
    say_status("set", &status);
}

static void names(void)
{
    char name[MPI_MAX_OBJECT_NAME];
    int n;
    MPI_Comm comm;
    MPI_Comm all[] = {MPI_COMM_WORLD, MPI_COMM_SELF};
    for (int i = 0; i < 2; i++) {
        MPI_Comm_get_name(all[i], name, &n);
        say("%s %d\n", name, n);
    }
    MPI_Comm_dup(MPI_COMM_SELF, &comm);
    MPI_Comm_get_name(comm, name, &n);
    say("'%s' %d\n", name, n);
    MPI_Comm_set_name(comm, "  a name ");
    MPI_Comm_get_name(comm, name, &n);
    say("'%s' %d\n", name, n);
    MPI_Comm_free(&comm);
    MPI_Datatype types[] = {MPI_INT, MPI_DOUBLE_INT, MPI_2INT, MPI_BYTE, MPI_LONG, MPI_C_BOOL, MPI_AINT, MPI_INTEGER, MPI_CXX_BOOL, MPI_WCHAR, MPI_UINT64_T, MPI_C_DOUBLE_COMPLEX};
    for (int i = 0; i < 12; i++) {
        MPI_Type_get_name(types[i], name, &n);
        say("%s %d\n", name, n);
    }
    MPI_Info info;
    MPI_Info_create(&info);
    MPI_Info_set(info, "b", "one");
    MPI_Info_set(info, "a", "two words ");
    MPI_Info_set(info, "b", "three");
    MPI_Info_get_nkeys(info, &n);
    say("%d keys\n", n);
    for (int i = 0; i < n; i++) {
        char key[MPI_MAX_INFO_KEY], value[20];
        int flag, len = 4;
        MPI_Info_get_nthkey(info, i, key);
        MPI_Info_get_string(info, key, &len, value, &flag);
        say("%s: %d %d '%s'\n", key, flag, len, value);
    }
    MPI_Info_free(&info);
}

int main(void)
{
    begin();
    groups();
    attributes();
    statuses();
    names();
    return finish();
}
