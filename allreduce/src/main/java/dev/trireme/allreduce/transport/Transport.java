package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.plan.Hosts;
import java.util.Optional;

/**
 * One rank's way to the other ranks of its formation: signals, which arrive in the order they were
 * sent between two ranks and are never lost while both live, and memory that all of one host
 * address. Ranks of other hosts get bytes instead. What was written to memory before a signal was
 * sent is seen by whoever has received it.
 *
 * <p>Threading: one thread at a time. Blocking: none, save that memory takes the time to be
 * touched.
 */
public interface Transport extends AutoCloseable {
  /** Takes what arrives. */
  @FunctionalInterface
  interface Listener {
    /** The parameters of {@link Transport#send}, with the rank that sent it. */
    void onSignal(int from, SignalKind kind, long operation, long first, long second, String text);
  }

  /** Takes the bytes that other ranks have written. */
  @FunctionalInterface
  interface Receiver {
    /**
     * The parameters of {@link Transport#write}, with the rank that wrote it; the bytes are at the
     * address only until this returns.
     *
     * @return false to leave it, and all that this rank wrote later, for another time
     */
    boolean take(int from, int phase, long operation, long offset, long address, int bytes);

    /**
     * Where bytes may be put as they arrive, before they are taken: the place at which {@link
     * #take} would copy them and nothing else. They must then be taken from there.
     *
     * @param bytes all of them must have room there
     * @return an address, the same until they are taken; 0 for bytes that are not wanted yet, or
     *     are added to something
     */
    default long place(int from, int phase, long operation, long offset, int bytes) {
      return 0;
    }
  }

  /** This rank. */
  int rank();

  /** The number of ranks. */
  int worldSize();

  /**
   * Sends a signal.
   *
   * @param text for people, at most {@value #MAX_TEXT} characters are kept
   * @return false when there is no room just now: try again later
   */
  boolean send(int to, SignalKind kind, long operation, long first, long second, String text);

  /** Characters of text that a signal holds. */
  int MAX_TEXT = 400;

  /** Hands over the signals that have arrived, a bounded number of them; says how many. */
  int poll(Listener listener);

  /** Goes on with what it does besides, for a bounded time; {@link #poll} does so, too. */
  default void tend() {}

  /**
   * Whether a rank of another host lacks something that this one has written, and gets it only by
   * this one's going on: it was not sent yet, or lost not long ago.
   */
  default boolean owes() {
    return false;
  }

  /** Which ranks share memory with each other. */
  default Hosts hosts() {
    return Hosts.one(worldSize());
  }

  /**
   * Writes bytes to a rank of another host. They arrive in the order in which they were written,
   * unbroken, whatever becomes of the signals.
   *
   * @param to a rank that shares no memory with this one
   * @param phase from 0 to 255; it, operation and offset are for the receiver
   * @return how many of the bytes were taken, from the first on; 0 when there is no room just now.
   *     Whoever has written a part goes on with the rest
   */
  default int write(int to, int phase, long operation, long offset, long address, long bytes) {
    throw new IllegalStateException("rank " + to + " shares memory with this one");
  }

  /**
   * The same, but the bytes may be read from where they are until the receiver has them, or until
   * {@link #takeBack}: they must not change before.
   */
  default int lend(int to, int phase, long operation, long offset, long address, long bytes) {
    return write(to, phase, operation, offset, address, bytes);
  }

  /** Ends the loan of all bytes: from now on they may change. */
  default void takeBack() {}

  /**
   * Hands over what ranks of other hosts have written, in pieces of whole elements: a bounded
   * number of them; says how many were taken. From then on {@link #poll} may hand pieces to the
   * same receiver, which are counted at the next call of this, and what it throws is thrown then.
   */
  default int read(Receiver receiver) {
    return 0;
  }

  /**
   * Whether everything that a peer wrote before it said that it left has been taken. Its signals
   * may overtake its bytes.
   */
  default boolean emptied(int peer) {
    return true;
  }

  /** Bytes that are worth a journey of their own, the same on all ranks; a multiple of 64. */
  default int frameBytes() {
    return 16 << 10;
  }

  /**
   * Makes zeroed memory that peers can open, every page of it touched.
   *
   * @param index counts the memories of this rank; the same on all ranks for one allocation
   * @param bytes at least 0
   * @return its address, aligned to a page
   * @throws IllegalStateException when there is no room; says how much is missing and where
   */
  long createMemory(int index, long bytes);

  /**
   * The address at which this rank sees the memory of a peer of its host.
   *
   * @throws IllegalStateException when the peer made no such memory
   */
  long openMemory(int peer, int index, long bytes);

  /** Says that all peers have opened this rank's memory: nothing of it outlives the processes. */
  void sealMemory(int index);

  /**
   * Has {@code tick} called every few milliseconds by {@link #createMemory} and {@link #openMemory}
   * while they are at work, on their thread. What it throws ends them and leaves nothing behind.
   */
  default void whileSlow(Runnable tick) {}

  /** What the host knows of a living peer that may explain its silence, for people. */
  default Optional<String> condition(int peer) {
    return Optional.empty();
  }

  /** What may hold up every peer alike, so that none of them is to blame; for people. */
  default Optional<String> ailment() {
    return Optional.empty();
  }

  /** Why {@code peer} cannot be reached any more; empty while nothing is known against it. */
  Optional<String> lost(int peer);

  /** Why no peer can be reached any more; empty while all is well. */
  Optional<String> broken();

  /** Frees everything; what peers still have mapped stays theirs. */
  @Override
  void close();
}
