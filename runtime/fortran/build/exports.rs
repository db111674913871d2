//! The exported functions: what is done with each argument, by its role.

use crate::roles::{self, Number, Passing, Role};
use crate::tables::{Function, Parameter};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The type of a C parameter in Rust.
fn c_type(ty: &str) -> String {
    let plain = ty
        .replace("[][3]", "*")
        .replace("[]", "*")
        .replace("const ", "");
    let plain = plain.trim();
    if let Some(to) = plain.strip_suffix('*') {
        return match to.contains("_function") {
            true => "*const c_void".to_owned(),
            false => format!("*mut {}", c_type(to)),
        };
    }
    match plain {
        "int" | "MPI_T_cb_safety" | "MPI_T_source_order" => "c_int".to_owned(),
        "double" => "f64".to_owned(),
        "void" => "c_void".to_owned(),
        "char" => "c_char".to_owned(),
        "MPI_Aint" => "isize".to_owned(),
        "MPI_Offset" | "MPI_Count" => "i64".to_owned(),
        "MPI_Status" => "Status".to_owned(),
        _ => "usize".to_owned(),
    }
}

/// A name that Rust allows.
fn rust(name: &str) -> &str {
    match name {
        "type" => "ty",
        "in" => "input",
        other => other,
    }
}

/// The functions of `libmpi_abi.so.1`.
pub fn callees(functions: &[Function]) -> String {
    let mut out = String::from("unsafe extern \"C\" {\n");
    for function in functions {
        let one = |p: &Parameter| format!("{}: {}", rust(&p.name), c_type(&p.ty));
        let list: Vec<String> = function.parameters.iter().map(one).collect();
        let returns = c_type(&function.returns);
        let _ = writeln!(
            out,
            "    pub fn P{}({}) -> {returns};",
            function.name,
            list.join(", ")
        );
    }
    out.push_str("}\n");
    out
}

/// How choice buffers come: as addresses or as descriptors of arrays.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Buffers {
    Addresses,
    Descriptors,
}

/// The exported functions.
pub fn exports(functions: &[Function], by_hand: &BTreeSet<String>) -> String {
    let mut out = String::new();
    for function in functions {
        let small = function.name.to_lowercase();
        let large = small.ends_with("_c");
        let sections = roles::takes_sections(function);
        if by_hand.contains(&small) {
            continue;
        }
        if sections {
            if !large {
                one(&mut out, function, &small, "plain", Buffers::Addresses);
            }
            let name = format!("{small}_f08ts");
            one(&mut out, function, &name, "plain", Buffers::Descriptors);
        } else if large {
            one(
                &mut out,
                function,
                &format!("{small}_f08"),
                "plain",
                Buffers::Addresses,
            );
        } else {
            one(&mut out, function, &small, "both", Buffers::Addresses);
        }
    }
    out
}

/// What is written around the call.
#[derive(Default)]
struct Body {
    parameters: Vec<String>,
    lengths: Vec<String>,
    before: String,
    arguments: Vec<String>,
    /// The copies that a request keeps.
    staged: Vec<String>,
    after: String,
}

fn one(out: &mut String, function: &Function, name: &str, macro_name: &str, buffers: Buffers) {
    let mut body = Body::default();
    for parameter in &function.parameters {
        match roles::of(function, parameter) {
            None => body.arguments.push("std::ptr::null_mut()".to_owned()),
            Some(role) => argument(&mut body, function, parameter, &role, buffers),
        }
    }
    let call = format!("callee::P{}({})", function.name, body.arguments.join(", "));
    if function.returns != "int" {
        let _ = writeln!(
            out,
            "define! {{ {macro_name}\n/// `{}`.\nfn {name}({}) -> {} {{ {call} }}\n}}",
            function.name,
            body.parameters.join(", "),
            c_type(&function.returns)
        );
        return;
    }
    if !body.staged.is_empty() {
        let staged = body.staged.join(", ");
        let _ = writeln!(
            body.after,
            "    let outcome = stage::keep(outcome, request_raw, [{staged}]);"
        );
    }
    body.parameters.push("ierror: *mut c_int".to_owned());
    body.parameters.append(&mut body.lengths);
    let _ = writeln!(
        out,
        "define! {{ {macro_name}\n/// `{}`.\nfn {name}({}) -> () {{\n{}    let outcome = {call};\n{}    convert::put_code(ierror, outcome);\n}}\n}}",
        function.name,
        body.parameters.join(", "),
        body.before,
        body.after
    );
}

