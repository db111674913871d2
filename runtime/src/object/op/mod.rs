//! Reduction operations (MPI 5.0, section 6.9): what `MPI_Op` handles name.
//!
//! `kernel` has the loops for the predefined operations and types, `locate` those for
//! pairs without a name, `number` the formats that the machine's arithmetic lacks. A [`Reducer`] is an operation
//! bound to a datatype, checked once and then applied many times.

mod kernel;
mod locate;
mod number;

pub use kernel::Kernel;

use locate::Locate;

use crate::error::{Class, Error, Result};
use crate::fail;
use crate::handle::{Kind, Raw, Table};
use crate::lock::{self, Local};
use crate::object::datatype::{self, Datatype, Element};
use std::ffi::{c_int, c_void};
use std::sync::Arc;

/// `MPI_OP_NULL`.
pub const NULL: Raw = 0x20;

/// A predefined operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are the standard's")]
pub enum Predefined {
    Sum,
    Min,
    Max,
    Prod,
    Band,
    Bor,
    Bxor,
    Land,
    Lor,
    Lxor,
    Minloc,
    Maxloc,
    Replace,
    NoOp,
}

use Predefined::{
    Band, Bor, Bxor, Land, Lor, Lxor, Max, Maxloc, Min, Minloc, NoOp, Prod, Replace, Sum,
};

const PREDEFINED: [(Raw, Predefined, &str); 14] = [
    (0x21, Sum, "MPI_SUM"),
    (0x22, Min, "MPI_MIN"),
    (0x23, Max, "MPI_MAX"),
    (0x24, Prod, "MPI_PROD"),
    (0x28, Band, "MPI_BAND"),
    (0x29, Bor, "MPI_BOR"),
    (0x2a, Bxor, "MPI_BXOR"),
    (0x30, Land, "MPI_LAND"),
    (0x31, Lor, "MPI_LOR"),
    (0x32, Lxor, "MPI_LXOR"),
    (0x38, Minloc, "MPI_MINLOC"),
    (0x39, Maxloc, "MPI_MAXLOC"),
    (0x3c, Replace, "MPI_REPLACE"),
    (0x3d, NoOp, "MPI_NO_OP"),
];

impl Predefined {
    /// The standard's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        PREDEFINED
            .iter()
            .find(|entry| entry.1 == self)
            .map_or("an operation", |entry| entry.2)
    }

    /// Its loop for elements of this kind, if it is a loop over single elements.
    #[inline]
    #[must_use]
    pub fn kernel(self, element: Element) -> Option<Kernel> {
        kernel::find(self, element)
    }

    /// Its handle, which is the same in every process.
    #[must_use]
    pub fn handle(self) -> Raw {
        let entry = PREDEFINED.iter().find(|entry| entry.1 == self);
        entry.map_or(NULL, |entry| entry.0)
    }
}

/// `MPI_User_function`: `inout[i] = in[i] ∘ inout[i]`.
pub type UserFunction = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_int, *mut Raw);
/// `MPI_User_function_c`.
pub type LargeUserFunction = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut i64, *mut Raw);

/// The function of a library over this one (`abi::over`): its context, in, inout, length,
/// datatype.
pub type OverFunction = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_void, i64, Raw);

/// A user's function, by the width of its count.
#[derive(Clone, Copy, Debug)]
pub enum Function {
    /// Of `MPI_Op_create`.
    Small(UserFunction),
    /// Of `MPI_Op_create_c`.
    Large(LargeUserFunction),
    /// Of a library over this one: the function, the address that is its context, and the
    /// largest length that it takes.
    Over(OverFunction, usize, usize),
}

/// An operation of the user.
#[derive(Debug)]
pub struct User {
    function: Function,
    commutes: bool,
}

/// What a handle names.
#[derive(Clone, Debug)]
pub enum Op {
    /// One of the standard's.
    Predefined(Predefined),
    /// One of `MPI_Op_create`.
    User(Arc<User>),
}

static USER: Local<Table<Arc<User>>> = Local::new(Table::new(Kind::Op));

/// Names an operation of the user; `commutes` says whether operands may change
/// places.
///
/// # Errors
/// No more handles.
pub fn create(function: Function, commutes: bool) -> Result<Raw> {
    USER.with(|table| table.insert(Arc::new(User { function, commutes })))
}

/// Frees the handle of a user's operation; what is under way keeps it.
///
/// # Errors
/// `raw` is predefined, null, stale, or no operation.
pub fn free(raw: Raw) -> Result<()> {
    if let Op::Predefined(op) = get(raw)? {
        fail!(OP, "op {} is predefined and cannot be freed", op.name());
    }
    USER.with(|table| table.remove(raw));
    Ok(())
}

