//! Streams that can be read only once and may keep their reader waiting, such as standard input. A
//! thread of its own waits, so that a run can end meanwhile.

use std::io::{self, Cursor, Read};
use std::sync::mpsc::{Receiver, sync_channel};

use crate::runtime::Interrupt;

/// Bytes per block.
const BLOCK_BYTES: usize = 1 << 18;

/// Blocks read ahead.
const BLOCKS_AHEAD: usize = 4;

/// Stream that is read by another thread.
pub(super) struct Stream {
    blocks: Receiver<io::Result<Vec<u8>>>,
    current: Cursor<Vec<u8>>,
    interrupt: Interrupt,
}

impl Stream {
    /// Opens a stream and reads ahead; both may wait. The thread ends with the stream, or once its
    /// receiver is dropped.
    pub(super) fn start<R: Read>(
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
        interrupt: &Interrupt,
    ) -> io::Result<Self> {
        let (sender, blocks) = sync_channel(BLOCKS_AHEAD);
        std::thread::Builder::new().name("input".to_owned()).spawn(move || {
            let mut reader = match open() {
                Ok(reader) => reader,
                Err(error) => return drop(sender.send(Err(error))),
            };
            loop {
                let mut block = vec![0; BLOCK_BYTES];
                let read = match reader.read(&mut block) {
                    Ok(0) => return,
                    Ok(n) => {
                        block.truncate(n);
                        Ok(block)
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let is_last = read.is_err();
                if sender.send(read).is_err() || is_last {
                    return;
                }
            }
        })?;
        Ok(Stream { blocks, current: Cursor::default(), interrupt: interrupt.clone() })
    }

    fn next_block(&self) -> io::Result<Option<Vec<u8>>> {
        // a stream that never keeps its reader waiting may be endless
        self.interrupt.check().map_err(io::Error::other)?;
        self.interrupt.recv(&self.blocks).map_err(io::Error::other)?.transpose()
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.current.read(buffer)? {
                0 if buffer.is_empty() => return Ok(0),
                0 => match self.next_block()? {
                    Some(block) => self.current = Cursor::new(block),
                    None => return Ok(0),
                },
                n => return Ok(n),
            }
        }
    }
}
