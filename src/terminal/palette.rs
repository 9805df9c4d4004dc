//! Colours of a terminal.

use std::env;
use std::io::IsTerminal;

/// Colours, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    is_coloured: bool,
}

/// Meaning of a text that has a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Needs attention at once.
    Alarm,
    /// Needs attention.
    Warning,
    /// Deserves a look.
    Notice,
    /// Stands out, without a colour.
    Strong,
    /// Stays in the background.
    Faint,
}

impl Palette {
    /// Colours if `wanted`; without a wish, on a terminal unless `NO_COLOR` is set.
    pub fn new(wanted: Option<bool>, stream: &impl IsTerminal) -> Self {
        let unwanted = || env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Palette { is_coloured: wanted.unwrap_or_else(|| stream.is_terminal() && !unwanted()) }
    }

    /// True if texts get colours.
    pub fn is_coloured(self) -> bool {
        self.is_coloured
    }

    /// Text in a colour. It must hold no control characters.
    pub fn paint(self, colour: Colour, text: &str) -> String {
        if !self.is_coloured || text.is_empty() {
            return text.to_owned();
        }
        let code = match colour {
            Colour::Alarm => "1;31",
            Colour::Warning => "31",
            Colour::Notice => "33",
            Colour::Strong => "1",
            Colour::Faint => "2",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_palette_with_colours_paints() {
        let file = tempfile::tempfile().unwrap();
        let paint = |wanted| Palette::new(wanted, &file).paint(Colour::Warning, "x");
        assert_eq!([paint(None), paint(Some(false)), paint(Some(true))], ["x", "x", "\u{1b}[31mx\u{1b}[0m"]);
    }
}
