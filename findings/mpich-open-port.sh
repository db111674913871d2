#!/bin/bash
# MPICH 5.0.2 from PyPI: MPI_Open_port always fails with the network module that it takes by
# itself (UCX), and works with the other one (MPIR_CVAR_CH4_NETMOD=ofi).
#
# No port is open yet, the program calls nothing else, and the text of the error is «no space
# for port_name tag». MPI_Comm_accept, MPI_Comm_connect and name publishing, which need a port,
# cannot be used there without that variable.
. "$(dirname "$0")/common.sh"
pypi mpich mpich==5.0.2
cat >program.c <<'END'
#include <mpi.h>
#include <stdio.h>
#include <string.h>
int main(void)
{
    char port[MPI_MAX_PORT_NAME] = "", text[MPI_MAX_ERROR_STRING] = "";
    int code, length;
    MPI_Init(NULL, NULL);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    code = MPI_Open_port(MPI_INFO_NULL, port);
    if (code != MPI_SUCCESS) MPI_Error_string(code, text, &length);
    printf("%s%s\n", code == MPI_SUCCESS ? "opened" : "failed",
           strstr(text, "no space for port_name tag") ? ": no space for port_name tag" : "");
    MPI_Finalize();
    return 0;
}
END
build mpich
MPIR_CVAR_CH4_NETMOD=ofi ranks mpich 1 | stated "opened"
ranks mpich 1 | stated "failed: no space for port_name tag"
