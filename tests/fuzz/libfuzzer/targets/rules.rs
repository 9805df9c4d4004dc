//! See `targets.rs` of the folder above.
#![no_main]

ee_outliers_fuzz::target!("rules");
