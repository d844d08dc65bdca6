package dev.trireme.ps;

import dev.trireme.api.collective.CollectiveException;
import java.nio.ByteBuffer;

/**
 * The head of every message between workers and servers: {@value #BYTES} bytes, eight numbers of 64
 * bits in the host's byte order. A payload of float32 follows where {@code count} is above 0.
 *
 * @param kind what it says
 * @param shard it is about
 * @param worker it is about, or comes from
 * @param step of that worker
 * @param rate the learning rate of the step
 * @param weight items that a gradient is of; of a {@link Kind#SLOT} which one it is
 * @param mask of an {@link Kind#APPLY} the workers, a bit each; of a push the items of the global
 *     batch; of a {@link Kind#SLOT} the updates that its shard has had
 * @param count elements of the payload
 */
record Frame(
    Kind kind, int shard, int worker, long step, double rate, long weight, long mask, long count) {
  static final int BYTES = 64;

  /** What a message says. */
  enum Kind {
    /** A worker's gradient of a shard, with payload. */
    PUSH,
    /** The push is held by the primary and its backup. */
    ACK,
    /** All pushes of this step are acknowledged by all shards; the values after it are wanted. */
    PULL,
    /** The parameters of a shard, with payload. */
    VALUES,
    /** A push as the primary passes it on to its backup, with payload. */
    REPLICATE,
    /** The backup holds it. */
    REPLICATED,
    /** The backup is to apply a step, as the primary has. */
    APPLY,
    /** It has. */
    APPLIED,
    /** The optimizer's slots of a shard are wanted. */
    SLOTS,
    /** One of them, with payload. */
    SLOT,
    /** The worker has ended its training: nobody is to wait for its clock. */
    LEAVE,
    /** The sender will send no more. */
    BYE
  }

  /** Without a payload, and without what a push carries. */
  static Frame about(Kind kind, int shard, int worker, long step) {
    return new Frame(kind, shard, worker, step, 0, 0, 0, 0);
  }

  /** The same with another kind and payload. */
  Frame as(Kind other, long elements) {
    return new Frame(other, shard, worker, step, rate, weight, mask, elements);
  }

  void write(ByteBuffer to) {
    to.putLong(0, kind.ordinal());
    to.putLong(8, shard);
    to.putLong(16, worker);
    to.putLong(24, step);
    to.putDouble(32, rate);
    to.putLong(40, weight);
    to.putLong(48, mask);
    to.putLong(56, count);
  }

  /**
   * Reads one.
   *
   * @param from the rank that sent it, for the verdict
   * @param shards how many there are
   * @param workers how many there are
   * @param largest elements of the largest payload
   * @throws CollectiveException when a number is out of its bounds
   */
  static Frame read(ByteBuffer bytes, int from, int shards, int workers, long largest) {
    long kind = bytes.getLong(0);
    long shard = bytes.getLong(8);
    long worker = bytes.getLong(16);
    long step = bytes.getLong(24);
    long count = bytes.getLong(56);
    if (kind < 0
        || kind >= Kind.values().length
        || shard < 0
        || shard >= shards
        || worker < 0
        || worker >= workers
        || step < 0
        || count < 0
        || count > largest) {
      throw new CollectiveException(
          CollectiveException.Cause.MISMATCH,
          from,
          "rank "
              + from
              + " sent a message of the parameter server with kind "
              + kind
              + ", shard "
              + shard
              + " of "
              + shards
              + ", worker "
              + worker
              + " of "
              + workers
              + ", step "
              + step
              + ", "
              + count
              + " elements of at most "
              + largest);
    }
    return new Frame(
        Kind.values()[(int) kind],
        (int) shard,
        (int) worker,
        step,
        bytes.getDouble(32),
        bytes.getLong(40),
        bytes.getLong(48),
        count);
  }

  /**
   * @throws CollectiveException always: nobody that keeps to the protocol sends this here
   */
  CollectiveException unexpected(int from, String where) {
    return new CollectiveException(
        CollectiveException.Cause.MISMATCH,
        from,
        "rank " + from + " sent " + kind + " of shard " + shard + " to " + where);
  }
}
