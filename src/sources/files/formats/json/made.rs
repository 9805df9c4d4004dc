//! Lines that a reader makes of other text, piece by piece, as a stream.

use std::io;

/// Lines made so far, and how many of their bytes were read.
#[derive(Default)]
pub(super) struct Made {
    pub(super) lines: Vec<u8>,
    n_read: usize,
}

/// A maker of lines.
pub(super) trait MakeLines {
    /// Its lines.
    fn made(&mut self) -> &mut Made;

    /// Makes more lines, perhaps none; false at the end of the input.
    fn advance(&mut self) -> io::Result<bool>;

    /// Copies what comes next into `buffer`, as [`io::Read`] does.
    fn read_made(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.made().n_read == self.made().lines.len() {
            let made = self.made();
            made.lines.clear();
            made.n_read = 0;
            if !self.advance()? {
                return Ok(0);
            }
        }
        let Made { lines, n_read } = self.made();
        let n = buffer.len().min(lines.len() - *n_read);
        buffer[..n].copy_from_slice(&lines[*n_read..*n_read + n]);
        *n_read += n;
        Ok(n)
    }
}
