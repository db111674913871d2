//! The runs of memory of a message, one by one: for scatter-gather lists, and
//! for copies whose other side has a layout of its own.

use super::definition::Datatype;
use super::layout::{Node, Run};

impl Datatype {
    /// The runs of memory of bytes `offset..offset + len` of the packed stream
    /// of `count` elements at `addr`, in type-map order, as address and length.
    /// Runs that touch may come separately.
    #[must_use]
    pub fn segments(
        &self,
        addr: *const u8,
        count: usize,
        offset: usize,
        len: usize,
    ) -> Segments<'_> {
        let total = self.size().saturating_mul(count);
        Segments {
            datatype: self,
            base: addr.expose_provenance(),
            at: offset,
            end: offset.saturating_add(len).min(total),
            leaf: Leaf::Done,
        }
    }
}

/// Made by [`Datatype::segments`].
#[derive(Debug)]
pub struct Segments<'a> {
    datatype: &'a Datatype,
    base: usize,
    /// The next byte of the packed stream,
    at: usize,
    /// and where to stop.
    end: usize,
    leaf: Leaf<'a>,
}

/// The rest of a leaf of the layout.
#[derive(Debug)]
enum Leaf<'a> {
    Done,
    Strided {
        at: usize,
        block: usize,
        stride: isize,
        left: usize,
        skip: usize,
    },
    Blocks {
        base: usize,
        block: usize,
        disps: &'a [isize],
        skip: usize,
    },
    Runs {
        base: usize,
        runs: &'a [Run],
        skip: usize,
    },
}

impl Leaf<'_> {
    /// The rest of a strided node from byte `offset` of its stream on.
    fn of_blocks(node: &Node, base: usize, offset: usize) -> Leaf<'static> {
        let Node::Strided {
            disp,
            block,
            stride,
            count,
        } = *node
        else {
            return Leaf::Done;
        };
        let first = offset / block;
        let far = disp.wrapping_add(stride.wrapping_mul(first.cast_signed()));
        Leaf::Strided {
            at: base.wrapping_add_signed(far),
            block,
            stride,
            left: count - first,
            skip: offset % block,
        }
    }

    #[inline]
    fn next(&mut self) -> Option<(usize, usize)> {
        match self {
            Leaf::Done => None,
            Leaf::Strided {
                at,
                block,
                stride,
                left,
                skip,
            } => {
                *left = left.checked_sub(1)?;
                let skip = std::mem::take(skip);
                let run = (at.wrapping_add(skip), *block - skip);
                *at = at.wrapping_add_signed(*stride);
                Some(run)
            }
            Leaf::Blocks {
                base,
                block,
                disps,
                skip,
            } => {
                let (first, rest) = disps.split_first()?;
                *disps = rest;
                let skip = std::mem::take(skip);
                let at = base.wrapping_add_signed(*first);
                Some((at.wrapping_add(skip), *block - skip))
            }
            Leaf::Runs { base, runs, skip } => {
                let (first, rest) = runs.split_first()?;
                *runs = rest;
                let skip = std::mem::take(skip);
                let at = base.wrapping_add_signed(first.disp);
                Some((at.wrapping_add(skip), first.len - skip))
            }
        }
    }
}

impl<'a> Segments<'a> {
    /// The leaf that byte `at` of the stream lies in, from there on.
    fn locate(&self) -> Leaf<'a> {
        let datatype = self.datatype;
        if datatype.is_contiguous() {
            let at = self.base.wrapping_add_signed(datatype.true_lb());
            return Leaf::Strided {
                at: at.wrapping_add(self.at),
                block: self.end - self.at,
                stride: 0,
                left: 1,
                skip: 0,
            };
        }
        let size = datatype.size();
        let (element, mut offset) = (self.at / size, self.at % size);
        if let Some(elements) = datatype.elements_as_blocks(self.end) {
            return Leaf::of_blocks(&elements, self.base, self.at);
        }
        let far = datatype.extent().wrapping_mul(element.cast_signed());
        let mut base = self.base.wrapping_add_signed(far);
        let mut node = datatype.layout();
        loop {
            match node {
                Node::Empty => return Leaf::Done,
                Node::Run { disp, len } => {
                    return Leaf::Strided {
                        at: base.wrapping_add_signed(*disp),
                        block: *len,
                        stride: 0,
                        left: 1,
                        skip: offset,
                    };
                }
                Node::Strided { .. } => return Leaf::of_blocks(node, base, offset),
                Node::Blocks { disp, block, disps } => {
                    return Leaf::Blocks {
                        base: base.wrapping_add_signed(*disp),
                        block: *block,
                        disps: &disps[offset / block..],
                        skip: offset % block,
                    };
                }
                Node::Runs { disp, runs, .. } => {
                    let first = runs.partition_point(|run| run.start <= offset) - 1;
                    return Leaf::Runs {
                        base: base.wrapping_add_signed(*disp),
                        runs: &runs[first..],
                        skip: offset - runs[first].start,
                    };
                }
                Node::Loop {
                    disp,
                    stride,
                    size,
                    body,
                    ..
                } => {
                    let far = stride.wrapping_mul((offset / size).cast_signed());
                    base = base.wrapping_add_signed(disp.wrapping_add(far));
                    offset %= size;
                    node = body;
                }
                Node::Sequence { disp, parts, .. } => {
                    let part = &parts[parts.partition_point(|part| part.start <= offset) - 1];
                    base = base.wrapping_add_signed(*disp);
                    offset -= part.start;
                    node = &part.node;
                }
            }
        }
    }
}

impl Iterator for Segments<'_> {
    type Item = (*mut u8, usize);

    #[inline]
    fn next(&mut self) -> Option<(*mut u8, usize)> {
        if self.at >= self.end {
            return None;
        }
        let (at, len) = match self.leaf.next() {
            Some(run) => run,
            None => {
                self.leaf = self.locate();
                self.leaf.next()?
            }
        };
        let len = len.min(self.end - self.at);
        self.at += len;
        Some((std::ptr::with_exposed_provenance_mut(at), len))
    }
}
