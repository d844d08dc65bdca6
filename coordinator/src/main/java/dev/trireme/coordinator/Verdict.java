package dev.trireme.coordinator;

import java.util.List;

/**
 * Who ended a formation, and how.
 *
 * @param rank the culprit; -1 when it is a whole host
 * @param host its host's name
 * @param pid its process; -1 when unknown
 * @param cause how it ended or what it did, as {@code killed by SIGKILL}
 * @param generation of the formation
 * @param lastCommittedStep the newest step known to be committed, 0 if none
 * @param lastLines of the culprit's log, oldest first; may be empty
 * @param usage whether the job spec or its data is at fault rather than the run
 */
public record Verdict(
    int rank,
    String host,
    long pid,
    String cause,
    long generation,
    long lastCommittedStep,
    List<String> lastLines,
    boolean usage) {
  public Verdict {
    lastLines = List.copyOf(lastLines);
  }

  /** All but the log lines, in one line for people. */
  public String sentence() {
    String who = rank < 0 ? "host " + host : "rank " + rank + " on host " + host;
    String process = pid < 0 ? "" : " (pid " + pid + ")";
    return who
        + process
        + ": "
        + cause
        + "; generation "
        + generation
        + ", last committed step "
        + lastCommittedStep;
  }
}
