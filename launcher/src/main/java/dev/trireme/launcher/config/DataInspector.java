package dev.trireme.launcher.config;

import dev.trireme.api.data.DataException;
import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.job.DataSpec;
import java.util.Optional;

/** Looks at a job's data without loading it. */
@FunctionalInterface
public interface DataInspector {
  /**
   * Checks that the sets are what they claim to be.
   *
   * @throws DataException for the first fault, whose message begins with the key at fault, as
   *     {@code data.train.images: ...}
   */
  Sets inspect(DataSpec spec);

  /**
   * What a job's sets hold.
   *
   * @param training the training set
   * @param evaluation the evaluation set, where the job has one
   */
  record Sets(DatasetInfo training, Optional<DatasetInfo> evaluation) {}
}
