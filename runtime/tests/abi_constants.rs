//! The constants and the layouts of `mpi.h` and of the Rust sources are the
//! standard's: one static assertion each, compiled as C and as C++.

mod common;

use std::fmt::Write;
use std::process::Command;

fn assertions() -> String {
    let mut text = String::from(
        "#include <mpi.h>\n#include <stddef.h>\n#ifdef __cplusplus\n#define IS(e) \
         static_assert(e, #e);\n#else\n#define IS(e) _Static_assert(e, #e);\n#endif\n",
    );
    let mut pointers = String::new();
    for [name, ty, value] in common::table("constants") {
        let plain = ty == "int" || ty == "MPI_Offset";
        if plain {
            writeln!(text, "IS({name} == {value})").unwrap();
        } else {
            // A cast to a pointer is no constant expression: looked at when run.
            let wanted = if ty == "alias" {
                format!("(intptr_t) {value}")
            } else {
                value
            };
            writeln!(
                pointers,
                "    if ((intptr_t) {name} != {wanted}) bad(\"{name}\");"
            )
            .unwrap();
            if ty != "alias" {
                writeln!(pointers, "    {{ {ty} typed = {name}; (void) typed; }}").unwrap();
            }
        }
    }
    for handle in [
        "Comm",
        "Group",
        "Datatype",
        "Op",
        "Request",
        "Errhandler",
        "Info",
        "Win",
        "File",
        "Session",
        "Message",
        "T_enum",
        "T_cvar_handle",
        "T_pvar_handle",
        "T_pvar_session",
        "T_event_registration",
        "T_event_instance",
    ] {
        writeln!(text, "IS(sizeof(MPI_{handle}) == sizeof(void *))").unwrap();
    }
    text.push_str(
        "IS(sizeof(MPI_Status) == 32)\nIS(offsetof(MPI_Status, MPI_SOURCE) == 0)\n\
         IS(offsetof(MPI_Status, MPI_TAG) == 4)\nIS(offsetof(MPI_Status, MPI_ERROR) == 8)\n\
         IS(offsetof(MPI_Status, MPI_internal) == 12)\nIS(sizeof(MPI_Aint) == sizeof(void *))\n\
         IS(sizeof(MPI_Offset) == 8)\nIS(sizeof(MPI_Count) == 8)\nIS((MPI_Aint) -1 < 0)\n\
         IS((MPI_Offset) -1 < 0)\nIS((MPI_Count) -1 < 0)\nIS(sizeof(MPI_Fint) == sizeof(int))\n\
         IS(sizeof(MPI_T_cb_safety) == 4)\nIS(sizeof(MPI_T_source_order) == 4)\n\
         static MPI_Comm world = MPI_COMM_WORLD;\n\
         static MPI_Datatype types[] = { MPI_INT, MPI_LONG_LONG_INT };\n\
         #include <stdio.h>\nstatic int wrong = 0;\n\
         static void bad(const char *name) { wrong = 1; printf(\"%s\\n\", name); }\n\
         int main(void) {\n    (void) world; (void) types;\n",
    );
    text + &pointers + "    return wrong;\n}\n"
}

#[test]
fn the_header_has_the_standards_values_and_layouts() {
    let dir = common::scratch("abi_constants");
    for (compiler, file, standard) in [
        ("cc", "constants.c", "-std=c11"),
        ("c++", "constants.cpp", "-std=c++11"),
    ] {
        std::fs::write(dir.join(file), assertions()).unwrap();
        let include = common::here().join("include");
        // The program calls no MPI function, but inline functions name some.
        common::run(
            Command::new(compiler)
                .current_dir(&dir)
                .args([
                    standard,
                    "-Wall",
                    "-Wextra",
                    "-pedantic",
                    "-Werror",
                    "-O1",
                    "-I",
                ])
                .arg(include)
                .args([file, "-o", "constants"]),
        );
        common::run(&mut Command::new(dir.join("constants")));
    }
}

#[test]
fn the_header_is_clean_in_the_strict_standards() {
    let dir = common::scratch("abi_header");
    let program = "#include <mpi.h>\nint main(void) { return MPI_SUCCESS; }\n";
    for (compiler, file, standards) in [
        ("cc", "header.c", ["-std=c99", "-std=c11", "-std=c17"]),
        (
            "c++",
            "header.cpp",
            ["-std=c++98", "-std=c++11", "-std=c++20"],
        ),
    ] {
        std::fs::write(dir.join(file), program).unwrap();
        for standard in standards {
            common::run(
                Command::new(compiler)
                    .current_dir(&dir)
                    .args([
                        standard,
                        "-Wall",
                        "-Wextra",
                        "-pedantic",
                        "-Werror",
                        "-fsyntax-only",
                    ])
                    .arg("-I")
                    .arg(common::here().join("include"))
                    .arg(file),
            );
        }
    }
}

#[test]
fn rust_has_the_standards_values() {
    let text = common::read("src/abi/consts.rs");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let number = |value: &str| {
        let digits = value.strip_prefix("0x");
        digits.map_or_else(
            || value.parse::<i64>().unwrap(),
            |hex| i64::from_str_radix(hex, 16).unwrap(),
        )
    };
    for [name, ty, value] in common::table("constants") {
        let (_, rest) = text
            .split_once(&format!("pub const {name}: "))
            .unwrap_or_else(|| panic!("{name} is missing"));
        let found = rest.split_once(';').unwrap().0.split_once("= ").unwrap().1;
        if ty == "alias" {
            assert_eq!(found, value, "{name}");
            continue;
        }
        let function = ty.contains("_function");
        let inner = found
            .rsplit_once('(')
            .map_or(found, |(_, inner)| inner.trim_end_matches(')'));
        match inner {
            "None" => assert_eq!(number(&value), 0, "{name}"),
            "copy_as_is" => assert_eq!(number(&value), 1, "{name}"),
            _ => {
                assert!(!function, "{name}");
                assert_eq!(number(inner), number(&value), "{name}");
            }
        }
    }
}
