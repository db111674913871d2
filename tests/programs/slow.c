/* Right programs in which ranks wait for a long time, each in its own way. Nobody may call
   that a deadlock: stderr must stay empty.
   usage: slow MODE */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LARGE = 4 << 20 /* ints */, ROUNDS = 200 };

/* Microseconds; longer than any time after which something is called stuck. */
static const useconds_t LATE = 3000000;

static int in[LARGE], out[LARGE];
static sem_t semaphore, *shared;

#define WORLD MPI_COMM_WORLD
#define NO_STATUS MPI_STATUS_IGNORE

static void barrier(void) { MPI(MPI_Barrier(WORLD)); }
static void receive(int from, int tag) { MPI(MPI_Recv(in, LARGE, MPI_INT, from, tag, WORLD, NO_STATUS)); }
static void send(int to, int tag) { MPI(MPI_Send(out, 1, MPI_INT, to, tag, WORLD)); }

static double processor_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void compute(double seconds)
{
    volatile double x = 1;
    double until = processor_time() + seconds;
    while (processor_time() < until)
        for (int i = 0; i < 100000; i++)
            x = x * 1.0000001 + 1e-9;
}

/* --- one rank does something outside of MPI */

static void computes(void)
{
    if (rank == 0)
        compute(2);
    barrier();
}

static void sleeps(void)
{
    if (rank == 0)
        usleep(LATE);
    barrier();
}

static void reads_a_pipe(void)
{
    int number = 0;
    if (rank == 0) {
        FILE *pipe = popen("sleep 3; echo 5", "r");
        EQ(fscanf(pipe, "%d", &number), 1);
        pclose(pipe);
    }
    MPI(MPI_Bcast(&number, 1, MPI_INT, 0, WORLD));
    EQ(number, 5);
}

static void runs_a_command(void)
{
    if (rank == 1)
        EQ(system("sleep 3"), 0);
    MPI(MPI_Allreduce(in, out, 8, MPI_INT, MPI_SUM, WORLD));
}

static void waits_for_a_file_lock(void)
{
    char path[64];
    int pid = getpid();
    MPI(MPI_Bcast(&pid, 1, MPI_INT, 0, WORLD));
    snprintf(path, sizeof path, "/tmp/lariat-slow-%d", pid);
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    CHECK(fd >= 0, "");
    if (rank == 0)
        flock(fd, LOCK_EX);
    barrier();
    if (rank == 0) {
        usleep(LATE);
        flock(fd, LOCK_UN);
    } else
        flock(fd, LOCK_EX);
    close(fd);
    barrier();
    unlink(path);
}

/* A process that is no rank holds a lock on a part of a file. */
static void waits_for_a_record_lock(void)
{
    char path[64];
    int ready[2];
    char byte;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 8, .l_len = 8};
    snprintf(path, sizeof path, "/tmp/lariat-slow-record-%d-%d", getpid(), rank);
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    CHECK(fd >= 0, "");
    if (rank == 1) {
        EQ(pipe(ready), 0);
        pid_t child = fork();
        if (child == 0) {
            fcntl(fd, F_SETLKW, &lock);
            EQ(write(ready[1], "x", 1), 1);
            usleep(LATE);
            _exit(0);
        }
        EQ(read(ready[0], &byte, 1), 1);
        EQ(fcntl(fd, F_SETLKW, &lock), 0);
        waitpid(child, NULL, 0);
    }
    close(fd);
    unlink(path);
    barrier();
}

static void opens_a_fifo(void)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/lariat-slow-fifo-%d-%d", getpid(), rank);
    if (rank == 1) {
        EQ(mkfifo(path, 0600), 0);
        pid_t child = fork();
        if (child == 0) {
            usleep(LATE);
            close(open(path, O_WRONLY));
            _exit(0);
        }
        close(open(path, O_RDONLY));
        waitpid(child, NULL, 0);
        unlink(path);
    }
    MPI(MPI_Bcast(in, 1, MPI_INT, 1, WORLD));
}

static void sleeps_on(int signal)
{
    (void)signal;
    for (struct timespec left = {3, 0}; nanosleep(&left, &left) != 0;)
        ;
}

/* The message that a rank waits for comes while a handler of a signal sleeps in that wait. */
static void sleeps_in_a_handler(void)
{
    if (rank == 1) {
        signal(SIGALRM, sleeps_on);
        alarm(1);
        receive(0, 1);
        send(0, 2);
    } else if (rank == 0) {
        usleep(1500000);
        send(1, 1);
        receive(1, 2);
    }
    barrier();
}

