package dev.trireme.coordinator.control;

import dev.trireme.api.job.ParallelSpec;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.JobStatus;
import dev.trireme.protocol.Stored.GenerationRecord;
import dev.trireme.protocol.Stored.JobRecord;
import dev.trireme.protocol.Stored.Wish;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What is remembered of jobs that have ended: how they stand, and of the last few the events. */
final class EndedJobs {
  private static final int MAX_HUBS = 100;
  private static final int MAX_JOBS = 1000;

  private final Map<String, JobStatus> statuses = new LinkedHashMap<>();
  private final Map<String, JobHub> hubs = new LinkedHashMap<>();

  /**
   * One that ended under a coordinator before this one.
   *
   * @return the oldest one, where it is forgotten for this
   */
  Optional<String> add(JobRecord record) {
    statuses.put(record.jobId(), statusOf(record, Optional.empty()));
    if (statuses.size() <= MAX_JOBS) {
      return Optional.empty();
    }
    String oldest = statuses.keySet().iterator().next();
    statuses.remove(oldest);
    return Optional.of(oldest);
  }

  /**
   * One that ends now.
   *
   * @return the oldest one, where it is forgotten for this
   */
  Optional<String> add(Job job) {
    job.close();
    hubs.put(job.run().record().jobId(), job.hub());
    if (hubs.size() > MAX_HUBS) {
      hubs.remove(hubs.keySet().iterator().next());
    }
    return add(job.run().record());
  }

  /** It runs again. */
  void remove(String jobId) {
    statuses.remove(jobId);
    hubs.remove(jobId);
  }

  Optional<JobStatus> status(String jobId) {
    return Optional.ofNullable(statuses.get(jobId));
  }

  Optional<JobHub> hub(String jobId) {
    return Optional.ofNullable(hubs.get(jobId));
  }

  Collection<JobStatus> statuses() {
    return statuses.values();
  }

  static JobStatus statusOf(JobRecord record, Optional<JobEvent.Progress> progress) {
    List<GenerationRecord> all =
        record.generations().stream().filter(GenerationRecord::wasFormed).toList();
    Optional<GenerationRecord> newest =
        all.isEmpty() ? Optional.empty() : Optional.of(all.get(all.size() - 1));
    ParallelSpec parallel = record.job().parallel();
    return new JobStatus(
        record.jobId(),
        record.job().name(),
        record.state(),
        record.reason(),
        record.user(),
        record.job().queue().priority(),
        Instant.ofEpochMilli(record.submittedMillis()),
        newest.map(GenerationRecord::generation).orElse(0L),
        newest.map(GenerationRecord::worldSize).orElse(0),
        record.wish().map(wish -> wish.ranks() - wish.servers().orElse(parallel.servers())),
        record.wish().flatMap(Wish::servers),
        Path.of(record.runDirectory()),
        progress);
  }
}
