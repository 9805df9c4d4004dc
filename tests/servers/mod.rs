//! The program against real servers: OpenSearch 3 and Elasticsearch 7, 8 and 9, started from their
//! published jars. `README.md` beside this file lists the requirements.
//!
//! `kind` lists the servers, `java` finds what runs them, `home` installs them, `node` starts them
//! and talks to them, and `bench` is the place of one test on one of them. `front` stands in front
//! of a server, `fault` breaks its answers, and `levels` fills indices of every kind. The other
//! modules are the tests, by topic.

/// Tests that call a check with each kind of server.
macro_rules! on_every_server {
    ($check:path) => {
        #[test]
        fn on_opensearch_3() {
            $check($crate::servers::kind::Kind::OpenSearch3);
        }

        #[test]
        fn on_elasticsearch_7() {
            $check($crate::servers::kind::Kind::Elasticsearch7);
        }

        #[test]
        fn on_elasticsearch_8() {
            $check($crate::servers::kind::Kind::Elasticsearch8);
        }

        #[test]
        fn on_elasticsearch_9() {
            $check($crate::servers::kind::Kind::Elasticsearch9);
        }
    };
}

mod bench;
mod front;
mod fault;
mod home;
mod java;
mod kind;
mod levels;
mod node;

mod bundled;
mod corpus;
mod explaining;
mod exploring;
mod facts;
mod faults;
mod imported;
mod multi_fields;
mod notices;
mod outages;
mod parity;
mod places;
mod reading;
mod telling;
mod times;
mod tls;
mod travelling;
mod upkeep;
mod usability;
mod writing;