static void is_stopped(void)
{
    pid_t self = getpid(), child = -1;
    if (rank == 1) {
        child = fork();
        if (child == 0) {
            usleep(LATE);
            kill(self, SIGCONT);
            _exit(0);
        }
        raise(SIGSTOP);
        waitpid(child, NULL, 0);
    }
    barrier();
}

static void are_stopped_by_turns(void)
{
    for (int turn = 0; turn < ranks; turn++) {
        if (turn == rank) {
            pid_t self = getpid();
            pid_t child = fork();
            if (child == 0) {
                usleep(1500000);
                kill(self, SIGCONT);
                _exit(0);
            }
            raise(SIGSTOP);
            waitpid(child, NULL, 0);
        }
        barrier();
    }
}

/* Each rank is stopped again and again, also inside of a reduction. */
static void stopped_in_reductions(void)
{
    pid_t self = getpid(), child = fork();
    if (child == 0) {
        srand((unsigned)rank + 1);
        for (int turn = 0; turn < 12; turn++) {
            usleep(10000 + (useconds_t)(rand() % 30000));
            kill(self, SIGSTOP);
            usleep(150000);
            kill(self, SIGCONT);
        }
        _exit(0);
    }
    for (int turn = 0; turn < ROUNDS; turn++)
        MPI(MPI_Reduce(out, in, LARGE / 4, MPI_INT, MPI_SUM, turn % ranks, WORLD));
    EQ(waitpid(child, NULL, 0), child);
    barrier();
}

/* --- loops around calls that do not wait */

static void tests(void)
{
    MPI_Request request;
    int done = 0;
    if (rank == 0) {
        MPI(MPI_Irecv(in, 1, MPI_INT, 1, 7, WORLD, &request));
        while (!done)
            MPI(MPI_Test(&request, &done, NO_STATUS));
    } else if (rank == 1) {
        usleep(LATE);
        send(0, 7);
    }
}

static void tests_and_sleeps(void)
{
    MPI_Request request;
    int done = 0;
    if (rank == 0) {
        MPI(MPI_Irecv(in, 1, MPI_INT, 1, 7, WORLD, &request));
        while (!done) {
            usleep(700000);
            MPI(MPI_Test(&request, &done, NO_STATUS));
        }
        send(1, 8);
    } else if (rank == 1) {
        usleep(LATE);
        send(0, 7);
        receive(0, 8);
    }
    barrier();
}

static void probes(void)
{
    MPI_Status status;
    int there = 0;
    for (int heard = 0; rank == 0 && heard < ranks - 1; heard += there) {
        MPI(MPI_Iprobe(MPI_ANY_SOURCE, 1, WORLD, &there, &status));
        if (there)
            receive(status.MPI_SOURCE, 1);
        else
            usleep(1000);
    }
    if (rank == 0)
        for (int to = 1; to < ranks; to++)
            send(to, 9);
    else {
        if (rank == 1)
            usleep(LATE);
        send(0, 1);
        receive(0, 9);
    }
}

/* All ranks look for a message now and then, and sleep in between. */
static void probes_with_sleeps(void)
{
    MPI_Message message;
    MPI_Status status;
    if (rank == 0) {
        usleep(LATE);
        send(1 % ranks, 1);
    }
    for (int there = 0; !there;) {
        MPI(MPI_Improbe((rank + ranks - 1) % ranks, 1, WORLD, &there, &message, &status));
        if (there)
            MPI(MPI_Mrecv(in, 1, MPI_INT, &message, &status));
        else
            usleep(400000);
    }
    if (rank > 0)
        send((rank + 1) % ranks, 1);
}

static void tests_some(void)
{
    MPI_Request requests[2];
    int count = 0, which[2];
    if (rank == 0) {
        for (int i = 0; i < 2; i++)
            MPI(MPI_Irecv(in + i, 1, MPI_INT, 1, i, WORLD, requests + i));
        for (int open = 2; open > 0; open -= count > 0 ? count : 0)
            MPI(MPI_Testsome(2, requests, &count, which, MPI_STATUSES_IGNORE));
    } else if (rank == 1) {
        usleep(LATE);
        send(0, 1);
        send(0, 0);
    }
    barrier();
}

/* --- who waits for whom changes, slowly */

