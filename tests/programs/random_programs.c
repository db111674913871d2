/* Random programs against a naive model.

   From a seed every rank draws the same plan: rounds of messages and collective
   operations on communicators made at random. A plan is a list of events in one
   global order, which every rank walks through, doing its own part. A call that
   may block stands after what it waits for, as a nonblocking call of its
   partner; so the plan cannot deadlock, whatever is buffered and whatever not.
   What must arrive is worked out beforehand.

   How receives may name their messages is drawn per communicator and round:
   EXACT: the source is named, the tag or MPI_ANY_TAG: each receive takes the
   first message left in the order of sending that fits, so all is determined.
   ANY_SOURCE and ANY: the source is a wildcard (and the tag): the k-th message
   from a source (with a tag) is the k-th of those it sent.
   EXCHANGE: only MPI_Sendrecv and its kin.

   usage: random_programs [first seed [number of seeds]] */
#include "random_coll.h"

enum { ROUNDS = 6, MOST_MESSAGES = 400, MOST_COLLS = 12, MOST_EVENTS = 2 * MOST_MESSAGES + MOST_COLLS + 64, END = 1000 };
enum regime { EXACT, ANY_SOURCE, ANY, EXCHANGE, REGIMES };
enum mode { STANDARD, SYNCHRONOUS, BUFFERED, READY };
enum order { FREE, SENDS_FIRST, RECEIVES_FIRST };

typedef struct {
    const Comm *on;
    int id, from, to, tag, send_time, until; /* until: its partner has begun then */
    size_t size;
    enum mode mode;
    MPI_Datatype base;
    bool taken; /* by a receive, in the model */
    Buffer buffer;
    Layout layout;
} Message;

typedef struct {
    const Comm *on;
    int id, at, from, tag, time, until; /* from, tag: as given to the call */
    enum order order;
    enum regime regime;
    size_t room_for;
    Message *wanted; /* where it is determined */
    Buffer buffer;
    Layout layout;
    MPI_Status status;
} Receive;

typedef struct {
    int time, number;
    enum { SEND, RECEIVE, COLL, PHASE, SHIFT } kind;
    void *what;
} Event;

typedef struct { /* of a shift: what one process sends and gets */
    const Comm *on;
    int id, by, how;
} Shift;

static Message messages[MOST_MESSAGES];
static Receive receives[MOST_MESSAGES];
static Coll colls[MOST_COLLS];
static Shift shifts[8];
static Event events[MOST_EVENTS];
static int n_messages, n_receives, n_colls, n_shifts, n_events, ids;

/* Requests that are to be completed. */
static MPI_Request pending[3 * MOST_MESSAGES];
static MPI_Status statuses[3 * MOST_MESSAGES];
static struct { int due; Receive *of; bool persistent; } pending_for[3 * MOST_MESSAGES];
static int n_pending;
static int done_of[3 * MOST_MESSAGES];

static void add_event(int time, int kind, void *what)
{
    events[n_events] = (Event){time, n_events, kind, what};
    n_events++;
}

static int by_time(const void *left, const void *right)
{
    const Event *a = left, *b = right;
    return a->time != b->time ? a->time - b->time : a->number - b->number;
}

/* ---- the plan ---- */

/* Receives for the messages of one kind to one process, in the order in which
   they are posted, each with what it must get if that is determined. */
static void plan_receives(Message **sent, int n, enum regime regime, enum order order, int low, int high)
{
    int times[n + 1];
    for (int i = 0; i < n; i++) {
        int time = low + plan(high - low), j = i;
        for (; j > 0 && times[j - 1] > time; j--)
            times[j] = times[j - 1];
        times[j] = time;
    }
    size_t most = 0;
    for (int i = 0; i < n; i++)
        most = sent[i]->size > most ? sent[i]->size : most;
    for (int i = 0; i < n; i++) {
        Receive *receive = &receives[n_receives++];
        Message *first = NULL;
        int tag = 0, left = plan(n - i);
        for (int j = 0; j < n; j++)
            if (!sent[j]->taken && left-- == 0)
                tag = sent[j]->tag;
        if ((regime == EXACT && plan(3) == 0) || regime == ANY)
            tag = MPI_ANY_TAG;
        for (int j = 0; j < n && !first; j++)
            if (!sent[j]->taken && (tag == MPI_ANY_TAG || tag == sent[j]->tag))
                first = sent[j];
        first->taken = true;
        *receive = (Receive){.on = first->on, .id = ids++, .at = first->to, .tag = tag, .time = times[i], .until = first->until, .order = order, .regime = regime};
        receive->from = regime == EXACT ? name_of(first->on, first->from) : MPI_ANY_SOURCE;
        receive->wanted = regime == EXACT ? first : NULL;
        receive->room_for = (regime == EXACT ? first->size : most) + (plan(4) ? 0 : (size_t)plan(70));
        add_event(receive->time, RECEIVE, receive);
    }
}

