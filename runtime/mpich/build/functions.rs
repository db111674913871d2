//! The exported functions: what is done with each argument, by its type and by its role.

use crate::families;
use crate::tables::{Function, Parameter};
use std::fmt::Write as _;

/// Handles that are numbers in MPICH's ABI.
const HANDLES: [&str; 10] = [
    "Comm",
    "Group",
    "Datatype",
    "Op",
    "Request",
    "Errhandler",
    "Info",
    "Win",
    "Session",
    "Message",
];

/// Which families the values of `int` parameters are of.
pub struct Roles(pub Vec<Vec<String>>);

impl Roles {
    /// The family of a parameter, if its values differ.
    ///
    /// # Panics
    /// The table names a family that there is not.
    fn of(&self, function: &str, parameter: &str) -> Option<&str> {
        let plain = function.strip_suffix("_c").unwrap_or(function);
        let find = |function: &str| {
            self.0
                .iter()
                .find(|r| r[0] == function && r[1] == parameter)
        };
        let family = find(plain).or_else(|| find("*"))?[2].as_str();
        assert!(
            family == "-" || families::is_family(family),
            "no family {family}"
        );
        (family != "-").then_some(family)
    }
}

/// The type of a parameter in Rust, on the side of the program.
fn program_type(ty: &str) -> String {
    let plain = ty.replace("[][3]", "*").replace("[]", "*");
    let plain = plain.trim();
    if let Some(to) = plain
        .strip_prefix("const ")
        .and_then(|t| t.strip_suffix('*'))
    {
        return format!("*const {}", program_type(to.trim()));
    }
    if let Some(to) = plain.strip_suffix('*') {
        let to = to.trim();
        return match to.contains("_function") {
            true => program_type(to),
            false => format!("*mut {}", program_type(to)),
        };
    }
    match plain {
        "int" | "const int" => "c_int".to_owned(),
        "double" => "f64".to_owned(),
        "void" => "c_void".to_owned(),
        "char" => "c_char".to_owned(),
        "MPI_Aint" => "isize".to_owned(),
        "MPI_Offset" | "MPI_Count" => "i64".to_owned(),
        "MPI_Status" => "Status".to_owned(),
        "MPI_File" => "usize".to_owned(),
        "MPI_T_cb_safety" | "MPI_T_source_order" => "c_int".to_owned(),
        ty if ty.contains("_function") || ty.starts_with("MPI_T_") => "*mut c_void".to_owned(),
        ty if is_handle(ty) => "c_int".to_owned(),
        other => panic!("a parameter of type {other}"),
    }
}

/// The type of a parameter in Rust, on the side of the standard ABI.
fn standard_type(ty: &str) -> String {
    let plain = ty.replace("[]", "*");
    let bare = plain.replace("const ", "");
    let bare = bare.trim();
    match bare.strip_suffix('*').map_or(bare, str::trim) {
        "MPI_Status" => "*mut abi::Status".to_owned(),
        name if is_handle(name) => match bare.ends_with('*') {
            true => "*mut usize".to_owned(),
            false => "usize".to_owned(),
        },
        _ => program_type(ty),
    }
}

fn is_handle(ty: &str) -> bool {
    ty.strip_prefix("MPI_")
        .is_some_and(|name| HANDLES.contains(&name))
}

/// A name that Rust allows.
fn rust(name: &str) -> &str {
    match name {
        "type" => "ty",
        "in" => "input",
        other => other,
    }
}

/// The list of parameters for a declaration.
fn declared(function: &Function, ty: fn(&str) -> String) -> String {
    let mut list = String::new();
    for parameter in &function.parameters {
        let _ = write!(list, "{}: {}, ", rust(&parameter.name), ty(&parameter.ty));
    }
    list
}

/// The functions of the standard ABI as this library calls them: through a table that is
/// filled when it is loaded.
pub fn callees(functions: &[Function]) -> String {
    let mut out = String::new();
    let count = functions.len();
    let _ = writeln!(
        out,
        "/// The addresses of the functions, in the order of [`NAMES`].\n\
         pub static TABLE: [AtomicPtr<c_void>; {count}] = [const {{ AtomicPtr::new(null_mut()) }}; {count}];\n\
         /// What they are called.\npub const NAMES: [&CStr; {count}] = ["
    );
    for function in functions {
        let _ = writeln!(out, "    c\"P{}\",", function.name);
    }
    out.push_str("];\n");
    for (index, function) in functions.iter().enumerate() {
        let returns = program_type(&function.returns);
        let returns = match is_handle(&function.returns) || function.returns == "MPI_File" {
            true => "usize",
            false => &returns,
        };
        let types: Vec<String> = function
            .parameters
            .iter()
            .map(|p| standard_type(&p.ty))
            .collect();
        let names: Vec<&str> = function.parameters.iter().map(|p| rust(&p.name)).collect();
        let _ = writeln!(
            out,
            "#[inline(always)]\npub unsafe fn {name}({declared}) -> {returns} {{\n    \
             let at = TABLE[{index}].load(Relaxed);\n    \
             // SAFETY: `load` put the address of the function of this type there.\n    \
             let function = unsafe {{ std::mem::transmute::<*mut c_void, unsafe extern \"C\" fn({types}) -> {returns}>(at) }};\n    \
             // SAFETY: the caller's.\n    unsafe {{ function({names}) }}\n}}",
            name = function.name,
            declared = declared(function, standard_type),
            types = types.join(", "),
            names = names.join(", "),
        );
    }
    out
}