static void slow_master(void)
{
    for (int turn = 0; turn < 3; turn++) {
        if (rank == 0)
            for (int i = 1; i < ranks; i++) {
                receive(MPI_ANY_SOURCE, 1);
                usleep(400000);
            }
        else
            send(0, 1);
        if (rank == 0)
            for (int i = 1; i < ranks; i++)
                send(i, 2);
        else
            receive(0, 2);
    }
}

static void pipeline(void)
{
    if (rank > 0)
        receive(rank - 1, 3);
    usleep(1200000);
    if (rank < ranks - 1)
        send(rank + 1, 3);
}

static void late_finalize(void) { usleep((useconds_t)rank * 900000); }

static void from_anybody(void)
{
    if (rank == 0)
        for (int i = 1; i < ranks; i++)
            receive(MPI_ANY_SOURCE, MPI_ANY_TAG);
    else if (rank == ranks - 1) {
        usleep(LATE);
        send(0, 4);
    } else
        send(0, rank);
}

static void one_of_two(void)
{
    MPI_Request requests[2];
    int which;
    if (rank == 0) {
        for (int i = 0; i < 2; i++)
            MPI(MPI_Irecv(in + i, 1, MPI_INT, 1 + i, 5, WORLD, requests + i));
        MPI(MPI_Waitany(2, requests, &which, NO_STATUS));
        EQ(which, 1);
        send(1, 6);
        MPI(MPI_Wait(requests, NO_STATUS));
    } else if (rank == 1) {
        receive(0, 6);
        send(0, 5);
    } else if (rank == 2) {
        usleep(LATE);
        send(0, 5);
    }
}

static void sent_and_left(void)
{
    if (rank == 1) {
        MPI_Request request;
        MPI(MPI_Isend(out, LARGE, MPI_INT, 0, 7, WORLD, &request));
        MPI(MPI_Request_free(&request));
    }
    if (rank == 0) {
        usleep(LATE);
        receive(1, 7);
    }
}

static int sends_late(MPI_Comm comm, int key, void *value, void *extra)
{
    (void)comm, (void)key, (void)value, (void)extra;
    usleep(LATE);
    send(0, 7);
    return MPI_SUCCESS;
}

/* MPI_Finalize calls a function of the program first, which may do anything. */
static void in_finalize(void)
{
    int key;
    if (rank == 1) {
        MPI(MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, sends_late, &key, NULL));
        MPI(MPI_Comm_set_attr(MPI_COMM_SELF, key, NULL));
    }
    if (rank == 0)
        receive(1, 7);
}

/* --- collectives, windows, files */

static void late_nonblocking(void)
{
    MPI_Request request;
    if (rank == 1)
        usleep(LATE);
    MPI(MPI_Iallreduce(in, out, 1000, MPI_INT, MPI_SUM, WORLD, &request));
    MPI(MPI_Wait(&request, NO_STATUS));
}

static void late_fence(void)
{
    int *memory;
    MPI_Win win;
    MPI(MPI_Win_allocate(64, 4, MPI_INFO_NULL, WORLD, &memory, &win));
    MPI(MPI_Win_fence(0, win));
    if (rank == 1)
        usleep(LATE);
    MPI(MPI_Win_fence(0, win));
    MPI(MPI_Win_free(&win));
}

static void lock_held_for_long(void)
{
    int *memory;
    MPI_Win win;
    MPI(MPI_Win_allocate(64, 4, MPI_INFO_NULL, WORLD, &memory, &win));
    for (int turn = 0; turn < 2; turn++) {
        MPI(MPI_Win_lock(rank % 2 ? MPI_LOCK_SHARED : MPI_LOCK_EXCLUSIVE, 0, 0, win));
        usleep(500000);
        MPI(MPI_Win_unlock(0, win));
    }
    MPI(MPI_Win_free(&win));
}

static void late_post(void)
{
    int *memory, target = 1, origin = 0;
    MPI_Win win;
    MPI_Group all, one;
    MPI(MPI_Win_allocate(64, 4, MPI_INFO_NULL, WORLD, &memory, &win));
    MPI(MPI_Comm_group(WORLD, &all));
    MPI(MPI_Group_incl(all, 1, rank == 0 ? &target : &origin, &one));
    if (rank == 0) {
        MPI(MPI_Win_start(one, 0, win));
        usleep(LATE / 2);
        MPI(MPI_Win_complete(win));
    } else if (rank == 1) {
        usleep(LATE);
        MPI(MPI_Win_post(one, 0, win));
        MPI(MPI_Win_wait(win));
    }
    MPI(MPI_Win_free(&win));
}