static int by_send_time(const void *left, const void *right)
{
    const Message *a = *(Message *const *)left, *b = *(Message *const *)right;
    return a->send_time != b->send_time ? a->send_time - b->send_time : a->id - b->id;
}

/* Messages to one process, from one source (EXACT) or several. */
static void plan_group(const Comm *on, int to, const int *sources, int n_sources, enum regime regime, bool phase)
{
    int n = 1 + plan(plan(4) ? 5 : 20), low = plan(END / 2), high = low + 20 + plan(END / 2), middle = (low + high) / 2;
    enum order order = plan(3);
    bool ready = phase && order == RECEIVES_FIRST && plan(2);
    if (ready)
        low = plan(400), middle = END / 2, high = END / 2 + 1 + plan(400);
    Message *sent[n];
    if (n_messages + n > MOST_MESSAGES)
        return;
    for (int i = 0; i < n; i++) {
        Message *message = sent[i] = &messages[n_messages++];
        *message = (Message){.on = on, .id = ids++, .from = sources[plan(n_sources)], .to = to, .tag = plan(3), .until = high + 2};
        int from = order == RECEIVES_FIRST ? middle + 1 : low, until = order == SENDS_FIRST ? middle : high;
        message->send_time = from + (until > from ? plan(until - from) : 0);
        message->size = random_size(&plan_state, plan(12) == 0);
        message->mode = order == FREE || order == SENDS_FIRST ? plan(3) : ready ? plan(4) : plan(3);
        message->base = regime == EXACT && message->size % 4 == 0 && plan(2) ? MPI_INT : MPI_BYTE;
    }
    qsort(sent, (size_t)n, sizeof *sent, by_send_time);
    for (int i = 0; i < n; i++)
        add_event(sent[i]->send_time, SEND, sent[i]);
    plan_receives(sent, n, regime, order, order == SENDS_FIRST ? middle + 1 : low, order == RECEIVES_FIRST ? middle : high + 1);
}

static bool plan_round(void)
{
    bool wild = false, phase = plan(2);
    n_messages = n_receives = n_colls = n_shifts = n_events = n_pending = 0;
    if (phase)
        add_event(END / 2, PHASE, NULL);
    for (int c = 0; c < MOST_COMMS; c++) {
        const Comm *on = &comms[c];
        if (!on->used || plan(3) == 0)
            continue;
        enum regime regime = plan(REGIMES);
        for (int i = plan(4); regime == EXCHANGE && on->groups == 1 && i > 0 && n_shifts < 8; i--) {
            shifts[n_shifts] = (Shift){on, ids++, plan(on->size[0]), plan(4)};
            add_event(plan(END), SHIFT, &shifts[n_shifts++]);
        }
        for (int side = 0; side < on->groups && regime != EXCHANGE; side++)
            for (int i = 0; i < on->size[side]; i++) {
                int to = on->member[side][i], other = other_side(on, side);
                if (regime != EXACT && plan(2)) {
                    wild = true;
                    plan_group(on, to, on->member[other], on->size[other], regime, phase);
                }
                for (int j = 0; regime == EXACT && j < on->size[other]; j++)
                    if (plan(on->size[other] + 1) < 2)
                        plan_group(on, to, &on->member[other][j], 1, regime, phase);
            }
        for (int i = plan(4); i > 0 && n_colls < MOST_COLLS; i--) {
            plan_coll(&colls[n_colls], ids++, on);
            add_event(plan(END), COLL, &colls[n_colls++]);
        }
    }
    qsort(events, (size_t)n_events, sizeof *events, by_time);
    return wild;
}

/* ---- doing it ---- */

