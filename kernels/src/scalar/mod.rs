//! The plain versions: what each kernel means, written to be read. The tests hold the versions in use against them.

pub mod char_class;
pub mod encoded;
pub mod english_entropy;
pub mod entropy;
pub mod exact_sum;
pub mod order_statistics;
pub mod skipgram;
