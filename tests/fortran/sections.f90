! The module mpi_f08: array sections with gaps in nonblocking and persistent collectives,
! and in partitioned messages.
program sections
  use mpi_f08
  use, intrinsic :: iso_c_binding
  implicit none
  type :: point
    integer :: id
    double precision :: x
  end type
  integer :: rank, ranks, i, j, round, next, before
  integer, allocatable, asynchronous :: a(:, :), b(:, :), counts(:), displs(:)
  integer, asynchronous :: few(10), other(10)
  type(point), asynchronous :: points(5), sums(5)
  integer, pointer :: memory(:)
  integer(kind=MPI_COUNT_KIND) :: many
  logical :: flag
  type(c_ptr) :: place
  type(MPI_Request) :: request, requests(3)
  type(MPI_Status) :: status
  type(MPI_Comm) :: ring
  type(MPI_Datatype) :: pair
  type(MPI_Win) :: win

  call MPI_Init()
  call MPI_Comm_rank(MPI_COMM_WORLD, rank)
  call MPI_Comm_size(MPI_COMM_WORLD, ranks)
  next = mod(rank + 1, ranks)
  before = mod(rank + ranks - 1, ranks)
  allocate(a(4, 2 * ranks), b(4, 2 * ranks), counts(ranks), displs(ranks))

  ! Reductions: predefined operations on what has gaps, on one side, on both, in place.
  few = [(10 * rank + i, i = 1, 10)]
  other = -1
  call MPI_Iallreduce(few(1:10:2), other(10:1:-2), 5, MPI_INTEGER, MPI_SUM, MPI_COMM_WORLD, request)
  call MPI_Wait(request, status)
  call expect(all(other(10:1:-2) == [(5 * ranks * (ranks - 1) + ranks * i, i = 1, 10, 2)]), 'Iallreduce')
  call expect(all(other(1:9:2) == -1), 'what lies between')
  call MPI_Iscan(MPI_IN_PLACE, few(2:10:4), 3, MPI_INTEGER, MPI_MAX, MPI_COMM_WORLD, request)
  do
    call MPI_Test(request, flag, status)
    if (flag) exit
  end do
  call expect(all(few == [(10 * rank + i, i = 1, 10)]), 'Iscan in place')
  points = [(point(rank, i + 0.5d0), i = 1, 5)]
  sums = point(-1, 0d0)
  many = 5
  call MPI_Ireduce(points%x, sums%x, many, MPI_DOUBLE_PRECISION, MPI_SUM, ranks - 1, MPI_COMM_WORLD, request)
  call MPI_Wait(request, status)
  if (rank == ranks - 1) then
    call expect(all(sums%x == [(ranks * (i + 0.5d0), i = 1, 5)]), 'Ireduce of a component')
  else
    call expect(all(sums%x == 0d0), 'Ireduce where there is no root')
  end if
  call expect(all(sums%id == -1), 'the other component')

  ! Rows of a matrix, from and to all.
  a = reshape([(100 * rank + i, i = 1, size(a))], shape(a))
  b = -1
  call MPI_Ialltoall(a(2, :), 2, MPI_INTEGER, b(3, :), 2, MPI_INTEGER, MPI_COMM_WORLD, requests(1))
  call MPI_Iallgather(a(1, 1:2 * ranks:2 * ranks - 1), 2, MPI_INTEGER, b(1, :), 2, MPI_INTEGER, MPI_COMM_WORLD, requests(2))
  call MPI_Ibcast(a(4, 1:2 * ranks:ranks), 2, MPI_INTEGER, 0, MPI_COMM_WORLD, requests(3))
  call MPI_Waitall(3, requests, MPI_STATUSES_IGNORE)
  call expect(all(b(3, :) == [((100 * j + 2 + 4 * (2 * rank + i), i = 0, 1), j = 0, ranks - 1)]), 'Ialltoall')
  call expect(all(b(1, :) == [((100 * j + 1 + 4 * (2 * ranks - 1) * i, i = 0, 1), j = 0, ranks - 1)]), 'Iallgather')
  call expect(all(b(2, :) == -1) .and. all(b(4, :) == -1), 'the other rows')
  call expect(all(a(4, 1:2 * ranks:ranks) == [4, 4 + 4 * ranks]), 'Ibcast')

  ! What is received into every second place; the others are the program's meanwhile.
  counts = 1
  displs = [(2 * i, i = 0, ranks - 1)]
  b = -1
  call MPI_Igatherv(rank, 1, MPI_INTEGER, b(2, :), counts, displs, MPI_INTEGER, 0, MPI_COMM_WORLD, request)
  b(2, 2:2 * ranks:2) = 77
  call MPI_Wait(request, status)
  if (rank == 0) call expect(all(b(2, 1:2 * ranks:2) == [(i, i = 0, ranks - 1)]), 'Igatherv')
  call expect(all(b(2, 2:2 * ranks:2) == 77), 'what was set meanwhile')

  ! A datatype that has gaps itself, in a section.
  call MPI_Type_vector(2, 1, 2, MPI_INTEGER, pair)
  call MPI_Type_commit(pair)
  few = rank
  if (rank == 0) few = [(i, i = 1, 10)]
  call MPI_Ibcast(few(1:9:2), 1, pair, 0, MPI_COMM_WORLD, request)
  call MPI_Type_free(pair)
  call MPI_Wait(request, status)
  call expect(few(1) == 1 .and. few(5) == 5, 'a datatype with gaps')
  if (rank > 0) call expect(all([few(2:4), few(6:10)] == rank), 'gaps of a datatype')

  ! Persistent ones read anew at each start.
  call MPI_Cart_create(MPI_COMM_WORLD, 1, [ranks], [.true.], .false., ring)
  call MPI_Allreduce_init(few(1:9:4), other(2:10:4), 3, MPI_INTEGER, MPI_SUM, MPI_COMM_WORLD, MPI_INFO_NULL, requests(1))
  call MPI_Bcast_init(a(3, :), 2 * ranks, MPI_INTEGER, 0, MPI_COMM_WORLD, MPI_INFO_NULL, requests(2))
  call MPI_Neighbor_allgather_init(few(10), 1, MPI_INTEGER, b(4, 1:2), 1, MPI_INTEGER, ring, MPI_INFO_NULL, requests(3))
  do round = 1, 4
    few = round
    few(10) = round * rank
    a(3, :) = merge(round, -1, rank == 0)
    other = -round
    b(4, :) = -1
    call MPI_Startall(3, requests)
    do i = 1, 3
      call MPI_Waitany(3, requests, j, status)
    end do
    call expect(all(other(2:10:4) == round * ranks), 'Allreduce_init')
    call expect(all(other(1:9:2) == -round) .and. all(other(4:8:4) == -round), 'beside Allreduce_init')
    call expect(all(a(3, :) == round), 'Bcast_init')
    call expect(b(4, 1) == round * before .and. b(4, 2) == round * next, 'Neighbor_allgather_init')
  end do
  do i = 1, 3
    call MPI_Request_free(requests(i))
  end do
  call MPI_Comm_free(ring)

  ! Partitions, each of two rows' elements, or of every third element backwards.
  a = -1
  b = -1
  many = 2
  call MPI_Psend_init(a(2, :), ranks, many, MPI_INTEGER, next, 1, MPI_COMM_WORLD, MPI_INFO_NULL, requests(1))
  call MPI_Precv_init(b(3, :), ranks, many, MPI_INTEGER, before, 1, MPI_COMM_WORLD, MPI_INFO_NULL, requests(2))
  do round = 1, 3
    b = -round
    call MPI_Startall(2, requests)
    do i = ranks, 1, -1
      a(2, 2 * i - 1:2 * i) = [1000 * round + 100 * rank + i, -i]
      call MPI_Pready(i - 1, requests(1))
    end do
    call MPI_Waitall(2, requests, MPI_STATUSES_IGNORE)
    call expect(all(b(3, 1::2) == [(1000 * round + 100 * before + i, i = 1, ranks)]), 'partitions')
    call expect(all(b(3, 2::2) == [(-i, i = 1, ranks)]), 'partitions'' second elements')
    call expect(all(b(1:2, :) == -round) .and. all(b(4, :) == -round), 'beside partitions')
  end do
  call MPI_Request_free(requests(1))
  call MPI_Request_free(requests(2))
  many = 1
  few = [(10 * rank + i, i = 1, 10)]
  other = -1
  call MPI_Psend_init(few(10:1:-3), 4, many, MPI_INTEGER, next, 2, MPI_COMM_WORLD, MPI_INFO_NULL, requests(1))
  many = 2
  call MPI_Precv_init(other(1:10:3), 2, many, MPI_INTEGER, before, 2, MPI_COMM_WORLD, MPI_INFO_NULL, requests(2))
  call MPI_Startall(2, requests)
  call MPI_Pready_range(0, 3, requests(1))
  call MPI_Waitall(2, requests, MPI_STATUSES_IGNORE)
  call expect(all(other(1:10:3) == [(10 * before + i, i = 10, 1, -3)]), 'partitions backwards')
  call expect(count(other == -1) == 6, 'between partitions')
  call MPI_Request_free(requests(1))
  call MPI_Request_free(requests(2))

  ! One element of a section has no gaps.
  call MPI_Win_allocate(4_MPI_ADDRESS_KIND, 4, MPI_INFO_NULL, MPI_COMM_WORLD, place, win)
  call c_f_pointer(place, memory, [1])
  memory = 0
  call MPI_Win_fence(0, win)
  few = 1
  other = -1
  call MPI_Fetch_and_op(few(1:10:3), other(2:10:3), MPI_INTEGER, 0, 0_MPI_ADDRESS_KIND, MPI_SUM, win)
  call MPI_Win_fence(0, win)
  call expect(other(2) >= 0 .and. other(2) < ranks .and. count(other == -1) == 9, 'Fetch_and_op')
  if (rank == 0) call expect(memory(1) == ranks, 'the sum')
  call MPI_Win_free(win)
  if (rank == 0) print '(a)', 'No Errors'
  call MPI_Finalize()
contains
  subroutine expect(right, what)
    logical, intent(in) :: right
    character(len=*), intent(in) :: what
    if (right) return
    print '(a,i0,2a)', 'rank ', rank, ': wrong: ', what
    call MPI_Abort(MPI_COMM_WORLD, 1)
  end subroutine
end program