/* One of the pending requests is complete. */
static void completed(int i, const MPI_Status *status)
{
    if (pending_for[i].of)
        pending_for[i].of->status = *status;
    if (pending_for[i].persistent)
        MPI(MPI_Request_free(&pending[i]));
    pending[i] = MPI_REQUEST_NULL;
    pending_for[i].of = NULL;
    pending_for[i].persistent = false;
}

static void add_pending(MPI_Request request, Receive *of, bool persistent, int from)
{
    pending[n_pending] = request;
    pending_for[n_pending].due = own(3) ? END + 1 : from + own(END / 2);
    pending_for[n_pending].of = of;
    pending_for[n_pending++].persistent = persistent;
}

static void complete(int i, int how)
{
    MPI_Status status;
    int flag = 0;
    if (how == 0) {
        MPI(MPI_Wait(&pending[i], &status));
    } else if (how == 1) {
        while (!flag)
            MPI(MPI_Test(&pending[i], &flag, &status));
    } else {
        while (!flag)
            MPI(MPI_Request_get_status(pending[i], &flag, MPI_STATUS_IGNORE));
        MPI(MPI_Wait(&pending[i], &status));
    }
    completed(i, &status);
}

/* Inactive persistent requests among them must look complete and empty, so
   that nothing is taken twice. */
static void complete_all(int how)
{
    int n = 0, flag = 0, which;
    MPI_Status status;
    switch (how) {
    case 0:
        MPI(MPI_Waitall(n_pending, pending, statuses));
        for (int i = 0; i < n_pending; i++)
            completed(i, &statuses[i]);
        break;
    case 1:
        for (;;) {
            MPI(MPI_Waitany(n_pending, pending, &which, &status));
            if (which == MPI_UNDEFINED)
                break;
            completed(which, &status);
        }
        break;
    case 2:
        for (;;) {
            MPI(MPI_Waitsome(n_pending, pending, &n, done_of, statuses));
            if (n == MPI_UNDEFINED)
                break;
            for (int i = 0; i < n; i++)
                completed(done_of[i], &statuses[i]);
        }
        break;
    case 3:
        while (!flag)
            MPI(MPI_Testall(n_pending, pending, &flag, statuses));
        for (int i = 0; i < n_pending; i++)
            completed(i, &statuses[i]);
        break;
    case 4:
        for (which = 0; which != MPI_UNDEFINED || !flag;) {
            MPI(MPI_Testany(n_pending, pending, &which, &flag, &status));
            if (flag && which != MPI_UNDEFINED)
                completed(which, &status);
        }
        break;
    default:
        for (int i = 0; i < n_pending; i++)
            if (pending[i] != MPI_REQUEST_NULL)
                complete(i, i % 3);
    }
    for (int i = 0; i < n_pending; i++)
        CHECK(pending[i] == MPI_REQUEST_NULL, "request %d is left", i);
    n_pending = 0;
}

static void do_send(Message *message, enum order order)
{
    Layout *layout = &message->layout;
    size_t parts = message->base == MPI_INT ? 4 : 1, n = 1;
    for (size_t some = 2 + (size_t)own(3); message->size && message->size % (some * parts) == 0 && own(2);)
        n *= some, parts *= some;
    *layout = layout_of(message->size / n, message->base);
    message->buffer = buffer_of(layout, n);
    put(&message->buffer, layout, 0, message->size, (unsigned)message->id);
    void *start = message->buffer.start;
    int count = (int)n, to = name_of(message->on, message->to), how = own(order == RECEIVES_FIRST ? 4 : 3);
    MPI_Comm comm = message->on->comm;
    MPI_Request request = MPI_REQUEST_NULL;
    if (message->mode == BUFFERED && how == 2)
        how = 3; /* never waits for the receiver */
#define IN_MODE(call, ...)                                                     \
    (message->mode == STANDARD ? call(, send)(__VA_ARGS__) : message->mode == SYNCHRONOUS ? call(s, ssend)(__VA_ARGS__) \
     : message->mode == BUFFERED ? call(b, bsend)(__VA_ARGS__) : call(r, rsend)(__VA_ARGS__))
#define START_SEND(letter, name) MPI_I##name
    if (how == 0) { /* persistent */
        int code = message->mode == STANDARD ? MPI_Send_init(start, count, layout->type, to, message->tag, comm, &request)
                 : message->mode == SYNCHRONOUS ? MPI_Ssend_init(start, count, layout->type, to, message->tag, comm, &request)
                 : message->mode == BUFFERED ? MPI_Bsend_init(start, count, layout->type, to, message->tag, comm, &request)
                 : MPI_Rsend_init(start, count, layout->type, to, message->tag, comm, &request);
        MPI(code);
        MPI(MPI_Start(&request));
        add_pending(request, NULL, true, message->until);
    } else if (how < 3) {
        int again = own(12) == 0 ? 2 : 1;
        for (int i = 0; i < again; i++) {
            MPI(IN_MODE(START_SEND, start, count, layout->type, to, message->tag, comm, &request));
            if (again == 1 || i == 1)
                break;
            MPI_Status status;
            int cancelled;
            MPI(MPI_Cancel(&request));
            MPI(MPI_Wait(&request, &status));
            MPI(MPI_Test_cancelled(&status, &cancelled));
            if (!cancelled)
                break;
        }
        if (request != MPI_REQUEST_NULL)
            add_pending(request, NULL, false, message->until);
    } else {
        MPI(message->mode == STANDARD ? MPI_Send(start, count, layout->type, to, message->tag, comm)
          : message->mode == SYNCHRONOUS ? MPI_Ssend(start, count, layout->type, to, message->tag, comm)
          : message->mode == BUFFERED ? MPI_Bsend(start, count, layout->type, to, message->tag, comm)
          : MPI_Rsend(start, count, layout->type, to, message->tag, comm));
    }
    MPI(MPI_Type_free(&layout->type)); /* a pending operation keeps it */
}

