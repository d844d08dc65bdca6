package dev.trireme.api.job;

import java.util.List;
import java.util.Optional;

/**
 * What a job is trained on.
 *
 * @param train the training set
 * @param eval the evaluation set; no evaluation without it
 * @param path the directory under which every relative file of this section lies
 * @param batchSize items in a global batch, over all ranks
 * @param evalBatchSize items a rank evaluates at once
 * @param prefetch batches read ahead
 * @param normalize shifts and scales features
 */
public record DataSpec(
    @Key("The training set.") DatasetSpec train,
    @Key("The evaluation set; without it nothing is evaluated.") Optional<DatasetSpec> eval,
    @Key(value = "The directory under which relative files lie.", defaultValue = ".") String path,
    @Key(value = "Items in a global batch, over all ranks together.", min = 1, max = 1 << 24)
        int batchSize,
    @Key(value = "Items a rank evaluates at once.", defaultValue = "500", min = 1, max = 1 << 20)
        int evalBatchSize,
    @Key(value = "Batches read ahead.", defaultValue = "2", min = 1, max = 64) int prefetch,
    @Key("Features become (x - mean) / std, after bytes became 0..1.")
        Optional<NormalizeSpec> normalize) {

  /**
   * (x - mean) / std.
   *
   * @param mean of the features
   * @param std of the features, above 0
   */
  public record NormalizeSpec(
      @Key("The mean that is taken off.") double mean,
      @Key(value = "What it is then divided by.", min = 0, exclusiveMin = true) double std) {
    public NormalizeSpec {
      if (!Double.isFinite(mean)) {
        throw new SpecException("mean", "expected a finite number, found " + mean);
      }
      if (!(std > 0 && std < Double.POSITIVE_INFINITY)) {
        throw new SpecException("std", "expected a finite number above 0, found " + std);
      }
    }
  }

  /** The files of the data sets, for those who must check or ship them. */
  public List<String> files() {
    return java.util.stream.Stream.concat(
            train.files().stream(), eval.stream().flatMap(e -> e.files().stream()))
        .toList();
  }
}
