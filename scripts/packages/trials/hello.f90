! Each rank says who it is, and what the sum of all ranks is.
program hello
  use mpi_f08
  implicit none
  integer :: rank, ranks, total
  call MPI_Init()
  call MPI_Comm_rank(MPI_COMM_WORLD, rank)
  call MPI_Comm_size(MPI_COMM_WORLD, ranks)
  call MPI_Allreduce(rank, total, 1, MPI_INTEGER, MPI_SUM, MPI_COMM_WORLD)
  print '("rank ", i0, " of ", i0, ", sum ", i0)', rank, ranks, total
  call MPI_Finalize()
end program