static void late_partition(void)
{
    MPI_Request request;
    if (rank == 0)
        MPI(MPI_Precv_init(in, 2, 8, MPI_INT, 1, 7, WORLD, MPI_INFO_NULL, &request));
    else if (rank == 1)
        MPI(MPI_Psend_init(out, 2, 8, MPI_INT, 0, 7, WORLD, MPI_INFO_NULL, &request));
    if (rank < 2) {
        MPI(MPI_Start(&request));
        for (int i = 0; rank == 1 && i < 2; i++) {
            usleep(LATE / 2);
            MPI(MPI_Pready(i, request));
        }
        MPI(MPI_Wait(&request, NO_STATUS));
        MPI(MPI_Request_free(&request));
    }
    barrier();
}

static void late_at_a_file(void)
{
    char path[64];
    int pid = getpid();
    MPI_File file;
    MPI(MPI_Bcast(&pid, 1, MPI_INT, 0, WORLD));
    snprintf(path, sizeof path, "/tmp/lariat-slow-file-%d", pid);
    MPI(MPI_File_open(WORLD, path, MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE,
                      MPI_INFO_NULL, &file));
    if (rank == 0)
        usleep(LATE);
    MPI(MPI_File_write_at_all(file, rank * 4096, out, 1024, MPI_INT, NO_STATUS));
    MPI(MPI_File_close(&file));
}

static void late_connect(void)
{
    char port[MPI_MAX_PORT_NAME] = "";
    MPI_Comm other = MPI_COMM_NULL;
    if (rank == 0)
        MPI(MPI_Open_port(MPI_INFO_NULL, port));
    MPI(MPI_Bcast(port, MPI_MAX_PORT_NAME, MPI_CHAR, 0, WORLD));
    if (rank == 0)
        MPI(MPI_Comm_accept(port, MPI_INFO_NULL, 0, MPI_COMM_SELF, &other));
    if (rank == 1) {
        usleep(LATE);
        MPI(MPI_Comm_connect(port, MPI_INFO_NULL, 0, MPI_COMM_SELF, &other));
    }
    if (other != MPI_COMM_NULL)
        MPI(MPI_Comm_disconnect(&other));
    barrier();
}

/* --- much to do, and few processors */

static void ring(void)
{
    for (int i = 0; i < ROUNDS; i++)
        MPI(MPI_Sendrecv(out, 100, MPI_INT, (rank + 1) % ranks, 1, in, 100, MPI_INT,
                         (rank + ranks - 1) % ranks, 1, WORLD, NO_STATUS));
}

static void token(void)
{
    for (int i = 0; i < ROUNDS / 4; i++) {
        if (rank > 0)
            receive(rank - 1, 1);
        send((rank + 1) % ranks, 1);
        if (rank == 0)
            receive(ranks - 1, 1);
    }
}

static void barriers(void)
{
    for (int i = 0; i < ROUNDS; i++)
        barrier();
}

static void large_messages(void)
{
    for (int i = 0; i < 20; i++)
        MPI(MPI_Sendrecv(out, LARGE, MPI_INT, (rank + 1) % ranks, 1, in, LARGE, MPI_INT,
                         (rank + ranks - 1) % ranks, 1, WORLD, NO_STATUS));
}

static void uneven_work(void)
{
    for (int turn = 0; turn < 3; turn++) {
        compute(0.1 + 0.1 * rank);
        MPI(MPI_Allreduce(in, out, 1, MPI_INT, MPI_SUM, WORLD));
    }
}

/* Each rank starts two processes that take a processor each. */
static void beside_hogs(void)
{
    pid_t hogs[2];
    for (int i = 0; i < 2; i++)
        if ((hogs[i] = fork()) == 0) {
            for (;;)
                compute(1);
        }
    double until = MPI_Wtime() + 3;
    for (int on = 1; on;) {
        token();
        on = MPI_Wtime() < until;
        MPI(MPI_Bcast(&on, 1, MPI_INT, 0, WORLD));
    }
    for (int i = 0; i < 2; i++) {
        kill(hogs[i], SIGKILL);
        waitpid(hogs[i], NULL, 0);
    }
}

/* --- a second thread helps (MPI_THREAD_MULTIPLE) */

static void *sends_after_a_sleep(void *unused)
{
    usleep(LATE);
    send(0, 1);
    return unused;
}

static void *sends_after_work(void *unused)
{
    compute(2);
    send(0, 1);
    return unused;
}

static void *sends_after_a_wait(void *unused)
{
    while (sem_wait(&semaphore) != 0)
        ;
    send(0, 1);
    return unused;
}