/// What is written around the call of the standard's function.
#[derive(Default)]
struct Body {
    before: String,
    arguments: Vec<String>,
    after: String,
}

/// The exported functions that follow from their types and roles.
pub fn exports(functions: &[Function], roles: &Roles) -> String {
    let mut out = String::from("define! {\n");
    for function in functions {
        let mut body = Body::default();
        for parameter in &function.parameters {
            argument(&mut body, function, parameter, roles);
        }
        let call = format!("callee::{}({})", function.name, body.arguments.join(", "));
        let _ = writeln!(
            out,
            "/// `{}` of the standard ABI.\nfn {}({}) -> {} {{",
            function.name,
            function.name,
            declared(function, program_type),
            program_type(&function.returns)
        );
        let is_code = function.returns == "int";
        match (is_code, body.after.is_empty()) {
            (false, _) => {
                let _ = writeln!(out, "{}    {call}", body.before);
            }
            (true, true) => {
                let _ = writeln!(out, "{}    convert::code({call})", body.before);
            }
            (true, false) => {
                let _ = writeln!(
                    out,
                    "{}    let outcome = {call};\n{}    convert::code(outcome)",
                    body.before, body.after
                );
            }
        }
        out.push_str("}\n");
    }
    out.push_str("}\n");
    out
}

/// Whether a handle behind a pointer is read too, and not only written.
fn is_read(function: &str, ty: &str) -> bool {
    let any = |names: &[&str]| names.contains(&function);
    function.ends_with("_free")
        || any(&[
            "MPI_Wait",
            "MPI_Test",
            "MPI_Cancel",
            "MPI_Start",
            "MPI_Comm_disconnect",
        ])
        || any(&["MPI_File_close", "MPI_Session_finalize", "MPI_Type_commit"])
        || ty == "MPI_Message *" && any(&["MPI_Mrecv", "MPI_Imrecv", "MPI_Mrecv_c", "MPI_Imrecv_c"])
}

/// What says how many elements an array of a function has.
fn length(function: &Function, parameter: &str) -> String {
    let has = |name: &str| function.parameters.iter().any(|p| p.name == name);
    match parameter {
        "sendtypes" | "recvtypes" if function.name.contains("eighbor") => {
            format!(
                "convert::neighbors(comm).{}",
                usize::from(parameter == "sendtypes")
            )
        }
        "sendtypes" | "recvtypes" => "convert::peers(comm)".to_owned(),
        _ if has("incount") => "convert::length(incount)".to_owned(),
        _ => "convert::length(count)".to_owned(),
    }
}

