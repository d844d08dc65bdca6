package dev.trireme.coordinator.control;

import dev.trireme.coordinator.rundir.Origin;
import dev.trireme.protocol.AgentToCoordinator.Said;

/**
 * What a coordinator has taken in of one run of an agent: everything once and in order. What comes
 * out of order is left, for it is said again.
 */
final class Hearing {
  private final String incarnation;
  private final int returns;
  private long last;
  private long answeredAt;
  private boolean complete;
  private boolean gone;

  private Hearing(String incarnation, int returns) {
    this.incarnation = incarnation;
    this.returns = returns;
  }

  /**
   * @param incarnation of the agent
   */
  Hearing(String incarnation) {
    this(incarnation, 0);
  }

  /** It is back after it was given up, and is to say everything again. */
  Hearing again() {
    return new Hearing(incarnation, returns + 1);
  }

  /** What the agent knows this coordinator by: by another name it says everything again. */
  String name(String coordinator) {
    return returns == 0 ? coordinator : coordinator + "/" + returns;
  }

  boolean isOf(String run) {
    return incarnation.equals(run);
  }

  /** Whether this is the next to be taken in. */
  boolean isNext(Said said) {
    return isOf(said.incarnation()) && said.number() > last && said.before() == last;
  }

  /** It was taken in. */
  void took(long number) {
    last = number;
  }

  /** The number up to which everything was taken in. */
  long last() {
    return last;
  }

  /** Names what was said in a run's files. */
  Origin origin(Said said) {
    return new Origin(said.agentId() + "/" + incarnation, said.number());
  }

  /** It has said all that was before this coordinator. */
  void complete() {
    complete = true;
  }

  boolean isComplete() {
    return complete || incarnation.isEmpty();
  }

  /** Its registration was answered, which renews its lease. */
  void answered(long nanos) {
    answeredAt = nanos;
  }

  long answeredAt() {
    return answeredAt;
  }

  /** It has left the cluster, in order or not. */
  void gone() {
    gone = true;
  }

  boolean isGone() {
    return gone;
  }
}
