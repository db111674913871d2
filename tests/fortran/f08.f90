! The module mpi_f08: derived types, absent error codes, array sections, large counts, the
! program's operations, attributes, error handlers, strings.
module functions
  use mpi_f08
  use, intrinsic :: iso_c_binding
  implicit none
  integer :: handled = 0, deleted = 0
contains
  subroutine multiply(invec, inoutvec, len, datatype)
    type(c_ptr), value :: invec, inoutvec
    integer :: len
    type(MPI_Datatype) :: datatype
    integer, pointer :: a(:), b(:)
    if (datatype /= MPI_INTEGER) error stop 'an operation got the wrong datatype'
    call c_f_pointer(invec, a, [len])
    call c_f_pointer(inoutvec, b, [len])
    b = a * b
  end subroutine
  subroutine handle(comm, error_code)
    type(MPI_Comm) :: comm
    integer :: error_code
    if (comm /= MPI_COMM_WORLD) error stop 'a handler got the wrong communicator'
    handled = error_code
  end subroutine
  subroutine copy(oldcomm, comm_keyval, extra_state, attribute_val_in, attribute_val_out, flag, ierror)
    type(MPI_Comm) :: oldcomm
    integer :: comm_keyval, ierror
    integer(kind=MPI_ADDRESS_KIND) :: extra_state, attribute_val_in, attribute_val_out
    logical :: flag
    attribute_val_out = attribute_val_in + extra_state
    flag = .true.
    ierror = MPI_SUCCESS
  end subroutine
  subroutine delete(comm, comm_keyval, attribute_val, extra_state, ierror)
    type(MPI_Comm) :: comm
    integer :: comm_keyval, ierror
    integer(kind=MPI_ADDRESS_KIND) :: attribute_val, extra_state
    deleted = deleted + int(attribute_val)
    ierror = MPI_SUCCESS
  end subroutine
end module

