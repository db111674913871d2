//! The source of the modules. They declare and define no code: all procedures are external ones of
//! `liblariat_fortran.so`, so that a compiler makes no more of them than its own module files.
//!
//! `mpi_lariat` has what `mpi` and `mpi_f08` share.

use crate::numbers::{Constants, FUNCTIONS, symbol};
use crate::roles::{self, HANDLES, Number, Passing, Role};
use crate::tables::{Function, Parameter};
use std::fmt::Write as _;

/// The two modules.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Module {
    Mpi,
    F08,
}

/// All modules, in one file.
pub fn modules(constants: &Constants, functions: &[Function]) -> String {
    let mut out = shared(constants);
    out += "module mpi\n  use mpi_lariat\n  implicit none\n  public\n";
    for constant in constants.0.iter().filter(|c| c.handle.is_some()) {
        let _ = writeln!(
            out,
            "  integer, parameter :: {} = {}",
            constant.name, constant.value
        );
    }
    out += "  logical, parameter :: MPI_SUBARRAYS_SUPPORTED = .false.\n";
    out += "  logical, parameter :: MPI_ASYNC_PROTECTS_NONBLOCKING = .false.\n";
    let name = symbol("MPI_STATUS_IGNORE");
    let _ = writeln!(
        out,
        "  integer, bind(C, name=\"{name}_\") :: MPI_STATUS_IGNORE(MPI_STATUS_SIZE)"
    );
    let name = symbol("MPI_STATUSES_IGNORE");
    let _ = writeln!(
        out,
        "  integer, bind(C, name=\"{name}_\") :: MPI_STATUSES_IGNORE(MPI_STATUS_SIZE, 1)"
    );
    for name in FUNCTIONS {
        let _ = writeln!(out, "  external :: {name}");
    }
    for function in functions.iter().filter(|f| !f.name.ends_with("_c")) {
        for prefix in ["", "P"] {
            interface(&mut out, function, prefix, Module::Mpi, None);
        }
    }
    out += "end module mpi\n\n";

    out += "module mpi_f08\n  use mpi_lariat\n  implicit none\n  public\n";
    for constant in &constants.0 {
        if let Some(handle) = &constant.handle {
            let (name, value) = (&constant.name, constant.value);
            let _ = writeln!(
                out,
                "  type(MPI_{handle}), parameter :: {name} = MPI_{handle}({value})"
            );
        }
    }
    out += "  logical, parameter :: MPI_SUBARRAYS_SUPPORTED = .true.\n";
    out += "  logical, parameter :: MPI_ASYNC_PROTECTS_NONBLOCKING = .true.\n";
    out += "  type(MPI_Status), bind(C, name=\"lariat_fortran_f08_status_ignore\") :: MPI_STATUS_IGNORE\n";
    out += "  type(MPI_Status), bind(C, name=\"lariat_fortran_f08_statuses_ignore\") :: MPI_STATUSES_IGNORE(1)\n";
    out += CALLBACKS;
    for (name, ty) in FUNCTIONS
        .iter()
        .filter_map(|name| Some((*name, predefined(name)?)))
    {
        let _ = writeln!(out, "  procedure({ty}) :: {name}");
    }
    for function in functions.iter().filter(|f| !f.name.ends_with("_c")) {
        let large = functions
            .iter()
            .find(|f| f.name == format!("{}_c", function.name));
        let own_name = ["MPI_Op_create", "MPI_Register_datarep"].contains(&function.name.as_str());
        let large = large.filter(|large| !own_name && signature(large) != signature(function));
        for prefix in ["", "P"] {
            interface(&mut out, function, prefix, Module::F08, large);
        }
    }
    for name in ["MPI_Op_create_c", "MPI_Register_datarep_c"] {
        let function = functions
            .iter()
            .find(|f| f.name == name)
            .expect("it is in the table");
        for prefix in ["", "P"] {
            interface(&mut out, function, prefix, Module::F08, None);
        }
    }
    out += "end module mpi_f08\n";
    out
}

