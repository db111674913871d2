/* For random_programs.c: communicators made at random, with the model of each: its
   groups as lists of world ranks, known to every process of the job. */
#ifndef RANDOM_COMMS_H
#define RANDOM_COMMS_H

#include "random.h"

enum { MOST_COMMS = 7 };

typedef struct {
    bool used;
    MPI_Comm comm;  /* MPI_COMM_NULL at processes outside */
    int groups;     /* 2: an intercommunicator */
    int size[2];
    int *member[2]; /* world ranks in order */
} Comm;

static Comm comms[MOST_COMMS];

static int place_in(const Comm *comm, int group, int who)
{
    for (int i = 0; i < comm->size[group]; i++)
        if (comm->member[group][i] == who)
            return i;
    return -1;
}

/* The group that a process is in, or -1. */
static int side_of(const Comm *comm, int who)
{
    for (int group = 0; group < comm->groups; group++)
        if (place_in(comm, group, who) >= 0)
            return group;
    return -1;
}

/* The group that it talks to. */
static int other_side(const Comm *comm, int side)
{
    return comm->groups == 2 ? !side : side;
}

/* The number by which processes of the other side call this one. */
static int name_of(const Comm *comm, int who)
{
    return place_in(comm, side_of(comm, who), who);
}

static Comm *free_comm(void)
{
    for (int i = 0; i < MOST_COMMS; i++)
        if (!comms[i].used)
            return &comms[i];
    return NULL;
}

static void drop_comm(Comm *comm)
{
    if (comm->comm != MPI_COMM_NULL)
        MPI(MPI_Comm_free(&comm->comm));
    for (int group = 0; group < comm->groups; group++)
        free(comm->member[group]);
    comm->used = false;
}

static void take_group(Comm *made, const int *member, int size)
{
    int group = made->groups++;
    made->size[group] = size;
    made->member[group] = room((size_t)size * sizeof *member);
    memcpy(made->member[group], member, (size_t)size * sizeof *member);
}

static void check_comm(const Comm *made)
{
    int side = side_of(made, rank), got;
    CHECK((side >= 0) == (made->comm != MPI_COMM_NULL), "side %d", side);
    if (side < 0)
        return;
    MPI(MPI_Comm_rank(made->comm, &got));
    EQ(got, place_in(made, side, rank));
    MPI(MPI_Comm_size(made->comm, &got));
    EQ(got, made->size[side]);
    MPI(MPI_Comm_test_inter(made->comm, &got));
    EQ(got, made->groups == 2);
    if (made->groups == 2) {
        MPI(MPI_Comm_remote_size(made->comm, &got));
        EQ(got, made->size[!side]);
    }
}

static void keep(MPI_Comm comm, const int *first, int first_size, const int *second, int second_size)
{
    Comm *slot = free_comm();
    *slot = (Comm){.used = true, .comm = comm};
    take_group(slot, first, first_size);
    if (second)
        take_group(slot, second, second_size);
    check_comm(slot);
}

/* Colours and keys; the members of each colour in the order of their keys. */
static void split(const Comm *parent, int place)
{
    int n = parent->size[0], colors = 1 + plan(2), color[n], key[n], member[n];
    MPI_Comm comm = MPI_COMM_NULL;
    for (int i = 0; i < n; i++)
        color[i] = plan(6) ? plan(colors) : MPI_UNDEFINED, key[i] = plan(3);
    if (place >= 0)
        MPI(MPI_Comm_split(parent->comm, color[place], key[place], &comm));
    for (int c = 0; c < colors; c++) {
        int size = 0;
        for (int k = 0; k < 3; k++)
            for (int i = 0; i < n; i++)
                if (color[i] == c && key[i] == k)
                    member[size++] = parent->member[0][i];
        bool mine = place >= 0 && color[place] == c;
        if (size && free_comm())
            keep(mine ? comm : MPI_COMM_NULL, member, size, NULL, 0);
        else if (mine)
            MPI(MPI_Comm_free(&comm));
    }
}

