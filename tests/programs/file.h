/* For programs about files: a path in the folder that the test names. */
#ifndef FILE_H
#define FILE_H

#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[512] = "/tmp";

/* MPI is up, errors return, and the first argument is the folder for files. */
#define START_FILES(argc, argv)                                                \
    do {                                                                       \
        START();                                                               \
        if ((argc) > 1)                                                        \
            snprintf(folder, sizeof folder, "%s", (argv)[1]);                  \
        MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));       \
        MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));        \
    } while (0)

/* The path of a file; up to eight at a time. */
__attribute__((unused)) static char *in_folder(const char *name)
{
    static char paths[8][1024];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* What the kernel says of the file's size; -1: it is not there. */
__attribute__((unused)) static long long size_of(const char *path)
{
    struct stat stat_of;
    return stat(path, &stat_of) ? -1 : (long long)stat_of.st_size;
}

/* The bytes of a file as a program without MPI sees them. */
__attribute__((unused)) static long bytes_at(const char *path, long long at, void *bytes, long len)
{
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0, "%s", path);
    long got = pread(fd, bytes, (size_t)len, at);
    close(fd);
    return got;
}

/* The message of an error names this. */
__attribute__((unused)) static void says(int code, const char *what)
{
    char text[MPI_MAX_ERROR_STRING];
    int len;
    MPI(MPI_Error_string(code, text, &len));
    CHECK(strstr(text, what), "%s does not say %s", text, what);
}

/* What a status counts. */
__attribute__((unused)) static int count_of(MPI_Status *status, MPI_Datatype type)
{
    int count;
    MPI(MPI_Get_count(status, type, &count));
    return count;
}

__attribute__((unused)) static MPI_Offset position(MPI_File file)
{
    MPI_Offset at;
    MPI(MPI_File_get_position(file, &at));
    return at;
}

__attribute__((unused)) static void all_here(void) { MPI(MPI_Barrier(MPI_COMM_WORLD)); }

#endif
