package dev.trireme.coordinator.store;

import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.NotActiveException;
import dev.trireme.protocol.CodecException;
import dev.trireme.protocol.MessageCodec;
import dev.trireme.protocol.Stamp;
import dev.trireme.protocol.Stored.JobRecord;
import dev.trireme.protocol.Stored.TermRecord;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Jobs and term as entries of a map of bytes, wherever that lies. Entries are {@link
 * MessageCodec}'s, so that whoever keeps them sees no class of ours.
 */
abstract class EntryJobStore implements LocalStore {
  private static final String TERM = "term";

  private final MessageCodec codec = new MessageCodec();

  /** An entry, null where there is none. */
  abstract byte[] get(String key);

  /** The entries of those keys that have one. */
  abstract Map<String, byte[]> getAll(Set<String> keys);

  /** Keeps an entry, durably when this returns. */
  abstract void set(String key, byte[] value);

  abstract List<String> keys();

  @Override
  public synchronized long raiseTerm(long floor) {
    long term = termAfter(Math.max(term(), floor));
    set(TERM, codec.encode(new TermRecord(term)));
    return term;
  }

  /**
   * The next term.
   *
   * @throws CoordinatorException when no cluster can have come to so many
   */
  static long termAfter(long last) {
    if (last >= Stamp.MAX) {
      throw new CoordinatorException(
          "term "
              + last
              + " is past all bounds: the entry '"
              + TERM
              + "' of the job store is damaged, or who told of it is");
    }
    return last + 1;
  }

  @Override
  public long term() {
    byte[] last = get(TERM);
    return last == null ? 0 : decode(TERM, last, TermRecord.class).term();
  }

  @Override
  public synchronized boolean promise(long term) {
    if (term <= term()) {
      return false;
    }
    set(TERM, codec.encode(new TermRecord(termAfter(term - 1))));
    return true;
  }

  @Override
  public Optional<JobRecord> job(String jobId) {
    return Optional.ofNullable(get(jobId)).map(bytes -> decode(jobId, bytes, JobRecord.class));
  }

  @Override
  public synchronized void put(JobRecord job) {
    byte[] before = get(job.jobId());
    if (before != null) {
      JobRecord old = decode(job.jobId(), before, JobRecord.class);
      if (old.term() > job.term() || old.term() == job.term() && old.version() > job.version()) {
        throw new NotActiveException(
            "%s was written in term %d, version %d, after term %d, version %d: another coordinator has taken over"
                .formatted(job.jobId(), old.term(), old.version(), job.term(), job.version()));
      }
    }
    byte[] bytes;
    try {
      bytes = codec.encode(job);
    } catch (CodecException e) {
      throw new CoordinatorException(
          job.jobId() + " cannot be kept: " + e.getMessage() + "; make its job spec smaller", e);
    }
    set(job.jobId(), bytes);
  }

  @Override
  public List<JobRecord> jobs() {
    Set<String> keys = new HashSet<>(keys());
    keys.remove(TERM);
    List<JobRecord> all = new ArrayList<>();
    getAll(keys).forEach((key, bytes) -> all.add(decode(key, bytes, JobRecord.class)));
    return all;
  }

  private <T> T decode(String key, byte[] bytes, Class<T> type) {
    try {
      return type.cast(codec.decode(bytes));
    } catch (CodecException | ClassCastException e) {
      throw new CoordinatorException(
          "entry '"
              + key
              + "' of the job store cannot be read: "
              + e.getMessage()
              + "; move its file out of the state directory to go on without it",
          e);
    }
  }
}
