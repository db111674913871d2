//! The transport that this library is built with. The engine is generic; what holds
//! one is not.

use crate::pml::transport::Transport;

#[cfg(not(feature = "socket-transport"))]
pub(super) use crate::pml::shm::Shm as Active;
#[cfg(feature = "socket-transport")]
pub(super) use crate::pml::socket::Socket as Active;

/// How its ranks sleep.
pub(super) type ActiveWaiter = <Active as Transport>::Waiter;
/// Its boards.
pub(super) type ActiveBoard = <Active as Transport>::Board;
/// Its bulletins.
pub(super) type ActiveBulletin = <Active as Transport>::Bulletin;
