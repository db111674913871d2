! Heat that spreads over a square with warm and cold spots: each rank has some of its columns and
! gives its outermost ones to its neighbours, which it has on both sides of a ring.
!
!     mpifort -O2 stencil.f90 -o stencil
!     mpirun -n 4 ./stencil
program stencil
  use mpi_f08
  implicit none
  integer, parameter :: side = 240, steps = 500, real64 = kind(0d0)
  real(real64), allocatable :: now(:, :), then(:, :)
  real(real64) :: before, after, start
  integer :: rank, ranks, left, right, first, last, columns, row, column, step
  type(MPI_Comm) :: ring
  type(MPI_Request) :: requests(4)

  call MPI_Init()
  call MPI_Comm_size(MPI_COMM_WORLD, ranks)
  call MPI_Cart_create(MPI_COMM_WORLD, 1, [ranks], [.true.], .true., ring)
  call MPI_Comm_rank(ring, rank)
  call MPI_Cart_shift(ring, 0, 1, left, right)
  first = side * rank / ranks + 1
  last = side * (rank + 1) / ranks
  columns = last - first + 1
  if (columns < 1) then
    if (rank == 0) print '(a,i0,a)', 'stencil: at most ', side, ' ranks, one for each column'
    call MPI_Abort(MPI_COMM_WORLD, 2)
  end if

  allocate (now(0:side + 1, 0:columns + 1), then(0:side + 1, 0:columns + 1))
  now = 0
  do column = 1, columns
    do row = 1, side
      now(row, column) = merge(100d0, 0d0, mod(row / 40 + (first + column - 1) / 40, 2) == 0)
    end do
  end do
  before = heat()
  start = MPI_Wtime()
  do step = 1, steps
    ! Columns lie in one piece. The rows at the ends are neighbours too, and this rank has both.
    call MPI_Irecv(now(1:side, 0), side, MPI_DOUBLE_PRECISION, left, 0, ring, requests(1))
    call MPI_Irecv(now(1:side, columns + 1), side, MPI_DOUBLE_PRECISION, right, 1, ring, requests(2))
    call MPI_Isend(now(1:side, columns), side, MPI_DOUBLE_PRECISION, right, 0, ring, requests(3))
    call MPI_Isend(now(1:side, 1), side, MPI_DOUBLE_PRECISION, left, 1, ring, requests(4))
    now(0, 1:columns) = now(side, 1:columns)
    now(side + 1, 1:columns) = now(1, 1:columns)
    call MPI_Waitall(4, requests, MPI_STATUSES_IGNORE)
    do column = 1, columns
      do row = 1, side
        then(row, column) = now(row, column) + 0.2d0 * (now(row - 1, column) + now(row + 1, column) &
            + now(row, column - 1) + now(row, column + 1) - 4 * now(row, column))
      end do
    end do
    call move(then, now)
  end do
  after = heat()
  if (rank == 0) then
    print '(i0,a,i0,a,f0.3,a)', steps, ' steps on ', ranks, ' ranks: ', MPI_Wtime() - start, ' s'
    if (abs(after - before) > 1d-9 * before) error stop 'heat was lost'
    print '(a)', 'heat is conserved'
  end if
  call MPI_Finalize()
contains
  function heat() result(total)
    real(real64) :: total, part
    part = sum(now(1:side, 1:columns))
    call MPI_Allreduce(part, total, 1, MPI_DOUBLE_PRECISION, MPI_SUM, ring)
  end function

  subroutine move(from, to)
    real(real64), allocatable, intent(inout) :: from(:, :), to(:, :)
    real(real64), allocatable :: other(:, :)
    call move_alloc(to, other)
    call move_alloc(from, to)
    call move_alloc(other, from)
  end subroutine
end program
