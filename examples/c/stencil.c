/* Heat on a plate: a two-dimensional stencil on a Cartesian grid of ranks.
 *
 * Rows of the halo are contiguous, columns are a vector datatype. Rank 0 solves
 * the same plate alone and compares the total heat after the last step. */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { CELLS = 48, STEPS = 200 };  /* cells along a rank's edge */

static double *plate_new(int rows, int columns)
{
    double *plate = calloc((size_t)(rows + 2) * (size_t)(columns + 2), sizeof *plate);
    if (plate == NULL)
        MPI_Abort(MPI_COMM_WORLD, 1);
    return plate;
}

static double start_value(int row, int column)
{
    return (row * 7 + column * 13) % 29;
}

static void step(const double *old, double *new, int rows, int columns)
{
    int width = columns + 2;
    for (int r = 1; r <= rows; r++)
        for (int c = 1; c <= columns; c++) {
            const double *cell = old + r * width + c;
            new[r * width + c] =
                *cell + 0.2 * (cell[-1] + cell[1] + cell[-width] + cell[width] - 4 * *cell);
        }
}

static double total(const double *plate, int rows, int columns)
{
    double sum = 0;
    for (int r = 1; r <= rows; r++)
        for (int c = 1; c <= columns; c++)
            sum += plate[r * (columns + 2) + c];
    return sum;
}

/* Swaps the edges with the four neighbours; outside the plate it is 0. */
static void exchange(double *plate, MPI_Datatype column, MPI_Comm grid)
{
    enum { WIDTH = CELLS + 2 };
    int up, down, left, right;
    MPI_Cart_shift(grid, 0, 1, &up, &down);
    MPI_Cart_shift(grid, 1, 1, &left, &right);
    MPI_Sendrecv(plate + WIDTH + 1, CELLS, MPI_DOUBLE, up, 0, plate + (CELLS + 1) * WIDTH + 1, CELLS,
                 MPI_DOUBLE, down, 0, grid, MPI_STATUS_IGNORE);
    MPI_Sendrecv(plate + CELLS * WIDTH + 1, CELLS, MPI_DOUBLE, down, 1, plate + 1, CELLS, MPI_DOUBLE,
                 up, 1, grid, MPI_STATUS_IGNORE);
    MPI_Sendrecv(plate + WIDTH + 1, 1, column, left, 2, plate + WIDTH + CELLS + 1, 1, column, right,
                 2, grid, MPI_STATUS_IGNORE);
    MPI_Sendrecv(plate + WIDTH + CELLS, 1, column, right, 3, plate + WIDTH, 1, column, left, 3, grid,
                 MPI_STATUS_IGNORE);
}

/* Runs `steps` steps from the start values of a plate whose upper left cell is
 * (top, left); `grid` is MPI_COMM_NULL for a plate without neighbours. */
static double run(int rows, int columns, int top, int left, MPI_Datatype column, MPI_Comm grid)
{
    double *now = plate_new(rows, columns), *next = plate_new(rows, columns);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++)
            now[(r + 1) * (columns + 2) + c + 1] = start_value(top + r, left + c);
    for (int i = 0; i < STEPS; i++) {
        if (grid != MPI_COMM_NULL)
            exchange(now, column, grid);
        step(now, next, rows, columns);
        double *old = now;
        now = next;
        next = old;
    }
    double heat = total(now, rows, columns);
    free(now);
    free(next);
    return heat;
}

int main(int argc, char **argv)
{
    int rank, size, shape[2] = {0, 0}, periods[2] = {0, 0}, place[2], failed = 0;
    double heat = 0;
    MPI_Comm grid;
    MPI_Datatype column;
    MPI_Init(&argc, &argv);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Dims_create(size, 2, shape);
    MPI_Cart_create(MPI_COMM_WORLD, 2, shape, periods, 0, &grid);
    MPI_Comm_rank(grid, &rank);
    MPI_Cart_coords(grid, rank, 2, place);
    MPI_Type_vector(CELLS, 1, CELLS + 2, MPI_DOUBLE, &column);
    MPI_Type_commit(&column);

    double mine = run(CELLS, CELLS, place[0] * CELLS, place[1] * CELLS, column, grid);
    MPI_Reduce(&mine, &heat, 1, MPI_DOUBLE, MPI_SUM, 0, grid);
    if (rank == 0) {
        double alone = run(shape[0] * CELLS, shape[1] * CELLS, 0, 0, column, MPI_COMM_NULL);
        /* The cells are the same; only the order of summing differs. */
        failed = fabs(heat - alone) > 1e-9 * alone;
        printf("%d x %d ranks, heat %.6f, alone %.6f: %s\n", shape[0], shape[1], heat, alone,
               failed ? "WRONG" : "the same");
    }
    MPI_Type_free(&column);
    MPI_Comm_free(&grid);
    MPI_Finalize();
    return failed;
}
