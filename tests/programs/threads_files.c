/* MPI_THREAD_MULTIPLE: threads of all ranks use one file at once, by explicit offsets, by the
   pointer of their rank, by the pointer of all, and in atomic mode on the same bytes; and each
   with the same thread of the other ranks a file of its own, by collective calls.
   usage: threads_files FOLDER [RECORDS] */
#include "file.h"
#include <pthread.h>

enum { THREADS = 4, LEN = 100, MOST_RANKS = 8, MOST_RECORDS = 5000, REGION = 30000 };

typedef struct {
    int rank, thread, number;
    unsigned char bytes[LEN - 3 * sizeof(int)];
} Record;

static int records = 60; /* of each thread in each phase */
static MPI_Comm comms[THREADS];
static MPI_File file;
static MPI_Datatype type;
static unsigned char seen[MOST_RANKS][THREADS][MOST_RECORDS];

static Record record_of(int who, int thread, int number)
{
    Record record = {who, thread, number, {0}};
    fill(record.bytes, sizeof record.bytes, (unsigned)(who * 100000 + thread * 10000 + number));
    return record;
}

static void check_record(const Record *record)
{
    CHECK(record->rank >= 0 && record->rank < ranks && record->thread >= 0 && record->thread < THREADS &&
              record->number >= 0 && record->number < records,
          "a record of rank %d, thread %d, number %d", record->rank, record->thread, record->number);
    FILLED(record->bytes, sizeof record->bytes,
           (unsigned)(record->rank * 100000 + record->thread * 10000 + record->number));
    EQ(__atomic_fetch_add(&seen[record->rank][record->thread][record->number], 1, __ATOMIC_RELAXED), 0);
}

static void all_seen_once(int from, int to)
{
    for (int r = from; r < to; r++)
        for (int t = 0; t < THREADS; t++)
            ALL(seen[r][t], (size_t)records, 1);
    memset(seen, 0, sizeof seen);
}

static void in_threads(void *(*body)(void *))
{
    pthread_t threads[THREADS];
    for (intptr_t i = 0; i < THREADS; i++)
        EQ(pthread_create(&threads[i], NULL, body, (void *)i), 0);
    for (int i = 0; i < THREADS; i++)
        EQ(pthread_join(threads[i], NULL), 0);
    MPI(MPI_File_sync(file));
    all_here();
    MPI(MPI_File_sync(file));
}

static void counts_one(MPI_Status *status) { EQ(count_of(status, type), 1); }

static void *write_at(void *argument)
{
    int me = (int)(intptr_t)argument;
    for (int i = 0; i < records; i++) {
        Record record = record_of(rank, me, i), back = {0};
        MPI_Offset at = ((MPI_Offset)rank * THREADS + me) * records + i, size;
        MPI_Status status;
        MPI_Request request;
        if (i % 2)
            MPI(MPI_File_write_at(file, at, &record, 1, type, &status));
        else {
            MPI(MPI_File_iwrite_at(file, at, &record, 1, type, &request));
            MPI(MPI_Wait(&request, &status));
        }
        counts_one(&status);
        if (i % 3)
            MPI(MPI_File_read_at(file, at, &back, 1, type, &status));
        else {
            MPI(MPI_File_iread_at(file, at, &back, 1, type, &request));
            MPI(MPI_Wait(&request, &status));
        }
        counts_one(&status);
        check_record(&back);
        CHECK(memcmp(&back, &record, sizeof back) == 0, "record %d", i);
        MPI(MPI_File_get_size(file, &size));
        CHECK(size >= (at + 1) * LEN, "%lld", (long long)size);
    }
    return NULL;
}

static void *write_next(void *argument)
{
    int me = (int)(intptr_t)argument;
    for (int i = 0; i < records; i++) {
        Record record = record_of(rank, me, i);
        MPI_Status status;
        MPI_Request request;
        if (i % 2)
            MPI(MPI_File_write(file, &record, 1, type, &status));
        else {
            MPI(MPI_File_iwrite(file, &record, 1, type, &request));
            MPI(MPI_Wait(&request, &status));
        }
        counts_one(&status);
    }
    return NULL;
}

static void *read_next(void *argument)
{
    for (int i = 0; i < records; i++) {
        Record record = {0};
        MPI_Status status;
        MPI_Request request;
        if ((i + (int)(intptr_t)argument) % 2)
            MPI(MPI_File_read(file, &record, 1, type, &status));
        else {
            MPI(MPI_File_iread(file, &record, 1, type, &request));
            MPI(MPI_Wait(&request, &status));
        }
        counts_one(&status);
        check_record(&record);
    }
    return NULL;
}

static void *write_shared(void *argument)
{
    int me = (int)(intptr_t)argument;
    for (int i = 0; i < records; i++) {
        Record record = record_of(rank, me, i);
        MPI_Status status;
        MPI_Request request;
        if (i % 2)
            MPI(MPI_File_write_shared(file, &record, 1, type, &status));
        else {
            MPI(MPI_File_iwrite_shared(file, &record, 1, type, &request));
            MPI(MPI_Wait(&request, &status));
        }
        counts_one(&status);
    }
    return NULL;
}

static void *read_shared(void *argument)
{
    for (int i = 0; i < records; i++) {
        Record record = {0};
        MPI_Status status;
        MPI_Request request;
        if ((i + (int)(intptr_t)argument) % 2)
            MPI(MPI_File_read_shared(file, &record, 1, type, &status));
        else {
            MPI(MPI_File_iread_shared(file, &record, 1, type, &request));
            MPI(MPI_Wait(&request, &status));
        }
        counts_one(&status);
        check_record(&record);
    }
    return NULL;
}