/// The type of a predefined function in `mpi_f08`; `None` for those that it does not have.
fn predefined(name: &str) -> Option<&'static str> {
    Some(match name {
        "MPI_COMM_NULL_COPY_FN" | "MPI_COMM_DUP_FN" => "MPI_Comm_copy_attr_function",
        "MPI_COMM_NULL_DELETE_FN" => "MPI_Comm_delete_attr_function",
        "MPI_TYPE_NULL_COPY_FN" | "MPI_TYPE_DUP_FN" => "MPI_Type_copy_attr_function",
        "MPI_TYPE_NULL_DELETE_FN" => "MPI_Type_delete_attr_function",
        "MPI_WIN_NULL_COPY_FN" | "MPI_WIN_DUP_FN" => "MPI_Win_copy_attr_function",
        "MPI_WIN_NULL_DELETE_FN" => "MPI_Win_delete_attr_function",
        "MPI_CONVERSION_FN_NULL" => "MPI_Datarep_conversion_function",
        "MPI_CONVERSION_FN_NULL_C" => "MPI_Datarep_conversion_function_c",
        "MPI_NULL_COPY_FN" | "MPI_DUP_FN" => "MPI_Copy_function",
        "MPI_NULL_DELETE_FN" => "MPI_Delete_function",
        _ => return None,
    })
}

/// What both modules have.
fn shared(constants: &Constants) -> String {
    let mut out = String::from(
        "! The modules mpi and mpi_f08, made from the tables of the MPI standard (Lariat).\n\
         module mpi_lariat\n  use, intrinsic :: iso_c_binding, only: c_ptr\n  implicit none\n  public\n",
    );
    for constant in constants
        .0
        .iter()
        .filter(|c| c.handle.is_none() && c.kind.is_none())
    {
        let _ = writeln!(
            out,
            "  integer, parameter :: {} = {}",
            constant.name, constant.value
        );
    }
    for constant in &constants.0 {
        if let Some(kind) = constant.kind {
            let _ = writeln!(
                out,
                "  integer(kind={kind}), parameter :: {} = {}",
                constant.name, constant.value
            );
        }
    }
    out += "  type, bind(C) :: MPI_Status\n    integer :: MPI_SOURCE, MPI_TAG, MPI_ERROR\n\
            \x20   integer :: MPI_internal(5)\n  end type\n";
    for handle in HANDLES {
        let _ = writeln!(
            out,
            "  type, bind(C) :: MPI_{handle}\n    integer :: MPI_VAL\n  end type"
        );
    }
    for (name, ty, shape) in [
        ("MPI_BOTTOM", "integer", ""),
        ("MPI_IN_PLACE", "integer", ""),
        ("MPI_BUFFER_AUTOMATIC", "integer", ""),
        ("MPI_ERRCODES_IGNORE", "integer", "(1)"),
        ("MPI_UNWEIGHTED", "integer", "(1)"),
        ("MPI_WEIGHTS_EMPTY", "integer", "(1)"),
        ("MPI_ARGV_NULL", "character(len=1)", "(1)"),
        ("MPI_ARGVS_NULL", "character(len=1)", "(1, 1)"),
    ] {
        let _ = writeln!(
            out,
            "  {ty}, target, bind(C, name=\"{}_\") :: {name}{shape}",
            symbol(name)
        );
    }
    for (operator, word) in [("==", "eq"), ("/=", "ne")] {
        let _ = writeln!(out, "  interface operator({operator})");
        for handle in HANDLES {
            let name = format!("lariat_{}_{word}", handle.to_lowercase());
            let _ = writeln!(
                out,
                "    elemental logical function {name}(a, b)\n      import :: MPI_{handle}\n      \
                 type(MPI_{handle}), intent(in) :: a, b\n    end function"
            );
        }
        out += "  end interface\n";
    }
    for prefix in ["", "P"] {
        let _ = writeln!(out, "  interface {prefix}MPI_Sizeof");
        for (ty, kinds) in [
            ("integer", &[1, 2, 4, 8, 16][..]),
            ("real", &[4, 8, 10, 16]),
            ("complex", &[4, 8, 10, 16]),
            ("logical", &[1, 2, 4, 8, 16]),
        ] {
            for kind in kinds {
                let name = format!("lariat_sizeof_{ty}_{kind}");
                let _ = writeln!(
                    out,
                    "    subroutine {prefix}{name}(x, size, ierror)\n      {ty}({kind}), dimension(..) :: x\n      \
                     integer, intent(out) :: size\n      integer, optional, intent(out) :: ierror\n    end subroutine"
                );
            }
        }
        let _ = writeln!(
            out,
            "    subroutine {prefix}lariat_sizeof_character(x, size, ierror)\n      character(len=*), dimension(..) :: x\n      \
             integer, intent(out) :: size\n      integer, optional, intent(out) :: ierror\n    end subroutine\n  end interface"
        );
        let _ = write!(
            out,
            "  interface\n    subroutine {prefix}MPI_Status_f2f08(f_status, f08_status, ierror)\n      import :: MPI_Status, MPI_STATUS_SIZE\n      \
             integer, intent(in) :: f_status(MPI_STATUS_SIZE)\n      type(MPI_Status), intent(out) :: f08_status\n      \
             integer, optional, intent(out) :: ierror\n    end subroutine\n    \
             subroutine {prefix}MPI_Status_f082f(f08_status, f_status, ierror)\n      import :: MPI_Status, MPI_STATUS_SIZE\n      \
             type(MPI_Status), intent(in) :: f08_status\n      integer, intent(out) :: f_status(MPI_STATUS_SIZE)\n      \
             integer, optional, intent(out) :: ierror\n    end subroutine\n    \
             subroutine {prefix}MPI_F_sync_reg(buf)\n      !GCC$ ATTRIBUTES NO_ARG_CHECK :: buf\n      \
             !DIR$ IGNORE_TKR buf\n      integer :: buf(*)\n    end subroutine\n  end interface\n"
        );
    }
    out += "end module mpi_lariat\n\n";
    out
}

