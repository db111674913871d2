//! Cargo projects outside of the workspace.
