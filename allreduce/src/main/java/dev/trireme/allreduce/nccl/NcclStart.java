package dev.trireme.allreduce.nccl;

import java.time.Duration;

/** How a group comes by its communicator. */
interface NcclStart {
  /** One that is made of another is there after a moment or not at all; who waits can meet anew. */
  Duration MAKING = Duration.ofSeconds(10);

  /** Begins; the communicator's {@code settled} says when it is there. */
  void open(NcclCommunicator made);

  /**
   * The communicator is there, or will never be: ends what it was made of. Blocking: up to some
   * seconds. Repeats are ignored.
   */
  void end();

  /** Whether a refusal of NCCL's would be one of every attempt. */
  boolean refusalIsFinal();

  /**
   * How long it may take.
   *
   * @param timeout what the group may take for anything
   */
  Duration within(Duration timeout);

  /** With the unique id of the config. */
  static NcclStart meeting(NcclConfig config) {
    return new NcclStart() {
      @Override
      public void open(NcclCommunicator made) {
        made.open(config);
      }

      @Override
      public void end() {}

      @Override
      public boolean refusalIsFinal() {
        return true;
      }

      @Override
      public Duration within(Duration timeout) {
        return timeout;
      }
    };
  }

  /**
   * Out of the communicator of a group that has failed.
   *
   * @param parent whose communicator was claimed
   * @param without ranks of the parent
   */
  static NcclStart without(NcclRunner parent, int[] without) {
    return new NcclStart() {
      @Override
      public void open(NcclCommunicator made) {
        parent.awaitThread();
        made.openWithout(parent.communicator(), without);
      }

      @Override
      public void end() {
        parent.letGo();
      }

      @Override
      public boolean refusalIsFinal() {
        return false;
      }

      @Override
      public Duration within(Duration timeout) {
        // Who is refused at once waits until all others have given up, too, within the same
        // timeout.
        Duration third = timeout.dividedBy(3);
        return third.compareTo(MAKING) < 0 ? third : MAKING;
      }
    };
  }
}
