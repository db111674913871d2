//! The type map as the constructors built it: what all else is computed from,
//! and what walks that need the basic types (external32, partial elements) go
//! by. Every constructor comes down to one of four forms.

use super::bounds::{Bounds, too_large};
use super::definition::Datatype;
use super::element::Element;
use super::layout::{Builder, Node};
use super::signature::Signature;
use crate::error::Result;
use std::sync::Arc;

/// A block of an indexed or structure type, in bytes from the base.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub disp: isize,
    /// Elements of the child, one extent apart.
    pub len: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Form {
    /// A predefined type.
    Basic(Element),
    /// `count` blocks of `len` children, `stride` bytes from one to the next.
    Loop {
        disp: isize,
        count: usize,
        len: usize,
        stride: isize,
        child: Arc<Datatype>,
    },
    /// Blocks of one type.
    Indexed {
        blocks: Box<[Block]>,
        child: Arc<Datatype>,
    },
    /// Blocks of several types.
    Struct {
        blocks: Box<[Block]>,
        children: Box<[Arc<Datatype>]>,
    },
}

/// All that follows from a form.
#[derive(Debug)]
pub(super) struct Derived {
    pub bounds: Bounds,
    pub size: usize,
    pub layout: Node,
    pub signature: Signature,
    /// The kind of every entry, if there is only one.
    pub uniform: Option<Element>,
}

impl Form {
    /// A form of one copy of `child`.
    pub fn one(child: &Arc<Datatype>) -> Form {
        Form::times(1, child)
    }

    /// A form of `count` copies of `child` one after the other.
    pub fn times(count: usize, child: &Arc<Datatype>) -> Form {
        Form::Loop {
            disp: 0,
            count: 1,
            len: count,
            stride: 0,
            child: child.clone(),
        }
    }

    pub fn derive(&self) -> Result<Derived> {
        match self {
            Form::Basic(element) => Ok(basic(*element)),
            Form::Loop {
                disp,
                count,
                len,
                stride,
                child,
            } => {
                let block = Derived::block(child, *len)?;
                let size = product(block.size, *count)?;
                let bounds = block.bounds.repeated(*count, *stride as i128)?;
                let signature = block.signature.repeat(*count);
                Ok(Derived {
                    bounds: bounds.shifted(*disp as i128),
                    size,
                    layout: block.layout.repeated(*count, *stride).shifted(*disp),
                    signature,
                    uniform: block.uniform,
                })
            }
            Form::Indexed { blocks, child } => {
                let mut sum = Sum::default();
                for block in blocks {
                    sum.add(block, child)?;
                }
                sum.finish()
            }
            Form::Struct { blocks, children } => {
                let mut sum = Sum::default();
                for (block, child) in blocks.iter().zip(children) {
                    sum.add(block, child)?;
                }
                sum.finish()
            }
        }
    }
}

fn product(size: usize, count: usize) -> Result<usize> {
    size.checked_mul(count)
        .filter(|size| isize::try_from(*size).is_ok())
        .ok_or_else(|| too_large("size"))
}

fn basic(element: Element) -> Derived {
    let (size, align) = (element.size(), element.align());
    let layout = match element {
        Element::Pair { value, index } => {
            let mut builder = Builder::default();
            let place = Element::index_offset(value, index).cast_signed();
            builder.push(&Node::Run {
                disp: 0,
                len: value.size(),
            });
            builder.push(&Node::Run {
                disp: place,
                len: index.size(),
            });
            builder.finish()
        }
        _ => Node::Run { disp: 0, len: size },
    };
    let end = match element {
        Element::Pair { value, index } => Element::index_offset(value, index) + index.size(),
        _ => size,
    };
    Derived {
        bounds: Bounds {
            entries: Some((0, end as i128)),
            marks: None,
            align,
        },
        size,
        layout,
        signature: Signature::of(element),
        uniform: Some(element),
    }
}

impl Derived {
    /// Of `len` elements of `child` one after the other.
    fn block(child: &Datatype, len: usize) -> Result<Derived> {
        Ok(Derived {
            bounds: child.bounds.repeated(len, child.extent() as i128)?,
            size: product(child.size(), len)?,
            layout: child.layout().repeated(len, child.extent()),
            signature: child.signature().repeat(len),
            uniform: child.uniform(),
        })
    }
}

/// Blocks put one after the other.
#[derive(Default)]
struct Sum {
    bounds: Option<Bounds>,
    size: usize,
    builder: Builder,
    signature: Option<Signature>,
    uniform: Option<Option<Element>>,
    /// Blocks of the same child so far, whose signature is not yet added.
    pending: Option<(*const Datatype, Signature, usize)>,
    /// The last block's layout: blocks of one length follow one another.
    last: Option<(*const Datatype, usize, Bounds, Node)>,
}

impl Sum {
    fn add(&mut self, block: &Block, child: &Arc<Datatype>) -> Result<()> {
        if block.len == 0 {
            return Ok(());
        }
        let size = product(child.size(), block.len)?;
        let key = Arc::as_ptr(child);
        let fresh = !matches!(&self.last, Some((k, len, ..)) if *k == key && *len == block.len);
        if fresh {
            let bounds = child.bounds.repeated(block.len, child.extent() as i128)?;
            let layout = child.layout().repeated(block.len, child.extent());
            self.last = Some((key, block.len, bounds, layout));
        }
        if let Some((_, _, bounds, layout)) = &self.last {
            let bounds = bounds.shifted(block.disp as i128);
            let layout = layout.shifted(block.disp);
            self.bounds = Some(self.bounds.map_or(bounds, |sum| sum.joined(bounds)));
            self.builder.push(&layout);
        }
        self.size = self
            .size
            .checked_add(size)
            .filter(|size| isize::try_from(*size).is_ok())
            .ok_or_else(|| too_large("size"))?;
        match &mut self.pending {
            Some((k, _, count)) if *k == key => *count = count.wrapping_add(block.len),
            _ => {
                self.flush();
                self.pending = Some((key, child.signature(), block.len));
            }
        }
        if child.size() > 0 {
            self.uniform = Some(match self.uniform {
                None => child.uniform(),
                Some(kind) => kind.filter(|_| kind == child.uniform()),
            });
        }
        Ok(())
    }

    fn flush(&mut self) {
        if let Some((_, signature, count)) = self.pending.take() {
            let sum = self.signature.unwrap_or(Signature::EMPTY);
            self.signature = Some(sum.concat(signature.repeat(count)));
        }
    }

    fn finish(mut self) -> Result<Derived> {
        self.flush();
        Ok(Derived {
            bounds: self.bounds.unwrap_or(Bounds::EMPTY),
            size: self.size,
            layout: self.builder.finish(),
            signature: self.signature.unwrap_or(Signature::EMPTY),
            uniform: self.uniform.flatten(),
        })
    }
}
