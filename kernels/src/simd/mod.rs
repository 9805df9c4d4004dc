//! Production versions, each under the file name of its oracle in [`crate::scalar`].
//!
//! They work on the bytes of UTF-8 text without a validity check: invalid UTF-8 gives a meaningless
//! number, never a panic. `wide` picks the instruction set at compile time, so everything here is
//! safe code. The exceptions pick it at run time: `json`, and the matrix products of `skipgram`.

pub mod char_class;
pub mod encoded;
pub mod english_entropy;
pub mod entropy;
pub mod exact_sum;
pub mod json;
pub(crate) mod skipgram;
