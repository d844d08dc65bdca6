package dev.trireme.coordinator.life;

import dev.trireme.api.job.FailurePolicySpec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Decides by the job's failure policy whether one more failure may be recovered from, and when.
 *
 * <p>What counts is the failures within the policy's window, and apart from that those in a row
 * after which no step was committed: what fails each time before it gets anywhere will go on to do
 * so. The first failure is recovered from at once, and so is every one after progress; the wait
 * before a fruitless restart doubles. Cost: linear in the history, which the window bounds.
 */
public final class Restarts {
  private Restarts() {}

  /**
   * A formation that broke.
   *
   * @param nanos when, on the monotonic clock
   * @param hosts whose ranks failed
   * @param fruitless whether no step had been committed since it was formed
   */
  public record Broken(long nanos, Set<String> hosts, boolean fruitless) {
    public Broken {
      hosts = Set.copyOf(hosts);
    }
  }

  /** The outcome. */
  public sealed interface Ruling {
    /** Why, for people. */
    String reason();
  }

  /**
   * The job may go on.
   *
   * @param notBefore on the monotonic clock
   */
  public record Allowed(long notBefore, String reason) implements Ruling {}

  /** The job is to end. */
  public record Exhausted(String reason) implements Ruling {}

  /**
   * Rules on the newest failure.
   *
   * @param history of the job, oldest first, the newest failure included
   */
  public static Ruling rule(FailurePolicySpec policy, List<Broken> history) {
    Broken newest = history.get(history.size() - 1);
    List<Broken> recent = within(policy, history, newest.nanos());
    if (policy.maxRestarts() == 0) {
      return new Exhausted("failurePolicy.maxRestarts is 0");
    }
    if (recent.size() > policy.maxRestarts()) {
      return new Exhausted(
          "%d failures within %s s, failurePolicy.maxRestarts is %d"
              .formatted(recent.size(), plain(policy.windowSeconds()), policy.maxRestarts()));
    }
    int fruitless = fruitlessInARow(history);
    if (fruitless > policy.maxFruitlessRestarts()) {
      return new Exhausted(
          "%d failures in a row without a committed step, failurePolicy.maxFruitlessRestarts is %d"
              .formatted(fruitless, policy.maxFruitlessRestarts()));
    }
    if (fruitless < 2) {
      return new Allowed(newest.nanos(), "at once");
    }
    double wait =
        Math.min(
            policy.maxBackoffSeconds(), policy.backoffSeconds() * Math.pow(2, fruitless - 2.0));
    return new Allowed(
        newest.nanos() + (long) (wait * 1e9),
        "after a wait of "
            + plain(wait)
            + " s, for "
            + fruitless
            + " failures in a row committed no step");
  }

  /**
   * The hosts that get no new ranks.
   *
   * @param now on the monotonic clock
   */
  public static Set<String> excluded(FailurePolicySpec policy, List<Broken> history, long now) {
    Map<String, Integer> counts = new HashMap<>();
    for (Broken broken : within(policy, history, now)) {
      broken.hosts().forEach(host -> counts.merge(host, 1, Integer::sum));
    }
    Set<String> excluded = new TreeSet<>();
    counts.forEach(
        (host, count) -> {
          if (policy.excludeHostAfter() > 0 && count >= policy.excludeHostAfter()) {
            excluded.add(host);
          }
        });
    return excluded;
  }

  private static List<Broken> within(FailurePolicySpec policy, List<Broken> history, long now) {
    long window = Duration.ofMillis((long) (policy.windowSeconds() * 1000)).toNanos();
    List<Broken> recent = new ArrayList<>();
    for (Broken broken : history) {
      if (now - broken.nanos() <= window) {
        recent.add(broken);
      }
    }
    return recent;
  }

  private static int fruitlessInARow(List<Broken> history) {
    int count = 0;
    for (int i = history.size() - 1; i >= 0 && history.get(i).fruitless(); i--) {
      count++;
    }
    return count;
  }

  private static String plain(double seconds) {
    return seconds == Math.rint(seconds) ? String.valueOf((long) seconds) : String.valueOf(seconds);
  }
}
