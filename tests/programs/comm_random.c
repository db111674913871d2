/* Random constructors against a model: every process keeps a list of all
   communicators of the job as lists of world ranks, and checks its own against
   it. The seed is the first argument, and printed when something fails. */
#include "check.h"

enum { MOST = 24, STEPS = 150 };

typedef struct {
    int size, *members; /* world ranks in order; size 0: no communicator */
    MPI_Comm comm;      /* MPI_COMM_NULL at processes outside */
} Model;

static Model models[MOST];
static uint64_t state;
static unsigned long seed;
static int step;

static int below(int n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (int)((state >> 33) % (unsigned)n);
}

static int place_of(const Model *model, int who)
{
    for (int i = 0; i < model->size; i++)
        if (model->members[i] == who)
            return i;
    return -1;
}

static int free_slot(void)
{
    for (int i = 0; i < MOST; i++)
        if (!models[i].size)
            return i;
    return -1;
}

/* Takes in a communicator of these members; comm is what this process got. */
static void take_in(const int *members, int size, MPI_Comm comm)
{
    int slot = free_slot();
    Model *model = &models[slot];
    if (!size) {
        CHECK(comm == MPI_COMM_NULL, "seed %lu, step %d", seed, step);
        return;
    }
    model->size = size;
    model->members = malloc((size_t)size * sizeof *members);
    memcpy(model->members, members, (size_t)size * sizeof *members);
    model->comm = comm;
    int own = place_of(model, rank), got = -1;
    CHECK((own >= 0) == (comm != MPI_COMM_NULL), "seed %lu, step %d: place %d", seed, step, own);
    if (own < 0)
        return;
    MPI(MPI_Comm_rank(comm, &got));
    CHECK(got == own, "seed %lu, step %d: rank %d, wanted %d", seed, step, got, own);
    MPI(MPI_Comm_size(comm, &got));
    CHECK(got == size, "seed %lu, step %d: size %d, wanted %d", seed, step, got, size);
    int *all = malloc((size_t)size * sizeof *all);
    MPI(MPI_Allgather(&rank, 1, MPI_INT, all, 1, MPI_INT, comm));
    CHECK(!memcmp(all, members, (size_t)size * sizeof *all), "seed %lu, step %d: other members", seed, step);
    free(all);
}

static void drop(Model *model)
{
    if (model->comm != MPI_COMM_NULL)
        MPI(MPI_Comm_free(&model->comm));
    free(model->members);
    model->size = 0;
}

/* Some of the parent's ranks, in random order. */
static int choose(const Model *parent, int *ranks_chosen)
{
    int n = parent->size;
    for (int i = 0; i < n; i++)
        ranks_chosen[i] = i;
    for (int i = n - 1; i > 0; i--) {
        int j = below(i + 1), swap = ranks_chosen[i];
        ranks_chosen[i] = ranks_chosen[j];
        ranks_chosen[j] = swap;
    }
    return below(n + 1);
}

static void split(const Model *parent, int inside)
{
    int n = parent->size, colors = 1 + below(3), *color = malloc((size_t)n * sizeof *color), *key = malloc((size_t)n * sizeof *key);
    int *members = malloc((size_t)n * sizeof *members);
    MPI_Comm comm = MPI_COMM_NULL;
    for (int i = 0; i < n; i++)
        color[i] = below(5) ? below(colors) : MPI_UNDEFINED, key[i] = below(4) - 2;
    if (inside >= 0)
        MPI(MPI_Comm_split(parent->comm, color[inside], key[inside], &comm));
    for (int c = 0; c < colors; c++) {
        int size = 0;
        for (int k = -2; k < 2; k++)
            for (int i = 0; i < n; i++)
                if (color[i] == c && key[i] == k)
                    members[size++] = parent->members[i];
        int mine = inside >= 0 && color[inside] == c;
        if (size && free_slot() >= 0)
            take_in(members, size, mine ? comm : MPI_COMM_NULL);
        else if (mine)
            MPI(MPI_Comm_free(&comm));
    }
    free(color), free(key), free(members);
}

static void of_group(const Model *parent, int inside, int collective)
{
    int n = parent->size, *chosen = malloc((size_t)n * sizeof *chosen), size = choose(parent, chosen), member = 0;
    MPI_Comm comm = MPI_COMM_NULL;
    if (inside >= 0) {
        MPI_Group all, part;
        MPI(MPI_Comm_group(parent->comm, &all));
        MPI(MPI_Group_incl(all, size, chosen, &part));
        for (int i = 0; i < size; i++)
            member |= chosen[i] == inside;
        if (collective)
            MPI(MPI_Comm_create(parent->comm, part, &comm));
        else if (member)
            MPI(MPI_Comm_create_group(parent->comm, part, step, &comm));
        MPI(MPI_Group_free(&part));
        MPI(MPI_Group_free(&all));
    }
    for (int i = 0; i < size; i++)
        chosen[i] = parent->members[chosen[i]];
    take_in(chosen, size, comm);
    free(chosen);
}

int main(int argc, char **argv)
{
    START();
    seed = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
    state = seed * 2654435761u + 99;
    int *all = malloc((size_t)ranks * sizeof *all);
    for (int i = 0; i < ranks; i++)
        all[i] = i;
    MPI_Comm first, comm;
    MPI(MPI_Comm_dup(MPI_COMM_WORLD, &first));
    take_in(all, ranks, first);
    for (step = 0; step < STEPS; step++) {
        const Model *parent;
        do
            parent = &models[below(MOST)];
        while (!parent->size);
        int inside = place_of(parent, rank), what = below(6), kept = parent == models;
        comm = MPI_COMM_NULL;
        if (what == 5 || free_slot() < 0) {
            if (!kept)
                drop((Model *)parent);
        } else if (what == 0) {
            if (inside >= 0)
                MPI(MPI_Comm_dup(parent->comm, &comm));
            take_in(parent->members, parent->size, comm);
        } else if (what == 1) {
            MPI_Request request = MPI_REQUEST_NULL;
            if (inside >= 0)
                MPI(MPI_Comm_idup(parent->comm, &comm, &request));
            if (inside >= 0)
                MPI(MPI_Barrier(parent->comm)); /* other traffic meanwhile */
            MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
            take_in(parent->members, parent->size, comm);
        } else if (what == 2)
            split(parent, inside);
        else
            of_group(parent, inside, what == 3);
    }
    for (int i = 0; i < MOST; i++)
        if (models[i].size)
            drop(&models[i]);
    free(all);
    PASSED();
}
