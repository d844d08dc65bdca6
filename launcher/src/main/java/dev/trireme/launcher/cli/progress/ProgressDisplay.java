package dev.trireme.launcher.cli.progress;

import dev.trireme.launcher.cli.PrintableStream;
import java.io.PrintStream;
import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * Writes progress as it comes. On a terminal the last line is rewritten in place; elsewhere a line
 * is written for the first step, the last one, and one every {@value #PLAIN_SECONDS} seconds.
 *
 * <p>Threading: any; calls are serialised. Blocking: only on the stream. Close it before anything
 * else writes to the stream, or write through {@link #message}.
 */
public final class ProgressDisplay implements AutoCloseable {
  private static final int PLAIN_SECONDS = 5;
  private static final double NANOS = 1e9;

  /** To the first column, and everything from there on erased (ECMA-48, EL). */
  private static final String REWRITE = "\r\u001b[K";

  private final PrintStream stream;
  private final boolean terminal;
  private final int columns;
  private final LongSupplier nanoTime;

  private Optional<RunPlan> plan = Optional.empty();
  private Optional<Mark> first = Optional.empty();
  private Optional<Long> lastPlainAt = Optional.empty();
  private String shown = "";
  private boolean headerWritten;

  /** When a step was shown. */
  private record Mark(long step, long at) {}

  /**
   * @param terminal whether lines may be rewritten
   * @param columns of the terminal
   * @param nanoTime a monotonic clock, as {@code System::nanoTime}
   */
  public ProgressDisplay(PrintStream stream, boolean terminal, int columns, LongSupplier nanoTime) {
    this.stream = stream;
    this.terminal = terminal;
    this.columns = columns;
    this.nanoTime = nanoTime;
  }

  /** Training begins, or begins again after a failure. */
  public synchronized void started(RunPlan next) {
    plan = Optional.of(next);
    first = Optional.empty();
  }

  /** A step has been committed. Nothing is shown before {@link #started}. */
  public synchronized void step(StepView view) {
    if (plan.isEmpty()) {
      return;
    }
    long now = nanoTime.getAsLong();
    double left = secondsLeft(view.step(), now);
    if (terminal) {
      // One column stays free: a terminal that wraps at its edge would keep the line for good.
      show(ProgressText.line(plan.get(), view, left, columns - 1));
    } else if (plainIsDue(view.step(), now)) {
      stream.println(ProgressText.line(plan.get(), view, left));
      lastPlainAt = Optional.of(now);
    }
  }

  /** An epoch has ended: a row of the table, with the table's head before the first. */
  public synchronized void epoch(EpochRow row) {
    if (!headerWritten) {
      write(ProgressText.epochHeader());
      headerWritten = true;
    }
    write(ProgressText.epoch(row));
  }

  /** Writes a line of other text above the progress line. */
  public synchronized void message(String line) {
    write(PrintableStream.clean(line));
  }

  /** Takes the progress line away. */
  @Override
  public synchronized void close() {
    show("");
  }

  /** By the pace since the first step that was shown, for that one is slower than all others. */
  private double secondsLeft(long step, long now) {
    Mark from = first.orElseGet(() -> new Mark(step, now));
    first = Optional.of(from);
    double perStep = (now - from.at()) / NANOS / (step - from.step());
    return step == from.step() ? Double.NaN : perStep * (plan.orElseThrow().totalSteps() - step);
  }

  private boolean plainIsDue(long step, long now) {
    boolean last = step == plan.orElseThrow().totalSteps();
    return last || lastPlainAt.map(at -> now - at >= PLAIN_SECONDS * NANOS).orElse(true);
  }

  private void write(String line) {
    String again = shown;
    show("");
    stream.println(line);
    show(again);
  }

  private void show(String line) {
    if (terminal && !(line.isEmpty() && shown.isEmpty())) {
      stream.print(REWRITE + line);
      stream.flush();
    }
    shown = terminal ? line : "";
  }
}
