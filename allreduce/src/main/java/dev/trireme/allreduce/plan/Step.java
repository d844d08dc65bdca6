package dev.trireme.allreduce.plan;

import java.util.List;

/**
 * One thing a rank does in a collective. Ranges are elements of the operation's buffer, counted
 * from its beginning; "own" is this rank's copy of it and "peer" another rank's.
 *
 * <p>Stages order the ranks: a rank tells a peer that it has reached a stage once all of its steps
 * before that are done, and awaits the stages of others. They are counted from 1 within one
 * operation. A rank may read and write its peers' buffers from the beginning: no plan runs before
 * every rank has started the operation.
 */
public sealed interface Step {
  /** Tells {@code peer} that this rank has reached {@code stage}. */
  record Tell(int peer, int stage) implements Step {}

  /** Goes on once {@code peer} has told that it reached {@code stage}. */
  record Await(int peer, int stage) implements Step {}

  /** A step that touches memory; it may be done in pieces. */
  sealed interface Work extends Step {
    /** The first element. */
    long from();

    /** How many elements, at least 0. */
    long count();
  }

  /** own = own (op) peer. */
  record Reduce(int peer, long from, long count) implements Work {}

  /** Ends a reduction to which all ranks have added: for a mean, divides by the world size. */
  record Finish(long from, long count) implements Work {}

  /** own = peer. */
  record Copy(int peer, long from, long count) implements Work {}

  /** Puts this rank's elements where its peers can address them; nothing where they are already. */
  record Load(long from, long count) implements Work {}

  /** The way back from {@link Load}. */
  record Store(long from, long count) implements Work {}

  /**
   * own = own (op) every peer in order of rank, finished; then every peer = own. In one pass: what
   * was just reduced is written back while it is still in the cache.
   */
  record ReduceAndSpread(long from, long count) implements Work {}

  /**
   * The same with the sums of {@link TreeAllReduce#sums}; the peers' elements hold inner sums
   * meanwhile.
   */
  record ReduceTreeAndSpread(long from, long count) implements Work {}

  // The steps below are for plans in lanes, see {@link Lanes}. There "input" is the buffer whose
  // place this rank has announced, and "output" the one that it writes; of an operation in place
  // both are the same.

  /**
   * Sends elements of the input as a message to {@code peer}, which has a {@link Receive} of the
   * same phase and count.
   *
   * @param phase tells the messages between two ranks apart, below {@link Lanes#PHASES}; within one
   *     phase they arrive in the order in which they were sent
   */
  record Send(int peer, int phase, long from, long count) implements Step {}

  /** output = message, or where {@code reduce} output = output (op) message. */
  record Receive(int peer, int phase, long from, long count, boolean reduce) implements Step {}

  /** output = input of peer, or where {@code reduce} output = output (op) input of peer. */
  record Fetch(int peer, long peerFrom, long from, long count, boolean reduce) implements Work {}

  /** output = own input. */
  record Take(long inputFrom, long from, long count) implements Work {}

  /** Every one of {@code peers} = output; for operations in place. */
  record Spread(List<Integer> peers, long from, long count) implements Work {}

  /** Adds a mark to a gate, below {@link Lanes#GATES}. */
  record Mark(int gate) implements Step {}

  /** Goes on once a gate has so many marks. */
  record Pass(int gate, int marks) implements Step {}
}