fn number(number: Number) -> &'static str {
    match number {
        Number::Int => "c_int",
        Number::Aint => "isize",
        Number::Count | Number::Offset => "i64",
    }
}

/// What says how many elements an array of handles has.
fn length(function: &Function, parameter: &str) -> String {
    let has = |name: &str| function.parameters.iter().any(|p| p.name == name);
    match parameter {
        "sendtypes" | "recvtypes" if function.name.contains("eighbor") => {
            format!(
                "convert::neighbors(comm).{}",
                usize::from(parameter == "sendtypes")
            )
        }
        "sendtypes" => "convert::peers(comm, sendbuf)".to_owned(),
        "recvtypes" => "convert::peers(comm, std::ptr::null())".to_owned(),
        "array_of_datatypes" if has("max_datatypes") => {
            "convert::length(*max_datatypes)".to_owned()
        }
        _ if has("incount") => "convert::length(*incount)".to_owned(),
        _ => "convert::length(*count)".to_owned(),
    }
}

fn argument(
    body: &mut Body,
    function: &Function,
    parameter: &Parameter,
    role: &Role,
    buffers: Buffers,
) {
    let name = rust(&parameter.name);
    let mut take = |ty: &str| body.parameters.push(format!("{name}: {ty}"));
    let (before, after) = (&mut body.before, &mut body.after);
    let argument = match role {
        Role::Number(size, Passing::Value) => {
            take(&format!("*const {}", number(*size)));
            let piece = |buffer: &Parameter| {
                let (count, _) = roles::piece(function, &buffer.name)?;
                (count == parameter.name)
                    .then(|| format!("{}_section.count(*{name})", rust(&buffer.name)))
            };
            let described = function.parameters.iter().find_map(piece);
            match described.filter(|_| buffers == Buffers::Descriptors) {
                Some(text) => text,
                None => format!("*{name}"),
            }
        }
        Role::Number(size, _) => {
            take(&format!("*mut {}", number(*size)));
            let index = parameter.name == "indx" || parameter.name == "array_of_indices";
            if index && *role == Role::Number(Number::Int, Passing::Set) {
                let _ = writeln!(
                    after,
                    "    if outcome == 0 {{ convert::one_based({name}, 1); }}"
                );
            } else if index
                && *role == Role::Number(Number::Int, Passing::ArraySet)
                && !function.name.contains("Graph")
                && parameter.name != "indx"
            {
                let _ = writeln!(
                    after,
                    "    convert::one_based({name}, convert::length(*outcount));"
                );
            }
            match name {
                "array_of_errcodes" => format!("convert::errcodes({name})"),
                _ if parameter.name.ends_with("weights") => format!("convert::weights({name})"),
                _ => name.to_owned(),
            }
        }
        Role::Logical(Passing::Value) => {
            take("*const c_int");
            format!("*{name}")
        }
        Role::Logical(_) => {
            take("*mut c_int");
            name.to_owned()
        }
        Role::Handle(handle, Passing::Value) => {
            take("*const c_int");
            let piece = |buffer: &Parameter| {
                let (_, ty) = roles::piece(function, &buffer.name)?;
                (ty == parameter.name)
                    .then(|| format!("{}_section.datatype(*{name})", rust(&buffer.name)))
            };
            let described = function.parameters.iter().find_map(piece);
            match described.filter(|_| buffers == Buffers::Descriptors) {
                Some(text) => text,
                None => format!("handle::{}(*{name})", handle.to_lowercase()),
            }
        }
        Role::Handle(handle, passing @ (Passing::ArrayRead | Passing::ArraySet)) => {
            take("*mut c_int");
            let mut many = length(function, &parameter.name);
            if buffers == Buffers::Descriptors {
                many = many.replace("sendbuf)", "sendbuf_section.address())");
            }
            let _ = writeln!(
                before,
                "    let mut {name}_many = handle::Many::new({name}, {many}, handle::{});",
                handle.to_lowercase()
            );
            if *passing == Passing::ArraySet {
                let _ = writeln!(
                    after,
                    "    {name}_many.put({name}, handle::{}_int);",
                    handle.to_lowercase()
                );
            }
            format!("{name}_many.place()")
        }
        Role::Handle(handle, _) => {
            take("*mut c_int");
            let handle_name = handle.to_lowercase();
            let read = roles::is_read(&function.name, handle);
            let first = match read {
                true => format!("handle::{handle_name}(*{name})"),
                false => "handle::UNSET".to_owned(),
            };
            let _ = writeln!(before, "    let mut {name}_raw = {first};");
            let _ = writeln!(
                after,
                "    if {name}_raw != handle::UNSET {{ *{name} = handle::{handle_name}_int({name}_raw); }}"
            );
            format!("&raw mut {name}_raw")
        }
        Role::Status(_) => {
            take("*mut Status");
            format!("convert::status({name})")
        }
        Role::Buffer { written } if buffers == Buffers::Descriptors => {
            take("*const Descriptor");
            let plain = function.name.strip_suffix("_c").unwrap_or(&function.name);
            let make = match roles::piece(function, &parameter.name) {
                _ if roles::keeps_memory(plain) => format!("Section::memory({name})"),
                Some((count, ty)) if roles::is_partitioned(function) => format!(
                    "Section::partitioned({name}, *partitions, i64::from(*{count}), handle::datatype(*{ty}))"
                ),
                Some((count, ty)) if roles::is_nonblocking(function) => {
                    format!(
                        "Section::described({name}, i64::from(*{count}), handle::datatype(*{ty}))"
                    )
                }
                _ if roles::is_one_element(function) => format!("Section::memory({name})"),
                _ if roles::begins_a_collective(function) => {
                    format!("Section::kept({name}, {written})")
                }
                _ => format!("Section::copied({name})"),
            };
            let _ = writeln!(
                before,
                "    let {name}_section = match {make} {{\n        Ok(section) => section,\n        Err(code) => return convert::put_code(ierror, descriptor::refused(\"{}\", code)),\n    }};",
                function.name
            );
            if roles::begins_a_collective(function) {
                body.staged.push(format!("{name}_section.staged()"));
            } else if *written {
                let _ = writeln!(after, "    {name}_section.put_back();");
            }
            format!("{name}_section.address()")
        }
        Role::Buffer { .. } => {
            take("*mut c_void");
            format!("convert::buffer({name})")
        }
        Role::Pointer => {
            take("*mut c_void");
            name.to_owned()
        }
        Role::Text => {
            take("*const c_char");
            body.lengths.push(format!("{name}_len: usize"));
            let info = function.name.starts_with("MPI_Info_");
            let _ = writeln!(
                before,
                "    let {name}_text = text::input({name}, {name}_len, {info});"
            );
            format!("{name}_text.as_ptr().cast_mut()")
        }
        Role::TextOut => {
            take("*mut c_char");
            body.lengths.push(format!("{name}_len: usize"));
            let _ = writeln!(before, "    let mut {name}_text = text::Output::new();");
            let _ = writeln!(
                after,
                "    if outcome == 0 {{ {name}_text.put({name}, {name}_len); }}"
            );
            format!("{name}_text.place()")
        }
        Role::Procedure(_) => {
            // The program's function takes its handles behind pointers, of which it reads the low
            // half: their number in Fortran.
            take("*const c_void");
            name.to_owned()
        }
        Role::Texts { .. } | Role::Word(_) => panic!("{} must be written by hand", function.name),
    };
    body.arguments.push(argument);
}
