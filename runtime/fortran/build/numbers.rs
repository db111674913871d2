//! The constants, for the modules and for `mpif.h`.

use std::fmt::Write as _;

/// A constant of a Fortran program.
pub struct Constant {
    pub name: String,
    pub value: i64,
    /// The handle's type without `MPI_`, if it is a handle.
    pub handle: Option<String>,
    /// The kind of an integer that is not of the default one.
    pub kind: Option<&'static str>,
}

/// All constants that have a value.
pub struct Constants(pub Vec<Constant>);

impl Constants {
    /// From the rows of the standard's table.
    pub fn new(rows: Vec<Vec<String>>) -> Constants {
        let number = |text: &str| match text.strip_prefix("0x") {
            Some(hex) => i64::from_str_radix(hex, 16).ok(),
            None => text.parse().ok(),
        };
        let mut found: Vec<Constant> = Vec::new();
        for row in &rows {
            let (name, ty) = (row[0].as_str(), row[1].as_str());
            if name.starts_with("MPI_T_") && !name.starts_with("MPI_T_ERR_")
                || name == "MPI_F_STATUS_SIZE"
            {
                continue;
            }
            let Some(mut value) = number(&row[2]) else {
                // Another name of a constant.
                if let Some(of) = found.iter().find(|c| c.name == row[2] && ty == "alias") {
                    let (value, handle) = (of.value, of.handle.clone());
                    found.push(Constant {
                        name: name.to_owned(),
                        value,
                        handle,
                        kind: None,
                    });
                }
                continue;
            };
            let handle = crate::roles::HANDLES
                .iter()
                .find(|h| ty.strip_prefix("MPI_") == Some(h));
            if handle.is_none() && !matches!(ty, "int" | "MPI_Offset") {
                continue;
            }
            // The lengths of strings do not count the zero byte that ends them in C.
            if name.starts_with("MPI_MAX_") && ty == "int" {
                value -= 1;
            }
            found.push(Constant {
                name: name.to_owned(),
                value,
                handle: handle.map(|h| (*h).to_owned()),
                kind: (ty == "MPI_Offset").then_some("MPI_OFFSET_KIND"),
            });
        }
        for (name, value) in [
            ("MPI_STATUS_SIZE", 8),
            ("MPI_SOURCE", 1),
            ("MPI_TAG", 2),
            ("MPI_ERROR", 3),
            ("MPI_ADDRESS_KIND", 8),
            ("MPI_COUNT_KIND", 8),
            ("MPI_OFFSET_KIND", 8),
            ("MPI_INTEGER_KIND", 4),
        ] {
            let constant = Constant {
                name: name.to_owned(),
                value,
                handle: None,
                kind: None,
            };
            found.insert(0, constant);
        }
        assert!(found.len() > 250, "the table of constants is short");
        Constants(found)
    }
}

/// The constants that are known by their address: name, type and shape in `mpif.h`, and the common
/// block that holds each.
const SENTINELS: [(&str, &str, &str); 10] = [
    ("MPI_BOTTOM", "INTEGER", ""),
    ("MPI_IN_PLACE", "INTEGER", ""),
    ("MPI_BUFFER_AUTOMATIC", "INTEGER", ""),
    ("MPI_STATUS_IGNORE", "INTEGER", "(8)"),
    ("MPI_STATUSES_IGNORE", "INTEGER", "(8,1)"),
    ("MPI_ERRCODES_IGNORE", "INTEGER", "(1)"),
    ("MPI_UNWEIGHTED", "INTEGER", "(1)"),
    ("MPI_WEIGHTS_EMPTY", "INTEGER", "(1)"),
    ("MPI_ARGV_NULL", "CHARACTER*1", "(1)"),
    ("MPI_ARGVS_NULL", "CHARACTER*1", "(1,1)"),
];

/// The name of the linker's symbol of such a constant, without the underscore behind it.
pub fn symbol(name: &str) -> String {
    format!("lariat_fortran_{}", name["MPI_".len()..].to_lowercase())
}

/// The predefined functions that a program may pass.
pub const FUNCTIONS: [&str; 14] = [
    "MPI_NULL_COPY_FN",
    "MPI_DUP_FN",
    "MPI_NULL_DELETE_FN",
    "MPI_COMM_NULL_COPY_FN",
    "MPI_COMM_DUP_FN",
    "MPI_COMM_NULL_DELETE_FN",
    "MPI_TYPE_NULL_COPY_FN",
    "MPI_TYPE_DUP_FN",
    "MPI_TYPE_NULL_DELETE_FN",
    "MPI_WIN_NULL_COPY_FN",
    "MPI_WIN_DUP_FN",
    "MPI_WIN_NULL_DELETE_FN",
    "MPI_CONVERSION_FN_NULL",
    "MPI_CONVERSION_FN_NULL_C",
];

/// `mpif.h`: right in fixed and in free form, so no line has more than 72 columns and none goes on
/// in the next.
pub fn header(constants: &Constants) -> String {
    let mut out =
        String::from("!     MPI for Fortran: the constants of the standard ABI (Lariat).\n");
    for (name, value) in [
        ("MPI_SUBARRAYS_SUPPORTED", ".FALSE."),
        ("MPI_ASYNC_PROTECTS_NONBLOCKING", ".FALSE."),
    ] {
        let _ = writeln!(
            out,
            "      LOGICAL {name}\n      PARAMETER ({name}={value})"
        );
    }
    for constant in &constants.0 {
        let (name, value) = (&constant.name, constant.value);
        let ty = match constant.kind {
            Some(kind) => format!("INTEGER(KIND={kind})"),
            None => "INTEGER".to_owned(),
        };
        let _ = writeln!(out, "      {ty} {name}\n      PARAMETER ({name}={value})");
    }
    for (name, ty, shape) in SENTINELS {
        let block = symbol(name).to_uppercase();
        let _ = writeln!(
            out,
            "      {ty} {name}{shape}\n      COMMON /{block}/ {name}"
        );
    }
    for name in ["MPI_WTIME", "MPI_WTICK", "PMPI_WTIME", "PMPI_WTICK"] {
        let _ = writeln!(out, "      DOUBLE PRECISION {name}\n      EXTERNAL {name}");
    }
    for name in [
        "MPI_AINT_ADD",
        "MPI_AINT_DIFF",
        "PMPI_AINT_ADD",
        "PMPI_AINT_DIFF",
    ] {
        let _ = writeln!(
            out,
            "      INTEGER(KIND=MPI_ADDRESS_KIND) {name}\n      EXTERNAL {name}"
        );
    }
    for name in FUNCTIONS {
        let _ = writeln!(out, "      EXTERNAL {name}");
    }
    let long = out.lines().find(|line| line.len() > 72);
    assert!(long.is_none(), "too long for fixed form: {long:?}");
    out
}
