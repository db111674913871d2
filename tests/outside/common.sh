# What the scripts of this folder share; they read it with `. common.sh`.
#
# LARIAT_PREFIX   the installed tree to build with (default: build/ of the workspace)
# OUTSIDE_WORK    a folder to build in and to keep for the next time (default: a
#                 temporary one, removed at the end)
# OUTSIDE_RANKS   numbers of ranks, for the scripts that let one choose
# OUTSIDE_FILES   a folder for the files that jobs write (default: beside what was built);
#                 one on tmpfs is faster, one on a disk is nearer to life
# OUTSIDE_JOBS    how many compilers run at a time (default: 2)

set -eu

outside=$(cd "$(dirname "$0")" && pwd)
program=$(basename "$0")
LARIAT_PREFIX=${LARIAT_PREFIX-$outside/../../build}
[ -x "$LARIAT_PREFIX/bin/mpicc" ] || {
    echo "$program: no bin/mpicc in $LARIAT_PREFIX: run make, or name a tree with LARIAT_PREFIX" >&2
    exit 2
}
LARIAT_PREFIX=$(cd "$LARIAT_PREFIX" && pwd)
PATH=$LARIAT_PREFIX/bin:$PATH
# A job's ranks share the cores: BLAS must not start a thread for each core too.
OPENBLAS_NUM_THREADS=1
export PATH LARIAT_PREFIX OPENBLAS_NUM_THREADS
# What `make outside PREFIX=…` was given is not meant for the programs' own makefiles.
unset MAKEFLAGS MFLAGS MAKELEVEL
jobs=-j${OUTSIDE_JOBS-2}

passed=0
failed=0
known=0

if [ -n "${OUTSIDE_WORK-}" ]; then
    work=$OUTSIDE_WORK/$program
    mkdir -p "$work"
    work=$(cd "$work" && pwd)
else
    work=$(mktemp -d "${TMPDIR:-/tmp}/lariat-$program.XXXXXX")
    trap 'rm -rf "$work"' EXIT
fi

files=${OUTSIDE_FILES:+$OUTSIDE_FILES/$program}
files=${files:-$work/run}

# source_package PACKAGE FOLDER: the sources of a Debian package as upstream wrote them, in
# the folder $work/FOLDER that its archive unpacks to; of a huge archive, only what the
# wildcards in $unpack_only name. The machine's own apt configuration is left alone: one
# beside it, that knows source packages, is used.
source_package() {
    [ ! -d "$work/$2" ] || return 0
    apt=$work/apt
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mirror=$(sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\?\(http[^ ]*\).*/\2/p' \
        /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1)
    [ -n "$mirror" ] || give_up "no Debian mirror in /etc/apt"
    echo "deb-src $mirror $suite main" >"$apt/sources.list"
    cat >"$apt/apt.conf" <<END
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$apt/lists";
Dir::Cache "$apt/cache";
END
    # Only the upstream archive: Debian's own changes are not wanted.
    (
        cd "$work"
        APT_CONFIG=$apt/apt.conf
        export APT_CONFIG
        apt-get update
        apt-get source --download-only --tar-only "$1"
    ) >"$work/fetch.log" 2>&1 || give_up "cannot fetch the sources of $1" "$work/fetch.log"
    # Without wildcards the whole archive is unpacked.
    tar -xf "$work"/"$1"_*.orig.tar.* -C "$work" ${unpack_only:+--wildcards} ${unpack_only-}
    [ -d "$work/$2" ] || give_up "$1 did not unpack to $2, but to $(ls "$work")"
}

# built LOG COMMAND…: a step of the build, quiet unless it fails.
built() {
    log=$work/$1.log
    shift
    "$@" >"$log" 2>&1 || give_up "failed: $*" "$log"
}

# once NAME COMMAND…: a step of the build that is not done again in a folder that is kept.
once() {
    [ ! -e "$work/$1.done" ] || return 0
    echo "building: $1"
    built "$@"
    touch "$work/$1.done"
}

# python_tools PACKAGE…: a virtual environment in $work/venv that has these packages.
python_tools() {
    python=$work/venv/bin/python
    once venv python3 -m venv --clear "$work/venv"
    once tools "$python" -m pip --quiet install --upgrade pip setuptools wheel "$@"
}

# python_source PACKAGE VERSION: the source package of that version, unpacked in
# $work/PACKAGE-VERSION. Wants python_tools first.
python_source() {
    [ ! -d "$work/$1-$2" ] || return 0
    built fetch "$python" -m pip --quiet download --no-deps --no-build-isolation \
        --no-binary :all: -d "$work" "$1==$2"
    tar -xf "$work/$1-$2.tar.gz" -C "$work"
}

# sibling NAME: the folder that another script of this folder builds in, when it is kept
# as this one's is. The other one is asked to build what it has not built.
sibling() {
    [ -n "${OUTSIDE_WORK-}" ] || give_up "what $1 builds is used: name a folder with OUTSIDE_WORK"
    OUTSIDE_BUILD_ONLY=1 "$outside/$1" >&2 || give_up "$1 is not built"
    (cd "$OUTSIDE_WORK/$1" && pwd)
}

# only_built: ends a script that was asked for no more than to build.
only_built() {
    [ -z "${OUTSIDE_BUILD_ONLY-}" ] || exit 0
}

# give_up WHY [LOG]: ends the script, since nothing can be judged.
give_up() {
    echo "$program: $1" >&2
    [ -z "${2-}" ] || tail -n 20 "$2" >&2
    exit 2
}

# run SECONDS RANKS PROGRAM…: a job; one that takes longer has failed.
run() {
    seconds=$1
    ranks=$2
    shift 2
    timeout --kill-after=10 "$seconds" mpirun -n "$ranks" "$@" </dev/null
}

pass() {
    passed=$((passed + 1))
    echo "ok: $1"
}

# fail WHAT [LOG]
fail() {
    failed=$((failed + 1))
    echo "FAILED: $1"
    [ -z "${2-}" ] || tail -n 15 "$2"
}

# not_ours WHAT WHY: a failure that README.md explains, and that is no fault of Lariat's.
not_ours() {
    known=$((known + 1))
    echo "not ours: $1: $2"
}

# The last line of a script.
report() {
    echo "$passed passed, $failed failed$([ "$known" = 0 ] || echo ", $known known")"
    [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}
