package dev.trireme.protocol;

import dev.trireme.api.data.Cursor;

/**
 * What steps that follow each other in one epoch were trained on: step {@code firstStep + i} on the
 * items {@code [p, p + batch)} of the epoch's order, {@code p = from.position + i * batch}, and the
 * last of them on what is left of {@code samples}.
 *
 * @param generation in which the steps were computed
 * @param firstStep at least 1
 * @param lastStep at least {@code firstStep}
 * @param from where the first step's items begin
 * @param batch items of each step but the last, which has as many or fewer
 * @param samples items of all steps together
 */
public record SampleRange(
    long generation, long firstStep, long lastStep, Cursor from, int batch, long samples) {
  public SampleRange {
    long steps = lastStep - firstStep + 1;
    if (firstStep < 1
        || steps < 1
        || batch < 1
        || steps > Long.MAX_VALUE / batch
        || samples > Long.MAX_VALUE - from.position()
        || samples <= (steps - 1) * batch
        || samples > steps * batch) {
      throw new IllegalArgumentException(
          "no range of samples: steps "
              + firstStep
              + " to "
              + lastStep
              + " on "
              + samples
              + " items in batches of "
              + batch);
    }
  }

  /** One past the last item, in the epoch's order. */
  public long end() {
    return from.position() + samples;
  }

  /** Items that the steps up to {@code step}, which is one of these, were trained on. */
  private long samplesUpTo(long step) {
    return step == lastStep ? samples : (step - firstStep + 1) * batch;
  }

  /** Its steps up to {@code step}, which is one of them. */
  public SampleRange upTo(long step) {
    return new SampleRange(generation, firstStep, step, from, batch, samplesUpTo(step));
  }

  /** Its steps from {@code step} on, which is one of them. */
  public SampleRange startingAt(long step) {
    if (step == firstStep) {
      return this;
    }
    long before = samplesUpTo(step - 1);
    return new SampleRange(
        generation,
        step,
        lastStep,
        new Cursor(from.epoch(), from.position() + before),
        batch,
        samples - before);
  }
}
