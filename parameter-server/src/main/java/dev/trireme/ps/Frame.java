package dev.trireme.ps;

import dev.trireme.api.collective.CollectiveException;
import java.nio.ByteBuffer;

/**
 * The head of every message between workers and servers: {@value #BYTES} bytes, nine numbers of 64
 * bits in the host's byte order. A payload follows where {@code bytes} is above 0.
 *
 * @param kind what it says
 * @param shard it is about
 * @param worker it is about, or comes from
 * @param step of that worker
 * @param rate the learning rate of the step
 * @param weight items that a gradient is of; of a {@link Kind#SLOT} which one it is; of a {@link
 *     Kind#PULL} 1 where only the rows of the payload are wanted; of {@link Kind#VALUES} how far
 *     the slowest worker is behind; of {@link Kind#PORTIONS} the step of who asks
 * @param mask of an {@link Kind#APPLY} the workers, a bit each; of a push the items of the global
 *     batch under bsp, else the nanoseconds that it took to compute; of a {@link Kind#SLOT} the
 *     updates that its shard has had; of {@link Kind#VALUES} of the first shard the wish that
 *     stands, see Wishes
 * @param bytes of the payload
 * @param until of a push the step ahead of the worker's next; else 0
 */
record Frame(
    Kind kind,
    int shard,
    int worker,
    long step,
    double rate,
    long weight,
    long mask,
    long bytes,
    long until) {
  static final int BYTES = 72;

  /** Of what is no push. */
  Frame(
      Kind kind,
      int shard,
      int worker,
      long step,
      double rate,
      long weight,
      long mask,
      long bytes) {
    this(kind, shard, worker, step, rate, weight, mask, bytes, 0);
  }

  /** What a message says. */
  enum Kind {
    /** A worker's gradient of a shard, with payload. */
    PUSH,
    /** The push is held by the primary and its backup. */
    ACK,
    /**
     * All pushes of this step are acknowledged by all shards; the values after it are wanted: all,
     * or the rows of the payload (int32).
     */
    PULL,
    /** The parameters of a shard, or of the rows that were asked for, with payload of float32. */
    VALUES,
    /**
     * The gradients of this step stand where the worker shows them, of all shards, and the values
     * after it are wanted; see WholeSteps.
     */
    STEP,
    /** It is applied, and the values of all shards stand where the server shows them. */
    STEPPED,
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
    /** What a copy of a shard knows, with payload; its parts follow. */
    COPY,
    /** One of them, {@code weight}, with payload. */
    COPY_PART,
    /** The copy is whole and held. */
    COPIED,
    /** The backup is to be the primary, and this server its backup. */
    HAND_OVER,
    /** It is. */
    TAKEN_OVER,
    /** The shard's primary is another server now, {@code weight}. */
    MOVED,
    /** The workers' parts of a window of steps ({@code step}) are wanted. */
    PORTIONS,
    /** Here they are, with payload: where each begins, and the end (int32). */
    PORTIONS_ARE,
    /** The backup is to fix these parts, with payload. */
    PORTIONS_FIX,
    /** It has. */
    PORTIONS_FIXED,
    /** To stop or to save, which takes all after the same step ({@code weight}, see Wishes). */
    WISH,
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
  Frame as(Kind other, long payload) {
    return new Frame(other, shard, worker, step, rate, weight, mask, payload, until);
  }

  void write(ByteBuffer to) {
    to.putLong(0, kind.ordinal());
    to.putLong(8, shard);
    to.putLong(16, worker);
    to.putLong(24, step);
    to.putDouble(32, rate);
    to.putLong(40, weight);
    to.putLong(48, mask);
    to.putLong(56, bytes);
    to.putLong(64, until);
  }

  /**
   * Reads one.
   *
   * @param from the rank that sent it, for the verdict
   * @param shards how many there are
   * @param workers how many there are
   * @param largest bytes of the largest payload
   * @throws CollectiveException when a number is out of its bounds
   */
  static Frame read(ByteBuffer head, int from, int shards, int workers, long largest) {
    long kind = head.getLong(0);
    long shard = head.getLong(8);
    long worker = head.getLong(16);
    long step = head.getLong(24);
    long payload = head.getLong(56);
    if (kind < 0
        || kind >= Kind.values().length
        || shard < 0
        || shard >= shards
        || worker < 0
        || worker >= workers
        || step < 0
        || payload < 0
        || payload > largest) {
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
              + payload
              + " bytes of at most "
              + largest);
    }
    return new Frame(
        Kind.values()[(int) kind],
        (int) shard,
        (int) worker,
        step,
        head.getDouble(32),
        head.getLong(40),
        head.getLong(48),
        payload,
        head.getLong(64));
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
