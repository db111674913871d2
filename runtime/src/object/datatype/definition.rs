//! What a datatype consists of, and what can be asked of it without looking at its
//! data.

use super::bounds::{Bounds, FinalBounds};
use super::element::Element;
use super::envelope::{Combiner, Envelope};
use super::form::Form;
use super::layout::Node;
use super::order::Order;
use super::signature::Signature;
use crate::error::Result;
use crate::handle::Raw;
use crate::object::attr::Attributes;
use std::cell::{Cell, RefCell};
use std::sync::{Arc, OnceLock};

/// A datatype. Immutable once built, but for the commit flag and its name.
#[derive(Debug)]
pub struct Datatype {
    size: usize,
    finished: FinalBounds,
    /// `count` elements are one run, whatever the count.
    contiguous: bool,
    /// Bytes in a run of the layout, on average.
    mean_run: usize,
    committed: Cell<bool>,
    layout: Node,
    /// See [`Datatype::order`].
    order: OnceLock<Option<Order>>,
    /// As it lies in a file of representation "external32".
    pub(super) external: OnceLock<Arc<Datatype>>,
    signature: Signature,
    pub(super) bounds: Bounds,
    /// The kind of every entry, if there is only one.
    uniform: Option<Element>,
    pub(super) form: Arc<Form>,
    pub(super) envelope: Arc<Envelope>,
    name: RefCell<Vec<u8>>,
    /// The only handle of a type that is never freed.
    pub(super) handle: Option<Raw>,
    /// What the program cached on it.
    pub attributes: Attributes,
}

// SAFETY: the cells are reached under the library lock (see `lock`), which
// orders all uses; all else is immutable.
unsafe impl Send for Datatype {}
// SAFETY: as above.
unsafe impl Sync for Datatype {}

impl Datatype {
    pub(super) fn assemble(
        form: Form,
        envelope: Envelope,
        marks: Option<(i128, i128)>,
    ) -> Result<Datatype> {
        let derived = form.derive()?;
        let bounds = Bounds {
            marks: marks.or(derived.bounds.marks),
            ..derived.bounds
        };
        let finished = bounds.finish()?;
        let contiguous = match derived.layout {
            Node::Empty => true,
            Node::Run { len, .. } => len.cast_signed() == finished.extent,
            _ => false,
        };
        Ok(Datatype {
            size: derived.size,
            finished,
            contiguous,
            mean_run: derived.size / derived.layout.runs().max(1),
            committed: Cell::new(false),
            layout: derived.layout,
            order: OnceLock::new(),
            external: OnceLock::new(),
            signature: derived.signature,
            bounds,
            uniform: derived.uniform,
            form: Arc::new(form),
            envelope: Arc::new(envelope),
            name: RefCell::new(Vec::new()),
            handle: None,
            attributes: Attributes::default(),
        })
    }

    /// A predefined type, committed.
    pub(super) fn basic(element: Element, combiner: Combiner) -> Datatype {
        let datatype = Datatype::assemble(Form::Basic(element), Envelope::new(combiner), None)
            .expect("a predefined type is at most 32 bytes long");
        datatype.committed.set(true);
        datatype
    }

    /// The same type map and commit state without name and attributes, as a new
    /// object.
    pub(super) fn twin(&self, envelope: Arc<Envelope>) -> Datatype {
        Datatype {
            size: self.size,
            finished: self.finished,
            contiguous: self.contiguous,
            mean_run: self.mean_run,
            committed: self.committed.clone(),
            layout: self.layout.clone(),
            order: self.order.clone(),
            external: self.external.clone(),
            signature: self.signature,
            bounds: self.bounds,
            uniform: self.uniform,
            form: self.form.clone(),
            envelope,
            name: RefCell::new(Vec::new()),
            handle: None,
            attributes: Attributes::default(),
        }
    }

    /// Bytes of data in one element, holes not counted (`MPI_Type_size`).
    #[inline]
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Bytes of data in `count` elements, if that fits an address.
    #[inline]
    #[must_use]
    pub fn bytes(&self, count: usize) -> Option<usize> {
        let bytes = self.size.checked_mul(count)?;
        isize::try_from(bytes).is_ok().then_some(bytes)
    }