/// What tells procedures of a generic name apart.
fn signature(function: &Function) -> Vec<String> {
    let all = roles::all(function).into_iter();
    all.map(|(parameter, role)| declaration(function, parameter, &role, Module::F08))
        .map(|text| {
            text.replace("MPI_COUNT_KIND", "8")
                .replace("MPI_ADDRESS_KIND", "8")
        })
        .map(|text| text.replace("MPI_OFFSET_KIND", "8"))
        .collect()
}

/// The name of a parameter in Fortran.
fn name(parameter: &Parameter) -> &str {
    match parameter.name.as_str() {
        "indx" => "index",
        other => other,
    }
}

/// A declaration without the name: type and attributes, ` :: `, and the shape behind the name.
fn declaration(function: &Function, parameter: &Parameter, role: &Role, module: Module) -> String {
    let name = name(parameter);
    let sections = module == Module::F08 && roles::takes_sections(function);
    let intent = |passing: &Passing| match passing {
        Passing::Value | Passing::Read | Passing::ArrayRead => ", intent(in)",
        Passing::Set | Passing::ArraySet => "",
    };
    let shape = |passing: &Passing| match passing {
        Passing::ArrayRead | Passing::ArraySet if name == "ranges" => "(3, *)",
        Passing::ArrayRead | Passing::ArraySet => "(*)",
        _ => "",
    };
    match role {
        Role::Number(number, passing) => {
            let ty = match number {
                Number::Int => "integer",
                Number::Aint => "integer(kind=MPI_ADDRESS_KIND)",
                Number::Count => "integer(kind=MPI_COUNT_KIND)",
                Number::Offset => "integer(kind=MPI_OFFSET_KIND)",
            };
            format!("{ty}{} :: {name}{}", intent(passing), shape(passing))
        }
        Role::Logical(passing) => format!("logical{} :: {name}{}", intent(passing), shape(passing)),
        Role::Handle(handle, passing) => match module {
            Module::Mpi => format!("integer{} :: {name}{}", intent(passing), shape(passing)),
            Module::F08 => format!(
                "type(MPI_{handle}){} :: {name}{}",
                intent(passing),
                shape(passing)
            ),
        },
        Role::Status(passing) => match (module, shape(passing)) {
            (Module::Mpi, "") => format!("integer{} :: {name}(MPI_STATUS_SIZE)", intent(passing)),
            (Module::Mpi, _) => format!("integer :: {name}(MPI_STATUS_SIZE, *)"),
            (Module::F08, shape) => format!("type(MPI_Status){} :: {name}{shape}", intent(passing)),
        },
        Role::Buffer { written } if sections => {
            let intent = if *written { "" } else { ", intent(in)" };
            let wait = match roles::is_nonblocking(function) {
                true => ", asynchronous",
                false => "",
            };
            format!("type(*), dimension(..){intent}{wait} :: {name}")
        }
        Role::Pointer if module == Module::F08 => format!("type(c_ptr) :: {name}"),
        // The compiler is told to compare neither type nor rank.
        Role::Buffer { .. } | Role::Pointer => {
            format!(
                "!GCC$ ATTRIBUTES NO_ARG_CHECK :: {name}\n      !DIR$ IGNORE_TKR {name}\n      integer :: {name}(*)"
            )
        }
        Role::Word(passing) => {
            let whole = parameter_is_old(function);
            let kind = if whole {
                "integer"
            } else {
                "integer(kind=MPI_ADDRESS_KIND)"
            };
            format!("{kind}{} :: {name}", intent(passing))
        }
        Role::Text => format!("character(len=*), intent(in) :: {name}"),
        Role::TextOut => format!("character(len=*) :: {name}"),
        Role::Texts { rank: 1 } => format!("character(len=*), intent(in) :: {name}(*)"),
        Role::Texts { .. } => format!("character(len=*), intent(in) :: {name}(count, *)"),
        Role::Procedure(ty) => match module {
            Module::Mpi => format!("external :: {name}"),
            Module::F08 => format!("procedure({ty}) :: {name}"),
        },
    }
}

