//! The predefined handles: what each is called in the other ABI.

use crate::tables::Constant;
use std::fmt::Write as _;

/// The types of handles that are numbers in MPICH's ABI.
const KINDS: [&str; 10] = [
    "MPI_Comm",
    "MPI_Group",
    "MPI_Datatype",
    "MPI_Op",
    "MPI_Request",
    "MPI_Errhandler",
    "MPI_Info",
    "MPI_Win",
    "MPI_Session",
    "MPI_Message",
];

/// Extensions of MPICH's with the same meaning as a datatype of the standard's:
/// `MPIX_C_FLOAT16`. Programs in C use it and not Fortran's type, so they are told this name.
const EXTENSIONS: [(i64, &str); 1] = [(0x4c00_0246, "MPI_REAL2")];

/// The standard's predefined handles are below this number.
const STANDARD_END: usize = 0x300;

/// The source of the tables of predefined handles.
///
/// # Panics
/// A handle is out of the range of its table, or two share a place.
pub fn source(constants: &[Constant]) -> String {
    let mut out = String::new();
    let handles: Vec<&Constant> = constants
        .iter()
        .filter(|c| KINDS.contains(&c.ty.as_str()))
        .collect();
    for kind in KINDS.iter().filter(|kind| **kind != "MPI_Datatype") {
        let name = kind.trim_start_matches("MPI_").to_lowercase();
        let _ = writeln!(
            out,
            "/// The predefined handle of type `{kind}` that MPICH's number names.\n\
             #[inline]\npub fn {name}(value: u32) -> Option<usize> {{\n    match value {{"
        );
        for handle in handles.iter().filter(|c| c.ty == **kind) {
            let _ = writeln!(
                out,
                "        {:#x} => Some({:#x}),",
                handle.mpich, handle.standard
            );
        }
        out.push_str("        _ => None,\n    }\n}\n");
    }
    datatypes(&mut out, &handles);
    let mut back = vec![0; STANDARD_END];
    for handle in &handles {
        let place = usize::try_from(handle.standard).expect("a handle is not negative");
        assert!(back[place] == 0, "{} shares its number", handle.name);
        back[place] = handle.mpich;
        if let Some((mpich, _)) = EXTENSIONS.iter().find(|(_, name)| *name == handle.name) {
            back[place] = *mpich;
        }
    }
    table(
        &mut out,
        "STANDARD",
        "MPICH's number of each predefined handle of the standard, or 0.",
        &back,
    );
    out
}

/// Datatypes end in a number of their own, by which they are found without a search.
fn datatypes(out: &mut String, handles: &[&Constant]) {
    let (mut named, mut pairs) = (vec![0; 256], vec![0; 8]);
    let mut null = None;
    for handle in handles.iter().filter(|c| c.ty == "MPI_Datatype") {
        let place = usize::try_from(handle.mpich & 0xff).expect("it is masked");
        let (table, place) = match handle.mpich >> 24 {
            0x4c => (&mut named, place),
            0x8c => (&mut pairs, place),
            _ => {
                null = Some(handle);
                continue;
            }
        };
        assert!(table[place] == 0, "{} shares its place", handle.name);
        table[place] = handle.mpich << 32 | handle.standard;
    }
    let named_standard = |name: &str| {
        let found = handles.iter().find(|c| c.name == name);
        found
            .unwrap_or_else(|| panic!("there is no {name}"))
            .standard
    };
    for (mpich, name) in EXTENSIONS {
        named[usize::try_from(mpich & 0xff).expect("it is masked")] =
            mpich << 32 | named_standard(name);
    }
    let null = null.expect("there is a null datatype");
    let _ = writeln!(
        out,
        "/// Both numbers of `MPI_DATATYPE_NULL`.\npub const DATATYPE_NULL: (u32, usize) = ({:#x}, {:#x});",
        null.mpich, null.standard
    );
    table(
        out,
        "NAMED",
        "Datatypes by the last byte of MPICH's number, which is in the upper half.",
        &named,
    );
    table(out, "PAIRS", "Those of value and index, likewise.", &pairs);
}

fn table(out: &mut String, name: &str, about: &str, entries: &[i64]) {
    let entries: Vec<u64> = entries.iter().map(|entry| entry.cast_unsigned()).collect();
    let _ = writeln!(
        out,
        "/// {about}\npub static {name}: [u64; {}] = {entries:?};",
        entries.len()
    );
}
