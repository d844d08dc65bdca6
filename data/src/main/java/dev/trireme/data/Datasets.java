package dev.trireme.data;

import dev.trireme.api.data.DataException;
import dev.trireme.api.data.DataSource;
import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.job.DataSpec;
import dev.trireme.api.job.DatasetSpec;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The way from a job's {@code data} section to its items.
 *
 * <p>Threading: any. Blocking: both methods read files.
 */
public final class Datasets {
  private Datasets() {}

  /**
   * What a job's sets hold.
   *
   * @param training the training set
   * @param evaluation the evaluation set, where the job has one; of the same item shape, and with
   *     no more classes than the training set
   */
  public record Inspection(DatasetInfo training, Optional<DatasetInfo> evaluation) {}

  /**
   * Checks the sets without loading them: files are there and readable, headers are right, lengths
   * are what the headers promise, images and labels belong together, labels are in range, both sets
   * fit each other. Takes a few milliseconds; a gzipped file of several members, or one that is
   * damaged, is read whole. Damage that leaves a gzipped file's length unchanged is found by {@link
   * #open}.
   *
   * @param spec whose relative files lie under its {@code path}
   * @throws DataException for the first fault found; the message begins with the key at fault and
   *     says what was expected, what was found and how to mend it. A retry is safe.
   */
  public static Inspection inspect(DataSpec spec) {
    Checked checked = check(spec);
    return new Inspection(checked.training.info(), checked.evaluation.map(CheckedSet::info));
  }

  /**
   * Checks the sets as {@link #inspect} does and makes them readable. IDX files are decompressed
   * into native memory of their raw size; generated items take no memory.
   *
   * @param spec whose relative files lie under its {@code path}
   * @param seed of the job; with the epoch it decides the order of items
   * @throws DataException as {@link #inspect}, or when a file is damaged inside or memory runs
   *     short; nothing stays allocated. A retry is safe.
   */
  public static DataSource open(DataSpec spec, long seed) {
    Checked checked = check(spec);
    ItemSet training = checked.training.load();
    try {
      return new JobData(spec, seed, training, checked.evaluation.map(CheckedSet::load));
    } catch (RuntimeException | Error e) {
      training.close();
      throw e;
    }
  }

  /**
   * The most items of such a set that one rank can have in a batch; streams refuse larger ones.
   *
   * @return 0 where not even one item fits
   */
  public static long mostInBatch(DatasetInfo info) {
    return BatchSlot.most(info);
  }

  private record Checked(CheckedSet training, Optional<CheckedSet> evaluation) {}

  private static Checked check(DataSpec spec) {
    Path directory = directory(spec.path());
    CheckedSet training = check("data.train", spec.train(), directory);
    Optional<CheckedSet> evaluation = spec.eval().map(eval -> check("data.eval", eval, directory));
    evaluation.ifPresent(eval -> requireFit(training, eval));
    return new Checked(training, evaluation);
  }

  private static CheckedSet check(String key, DatasetSpec spec, Path directory) {
    if (spec instanceof DatasetSpec.Idx idx) {
      return IdxSet.check(key, idx, directory);
    }
    if (spec instanceof DatasetSpec.Ratings ratings) {
      return RatingSet.check(key, ratings, directory);
    }
    if (spec instanceof DatasetSpec.Strokes strokes) {
      return new StrokeDigits(key, strokes);
    }
    throw new IllegalArgumentException("no reader for " + spec);
  }

  private static void requireFit(CheckedSet training, CheckedSet evaluation) {
    DatasetInfo train = training.info();
    DatasetInfo eval = evaluation.info();
    if (!train.itemShape().equals(eval.itemShape())) {
      throw new DataException(
          "data.eval: expected items of "
              + train.itemShape()
              + " as in data.train, found "
              + eval.itemShape()
              + "; name two sets of the same shape");
    }
    if (train.featureType() != eval.featureType()
        || (train.classes() == 0) != (eval.classes() == 0)
        || eval.indices() > train.indices()) {
      throw new DataException(
          "data.eval: expected a set of the same kind as data.train, found "
              + eval
              + " beside "
              + train);
    }
    evaluation.requireLabelsBelow(train.classes());
  }

  private static Path directory(String path) {
    try {
      return Path.of(path);
    } catch (InvalidPathException e) {
      throw new DataException("data.path: '" + path + "' is no path: " + e.getReason(), e);
    }
  }
}
