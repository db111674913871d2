//! The families of constants whose numbers differ, and the functions that turn the numbers of
//! one ABI into those of the other.

use crate::tables::Constant;
use std::fmt::Write as _;

/// A family: its name, whether its constants are bits, and which constants are of it.
struct Family {
    name: &'static str,
    is_bits: bool,
    /// Names, or beginnings of names with a `*` behind them.
    members: &'static [&'static str],
}

const fn family(name: &'static str, members: &'static [&'static str]) -> Family {
    Family {
        name,
        is_bits: false,
        members,
    }
}

const fn bits(name: &'static str, members: &'static [&'static str]) -> Family {
    Family {
        name,
        is_bits: true,
        members,
    }
}

const FAMILIES: [Family; 25] = [
    family("rank", &["MPI_ANY_SOURCE", "MPI_PROC_NULL", "MPI_ROOT"]),
    family("tag", &["MPI_ANY_TAG"]),
    family("error", &["MPI_SUCCESS", "MPI_ERR_*", "MPI_T_ERR_*"]),
    family(
        "keyval",
        &[
            "MPI_KEYVAL_INVALID",
            "MPI_TAG_UB",
            "MPI_IO",
            "MPI_HOST",
            "MPI_WTIME_IS_GLOBAL",
            "MPI_APPNUM",
            "MPI_LASTUSEDCODE",
            "MPI_UNIVERSE_SIZE",
            "MPI_WIN_BASE",
            "MPI_WIN_DISP_UNIT",
            "MPI_WIN_SIZE",
            "MPI_WIN_CREATE_FLAVOR",
            "MPI_WIN_MODEL",
        ],
    ),
    family("thread", &["MPI_THREAD_*"]),
    bits(
        "amode",
        &[
            "MPI_MODE_APPEND",
            "MPI_MODE_CREATE",
            "MPI_MODE_DELETE_ON_CLOSE",
            "MPI_MODE_EXCL",
            "MPI_MODE_RD*",
            "MPI_MODE_SEQUENTIAL",
            "MPI_MODE_UNIQUE_OPEN",
            "MPI_MODE_WRONLY",
        ],
    ),
    bits("assert", &["MPI_MODE_NO*"]),
    family("seek", &["MPI_SEEK_*"]),
    family("lock", &["MPI_LOCK_*"]),
    family("order", &["MPI_ORDER_*"]),
    family(
        "distribution",
        &[
            "MPI_DISTRIBUTE_BLOCK",
            "MPI_DISTRIBUTE_CYCLIC",
            "MPI_DISTRIBUTE_NONE",
        ],
    ),
    family("distribution_argument", &["MPI_DISTRIBUTE_DFLT_DARG"]),
    family("split", &["MPI_COMM_TYPE_*"]),
    family("typeclass", &["MPI_TYPECLASS_*"]),
    family("combiner", &["MPI_COMBINER_*"]),
    family(
        "comparison",
        &["MPI_IDENT", "MPI_CONGRUENT", "MPI_SIMILAR", "MPI_UNEQUAL"],
    ),
    family("topology", &["MPI_CART", "MPI_GRAPH", "MPI_DIST_GRAPH"]),
    family("flavor", &["MPI_WIN_FLAVOR_*"]),
    family("model", &["MPI_WIN_UNIFIED", "MPI_WIN_SEPARATE"]),
    family("verbosity", &["MPI_T_VERBOSITY_*"]),
    family("bind", &["MPI_T_BIND_*"]),
    family("scope", &["MPI_T_SCOPE_*"]),
    family("pvar_class", &["MPI_T_PVAR_CLASS_*"]),
    family("safety", &["MPI_T_CB_*"]),
    family("ordering", &["MPI_T_SOURCE_*"]),
];

/// Whether there is a family of this name.
pub fn is_family(name: &str) -> bool {
    FAMILIES.iter().any(|family| family.name == name)
}

impl Family {
    fn has(&self, name: &str) -> bool {
        self.members
            .iter()
            .any(|member| match member.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => *member == name,
            })
    }
}

/// The source of two functions for each family, `X_in` and `X_out`.
///
/// # Panics
/// A family is empty, or a constant of type `int` is of none.
pub fn source(constants: &[Constant]) -> String {
    let mut out = String::new();
    for family in &FAMILIES {
        let members: Vec<&Constant> = constants.iter().filter(|c| family.has(&c.name)).collect();
        assert!(
            !members.is_empty(),
            "no constant is of the family {}",
            family.name
        );
        one(&mut out, family, &members);
    }
    for constant in constants.iter().filter(|c| c.ty == "int") {
        let homes = FAMILIES.iter().filter(|f| f.has(&constant.name)).count();
        let same = constant.mpich == constant.standard;
        assert!(
            homes == 1 || same && homes == 0,
            "{} is of {homes} families",
            constant.name
        );
    }
    out
}

fn one(out: &mut String, family: &Family, members: &[&Constant]) {
    let name = family.name;
    let pairs: Vec<(i64, i64)> = members.iter().map(|c| (c.mpich, c.standard)).collect();
    let back: Vec<(i64, i64)> = pairs.iter().map(|(a, b)| (*b, *a)).collect();
    for (direction, pairs) in [("in", &pairs), ("out", &back)] {
        let _ = writeln!(
            out,
            "/// The family `{name}`, {}.\n#[inline]\npub fn {name}_{direction}(value: c_int) -> c_int {{",
            match direction {
                "in" => "from MPICH's numbers to the standard's",
                _ => "from the standard's numbers to MPICH's",
            }
        );
        match (family.is_bits, name, direction) {
            (true, _, _) => bit_body(out, pairs),
            (false, "error", "in") => value_body(out, pairs, Some((MPICH_LAST, STANDARD_LAST))),
            (false, "error", _) => value_body(out, pairs, Some((STANDARD_LAST, MPICH_LAST))),
            (false, _, _) => value_body(out, pairs, None),
        }
        out.push_str("}\n");
    }
}

/// `MPI_ERR_LASTCODE` of both ABIs. The codes that programs add lie behind it.
const MPICH_LAST: i64 = 0x3fff_ffff;
const STANDARD_LAST: i64 = 16383;

/// A number that stands for nothing here and for something there must not become it. `last`:
/// what lies from one number on in one ABI lies from the other one on in the other.
fn value_body(out: &mut String, pairs: &[(i64, i64)], last: Option<(i64, i64)>) {
    let mut pairs = pairs.to_vec();
    pairs.sort_unstable();
    out.push_str("    match value {\n");
    for (from, to) in &pairs {
        let _ = writeln!(out, "        {from} => {to},");
    }
    let lost: Vec<String> = pairs
        .iter()
        .filter(|(_, to)| !pairs.iter().any(|(from, _)| from == to))
        .map(|(_, to)| to.to_string())
        .collect();
    if !lost.is_empty() {
        let _ = writeln!(out, "        {} => NOTHING,", lost.join(" | "));
    }
    if let Some((from, to)) = last {
        let _ = writeln!(
            out,
            "        other if other >= {from} => (other - {from}).saturating_add({to}),"
        );
        let _ = writeln!(out, "        other if other >= {to} => NOTHING,");
    }
    out.push_str("        other => other,\n    }\n");
}

fn bit_body(out: &mut String, pairs: &[(i64, i64)]) {
    let all = pairs.iter().fold(0, |all, (from, _)| all | from);
    let _ = writeln!(
        out,
        "    let mut result = if value & !{all} == 0 {{ 0 }} else {{ UNKNOWN_BIT }};"
    );
    for (from, to) in pairs {
        let _ = writeln!(
            out,
            "    if value & {from} != 0 {{\n        result |= {to};\n    }}"
        );
    }
    out.push_str("    result\n");
}
