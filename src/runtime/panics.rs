//! Panics of libraries, which must cost no more than the input that caused them.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// True while a panic of this thread is somebody else's fault.
    static IS_CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` of a library on hostile input. What it used must be dropped if it panics.
///
/// # Errors
/// The message of the panic, which is not printed.
pub fn contained<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_CONTAINED.get() {
                usual(panic);
            }
        }));
    });
    let was_contained = IS_CONTAINED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    IS_CONTAINED.set(was_contained);
    result.map_err(message)
}

fn message(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason is known").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        assert_eq!(contained(|| 7), Ok(7));
        let number = 3;
        assert_eq!(contained(|| panic!("bad {number}")), Err::<(), _>("bad 3".to_owned()));
        assert_eq!(contained(|| panic!("bad")), Err::<(), _>("bad".to_owned()));
        assert!(!IS_CONTAINED.get());
    }
}