static void of_group(const Comm *parent, int place, bool all_call)
{
    int n = parent->size[0], order[n], member[n], size = 1 + plan(n), in = 0;
    MPI_Comm comm = MPI_COMM_NULL;
    for (int i = 0; i < n; i++)
        order[i] = i;
    shuffle(order, n, &plan_state);
    for (int i = 0; i < size; i++)
        member[i] = parent->member[0][order[i]], in |= order[i] == place;
    if (place >= 0) {
        MPI_Group all, part;
        MPI(MPI_Comm_group(parent->comm, &all));
        MPI(MPI_Group_incl(all, size, order, &part));
        if (all_call)
            MPI(MPI_Comm_create(parent->comm, part, &comm));
        else if (in)
            MPI(MPI_Comm_create_group(parent->comm, part, 5, &comm));
        MPI(MPI_Group_free(&part));
        MPI(MPI_Group_free(&all));
    }
    keep(comm, member, size, NULL, 0);
}

/* Two parts of the parent, tied by their leaders over the parent. */
static void between(const Comm *parent, int place)
{
    int n = parent->size[0], part[n], member[2][n], size[2] = {0, 0}, leader[2];
    for (int i = 0; i < n; i++) {
        part[i] = i < 2 ? i : plan(2);
        member[part[i]][size[part[i]]++] = parent->member[0][i];
    }
    for (int i = 0; i < 2; i++)
        leader[i] = plan(size[i]);
    MPI_Comm comm = MPI_COMM_NULL, own_part;
    if (place >= 0) {
        int mine = part[place], other = place_in(parent, 0, member[!mine][leader[!mine]]);
        MPI(MPI_Comm_split(parent->comm, mine, 0, &own_part));
        MPI(MPI_Intercomm_create(own_part, leader[mine], parent->comm, other, 11, &comm));
        MPI(MPI_Comm_free(&own_part));
    }
    keep(comm, member[0], size[0], member[1], size[1]);
}

static void merge(const Comm *parent, int side)
{
    int size = parent->size[0] + parent->size[1], member[size], high = plan(2);
    for (int i = 0; i < 2; i++)
        memcpy(member + (i == high ? 0 : parent->size[high]), parent->member[i],
               (size_t)parent->size[i] * sizeof *member);
    MPI_Comm comm = MPI_COMM_NULL;
    /* group `high` is the one that says 0: it comes first */
    if (side >= 0)
        MPI(MPI_Intercomm_merge(parent->comm, side != high, &comm));
    keep(comm, member, size, NULL, 0);
}

static void copy(const Comm *parent, int side)
{
    MPI_Comm comm = MPI_COMM_NULL;
    int how = plan(3);
    MPI_Request request = MPI_REQUEST_NULL;
    if (side >= 0) {
        if (how == 0)
            MPI(MPI_Comm_dup(parent->comm, &comm));
        else if (how == 1)
            MPI(MPI_Comm_dup_with_info(parent->comm, MPI_INFO_NULL, &comm));
        else
            MPI(MPI_Comm_idup(parent->comm, &comm, &request));
        MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    }
    keep(comm, parent->member[0], parent->size[0], parent->groups == 2 ? parent->member[1] : NULL,
         parent->size[1]);
}

/* Makes or frees one. The first, of all processes, stays. */
static void change_comms(void)
{
    Comm *parent;
    do
        parent = &comms[plan(MOST_COMMS)];
    while (!parent->used);
    int side = side_of(parent, rank), place = place_in(parent, 0, rank), what = plan(7);
    if (what == 0 || !free_comm()) {
        if (parent != comms)
            drop_comm(parent);
    } else if (what == 1)
        copy(parent, side);
    else if (parent->groups == 2)
        merge(parent, side);
    else if (what == 2)
        split(parent, place);
    else if (what <= 4)
        of_group(parent, place, what == 3);
    else if (parent->size[0] > 1)
        between(parent, place);
}

static void first_comm(void)
{
    int all[ranks];
    MPI_Comm comm;
    for (int i = 0; i < ranks; i++)
        all[i] = i;
    MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comm));
    keep(comm, all, ranks, NULL, 0);
}

#endif