/* The same bytes, written and read by all at once: each sees those of one writer. */
static void *overlap(void *argument)
{
    int me = (int)(intptr_t)argument;
    unsigned char *bytes = room(REGION), *back = room(REGION);
    for (int i = 0; i < records / 4; i++) {
        MPI_Status status;
        MPI_Request request;
        memset(bytes, 1 + rank * THREADS + me, REGION);
        if (i % 2)
            MPI(MPI_File_write_at(file, 0, bytes, REGION / LEN, type, &status));
        else {
            MPI(MPI_File_iwrite_at(file, 0, bytes, REGION / LEN, type, &request));
            MPI(MPI_Wait(&request, &status));
        }
        EQ(count_of(&status, type), REGION / LEN);
        MPI(MPI_File_read_at(file, 0, back, REGION / LEN, type, &status));
        EQ(count_of(&status, type), REGION / LEN);
        CHECK(back[0] >= 1 && back[0] <= ranks * THREADS, "%d", back[0]);
        ALL(back, REGION, back[0]);
    }
    free(bytes);
    free(back);
    return NULL;
}

/* Each thread with the same one of the other ranks. */
static void *together(void *argument)
{
    int me = (int)(intptr_t)argument, left = (rank + ranks - 1) % ranks;
    MPI_Comm comm = comms[me];
    char path[1024];
    snprintf(path, sizeof path, "%s/own.%d", folder, me);
    for (int round = 0; round < records / 10; round++) {
        MPI_File own;
        MPI_Status status;
        MPI_Request request;
        Record out = record_of(rank, me, round), in = {0};
        MPI(MPI_File_open(comm, path, MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE,
                          MPI_INFO_NULL, &own));
        MPI(MPI_File_set_view(own, (MPI_Offset)0, type, type, "native", MPI_INFO_NULL));
        switch (round % 4) {
        case 0:
            MPI(MPI_File_write_at_all(own, rank, &out, 1, type, &status));
            break;
        case 1:
            MPI(MPI_File_iwrite_at_all(own, rank, &out, 1, type, &request));
            MPI(MPI_Wait(&request, &status));
            break;
        case 2:
            MPI(MPI_File_write_at_all_begin(own, rank, &out, 1, type));
            MPI(MPI_File_write_at_all_end(own, &out, &status));
            break;
        default:
            MPI(MPI_File_write_ordered(own, &out, 1, type, &status));
        }
        counts_one(&status);
        MPI(MPI_File_sync(own));
        MPI(MPI_Barrier(comm));
        MPI(MPI_File_sync(own));
        if (round % 2)
            MPI(MPI_File_read_at_all(own, left, &in, 1, type, &status));
        else {
            MPI(MPI_File_iread_at_all(own, left, &in, 1, type, &request));
            MPI(MPI_Wait(&request, &status));
        }
        counts_one(&status);
        Record want = record_of(left, me, round);
        CHECK(memcmp(&in, &want, sizeof in) == 0, "thread %d, round %d", me, round);
        MPI(MPI_File_close(&own));
    }
    return NULL;
}

static void view_from(MPI_Offset disp)
{
    MPI(MPI_File_set_view(file, disp, type, type, "native", MPI_INFO_NULL));
}

int main(int argc, char **argv)
{
    int level = -1;
    records = argc > 2 ? atoi(argv[2]) : records;
    snprintf(folder, sizeof folder, "%s", argc > 1 ? argv[1] : "/tmp");
    MPI(MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &level));
    EQ(level, MPI_THREAD_MULTIPLE);
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    CHECK(ranks <= MOST_RANKS && records <= MOST_RECORDS && sizeof(Record) == LEN, "%d ranks", ranks);
    MPI(MPI_Type_contiguous(LEN, MPI_BYTE, &type));
    MPI(MPI_Type_commit(&type));
    for (int i = 0; i < THREADS; i++)
        MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comms[i]));
    MPI(MPI_File_open(MPI_COMM_WORLD, in_folder("common"), MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE,
                      MPI_INFO_NULL, &file));

    view_from(0);
    in_threads(write_at);
    all_seen_once(rank, rank + 1);

    MPI_Offset part = (MPI_Offset)THREADS * records;
    view_from(rank * part * LEN);
    in_threads(write_next);
    EQ(position(file), part);
    MPI(MPI_File_seek(file, 0, MPI_SEEK_SET));
    in_threads(read_next);
    EQ(position(file), part);
    all_seen_once(rank, rank + 1);

    MPI_Offset at = -1;
    view_from(0);
    in_threads(write_shared);
    MPI(MPI_File_get_position_shared(file, &at));
    EQ(at, part * ranks);
    all_here();
    MPI(MPI_File_seek_shared(file, 0, MPI_SEEK_SET));
    in_threads(read_shared);
    MPI(MPI_Allreduce(MPI_IN_PLACE, seen, (int)sizeof seen, MPI_UNSIGNED_CHAR, MPI_SUM, MPI_COMM_WORLD));
    all_seen_once(0, ranks);

    view_from(0);
    MPI(MPI_File_set_atomicity(file, 1));
    in_threads(overlap);
    MPI(MPI_File_set_atomicity(file, 0));

    in_threads(together);
    MPI(MPI_File_close(&file));
    MPI(MPI_Type_free(&type));
    for (int i = 0; i < THREADS; i++)
        MPI(MPI_Comm_free(&comms[i]));
    PASSED();
}
