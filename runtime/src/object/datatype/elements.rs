//! How many elements, whole or partial, a number of received bytes is
//! (MPI 5.0, sections 3.2.5 and 5.1.11).

use super::definition::Datatype;
use super::element::Element;
use super::form::Form;

impl Datatype {
    /// What `MPI_Get_count` answers for `bytes` received bytes; `None` is
    /// `MPI_UNDEFINED`.
    #[inline]
    #[must_use]
    pub fn count(&self, bytes: usize) -> Option<usize> {
        match self.size() {
            0 => (bytes == 0).then_some(0),
            size => bytes.is_multiple_of(size).then_some(bytes / size),
        }
    }

    /// What `MPI_Get_elements` answers: basic elements, those of a last and
    /// partial element included. `None` is `MPI_UNDEFINED`: a basic element is
    /// cut.
    #[must_use]
    pub fn elements(&self, bytes: usize) -> Option<usize> {
        let per_element = self.signature().elements;
        match self.size() {
            0 => (bytes == 0).then_some(0),
            size => (bytes / size)
                .checked_mul(per_element)?
                .checked_add(self.partial(bytes % size)?),
        }
    }

    /// The basic elements in the first `bytes` bytes of one element.
    fn partial(&self, mut bytes: usize) -> Option<usize> {
        if bytes == 0 {
            return Some(0);
        }
        match &*self.form {
            Form::Basic(element) => match *element {
                Element::Pair { value, .. } if bytes == value.size() => Some(1),
                element => (bytes == element.size()).then(|| element.parts()),
            },
            Form::Loop { child, .. } | Form::Indexed { child, .. } => child.elements(bytes),
            Form::Struct { blocks, children } => {
                let mut sum = 0;
                for (block, child) in blocks.iter().zip(children) {
                    let here = child.size() * block.len;
                    if bytes < here {
                        return Some(sum + child.elements(bytes)?);
                    }
                    sum += child.signature().elements * block.len;
                    bytes -= here;
                }
                Some(sum)
            }
        }
    }

    /// The inverse (`MPI_Status_set_elements`): the bytes that `elements` basic
    /// elements take, counted from the beginning of an element. `None` if the
    /// type has none, or the bytes do not fit.
    #[must_use]
    pub fn bytes_of_elements(&self, elements: usize) -> Option<usize> {
        if elements == 0 {
            return Some(0);
        }
        let per_element = self.signature().elements;
        if per_element == 0 {
            return None;
        }
        let whole = self.bytes(elements / per_element)?;
        whole.checked_add(self.first(elements % per_element)?)
    }

    /// The bytes of the first `elements` basic elements of one element.
    fn first(&self, mut elements: usize) -> Option<usize> {
        if elements == 0 {
            return Some(0);
        }
        match &*self.form {
            Form::Basic(element) => match *element {
                Element::Pair { value, .. } if elements == 1 => Some(value.size()),
                element => Some(element.size()),
            },
            Form::Loop { child, .. } | Form::Indexed { child, .. } => {
                child.bytes_of_elements(elements)
            }
            Form::Struct { blocks, children } => {
                let mut sum = 0;
                for (block, child) in blocks.iter().zip(children) {
                    let here = child.signature().elements * block.len;
                    if elements < here {
                        return Some(sum + child.bytes_of_elements(elements)?);
                    }
                    sum += child.size() * block.len;
                    elements -= here;
                }
                Some(sum)
            }
        }
    }
}
