package dev.trireme.allreduce.transport;

import java.util.Optional;

/**
 * A peer's process as this host's kernel sees it: the quickest witness of a death, much quicker
 * than the media driver's client timeout.
 */
final class PeerProcess {
  private final long pid;
  private final Optional<ProcessHandle> handle;

  /**
   * @param pid as the peer gave it. One that this process cannot see (the peer lives in another
   *     process namespace) is never reported as lost.
   */
  PeerProcess(long pid) {
    this.pid = pid;
    this.handle = ProcessHandle.of(pid);
  }

  /** How the process went; empty while it lives. */
  Optional<String> lost() {
    return handle
        .filter(process -> !process.isAlive())
        .map(process -> "its process " + pid + " is gone");
  }
}
