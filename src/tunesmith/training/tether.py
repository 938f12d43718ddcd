"""What ties a worker to the server that holds its job: words to obey, pokes to send, a lease that runs out.

The words come through the fork server, which hands over the connection of a new server as well, and keeps
a copy of each to say on it how the worker ended. When the fork server is gone, the worker reads the
connection that it has by itself.
"""

import os
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from tunesmith.protocol import Lease
from tunesmith.protocol.channel import POKE, Lines, encode
from tunesmith.protocol.lease import clock

_LOOK_SECONDS = 0.5
LEAVES = b"leaves"
STUCK_SECONDS = 600.0
"""Native code that lets no other thread run for so long is taken for stuck."""


class Control:
    """The worker's end of its line to the fork server, on which sockets come along with words."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._lines = Lines()
        self._sockets: deque[socket.socket] = deque()

    def receive(self, seconds: float | None = None) -> list[str]:
        """The lines that have come, or come within so many seconds.

        Raises:
            EOFError: the fork server is gone.
            TimeoutError: nothing has come.
        """
        self._end.settimeout(seconds)
        try:
            data, descriptors, *_ = socket.recv_fds(self._end, 1 << 16, 4)
        except ConnectionError:
            raise EOFError from None
        if not data:
            raise EOFError
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
            self._sockets.append(socket.socket(fileno=descriptor))
        return self._lines.feed(data)

    def take_socket(self) -> socket.socket:
        """The socket that came with a line."""
        return self._sockets.popleft()

    def say(self, word: bytes) -> None:
        """Tell the fork server something, if it is there."""
        with suppress(OSError):
            self._end.send(word, socket.MSG_DONTWAIT)

    def close(self) -> None:
        """Let go."""
        self._end.close()


class Tether:
    """Listens in a thread of its own. `poke` may be called from any thread."""

    def __init__(self, control: Control, channel: socket.socket, lease: Lease) -> None:
        self._control: Control | None = control
        self._channel = channel
        self._lines = Lines()
        self._lease = lease
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.why_stopped = "on request"

    def hold(self, stop: threading.Event) -> None:
        """Say that the worker lives, and set `stop` when it is to end."""
        self._stop = stop
        self._say(encode("pid", os.getpid()))
        threading.Thread(target=self._listen, name="tether", daemon=True).start()

    def poke(self) -> None:
        """Say that there may be something to read. Unheard, it loses nothing: the file has it."""
        self._say(POKE)

    def leave(self) -> None:
        """Say that the worker is about to report how its job ended: nobody is to adopt it any more."""
        if control := self._control:
            control.say(LEAVES)

    def let_go(self) -> None:
        """Close what a forked child has inherited: the end of the worker is to be that of the channel."""
        self._channel.close()
        if self._control:
            self._control.close()

    def _say(self, line: bytes) -> None:
        with self._lock, suppress(OSError):
            self._channel.send(line, socket.MSG_DONTWAIT)

    def _listen(self) -> None:
        while True:
            seconds = self._look_at_lease()
            with suppress(ValueError):  # not a line of ours: no reason to stop listening
                for line in self._hear(seconds):
                    self._obey(line)

    def _hear(self, seconds: float) -> Sequence[str]:
        try:
            if self._control:
                return self._control.receive(seconds)
            if self._channel.fileno() >= 0:
                self._channel.settimeout(seconds)
                if data := self._channel.recv(4096):
                    return self._lines.feed(data)
        except TimeoutError:
            return ()
        except EOFError:
            self._control = None
            return ()
        except OSError:
            pass  # the server's end is gone, as after an empty read
        self._channel.close()
        time.sleep(seconds)  # nobody can say anything any more: the lease decides
        return ()

    def _obey(self, line: str) -> None:
        match line.split(" "):
            case ["keep", stamp]:
                self._lease.renew(float(stamp))
            case ["stop"]:
                self._stop.set()
            case ["adopt", stamp, _] if self._control:
                with self._lock:
                    self._channel.close()
                    self._channel = self._control.take_socket()
                self._lease.take(float(stamp))
                self.poke()

    def _look_at_lease(self) -> float:
        """Stop or end if it is time. Returns the seconds until the next look."""
        now = clock()
        if now >= self._lease.kill_at:
            os.killpg(os.getpid(), signal.SIGKILL)
        if now >= self._lease.stop_at and not self._stop.is_set():
            self.why_stopped = "as no server was heard: its lease would have ended soon"
            self._stop.set()
        left = (self._lease.kill_at if self._stop.is_set() else self._lease.stop_at) - now
        # The kernel looks too, for native code can keep this thread from running. While the fork server
        # lives, it ends what outlives its lease, and a worker that is kept may be busy for long.
        patience = STUCK_SECONDS if self._control else self._lease.kill_at - now
        signal.setitimer(signal.ITIMER_REAL, patience + _LOOK_SECONDS)
        return min(_LOOK_SECONDS, max(0.001, left))