program f08
  use mpi_f08
  use functions
  implicit none
  integer :: rank, ranks, next, before, i, j, length, keyval, index, code
  integer :: matrix(6, 4), other(6, 4), column(6)
  integer(kind=MPI_COUNT_KIND) :: many
  integer(kind=MPI_ADDRESS_KIND) :: word
  logical :: flag
  type(MPI_Status) :: status
  type(MPI_Request) :: requests(2)
  type(MPI_Op) :: op
  type(MPI_Comm) :: comm
  type(MPI_Errhandler) :: errhandler
  type(MPI_Info) :: info
  type(MPI_Datatype) :: real_type
  character(len=MPI_MAX_OBJECT_NAME) :: name
  character(len=12) :: value

  call MPI_Init()
  call MPI_Comm_rank(MPI_COMM_WORLD, rank)
  call MPI_Comm_size(MPI_COMM_WORLD, ranks)
  next = mod(rank + 1, ranks)
  before = mod(rank + ranks - 1, ranks)

  ! Sections with gaps: blocking, nonblocking, in a collective.
  matrix = reshape([(100 * rank + i, i = 1, 24)], [6, 4])
  other = -1
  call MPI_Sendrecv(matrix(1:6:2, 2:4:2), 6, MPI_INTEGER, next, 1, &
      other(2:6:2, 1:3:2), 6, MPI_INTEGER, before, 1, MPI_COMM_WORLD, status)
  call expect(all(other(2:6:2, 1:3:2) == matrix(1:6:2, 2:4:2) + 100 * (before - rank)), 'Sendrecv')
  call expect(count(other == -1) == 18, 'what lies between')
  call MPI_Get_count(status, MPI_INTEGER, length)
  call expect(length == 6 .and. status%MPI_SOURCE == before .and. status%MPI_TAG == 1, 'status')
  other = -1
  call MPI_Irecv(other(3, :), 4, MPI_INTEGER, before, 2, MPI_COMM_WORLD, requests(1))
  call MPI_Isend(matrix(5, :), 4, MPI_INTEGER, next, 2, MPI_COMM_WORLD, requests(2))
  call MPI_Waitall(2, requests, MPI_STATUSES_IGNORE)
  call expect(all(other(3, :) == matrix(5, :) + 100 * (before - rank)), 'Irecv of a row')
  call expect(count(other == -1) == 20, 'what lies around the row')
  call expect(all([(requests(i) == MPI_REQUEST_NULL, i = 1, 2)]), 'requests')
  other = -1
  call MPI_Irecv(other(6:1:-1, 1), 4, MPI_INTEGER, before, 3, MPI_COMM_WORLD, requests(1))
  call MPI_Send(matrix(1, 1), 4, MPI_INTEGER, next, 3, MPI_COMM_WORLD)
  call MPI_Waitany(1, requests, index, MPI_STATUS_IGNORE)
  call expect(index == 1, 'Waitany')
  call expect(all(other(6:3:-1, 1) == matrix(1:4, 1) + 100 * (before - rank)), 'backwards')
  call expect(all(other(1:2, 1) == -1), 'no more than what came')
  column = rank
  call MPI_Allreduce(MPI_IN_PLACE, column(1:6:2), 3, MPI_INTEGER, MPI_SUM, MPI_COMM_WORLD)
  call expect(all(column(1:6:2) == ranks * (ranks - 1) / 2), 'Allreduce in place')
  call expect(all(column(2:6:2) == rank), 'Allreduce between')

  ! Large counts choose the other procedure of the same name.
  many = 6
  call MPI_Bcast(matrix, many, MPI_INTEGER, 0, MPI_COMM_WORLD)
  call expect(matrix(6, 1) == 6, 'Bcast with a large count')

  ! The program's functions.
  call MPI_Op_create(multiply, .true., op)
  i = rank + 1
  call MPI_Allreduce(i, j, 1, MPI_INTEGER, op, MPI_COMM_WORLD)
  call expect(j == product([(i, i = 1, ranks)]), 'an own operation')
  call MPI_Op_free(op)
  call expect(op == MPI_OP_NULL, 'Op_free')
  call MPI_Comm_create_keyval(copy, delete, keyval, 7_MPI_ADDRESS_KIND)
  call MPI_Comm_set_attr(MPI_COMM_WORLD, keyval, 5_MPI_ADDRESS_KIND)
  call MPI_Comm_dup(MPI_COMM_WORLD, comm)
  call MPI_Comm_get_attr(comm, keyval, word, flag)
  call expect(flag .and. word == 12, 'an attribute that was copied')
  call MPI_Comm_free(comm)
  call expect(deleted == 12 .and. comm == MPI_COMM_NULL, 'an attribute that was deleted')
  call MPI_Comm_delete_attr(MPI_COMM_WORLD, keyval)
  call MPI_Comm_free_keyval(keyval)
  call expect(keyval == MPI_KEYVAL_INVALID .and. deleted == 17, 'a key')
  call MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, MPI_COMM_NULL_DELETE_FN, keyval, 0_MPI_ADDRESS_KIND)
  call MPI_Comm_free_keyval(keyval)
  call MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, word, flag)
  call expect(flag .and. word >= 32767, 'MPI_TAG_UB')
  call MPI_Comm_create_errhandler(handle, errhandler)
  call MPI_Comm_set_errhandler(MPI_COMM_WORLD, errhandler)
  call MPI_Send(i, 1, MPI_INTEGER, ranks, 0, MPI_COMM_WORLD, code)
  call MPI_Error_class(code, j)
  call expect(j == MPI_ERR_RANK .and. handled == code, 'an error handler')
  call MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL)

  ! Strings.
  call MPI_Comm_set_name(MPI_COMM_WORLD, 'all of us   ')
  call MPI_Comm_get_name(MPI_COMM_WORLD, name, length)
  call expect(name == 'all of us' .and. length == 9, 'a name')
  call MPI_Info_create(info)
  call MPI_Info_set(info, '  colour ', ' blue green ')
  length = 4
  value = '????????????'
  call MPI_Info_get_string(info, 'colour', length, value, flag)
  call expect(flag .and. length == 10 .and. value == 'blue', 'a value that is cut')
  call MPI_Info_get(info, 'none', 12, value, flag)
  call expect(.not. flag, 'a key that is not there')
  call MPI_Info_free(info)

  call MPI_Type_create_f90_real(15, 307, real_type)
  call MPI_Type_size(real_type, length)
  call expect(length == 8, 'a kind')
  call MPI_Sizeof(matrix, length)
  call expect(length == 4, 'Sizeof')
  call expect(MPI_SUBARRAYS_SUPPORTED, 'sections')
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
