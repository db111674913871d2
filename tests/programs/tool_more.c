/* More of the tool information interface (MPI 5.0, section 15.3): categories, enumerations,
   levels and marks, variables of communicators and those that are started, events. */
#include "check.h"
#include <time.h>

typedef unsigned long long number;
typedef MPI_T_pvar_handle handle;

static MPI_T_pvar_session session;

static handle opened(const char *name, int class, void *object, int *count)
{
    int index = -1;
    handle made = MPI_T_PVAR_HANDLE_NULL;
    MPI(MPI_T_pvar_get_index(name, class, &index));
    MPI(MPI_T_pvar_handle_alloc(session, index, object, &made, count));
    return made;
}

static number value(handle of)
{
    number read = 99;
    MPI(MPI_T_pvar_read(session, of, &read));
    return read;
}

/* Every variable and event is in one category, and all but the first are in the first. */
static void categories(void)
{
    int categories, cvars, pvars, events, seen[3] = {0}, changed = -1, index;
    MPI(MPI_T_category_get_num(&categories));
    MPI(MPI_T_cvar_get_num(&cvars));
    MPI(MPI_T_pvar_get_num(&pvars));
    MPI(MPI_T_event_get_num(&events));
    CHECK(categories > 1 && events == 3, "%d %d", categories, events);
    for (int i = 0; i < categories; i++) {
        char name[64], small[5], desc[256];
        int name_len = sizeof name, desc_len = sizeof desc, small_len = sizeof small, counts[4];
        int indices[100];
        MPI(MPI_T_category_get_info(i, name, &name_len, desc, &desc_len, &counts[0], &counts[1], &counts[3]));
        EQ(strlen(name) + 1, name_len);
        EQ(strlen(desc) + 1, desc_len);
        MPI(MPI_T_category_get_info(i, small, &small_len, NULL, NULL, NULL, NULL, NULL));
        EQ(strlen(small), 4);
        MPI(MPI_T_category_get_num_events(i, &counts[2]));
        MPI(MPI_T_category_get_index(name, &index));
        EQ(index, i);
        for (int kind = 0; kind < 4; kind++) {
            int (*get)(int, int, int *) = kind == 0   ? MPI_T_category_get_cvars
                                          : kind == 1 ? MPI_T_category_get_pvars
                                          : kind == 2 ? MPI_T_category_get_events
                                                      : MPI_T_category_get_categories;
            memset(indices, 0x55, sizeof indices);
            MPI(get(i, 1, indices)); /* no more than there is room for */
            ALL(indices + 1, sizeof indices - sizeof *indices, 0x55);
            MPI(get(i, 100, indices));
            for (int k = 0; k + 1 < counts[kind]; k++)
                CHECK(indices[k] < indices[k + 1], "%s", name);
            if (kind < 3)
                seen[kind] += counts[kind];
            else
                EQ(counts[3], i == 0 ? categories - 1 : 0);
            EQ(get(i, -1, indices), MPI_T_ERR_INVALID);
            EQ(get(-1, 1, indices), MPI_T_ERR_INVALID_INDEX);
            EQ(get(categories, 1, indices), MPI_T_ERR_INVALID_INDEX);
        }
    }
    EQ(seen[0], cvars);
    EQ(seen[1], pvars);
    EQ(seen[2], events);
    MPI(MPI_T_category_changed(&changed));
    EQ(MPI_T_category_get_index("none", &index), MPI_T_ERR_INVALID_NAME);
    EQ(MPI_T_category_get_index("lariat", NULL), MPI_T_ERR_INVALID);
    EQ(MPI_T_category_get_info(-1, NULL, NULL, NULL, NULL, NULL, NULL, NULL), MPI_T_ERR_INVALID_INDEX);
    EQ(MPI_T_category_get_num_events(categories, &index), MPI_T_ERR_INVALID_INDEX);
}

