//! What a parameter is for a Fortran program: its C type and its name say it.

use crate::tables::{Function, Parameter};

/// Handles: the names of their types without `MPI_`.
pub const HANDLES: [&str; 11] = [
    "Comm",
    "Datatype",
    "Errhandler",
    "File",
    "Group",
    "Info",
    "Message",
    "Op",
    "Request",
    "Session",
    "Win",
];

/// What a parameter is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// A number: its type in Rust, and how it is passed.
    Number(Number, Passing),
    /// A LOGICAL.
    Logical(Passing),
    /// A handle of this type.
    Handle(&'static str, Passing),
    /// `MPI_Status`.
    Status(Passing),
    /// A choice buffer. `written`: the call may write there.
    Buffer { written: bool },
    /// `TYPE(C_PTR)` that is set.
    Pointer,
    /// An attribute or the state of a user's function: an integer of the size of an address.
    Word(Passing),
    /// A string that the program gives.
    Text,
    /// A string that is returned.
    TextOut,
    /// An array of strings, or of arrays of strings.
    Texts { rank: usize },
    /// A function of the program's, of this type.
    Procedure(String),
}

/// The size of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    Int,
    Aint,
    Count,
    Offset,
}

/// How the C function takes an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passing {
    Value,
    Read,
    Set,
    ArrayRead,
    ArraySet,
}

/// Whether the standard has a Fortran binding of a C function.
pub fn is_for_fortran(name: &str) -> bool {
    let c_only = ["_toint", "_fromint"].iter().any(|end| name.ends_with(end));
    !(c_only
        || name.starts_with("MPI_T_")
        || name == "MPI_Info_create_env"
        || matches!(name, "MPI_Psend_init_c" | "MPI_Precv_init_c"))
}

const LOGICALS: [&str; 9] = [
    "flag",
    "periods",
    "remain_dims",
    "reorder",
    "commute",
    "high",
    "weighted",
    "is_set",
    "quorum",
];

/// The role of a parameter; `None` for those that Fortran does not have.
pub fn of(function: &Function, parameter: &Parameter) -> Option<Role> {
    let name = parameter.name.as_str();
    let ty = parameter.ty.replace("const ", "");
    let constant = parameter.ty.starts_with("const ");
    if matches!(function.name.as_str(), "MPI_Init" | "MPI_Init_thread") && name.starts_with("arg") {
        return None;
    }
    let array = ty.ends_with("[]") || ty.ends_with("[][3]") || name.starts_with("array_of_");
    let bare = ty.replace("[][3]", "").replace("[]", "");
    let pointer = bare.trim_end().ends_with('*');
    let bare = bare.trim_end().trim_end_matches('*').trim_end();
    let passing = match (array, constant, pointer) {
        (true, true, _) => Passing::ArrayRead,
        (true, false, _) => Passing::ArraySet,
        (false, true, true) => Passing::Read,
        (false, false, true) => Passing::Set,
        (false, _, false) => Passing::Value,
    };
    if bare.contains("_function") {
        return Some(Role::Procedure(bare.to_owned()));
    }
    let logical = LOGICALS.contains(&name);
    let status = bare == "MPI_Status";
    Some(match bare {
        "int" if logical => Role::Logical(passing),
        "int" => Role::Number(Number::Int, passing),
        "MPI_Aint" => Role::Number(Number::Aint, passing),
        "MPI_Count" => Role::Number(Number::Count, passing),
        "MPI_Offset" => Role::Number(Number::Offset, passing),
        _ if status => Role::Status(passing),
        "char" if ty.ends_with("*[]") && !ty.ends_with("**[]") => Role::Texts { rank: 1 },
        "char" if ty.ends_with("**[]") => Role::Texts { rank: 2 },
        "char" if constant => Role::Text,
        "char" => Role::TextOut,
        "void" => match name {
            "baseptr" => Role::Pointer,
            "buffer_addr" => Role::Pointer,
            "extra_state" => Role::Word(Passing::Value),
            "attribute_val"
                if function.name.ends_with("et_attr") && function.name.contains("_get") =>
            {
                Role::Word(Passing::Set)
            }
            "attribute_val" if function.name == "MPI_Attr_get" => Role::Word(Passing::Set),
            "attribute_val" => Role::Word(Passing::Value),
            _ => Role::Buffer { written: !constant },
        },
        other => {
            let known = HANDLES
                .iter()
                .find(|h| other.strip_prefix("MPI_") == Some(h));
            let handle =
                known.unwrap_or_else(|| panic!("{}: a parameter of type {other}", function.name));
            Role::Handle(handle, passing)
        }
    })
}

/// All parameters that Fortran has, with their roles.
pub fn all(function: &Function) -> Vec<(&Parameter, Role)> {
    let parameters = function.parameters.iter();
    parameters
        .filter_map(|p| Some((p, of(function, p)?)))
        .collect()
}

