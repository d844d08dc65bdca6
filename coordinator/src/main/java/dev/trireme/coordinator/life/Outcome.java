package dev.trireme.coordinator.life;

import dev.trireme.protocol.JobState;
import dev.trireme.protocol.RankReport.Finished;
import java.util.Optional;

/**
 * How a job that stops will end.
 *
 * @param state a final one
 * @param reason for people
 * @param usage whether the job spec or its data is at fault
 */
record Outcome(JobState state, String reason, boolean usage) {
  /**
   * Every rank has finished and all agree.
   *
   * @param rank0 what the ranks reported, all alike
   * @param cancelled why the job was cancelled, if it was
   */
  static Outcome finished(Finished rank0, Optional<String> cancelled) {
    long step = rank0.progress().step();
    if (cancelled.isPresent() && rank0.stopped()) {
      return cancelled(cancelled.get() + "; stopped after step " + step);
    }
    String reason = "finished after step " + step;
    if (rank0.stopped()) {
      reason += ", stopped by its own program";
    } else if (cancelled.isPresent()) {
      reason += ", before it could be cancelled";
    }
    return new Outcome(JobState.SUCCEEDED, reason, false);
  }

  static Outcome cancelled(String reason) {
    return new Outcome(JobState.CANCELLED, reason, false);
  }

  static Outcome failed(String reason, boolean usage) {
    return new Outcome(JobState.FAILED, reason, usage);
  }
}
