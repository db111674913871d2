/* Collective accesses: interleaved pieces of several lengths, with and without gaps, at and
   behind the end of the file, with members that ask for nothing or for something wrong (MPI
   5.0, section 14.4). Second argument: a value of the hints romio_cb_read and _write. */
#include "file.h"

static char *path;
static MPI_Info info;

static MPI_File opened(int amode)
{
    MPI_File file;
    MPI(MPI_File_open(MPI_COMM_WORLD, path, amode, info, &file));
    return file;
}

/* The byte that belongs at this place of the file. */
static unsigned char byte_of(long long at) { return (unsigned char)(at * 7 + at / 251 + 1); }

/* Every rank sees every ranks-th piece of the file, `gap` bytes behind the last one. */
static void set_interleaved(MPI_File file, int piece, int gap, long long disp)
{
    MPI_Datatype block, type;
    MPI(MPI_Type_contiguous(piece, MPI_BYTE, &block));
    MPI(MPI_Type_create_resized(block, 0, (MPI_Aint)ranks * (piece + gap), &type));
    MPI(MPI_Type_commit(&type));
    MPI(MPI_File_set_view(file, disp + (long long)rank * (piece + gap), MPI_BYTE, type, "native",
                          MPI_INFO_NULL));
    MPI(MPI_Type_free(&block));
    MPI(MPI_Type_free(&type));
}

/* The place in the file of byte i of this rank's stream. */
static long long place(int piece, int gap, long long disp, long long i)
{
    long long step = (long long)ranks * (piece + gap);
    return disp + (long long)rank * (piece + gap) + i / piece * step + i % piece;
}

static void round_trip(int piece, int gap, long long disp, int pieces, int scattered)
{
    int len = piece * pieces;
    unsigned char *out = malloc((size_t)len * 2 + 2), *in = malloc((size_t)len * 2 + 2);
    int step = scattered ? 2 : 1;
    memset(in, 0x5a, (size_t)len * 2 + 2);
    memset(out, 0xa5, (size_t)len * 2 + 2);
    for (int i = 0; i < len; i++)
        out[i * step] = byte_of(place(piece, gap, disp, i));
    MPI_Datatype memory = MPI_BYTE;
    int count = len;
    if (scattered) {
        MPI(MPI_Type_vector(len, 1, 2, MPI_BYTE, &memory));
        MPI(MPI_Type_commit(&memory));
        count = 1;
    }
    MPI_File file = opened(MPI_MODE_CREATE | MPI_MODE_RDWR);
    MPI_Status status;
    set_interleaved(file, piece, gap, disp);
    MPI(MPI_File_write_all(file, out, count, memory, &status));
    EQ(count_of(&status, MPI_BYTE), len);
    EQ(position(file), len);
    MPI(MPI_File_seek(file, 0, MPI_SEEK_SET));
    MPI(MPI_File_read_all(file, in, count, memory, &status));
    EQ(count_of(&status, MPI_BYTE), len);
    EQ(position(file), len);
    for (int i = 0; i < len; i++)
        CHECK(in[i * step] == out[i * step], "byte %d of pieces of %d, gap %d", i, piece, gap);
    if (scattered)
        for (int i = 0; i + 1 < len; i++)
            EQ(in[2 * i + 1], 0x5a);
    /* by offset, from the middle of a piece on */
    int from = piece / 2 + piece, part = len - from;
    memset(in, 0, (size_t)len * 2 + 2);
    MPI(MPI_File_read_at_all(file, from, in, part, MPI_BYTE, &status));
    EQ(count_of(&status, MPI_BYTE), part);
    for (int i = 0; i < part; i++)
        CHECK(in[i] == byte_of(place(piece, gap, disp, from + i)), "byte %d", i);
    MPI(MPI_File_close(&file));
    if (rank == 0) {
        long long end = disp + (long long)(pieces - 1) * ranks * (piece + gap) +
                        (long long)(ranks - 1) * (piece + gap) + piece;
        EQ(size_of(path), end);
        unsigned char *whole = malloc((size_t)end);
        EQ(bytes_at(path, 0, whole, end), end);
        for (long long at = 0; at < end; at++) {
            int is_gap = at < disp || (at - disp) % (piece + gap) >= piece;
            CHECK(whole[at] == (is_gap ? 0 : byte_of(at)), "byte %lld, pieces of %d, gap %d", at,
                  piece, gap);
        }
        free(whole);
    }
    if (scattered)
        MPI(MPI_Type_free(&memory));
    free(in);
    free(out);
    all_here();
    if (rank == 0)
        MPI(MPI_File_delete(path, MPI_INFO_NULL));
    all_here();
}

