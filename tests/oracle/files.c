/* Files: random views, what offsets mean in them, what is read and written through them, what
   is counted, and where pointers are. The file is as long as all need from the beginning: ROMIO
   writes other bytes than zero into the gaps of a new one. */
#include "oracle.h"
#include <fcntl.h>
#include <unistd.h>

enum { SIZE = 1 << 16 };

static char path[200];
static MPI_File file;

/* A type whose displacements grow, of some depth. */
static MPI_Datatype random_type(MPI_Datatype unit, int depth)
{
    MPI_Datatype inner = unit, type;
    if (depth > 0)
        inner = random_type(unit, depth - 1);
    int n = 1 + below(3), lens[3], at[3], next = 0;
    MPI_Aint lb, extent, far[3];
    MPI_Type_get_extent(inner, &lb, &extent);
    for (int i = 0; i < n; i++) {
        lens[i] = 1 + below(2);
        at[i] = next + below(3);
        next = at[i] + lens[i];
        far[i] = at[i] * extent;
    }
    switch (below(7)) {
    case 0: MPI_Type_contiguous(n, inner, &type); break;
    case 1: MPI_Type_vector(n, lens[0], lens[0] + below(3), inner, &type); break;
    case 2: MPI_Type_create_hvector(n, 1, extent * (1 + below(3)), inner, &type); break;
    case 3: MPI_Type_indexed(n, lens, at, inner, &type); break;
    case 4: MPI_Type_create_hindexed(n, lens, far, inner, &type); break;
    case 5: {
        int sizes[2] = {2 + below(3), 2 + below(3)};
        int part[2] = {1 + below(sizes[0]), 1 + below(sizes[1])};
        int start[2] = {below(sizes[0] - part[0] + 1), below(sizes[1] - part[1] + 1)};
        MPI_Type_create_subarray(2, sizes, part, start, below(2) ? MPI_ORDER_C : MPI_ORDER_FORTRAN, inner, &type);
        break;
    }
    default: {
        int whole[1] = {4 * ranks}, how[1] = {below(2) ? MPI_DISTRIBUTE_BLOCK : MPI_DISTRIBUTE_CYCLIC};
        int args[1] = {MPI_DISTRIBUTE_DFLT_DARG}, grid[1] = {ranks};
        MPI_Type_create_darray(ranks, rank, 1, whole, how, args, grid, MPI_ORDER_C, inner, &type);
    }
    }
    if (inner != unit)
        MPI_Type_free(&inner);
    return type;
}

static void say_count(MPI_Status *status, MPI_Datatype type)
{
    int count, elements;
    MPI_Get_count(status, type, &count);
    MPI_Get_elements(status, type, &elements);
    say(" count %s elements %s", number(count), number(elements));
}

static unsigned sum(const unsigned char *bytes, long len)
{
    unsigned sum = 1;
    for (long i = 0; i < len; i++)
        sum = sum * 31 + bytes[i];
    return sum;
}

/* All bytes of the file, as this rank reads them without MPI. */
static void say_file(void)
{
    static unsigned char bytes[2 * SIZE];
    MPI_Barrier(MPI_COMM_WORLD);
    int fd = open(path, O_RDONLY);
    long len = read(fd, bytes, sizeof bytes);
    close(fd);
    say("  file: %ld bytes, %08x\n", len, sum(bytes, len));
    MPI_Barrier(MPI_COMM_WORLD);
}

