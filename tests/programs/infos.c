/* Info objects (MPI 5.0, chapter 10). */
#include "check.h"

int main(int argc, char **argv)
{
    char value[MPI_MAX_INFO_VAL + 1], key[MPI_MAX_INFO_KEY + 1];
    int flag, n = -1, len;
    MPI_Info info, dup, stale;
    /* Allowed at any time. */
    MPI(MPI_Info_create(&info));
    MPI(MPI_Info_set(info, "sail", "white"));
    START();
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    MPI(MPI_Info_set(info, "mast", "tall"));
    MPI(MPI_Info_set(info, "sail", "brown"));
    MPI(MPI_Info_set(info, "empty", ""));
    MPI(MPI_Info_get_nkeys(info, &n));
    EQ(n, 3);
    static const char *const keys[] = {"sail", "mast", "empty"};
    for (int i = 0; i < 3; i++) {
        MPI(MPI_Info_get_nthkey(info, i, key));
        CHECK(!strcmp(key, keys[i]), "%s", key);
    }
    FAILS(MPI_Info_get_nthkey(info, 3, key), MPI_ERR_ARG);
    FAILS(MPI_Info_get_nthkey(info, -1, key), MPI_ERR_ARG);

    /* The new way: the length counts the closing NUL, and is told. */
    len = 0;
    MPI(MPI_Info_get_string(info, "sail", &len, NULL, &flag));
    CHECK(flag && len == 6, "%d %d", flag, len);
    len = 4;
    memset(value, '#', sizeof value);
    MPI(MPI_Info_get_string(info, "sail", &len, value, &flag));
    CHECK(flag && len == 6 && !strcmp(value, "bro"), "%d %s", len, value);
    CHECK(value[4] == '#', "not so");
    MPI(MPI_Info_get_string(info, "sail", &len, value, &flag));
    CHECK(!strcmp(value, "brown"), "%s", value);
    len = 17;
    MPI(MPI_Info_get_string(info, "keel", &len, value, &flag));
    CHECK(!flag && len == 17, "%d %d", flag, len);

    /* The old way: it does not. */
    MPI(MPI_Info_get_valuelen(info, "sail", &len, &flag));
    CHECK(flag && len == 5, "%d", len);
    memset(value, '#', sizeof value);
    MPI(MPI_Info_get(info, "sail", 3, value, &flag));
    CHECK(flag && !strcmp(value, "bro") && value[4] == '#', "%s", value);
    MPI(MPI_Info_get(info, "empty", 3, value, &flag));
    CHECK(flag && !value[0], "%s", value);
    MPI(MPI_Info_get(info, "Sail", 3, value, &flag));
    EQ(flag, 0);

    MPI(MPI_Info_dup(info, &dup));
    MPI(MPI_Info_delete(info, "sail"));
    FAILS(MPI_Info_delete(info, "sail"), MPI_ERR_INFO_NOKEY);
    MPI(MPI_Info_get_nkeys(info, &n));
    EQ(n, 2);
    MPI(MPI_Info_get_nkeys(dup, &n));
    EQ(n, 3);

    char longer[2000];
    memset(longer, 'k', sizeof longer);
    longer[MPI_MAX_INFO_KEY] = 0;
    FAILS(MPI_Info_set(info, longer, "1"), MPI_ERR_INFO_KEY);
    FAILS(MPI_Info_get_valuelen(info, longer, &len, &flag), MPI_ERR_INFO_KEY);
    longer[MPI_MAX_INFO_KEY - 1] = 0;
    MPI(MPI_Info_set(info, longer, "1"));
    FAILS(MPI_Info_set(info, "", "1"), MPI_ERR_INFO_KEY);
    memset(longer, 'v', sizeof longer);
    longer[MPI_MAX_INFO_VAL] = 0;
    FAILS(MPI_Info_set(info, "v", longer), MPI_ERR_INFO_VALUE);
    longer[MPI_MAX_INFO_VAL - 1] = 0;
    MPI(MPI_Info_set(info, "v", longer));
    len = MPI_MAX_INFO_VAL;
    MPI(MPI_Info_get_string(info, "v", &len, value, &flag));
    CHECK(!strcmp(value, longer), "not so");

    FAILS(MPI_Info_set(MPI_INFO_NULL, "k", "v"), MPI_ERR_INFO);
    FAILS(MPI_Info_dup(MPI_INFO_NULL, &stale), MPI_ERR_INFO);
    stale = info;
    MPI(MPI_Info_free(&info));
    CHECK(info == MPI_INFO_NULL, "not so");
    FAILS(MPI_Info_get_nkeys(stale, &n), MPI_ERR_INFO);
    FAILS(MPI_Info_free(&stale), MPI_ERR_INFO);
    MPI(MPI_Info_free(&dup));

    /* How this program was started. */
    MPI(MPI_Info_get(MPI_INFO_ENV, "command", MPI_MAX_INFO_VAL, value, &flag));
    CHECK(flag && !strcmp(value, argv[0]), "%s", value);
    MPI(MPI_Info_get(MPI_INFO_ENV, "maxprocs", MPI_MAX_INFO_VAL, value, &flag));
    CHECK(flag && atoi(value) == ranks, "%s", value);
    MPI(MPI_Info_create_env(argc, argv, &info));
    MPI(MPI_Info_get(info, "command", MPI_MAX_INFO_VAL, value, &flag));
    CHECK(flag && !strcmp(value, argv[0]), "%s", value);
    MPI(MPI_Info_free(&info));
    MPI(MPI_Get_hw_resource_info(&info));
    MPI(MPI_Info_get_nkeys(info, &n));
    CHECK(n > 0, "not so");
    MPI(MPI_Info_free(&info));
    PASSED();
}
