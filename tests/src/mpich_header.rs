//! A header of MPICH's ABI, made of the tables that `runtime/mpich` is made of, to build programs
//! with as MPICH's `mpicc` would.

use crate::tree;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What the tables do not have: types, and constants that are pointers or sizes.
const HEAD: &str = r#"
typedef int MPI_Comm, MPI_Group, MPI_Datatype, MPI_Op, MPI_Request, MPI_Errhandler, MPI_Info;
typedef int MPI_Win, MPI_Session, MPI_Message, MPI_Fint;
typedef struct file_of_mpich *MPI_File;
typedef long MPI_Aint;
typedef long long MPI_Offset, MPI_Count;
typedef struct { int words[2], MPI_SOURCE, MPI_TAG, MPI_ERROR; } MPI_Status;
typedef struct a *MPI_T_enum;
typedef struct b *MPI_T_cvar_handle;
typedef struct c *MPI_T_pvar_handle;
typedef struct d *MPI_T_pvar_session;
typedef struct e *MPI_T_event_registration;
typedef struct f *MPI_T_event_instance;
typedef int MPI_T_cb_safety, MPI_T_source_order;
extern int *const MPI_UNWEIGHTED, *const MPI_WEIGHTS_EMPTY;
extern MPI_T_pvar_handle const MPI_T_PVAR_ALL_HANDLES;
extern MPI_Fint *MPI_F_STATUS_IGNORE, *MPI_F_STATUSES_IGNORE;
int MPIR_Dup_fn(MPI_Comm, int, void *, void *, void *, int *);
#define MPI_VERSION 5
#define MPI_SUBVERSION 0
#define MPI_BOTTOM ((void *)0)
#define MPI_IN_PLACE ((void *)-1)
#define MPI_BUFFER_AUTOMATIC ((void *)-2)
#define MPI_STATUS_IGNORE ((MPI_Status *)1)
#define MPI_STATUSES_IGNORE ((MPI_Status *)1)
#define MPI_ERRCODES_IGNORE ((int *)0)
#define MPI_ARGV_NULL ((char **)0)
#define MPI_ARGVS_NULL ((char ***)0)
#define MPI_FILE_NULL ((MPI_File)0)
#define MPI_DISPLACEMENT_CURRENT (-54278278)
#define MPI_ERR_LASTCODE 0x3fffffff
#define MPI_BSEND_OVERHEAD 96
#define MPI_MAX_PROCESSOR_NAME 128
#define MPI_MAX_LIBRARY_VERSION_STRING 8192
#define MPI_MAX_ERROR_STRING 512
#define MPI_MAX_PORT_NAME 256
#define MPI_MAX_OBJECT_NAME 128
#define MPI_MAX_STRINGTAG_LEN 256
#define MPI_MAX_PSET_NAME_LEN 256
#define MPI_MAX_INFO_KEY 255
#define MPI_MAX_INFO_VAL 1024
#define MPI_MAX_DATAREP_STRING 128
#define MPI_DUP_FN MPIR_Dup_fn
#define MPI_COMM_DUP_FN MPIR_Dup_fn
#define MPI_TYPE_DUP_FN MPIR_Dup_fn
#define MPI_WIN_DUP_FN MPIR_Dup_fn
#define MPI_NULL_COPY_FN 0
#define MPI_NULL_DELETE_FN 0
#define MPI_COMM_NULL_COPY_FN 0
#define MPI_COMM_NULL_DELETE_FN 0
#define MPI_TYPE_NULL_COPY_FN 0
#define MPI_TYPE_NULL_DELETE_FN 0
#define MPI_WIN_NULL_COPY_FN 0
#define MPI_WIN_NULL_DELETE_FN 0
#define MPI_CONVERSION_FN_NULL 0
#define MPI_CONVERSION_FN_NULL_C 0
#define MPI_T_ENUM_NULL ((MPI_T_enum)0)
#define MPI_T_CVAR_HANDLE_NULL ((MPI_T_cvar_handle)0)
#define MPI_T_PVAR_HANDLE_NULL ((MPI_T_pvar_handle)0)
#define MPI_T_PVAR_SESSION_NULL ((MPI_T_pvar_session)0)
#define MPI_LB 0x4c000010
#define MPI_UB 0x4c000011
#define MPI_LONG_LONG_INT MPI_LONG_LONG
#define MPI_C_COMPLEX MPI_C_FLOAT_COMPLEX
"#;