/// The operation that `raw` names.
///
/// # Errors
/// `raw` is null, stale, or no operation.
#[inline]
pub fn get(raw: Raw) -> Result<Op> {
    if let Some(entry) = PREDEFINED.iter().find(|entry| entry.0 == raw) {
        return Ok(Op::Predefined(entry.1));
    }
    if let Some(user) = USER.with(|table| table.find(raw).cloned()) {
        return Ok(Op::User(user));
    }
    if raw == NULL {
        fail!(OP, "op is MPI_OP_NULL");
    }
    fail!(
        OP,
        "op {raw:#x} is not a handle of an operation, or was freed"
    )
}

/// The whole handle that the low 32 bits of one name.
#[must_use]
pub fn from_low(low: u32) -> Option<Raw> {
    USER.with(|table| table.from_low(low))
}

impl Op {
    /// Whether operands may change places.
    #[must_use]
    pub fn commutes(&self) -> bool {
        match self {
            Op::Predefined(op) => !matches!(op, Replace | NoOp),
            Op::User(user) => user.commutes,
        }
    }

    /// The standard's name, or what it is.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Op::Predefined(op) => op.name(),
            Op::User(_) => "a user-defined operation",
        }
    }

    /// Binds the operation to a datatype, for a reduction. A user's function will
    /// be told `handle`.
    ///
    /// # Errors
    /// Class OP: it is not defined for the type.
    pub fn reducer(&self, datatype: &Arc<Datatype>, handle: Raw) -> Result<Reducer> {
        if let Op::Predefined(op @ (Replace | NoOp)) = self {
            fail!(
                OP,
                "op {} is for accumulation in windows only, not for reductions",
                op.name()
            );
        }
        self.accumulator(datatype, handle)
    }

    /// As [`Op::reducer`], for accumulation in windows, which has two operations
    /// more (`MPI_REPLACE`, `MPI_NO_OP`).
    ///
    /// # Errors
    /// Class OP: it is not defined for the type.
    pub fn accumulator(&self, datatype: &Arc<Datatype>, handle: Raw) -> Result<Reducer> {
        let implementation = match self {
            Op::User(user) => Implementation::User(Box::new(UserReduction {
                user: Arc::clone(user),
                datatype: Arc::clone(datatype),
                handle,
            })),
            Op::Predefined(op) => {
                let kernel = |element| {
                    let kernel = kernel::find(*op, element).map(Implementation::Kernel);
                    let locate = || locate::find(*op, element, datatype.extent());
                    kernel
                        .or_else(|| locate().map(|locate| Implementation::Locate(Box::new(locate))))
                };
                match datatype.element().map(kernel) {
                    Some(Some(found)) => found,
                    Some(None) => return Err(undefined(*op, datatype)),
                    None => {
                        return Err(Error::new(
                            Class::OP,
                            format!(
                                "op {} is defined for predefined datatypes only, not for {}: \
                                 make an operation with MPI_Op_create",
                                op.name(),
                                label(datatype)
                            ),
                        ));
                    }
                }
            }
        };
        let number = match self {
            Op::Predefined(op) => *op as u8 + 1,
            Op::User(_) => 0,
        };
        Ok(Reducer {
            implementation,
            commutes: self.commutes(),
            number,
        })
    }
}

/// What to call a datatype in a message.
fn label(datatype: &Datatype) -> String {
    let name = datatype.name();
    match name.is_empty() {
        true => format!("a derived one of {} bytes", datatype.size()),
        false => String::from_utf8_lossy(&name).into_owned(),
    }
}

#[cold]
fn undefined(op: Predefined, datatype: &Datatype) -> Error {
    let wanted = match op {
        Sum | Prod => "integers, floating point and complex numbers",
        Min | Max => "integers and floating point numbers",
        Band | Bor | Bxor => "integers and MPI_BYTE",
        Land | Lor | Lxor => "C integers and logical values",
        Minloc | Maxloc => "pairs such as MPI_DOUBLE_INT",
        Replace | NoOp => "all of them",
    };
    Error::new(
        Class::OP,
        format!(
            "op {} is not defined for datatype {}: it takes {wanted}",
            op.name(),
            label(datatype)
        ),
    )
}

/// How a reducer computes.
#[derive(Clone, Debug)]
enum Implementation {
    Kernel(Kernel),
    Locate(Box<Locate>),
    User(Box<UserReduction>),
}

/// A user's operation with the datatype that it is told.
#[derive(Clone, Debug)]
struct UserReduction {
    user: Arc<User>,
    datatype: Arc<Datatype>,
    handle: Raw,
}

impl UserReduction {
    /// Calls `f` with a handle of the datatype: the user's, or if that was freed
    /// since, another of an equal type.
    fn with_handle(&self, f: impl FnOnce(Raw)) {
        let good = datatype::share(self.handle).is_ok_and(|d| Arc::ptr_eq(&d, &self.datatype));
        if good {
            return f(self.handle);
        }
        let lent = datatype::handle_of(&self.datatype);
        f(*lent.as_ref().unwrap_or(&self.handle));
        if let Ok(lent) = lent {
            // Refused for predefined types, whose handle is always good.
            let _ = datatype::free(lent);
        }
    }
}