fn argument(body: &mut Body, function: &Function, parameter: &Parameter, roles: &Roles) {
    let name = rust(&parameter.name);
    let ty = parameter.ty.as_str();
    let plain = ty.replace("const ", "").replace("[]", " *");
    let handle = plain
        .trim_end_matches(" *")
        .trim_start_matches("MPI_")
        .to_owned();
    let read = is_read(&function.name, &plain);
    let many = parameter.name.starts_with("array_of_") || ty.ends_with("[]");
    let (before, after) = (&mut body.before, &mut body.after);
    let argument = match ty {
        "int" | "MPI_T_cb_safety" => match roles.of(&function.name, &parameter.name) {
            Some(family) => format!("number::{family}_in({name})"),
            None => name.to_owned(),
        },
        "int *" | "MPI_T_source_order *" => {
            if let Some(family) = roles.of(&function.name, &parameter.name) {
                if read {
                    let _ = writeln!(before, "    convert::change({name}, number::{family}_in);");
                }
                let line = format!("convert::change({name}, number::{family}_out);");
                let _ = match read {
                    true => writeln!(after, "    {line}"),
                    false => writeln!(after, "    if outcome == 0 {{ {line} }}"),
                };
            }
            name.to_owned()
        }
        "MPI_File" => format!("handle::file_in({name})"),
        "MPI_File *" => {
            let _ = writeln!(
                before,
                "    let mut {name}_raw = {name}.as_ref().map_or(handle::UNSET, |file| handle::file_in(*file));"
            );
            let _ = writeln!(after, "    handle::put_file({name}, {name}_raw);");
            format!("handle::place({name}, &mut {name}_raw)")
        }
        "MPI_Offset" if parameter.name == "disp" => format!("convert::displacement({name})"),
        "const MPI_Status *" => {
            let _ = writeln!(
                before,
                "    let mut {name}_standard = status::read({name});"
            );
            format!("status::place({name}, &mut {name}_standard)")
        }
        "MPI_Status *" if many => {
            let _ = writeln!(
                before,
                "    let mut {name}_room = handle::room();\n    let mut {name}_standard = status::Many::new(&mut {name}_room, {name}, {});",
                length(function, name)
            );
            let _ = writeln!(after, "    {name}_standard.put();");
            format!("{name}_standard.place()")
        }
        "MPI_Status *" => {
            let (make, put) = match part_set(&function.name) {
                Some(part) => (
                    format!("status::read({name})"),
                    format!(
                        "if outcome == 0 {{ status::put_part({name}, &{name}_standard, status::Part::{part}); }}"
                    ),
                ),
                None => (
                    "status::unset()".to_owned(),
                    format!("status::put({name}, &{name}_standard);"),
                ),
            };
            let _ = writeln!(before, "    let mut {name}_standard = {make};");
            let _ = writeln!(after, "    {put}");
            format!("status::place({name}, &mut {name}_standard)")
        }
        "const void *" | "void *" if is_buffer(parameter) => match ty {
            "void *" => format!("convert::buffer({name}.cast_const()).cast_mut()"),
            _ => format!("convert::buffer({name})"),
        },
        "void *" if parameter.name == "buffer_addr" => {
            let _ = writeln!(
                after,
                "    if outcome == 0 {{ convert::detached({name}); }}"
            );
            name.to_owned()
        }
        _ if is_handle(ty) => format!("handle::raw::<handle::{handle}>({name})"),
        _ if HANDLES.contains(&handle.as_str()) && many => {
            let length = length(function, name);
            let from = if ty.starts_with("const") {
                String::new()
            } else {
                ".cast_const()".to_owned()
            };
            let without = match name {
                "sendtypes" => "convert::is_in_place(sendbuf)",
                _ => "false",
            };
            let _ = writeln!(
                before,
                "    let mut {name}_room = handle::room();\n    let mut {name}_raw = handle::Many::<handle::{handle}>::new(&mut {name}_room, {name}{from}, if {without} {{ 0 }} else {{ {length} }});"
            );
            if !ty.starts_with("const") {
                let _ = writeln!(after, "    {name}_raw.put({name});");
            }
            format!("{name}_raw.place()")
        }
        _ if HANDLES.contains(&handle.as_str()) => {
            let first = match read {
                true => format!(
                    "{name}.as_ref().map_or(handle::UNSET, |int| handle::raw::<handle::{handle}>(*int))"
                ),
                false => "handle::UNSET".to_owned(),
            };
            let _ = writeln!(before, "    let mut {name}_raw = {first};");
            if read {
                let _ = writeln!(before, "    let {name}_before = {name}_raw;");
            }
            let old = if read {
                format!("{name}_before")
            } else {
                "handle::UNSET".to_owned()
            };
            let _ = writeln!(
                after,
                "    handle::put::<handle::{handle}>({name}, {old}, {name}_raw);"
            );
            format!("handle::place({name}, &mut {name}_raw)")
        }
        _ => {
            assert!(
                !ty.contains("_function"),
                "{} takes a function of the user's: write it by hand",
                function.name
            );
            name.to_owned()
        }
    };
    body.arguments.push(argument);
}

/// The part of a status that a function sets (MPI 5.0, sections 3.2.5 and 13.3). None: all of it.
fn part_set(function: &str) -> Option<&str> {
    let part = function.strip_prefix("MPI_Status_set_")?;
    Some(match part {
        "elements" | "elements_x" | "elements_c" => "Elements",
        "cancelled" => "Cancelled",
        "source" => "Source",
        "tag" => "Tag",
        "error" => "Error",
        other => panic!("a function that sets {other} of a status"),
    })
}

/// Whether the address may be one of the constants that stand for a buffer, if only by mistake:
/// then the library below says so.
fn is_buffer(parameter: &Parameter) -> bool {
    let name = parameter.name.as_str();
    name.ends_with("buf") || name == "buffer" || name.ends_with("_addr") && name != "buffer_addr"
}
