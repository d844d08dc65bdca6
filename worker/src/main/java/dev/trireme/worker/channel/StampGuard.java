package dev.trireme.worker.channel;

import dev.trireme.protocol.Stamp;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Remembers by what authority commands were obeyed and refuses lower ones: a term below the highest
 * seen from any coordinator, or, for one job, a stamp below the highest obeyed for that job.
 * Generations of different jobs are not compared.
 *
 * <p>Threading: any.
 */
public final class StampGuard {
  /** Jobs remembered; a job older than that many others has long been over. */
  private static final int MAX_JOBS = 10_000;

  private final Map<String, Stamp> obeyed =
      new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Stamp> eldest) {
          return size() > MAX_JOBS;
        }
      };
  private long highestTerm;
  private long highestGeneration;

  /**
   * Whether a coordinator's word that concerns no job may be taken; remembers its term if so.
   *
   * @return why not, empty when it may
   */
  public synchronized Optional<String> admit(Stamp stamp) {
    if (stamp.term() < highestTerm) {
      return Optional.of(
          "term " + stamp.term() + " is over: term " + highestTerm + " has been obeyed");
    }
    highestTerm = stamp.term();
    return Optional.empty();
  }

  /**
   * Whether a command for this job may be obeyed; remembers its stamp if so.
   *
   * @return why not, empty when it may
   */
  public synchronized Optional<String> admit(String jobId, Stamp stamp) {
    Stamp last = obeyed.get(jobId);
    if (last != null && stamp.compareTo(last) < 0) {
      return Optional.of(
          ("term %d, generation %d is over: term %d, generation %d has been obeyed for job %s")
              .formatted(stamp.term(), stamp.generation(), last.term(), last.generation(), jobId));
    }
    Optional<String> refusal = admit(stamp);
    if (refusal.isEmpty()) {
      obeyed.put(jobId, stamp);
      highestGeneration = Math.max(highestGeneration, stamp.generation());
    }
    return refusal;
  }

  /** The highest term obeyed, 0 if none. */
  public synchronized long highestTerm() {
    return highestTerm;
  }

  /** The highest generation obeyed over all jobs, 0 if none. */
  public synchronized long highestGeneration() {
    return highestGeneration;
  }
}