    /// The lower bound in bytes.
    #[inline]
    #[must_use]
    pub fn lb(&self) -> isize {
        self.finished.lb
    }

    /// Bytes from one element to the next; may be negative.
    #[inline]
    #[must_use]
    pub fn extent(&self) -> isize {
        self.finished.extent
    }

    /// Where the first byte of data lies, 0 if there is none.
    #[inline]
    #[must_use]
    pub fn true_lb(&self) -> isize {
        self.finished.true_lb
    }

    /// Bytes from the first to the last byte of data, holes at the ends left
    /// out.
    #[inline]
    #[must_use]
    pub fn true_extent(&self) -> isize {
        self.finished.true_extent
    }

    /// The memory that `count` elements span: the displacement of the first byte
    /// from the address, and the bytes to the last (for temporary buffers).
    /// `None` if there is no data, or more than an address space holds.
    #[must_use]
    pub fn span(&self, count: usize) -> Option<(isize, usize)> {
        if self.size == 0 {
            return None;
        }
        let far = self
            .extent()
            .checked_mul(count.checked_sub(1)?.cast_signed())?;
        let low = self.true_lb().checked_add(far.min(0))?;
        let high = self.true_lb().checked_add(self.true_extent())?;
        let high = high.checked_add(far.max(0))?;
        Some((low, usize::try_from(high.checked_sub(low)?).ok()?))
    }

    /// Whether any number of elements are one run of memory, which then begins
    /// at [`Datatype::true_lb`].
    #[inline]
    #[must_use]
    pub fn is_contiguous(&self) -> bool {
        self.contiguous
    }

    /// Where the data of `count` elements is one run of memory: the displacement
    /// of its first byte from the address. The run's length is the data's size.
    #[inline]
    #[must_use]
    pub fn single_run(&self, count: usize) -> Option<isize> {
        let one = count <= 1 && matches!(self.layout, Node::Run { .. });
        (self.contiguous || one).then_some(self.finished.true_lb)
    }

    /// Bytes in a run of memory of one element, on average: whether scatter-gather
    /// lists of it are worth their while.
    #[inline]
    #[must_use]
    pub fn mean_run(&self) -> usize {
        self.mean_run
    }

    /// The flattened layout of one element.
    #[inline]
    #[must_use]
    pub fn layout(&self) -> &Node {
        &self.layout
    }

    /// The order of the data of one element; `None`: there is none. Found once for each type.
    #[must_use]
    pub fn order(&self) -> Option<Order> {
        *self.order.get_or_init(|| Order::of(self.layout()))
    }

    /// The order of the data of many elements.
    #[must_use]
    pub fn order_of_many(&self) -> Option<Order> {
        Some(self.order()?.repeated(2, self.extent()))
    }

    /// The kind of a predefined type; `None` for a derived one.
    #[inline]
    #[must_use]
    pub fn element(&self) -> Option<Element> {
        match *self.form {
            Form::Basic(element) => Some(element),
            _ => None,
        }
    }

    /// The kind of all basic types inside, if they are of one kind (what
    /// `MPI_Accumulate` asks of a derived type).
    #[must_use]
    pub fn uniform(&self) -> Option<Element> {
        self.uniform
    }

    /// The type signature.
    #[must_use]
    pub fn signature(&self) -> Signature {
        self.signature
    }

    /// The constructor and its arguments.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Whether the handle is a constant, or belongs to a type that the library
    /// keeps for good (Fortran kinds, value-index pairs).
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.handle.is_some()
    }

    /// Whether it may be used in communication.
    #[inline]
    #[must_use]
    pub fn is_committed(&self) -> bool {
        self.committed.get()
    }

    /// Allows use in communication (`MPI_Type_commit`).
    pub fn commit(&self) {
        self.committed.set(true);
    }

    /// The name given (`MPI_Type_set_name`), without a terminating zero.
    #[must_use]
    pub fn name(&self) -> Vec<u8> {
        self.name.borrow().clone()
    }

    /// The handle of a predefined type.
    #[inline]
    #[must_use]
    pub fn predefined_handle(&self) -> Option<Raw> {
        self.handle
    }

    /// Names it.
    pub fn set_name(&self, name: &[u8]) {
        *self.name.borrow_mut() = name.to_vec();
    }
}
