/* For programs whose output two MPIs must agree on: each rank collects lines of
   text, rank 0 prints them all in order of rank. Constants are printed by name,
   because their values differ. */
#ifndef ORACLE_H
#define ORACLE_H

#include <mpi.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((unused)) static int rank, ranks;
static char *text;
static size_t text_len, text_room;

static void say(const char *format, ...)
{
    va_list list;
    if (text_room - text_len < 4096)
        text = realloc(text, text_room = 2 * text_room + 65536);
    size_t before = text_len;
    va_start(list, format);
    text_len += (size_t)vsnprintf(text + text_len, 4096, format, list);
    va_end(list);
    if (getenv("ORACLE_TRACE")) /* where it ends when it ends badly */
        fputs(text + before, stderr);
}

__attribute__((unused)) static void say_bytes(const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        say("%02x", ((const unsigned char *)bytes)[i]);
}

static const char *class_name(int code)
{
    static const struct { int value; const char *name; } names[] = {
#define C(name) {MPI_##name, #name}
        C(SUCCESS), C(ERR_BUFFER), C(ERR_COUNT), C(ERR_TYPE), C(ERR_TAG), C(ERR_COMM), C(ERR_RANK), C(ERR_REQUEST), C(ERR_ROOT),
        C(ERR_GROUP), C(ERR_OP), C(ERR_TOPOLOGY), C(ERR_DIMS), C(ERR_ARG), C(ERR_UNKNOWN), C(ERR_TRUNCATE), C(ERR_OTHER),
        C(ERR_INTERN), C(ERR_PENDING), C(ERR_IN_STATUS), C(ERR_KEYVAL), C(ERR_INFO_KEY), C(ERR_INFO_NOKEY), C(ERR_INFO_VALUE),
        C(ERR_INFO), C(ERR_NO_MEM), C(ERR_BASE), C(ERR_LOCKTYPE), C(ERR_DISP), C(ERR_SIZE), C(ERR_UNSUPPORTED_OPERATION), C(ERR_NAME),
        C(ERR_PORT), C(ERR_SERVICE), C(ERR_SPAWN), C(ERR_WIN), C(ERR_SESSION), C(ERR_UNSUPPORTED_DATAREP), C(ERR_ERRHANDLER), C(ERR_ABI), C(ERR_VALUE_TOO_LARGE),
        C(ERR_ACCESS), C(ERR_AMODE), C(ERR_BAD_FILE), C(ERR_FILE_EXISTS), C(ERR_FILE), C(ERR_IO), C(ERR_NOT_SAME), C(ERR_NO_SUCH_FILE), C(ERR_READ_ONLY),
#undef C
    };
    int class = code;
    if (code != MPI_SUCCESS)
        MPI_Error_class(code, &class);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].value == class)
            return names[i].name;
    return "another class";
}

/* What a call returned. */
#define TRY(call) say("%s: %s\n", #call, class_name(call))

/* An integer that may be one of the named constants. */
__attribute__((unused)) static const char *number(int n)
{
    static char texts[8][32];
    static int next;
    char *to = texts[next++ % 8];
    if (n == MPI_UNDEFINED)
        return "UNDEFINED";
    if (n == MPI_PROC_NULL)
        return "PROC_NULL";
    if (n == MPI_ANY_SOURCE)
        return "ANY_SOURCE";
    if (n == MPI_ANY_TAG)
        return "ANY_TAG";
    sprintf(to, "%d", n);
    return to;
}

__attribute__((unused)) static uint64_t state = 12345;

__attribute__((unused)) static int below(int n)
{
    uint64_t z = (state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return (int)((z ^ (z >> 31)) % (uint64_t)n);
}

static void begin(void)
{
    MPI_Init(NULL, NULL);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    say("-- rank %d of %d\n", rank, ranks);
}

static int finish(void)
{
    unsigned long len = text_len;
    if (rank)
        MPI_Send(&len, 1, MPI_UNSIGNED_LONG, 0, 991, MPI_COMM_WORLD), MPI_Send(text, (int)len, MPI_CHAR, 0, 992, MPI_COMM_WORLD);
    else {
        fwrite(text, 1, text_len, stdout);
        for (int i = 1; i < ranks; i++) {
            MPI_Recv(&len, 1, MPI_UNSIGNED_LONG, i, 991, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            char *other = malloc(len);
            MPI_Recv(other, (int)len, MPI_CHAR, i, 992, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            fwrite(other, 1, len, stdout);
            free(other);
        }
        fflush(stdout);
    }
    MPI_Finalize();
    return 0;
}

#endif