/* What another process writes into gaps stays, and so does what was there. */
static void gaps_are_left_alone(void)
{
    enum { PIECE = 24, GAP = 8, PIECES = 3000 };
    unsigned char *bytes = malloc(PIECE * PIECES);
    long long all = (long long)ranks * (PIECE + GAP) * PIECES;
    if (rank == 0) {
        int fd = open(path, O_CREAT | O_WRONLY, 0600);
        unsigned char *old = malloc((size_t)all);
        memset(old, 0xee, (size_t)all);
        EQ(write(fd, old, (size_t)all), all);
        close(fd);
        free(old);
    }
    memset(bytes, rank + 1, PIECE * PIECES);
    MPI_File file = opened(MPI_MODE_CREATE | MPI_MODE_RDWR);
    set_interleaved(file, PIECE, GAP, 0);
    MPI(MPI_File_write_all(file, bytes, PIECE * PIECES, MPI_BYTE, MPI_STATUS_IGNORE));
    MPI(MPI_File_close(&file));
    if (rank == 0) {
        unsigned char *whole = malloc((size_t)all);
        EQ(bytes_at(path, 0, whole, all), all);
        for (long long at = 0; at < all; at++) {
            int owner = (int)(at / (PIECE + GAP) % ranks);
            EQ(whole[at], at % (PIECE + GAP) < PIECE ? owner + 1 : 0xee);
        }
        free(whole);
        MPI(MPI_File_delete(path, MPI_INFO_NULL));
    }
    free(bytes);
    all_here();
}

/* Reads that meet the end of the file count what there was, and pointers move by it. */
static void at_the_end(void)
{
    enum { PIECE = 16, PIECES = 1000 };
    int len = PIECE * PIECES;
    unsigned char *bytes = malloc((size_t)len * 2);
    for (int i = 0; i < len; i++)
        bytes[i] = byte_of(place(PIECE, 0, 0, i));
    MPI_File file = opened(MPI_MODE_CREATE | MPI_MODE_RDWR);
    MPI_Status status;
    set_interleaved(file, PIECE, 0, 0);
    MPI(MPI_File_write_all(file, bytes, len, MPI_BYTE, &status));
    /* twice as much as there is */
    MPI(MPI_File_seek(file, 0, MPI_SEEK_SET));
    memset(bytes, 0x11, (size_t)len * 2);
    MPI(MPI_File_read_all(file, bytes, 2 * len, MPI_BYTE, &status));
    EQ(count_of(&status, MPI_BYTE), len);
    EQ(position(file), len);
    for (int i = 0; i < len; i++)
        EQ(bytes[i], byte_of(place(PIECE, 0, 0, i)));
    for (int i = len; i < 2 * len; i++)
        EQ(bytes[i], 0x11);
    /* behind the end */
    MPI(MPI_File_read_all(file, bytes, len, MPI_BYTE, &status));
    EQ(count_of(&status, MPI_BYTE), 0);
    EQ(position(file), len);
    MPI(MPI_File_read_at_all(file, 10 * len, bytes, len, MPI_BYTE, &status));
    EQ(count_of(&status, MPI_BYTE), 0);
    /* the file ends in the middle of a piece of rank 0 */
    MPI(MPI_File_set_size(file, (MPI_Offset)ranks * PIECE * 500 + 5));
    MPI(MPI_File_read_at_all(file, 0, bytes, len, MPI_BYTE, &status));
    EQ(count_of(&status, MPI_BYTE), 500 * PIECE + (rank == 0 ? 5 : 0));
    MPI(MPI_File_read_at_all(file, 0, bytes, len / 4, MPI_INT, &status));
    EQ(count_of(&status, MPI_BYTE), 500 * PIECE + (rank == 0 ? 5 : 0));
    EQ(count_of(&status, MPI_INT), rank == 0 ? MPI_UNDEFINED : 500 * PIECE / 4);
    MPI(MPI_File_close(&file));
    if (rank == 0)
        MPI(MPI_File_delete(path, MPI_INFO_NULL));
    free(bytes);
    all_here();
}

