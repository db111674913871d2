//! Accumulation (MPI 5.0, section 12.3.4): atomic element by element, by a guard
//! for each target's part, under which all of an operation is carried out.

use super::access::{self, AllowedEpochs, Place, Target};
use super::ask::Ask;
use super::control;
use super::direct::is_compared;
use super::elements::{Elements, Scratch, copy};
use super::far::{self, Accumulation, Unanswered};
use super::transfer::{at_target, same_size};
use super::update::Update;
use crate::error::{Class, Error, Result};
use crate::fail;
use crate::object::datatype::{self, Datatype, Element};
use crate::object::op::{Op, Predefined, Reducer};
use crate::object::win::Win;
use crate::pml::Buffer;
use std::sync::Arc;

/// `MPI_Accumulate`, and with a buffer for what was there before (`result`)
/// `MPI_Get_accumulate` and `MPI_Fetch_and_op`. Without `origin` (which
/// `MPI_NO_OP` does not look at) the target stays as it is.
///
/// # Safety
/// The buffers are good until the access is over, and apart from the target's memory.
///
/// # Errors
/// As [`access::resolve`]; different sizes; types that are not all of one
/// predefined one; an operation that is not predefined, or not for this type.
pub unsafe fn accumulate(
    win: &Win,
    origin: Option<&Buffer<'_>>,
    result: Option<&Buffer<'_>>,
    target: &Target<'_>,
    op: &Op,
    within: AllowedEpochs,
) -> Result<Unanswered> {
    let found = access::resolve(win, target, within)?;
    let at = match found {
        Place::Here(at) => at,
        Place::There(_) => std::ptr::null_mut(),
    };
    let place = at_target(at, target);
    let Op::Predefined(op) = op else {
        fail!(
            OP,
            "op is {}, but only predefined operations accumulate",
            op.name()
        );
    };
    let element = element_of(target.datatype, "target_datatype")?;
    let origin = origin
        .filter(|_| *op != Predefined::NoOp)
        .map(|origin| operand(origin, element, target, "origin_datatype"));
    let result = result.map(|result| operand(result, element, target, "result_datatype"));
    let (origin, result) = (origin.transpose()?, result.transpose()?);
    if place.len() == Some(0) {
        return Ok(Unanswered::default());
    }
    if let Place::There(there) = found {
        let plain = plain(element)?;
        let what = Accumulation {
            update: Update::new(*op, &plain)?,
            ask: Ask::Accumulate {
                op: op.handle(),
                datatype: datatype::handle_of(&plain)?,
                fetch: result.is_some(),
            },
            size: element.size(),
            operand: origin,
            result,
        };
        // SAFETY: the caller's buffers.
        return unsafe { far::accumulate(win, &there, &what, &place) };
    }
    let change = match (op, origin) {
        (Predefined::NoOp, _) | (_, None) => None,
        (Predefined::Replace, Some(origin)) => Some(Change::Replace(origin)),
        (op, Some(origin)) => Some(Change::prepare(*op, &origin, &place, element)?),
    };
    control::of(win).guarded(target.rank, || {
        if let Some(result) = &result {
            // SAFETY: the target's elements lie inside its part; the caller's buffer.
            unsafe { copy(&place, result) };
        }
        if let Some(change) = change {
            // SAFETY: as above; the guard keeps other accumulations away.
            unsafe { change.apply(&place) };
        }
    });
    win.stored.set(true);
    Ok(Unanswered::default())
}

/// `MPI_Compare_and_swap`.
///
/// # Safety
/// `origin` and `compare` are readable, `result` is writable until the access is over:
/// one element each.
///
/// # Errors
/// As [`access::resolve`], or a type that is not compared so.
pub unsafe fn compare_and_swap(
    win: &Win,
    origin: *const u8,
    compare: *const u8,
    result: *mut u8,
    target: &Target<'_>,
) -> Result<()> {
    let found = access::resolve(win, target, AllowedEpochs::Any)?;
    let len = match target.datatype.element() {
        Some(element) if is_compared(element) => element.size(),
        _ => fail!(
            TYPE,
            "MPI_Compare_and_swap takes an integer, character, logical value or byte, not {}",
            label(target.datatype)
        ),
    };
    let one = |addr: *const u8| Elements {
        addr: addr.cast_mut(),
        count: 1,
        datatype: target.datatype,
    };
    let at = match found {
        Place::Here(at) => at,
        Place::There(there) => {
            // SAFETY: the caller's elements.
            let bytes = |addr| unsafe { std::slice::from_raw_parts(addr, len) };
            let operands = (bytes(origin), bytes(compare));
            let unanswered = far::compare_and_swap(win, &there, operands, &one(result))?;
            drop(unanswered); // completed by the epoch
            return Ok(());
        }
    };
    control::of(win).guarded(target.rank, || {
        let (mut there, mut wanted) = ([0u8; 16], [0u8; 16]); // no such type is longer
        // SAFETY: the caller's elements; the target's lies inside its part.
        unsafe {
            std::ptr::copy(at, there.as_mut_ptr(), len);
            std::ptr::copy(compare, wanted.as_mut_ptr(), len);
            if there == wanted {
                copy(&one(origin), &one(at));
            }
            std::ptr::copy(there.as_ptr(), result, len);
        }
    });
    win.stored.set(true);
    Ok(())
}

