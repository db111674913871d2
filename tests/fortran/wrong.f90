! A section with gaps in a nonblocking collective, which cannot be passed: an error, not a wrong
! result.
program wrong
  use mpi_f08
  implicit none
  integer :: a(8), b(4), code, class
  type(MPI_Request) :: request
  a = 1
  call MPI_Init()
  call MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN)
  call MPI_Iallreduce(a(1:8:2), b, 4, MPI_INTEGER, MPI_SUM, MPI_COMM_WORLD, request, code)
  call MPI_Error_class(code, class)
  if (class /= MPI_ERR_BUFFER) error stop 'the section was taken'
  call MPI_Iallreduce(a(1:4), b, 4, MPI_INTEGER, MPI_SUM, MPI_COMM_WORLD, request, code)
  call MPI_Wait(request, MPI_STATUS_IGNORE)
  print '(a)', 'No Errors'
  call MPI_Finalize()
end program
