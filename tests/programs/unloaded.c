/* A plugin with MPI: the library is loaded by name, MPI comes up and goes down, and the
   library is closed, in several orders, by threads that end after that; and the heap's
   library by itself. Not linked with MPI.
   usage: unloaded LIBRARY STEP…   a step's letters: o open, i init, b barrier, v version,
   f finalize, c close; beginning with @: by a thread of its own */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static const char *name;
static void *library;

static void *look(const char *symbol)
{
    void *found = dlsym(library, symbol);
    if (!found) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return found;
}

static void one(char step)
{
    int a, b, failed = 0;
    switch (step) {
    case 'o':
        library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
        failed = !library;
        break;
    case 'i':
        failed = ((int (*)(void *, void *))look("MPI_Init"))(NULL, NULL);
        break;
    case 'b':
        failed = ((int (*)(void *))look("MPI_Barrier"))((void *)0x101); /* of the world */
        break;
    case 'v':
        failed = ((int (*)(int *, int *))look("MPI_Get_version"))(&a, &b);
        break;
    case 'f':
        failed = ((int (*)(void))look("MPI_Finalize"))();
        break;
    case 'c':
        failed = dlclose(library);
        break;
    }
    if (failed) {
        fprintf(stderr, "step %c failed\n", step);
        exit(1);
    }
}

static void *steps(void *letters)
{
    for (const char *at = letters; *at; at++)
        one(*at);
    return NULL;
}

int main(int argc, char **argv)
{
    name = argv[1];
    for (int i = 2; i < argc; i++) {
        pthread_t thread;
        if (argv[i][0] != '@')
            steps(argv[i]);
        else if (pthread_create(&thread, NULL, steps, argv[i] + 1) || pthread_join(thread, NULL))
            return 1;
    }
    puts("the end");
    return 0;
}