/// What becomes of the target's elements.
enum Change<'a> {
    Replace(Elements<'a>),
    /// The operation on elements that lie as its type lays them out.
    Reduce {
        reducer: Reducer,
        operand: *const u8,
        count: usize,
        /// Scratch for the operand, where it lies otherwise.
        _room: Option<Scratch>,
        /// Scratch for the target's elements, where they lie otherwise.
        work: Option<Scratch>,
        plain: Arc<Datatype>,
    },
}

impl<'a> Change<'a> {
    fn prepare(
        op: Predefined,
        origin: &Elements<'a>,
        place: &Elements<'a>,
        element: Element,
    ) -> Result<Change<'a>> {
        let given = [origin.datatype, place.datatype];
        let given = given.into_iter().find(|given| given.element().is_some());
        let plain = given.map_or_else(|| plain(element), |given| Ok(given.clone()))?;
        let reducer = Op::Predefined(op).accumulator(&plain, 0)?;
        let count = place.len().unwrap_or(0) / element.size();
        let room = || Scratch::new(&plain, count);
        let (operand, held) = match as_plain(origin, element, &plain) {
            Some(operand) => (operand.cast_const(), None),
            None => {
                let mut room = room()?;
                let elements = room.elements(&plain, count);
                // SAFETY: the caller's buffer is readable; the room is as long as
                // so many elements.
                unsafe { copy(origin, &elements) };
                (elements.addr.cast_const(), Some(room))
            }
        };
        let work = match as_plain(place, element, &plain) {
            Some(_) => None,
            None => Some(room()?),
        };
        Ok(Change::Reduce {
            reducer,
            operand,
            count,
            _room: held,
            work,
            plain,
        })
    }

    /// # Safety
    /// `place` is readable and writable, and nobody else accumulates there.
    unsafe fn apply(self, place: &Elements<'_>) {
        // SAFETY: the caller's promise. The reducer's elements are those of the
        // type that it was made for, at the operand and at the target, or in room
        // for as many.
        unsafe {
            match self {
                Change::Replace(origin) => copy(&origin, place),
                Change::Reduce {
                    reducer,
                    operand,
                    count,
                    work,
                    plain,
                    ..
                } => match work {
                    None => {
                        let low = match place.datatype.element() {
                            Some(_) => 0,
                            None => place.datatype.single_run(place.count).unwrap_or(0),
                        };
                        reducer.apply(operand, place.addr.wrapping_offset(low), count);
                    }
                    Some(mut work) => {
                        let work = work.elements(&plain, count);
                        copy(place, &work);
                        reducer.apply(operand, work.addr, count);
                        copy(&work, place);
                    }
                },
            }
        }
    }
}

/// Where elements begin, if they lie as the predefined type lays them out.
fn as_plain(elements: &Elements<'_>, element: Element, plain: &Datatype) -> Option<*mut u8> {
    if elements.datatype.element() == Some(element) {
        return Some(elements.addr);
    }
    let low = elements.datatype.single_run(elements.count)?;
    plain
        .is_contiguous()
        .then(|| elements.addr.wrapping_offset(low))
}

/// The predefined type that all of a datatype is made of.
fn element_of(datatype: &Datatype, what: &str) -> Result<Element> {
    match datatype.uniform() {
        Some(element) => Ok(element),
        None => fail!(
            TYPE,
            "{what} is {}, but accumulation takes one that is made of one predefined datatype",
            label(datatype)
        ),
    }
}

/// A buffer at the origin, checked against the target.
fn operand<'a>(
    buffer: &Buffer<'a>,
    element: Element,
    target: &Target<'_>,
    what: &str,
) -> Result<Elements<'a>> {
    let elements = Elements::of(buffer);
    if element_of(elements.datatype, what)? != element {
        fail!(
            TYPE,
            "{what} is {}, and target_datatype is {}: they must be made of the same predefined datatype",
            label(elements.datatype),
            label(target.datatype)
        );
    }
    same_size(&elements, target)?;
    Ok(elements)
}

/// A predefined datatype of this kind.
fn plain(element: Element) -> Result<Arc<Datatype>> {
    datatype::of_element(element).ok_or_else(|| {
        let text = format!("no predefined datatype is of kind {element:?}");
        Error::new(Class::INTERN, text)
    })
}

fn label(datatype: &Datatype) -> String {
    let name = datatype.name();
    match name.is_empty() {
        true => format!("a derived datatype of {} bytes", datatype.size()),
        false => String::from_utf8_lossy(&name).into_owned(),
    }
}
