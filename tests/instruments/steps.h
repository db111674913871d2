/* Which instructions a thread executes, in the order in which it first comes to them.
 *
 * The processor's trap flag raises SIGTRAP after every instruction (x86-64), which takes
 * a microsecond or so, but leaves the process as it is: unlike under valgrind it has its
 * whole address space, and its peers reach all memory that they do otherwise. */
#ifndef STEPS_H
#define STEPS_H

#include <stdio.h>

/* Begins with nothing recorded. */
void steps_begin(void);
void steps_end(void);

/* Writes a line `NUMBER OBJECT OFFSET` for each address that was executed, the first
 * that was executed first: the file that is mapped there, and where in it. */
void steps_write(FILE *out, int number);

#endif