/// Whether a function of the table has choice buffers that may be array sections. A function with
/// a string too takes addresses: compilers differ in how they pass strings beside descriptors.
pub fn takes_sections(function: &Function) -> bool {
    let roles = all(function);
    let any = |test: fn(&Role) -> bool| roles.iter().any(|(_, role)| test(role));
    any(|r| matches!(r, Role::Buffer { .. })) && !any(|r| matches!(r, Role::Text))
}

/// Whether a handle behind a pointer is read too, and not only written.
pub fn is_read(function: &str, handle: &str) -> bool {
    function.ends_with("_free")
        || matches!(
            function,
            "MPI_Wait" | "MPI_Test" | "MPI_Cancel" | "MPI_Start" | "MPI_Comm_disconnect"
        )
        || matches!(
            function,
            "MPI_File_close" | "MPI_Session_finalize" | "MPI_Type_commit"
        )
        || handle == "Message" && function.contains("recv")
}

/// Whether the call returns before its buffers may be used again.
pub fn is_nonblocking(function: &Function) -> bool {
    let name = function.name.strip_suffix("_c").unwrap_or(&function.name);
    function
        .parameters
        .iter()
        .any(|p| p.ty == "MPI_Request *" && p.name == "request")
        || matches!(
            name,
            "MPI_Put"
                | "MPI_Get"
                | "MPI_Accumulate"
                | "MPI_Get_accumulate"
                | "MPI_Fetch_and_op"
                | "MPI_Compare_and_swap"
        )
        || name.ends_with("_begin")
        || name.ends_with("_end")
        || keeps_memory(name)
}

/// Whether the call makes the request of a collective, which keeps copies of its buffers.
pub fn begins_a_collective(function: &Function) -> bool {
    let name = function.name.strip_suffix("_c").unwrap_or(&function.name);
    let has_request = |p: &Parameter| p.ty == "MPI_Request *" && p.name == "request";
    let has_buffer = |p: &Parameter| piece(function, &p.name).is_some();
    function.parameters.iter().any(has_request)
        && !function.parameters.iter().any(has_buffer)
        && !is_one_element(function)
        && !keeps_memory(name)
}

/// Whether its buffer has partitions.
pub fn is_partitioned(function: &Function) -> bool {
    matches!(function.name.as_str(), "MPI_Psend_init" | "MPI_Precv_init")
}

/// Whether its buffers have one element each, so that there are no gaps in what is accessed.
pub fn is_one_element(function: &Function) -> bool {
    matches!(
        function.name.as_str(),
        "MPI_Fetch_and_op" | "MPI_Compare_and_swap"
    )
}

/// Whether the call is about memory that stays in use: windows, attached buffers, addresses.
pub fn keeps_memory(name: &str) -> bool {
    name.starts_with("MPI_Win_")
        || name.contains("ttach_buffer")
        || matches!(
            name,
            "MPI_Buffer_attach" | "MPI_Get_address" | "MPI_Free_mem"
        )
        || name.ends_with("_end")
}

/// The count and the datatype of a buffer that is one piece, so that a section of an array can be
/// described by a datatype.
pub fn piece<'a>(function: &'a Function, buffer: &str) -> Option<(&'a str, &'a str)> {
    let name = function.name.strip_suffix("_c").unwrap_or(&function.name);
    let sends = [
        "MPI_Isend",
        "MPI_Ibsend",
        "MPI_Issend",
        "MPI_Irsend",
        "MPI_Irecv",
        "MPI_Imrecv",
    ];
    let starts = [
        "MPI_Send_init",
        "MPI_Bsend_init",
        "MPI_Ssend_init",
        "MPI_Rsend_init",
        "MPI_Recv_init",
    ];
    let one_sided = [
        "MPI_Put",
        "MPI_Get",
        "MPI_Rput",
        "MPI_Rget",
        "MPI_Accumulate",
        "MPI_Raccumulate",
    ];
    let fits = sends.contains(&name)
        || starts.contains(&name)
        || one_sided.contains(&name)
        || name.ends_with("et_accumulate")
        || matches!(name, "MPI_Isendrecv" | "MPI_Isendrecv_replace")
        || is_partitioned(function)
        || name.starts_with("MPI_File_i")
        || name.ends_with("_begin");
    let (count, ty) = match buffer {
        "origin_addr" => ("origin_count", "origin_datatype"),
        "result_addr" => ("result_count", "result_datatype"),
        "sendbuf" => ("sendcount", "sendtype"),
        "recvbuf" => ("recvcount", "recvtype"),
        "buf" | "buffer" => ("count", "datatype"),
        _ => return None,
    };
    let has = |name: &str| function.parameters.iter().any(|p| p.name == name);
    (fits && has(count) && has(ty)).then_some((count, ty))
}
