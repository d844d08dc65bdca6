package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.transport.Transport.Receiver;
import java.util.Optional;

/**
 * The streams of bytes between a rank and the ranks of other hosts, beside those of signals: so
 * bytes that nobody wants yet never stand in the way of a heartbeat or an abort.
 *
 * <p>Threading: one thread at a time.
 */
interface Wires extends AutoCloseable {
  /** Of a rank whose peers are all of its host. */
  Wires NONE = new NoWires();

  /** As {@link Transport#frameBytes}. */
  int frameBytes();

  /** As {@link Transport#write}, or where {@code lend} as {@link Transport#lend}. */
  int write(int to, int phase, long operation, long offset, long address, long bytes, boolean lend);

  /** As {@link Transport#takeBack}. */
  default void takeBack() {}

  /** As {@link Transport#read}. */
  int read(Receiver to);

  /** Whether what arrives while the driver is worked may go to the last receiver at once. */
  default void open(boolean wanted) {}

  /** As {@link Transport#owes}. */
  default boolean owes() {
    return false;
  }

  /** Where in the stream to a peer the next byte goes; 0 where there is none. */
  long written(int peer);

  /** Whether a peer's stream has been read up to a position of its. */
  boolean hasRead(int peer, long position);

  /** Goes on connecting. */
  default void tend() {}

  /** Why a peer's stream does not stand yet; empty once it does. */
  default Optional<String> missing(int peer) {
    return Optional.empty();
  }

  /** Why nothing goes to or from a peer any more; empty while something may. */
  default Optional<String> lost(int peer) {
    return Optional.empty();
  }

  /** Takes nothing any more. */
  default void stopTaking() {}

  @Override
  default void close() {}
}
