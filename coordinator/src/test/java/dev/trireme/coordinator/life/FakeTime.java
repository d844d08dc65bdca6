package dev.trireme.coordinator.life;

import java.time.Duration;
import java.time.Instant;

/** Clocks that go when they are told to. */
public final class FakeTime implements Time {
  private Duration since = Duration.ZERO;

  /** Lets time pass. */
  public void pass(Duration duration) {
    since = since.plus(duration);
  }

  @Override
  public long nanos() {
    // Near the overflow of the clock, which deadlines must bear.
    return Long.MAX_VALUE - 5 + since.toNanos();
  }

  @Override
  public Instant now() {
    return Instant.ofEpochMilli(1_800_000_000_000L).plus(since);
  }
}