static void one_view(int number_of_view)
{
    static unsigned char data[4096];
    MPI_Datatype units[] = {MPI_INT, MPI_SHORT, MPI_DOUBLE, MPI_CHAR, MPI_LONG};
    MPI_Status status;
    MPI_Offset at, disp;
    /* Etypes are alike on all ranks, the rest is each rank's own. */
    state = 1000 + number_of_view;
    MPI_Datatype unit = units[below(5)];
    state = 77 * number_of_view + rank;
    MPI_Datatype type = random_type(unit, below(3)), filetype, etype, back;
    MPI_Aint lb, extent, tlb, textent;
    int size, usize;
    MPI_Type_get_extent(type, &lb, &extent);
    MPI_Type_create_resized(type, 0, lb + extent + below(3) * 8, &filetype);
    MPI_Type_commit(&filetype);
    MPI_Type_get_true_extent(filetype, &tlb, &textent);
    MPI_Type_size(filetype, &size);
    MPI_Type_size(unit, &usize);
    disp = below(100);
    say("view %d: disp %lld size %d extent %ld\n", number_of_view, (long long)disp, size, (long)extent);
    TRY(MPI_File_set_view(file, disp, unit, filetype, "native", MPI_INFO_NULL));
    char representation[MPI_MAX_DATAREP_STRING];
    MPI_File_get_view(file, &at, &etype, &back, representation);
    MPI_Aint blb, bextent;
    MPI_Type_get_extent(back, &blb, &bextent);
    say("  is: disp %lld %s extent %ld\n", (long long)at, representation, (long)bextent);
    MPI_Type_free(&back);
    /* MPICH refuses a type that is not committed here. */
    MPI_Type_commit(&type);
    MPI_File_get_type_extent(file, type, &bextent);
    say("  extent in the file %ld\n", (long)bextent);
    for (int i = 0; i < 6; i++) {
        MPI_Offset offset = below(5 * size / usize);
        MPI_File_get_byte_offset(file, offset, &at);
        say("  offset %lld is byte %lld\n", (long long)offset, (long long)at);
    }
    MPI_File_seek(file, 0, MPI_SEEK_END);
    MPI_File_get_position(file, &at);
    say("  the end is %lld\n", (long long)at);
    /* Written in turn: views overlap. */
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)below(256);
    MPI_Offset offset = below(20);
    int n = 1 + below(3 * size / usize);
    if (n * usize > (int)sizeof data)
        n = sizeof data / usize;
    for (int turn = 0; turn < ranks; turn++) {
        if (turn == rank) {
            MPI_File_seek(file, offset, MPI_SEEK_SET);
            say("  write %d at %lld:", n, (long long)offset);
            MPI_File_write(file, data, n, unit, &status);
            say_count(&status, unit);
            MPI_File_get_position(file, &at);
            say(" then %lld\n", (long long)at);
        }
        MPI_File_sync(file);
        MPI_Barrier(MPI_COMM_WORLD);
    }
    say_file();
    memset(data, 0, sizeof data);
    MPI_File_read_at(file, offset + 1, data, n, unit, &status);
    say("  read:");
    say_count(&status, unit);
    say(" %08x\n", sum(data, n * usize));
    /* Into memory of this type. */
    MPI_Datatype memory = random_type(unit, 1);
    int msize;
    MPI_Aint mlb, mextent;
    MPI_Type_commit(&memory);
    MPI_Type_size(memory, &msize);
    MPI_Type_get_extent(memory, &mlb, &mextent);
    if (mlb + mextent <= (int)sizeof data) {
        memset(data, 0, sizeof data);
        MPI_File_read_at_all(file, offset, data, 1, memory, &status);
        say("  read into holes:");
        say_count(&status, memory);
        say(" %08x\n", sum(data, sizeof data));
    } else
        MPI_File_read_at_all(file, offset, data, 0, MPI_INT, &status);
    MPI_Type_free(&memory);
    MPI_Type_free(&type);
    MPI_Type_free(&filetype);
    MPI_Barrier(MPI_COMM_WORLD);
}

