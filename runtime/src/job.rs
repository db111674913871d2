//! This process as a rank of a job: found at `MPI_Init`, left at `MPI_Finalize`.
