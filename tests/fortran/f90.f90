! The module mpi: integers for handles, statuses as arrays, constants known by their address.
program f90
  use mpi
  implicit none
  integer :: rank, ranks, next, before, i, ierror, outcount, comm, datatype
  integer :: sent(3), got(3), requests(2), indices(2), statuses(MPI_STATUS_SIZE, 2)
  integer :: status(MPI_STATUS_SIZE), coords(2), table(4)
  integer(kind=MPI_ADDRESS_KIND) :: lower, extent, address
  logical :: flag, has(2)
  double precision :: start
  external :: largest
  integer :: op

  call MPI_Init_thread(MPI_THREAD_FUNNELED, i, ierror)
  call expect(i >= MPI_THREAD_FUNNELED, 'threads')
  start = MPI_Wtime()
  call MPI_Comm_rank(MPI_COMM_WORLD, rank, ierror)
  call MPI_Comm_size(MPI_COMM_WORLD, ranks, ierror)
  next = mod(rank + 1, ranks)
  before = mod(rank + ranks - 1, ranks)
  sent = [rank, rank + 1, rank + 2]
  call MPI_Irecv(got, 3, MPI_INTEGER, before, 4, MPI_COMM_WORLD, requests(1), ierror)
  call MPI_Isend(sent, 3, MPI_INTEGER, next, 4, MPI_COMM_WORLD, requests(2), ierror)
  i = 0
  do while (i < 2)
    call MPI_Waitsome(2, requests, outcount, indices, statuses, ierror)
    call expect(all(indices(1:outcount) >= 1 .and. indices(1:outcount) <= 2), 'indices')
    i = i + outcount
  end do
  call expect(all(requests == MPI_REQUEST_NULL) .and. got(1) == before, 'Waitsome')
  call MPI_Waitsome(2, requests, outcount, indices, statuses, ierror)
  call expect(outcount == MPI_UNDEFINED, 'nothing to wait for')
  call MPI_Sendrecv(sent, 1, MPI_INTEGER, next, 5, got, 3, MPI_INTEGER, before, 5, &
      MPI_COMM_WORLD, status, ierror)
  call MPI_Get_count(status, MPI_INTEGER, i, ierror)
  call expect(i == 1 .and. status(MPI_SOURCE) == before .and. status(MPI_TAG) == 5, 'a status')
  i = rank
  call MPI_Allreduce(MPI_IN_PLACE, i, 1, MPI_INTEGER, MPI_MAX, MPI_COMM_WORLD, ierror)
  call expect(i == ranks - 1, 'in place')
  call MPI_Op_create(largest, .true., op, ierror)
  call MPI_Allreduce(rank, i, 1, MPI_INTEGER, op, MPI_COMM_WORLD, ierror)
  call expect(i == ranks - 1, 'an own operation')
  call MPI_Op_free(op, ierror)

  ! A datatype of absolute addresses.
  call MPI_Get_address(sent, address, ierror)
  call MPI_Type_create_hindexed(1, [3], [address], MPI_INTEGER, datatype, ierror)
  call MPI_Type_commit(datatype, ierror)
  call MPI_Sendrecv(MPI_BOTTOM, 1, datatype, rank, 6, got, 3, MPI_INTEGER, rank, 6, &
      MPI_COMM_WORLD, MPI_STATUS_IGNORE, ierror)
  call expect(all(got == sent), 'MPI_BOTTOM')
  call MPI_Type_get_extent(datatype, lower, extent, ierror)
  call expect(lower == address .and. extent == 12, 'an extent')
  call MPI_Type_free(datatype, ierror)

  call MPI_Cart_create(MPI_COMM_WORLD, 2, [ranks, 1], [.true., .false.], .false., comm, ierror)
  call MPI_Cart_get(comm, 2, table(1:2), has, coords, ierror)
  call expect(has(1) .and. .not. has(2) .and. coords(1) == rank, 'a grid')
  call MPI_Comm_free(comm, ierror)
  call MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, 1, [before], MPI_UNWEIGHTED, 1, [next], &
      MPI_UNWEIGHTED, MPI_INFO_NULL, .false., comm, ierror)
  call MPI_Neighbor_allgather(rank, 1, MPI_INTEGER, i, 1, MPI_INTEGER, comm, ierror)
  call expect(i == before, 'a neighbour')
  call MPI_Comm_free(comm, ierror)
  call MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN, ierror)
  call MPI_Send(i, -1, MPI_INTEGER, 0, 0, MPI_COMM_WORLD, ierror)
  call MPI_Error_class(ierror, i, outcount)
  call expect(i == MPI_ERR_COUNT, 'a negative count')
  call MPI_Comm_test_inter(MPI_COMM_WORLD, flag, ierror)
  call expect(.not. flag .and. MPI_Wtime() >= start, 'the rest')
  if (rank == 0) print '(a)', 'No Errors'
  call MPI_Finalize(ierror)
contains
  subroutine expect(right, what)
    logical, intent(in) :: right
    character(len=*), intent(in) :: what
    if (right) return
    print '(a,i0,2a)', 'rank ', rank, ': wrong: ', what
    call MPI_Abort(MPI_COMM_WORLD, 1, ierror)
  end subroutine
end program

subroutine largest(a, b, length, datatype)
  use mpi
  implicit none
  integer :: length, datatype, a(length), b(length)
  if (datatype /= MPI_INTEGER) error stop 'an operation got the wrong datatype'
  b = max(a, b)
end subroutine
