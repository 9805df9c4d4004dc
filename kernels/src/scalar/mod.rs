//! Plain versions: they define each kernel and are written to be read. Tests compare the production
//! versions with them.

pub mod char_class;
pub mod encoded;
pub mod english_entropy;
pub mod entropy;
pub mod exact_sum;
pub mod json;
pub mod order_statistics;
pub mod skipgram;
