//! The tables that the code is made from: the standard's, in `runtime/tests/data`, and
//! the numbers of MPICH's ABI, in `data`.

use std::collections::BTreeMap;
use std::path::Path;

/// The rows of a table without its heading, as cells.
///
/// # Panics
/// The file cannot be read.
pub fn rows(path: &Path) -> Vec<Vec<String>> {
    println!("cargo:rerun-if-changed={}", path.display());
    let text = std::fs::read_to_string(path)
        .unwrap_or_else(|why| panic!("{} cannot be read: {why}", path.display()));
    let cells = |line: &str| line.split('\t').map(str::to_owned).collect();
    text.lines().skip(1).map(cells).collect()
}

/// A constant that has a number in both ABIs.
#[derive(Debug, Clone)]
pub struct Constant {
    pub name: String,
    /// Its C type.
    pub ty: String,
    pub mpich: i64,
    pub standard: i64,
}

/// Reads both tables of constants and joins them by name.
///
/// # Panics
/// A cell is no number, or MPICH's table has a name that the standard has not.
pub fn constants(standard: &Path, mpich: &Path) -> Vec<Constant> {
    let rows_of_standard = rows(standard);
    let known: BTreeMap<&str, (&str, &str)> = rows_of_standard
        .iter()
        .map(|row| (row[0].as_str(), (row[1].as_str(), row[2].as_str())))
        .collect();
    let both = rows(mpich).into_iter().map(|row| {
        let name = &row[0];
        let (ty, value) = known
            .get(name.as_str())
            .unwrap_or_else(|| panic!("{name} is no constant of the standard"));
        Constant {
            ty: (*ty).to_owned(),
            mpich: number(&row[1]),
            standard: number(value),
            name: row[0].clone(),
        }
    });
    both.collect()
}

fn number(text: &str) -> i64 {
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.unwrap_or_else(|_| panic!("{text:?} is no number"))
}

/// A parameter of a C function.
#[derive(Debug, Clone)]
pub struct Parameter {
    pub name: String,
    /// Its C type, spaces evened out: `const void *`, `int[]`.
    pub ty: String,
}

/// A C function.
#[derive(Debug, Clone)]
pub struct Function {
    pub name: String,
    pub returns: String,
    pub parameters: Vec<Parameter>,
}

/// Reads the table of functions.
///
/// # Panics
/// A parameter has no name.
pub fn functions(path: &Path) -> Vec<Function> {
    let function = |row: Vec<String>| Function {
        name: row[0].clone(),
        returns: row[1].clone(),
        parameters: parameters(&row[2]),
    };
    rows(path).into_iter().map(function).collect()
}

fn parameters(list: &str) -> Vec<Parameter> {
    let all = list
        .split(", ")
        .filter(|one| !matches!(*one, "void" | "..."));
    all.map(|one| {
        let bracket = one.find('[').unwrap_or(one.len());
        let (plain, array) = one.split_at(bracket);
        let at = plain
            .rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or_else(|| panic!("{one:?} has no name"));
        let (ty, name) = plain.split_at(at + 1);
        Parameter {
            name: name.to_owned(),
            ty: format!("{}{array}", ty.trim()),
        }
    })
    .collect()
}
