//! A Unix stream whose reads also take the descriptors that travel with the bytes.

use std::{
    io,
    os::fd::AsFd,
    pin::Pin,
    task::{Context, Poll, ready},
};

use aether_sandbox::sys::fdpass;
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::UnixStream,
};

use super::DescriptorQueue;

/// The stream. Descriptors are in the queue before the bytes they came with are read, so before the request is known.
#[derive(Debug)]
pub struct DescriptorSocket {
    stream: UnixStream,
    queue: DescriptorQueue,
}

impl DescriptorSocket {
    /// Around an accepted stream.
    pub const fn new(stream: UnixStream, queue: DescriptorQueue) -> Self {
        Self { stream, queue }
    }
}

impl AsyncRead for DescriptorSocket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            ready!(this.stream.poll_read_ready(cx))?;
            let mut arrived = Vec::new();
            let bytes = buf.initialize_unfilled();
            let result =
                this.stream.try_io(Interest::READABLE, || fdpass::receive(this.stream.as_fd(), &mut *bytes, &mut arrived));
            this.queue.push(arrived);
            match result {
                Ok(length) => {
                    buf.advance(length);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for DescriptorSocket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read, os::unix::net::UnixStream as StdUnixStream};

    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn takes_what_travels_with_the_bytes() {
        let (client, server) = StdUnixStream::pair().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, b"lent").unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        fdpass::send(client.as_fd(), b"GET /", &[file.as_fd()]).unwrap();
        fdpass::send(client.as_fd(), b" HTTP", &[]).unwrap();
        drop(client);

        server.set_nonblocking(true).unwrap();
        let queue = DescriptorQueue::default();
        let mut socket = DescriptorSocket::new(UnixStream::from_std(server).unwrap(), queue.clone());
        let mut text = String::new();
        socket.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "GET / HTTP");
        let mut lent = String::new();
        std::fs::File::from(queue.take(1).remove(0)).read_to_string(&mut lent).unwrap();
        assert_eq!(lent, "lent");
    }
}