/* At the end of the file, and what is wrong. */
static void ends(void)
{
    MPI_Status status;
    MPI_Offset at;
    int words[16];
    MPI_File_set_view(file, 0, MPI_INT, MPI_INT, "native", MPI_INFO_NULL);
    MPI_Barrier(MPI_COMM_WORLD);
    for (int behind = -6; behind <= 3; behind += 3) {
        MPI_File_seek(file, behind, MPI_SEEK_END);
        MPI_File_read(file, words, 4, MPI_INT, &status);
        say("  %d from the end:", behind);
        say_count(&status, MPI_INT);
        MPI_File_get_position(file, &at);
        say(" then %lld\n", (long long)at);
    }
    TRY(MPI_File_seek(file, -1, MPI_SEEK_SET));
    TRY(MPI_File_read_at(file, -1, words, 1, MPI_INT, &status));
    TRY(MPI_File_read_at(file, 0, words, -1, MPI_INT, &status));
    TRY(MPI_File_set_view(file, 0, MPI_INT, MPI_INT, "nonsense", MPI_INFO_NULL));
    int amode;
    MPI_File_get_amode(file, &amode);
    say("amode is as given: %d\n", amode == (MPI_MODE_CREATE | MPI_MODE_RDWR));
    MPI_File bad;
    TRY(MPI_File_open(MPI_COMM_SELF, path, MPI_MODE_RDONLY | MPI_MODE_RDWR, MPI_INFO_NULL, &bad));
    TRY(MPI_File_open(MPI_COMM_SELF, path, MPI_MODE_RDONLY | MPI_MODE_CREATE, MPI_INFO_NULL, &bad));
    TRY(MPI_File_open(MPI_COMM_SELF, path, MPI_MODE_RDWR | MPI_MODE_SEQUENTIAL, MPI_INFO_NULL, &bad));
    TRY(MPI_File_open(MPI_COMM_SELF, path, MPI_MODE_RDWR | MPI_MODE_CREATE | MPI_MODE_EXCL, MPI_INFO_NULL, &bad));
    TRY(MPI_File_open(MPI_COMM_SELF, "/no/such/file", MPI_MODE_RDONLY, MPI_INFO_NULL, &bad));
    TRY(MPI_File_delete("/no/such/file", MPI_INFO_NULL));
}

/* The shared pointer, in order of ranks. */
static void shared(void)
{
    MPI_Status status;
    MPI_Offset at;
    int words[8];
    MPI_File_seek_shared(file, 10, MPI_SEEK_SET);
    for (int i = 0; i < 8; i++)
        words[i] = 100 * rank + i;
    MPI_File_write_ordered(file, words, 2 + rank % 3, MPI_INT, &status);
    MPI_File_get_position_shared(file, &at);
    say("shared: then %lld\n", (long long)at);
    say_file();
    MPI_File_seek_shared(file, -3, MPI_SEEK_CUR);
    memset(words, 0, sizeof words);
    MPI_File_read_ordered(file, words, 1 + rank % 2, MPI_INT, &status);
    say("shared: read %d %d", words[0], words[1]);
    say_count(&status, MPI_INT);
    MPI_File_get_position_shared(file, &at);
    say(" then %lld\n", (long long)at);
}

static void hints(void)
{
    MPI_Info info, used;
    MPI_File other;
    char value[200];
    int flag;
    const char *keys[] = {"cb_buffer_size", "romio_cb_read", "romio_cb_write", "no_such_key"};
    MPI_Info_create(&info);
    MPI_Info_set(info, "cb_buffer_size", "123456");
    MPI_Info_set(info, "romio_cb_write", "disable");
    MPI_Info_set(info, "no_such_key", "x");
    MPI_File_open(MPI_COMM_WORLD, path, MPI_MODE_RDWR, info, &other);
    MPI_File_get_info(other, &used);
    for (int i = 0; i < 4; i++) {
        MPI_Info_get(used, keys[i], 199, value, &flag);
        say("hint %s: %s\n", keys[i], flag ? value : "none");
    }
    MPI_Info_free(&used);
    MPI_Info_free(&info);
    MPI_File_close(&other);
}

int main(void)
{
    begin();
    int pid = (int)getpid();
    MPI_Bcast(&pid, 1, MPI_INT, 0, MPI_COMM_WORLD);
    snprintf(path, sizeof path, "%s/oracle-%d", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", pid);
    MPI_File_open(MPI_COMM_WORLD, path, MPI_MODE_CREATE | MPI_MODE_RDWR, MPI_INFO_NULL, &file);
    MPI_File_set_size(file, SIZE);
    for (int i = 0; i < 40; i++)
        one_view(i);
    ends();
    shared();
    hints();
    MPI_File_close(&file);
    if (rank == 0)
        MPI_File_delete(path, MPI_INFO_NULL);
    return finish();
}