static void enumerations(void)
{
    int index, num = 0, number = -1, name_len, count, state = 7;
    char name[64];
    MPI_T_enum values = MPI_T_ENUM_NULL;
    MPI(MPI_T_pvar_get_index("lariat_pressure", MPI_T_PVAR_CLASS_STATE, &index));
    MPI(MPI_T_pvar_get_info(index, NULL, NULL, NULL, NULL, NULL, &values, NULL, NULL, NULL, NULL, NULL, NULL));
    name_len = sizeof name;
    MPI(MPI_T_enum_get_info(values, &num, name, &name_len));
    EQ(num, 2);
    for (int i = 0; i < num; i++) {
        name_len = sizeof name;
        MPI(MPI_T_enum_get_item(values, i, &number, name, &name_len));
        EQ(number, i);
        EQ(strcmp(name, i ? "on" : "off"), 0);
    }
    EQ(MPI_T_enum_get_item(values, 2, &number, name, &name_len), MPI_T_ERR_INVALID_ITEM);
    EQ(MPI_T_enum_get_item(values, -1, &number, name, &name_len), MPI_T_ERR_INVALID_ITEM);
    EQ(MPI_T_enum_get_info(MPI_T_ENUM_NULL, &num, NULL, NULL), MPI_T_ERR_INVALID_HANDLE);
    handle pressure = opened("lariat_pressure", MPI_T_PVAR_CLASS_STATE, NULL, &count);
    MPI(MPI_T_pvar_read(session, pressure, &state));
    EQ(state, 0);
    EQ(MPI_T_pvar_write(session, pressure, &state), MPI_T_ERR_PVAR_NO_WRITE);
    MPI(MPI_T_pvar_handle_free(session, &pressure));
    for (int i = 0; i < 3; i++) {
        MPI_Datatype types[8];
        MPI_Aint displacements[8];
        MPI_Info info = MPI_INFO_NULL;
        int elements = 8, bind = -1, items = -1, other = -1;
        name_len = sizeof name;
        MPI(MPI_T_event_get_info(i, name, &name_len, NULL, types, displacements, &elements, &values, &info,
                                 NULL, NULL, &bind));
        MPI(MPI_Info_free(&info));
        EQ(bind, MPI_T_BIND_NO_OBJECT);
        MPI(MPI_T_enum_get_info(values, &items, NULL, NULL));
        EQ(items, elements);
        EQ(displacements[0], 0);
        CHECK(types[0] == MPI_INT, "%s", name);
        MPI(MPI_T_event_get_index(name, &other));
        EQ(other, i);
    }
    EQ(MPI_T_event_get_info(3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
       MPI_T_ERR_INVALID_INDEX);
    EQ(MPI_T_event_get_index("none", &index), MPI_T_ERR_INVALID_NAME);
}

/* What is posted and what came too early, of two communicators. */
static void levels(void)
{
    enum { N = 5 };
    int count = -1, data[2 * N], before;
    MPI_Comm other;
    MPI_Request requests[N];
    MPI(MPI_Comm_dup(MPI_COMM_SELF, &other));
    MPI_Comm world = MPI_COMM_SELF, none = MPI_COMM_NULL;
    handle posted = opened("lariat_posted_receives_of_comm", MPI_T_PVAR_CLASS_LEVEL, &world, &count);
    EQ(count, 1);
    handle early = opened("lariat_unexpected_messages_of_comm", MPI_T_PVAR_CLASS_LEVEL, &world, &count);
    handle elsewhere = opened("lariat_unexpected_messages_of_comm", MPI_T_PVAR_CLASS_LEVEL, &other, &count);
    handle all = opened("lariat_unexpected_messages", MPI_T_PVAR_CLASS_LEVEL, NULL, &count);
    handle most = opened("lariat_unexpected_bytes_most", MPI_T_PVAR_CLASS_HIGHWATERMARK, NULL, &count);
    handle reset = opened("lariat_unexpected_bytes_most", MPI_T_PVAR_CLASS_HIGHWATERMARK, NULL, &count);
    before = (int)value(all);
    for (int i = 0; i < N; i++)
        MPI(MPI_Irecv(&data[i], 1, MPI_INT, 0, 100 + i, MPI_COMM_SELF, &requests[i]));
    EQ(value(posted), N);
    for (int i = 0; i < N; i++)
        MPI(MPI_Send(&i, 1, MPI_INT, 0, i, MPI_COMM_SELF));
    EQ(value(early), N);
    EQ(value(elsewhere), 0);
    EQ(value(all), before + N);
    CHECK(value(most) >= N * sizeof(int), "%llu", value(most));
    for (int i = 0; i < N; i++) {
        MPI(MPI_Send(&i, 1, MPI_INT, 0, 100 + i, MPI_COMM_SELF));
        MPI(MPI_Recv(&data[N + i], 1, MPI_INT, 0, i, MPI_COMM_SELF, MPI_STATUS_IGNORE));
    }
    MPI(MPI_Waitall(N, requests, MPI_STATUSES_IGNORE));
    EQ(value(early), 0);
    EQ(value(posted), 0);
    MPI(MPI_T_pvar_reset(session, reset));
    CHECK(value(most) >= N * sizeof(int), "another handle's reset is no business of this one");
    CHECK(value(reset) < value(most), "%llu %llu", value(reset), value(most));
    EQ(MPI_T_pvar_reset(session, early), MPI_T_ERR_PVAR_NO_WRITE);
    int index = -1;
    MPI(MPI_T_pvar_get_index("lariat_posted_receives_of_comm", MPI_T_PVAR_CLASS_LEVEL, &index));
    EQ(MPI_T_pvar_handle_alloc(session, index, NULL, &all, &count), MPI_T_ERR_INVALID_HANDLE);
    EQ(MPI_T_pvar_handle_alloc(session, index, &none, &all, &count), MPI_T_ERR_INVALID_HANDLE);
    EQ(MPI_T_pvar_handle_alloc(session, index, &world, NULL, &count), MPI_T_ERR_INVALID);
    MPI(MPI_Comm_free(&other));
    EQ(value(elsewhere), 0);
}

/* Counters by peer, and those of waits, which run while they are started. */
static void counters(void)
{
    int count = -1, right = (rank + 1) % ranks, left = (rank + ranks - 1) % ranks;
    enum { LEN = 1 << 20 };
    char *out = room(LEN), *in = room(LEN);
    static const char *arms[] = {"shared", "driver", "cma", "copy"};
    handle messages[4], bytes[4];
    number *values = calloc((size_t)ranks, sizeof *values), sum[2] = {0, 0};
    for (int i = 0; i < 4; i++) {
        char name[64];
        snprintf(name, sizeof name, "lariat_messages_received_by_%s", arms[i]);
        messages[i] = opened(name, MPI_T_PVAR_CLASS_COUNTER, NULL, &count);
        EQ(count, ranks);
        snprintf(name, sizeof name, "lariat_bytes_received_by_%s", arms[i]);
        bytes[i] = opened(name, MPI_T_PVAR_CLASS_AGGREGATE, NULL, &count);
        EQ(count, ranks);
    }
    handle cells = opened("lariat_cells_sent", MPI_T_PVAR_CLASS_COUNTER, NULL, &count);
    EQ(count, ranks);
    for (int i = 0; i < 3; i++)
        MPI(MPI_Sendrecv(out, LEN, MPI_CHAR, right, 0, in, LEN, MPI_CHAR, left, 0, MPI_COMM_WORLD,
                         MPI_STATUS_IGNORE));
    for (int i = 0; i < 4; i++) {
        MPI(MPI_T_pvar_read(session, messages[i], values));
        sum[0] += values[left];
        MPI(MPI_T_pvar_readreset(session, bytes[i], values));
        sum[1] += values[left];
        MPI(MPI_T_pvar_read(session, bytes[i], values));
        EQ(values[left], 0);
    }
    EQ(sum[0], ranks > 1 ? 3 : 0); /* what goes to oneself takes no arm */
    EQ(sum[1], ranks > 1 ? 3 * LEN : 0);
    MPI(MPI_T_pvar_read(session, cells, values));
    CHECK(ranks == 1 || values[right] >= 3, "%llu", values[right]);
    handle yields = opened("lariat_yields", MPI_T_PVAR_CLASS_COUNTER, NULL, &count);
    handle time = opened("lariat_sleep_time", MPI_T_PVAR_CLASS_TIMER, NULL, &count);
    EQ(value(yields), 0); /* not started */
    for (int round = 0; round < 2; round++) {
        number was = value(time);
        MPI(MPI_T_pvar_start(session, time));
        MPI(MPI_T_pvar_start(session, yields));
        /* Waits that sleep. On a busy machine an answer may be there before rank 0 looks. */
        char again = 1;
        while (ranks > 1 && rank == 0 && again) {
            MPI(MPI_Send(&again, 1, MPI_CHAR, 1, 1, MPI_COMM_WORLD));
            MPI(MPI_Recv(in, 1, MPI_CHAR, 1, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
            again = value(time) == was;
        }
        if (ranks > 1 && rank == 0)
            MPI(MPI_Send(&again, 1, MPI_CHAR, 1, 1, MPI_COMM_WORLD));
        while (rank == 1 && again) {
            MPI(MPI_Recv(&again, 1, MPI_CHAR, 0, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
            if (!again)
                break;
            struct timespec nap = {0, 100000000};
            nanosleep(&nap, NULL);
            MPI(MPI_Send(out, 1, MPI_CHAR, 0, 1, MPI_COMM_WORLD));
        }
        MPI(MPI_T_pvar_stop(session, MPI_T_PVAR_ALL_HANDLES));
        number stopped = value(time);
        MPI(MPI_Barrier(MPI_COMM_WORLD));
        EQ(value(time), stopped);
    }
    number wanted = 12345;
    MPI(MPI_T_pvar_write(session, time, &wanted));
    EQ(value(time), wanted);
    MPI(MPI_T_pvar_reset(session, MPI_T_PVAR_ALL_HANDLES));
    EQ(value(time), 0);
    EQ(MPI_T_pvar_start(session, cells), MPI_T_ERR_PVAR_NO_STARTSTOP);
    free(values);
    free(out);
    free(in);
}

/* --- events ------------------------------------------------------------------- */

static struct happened {
    int kind, calls, dropped, freed;
    int from, tag, context;
    uint64_t bytes;
    MPI_Count at;
} happened[3];

static MPI_T_event_instance last;

static void on_event(MPI_T_event_instance event, MPI_T_event_registration registration, MPI_T_cb_safety safety,
                     void *data)
{
    struct happened *of = data;
    struct { int numbers[3]; uint64_t bytes; } copy;
    int source = -1, zero = -1, flag;
    (void)registration;
    EQ(safety, MPI_T_CB_REQUIRE_NONE);
    if (of->kind == 0) { /* not those of collectives */
        int tag = -1;
        MPI(MPI_T_event_read(event, 1, &tag));
        if (tag != 77)
            return;
    }
    of->calls++;
    MPI_Count before = of->at;
    MPI(MPI_T_event_get_timestamp(event, &of->at));
    CHECK(of->at >= before, "a source is ordered");
    MPI(MPI_T_event_get_source(event, &source));
    EQ(source, 0);
    MPI(MPI_T_event_read(event, 0, &of->from));
    if (of->kind < 2) {
        MPI(MPI_T_event_read(event, 1, &of->tag));
        MPI(MPI_T_event_read(event, 2, &of->context));
        MPI(MPI_T_event_read(event, 3, &of->bytes));
        MPI(MPI_T_event_copy(event, &copy));
        EQ(copy.numbers[0], of->from);
        EQ(copy.numbers[2], of->context);
        EQ(copy.bytes, of->bytes);
        EQ(MPI_T_event_read(event, 4, &zero), MPI_T_ERR_INVALID_INDEX);
    }
    EQ(MPI_T_event_read(event, -1, &zero), MPI_T_ERR_INVALID_INDEX);
    EQ(MPI_T_event_read(event, 0, NULL), MPI_T_ERR_INVALID);
    MPI(MPI_Iprobe(0, 9999, MPI_COMM_SELF, &flag, MPI_STATUS_IGNORE)); /* any call may be made */
    last = event;
}

static void on_drop(MPI_Count count, MPI_T_event_registration registration, int source, MPI_T_cb_safety safety,
                    void *data)
{
    (void)registration;
    EQ(source, 0);
    EQ(safety, MPI_T_CB_REQUIRE_NONE);
    ((struct happened *)data)->dropped += (int)count;
}

static void on_free(MPI_T_event_registration registration, MPI_T_cb_safety safety, void *data)
{
    (void)registration;
    (void)safety;
    ((struct happened *)data)->freed++;
}

static void events(void)
{
    MPI_T_event_registration registered[3], bad;
    MPI_Info info;
    int sources = 0, right = (rank + 1) % ranks, left = (rank + ranks - 1) % ranks, flag;
    MPI_Count now = -1, later = -1, ticks = 0, most = 0;
    MPI_T_source_order ordering;
    MPI(MPI_T_source_get_num(&sources));
    EQ(sources, 1);
    MPI(MPI_T_source_get_info(0, NULL, NULL, NULL, NULL, &ordering, &ticks, &most, &info));
    MPI(MPI_Info_free(&info));
    EQ(ordering, MPI_T_SOURCE_ORDERED);
    EQ(ticks, 1000000000);
    MPI(MPI_T_source_get_timestamp(0, &now));
    MPI(MPI_T_source_get_timestamp(0, &later));
    CHECK(later >= now && most > later, "time goes on");
    EQ(MPI_T_source_get_timestamp(1, &now), MPI_T_ERR_INVALID_INDEX);
    EQ(MPI_T_source_get_info(-1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), MPI_T_ERR_INVALID_INDEX);
    for (int i = 0; i < 3; i++) {
        happened[i].kind = i;
        MPI(MPI_T_event_handle_alloc(i, NULL, MPI_INFO_NULL, &registered[i]));
        MPI(MPI_T_event_register_callback(registered[i], i == 1 ? MPI_T_CB_REQUIRE_ASYNC_SIGNAL_SAFE : MPI_T_CB_REQUIRE_NONE,
                                          MPI_INFO_NULL, &happened[i], on_event));
        MPI(MPI_T_event_set_dropped_handler(registered[i], on_drop));
        MPI(MPI_T_event_handle_get_info(registered[i], &info));
        MPI(MPI_T_event_handle_set_info(registered[i], info));
        MPI(MPI_Info_free(&info));
        MPI(MPI_T_event_callback_get_info(registered[i], MPI_T_CB_REQUIRE_NONE, &info));
        MPI(MPI_T_event_callback_set_info(registered[i], MPI_T_CB_REQUIRE_NONE, info));
        MPI(MPI_Info_free(&info));
    }
    EQ(MPI_T_event_handle_alloc(3, NULL, MPI_INFO_NULL, &bad), MPI_T_ERR_INVALID_INDEX);
    EQ(MPI_T_event_register_callback(registered[0], 99, MPI_INFO_NULL, NULL, on_event), MPI_T_ERR_INVALID);
    if (ranks > 1) {
        int data = rank, got = -1;
        enum { LEN = 300000 };
        char *out = room(LEN), *in = room(LEN);
        MPI(MPI_Barrier(MPI_COMM_WORLD));
        struct happened *of = &happened[0];
        MPI(MPI_Send(&data, 1, MPI_INT, right, 77, MPI_COMM_WORLD));
        do
            MPI(MPI_Iprobe(left, 77, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE));
        while (!flag);
        MPI(MPI_Iprobe(left, 78, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE));
        EQ(of->calls, 1);
        EQ(of->from, left);
        EQ(of->tag, 77);
        EQ(of->bytes, sizeof data);
        CHECK(of->at > now, "it happened now");
        MPI(MPI_Recv(&got, 1, MPI_INT, left, 77, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        EQ(got, left);
        EQ(MPI_T_event_read(last, 0, &got), MPI_T_ERR_INVALID_HANDLE); /* it is over */
        MPI(MPI_Sendrecv(out, LEN, MPI_CHAR, right, 5, in, LEN, MPI_CHAR, left, 5, MPI_COMM_WORLD,
                         MPI_STATUS_IGNORE));
        MPI(MPI_Iprobe(left, 78, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE));
        EQ(happened[1].calls, 1);
        EQ(happened[1].from, left);
        EQ(happened[1].bytes, LEN);
        free(out);
        free(in);
    }
    for (int i = 0; i < 3; i++) {
        bad = registered[i];
        MPI(MPI_T_event_handle_free(registered[i], &happened[i], on_free));
        EQ(happened[i].freed, 1);
        EQ(happened[i].dropped, 0);
        EQ(MPI_T_event_handle_free(bad, NULL, NULL), MPI_T_ERR_INVALID_HANDLE);
        EQ(MPI_T_event_set_dropped_handler(bad, on_drop), MPI_T_ERR_INVALID_HANDLE);
        EQ(MPI_T_event_handle_get_info(bad, &info), MPI_T_ERR_INVALID_HANDLE);
    }
}

int main(void)
{
    int provided;
    MPI(MPI_T_init_thread(MPI_THREAD_SINGLE, &provided));
    START();
    MPI(MPI_T_pvar_session_create(&session));
    categories();
    enumerations();
    levels();
    counters();
    events();
    MPI(MPI_T_pvar_session_free(&session));
    MPI(MPI_T_finalize());
    int n;
    EQ(MPI_T_category_get_num(&n), MPI_T_ERR_NOT_INITIALIZED);
    EQ(MPI_T_source_get_num(&n), MPI_T_ERR_NOT_INITIALIZED);
    PASSED();
}
