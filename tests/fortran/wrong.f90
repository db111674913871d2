! A section whose partitions have unlike gaps, which cannot be passed: an error, not a wrong result.
program wrong
  use mpi_f08
  implicit none
  integer :: a(8), b(4), c(3, 3), rank, ranks, code, class
  integer(kind=MPI_COUNT_KIND) :: two = 2, three = 3
  type(MPI_Request) :: requests(2)
  a = 1
  b = 0
  c = 1
  call MPI_Init()
  call MPI_Comm_rank(MPI_COMM_WORLD, rank)
  call MPI_Comm_size(MPI_COMM_WORLD, ranks)
  call MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN)
  call MPI_Psend_init(c(1:2, :), 2, three, MPI_INTEGER, mod(rank + 1, ranks), 0, MPI_COMM_WORLD, &
      MPI_INFO_NULL, requests(1), code)
  call MPI_Error_class(code, class)
  if (class /= MPI_ERR_BUFFER) error stop 'the section was taken'
  call MPI_Psend_init(a(1:4), 2, two, MPI_INTEGER, mod(rank + 1, ranks), 0, MPI_COMM_WORLD, &
      MPI_INFO_NULL, requests(1))
  call MPI_Precv_init(b, 2, two, MPI_INTEGER, mod(rank + ranks - 1, ranks), 0, MPI_COMM_WORLD, &
      MPI_INFO_NULL, requests(2))
  call MPI_Startall(2, requests)
  call MPI_Pready_range(0, 1, requests(1))
  call MPI_Waitall(2, requests, MPI_STATUSES_IGNORE)
  if (any(b /= 1)) error stop 'what was received'
  print '(a)', 'No Errors'
  call MPI_Finalize()
end program