static void do_receive(Receive *receive, int now)
{
    MPI_Datatype base = receive->wanted ? receive->wanted->base : MPI_BYTE;
    size_t unit = base == MPI_INT ? 4 : 1, size = (receive->room_for + unit - 1) / unit * unit, n = 1;
    if (own(2) && size) {
        n = 1 + (size_t)own(6);
        size = (size / unit + n - 1) / n * unit;
    }
    Layout *layout = &receive->layout;
    *layout = layout_of(size, base);
    receive->buffer = buffer_of(layout, n);
    void *start = receive->buffer.start;
    int count = (int)n, how = own(receive->order == SENDS_FIRST ? 8 : 3), flag = 0, from = receive->from, tag = receive->tag;
    MPI_Comm comm = receive->on->comm;
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Message message = MPI_MESSAGE_NULL;
    MPI_Status status;
    switch (how) {
    case 0:
        MPI(MPI_Recv_init(start, count, layout->type, from, tag, comm, &request));
        MPI(MPI_Start(&request));
        add_pending(request, receive, true, receive->until);
        break;
    case 1: /* taken back, and posted anew */
        MPI(MPI_Irecv(start, count, layout->type, from, tag, comm, &request));
        if (own(4) == 0) {
            MPI(MPI_Cancel(&request));
            MPI(MPI_Wait(&request, &receive->status));
            MPI(MPI_Test_cancelled(&receive->status, &flag));
            if (!flag)
                break;
            MPI(MPI_Irecv(start, count, layout->type, from, tag, comm, &request));
        }
        add_pending(request, receive, false, receive->until);
        break;
    case 2:
        MPI(MPI_Irecv(start, count, layout->type, from, tag, comm, &request));
        add_pending(request, receive, false, receive->until);
        break;
    case 3:
        MPI(MPI_Recv(start, count, layout->type, from, tag, comm, &receive->status));
        break;
    case 4: case 5:
        while (!flag)
            if (how == 4) {
                MPI(MPI_Probe(from, tag, comm, &status));
                flag = 1;
            } else {
                MPI(MPI_Iprobe(from, tag, comm, &flag, &status));
            }
        MPI(MPI_Recv(start, count, layout->type, status.MPI_SOURCE, status.MPI_TAG, comm, &receive->status));
        EQ(receive->status.MPI_SOURCE, status.MPI_SOURCE);
        MPI(MPI_Get_count(&status, MPI_BYTE, &count));
        MPI(MPI_Get_count(&receive->status, MPI_BYTE, &flag));
        EQ(flag, count);
        break;
    case 6:
        MPI(MPI_Mprobe(from, tag, comm, &message, &status));
        MPI(MPI_Mrecv(start, count, layout->type, &message, &receive->status));
        EQ(receive->status.MPI_SOURCE, status.MPI_SOURCE);
        break;
    default:
        while (!flag)
            MPI(MPI_Improbe(from, tag, comm, &flag, &message, &status));
        MPI(MPI_Imrecv(start, count, layout->type, &message, &request));
        add_pending(request, receive, false, now);
    }
    MPI(MPI_Type_free(&layout->type));
}

