//! Geography of events: points on earth, and where addresses are.
//!
//! 1. [`point_text`] and [`parse_point`] are the form in which points are compared.
//! 2. [`AddressDatabases`] knows places and networks of addresses, and which fields hold what of
//!    them ([`AddressFact`]). [`crate::event::FieldNames`] lets these stand in for fields that an
//!    event does not have.

mod database;
mod fact;
mod point;

pub use database::{DatabaseContents, DatabaseError};
pub use fact::{AddressDatabases, AddressFact, is_about_an_address};
pub use point::{parse_point, point_text};