/// What MPI 3.0 removed, and the handles of Fortran.
const TAIL: &str = "
int MPI_Address(void *, MPI_Aint *);
int MPI_Errhandler_create(MPI_Comm_errhandler_function *, MPI_Errhandler *);
int MPI_Errhandler_get(MPI_Comm, MPI_Errhandler *);
int MPI_Errhandler_set(MPI_Comm, MPI_Errhandler);
int MPI_Type_extent(MPI_Datatype, MPI_Aint *);
int MPI_Type_hindexed(int, int *, MPI_Aint *, MPI_Datatype, MPI_Datatype *);
int MPI_Type_hvector(int, int, MPI_Aint, MPI_Datatype, MPI_Datatype *);
int MPI_Type_lb(MPI_Datatype, MPI_Aint *);
int MPI_Type_struct(int, int *, MPI_Aint *, MPI_Datatype *, MPI_Datatype *);
int MPI_Type_ub(MPI_Datatype, MPI_Aint *);
MPI_Fint MPI_Comm_c2f(MPI_Comm);
MPI_Comm MPI_Comm_f2c(MPI_Fint);
MPI_Fint MPI_File_c2f(MPI_File);
MPI_File MPI_File_f2c(MPI_Fint);
int MPI_Status_c2f(const MPI_Status *, MPI_Fint *);
int MPI_Status_f2c(const MPI_Fint *, MPI_Status *);
";

/// The rows of a table, without its heading.
///
/// # Panics
/// The table cannot be read.
#[must_use]
pub fn rows(path: &str) -> Vec<Vec<String>> {
    let path = tree::workspace().join("runtime").join(path);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{path:?}: {why}"));
    let cells = |line: &str| line.split('\t').map(str::to_owned).collect();
    text.lines().skip(1).map(cells).collect()
}

/// Writes `mpi.h` into a folder, and returns the folder.
///
/// # Panics
/// The tables cannot be read, or the file cannot be written.
#[must_use]
pub fn write(folder: &Path) -> PathBuf {
    let mut text =
        String::from("#ifndef MPI_H\n#define MPI_H\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
    text.push_str(HEAD);
    let types: BTreeMap<String, String> = rows("tests/data/constants.tsv")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    for row in rows("mpich/data/constants.tsv") {
        let _ = writeln!(text, "#define {} (({}){})", row[0], types[&row[0]], row[1]);
    }
    for row in rows("tests/data/callbacks.tsv") {
        let _ = match (row[1].as_str(), row[2].starts_with("MPI_ABI_")) {
            ("alias", true) => Ok(()),
            ("alias", false) => writeln!(text, "typedef {} {};", row[2], row[0]),
            (returns, _) => writeln!(text, "typedef {returns} ({})({});", row[0], row[2]),
        };
    }
    for row in rows("tests/data/functions.tsv") {
        let parameters = row[2]
            .replace("_cb_function event", "_cb_function *event")
            .replace("_cb_function free", "_cb_function *free")
            .replace("_cb_function dropped", "_cb_function *dropped");
        for name in [row[0].clone(), format!("P{}", row[0])] {
            let _ = writeln!(text, "{} {name}({parameters});", row[1]);
        }
    }
    text.push_str(TAIL);
    text.push_str("#ifdef __cplusplus\n}\n#endif\n#endif\n");
    std::fs::write(folder.join("mpi.h"), text).expect("the folder is writable");
    folder.to_owned()
}