/// An operation for elements of one datatype.
#[derive(Clone, Debug)]
pub struct Reducer {
    implementation: Implementation,
    commutes: bool,
    /// Which of the standard's operations, by its place among them from 1 on; 0: one
    /// of the user's.
    number: u8,
}

impl Reducer {
    /// A reducer of a test's own.
    #[cfg(test)]
    pub(crate) fn plain(kernel: Kernel, commutes: bool) -> Reducer {
        Reducer {
            implementation: Implementation::Kernel(kernel),
            commutes,
            number: 0,
        }
    }

    /// Whether operands may change places.
    #[inline]
    #[must_use]
    pub fn commutes(&self) -> bool {
        self.commutes
    }

    /// Which of the standard's operations it is, the same in every process; 0: one of
    /// the user's. Below 32.
    #[inline]
    #[must_use]
    pub fn number(&self) -> u8 {
        self.number
    }

    /// The standard's operation with this [`Reducer::number`].
    #[must_use]
    pub fn name_of(number: u8) -> &'static str {
        let op = PREDEFINED.iter().find(|entry| entry.1 as u8 + 1 == number);
        op.map_or("an operation of the user's", |entry| entry.2)
    }

    /// `inout[i] = input[i] ∘ inout[i]` for `count` elements of the datatype. A
    /// user's function is called with the library lock given up.
    ///
    /// # Safety
    /// Both addresses have `count` elements as the datatype lays them out, those
    /// of `inout` writable, and do not overlap.
    #[inline]
    pub unsafe fn apply(&self, input: *const u8, inout: *mut u8, count: usize) {
        match &self.implementation {
            // SAFETY: the caller's promise; the kernel was chosen by the datatype.
            Implementation::Kernel(kernel) => unsafe { kernel(input, inout, inout, count) },
            // SAFETY: as above.
            Implementation::Locate(locate) => unsafe { locate.apply(input, inout, inout, count) },
            Implementation::User(bound) => bound.with_handle(|handle| {
                // SAFETY: the caller's promise.
                unsafe { call(bound, handle, input, inout, count) }
            }),
        }
    }
}

impl Reducer {
    /// Whether the library computes it, and no function of the user's.
    #[inline]
    #[must_use]
    pub fn is_own(&self) -> bool {
        !matches!(self.implementation, Implementation::User(_))
    }

    /// `out[i] = left[i] ∘ right[i]` for `count` elements, of an operation that
    /// [is the library's own](Reducer::is_own); of any other nothing.
    ///
    /// # Safety
    /// All addresses have `count` elements as the datatype lays them out, those of `out`
    /// writable; it may be an operand, and lies apart from them otherwise.
    #[inline]
    pub unsafe fn combine(&self, left: *const u8, right: *const u8, out: *mut u8, count: usize) {
        match &self.implementation {
            // SAFETY: the caller's promise; the kernel was chosen by the datatype.
            Implementation::Kernel(kernel) => unsafe { kernel(left, right, out, count) },
            // SAFETY: as above.
            Implementation::Locate(locate) => unsafe { locate.apply(left, right, out, count) },
            Implementation::User(_) => debug_assert!(false, "a function of the user's"),
        }
    }
}

/// Calls a user's function, in pieces that its count can say.
///
/// # Safety
/// As [`Reducer::apply`]; the function keeps to its contract (the user's promise
/// in `MPI_Op_create`).
unsafe fn call(bound: &UserReduction, handle: Raw, input: *const u8, inout: *mut u8, count: usize) {
    let function = bound.user.function;
    let most = match function {
        Function::Small(_) => c_int::MAX as usize,
        Function::Large(_) => usize::MAX >> 1,
        Function::Over(_, _, most) => most,
    };
    let mut done = 0;
    while done < count {
        let n = (count - done).min(most);
        let offset = bound.datatype.extent().wrapping_mul(done.cast_signed());
        let a: *mut c_void = input.wrapping_offset(offset).cast_mut().cast();
        let b: *mut c_void = inout.wrapping_offset(offset).cast();
        let mut raw = handle;
        lock::released(|| match function {
            Function::Small(f) => {
                let mut len = c_int::try_from(n).unwrap_or(c_int::MAX); // at most `most`
                // SAFETY: the caller's promise.
                unsafe { f(a, b, &raw mut len, &raw mut raw) }
            }
            Function::Large(f) => {
                let mut len = i64::try_from(n).unwrap_or(i64::MAX); // at most `most`
                // SAFETY: the caller's promise.
                unsafe { f(a, b, &raw mut len, &raw mut raw) }
            }
            Function::Over(f, context, _) => {
                let len = i64::try_from(n).unwrap_or(i64::MAX); // at most `most`
                let context = std::ptr::with_exposed_provenance_mut(context);
                // SAFETY: the caller's promise; the context belongs to the function.
                unsafe { f(context, a, b, len, raw) }
            }
        });
        done += n;
    }
}

/// How many there are that the program has a handle of.
#[must_use]
pub fn count() -> usize {
    USER.with(|table| table.len())
}
