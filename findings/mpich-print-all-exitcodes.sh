#!/bin/bash
# MPICH 5.0.2: mpirun -print-all-exitcodes prints what wait() gave for each rank and not its exit
# code: 256 for a rank that has ended with 1, 512 for one with 2.
. "$(dirname "$0")/common.sh"
pypi mpich mpich==5.0.2
cat >ends.sh <<'EOF'
#!/bin/sh
exit "$PMI_RANK"
EOF
chmod +x ends.sh
mpich/bin/mpirun -print-all-exitcodes -n 3 ./ends.sh >out 2>&1 || echo "mpirun: $?" >>out
grep -o '0,256,512\|0,1,2' out | head -1 | stated "0,256,512"