/* Some ask for nothing, one for what is wrong: the others get theirs all the same. */
static void members_differ(void)
{
    enum { LEN = 4096 };
    unsigned char bytes[LEN], back[LEN];
    MPI_Status status;
    fill(bytes, LEN, (unsigned)rank);
    MPI_File file = opened(MPI_MODE_CREATE | MPI_MODE_RDWR);
    set_interleaved(file, 8, 0, 0);
    int odd = rank % 2;
    MPI(MPI_File_write_all(file, odd ? NULL : bytes, odd ? 0 : LEN, MPI_BYTE, &status));
    EQ(count_of(&status, MPI_BYTE), odd ? 0 : LEN);
    MPI(MPI_File_read_at_all(file, 0, back, LEN, MPI_BYTE, &status));
    if (!odd)
        FILLED(back, LEN, (unsigned)rank);
    if (rank == ranks - 1) {
        FAILS(MPI_File_write_at_all(file, -1, bytes, LEN, MPI_BYTE, &status), MPI_ERR_ARG);
        FAILS(MPI_File_read_at_all(file, 0, bytes, -1, MPI_BYTE, &status), MPI_ERR_COUNT);
        FAILS(MPI_File_write_all(file, bytes, 1, MPI_DATATYPE_NULL, &status), MPI_ERR_TYPE);
        FAILS(MPI_File_read_all(file, bytes, -5, MPI_INT, &status), MPI_ERR_COUNT);
    } else {
        MPI(MPI_File_write_at_all(file, 0, bytes, LEN, MPI_BYTE, &status));
        EQ(count_of(&status, MPI_BYTE), LEN);
        MPI(MPI_File_read_at_all(file, 0, back, LEN, MPI_BYTE, &status));
        FILLED(back, LEN, (unsigned)rank);
        MPI(MPI_File_write_all(file, bytes, 8, MPI_BYTE, &status));
        MPI(MPI_File_seek(file, 0, MPI_SEEK_SET));
        MPI(MPI_File_read_all(file, bytes, 8, MPI_BYTE, &status));
        EQ(count_of(&status, MPI_BYTE), 8);
    }
    MPI(MPI_File_close(&file));
    /* what the access mode does not allow fails at all members */
    file = opened(MPI_MODE_RDONLY);
    FAILS(MPI_File_write_all(file, bytes, 8, MPI_BYTE, &status), MPI_ERR_READ_ONLY);
    FAILS(MPI_File_write_at_all(file, 0, bytes, 8, MPI_BYTE, &status), MPI_ERR_READ_ONLY);
    MPI(MPI_File_close(&file));
    file = opened(MPI_MODE_WRONLY);
    FAILS(MPI_File_read_all(file, bytes, 8, MPI_BYTE, &status), MPI_ERR_ACCESS);
    MPI(MPI_File_close(&file));
    FAILS(MPI_File_read_all(MPI_FILE_NULL, bytes, 8, MPI_BYTE, &status), MPI_ERR_FILE);
    FAILS(MPI_File_write_at_all(file, 0, bytes, 8, MPI_BYTE, &status), MPI_ERR_FILE);
    all_here();
    if (rank == 0)
        MPI(MPI_File_delete(path, MPI_INFO_NULL));
    all_here();
}

/* Pieces that overlap: each byte is one of those written. */
static void overlaps(void)
{
    enum { LEN = 64 * 500 };
    unsigned char bytes[LEN];
    memset(bytes, rank + 1, LEN);
    MPI_File file = opened(MPI_MODE_CREATE | MPI_MODE_RDWR);
    MPI_Datatype type;
    MPI(MPI_Type_vector(500, 64, 96, MPI_BYTE, &type));
    MPI(MPI_Type_commit(&type));
    MPI(MPI_File_set_view(file, 32 * (rank % 2), MPI_BYTE, type, "native", MPI_INFO_NULL));
    MPI(MPI_File_write_all(file, bytes, LEN, MPI_BYTE, MPI_STATUS_IGNORE));
    MPI(MPI_File_close(&file));
    MPI(MPI_Type_free(&type));
    if (rank == 0) {
        long long len = size_of(path);
        CHECK(len > 0, "no file");
        unsigned char *whole = malloc((size_t)len);
        bytes_at(path, 0, whole, len);
        for (long long at = 0; at < len; at++) {
            int even = at % 96 < 64, odd = ranks > 1 && at >= 32 && (at - 32) % 96 < 64;
            if (!even && !odd)
                EQ(whole[at], 0);
            else
                CHECK(whole[at] >= 1 && whole[at] <= ranks &&
                          ((even && whole[at] % 2 == 1) || (odd && whole[at] % 2 == 0)),
                      "byte %lld is %d", at, whole[at]);
        }
        free(whole);
        MPI(MPI_File_delete(path, MPI_INFO_NULL));
    }
    all_here();
}

int main(int argc, char **argv)
{
    START_FILES(argc, argv);
    path = in_folder("collective");
    info = MPI_INFO_NULL;
    if (argc > 2) {
        MPI(MPI_Info_create(&info));
        MPI(MPI_Info_set(info, "romio_cb_write", argv[2]));
        MPI(MPI_Info_set(info, "romio_cb_read", argv[2]));
        MPI(MPI_Info_set(info, "cb_buffer_size", "10000"));
        MPI(MPI_Info_set(info, "cb_nodes", "2"));
    }
    static const int pieces[] = {1, 7, 64, 100, 4096, 30000};
    for (unsigned i = 0; i < sizeof pieces / sizeof *pieces; i++)
        for (int gap = 0; gap < 20; gap += 9)
            for (long long disp = 0; disp < 10000; disp += 4999) {
                int n = pieces[i] > 1000 ? 20 : 700;
                round_trip(pieces[i], gap, disp, n, i % 2 == disp % 2);
            }
    round_trip(64, 0, 0, 40000, 0);
    gaps_are_left_alone();
    at_the_end();
    members_differ();
    overlaps();
    if (info != MPI_INFO_NULL)
        MPI(MPI_Info_free(&info));
    PASSED();
}
