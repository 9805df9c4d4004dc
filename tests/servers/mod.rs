//! The program against real servers: OpenSearch 3 and Elasticsearch 7, 8 and 9, started from their published jars. `README.md` beside
//! this file says what that needs.
//!
//! `kind` says which servers there are, `java` finds what runs them, `home` makes them ready, `node` starts them and talks to them, and
//! `bench` is one test's place on one of them. `front` with its `certificates`
//! stands before a server, `fault` breaks its answers, and `levels` fills places of every
//! kind. The other modules are the tests, by topic.

mod bench;
mod certificates;
mod front;
mod fault;
mod home;
mod java;
mod kind;
mod levels;
mod node;

mod corpus;
mod faults;
mod parity;
mod places;
mod reading;
mod tls;
mod upkeep;
mod writing;
