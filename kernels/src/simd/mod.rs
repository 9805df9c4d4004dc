//! The versions in use, each under the file name of its oracle in [`crate::scalar`].
//!
//! They work on the bytes of UTF-8 text and need no validity check: bytes that are not UTF-8 give a meaningless number,
//! never a panic. `wide` picks the instruction set when the package is compiled, so everything here is safe code, except for
//! `skipgram`: its matrix products pick one at run time.

pub mod char_class;
pub mod encoded;
pub mod english_entropy;
pub mod entropy;
pub mod exact_sum;
pub(crate) mod skipgram;