static void *sends_when_a_process_says_so(void *unused)
{
    while (sem_wait(shared) != 0)
        ;
    send(0, 1);
    return unused;
}

static void *sends_when_it_reads(void *pipe)
{
    char byte;
    EQ(read(((int *)pipe)[0], &byte, 1), 1);
    send(0, 1);
    return NULL;
}

/* Rank 0 answers what rank 1's second thread sends; all wait for that. */
static void helped(void *(*helper)(void *), void *argument)
{
    pthread_t thread;
    if (rank == 0) {
        receive(1, 1);
        send(1, 2);
    } else if (rank == 1) {
        EQ(pthread_create(&thread, NULL, helper, argument), 0);
        receive(0, 2);
        EQ(pthread_join(thread, NULL), 0);
    }
    barrier();
}

static void thread_sleeps(void) { helped(sends_after_a_sleep, NULL); }
static void thread_computes(void) { helped(sends_after_work, NULL); }

static void post(int signal)
{
    (void)signal;
    sem_post(&semaphore);
}

/* The second thread sleeps until a signal handler wakes it. */
static void thread_waits_for_a_signal(void)
{
    EQ(sem_init(&semaphore, 0, 0), 0);
    signal(SIGALRM, post);
    if (rank == 1)
        alarm(3);
    helped(sends_after_a_wait, NULL);
}

/* The second thread sleeps until another process wakes it. */
static void thread_waits_for_a_process(void)
{
    pid_t child = -1;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED, "");
    EQ(sem_init(shared, 1, 0), 0);
    if (rank == 1 && (child = fork()) == 0) {
        usleep(LATE);
        sem_post(shared);
        _exit(0);
    }
    helped(sends_when_a_process_says_so, NULL);
    if (child > 0)
        waitpid(child, NULL, 0);
}

