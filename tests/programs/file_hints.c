/* Hints of files and their error handlers (MPI 5.0, sections 14.2.8 and 14.7). */
#include "file.h"

static MPI_File file;

static int value(MPI_Info info, const char *key, char *text)
{
    int flag, len = 256;
    MPI(MPI_Info_get_string(info, key, &len, text, &flag));
    return flag;
}

static void hints(const char *path)
{
    MPI_Info given, used;
    char text[256];
    MPI(MPI_Info_create(&given));
    MPI(MPI_Info_set(given, "cb_nodes", "1"));
    MPI(MPI_Info_set(given, "cb_buffer_size", "65536"));
    MPI(MPI_Info_set(given, "romio_cb_write", "enable"));
    MPI(MPI_Info_set(given, "romio_ds_read", "perhaps"));
    MPI(MPI_Info_set(given, "striping_unit", "4096"));
    MPI(MPI_Info_set(given, "access_style", "write_once,sequential"));
    MPI(MPI_Info_set(given, "file_perm", "600"));
    MPI(MPI_Info_set(given, "no_such_hint", "x"));
    int amode = MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE;
    FAILS(MPI_File_open(MPI_COMM_WORLD, path, amode, (MPI_Info)MPI_COMM_WORLD, &file), MPI_ERR_INFO);
    MPI(MPI_File_open(MPI_COMM_WORLD, path, amode, given, &file));
    struct stat stat_of;
    EQ(stat(path, &stat_of), 0);
    EQ(stat_of.st_mode & 0777, 0600);
    MPI(MPI_File_get_info(file, &used));
    CHECK(value(used, "cb_nodes", text) && !strcmp(text, "1"), "%s", text);
    CHECK(value(used, "cb_buffer_size", text) && !strcmp(text, "65536"), "%s", text);
    CHECK(value(used, "romio_cb_write", text) && !strcmp(text, "enable"), "%s", text);
    CHECK(value(used, "romio_cb_read", text) && !strcmp(text, "automatic"), "%s", text);
    CHECK(value(used, "striping_unit", text) && !strcmp(text, "4096"), "%s", text);
    CHECK(value(used, "access_style", text), "access_style");
    CHECK(value(used, "filename", text) && !strcmp(text, path), "%s", text);
    CHECK(!value(used, "no_such_hint", text), "%s", text);
    CHECK(!value(used, "romio_ds_read", text) || strcmp(text, "perhaps"), "%s", text);
    MPI(MPI_Info_free(&used));
    MPI(MPI_Info_set(given, "cb_nodes", "2"));
    MPI(MPI_Info_set(given, "file_perm", "777"));
    MPI(MPI_File_set_info(file, given));
    MPI(MPI_File_get_info(file, &used));
    CHECK(value(used, "cb_nodes", text) && !strcmp(text, "2"), "%s", text);
    CHECK(value(used, "file_perm", text) && !strcmp(text, "600"), "%s", text);
    MPI(MPI_Info_free(&used));
    MPI(MPI_Info_set(given, "cb_nodes", "3"));
    MPI(MPI_File_set_view(file, 0, MPI_INT, MPI_INT, "native", given));
    MPI(MPI_File_get_info(file, &used));
    CHECK(value(used, "cb_nodes", text) && !strcmp(text, "3"), "%s", text);
    MPI(MPI_Info_free(&used));
    FAILS(MPI_File_get_info(file, NULL), MPI_ERR_ARG);
    FAILS(MPI_File_set_info(MPI_FILE_NULL, given), MPI_ERR_FILE);
    MPI(MPI_Info_free(&given));
    MPI(MPI_File_close(&file));
    all_here();
}

static int raised, last_class;
static MPI_File last_file;

static void handler(MPI_File *about, int *code, ...)
{
    raised++;
    last_file = *about;
    MPI_Error_class(*code, &last_class);
}

static void handlers(const char *path)
{
    MPI_Errhandler own, used;
    int word;
    MPI(MPI_File_create_errhandler(handler, &own));
    MPI(MPI_File_get_errhandler(MPI_FILE_NULL, &used));
    CHECK(used == MPI_ERRORS_RETURN, "the default");
    MPI(MPI_File_open(MPI_COMM_WORLD, path, MPI_MODE_CREATE | MPI_MODE_RDWR, MPI_INFO_NULL, &file));
    MPI(MPI_File_get_errhandler(file, &used));
    CHECK(used == MPI_ERRORS_RETURN, "the first of a file");
    MPI(MPI_File_set_errhandler(file, own));
    MPI(MPI_File_get_errhandler(file, &used));
    CHECK(used == own, "the one set");
    MPI(MPI_Errhandler_free(&used));
    FAILS(MPI_File_read_at(file, -1, &word, 1, MPI_INT, MPI_STATUS_IGNORE), MPI_ERR_ARG);
    EQ(raised, 1);
    CHECK(last_file == file, "the file");
    EQ(last_class, MPI_ERR_ARG);
    MPI(MPI_File_call_errhandler(file, MPI_ERR_QUOTA));
    EQ(raised, 2);
    EQ(last_class, MPI_ERR_QUOTA);
    FAILS(MPI_File_call_errhandler((MPI_File)MPI_COMM_WORLD, MPI_ERR_IO), MPI_ERR_FILE);
    FAILS(MPI_File_set_errhandler(file, MPI_ERRHANDLER_NULL), MPI_ERR_ERRHANDLER);
    EQ(raised, 3);
    MPI(MPI_File_close(&file));
    all_here();

    /* Of files that are not open: the one of MPI_FILE_NULL, which new files get. */
    MPI(MPI_File_set_errhandler(MPI_FILE_NULL, own));
    MPI(MPI_Errhandler_free(&own));
    raised = 0;
    FAILS(MPI_File_open(MPI_COMM_WORLD, path, MPI_MODE_RDONLY | MPI_MODE_RDWR, MPI_INFO_NULL, &file),
          MPI_ERR_AMODE);
    EQ(raised, 1);
    CHECK(last_file == MPI_FILE_NULL, "the file");
    MPI(MPI_File_open(MPI_COMM_WORLD, path, MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE, MPI_INFO_NULL,
                      &file));
    FAILS(MPI_File_seek(file, -1, MPI_SEEK_SET), MPI_ERR_ARG);
    EQ(raised, 2);
    CHECK(last_file == file, "the file");
    MPI(MPI_File_call_errhandler(MPI_FILE_NULL, MPI_ERR_IO));
    EQ(raised, 3);
    MPI(MPI_File_set_errhandler(MPI_FILE_NULL, MPI_ERRORS_RETURN));
    MPI(MPI_File_close(&file));
}

int main(int argc, char **argv)
{
    START_FILES(argc, argv);
    hints(in_folder("hints"));
    handlers(in_folder("handlers"));
    PASSED();
}
