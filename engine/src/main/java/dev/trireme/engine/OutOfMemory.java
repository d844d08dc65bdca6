package dev.trireme.engine;

import dev.trireme.api.data.Batch;
import dev.trireme.api.engine.EngineException;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Says what to change where memory was not enough. */
final class OutOfMemory {
  /** c10::OutOfMemoryError of the allocator for CUDA. */
  private static final Pattern DEVICE =
      Pattern.compile(
          "CUDA out of memory\\. Tried to allocate ([0-9.]+ \\S+?)\\.(?:\\s.*?total capacity of"
              + " ([0-9.]+ \\S+) of which ([0-9.]+ \\S+) is free)?",
          Pattern.DOTALL);

  /** The allocator for the CPU. */
  private static final Pattern HOST = Pattern.compile("you tried to allocate (\\d+) bytes");

  private OutOfMemory() {}

  /**
   * That {@code what} failed, with what was asked for, what is free, and what would fit where
   * memory was the reason.
   */
  static EngineException explained(String what, RuntimeException failure, Batch batch) {
    return shortage(failure)
        .map(
            shortage ->
                new EngineException(
                    what
                        + " of "
                        + batch.size()
                        + " of a batch's "
                        + batch.globalSize()
                        + " items: "
                        + shortage
                        + "; "
                        + advice(batch)
                        + " ("
                        + Failures.brief(failure)
                        + ")",
                    failure))
        .orElseGet(() -> Failures.at(what, failure));
  }

  /** The same where the size of a batch has no part in it. */
  static EngineException explained(String what, RuntimeException failure) {
    return shortage(failure)
        .map(
            shortage ->
                new EngineException(
                    what
                        + ": "
                        + shortage
                        + "; it keeps memory of its own for each weight, sgd without momentum the"
                        + " least; use a smaller model or smaller batches ("
                        + Failures.brief(failure)
                        + ")",
                    failure))
        .orElseGet(() -> Failures.at(what, failure));
  }

  /** What was asked for and what is left, where a lack of memory is behind this failure. */
  static Optional<String> shortage(Throwable failure) {
    for (Throwable e = failure; e != null; e = e.getCause()) {
      String message = String.valueOf(e.getMessage());
      Matcher device = DEVICE.matcher(message);
      if (device.find()) {
        String free =
            device.group(3) == null
                ? ""
                : ", of its " + device.group(2) + " there are " + device.group(3) + " free";
        return Optional.of(
            "the device is out of memory: " + device.group(1) + " were asked for" + free);
      }
      Matcher host = HOST.matcher(message);
      if (host.find()) {
        return Optional.of(
            "the host is out of memory: "
                + (Long.parseLong(host.group(1)) >> 20)
                + " MiB were asked for");
      }
    }
    return Optional.empty();
  }

  private static String advice(Batch batch) {
    if (batch.size() <= 1) {
      return "not even one item fits; use a smaller model, or train.precision: bf16";
    }
    return "half as many may fit: set train.microBatch: "
        + batch.size() / 2
        + ", or lower data.batchSize, or use more ranks, or train.precision: bf16";
  }
}