/* All of a communicator send to the one `by` places further. */
static void do_shift(const Shift *shift)
{
    const Comm *on = shift->on;
    int n = on->size[0], place = place_in(on, 0, rank), to = (place + shift->by) % n, from = (place - shift->by + n) % n;
    size_t size = (size_t)mixed(3, (uint64_t)shift->id, 0, 0) * 30000 + (size_t)mixed(200, (uint64_t)shift->id, 1, 1);
    bool replace = shift->how % 2;
    Layout out = layout_of(size, MPI_BYTE), in = replace ? out : layout_of(size, MPI_BYTE);
    Buffer send = buffer_of(&out, 1), recv = buffer_of(&in, 1), wanted = buffer_of(&in, 1);
    unsigned seed = (unsigned)shift->id * 64u;
    MPI_Status status;
    MPI_Request request;
    put(&send, &out, 0, size, seed + (unsigned)place);
    put(&wanted, &in, 0, size, seed + (unsigned)from);
    if (shift->how == 0)
        MPI(MPI_Sendrecv(send.start, 1, out.type, to, 5, recv.start, 1, in.type, from, own(2) ? 5 : MPI_ANY_TAG, on->comm, &status));
    else if (shift->how == 1)
        MPI(MPI_Sendrecv_replace(send.start, 1, out.type, to, 5, from, 5, on->comm, &status));
    else if (shift->how == 2)
        MPI(MPI_Isendrecv(send.start, 1, out.type, to, 5, recv.start, 1, in.type, from, 5, on->comm, &request));
    else
        MPI(MPI_Isendrecv_replace(send.start, 1, out.type, to, 5, from, 5, on->comm, &request));
    if (shift->how >= 2)
        MPI(MPI_Wait(&request, &status));
    EQ(status.MPI_SOURCE, from);
    EQ(status.MPI_TAG, 5);
    same_bytes(replace ? &send : &recv, &wanted, "shift", shift->id);
    free(send.memory), free(recv.memory), free(wanted.memory);
    drop_layout(&out);
    if (!replace)
        drop_layout(&in);
}

static enum order order_of(const Message *message)
{
    for (int i = 0; i < n_receives; i++)
        if (receives[i].wanted == message || (!receives[i].wanted && receives[i].on == message->on && receives[i].at == message->to))
            return receives[i].order;
    return FREE;
}

static void run_round(void)
{
    for (int e = 0; e < n_events; e++) {
        const Event *event = &events[e];
        Coll *coll = event->what;
        Message *message = event->what;
        Receive *receive = event->what;
        const Shift *shift = event->what;
        for (int i = 0; i < n_pending; i++)
            if (pending[i] != MPI_REQUEST_NULL && pending_for[i].due < event->time)
                complete(i, i % 3);
        if (own(8) == 0 && n_pending) {
            int n;
            MPI(MPI_Testsome(n_pending, pending, &n, done_of, statuses));
            for (int i = 0; i < n; i++)
                completed(done_of[i], &statuses[i]);
        }
        switch (event->kind) {
        case SEND:
            if (message->from == rank)
                do_send(message, order_of(message));
            break;
        case RECEIVE:
            if (receive->at == rank)
                do_receive(receive, event->time);
            break;
        case COLL:
            if (side_of(coll->on, rank) >= 0) {
                start_coll(coll);
                if (coll->request != MPI_REQUEST_NULL) { /* completed as all others; freed when checked */
                    add_pending(coll->request, NULL, false, event->time);
                    if (coll->form != PERSISTENT)
                        coll->request = MPI_REQUEST_NULL;
                }
            }
            break;
        case PHASE:
            MPI(MPI_Barrier(MPI_COMM_WORLD));
            break;
        default:
            if (side_of(shift->on, rank) >= 0)
                do_shift(shift);
        }
    }
}