static void thread_reads_a_pipe(void)
{
    int pipes[2];
    pid_t child = -1;
    EQ(pipe(pipes), 0);
    if (rank == 1 && (child = fork()) == 0) {
        usleep(LATE);
        EQ(write(pipes[1], "x", 1), 1);
        _exit(0);
    }
    helped(sends_when_it_reads, pipes);
    if (child > 0)
        waitpid(child, NULL, 0);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int is_so;

static void *sends_when_it_is_so(void *unused)
{
    pthread_mutex_lock(&mutex);
    while (!is_so)
        pthread_cond_wait(&condition, &mutex);
    pthread_mutex_unlock(&mutex);
    send(0, 1);
    return unused;
}

static void *tells_what_it_reads(void *pipe)
{
    char byte;
    EQ(read(((int *)pipe)[0], &byte, 1), 1);
    pthread_mutex_lock(&mutex);
    is_so = 1;
    pthread_cond_broadcast(&condition);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

/* A thread waits for a condition, which another one makes so when a process says so. */
static void thread_waits_on_a_condition(void)
{
    int pipes[2];
    pid_t child = -1;
    pthread_t reader;
    EQ(pipe(pipes), 0);
    if (rank == 1) {
        if ((child = fork()) == 0) {
            usleep(LATE);
            EQ(write(pipes[1], "x", 1), 1);
            _exit(0);
        }
        EQ(pthread_create(&reader, NULL, tells_what_it_reads, pipes), 0);
    }
    helped(sends_when_it_is_so, NULL);
    if (rank == 1) {
        EQ(pthread_join(reader, NULL), 0);
        waitpid(child, NULL, 0);
    }
}

static void *sends_when_the_time_is_over(void *unused)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 3;
    pthread_mutex_lock(&mutex);
    while (pthread_cond_timedwait(&condition, &mutex, &end) == 0)
        ;
    pthread_mutex_unlock(&mutex);
    send(0, 1);
    return unused;
}

static void thread_times_out(void) { helped(sends_when_the_time_is_over, NULL); }

static int query(void *extra, MPI_Status *status)
{
    (void)extra;
    MPI_Status_set_elements(status, MPI_INT, 0);
    MPI_Status_set_cancelled(status, 0);
    status->MPI_SOURCE = MPI_UNDEFINED;
    status->MPI_TAG = MPI_UNDEFINED;
    return MPI_SUCCESS;
}

static int nothing(void *extra) { return (void)extra, MPI_SUCCESS; }
static int no_cancel(void *extra, int complete) { return (void)extra, (void)complete, MPI_SUCCESS; }

static void *completes(void *request)
{
    usleep(LATE);
    MPI(MPI_Grequest_complete(*(MPI_Request *)request));
    return NULL;
}

static void thread_completes_a_request(void)
{
    MPI_Request request, named;
    pthread_t thread;
    if (rank == 0) {
        MPI(MPI_Grequest_start(query, nothing, no_cancel, NULL, &request));
        named = request;
        EQ(pthread_create(&thread, NULL, completes, &named), 0);
        MPI(MPI_Wait(&request, NO_STATUS));
        EQ(pthread_join(thread, NULL), 0);
    }
    barrier();
}

/* One of two requests is completed by a thread; what the other one receives is sent after that. */
static void thread_completes_one_of_two(void)
{
    MPI_Request requests[2], named;
    pthread_t thread;
    if (rank == 0) {
        MPI(MPI_Grequest_start(query, nothing, no_cancel, NULL, requests));
        MPI(MPI_Irecv(in, 1, MPI_INT, 1, 3, WORLD, requests + 1));
        named = requests[0];
        EQ(pthread_create(&thread, NULL, completes, &named), 0);
        int which;
        MPI(MPI_Waitany(2, requests, &which, NO_STATUS));
        EQ(which, 0);
        send(1, 2);
        MPI(MPI_Waitall(2, requests, MPI_STATUSES_IGNORE));
        EQ(pthread_join(thread, NULL), 0);
    } else if (rank == 1) {
        receive(0, 2);
        send(0, 3);
    }
    barrier();
}

static void *answers(void *unused)
{
    receive(1, 21);
    usleep(LATE);
    send(1, 22);
    return unused;
}

/* Two threads of rank 0 wait in MPI; the one for which nobody else waits goes on. */
static void two_threads_wait(void)
{
    pthread_t thread;
    if (rank == 0) {
        EQ(pthread_create(&thread, NULL, answers, NULL), 0);
        MPI(MPI_Recv(out, 1, MPI_INT, 1, 23, WORLD, NO_STATUS));
        EQ(pthread_join(thread, NULL), 0);
    } else if (rank == 1) {
        send(0, 21);
        receive(0, 22);
        send(0, 23);
    }
    barrier();
}

static const struct {
    const char *name;
    void (*run)(void);
    int multiple;
} modes[] = {
#define ONE(name) {#name, name, 0}
#define MULTIPLE(name) {#name, name, 1}
    ONE(computes), ONE(sleeps), ONE(reads_a_pipe), ONE(runs_a_command),
    ONE(waits_for_a_file_lock), ONE(waits_for_a_record_lock), ONE(opens_a_fifo),
    ONE(sleeps_in_a_handler), ONE(probes_with_sleeps), ONE(is_stopped), ONE(are_stopped_by_turns),
    ONE(stopped_in_reductions), ONE(tests),
    ONE(tests_and_sleeps), ONE(probes), ONE(tests_some), ONE(slow_master), ONE(pipeline),
    ONE(late_finalize), ONE(from_anybody), ONE(one_of_two), ONE(sent_and_left),
    ONE(in_finalize), ONE(late_nonblocking), ONE(late_fence), ONE(lock_held_for_long),
    ONE(late_post), ONE(late_partition), ONE(late_at_a_file), ONE(late_connect), ONE(ring),
    ONE(token), ONE(barriers), ONE(large_messages), ONE(uneven_work), ONE(beside_hogs),
    MULTIPLE(thread_sleeps), MULTIPLE(thread_computes), MULTIPLE(thread_waits_for_a_signal),
    MULTIPLE(thread_waits_for_a_process), MULTIPLE(thread_reads_a_pipe),
    MULTIPLE(thread_completes_a_request), MULTIPLE(two_threads_wait),
    MULTIPLE(thread_waits_on_a_condition), MULTIPLE(thread_times_out),
    MULTIPLE(thread_completes_one_of_two),
};

int main(int argc, char **argv)
{
    int level, at = 0, count = sizeof modes / sizeof *modes;
    CHECK(argc == 2, "");
    while (at < count && strcmp(modes[at].name, argv[1]))
        at++;
    CHECK(at < count, "no such mode: %s", argv[1]);
    level = modes[at].multiple ? MPI_THREAD_MULTIPLE : MPI_THREAD_SINGLE;
    MPI(MPI_Init_thread(&argc, &argv, level, &level));
    MPI(MPI_Comm_rank(WORLD, &rank));
    MPI(MPI_Comm_size(WORLD, &ranks));
    modes[at].run();
    PASSED();
}