/// Whether a function is one of MPI-1, whose attributes are default integers.
fn parameter_is_old(function: &Function) -> bool {
    function.name.starts_with("MPI_Attr_") || function.name == "MPI_Keyval_create"
}

fn interface(
    out: &mut String,
    function: &Function,
    prefix: &str,
    module: Module,
    large: Option<&Function>,
) {
    let plain = &function.name;
    let is_function = function.returns != "int";
    match module {
        Module::Mpi => {
            *out += "  interface\n";
            procedure(
                out,
                function,
                &format!("{prefix}{plain}"),
                module,
                is_function,
            );
        }
        Module::F08 => {
            let _ = writeln!(out, "  interface {prefix}{plain}");
            for function in [Some(function), large].into_iter().flatten() {
                let end = if roles::takes_sections(function) {
                    "_f08ts"
                } else {
                    "_f08"
                };
                procedure(
                    out,
                    function,
                    &format!("{prefix}{}{end}", function.name),
                    module,
                    is_function,
                );
            }
        }
    }
    *out += "  end interface\n";
}

fn procedure(out: &mut String, function: &Function, name: &str, module: Module, is_function: bool) {
    let parameters = roles::all(function);
    let mut names: Vec<&str> = parameters.iter().map(|(p, _)| self::name(p)).collect();
    if !is_function {
        names.push("ierror");
    }
    let word = if is_function {
        "function"
    } else {
        "subroutine"
    };
    let mut list = String::new();
    for (place, one) in names.iter().enumerate() {
        let comma = if place == 0 { "" } else { ", " };
        let cut = if place % 4 == 3 { " &\n        " } else { "" };
        let _ = write!(list, "{comma}{cut}{one}");
    }
    let sections = module == Module::F08 && roles::takes_sections(function);
    let bind = match sections {
        true => format!(" &\n        bind(C, name=\"{}_\")", name.to_lowercase()),
        false => String::new(),
    };
    let _ = writeln!(out, "    {word} {name}({list}){bind}");
    let _ = writeln!(out, "      import\n      implicit none");
    for (parameter, role) in &parameters {
        let _ = writeln!(
            out,
            "      {}",
            declaration(function, parameter, role, module)
        );
    }
    match (is_function, module) {
        (true, _) if function.returns == "double" => {
            let _ = writeln!(out, "      double precision :: {name}");
        }
        (true, _) => {
            let _ = writeln!(out, "      integer(kind=MPI_ADDRESS_KIND) :: {name}");
        }
        (false, Module::Mpi) => *out += "      integer, intent(out) :: ierror\n",
        (false, Module::F08) => *out += "      integer, optional, intent(out) :: ierror\n",
    }
    let _ = writeln!(out, "    end {word}");
}

/// The interfaces of the program's own functions (MPI 5.0, section 19.1 and the sections of each).
const CALLBACKS: &str = include_str!("callbacks.f90");