/* Is what it got what it had to get? */
static void check_receive(Receive *receive)
{
    Message *got = receive->wanted;
    MPI_Status *status = &receive->status;
    for (int i = 0; i < n_messages && !got; i++) { /* the first from that source that is left */
        Message *message = &messages[i];
        bool to_here = message->on == receive->on && message->to == rank && !message->taken;
        if (!to_here || name_of(message->on, message->from) != status->MPI_SOURCE)
            continue;
        if (receive->tag == MPI_ANY_TAG || receive->tag == message->tag)
            got = message;
    }
    CHECK(got, "receive %d: nothing was to come from %d", receive->id, status->MPI_SOURCE);
    got->taken = true;
    CHECK(status->MPI_SOURCE == name_of(got->on, got->from), "receive %d is of %d, wanted message %d of %d",
          receive->id, status->MPI_SOURCE, got->id, got->from);
    CHECK(status->MPI_TAG == got->tag, "receive %d has tag %d, wanted message %d with %d", receive->id, status->MPI_TAG, got->id, got->tag);
    MPI_Count len;
    MPI(MPI_Get_elements_c(status, MPI_BYTE, &len));
    CHECK((size_t)len == got->size, "receive %d has %lld bytes, wanted message %d of %zu", receive->id, (long long)len, got->id, got->size);
    Buffer wanted = receive->buffer;
    wanted.memory = room(wanted.len);
    wanted.start = wanted.memory + (receive->buffer.start - receive->buffer.memory);
    memset(wanted.memory, UNTOUCHED, wanted.len);
    put(&wanted, &receive->layout, 0, got->size, (unsigned)got->id);
    same_bytes(&receive->buffer, &wanted, "message", got->id);
    free(wanted.memory), free(receive->buffer.memory), free(receive->layout.piece);
}

static int by_sending(const void *left, const void *right)
{
    const Message *a = left, *b = right;
    return a->send_time != b->send_time ? a->send_time - b->send_time : a->id - b->id;
}

static int by_posting(const void *left, const void *right)
{
    const Receive *a = left, *b = right;
    return a->time != b->time ? a->time - b->time : a->id - b->id;
}

static void check_round(void)
{
    for (int i = 0; i < n_messages; i++) {
        if (messages[i].from == rank)
            free(messages[i].buffer.memory), free(messages[i].layout.piece);
        messages[i].taken = false;
    }
    for (int i = 0; i < n_receives; i++) /* before the messages are sorted under them */
        if (receives[i].at == rank && receives[i].wanted)
            check_receive(&receives[i]);
    qsort(messages, (size_t)n_messages, sizeof *messages, by_sending);
    qsort(receives, (size_t)n_receives, sizeof *receives, by_posting);
    for (int i = 0; i < n_receives; i++)
        if (receives[i].at == rank && !receives[i].wanted)
            check_receive(&receives[i]);
    for (int i = 0; i < n_colls; i++)
        if (side_of(colls[i].on, rank) >= 0)
            check_coll(&colls[i]);
}

/* Room for all messages in buffered mode of a round. */
static void *attach_room(void)
{
    size_t len = 1024;
    for (int i = 0; i < n_messages; i++)
        if (messages[i].from == rank && messages[i].mode == BUFFERED)
            len += 2 * (messages[i].size + MPI_BSEND_OVERHEAD + 64);
    void *memory = room(len);
    MPI(MPI_Buffer_attach(memory, (int)len));
    return memory;
}

static void run_seed(unsigned long seed)
{
    plan_state = seed * 2654435761u + 99;
    ids = 0;
    first_comm();
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < 2; i++)
            change_comms();
        bool wild = plan_round();
        own_state = seed * 1000003 + (uint64_t)round * 1009 + (uint64_t)rank;
        void *buffer = attach_room();
        run_round();
        complete_all(own(6));
        int len;
        MPI(MPI_Buffer_detach(&buffer, &len));
        free(buffer);
        check_round();
        if (wild) /* nobody's next messages may be taken by wildcards of this round */
            MPI(MPI_Barrier(MPI_COMM_WORLD));
    }
    for (int i = 0; i < MOST_COMMS; i++)
        if (comms[i].used)
            drop_comm(&comms[i]);
}

int main(int argc, char **argv)
{
    START();
    unsigned long first = argc > 1 ? strtoul(argv[1], NULL, 10) : 1, n = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    make_ops();
    for (unsigned long seed = first; seed < first + n; seed++) {
        if (rank == 0) {
            printf("seed %lu\n", seed);
            fflush(stdout);
        }
        run_seed(seed);
    }
    free_ops();
    PASSED();
}
