package dev.trireme.coordinator.life;

import java.time.Instant;

/** The clocks. */
public interface Time {
  /** The machine's. */
  Time SYSTEM =
      new Time() {
        @Override
        public long nanos() {
          return System.nanoTime();
        }

        @Override
        public Instant now() {
          return Instant.now();
        }
      };

  /** A monotonic clock, for deadlines: only differences mean something. */
  long nanos();

  /** The time of day, for people. */
  Instant now();
}
