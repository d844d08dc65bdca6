package dev.trireme.allreduce.group;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The last operations of a group, the newest in place of the oldest. An entry is written when its
 * operation is started, begins, moves on and ends; that takes no memory, since the entries are made
 * once and are filled with numbers.
 *
 * <p>Threading: any. Cost: an uncontended lock and a clock reading a note.
 */
public final class FlightRecorder {
  /** Operations that are remembered. */
  static final int CAPACITY = 256;

  /** Lines of the table that goes into a log, its head not counted. */
  static final int TABLE_LINES = 24;

  /** Of those, how many ended before the operation that failed. */
  private static final int BEFORE = 12;

  private static final Duration NOT_YET = Duration.ofMillis(-1);

  private static final class Entry {
    private long number;
    private Object what;
    private String label;
    private RecordedOperation.State state;
    private int stage;
    private long bytesDone;
    private long bytes;
    private int awaited;
    private long enqueuedNanos;
    private long begunNanos;
    private long endedNanos;
  }

  private final Entry[] entries = new Entry[CAPACITY];
  private final long originNanos;
  private long newest;

  /**
   * @param now in nanoseconds, as every time here; what is recorded counts from it
   */
  public FlightRecorder(long now) {
    originNanos = now;
    for (int i = 0; i < CAPACITY; i++) {
      entries[i] = new Entry();
    }
  }

  /** Notes that an operation was started; operations are numbered without a gap. */
  void enqueued(Operation operation, long now) {
    enqueued(
        operation.number(),
        operation.signature(),
        operation.label(),
        operation.buffer().byteCount(),
        now);
  }

  /**
   * The same for an operation of another kind of group.
   *
   * @param what says in words what it is, and never changes
   */
  public synchronized void enqueued(long number, Object what, String label, long bytes, long now) {
    Entry entry = at(number);
    newest = number;
    entry.number = newest;
    entry.what = what;
    entry.label = label;
    entry.bytes = bytes;
    entry.state = RecordedOperation.State.ENQUEUED;
    entry.stage = 0;
    entry.bytesDone = 0;
    entry.awaited = -1;
    entry.enqueuedNanos = now;
    entry.begunNanos = now - 1;
    entry.endedNanos = now - 1;
  }

  /** Notes that every rank has started it. */
  void begun(Operation operation, long now) {
    begun(operation.number(), now);
  }

  /** The same by number. */
  public synchronized void begun(long number, long now) {
    Entry entry = at(number);
    if (entry.number == number) {
      entry.state = RecordedOperation.State.RUNNING;
      entry.begunNanos = now;
    }
  }

  /** Notes how far it has come. */
  synchronized void moved(Operation operation) {
    Entry entry = at(operation.number());
    if (entry.number == operation.number()) {
      entry.stage = operation.stage();
      entry.bytesDone = operation.bytesDone();
      // Before all have started it, those who have done nothing in it are not what it awaits.
      entry.awaited = entry.state == RecordedOperation.State.RUNNING ? operation.awaited() : -1;
    }
  }

  /** Notes that it has ended. */
  void ended(Operation operation, boolean well, long now) {
    ended(operation.number(), well, now);
  }

  /** The same by number. */
  public synchronized void ended(long number, boolean well, long now) {
    Entry entry = at(number);
    if (entry.number == number) {
      entry.state = well ? RecordedOperation.State.DONE : RecordedOperation.State.FAILED;
      entry.endedNanos = now;
    }
  }

  private Entry at(long number) {
    return entries[(int) (number % CAPACITY)];
  }

  /** All that is remembered, the oldest first. */
  public synchronized List<RecordedOperation> snapshot() {
    List<RecordedOperation> all = new ArrayList<>();
    for (long number = Math.max(1, newest - CAPACITY + 1); number <= newest; number++) {
      Entry entry = at(number);
      all.add(
          new RecordedOperation(
              number,
              entry.what.toString(),
              entry.label,
              entry.state,
              entry.stage,
              entry.bytesDone,
              entry.bytes,
              entry.awaited,
              since(originNanos, entry.enqueuedNanos),
              entry.begunNanos < entry.enqueuedNanos
                  ? NOT_YET
                  : since(originNanos, entry.begunNanos),
              entry.endedNanos < entry.enqueuedNanos
                  ? NOT_YET
                  : since(originNanos, entry.endedNanos)));
    }
    return all;
  }

  private static Duration since(long origin, long nanos) {
    return Duration.ofNanos(nanos - origin);
  }

  /** A table of what happened around the oldest operation that did not end well. */
  public String table() {
    List<RecordedOperation> all = snapshot();
    int failed = 0;
    while (failed < all.size() && all.get(failed).state() == RecordedOperation.State.DONE) {
      failed++;
    }
    int from = Math.max(0, Math.min(failed - BEFORE, all.size() - TABLE_LINES));
    int to = Math.min(all.size(), from + TABLE_LINES);
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "%8s  %-8s  %10s  %10s  %10s  %5s  %12s  %12s  %7s  %-16s  %s",
            "number",
            "state",
            "enqueued",
            "begun",
            "ended ms",
            "step",
            "bytes done",
            "of",
            "awaits",
            "for",
            "what"));
    all.subList(from, to).forEach(each -> text.append('\n').append(line(each)));
    if (to < all.size()) {
      text.append("\nand ").append(all.size() - to).append(" more, started later");
    }
    return text.toString();
  }

  private static String line(RecordedOperation each) {
    return String.format(
        Locale.ROOT,
        "%8d  %-8s  %10s  %10s  %10s  %5d  %12d  %12d  %7s  %-16s  %s",
        each.number(),
        each.state().name().toLowerCase(Locale.ROOT),
        millis(each.enqueued()),
        millis(each.begun()),
        millis(each.ended()),
        each.stage(),
        each.bytesDone(),
        each.bytes(),
        each.awaited() < 0 ? "-" : "rank " + each.awaited(),
        each.label().isEmpty() ? "-" : each.label(),
        each.what());
  }

  private static String millis(Duration time) {
    return time.equals(NOT_YET)
        ? "-"
        : String.format(Locale.ROOT, "%.1f", time.toNanos() / 1_000_000.0);
  }
}
