//! Categories (MPI 5.0, section 15.3.9): all variables and events by what they are about.
//! They do not change.

use super::variables::{Group, VARIABLES};
use super::{cvar, event};
use crate::error::Result;
use crate::fail;

/// A category.
#[derive(Debug)]
pub struct Category {
    /// Its name.
    pub name: &'static str,
    /// What is in it.
    pub meaning: &'static str,
    content: Content,
}

#[derive(Clone, Copy, Debug)]
enum Content {
    /// The other categories.
    All,
    Settings,
    Variables(Group),
}

const CATEGORIES: [Category; 5] = [
    Category {
        name: "lariat",
        meaning: "all that there is",
        content: Content::All,
    },
    Category {
        name: "lariat_settings",
        meaning: "the settings that the job was started with",
        content: Content::Settings,
    },
    Category {
        name: "lariat_messages",
        meaning: "messages, by how, how long and between whom",
        content: Content::Variables(Group::Messages),
    },
    Category {
        name: "lariat_memory",
        meaning: "memory that messages take, and memory of other ranks",
        content: Content::Variables(Group::Memory),
    },
    Category {
        name: "lariat_waits",
        meaning: "what this rank has waited for, and how",
        content: Content::Variables(Group::Waits),
    },
];

/// The number of categories.
#[must_use]
pub fn number() -> usize {
    CATEGORIES.len()
}

/// The category of this index.
///
/// # Errors
/// `MPI_T_ERR_INVALID_INDEX`.
pub fn describe(index: i32) -> Result<&'static Category> {
    super::access::check()?;
    let found = usize::try_from(index).ok().and_then(|i| CATEGORIES.get(i));
    match found {
        Some(category) => Ok(category),
        None => fail!(
            T_INVALID_INDEX,
            "there is no category {index}: they go from 0 to {}",
            CATEGORIES.len() - 1
        ),
    }
}

/// The index of the category of this name.
///
/// # Errors
/// `MPI_T_ERR_INVALID_NAME`.
pub fn find(name: &str) -> Result<i32> {
    super::access::check()?;
    match CATEGORIES.iter().zip(0..).find(|(one, _)| one.name == name) {
        Some((_, index)) => Ok(index),
        None => fail!(T_INVALID_NAME, "there is no category {name:?}"),
    }
}

impl Category {
    /// Indices of its control variables.
    #[must_use]
    pub fn cvars(&self) -> Vec<i32> {
        match self.content {
            Content::Settings => (0..).take(cvar::number()).collect(),
            _ => Vec::new(),
        }
    }

    /// Indices of its performance variables.
    #[must_use]
    pub fn pvars(&self) -> Vec<i32> {
        let Content::Variables(group) = self.content else {
            return Vec::new();
        };
        let all = (0..).zip(VARIABLES.iter());
        let in_it = all.filter(|(_, variable)| variable.group == group);
        in_it.map(|(index, _)| index).collect()
    }

    /// Indices of its event types.
    #[must_use]
    pub fn events(&self) -> Vec<i32> {
        let Content::Variables(group) = self.content else {
            return Vec::new();
        };
        let all = (0..).zip(&event::TYPES);
        let in_it = all.filter(|(_, one)| one.group == group);
        in_it.map(|(index, _)| index).collect()
    }

    /// Indices of the categories in it.
    #[must_use]
    pub fn categories(&self) -> Vec<i32> {
        match self.content {
            Content::All => (1..).take(CATEGORIES.len() - 1).collect(),
            _ => Vec::new(),
        }
    }
}
